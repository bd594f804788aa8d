#include "proxy/http/tls_client.h"

#include "common/buffer.h"
#include "common/log.h"
#include "proxy/http/byte_stream.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

struct tls_context {
    SSL_CTX *ssl;        /* NULL: not usable */
    const char *problem; /* then: why; OpenSSL's for good */
};

/* --- contexts -------------------------------------------------------------------------------- */

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
    struct tls_context *context = memory_allocate_zeroed(1, sizeof(*context));
    ERR_clear_error();
    SSL_CTX *ssl = SSL_CTX_new(TLS_client_method());
    if (ssl == NULL || !load_authorities(ssl, tls)) {
        context->problem = tls_take_reason("cannot be set up");
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

/* RFC 7301: the one protocol that the endpoint is said to speak. */
static bool offer_protocol(SSL *ssl, enum endpoint_protocol protocol)
{
    static const unsigned char http1[] = "\x08http/1.1";
    static const unsigned char http2[] = "\x02h2";
    return (protocol == ENDPOINT_HTTP2 ? SSL_set_alpn_protos(ssl, http2, sizeof(http2) - 1)
                                       : SSL_set_alpn_protos(ssl, http1, sizeof(http1) - 1)) == 0;
}

SSL *tls_client_new(const struct endpoint *endpoint, int fd, SSL_SESSION *session)
{
    const struct tls_context *context = endpoint->tls->context;
    if (context == NULL || context->ssl == NULL)
        return NULL;
    ERR_clear_error();
    SSL *ssl = SSL_new(context->ssl);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || !expect_name(ssl, endpoint) ||
        !offer_protocol(ssl, endpoint->protocol)) {
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

bool tls_client_has_http2(const SSL *ssl)
{
    const unsigned char *chosen;
    unsigned length;
    SSL_get0_alpn_selected(ssl, &chosen, &length);
    return length == 2 && memcmp(chosen, "h2", 2) == 0;
}
