/* TLS probe: a client of TLS that asks for exactly what it is told to, and says what it got.
 *
 * Threads: one owns a probe. */
#ifndef TESTS_SUPPORT_TLS_PROBE_H
#define TESTS_SUPPORT_TLS_PROBE_H

#include "tests/support/certificates.h"

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

/* Everything has a default. Borrowed until connected. */
struct tls_probe_options {
    const char *server_name; /* SNI; NULL: none */
    const char *protocols;   /* ALPN, each behind its length: "\x02h2"; NULL: none */
    int version;             /* TLS1_2_VERSION, and no other; 0: any, even those long broken */
    const char *ciphers;     /* of TLS 1.2; NULL: any */
    const struct certificate *certificate; /* our own; NULL: none */
    SSL_SESSION *session;                  /* to resume; NULL: none */
    const char *before;                    /* clear bytes in front of the handshake; NULL: none */
};

struct tls_probe;

/* To 127.0.0.1:`port`, as far as the handshake goes. NULL `options`: no wishes. */
struct tls_probe *tls_probe_connect(int port, const struct tls_probe_options *options);
/* Harmless on NULL. */
void tls_probe_close(struct tls_probe *probe);

/* Why the handshake failed, or what broke the connection since; NULL: nothing has. */
const char *tls_probe_failure(const struct tls_probe *probe);

/* The common name of the server's certificate, "" without one. Borrowed. */
const char *tls_probe_subject(struct tls_probe *probe);
/* What ALPN settled, "" for nothing. Borrowed. */
const char *tls_probe_protocol(struct tls_probe *probe);
bool tls_probe_is_resumed(const struct tls_probe *probe);
/* The newest session the server has given. Caller frees; NULL: none yet. */
SSL_SESSION *tls_probe_session(const struct tls_probe *probe);
/* For anything else. */
SSL *tls_probe_ssl(struct tls_probe *probe);

bool tls_probe_send(struct tls_probe *probe, const char *text);
bool tls_probe_send_bytes(struct tls_probe *probe, const char *bytes, size_t length);
/* Reads until `text` has come, and forgets everything up to its end. False when something else came
 * of it: the end, an alert, or nothing in ten seconds. */
bool tls_probe_expect(struct tls_probe *probe, const char *text);
/* GET / of `host` on this connection: whether that was answered with 200, and the body has `text`
 * (NULL: anything). The next one may follow. */
bool tls_probe_get(struct tls_probe *probe, const char *host, const char *text);
/* Says that it sends no more, as TLS has it; still receives. */
void tls_probe_finish_sending(struct tls_probe *probe);
/* True when the server ends the connection, and has said so as TLS wants it. */
bool tls_probe_is_ended(struct tls_probe *probe);

#endif
