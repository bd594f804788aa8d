/* Certificate fields: names and times in certificates and in what authorities say of them, as
 * people read them.
 *
 * Threads: any. */
#ifndef PROXY_HTTP_CERTIFICATE_FIELDS_H
#define PROXY_HTTP_CERTIFICATE_FIELDS_H

#include "common/arena.h"
#include "common/slice.h"

#include <stdint.h>

#include <openssl/x509v3.h>

/* As RFC 4514 writes it, in printable ASCII: controls and what is not ASCII are escaped. Caller
 * frees; NULL when it cannot be written. */
char *certificate_fields_name(const X509_NAME *name);

/* The first name of this kind, GEN_URI or GEN_DNS, in its subjectAltName; empty: there is none. */
struct slice certificate_fields_alternative(const X509 *certificate, int kind, struct arena *arena);

/* Seconds since 1970; 0 when it is none or none that can be. */
int64_t certificate_fields_time(const ASN1_TIME *time);

#endif
