/* Application protocols: the names a Backend says with what its endpoints speak.
 *
 * They are those of a Kubernetes Service's appProtocol (KEP-3726 and the IANA service names) and
 * the ones people write instead. What an endpoint speaks is said, never found out: so all of its
 * connections are alike, and a limit of them means the same on each.
 *
 * Threads: any. */
#ifndef PROXY_UPSTREAM_APP_PROTOCOL_H
#define PROXY_UPSTREAM_APP_PROTOCOL_H

#include "proto/messages.h"
#include "proxy/upstream/endpoint.h"

#include <stdint.h>

enum app_protocol_security {
    SECURITY_AS_CONFIGURED, /* TLS when the backend's `tls` is enabled */
    SECURITY_NEVER,         /* in clear: does not go together with `tls` */
    SECURITY_ALWAYS,
};

struct app_protocol {
    const char *name; /* "": nothing is said */
    enum endpoint_protocol protocol;
    enum app_protocol_security security;
};

/* NULL when the name is none of them. */
const struct app_protocol *app_protocol_find(const char *name);

/* All names, for a sentence. */
extern const char app_protocol_names[];

/* What endpoints speak through the port that a backendRef names (0: none): what the port says,
 * else what the backend says. Unknown names count as nothing said. */
const struct app_protocol *app_protocol_of(const BackendMessage *backend, uint32_t ref_port);

#endif
