/* Byte stream: a socket's bytes, clear or secured, for clients and endpoints alike.
 *
 * OpenSSL reads and writes the socket itself, one record at a time, so memory stays bounded as on a
 * clear connection (libh2o's own reads double their buffer). Calls look like recv and sendmsg: what
 * cannot go on now is EAGAIN, and the socket is waited for as ever. `ssl` NULL is a clear one.
 *
 * Threads: a connection belongs to one. */
#ifndef PROXY_HTTP_BYTE_STREAM_H
#define PROXY_HTTP_BYTE_STREAM_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <openssl/ssl.h>

/* What a read must have room for, so that nothing stays behind in OpenSSL that the socket does not
 * tell of. */
enum { TLS_RECORD_BYTES = 16 * 1024 };

enum tls_step {
    TLS_DONE,
    TLS_WANTS_READ,
    TLS_WANTS_WRITE,
    TLS_FAILED, /* see tls_reason */
};

/* Goes on with the handshake. */
enum tls_step tls_handshake(SSL *ssl);

/* Why the handshake failed. Borrowed from OpenSSL for good. */
const char *tls_reason(const SSL *ssl);

/* The first thing OpenSSL complained about in this thread, or `otherwise`; forgets the rest. */
const char *tls_take_reason(const char *otherwise);

/* What byte_stream_receive and byte_stream_send are with TLS. */
ssize_t tls_receive(SSL *ssl, char *at, size_t length);
ssize_t tls_send(SSL *ssl, const struct iovec *vector, int count);

/* The least a read must have room for. */
static inline size_t byte_stream_least_read(const SSL *ssl)
{
    return ssl == NULL ? 1 : (size_t)TLS_RECORD_BYTES;
}

/* As recv: 0 when the peer has said that it is done, -1 with errno otherwise. An end that was not
 * announced, as TLS wants it (RFC 8446 6.1), is ECONNRESET. */
static inline ssize_t byte_stream_receive(int fd, SSL *ssl, char *at, size_t length)
{
    if (ssl != NULL)
        return tls_receive(ssl, at, length);
    ssize_t received;
    do
        received = recv(fd, at, length, 0);
    while (received < 0 && errno == EINTR);
    return received;
}

/* As sendmsg. After EAGAIN the next call must begin with the same bytes. With TLS no more than a
 * record is sent: less than everything does not mean that the socket is full, and the rest has to
 * follow at once, as the kernel may wait for it. */
ssize_t byte_stream_send(int fd, SSL *ssl, const struct iovec *vector, int count);

/* We send no more. With TLS that takes an alert: false when the socket had no room for it; then it
 * is to be called again when the socket is writable. What is received afterwards is not for us. */
bool byte_stream_finish_sending(int fd, SSL *ssl);

/* Before the socket is closed: `is_open` says goodbye. Harmless on NULL. */
void byte_stream_free(SSL *ssl, bool is_open);

#endif
