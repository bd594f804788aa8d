/* OCSP response: what an authority says of a certificate of ours (RFC 6960), so that clients which
 * ask for it (RFC 6066 section 8) need not ask the authority: it is stapled to the handshake.
 *
 * Whoever writes the file asks the authority; we ask nobody. It has to be whole, say "good" of this
 * very certificate, be signed by its issuer or by whom the issuer has named for it, and say until
 * when it holds (nextUpdate, as RFC 5019 section 4 wants it); outside of these times nothing is
 * stapled. A timer can fetch it like this, and what it puts there is noticed:
 *
 *   openssl ocsp -issuer issuer.pem -cert site.pem -no_nonce -url "$(openssl x509 -in site.pem \
 *       -noout -ocsp_uri)" -respout site.new && mv site.new site.ocsp
 *
 * Threads: any, once it is attached. */
#ifndef PROXY_HTTP_OCSP_RESPONSE_H
#define PROXY_HTTP_OCSP_RESPONSE_H

#include "common/error.h"
#include "common/slice.h"

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

struct ocsp_response;

/* `bytes` are DER; copies. The issuer of `certificate` is looked for in `chain` (NULL: empty). Is
 * NULL when there is anything to object to, but for one that does not hold yet: with ERROR_DENIED
 * when it says of the certificate that it is not good. */
struct ocsp_response *ocsp_response_read(struct slice bytes, X509 *certificate,
                                         STACK_OF(X509) * chain, int64_t now_s, struct error *err);
/* Harmless on NULL. */
void ocsp_response_free(struct ocsp_response *response);

/* Since 1970: it holds from the first until just before the second. */
int64_t ocsp_response_begin_s(const struct ocsp_response *response);
int64_t ocsp_response_end_s(const struct ocsp_response *response);

/* From now on the certificate has it, and frees it. False when there is no memory. */
bool ocsp_response_attach(struct ocsp_response *response, X509 *certificate);

/* What is attached to `certificate`, again, for another copy of that. NULL when there is nothing,
 * or it has ended by `now_s`. */
struct ocsp_response *ocsp_response_copy_of(const X509 *certificate, int64_t now_s);

/* Clients of that context get what is attached to the certificate that they get, while it holds. */
void ocsp_response_offer(SSL_CTX *context);

#endif
