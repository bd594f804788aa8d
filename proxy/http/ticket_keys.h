/* Ticket keys: what one listener seals session tickets with (RFC 8446 section 2.2, RFC 5077), so
 * that clients come back without a whole handshake.
 *
 * Each listener makes its own, from nothing but randomness: no other listener, and no process
 * after this one, can open its tickets. A new key takes over every 12 hours, and the one before it
 * still opens; what neither opens costs the client a whole handshake and no more.
 *
 * Threads: any. */
#ifndef PROXY_HTTP_TICKET_KEYS_H
#define PROXY_HTTP_TICKET_KEYS_H

#include <stdint.h>

#include <openssl/ssl.h>

/* How long a ticket is good for; and a key seals as long. */
enum { TICKET_LIFETIME_SECONDS = 12 * 60 * 60 };

struct ticket_keys;

struct ticket_keys *ticket_keys_new(void);
/* Harmless on NULL. */
void ticket_keys_free(struct ticket_keys *keys);

/* As SSL_CTX_set_tlsext_ticket_key_evp_cb wants it: seals, or opens what one of the keys sealed. */
int ticket_keys_use(struct ticket_keys *keys, unsigned char name[16], unsigned char *iv,
                    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seals);

#endif
