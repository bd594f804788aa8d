/* TLS client: secured connections to endpoints; their bytes go through byte_stream.h.
 *
 * Threads: contexts any; a connection belongs to one. */
#ifndef PROXY_HTTP_TLS_CLIENT_H
#define PROXY_HTTP_TLS_CLIENT_H

#include "common/error.h"
#include "proxy/upstream/endpoint.h"
#include "proxy/upstream/endpoint_tls.h"

#include <stdbool.h>

#include <openssl/ssl.h>

/* For tls_registry_set_maker. */
extern const struct tls_maker tls_client_maker;

/* A connection on `fd`, which stays the caller's. `session` (or NULL) is resumed when the endpoint
 * agrees. NULL when the settings cannot be used; see tls_client_problem. */
SSL *tls_client_new(const struct endpoint *endpoint, int fd, SSL_SESSION *session);

/* Why no connection can be made with these settings. */
const char *tls_client_problem(const struct endpoint_tls *tls);

/* Whether the file of authorities differs from the one that was read last, and has not changed
 * since the call before this one. Always from one thread. */
bool tls_client_wants_reload(const struct endpoint_tls *tls);

/* Reads the authorities again: connections that are opened from now on are verified by them, and
 * resume no session that others have verified. On error all stays as it is, and the file is not
 * wanted again before it changes. Connections that are open go on. The same thread. */
bool tls_client_reload(const struct endpoint_tls *tls, struct error *err);

/* Gets each session that can be resumed later, and its reference. Outlives the connection. */
struct tls_session_keeper {
    void (*keep)(void *context, SSL_SESSION *session);
    void *context;
};
void tls_client_on_session(SSL *ssl, struct tls_session_keeper *keeper);

/* After the handshake, with an endpoint that is said to speak HTTP/2: whether it has agreed to (RFC
 * 9113 section 3.2). One that speaks HTTP/1 need not say so. */
bool tls_client_has_http2(const SSL *ssl);

#endif
