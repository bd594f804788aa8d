/* Client authorities: who signs the certificates of one listener's clients, and what they have
 * revoked, as it was on disk at one moment.
 *
 * With client-crl, every certificate between the client's own and its authority is looked up in the
 * list of whoever signed it (RFC 5280 section 6.3), the client's as well as those of intermediate
 * authorities, as nginx does with ssl_crl and HAProxy with crl-file. So there has to be a list of
 * each authority that signs. A certificate whose issuer has none, or one that has ended
 * (nextUpdate), has not begun or is not signed by it, is refused: what is not known to be good is
 * not. Authorities that client-ca names are looked up like others, as far as their own issuer is
 * named, too: the last one is believed, be it a root or an intermediate one.
 *
 * OpenSSL verifies the lists of a chain anew in every whole handshake, which takes some two
 * milliseconds for each megabyte of them; going on with a session does not.
 *
 * Who is let in once stays until its connection ends. A session goes on only where the authorities
 * and lists are those that it began with, and while none of the lists has ended; otherwise the
 * client has to show its certificate again.
 *
 * Threads: any, once loaded. */
#ifndef PROXY_HTTP_CLIENT_AUTHORITIES_H
#define PROXY_HTTP_CLIENT_AUTHORITIES_H

#include "common/error.h"
#include "proxy/http/listener_spec.h"
#include "proxy/http/revocation_lists.h"

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

struct client_authorities;

/* `identity` tells listeners apart. Where clients are asked for no certificate there is nothing to
 * load, but no session of one listener goes on at another either. NULL on error, which names the
 * option and the file. */
struct client_authorities *client_authorities_load(const struct tls_files *tls,
                                                   const char *identity, struct error *err);
/* Harmless on NULL. */
void client_authorities_free(struct client_authorities *authorities);

/* Clients of that context are verified by them, and it must not be asked to when they are gone.
 * False when there is no memory. */
bool client_authorities_use(struct client_authorities *authorities, SSL_CTX *context);

/* Borrowed. */
const struct revocation_lists *
client_authorities_lists(const struct client_authorities *authorities);

/* False once any of the lists has ended. */
bool client_authorities_are_current(const struct client_authorities *authorities, int64_t now_s);

#endif
