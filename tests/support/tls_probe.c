#include "tests/support/tls_probe.h"

#include "common/buffer.h"
#include "tests/support/check.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509.h>

enum { PATIENCE_SECONDS = 10, READ_BYTES = 16 * 1024 };

struct tls_probe {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
    SSL_SESSION *session;
    struct buffer received;
    char subject[256];
    char protocol[256];
    char failure[256];
};

static void note_failure(struct tls_probe *probe)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    snprintf(probe->failure, sizeof(probe->failure), "%s", reason == NULL ? "ended" : reason);
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_probe *probe = SSL_get_app_data(ssl);
    SSL_SESSION_free(probe->session);
    probe->session = session;
    return 1;
}

static int connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0, "no socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "port %d refuses", port);
    return fd;
}

/* Level 0 lets us ask for what nobody should agree to. */
static SSL_CTX *make_context(const struct tls_probe_options *options)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    CHECK(context != NULL, "no context");
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, options->version == 0 ? TLS1_VERSION : options->version);
    SSL_CTX_set_max_proto_version(context, options->version);
    CHECK(options->ciphers == NULL || SSL_CTX_set_cipher_list(context, options->ciphers) == 1,
          "no cipher %s", options->ciphers);
    const struct certificate *own = options->certificate;
    CHECK(own == NULL || (SSL_CTX_use_certificate_chain_file(context, own->certificate) == 1 &&
                          SSL_CTX_use_PrivateKey_file(context, own->key, SSL_FILETYPE_PEM) == 1),
          "our certificate cannot be used");
    if (options->protocols != NULL)
        SSL_CTX_set_alpn_protos(context, (const unsigned char *)options->protocols,
                                (unsigned)strlen(options->protocols));
    SSL_CTX_set_session_cache_mode(context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(context, on_session);
    return context;
}

struct tls_probe *tls_probe_connect(int port, const struct tls_probe_options *options)
{
    static const struct tls_probe_options no_wishes;
    if (options == NULL)
        options = &no_wishes;
    struct tls_probe *probe = memory_allocate_zeroed(1, sizeof(*probe));
    probe->fd = connect_to(port);
    probe->context = make_context(options);
    probe->ssl = SSL_new(probe->context);
    SSL_set_app_data(probe->ssl, probe);
    SSL_set_fd(probe->ssl, probe->fd);
    if (options->server_name != NULL)
        SSL_set_tlsext_host_name(probe->ssl, options->server_name);
    if (options->session != NULL)
        SSL_set_session(probe->ssl, options->session);
    if (options->before != NULL)
        CHECK(send(probe->fd, options->before, strlen(options->before), MSG_NOSIGNAL) > 0,
              "cannot send");
    ERR_clear_error();
    if (SSL_connect(probe->ssl) != 1)
        note_failure(probe);
    return probe;
}

void tls_probe_close(struct tls_probe *probe)
{
    if (probe == NULL)
        return;
    SSL_free(probe->ssl);
    SSL_CTX_free(probe->context);
    SSL_SESSION_free(probe->session);
    ERR_clear_error();
    close(probe->fd);
    buffer_clear(&probe->received);
    free(probe);
}

const char *tls_probe_failure(const struct tls_probe *probe)
{
    return probe->failure[0] == '\0' ? NULL : probe->failure;
}

const char *tls_probe_subject(struct tls_probe *probe)
{
    const X509 *certificate = SSL_get0_peer_certificate(probe->ssl);
    probe->subject[0] = '\0';
    if (certificate != NULL)
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                  probe->subject, sizeof(probe->subject));
    return probe->subject;
}

const char *tls_probe_protocol(struct tls_probe *probe)
{
    const unsigned char *protocol;
    unsigned length;
    SSL_get0_alpn_selected(probe->ssl, &protocol, &length);
    snprintf(probe->protocol, sizeof(probe->protocol), "%.*s", (int)length,
             length == 0 ? "" : (const char *)protocol);
    return probe->protocol;
}

bool tls_probe_is_resumed(const struct tls_probe *probe)
{
    return SSL_session_reused(probe->ssl) == 1;
}

SSL_SESSION *tls_probe_session(const struct tls_probe *probe)
{
    if (probe->session != NULL)
        SSL_SESSION_up_ref(probe->session);
    return probe->session;
}

SSL *tls_probe_ssl(struct tls_probe *probe)
{
    return probe->ssl;
}

bool tls_probe_send_bytes(struct tls_probe *probe, const char *bytes, size_t length)
{
    ERR_clear_error();
    if (SSL_write(probe->ssl, bytes, (int)length) == (int)length)
        return true;
    note_failure(probe);
    return false;
}

bool tls_probe_send(struct tls_probe *probe, const char *text)
{
    return tls_probe_send_bytes(probe, text, strlen(text));
}

static bool receive(struct tls_probe *probe)
{
    ERR_clear_error();
    int length = SSL_read(probe->ssl, buffer_reserve(&probe->received, READ_BYTES), READ_BYTES);
    if (length > 0) {
        buffer_extend(&probe->received, (size_t)length);
        return true;
    }
    if (SSL_get_error(probe->ssl, length) != SSL_ERROR_ZERO_RETURN)
        note_failure(probe);
    return false;
}

bool tls_probe_expect(struct tls_probe *probe, const char *text)
{
    for (;;) {
        const char *at = buffer_string(&probe->received);
        const char *found = strstr(at, text);
        if (found != NULL) {
            buffer_consume(&probe->received, (size_t)(found - at) + strlen(text));
            return true;
        }
        if (!receive(probe))
            return false;
    }
}

/* Whatever is behind it in the body is forgotten before the next one is sent. */
bool tls_probe_get(struct tls_probe *probe, const char *host, const char *text)
{
    struct buffer request = BUFFER_EMPTY;
    buffer_printf(&request, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host);
    buffer_reset(&probe->received);
    bool is_answered = tls_probe_send(probe, buffer_string(&request)) &&
                       tls_probe_expect(probe, "HTTP/1.1 200 OK\r\n") &&
                       tls_probe_expect(probe, "\r\n\r\n") &&
                       (text == NULL || tls_probe_expect(probe, text));
    buffer_clear(&request);
    return is_answered;
}

void tls_probe_finish_sending(struct tls_probe *probe)
{
    SSL_shutdown(probe->ssl);
}

bool tls_probe_is_ended(struct tls_probe *probe)
{
    while (receive(probe))
        buffer_reset(&probe->received);
    return (SSL_get_shutdown(probe->ssl) & SSL_RECEIVED_SHUTDOWN) != 0 && probe->failure[0] == '\0';
}
