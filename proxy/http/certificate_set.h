/* Certificate set: all that one listener serves TLS with, as it was on disk at one moment.
 *
 * Immutable: a reload makes another, or nothing at all when any of its files is wrong. A host finds
 * its certificate by exact name, then by the wildcard over its first label (RFC 6125 section
 * 6.4.3); of two for the same name the first one is served, except that an RSA certificate and one
 * with an elliptic curve for the same names are both, as the client can use them. A client that
 * names no host, or one that is in no certificate, gets the first of all.
 *
 * Threads: any. */
#ifndef PROXY_HTTP_CERTIFICATE_SET_H
#define PROXY_HTTP_CERTIFICATE_SET_H

#include "common/error.h"
#include "common/slice.h"
#include "proxy/http/listener_spec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

struct certificate_set;
struct client_authorities;

/* Of one certificate, for people. */
struct certificate_facts {
    char *file;
    char *name;          /* the first it is for; "" when it is for none */
    int64_t not_after_s; /* since 1970 */
    char *ocsp_file;     /* what is stapled to it; NULL: nothing shall be */
    int64_t ocsp_end_s;  /* until when; 0: nothing is */
    char *
        ocsp_problem; /* with the file, which then is not what is stapled; NULL: nothing is wrong */
};

/* Of every context, before anything is loaded into it. */
struct certificate_preparation {
    bool (*prepare)(SSL_CTX *context, void *argument);
    void *argument;
};

/* `identity` tells listeners apart: no session of one can go on with another, nor after the
 * authorities of clients or their lists have changed. What was stapled to a certificate of
 * `previous` (NULL: there is none), which the set is to replace, stays while it holds, where the
 * file turns out wrong; unless that says of the certificate that it is not good. NULL on error,
 * which names the option and the file. Caller releases. */
struct certificate_set *certificate_set_load(const struct tls_files *tls, const char *identity,
                                             const struct certificate_preparation *preparation,
                                             const struct certificate_set *previous,
                                             struct error *err);
void certificate_set_hold(struct certificate_set *set);
/* Clears *set. Harmless on NULL. */
void certificate_set_release(struct certificate_set **set);

/* Of the first certificate, which connections begin with. Borrowed. */
SSL_CTX *certificate_set_default(const struct certificate_set *set);

/* For the host a client has named, or NULL: the first one. Borrowed. */
SSL_CTX *certificate_set_find(const struct certificate_set *set, struct slice host);

size_t certificate_set_count(const struct certificate_set *set);
const struct certificate_facts *certificate_set_facts(const struct certificate_set *set,
                                                      size_t index);

/* What clients are verified by. Borrowed. */
const struct client_authorities *certificate_set_authorities(const struct certificate_set *set);

/* Logs each certificate, stapled response and list of revoked ones that has ended since `after_s`,
 * and by `now_s`, both since 1970. */
void certificate_set_log_ended(const struct certificate_set *set, int64_t after_s, int64_t now_s);

#endif
