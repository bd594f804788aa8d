#include "proxy/http/byte_stream.h"

#include "proxy/http/tls_socket.h"

#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

const char *tls_take_reason(const char *otherwise)
{
    const char *reason = ERR_reason_error_string(ERR_get_error());
    ERR_clear_error();
    return reason == NULL ? otherwise : reason;
}

enum tls_step tls_handshake(SSL *ssl)
{
    ERR_clear_error();
    int result = SSL_do_handshake(ssl);
    if (result == 1)
        return TLS_DONE;
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return TLS_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANTS_WRITE;
    default:
        return TLS_FAILED;
    }
}

const char *tls_reason(const SSL *ssl)
{
    long verdict = SSL_get_verify_result(ssl);
    if (verdict == X509_V_OK)
        return tls_take_reason("closed in the handshake");
    ERR_clear_error();
    return X509_verify_cert_error_string(verdict);
}

/* -1 and errno for what SSL_read or SSL_write said. */
static ssize_t set_errno(SSL *ssl, int result)
{
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        ERR_clear_error();
        errno = ECONNRESET;
        return -1;
    }
}

ssize_t tls_receive(SSL *ssl, char *at, size_t length)
{
    ERR_clear_error();
    int received = SSL_read(ssl, at, length > INT_MAX ? INT_MAX : (int)length);
    return received > 0 ? received : set_errno(ssl, received);
}

static size_t total_length(const struct iovec *vector, int count)
{
    size_t length = 0;
    for (int i = 0; i < count; i++)
        length += vector[i].iov_len;
    return length;
}

/* What fits in a record goes as one. */
static void gather(const struct iovec *vector, char *record, size_t length)
{
    for (size_t filled = 0; filled < length; vector++) {
        size_t room = length - filled;
        size_t part = vector->iov_len < room ? vector->iov_len : room;
        memcpy(record + filled, vector->iov_base, part);
        filled += part;
    }
}

ssize_t tls_send(SSL *ssl, const struct iovec *vector, int count)
{
    char record[TLS_RECORD_BYTES];
    const char *at = vector[0].iov_base;
    size_t all = total_length(vector, count);
    size_t length = all < TLS_RECORD_BYTES ? all : TLS_RECORD_BYTES;
    if (length > vector[0].iov_len) {
        gather(vector, record, length);
        at = record;
    }
    ERR_clear_error();
    tls_socket_set_more(ssl, length < all);
    int sent = SSL_write(ssl, at, (int)length);
    tls_socket_set_more(ssl, false);
    if (sent > 0)
        return sent;
    ssize_t result = set_errno(ssl, sent);
    if (result == 0) {
        errno = EPIPE;
        return -1;
    }
    return result;
}

ssize_t byte_stream_send(int fd, SSL *ssl, const struct iovec *vector, int count)
{
    if (ssl != NULL)
        return tls_send(ssl, vector, count);
    ssize_t sent;
    do {
        if (count == 1) {
            sent = send(fd, vector[0].iov_base, vector[0].iov_len, MSG_NOSIGNAL);
        } else {
            struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)vector,
                                     .msg_iovlen = (size_t)count};
            sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        }
    } while (sent < 0 && errno == EINTR);
    return sent;
}

bool byte_stream_finish_sending(int fd, SSL *ssl)
{
    if (ssl == NULL) {
        shutdown(fd, SHUT_WR);
        return true;
    }
    ERR_clear_error();
    int result = SSL_shutdown(ssl);
    bool is_said = result >= 0 || SSL_get_error(ssl, result) != SSL_ERROR_WANT_WRITE;
    ERR_clear_error();
    return is_said;
}

void byte_stream_free(SSL *ssl, bool is_open)
{
    if (ssl == NULL)
        return;
    if (is_open)
        SSL_shutdown(ssl);
    SSL_free(ssl);
    ERR_clear_error();
}
