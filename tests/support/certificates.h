/* Certificates: an authority, what it signs and what it revokes, made on the spot.
 *
 * Threads: none shared. */
#ifndef TESTS_SUPPORT_CERTIFICATES_H
#define TESTS_SUPPORT_CERTIFICATES_H

#include <openssl/evp.h>
#include <openssl/x509.h>

struct temp_dir;

/* Paths of PEM files. */
struct certificate {
    char *certificate;
    char *key;
};

/* An authority that signs itself. */
struct certificate certificate_make_authority(const struct temp_dir *folder, const char *name);

/* Signed by the authority, for "DNS:a.internal" or "IP:127.0.0.1", as subjectAltName has it. */
struct certificate certificate_make(const struct temp_dir *folder, const char *name,
                                    const char *alternative_name,
                                    const struct certificate *authority);

/* An authority that another one has signed. */
struct certificate certificate_make_intermediate(const struct temp_dir *folder, const char *name,
                                                 const struct certificate *authority);

/* Who answers for the authority what has become of its certificates. */
struct certificate certificate_make_responder(const struct temp_dir *folder, const char *name,
                                              const struct certificate *authority);

/* A file with all that is in those, in this order, of which the last is NULL. Returns its path;
 * caller frees. */
char *certificate_file_join(const struct temp_dir *folder, const char *name, ...)
    __attribute__((sentinel));

/* Of a file. Caller frees. */
X509 *certificate_read(const char *path);
EVP_PKEY *certificate_read_key(const char *path);

/* What an authority has revoked, as a list in PEM. Seconds are from now. Returns its path; caller
 * frees. */
struct revocations {
    const struct certificate *authority;  /* whose name the list bears */
    const struct certificate *signer;     /* NULL: the authority itself */
    const struct certificate *revoked[4]; /* up to the first NULL */
    int begins_s;                         /* 0: it has */
    int ends_s;                           /* 0: in a day; see NEVER_ENDS */
};
enum { NEVER_ENDS = 1 << 30 };
char *certificate_make_crl(const struct temp_dir *folder, const char *name,
                           const struct revocations *revocations);

/* As a tool for certificates does it: what `from` holds is now in `to`, whole, under the old name.
 */
void certificate_file_replace(const struct temp_dir *folder, const char *from, const char *to);

void certificate_clear(struct certificate *certificate);

#endif
