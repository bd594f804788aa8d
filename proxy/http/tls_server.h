/* TLS server: secured connections of one listener's clients; their bytes go through byte_stream.h.
 *
 * TLS 1.2 and 1.3 with the ciphers of Mozilla's intermediate profile that keep no state and need no
 * parameters; no renegotiation, no compression, no early data, no session cache. Sessions go on by
 * tickets, which only this listener can open (ticket_keys.h).
 *
 * The certificates, and what those of clients are verified by, are one set (certificate_set.h),
 * swapped whole: connections that stand, and handshakes under way, go on with what they began with.
 *
 * Threads: any, except where a function says otherwise. */
#ifndef PROXY_HTTP_TLS_SERVER_H
#define PROXY_HTTP_TLS_SERVER_H

#include "common/arena.h"
#include "common/error.h"
#include "common/slice.h"
#include "proxy/http/listener_spec.h"

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

struct certificate_set;
struct tls_server;

/* Loads everything, or is NULL; see certificate_set_load. `spec` outlives it. */
struct tls_server *tls_server_new(const struct listener_spec *spec, struct error *err);
/* Its connections must be gone. Harmless on NULL. */
void tls_server_free(struct tls_server *server);

/* --- connections ----------------------------------------------------------------------------- */

/* A connection on `fd`, which stays the caller's, about to begin its handshake. NULL when there is
 * no memory for it. */
SSL *tls_server_start(struct tls_server *server, int fd);

/* Its handshake is over, well or not, before the connection goes. Once. */
void tls_server_finish(SSL *ssl);

/* Whether the client has spoken clear HTTP, after the handshake failed and before its reason is
 * asked for. */
bool tls_server_heard_http(void);

/* The subject of the certificate that the client has shown and we have verified, as RFC 4514 writes
 * it, in printable ASCII; NULL when it has shown none. Caller frees. False when it is too long to
 * be told in a header. */
bool tls_server_client_subject(const SSL *ssl, char **subject);

/* Who that certificate says its client is: a URI or a DNS name of its subjectAltName, of the first
 * of which there is one, else its subject. Empty when it has shown none, and on NULL. */
struct slice tls_server_client_principal(const SSL *ssl, struct arena *arena);

/* --- reloading ------------------------------------------------------------------------------- */

/* Reads the files again; connections from now on get what is in them. When anything is wrong, what
 * was there before stays, and tls_server_status tells of it until a reload succeeds. Main only. */
bool tls_server_reload(struct tls_server *server, struct error *err);

/* For calling it every few seconds: true when files have changed since the last reload, whatever
 * became of it, and are the same as in the call before, so that nobody is in the middle of writing
 * them. Main only. */
bool tls_server_wants_reload(struct tls_server *server);

/* As often: logs what has ended since the last time; see certificate_set_log_ended. Main only. */
void tls_server_log_ended(struct tls_server *server);

struct tls_server_status {
    struct certificate_set *certificates; /* held: the caller releases */
    uint64_t reloads;
    uint64_t failures;
    char problem[ERROR_MESSAGE_BYTES]; /* of the last reload; "" when it was well */
};
void tls_server_status(struct tls_server *server, struct tls_server_status *status);

#endif
