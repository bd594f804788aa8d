#include "proxy/http/tls_server.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "proxy/http/byte_stream.h"
#include "proxy/http/certificate_fields.h"
#include "proxy/http/certificate_files.h"
#include "proxy/http/certificate_set.h"
#include "proxy/http/client_authorities.h"
#include "proxy/http/ocsp_response.h"
#include "proxy/http/ticket_keys.h"
#include "proxy/http/tls_socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

/* Sessions hold what a client has shown, so where clients show certificates they are short. */
enum { VERIFIED_SESSION_SECONDS = 60 * 60, SUBJECT_MAX_BYTES = 4096 };

static const char ciphers[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                              "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                              "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

static const char groups[] = "X25519:P-256:P-384";

/* What we speak, the best first (RFC 7301 section 3.1); client_handshake.c acts on it. Without
 * HTTP/2 its first entry is left out. */
static const unsigned char protocols[] = "\x02h2\x08http/1.1";
enum { HTTP2_ENTRY_BYTES = 3 };

struct tls_server {
    /* immutable */
    const struct listener_spec *spec;
    struct ticket_keys *tickets;

    /* main only */
    uint64_t loaded_state; /* of the files, when they were read last */
    uint64_t seen_state;   /* when they were looked at last */
    int64_t watched_s;     /* until when what has ended was logged */

    struct mutex mutex;
    /* guarded by mutex */
    struct certificate_set *certificates;
    uint64_t reloads;
    uint64_t failures;
    char problem[ERROR_MESSAGE_BYTES];
};

/* --- what OpenSSL asks ----------------------------------------------------------------------- */

/* A session of one host does not go on with another: OpenSSL compares the names. */
static int on_server_name(SSL *ssl, int *alert, void *argument)
{
    (void)alert;
    (void)argument;
    const struct certificate_set *set = SSL_get_app_data(ssl);
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (set == NULL || name == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    SSL_CTX *context = certificate_set_find(set, slice_from_string(name));
    if (context == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    SSL_set_SSL_CTX(ssl, context);
    return SSL_TLSEXT_ERR_OK;
}

/* RFC 7301 section 3.2: a client that offers nothing we speak is told so. */
static int on_protocols(SSL *ssl, const unsigned char **chosen, unsigned char *length,
                        const unsigned char *offered, unsigned offered_length, void *argument)
{
    (void)ssl;
    const struct tls_server *server = argument;
    size_t skipped = server->spec->is_http2_off ? HTTP2_ENTRY_BYTES : 0;
    unsigned char *match;
    if (SSL_select_next_proto(&match, length, protocols + skipped,
                              (unsigned)(sizeof(protocols) - 1 - skipped), offered,
                              offered_length) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = match;
    return SSL_TLSEXT_ERR_OK;
}

/* A ticket says that its client was verified; with lists that have ended nobody can be. */
static bool may_resume(const SSL *ssl)
{
    const struct certificate_set *set = SSL_get_app_data(ssl);
    return set == NULL ||
           client_authorities_are_current(certificate_set_authorities(set), clock_wall_s());
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int seals)
{
    struct tls_server *server = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (!seals && !may_resume(ssl))
        return 0; /* a whole handshake */
    return ticket_keys_use(server->tickets, name, iv, cipher, mac, seals);
}

static bool prepare(SSL_CTX *context, void *argument)
{
    const struct tls_server *server = argument;
    bool asks_clients = server->spec->tls.client_certificate != CLIENT_CERTIFICATE_NONE;
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(context, ciphers) != 1 ||
        SSL_CTX_set1_groups_list(context, groups) != 1 ||
        SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket) != 1)
        return false;
    SSL_CTX_set_app_data(context, argument);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(context, asks_clients ? VERIFIED_SESSION_SECONDS : TICKET_LIFETIME_SECONDS);
    SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
    SSL_CTX_set_alpn_select_cb(context, on_protocols, argument);
    ocsp_response_offer(context);
    return true;
}

/* --- one listener's -------------------------------------------------------------------------- */

static struct certificate_set *load(struct tls_server *server,
                                    const struct certificate_set *previous, struct error *err)
{
    const struct certificate_preparation preparation = {.prepare = prepare, .argument = server};
    server->loaded_state = certificate_files_state(&server->spec->tls);
    server->seen_state = server->loaded_state;
    struct certificate_set *set =
        certificate_set_load(&server->spec->tls, server->spec->text, &preparation, previous, err);
    if (set == NULL)
        return NULL;
    server->watched_s = clock_wall_s();
    certificate_set_log_ended(set, 0, server->watched_s);
    return set;
}

struct tls_server *tls_server_new(const struct listener_spec *spec, struct error *err)
{
    struct tls_server *server = memory_allocate_zeroed(1, sizeof(*server));
    server->spec = spec;
    server->tickets = ticket_keys_new();
    mutex_init(&server->mutex);
    struct certificate_set *certificates = load(server, NULL, err);
    mutex_lock(&server->mutex);
    server->certificates = certificates;
    mutex_unlock(&server->mutex);
    if (certificates != NULL)
        return server;
    tls_server_free(server);
    return NULL;
}

void tls_server_free(struct tls_server *server)
{
    if (server == NULL)
        return;
    mutex_lock(&server->mutex);
    struct certificate_set *certificates = server->certificates;
    mutex_unlock(&server->mutex);
    certificate_set_release(&certificates);
    ticket_keys_free(server->tickets);
    mutex_clear(&server->mutex);
    free(server);
}

static struct certificate_set *hold_certificates(struct tls_server *server)
{
    mutex_lock(&server->mutex);
    struct certificate_set *set = server->certificates;
    certificate_set_hold(set);
    mutex_unlock(&server->mutex);
    return set;
}

/* --- connections ----------------------------------------------------------------------------- */

SSL *tls_server_start(struct tls_server *server, int fd)
{
    struct certificate_set *set = hold_certificates(server);
    ERR_clear_error();
    SSL *ssl = SSL_new(certificate_set_default(set));
    if (ssl == NULL || !tls_socket_attach(ssl, fd)) {
        SSL_free(ssl);
        ERR_clear_error();
        certificate_set_release(&set);
        return NULL;
    }
    SSL_set_app_data(ssl, set);
    SSL_set_accept_state(ssl);
    return ssl;
}

void tls_server_finish(SSL *ssl)
{
    struct certificate_set *set = SSL_get_app_data(ssl);
    SSL_set_app_data(ssl, NULL);
    certificate_set_release(&set);
}

bool tls_server_heard_http(void)
{
    unsigned long code = ERR_peek_error();
    return ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST;
}

/* NULL: it has shown none, or none that was verified. */
static const X509 *client_certificate(const SSL *ssl)
{
    return SSL_get_verify_result(ssl) == X509_V_OK ? SSL_get0_peer_certificate(ssl) : NULL;
}

bool tls_server_client_subject(const SSL *ssl, char **subject)
{
    const X509 *certificate = client_certificate(ssl);
    *subject = NULL;
    if (certificate == NULL)
        return true;
    *subject = certificate_fields_name(X509_get_subject_name(certificate));
    if (*subject != NULL && strlen(*subject) <= SUBJECT_MAX_BYTES)
        return true;
    free(*subject);
    *subject = NULL;
    return false;
}

struct slice tls_server_client_principal(const SSL *ssl, struct arena *arena)
{
    const X509 *certificate = ssl == NULL ? NULL : client_certificate(ssl);
    if (certificate == NULL)
        return SLICE("");
    struct slice name = certificate_fields_alternative(certificate, GEN_URI, arena);
    if (name.length == 0)
        name = certificate_fields_alternative(certificate, GEN_DNS, arena);
    if (name.length > 0)
        return name;

    char *subject = certificate_fields_name(X509_get_subject_name(certificate));
    if (subject != NULL)
        name = slice_of(arena_string(arena, subject, strlen(subject)), strlen(subject));
    free(subject);
    return name;
}

/* --- reloading ------------------------------------------------------------------------------- */

bool tls_server_reload(struct tls_server *server, struct error *err)
{
    struct certificate_set *previous = hold_certificates(server);
    struct certificate_set *fresh = load(server, previous, err);
    certificate_set_release(&previous);
    mutex_lock(&server->mutex);
    if (fresh == NULL) {
        server->failures++;
        snprintf(server->problem, sizeof(server->problem), "%s", err->message);
        mutex_unlock(&server->mutex);
        return false;
    }
    struct certificate_set *old = server->certificates;
    server->certificates = fresh;
    server->reloads++;
    server->problem[0] = '\0';
    mutex_unlock(&server->mutex);
    certificate_set_release(&old);
    return true;
}

bool tls_server_wants_reload(struct tls_server *server)
{
    uint64_t state = certificate_files_state(&server->spec->tls);
    bool is_settled = state == server->seen_state;
    server->seen_state = state;
    return is_settled && state != server->loaded_state;
}

void tls_server_log_ended(struct tls_server *server)
{
    int64_t now = clock_wall_s();
    struct certificate_set *set = hold_certificates(server);
    certificate_set_log_ended(set, server->watched_s, now);
    server->watched_s = now;
    certificate_set_release(&set);
}

void tls_server_status(struct tls_server *server, struct tls_server_status *status)
{
    mutex_lock(&server->mutex);
    status->certificates = server->certificates;
    certificate_set_hold(status->certificates);
    status->reloads = server->reloads;
    status->failures = server->failures;
    memcpy(status->problem, server->problem, sizeof(status->problem));
    mutex_unlock(&server->mutex);
}
