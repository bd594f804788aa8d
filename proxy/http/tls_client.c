#include "proxy/http/tls_client.h"

#include "common/buffer.h"
#include "common/log.h"
#include "common/mutex.h"
#include "proxy/http/byte_stream.h"
#include "proxy/http/certificate_files.h"
#include "proxy/http/tls_socket.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

struct tls_context {
    struct mutex mutex;
    /* guarded by mutex */
    SSL_CTX *ssl;        /* NULL: not usable; a connection holds the one it was made with */
    const char *problem; /* then: why; OpenSSL's for good */

    /* whoever reloads */
    uint64_t loaded_state; /* of the file, see certificate_file_state */
    uint64_t seen_state;
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

/* A number of its own, by which sessions are told apart. */
static bool number(SSL_CTX *ssl)
{
    static _Atomic uint64_t loads;
    uint64_t load = atomic_fetch_add(&loads, 1) + 1;
    SSL_CTX_set_app_data(ssl, (void *)(uintptr_t)load);
    return SSL_CTX_set_session_id_context(ssl, (const unsigned char *)&load, sizeof(load)) == 1;
}

/* NULL, and why. */
static SSL_CTX *load(const struct endpoint_tls *tls, const char **problem)
{
    ERR_clear_error();
    SSL_CTX *ssl = SSL_CTX_new(TLS_client_method());
    if (ssl == NULL || !load_authorities(ssl, tls) || !number(ssl)) {
        *problem = tls_take_reason("cannot be set up");
        SSL_CTX_free(ssl);
        return NULL;
    }
    SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    /* Whoever has a connection keeps its session; see conn_pool.h. */
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(ssl, on_session);
    SSL_CTX_set_verify(ssl, tls->skip_verification ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    return ssl;
}

static uint64_t file_state(const struct endpoint_tls *tls)
{
    return certificate_file_state(0, tls->ca_file);
}

static void *make_context(const struct endpoint_tls *tls)
{
    struct tls_context *context = memory_allocate_zeroed(1, sizeof(*context));
    mutex_init(&context->mutex);
    context->loaded_state = context->seen_state = file_state(tls);
    const char *problem = NULL;
    SSL_CTX *ssl = load(tls, &problem);
    mutex_lock(&context->mutex);
    context->ssl = ssl;
    context->problem = problem;
    mutex_unlock(&context->mutex);
    if (ssl == NULL)
        log_warn("endpoint_tls_unusable", "ca_file=%s reason=\"%s\"", tls->ca_file, problem);
    return context;
}

static void free_context(void *context)
{
    struct tls_context *ours = context;
    if (ours == NULL)
        return;
    SSL_CTX_free(ours->ssl);
    mutex_clear(&ours->mutex);
    free(ours);
}

const struct tls_maker tls_client_maker = {.make = make_context, .free = free_context};

const char *tls_client_problem(const struct endpoint_tls *tls)
{
    struct tls_context *context = tls->context;
    if (context == NULL)
        return "cannot be set up";
    mutex_lock(&context->mutex);
    const char *problem = context->problem;
    mutex_unlock(&context->mutex);
    return problem == NULL ? "cannot be set up" : problem;
}

/* --- authorities that change ----------------------------------------------------------------- */

bool tls_client_wants_reload(const struct endpoint_tls *tls)
{
    struct tls_context *context = tls->context;
    if (context == NULL || !endpoint_tls_has_file(tls))
        return false;
    uint64_t state = file_state(tls);
    bool is_settled = state == context->seen_state;
    context->seen_state = state;
    return is_settled && state != context->loaded_state;
}

bool tls_client_reload(const struct endpoint_tls *tls, struct error *err)
{
    struct tls_context *context = tls->context;
    if (context == NULL || tls->skip_verification)
        return true;
    const char *problem = NULL;
    context->loaded_state = file_state(tls);
    SSL_CTX *fresh = load(tls, &problem);
    if (fresh == NULL)
        return error_set(err, ERROR_INVALID, "ca_file=%s: %s", tls->ca_file, problem);
    mutex_lock(&context->mutex);
    SSL_CTX *old = context->ssl;
    context->ssl = fresh;
    context->problem = NULL;
    mutex_unlock(&context->mutex);
    SSL_CTX_free(old);
    return true;
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

/* A connection holds what it is made with. NULL: none can be made. */
static SSL *new_connection(struct tls_context *context)
{
    mutex_lock(&context->mutex);
    SSL *ssl = context->ssl == NULL ? NULL : SSL_new(context->ssl);
    mutex_unlock(&context->mutex);
    return ssl;
}

/* A session that goes on is not verified again: other authorities might not believe it. */
static bool was_verified_so(const SSL_SESSION *session, const SSL *ssl)
{
    uint64_t number = (uint64_t)(uintptr_t)SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    unsigned length;
    const unsigned char *name = SSL_SESSION_get0_id_context(session, &length);
    return length == sizeof(number) && memcmp(name, &number, sizeof(number)) == 0;
}

SSL *tls_client_new(const struct endpoint *endpoint, int fd, SSL_SESSION *session)
{
    if (endpoint->tls->context == NULL)
        return NULL;
    ERR_clear_error();
    SSL *ssl = new_connection(endpoint->tls->context);
    if (ssl == NULL || !tls_socket_attach(ssl, fd) || !expect_name(ssl, endpoint) ||
        !offer_protocol(ssl, endpoint->protocol)) {
        SSL_free(ssl);
        ERR_clear_error();
        return NULL;
    }
    if (session != NULL && was_verified_so(session, ssl))
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
