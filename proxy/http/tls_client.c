#include "proxy/http/tls_client.h"

#include "common/buffer.h"
#include "common/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

struct tls_context {
    SSL_CTX *ssl;        /* NULL: not usable */
    const char *problem; /* then: why; OpenSSL's for good */
};

/* --- contexts -------------------------------------------------------------------------------- */

/* The first thing OpenSSL complained about in this thread; forgets the rest. */
static const char *take_reason(const char *otherwise)
{
    const char *reason = ERR_reason_error_string(ERR_get_error());
    ERR_clear_error();
    return reason == NULL ? otherwise : reason;
}

static bool load_authorities(SSL_CTX *ssl, const struct endpoint_tls *tls)
{
    if (tls->skip_verification)
        return true;
    return (tls->ca_file[0] == '\0' ? SSL_CTX_set_default_verify_paths(ssl)
                                    : SSL_CTX_load_verify_file(ssl, tls->ca_file)) == 1;
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    const struct tls_session_keeper *keeper = SSL_get_app_data(ssl);
    if (keeper == NULL)
        return 0;
    keeper->keep(keeper->context, session);
    return 1; /* the reference is the keeper's */
}

static void *make_context(const struct endpoint_tls *tls)
{
    static const unsigned char http1[] = "\x08http/1.1";
    struct tls_context *context = memory_allocate_zeroed(1, sizeof(*context));
    ERR_clear_error();
    SSL_CTX *ssl = SSL_CTX_new(TLS_client_method());
    if (ssl == NULL || !load_authorities(ssl, tls)) {
        context->problem = take_reason("cannot be set up");
        SSL_CTX_free(ssl);
        log_warn("endpoint_tls_unusable", "ca_file=%s reason=\"%s\"", tls->ca_file,
                 context->problem);
        return context;
    }
    SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    /* Whoever has a connection keeps its session; see conn_pool.h. */
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(ssl, on_session);
    SSL_CTX_set_alpn_protos(ssl, http1, sizeof(http1) - 1);
    SSL_CTX_set_verify(ssl, tls->skip_verification ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    context->ssl = ssl;
    return context;
}

static void free_context(void *context)
{
    struct tls_context *ours = context;
    if (ours == NULL)
        return;
    SSL_CTX_free(ours->ssl);
    free(ours);
}

const struct tls_maker tls_client_maker = {.make = make_context, .free = free_context};

const char *tls_client_problem(const struct endpoint_tls *tls)
{
    const struct tls_context *context = tls->context;
    return context == NULL || context->problem == NULL ? "cannot be set up" : context->problem;
}

/* --- connections ----------------------------------------------------------------------------- */

/* Whom the certificate must be for. */
static bool expect_name(SSL *ssl, const struct endpoint *endpoint)
{
    const char *name = endpoint->tls->server_name;
    if (name[0] != '\0')
        return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1;

    X509_VERIFY_PARAM *expected = SSL_get0_param(ssl);
    const struct endpoint_address *address = &endpoint->address;
    switch (address->any.sa_family) {
    case AF_INET:
        return X509_VERIFY_PARAM_set1_ip(expected, (const unsigned char *)&address->ipv4.sin_addr,
                                         sizeof(address->ipv4.sin_addr)) == 1;
    case AF_INET6:
        return X509_VERIFY_PARAM_set1_ip(expected, (const unsigned char *)&address->ipv6.sin6_addr,
                                         sizeof(address->ipv6.sin6_addr)) == 1;
    default:
        /* backend_validate asks for a name with a Unix socket. */
        return endpoint->tls->skip_verification;
    }
}

SSL *tls_client_new(const struct endpoint *endpoint, int fd, SSL_SESSION *session)
{
    const struct tls_context *context = endpoint->tls->context;
    if (context == NULL || context->ssl == NULL)
        return NULL;
    ERR_clear_error();
    SSL *ssl = SSL_new(context->ssl);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || !expect_name(ssl, endpoint)) {
        SSL_free(ssl);
        ERR_clear_error();
        return NULL;
    }
    if (session != NULL)
        SSL_set_session(ssl, session);
    SSL_set_connect_state(ssl);
    return ssl;
}

void tls_client_on_session(SSL *ssl, struct tls_session_keeper *keeper)
{
    SSL_set_app_data(ssl, keeper);
}

enum tls_step tls_client_handshake(SSL *ssl)
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

const char *tls_client_reason(const SSL *ssl)
{
    long verdict = SSL_get_verify_result(ssl);
    if (verdict == X509_V_OK)
        return take_reason("closed in the handshake");
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

ssize_t tls_client_receive(SSL *ssl, char *at, size_t length)
{
    ERR_clear_error();
    int received = SSL_read(ssl, at, length > INT_MAX ? INT_MAX : (int)length);
    return received > 0 ? received : set_errno(ssl, received);
}

/* What fits in a record goes as one. */
static size_t gather(const struct iovec *vector, int count, char record[TLS_RECORD_BYTES])
{
    size_t length = 0;
    for (int i = 0; i < count && length < TLS_RECORD_BYTES; i++) {
        size_t room = TLS_RECORD_BYTES - length;
        size_t part = vector[i].iov_len < room ? vector[i].iov_len : room;
        memcpy(record + length, vector[i].iov_base, part);
        length += part;
    }
    return length;
}

ssize_t tls_client_send(SSL *ssl, const struct iovec *vector, int count)
{
    char record[TLS_RECORD_BYTES];
    const char *at = record;
    size_t length;
    if (count == 1) {
        at = vector[0].iov_base;
        length = vector[0].iov_len < TLS_RECORD_BYTES ? vector[0].iov_len : TLS_RECORD_BYTES;
    } else {
        length = gather(vector, count, record);
    }
    ERR_clear_error();
    int sent = SSL_write(ssl, at, (int)length);
    if (sent > 0)
        return sent;
    ssize_t result = set_errno(ssl, sent);
    if (result == 0) {
        errno = EPIPE;
        return -1;
    }
    return result;
}
