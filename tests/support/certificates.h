/* Certificates: an authority and what it signs, made on the spot.
 *
 * Threads: none shared. */
#ifndef TESTS_SUPPORT_CERTIFICATES_H
#define TESTS_SUPPORT_CERTIFICATES_H

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

/* As a tool for certificates does it: what `from` holds is now in `to`, whole, under the old name.
 */
void certificate_file_replace(const struct temp_dir *folder, const char *from, const char *to);

void certificate_clear(struct certificate *certificate);

#endif
