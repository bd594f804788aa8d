/* TLS client: secured connections to endpoints.
 *
 * OpenSSL reads and writes the socket itself, one record at a time, so memory stays bounded as on a
 * clear connection (libh2o's own reads double their buffer). Calls look like recv and send: what
 * cannot go on now is EAGAIN, and the socket is waited for as ever.
 *
 * Threads: contexts any; a connection belongs to one. */
#ifndef PROXY_HTTP_TLS_CLIENT_H
#define PROXY_HTTP_TLS_CLIENT_H

#include "proxy/upstream/endpoint.h"
#include "proxy/upstream/endpoint_tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <openssl/ssl.h>

/* What a read must have room for: then nothing stays behind that the socket does not tell of. */
enum { TLS_RECORD_BYTES = 16 * 1024 };

/* For tls_registry_set_maker. */
extern const struct tls_maker tls_client_maker;

/* A connection on `fd`, which stays the caller's. `session` (or NULL) is resumed when the endpoint
 * agrees. NULL when the settings cannot be used; see tls_client_problem. */
SSL *tls_client_new(const struct endpoint *endpoint, int fd, SSL_SESSION *session);

/* Why no connection can be made with these settings. */
const char *tls_client_problem(const struct endpoint_tls *tls);

/* Gets each session that can be resumed later: takes the caller's reference. Outlives the
 * connection. */
struct tls_session_keeper {
    void (*keep)(void *context, SSL_SESSION *session);
    void *context;
};
void tls_client_on_session(SSL *ssl, struct tls_session_keeper *keeper);

enum tls_step {
    TLS_DONE,
    TLS_WANTS_READ,
    TLS_WANTS_WRITE,
    TLS_FAILED, /* see tls_client_reason */
};

/* Goes on with the handshake. */
enum tls_step tls_client_handshake(SSL *ssl);

/* Why the handshake failed. Borrowed from OpenSSL for good. */
const char *tls_client_reason(const SSL *ssl);

/* As recv: 0 when the endpoint has said that it is done, -1 with errno otherwise. An end that it
 * has not announced is ECONNRESET. */
ssize_t tls_client_receive(SSL *ssl, char *at, size_t length);

/* As writev. After EAGAIN what is given next begins with the same bytes. */
ssize_t tls_client_send(SSL *ssl, const struct iovec *vector, int count);

#endif
