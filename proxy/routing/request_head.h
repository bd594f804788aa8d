/* Request head: what matching sees, already checked and in canonical form.
 *
 * The parser makes it (proxy/http/request_parser.h), routectl's explain makes it from a command
 * line; the matcher and the filters read it.
 *
 * Threads: none shared. */
#ifndef PROXY_ROUTING_REQUEST_HEAD_H
#define PROXY_ROUTING_REQUEST_HEAD_H

#include "common/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct header {
    struct slice name; /* as sent; compared without case (RFC 9110 section 5.1) */
    struct slice value;
};

/* Where the request came in; parentRefs choose by it. */
struct listener_identity {
    struct slice name; /* "default" when none was given */
    uint16_t port;     /* 0 for a Unix socket */
};

struct request_head {
    struct slice method;    /* case-sensitive (RFC 9110 section 9.1) */
    struct slice scheme;    /* "http" or "https" */
    struct slice authority; /* Host or :authority as sent; forwarded unless rewritten */
    struct slice host;      /* the same in lower case, without port and trailing dot */
    struct slice path;      /* canonical; what is matched is what is sent */
    struct slice query;     /* behind the first '?', raw */
    bool has_query;         /* "/a?" has an empty one, "/a" has none */
    /* Where it came to, in place of a host that it does not name ("192.0.2.1", "[2001:db8::1]");
     * empty with a host, and on a Unix socket. */
    struct slice local_host;
    const struct header *headers;
    size_t header_count;
    const struct listener_identity *listener;
};

#endif
