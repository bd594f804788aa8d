/* TLS socket: where the records of a connection come from, and where they go.
 *
 * With OpenSSL's own each record is received in two calls, and leaves as soon as it is made. Here
 * the caller may receive many at once, and those that follow each other leave together.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_TLS_SOCKET_H
#define PROXY_HTTP_TLS_SOCKET_H

#include "common/slice.h"

#include <stdbool.h>

#include <openssl/ssl.h>

/* Instead of SSL_set_fd. `fd` stays the caller's. False when there is no memory. */
bool tls_socket_attach(SSL *ssl, int fd);

/* What the caller has received: `records`, whole or not, is read in place of the socket and moves
 * on with it, until NULL is offered. Of a record that is not whole OpenSSL keeps the part. */
void tls_socket_offer(SSL *ssl, struct slice *records);

/* Whether another record follows at once: the kernel waits for it with those that are sent. */
void tls_socket_set_more(SSL *ssl, bool has_more);

#endif
