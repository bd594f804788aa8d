/* Revocation lists: what authorities have revoked (RFC 5280 section 5), from one text in PEM.
 *
 * Whether a list is its authority's is not known here: it is looked at when a certificate is
 * (client_authorities.h).
 *
 * Threads: none shared. */
#ifndef PROXY_HTTP_REVOCATION_LISTS_H
#define PROXY_HTTP_REVOCATION_LISTS_H

#include "common/error.h"
#include "common/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

struct revocation_list {
    X509_CRL *list;
    char *issuer;          /* as RFC 4514 writes it */
    int64_t next_update_s; /* since 1970: from then on nobody is let in by it */
};

struct revocation_lists {
    struct revocation_list *items; /* as the text has them */
    size_t count;
};

/* At least one list, or an error; so is a list without nextUpdate, which RFC 5280 section 5.1.2.5
 * demands. What is in the text besides lists is passed over, as OpenSSL does. */
bool revocation_lists_parse(struct slice text, struct revocation_lists *lists, struct error *err);
void revocation_lists_clear(struct revocation_lists *lists);

/* When the first of them ends; INT64_MAX when there is none. */
int64_t revocation_lists_end_s(const struct revocation_lists *lists);

#endif
