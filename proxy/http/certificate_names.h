/* Certificate names: the hosts that a certificate is for, in lower case.
 *
 * Those of its subjectAltName, or when that names none, the common name of its subject (RFC 6125
 * section 6.4.4). A wildcard is a whole first label, "*.example.com"; others are left out.
 *
 * Threads: none shared. */
#ifndef PROXY_HTTP_CERTIFICATE_NAMES_H
#define PROXY_HTTP_CERTIFICATE_NAMES_H

#include "common/slice.h"

#include <stdbool.h>
#include <stddef.h>

#include <openssl/x509.h>

/* RFC 1035 section 2.3.4. */
enum { CERTIFICATE_NAME_BYTES = 255 };

struct certificate_name {
    struct slice text; /* of a wildcard, what stands behind "*." */
    bool is_wildcard;
};

struct certificate_names {
    struct certificate_name *items; /* sorted, each once */
    size_t count;
    char *first; /* as the certificate has it; NULL: none */
};

void certificate_names_read(struct certificate_names *names, X509 *certificate);
void certificate_names_clear(struct certificate_names *names);

bool certificate_names_are_equal(const struct certificate_names *a,
                                 const struct certificate_names *b);

/* The first one, "" when there is none. Caller frees. */
char *certificate_names_first(const struct certificate_names *names);

/* Below, at or above zero, as memcmp. */
int certificate_name_compare(const struct certificate_name *a, const struct certificate_name *b);

/* In lower case and without a dot at its end, in `to`; empty when it is too long or no name. */
struct slice certificate_name_lower(struct slice host, char to[CERTIFICATE_NAME_BYTES]);

#endif
