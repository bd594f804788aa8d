/* Certificate files: the pairs of certificate and key that a listener's options name, with what is
 * stapled to them, folders looked into, and whether anything of that has changed on disk.
 *
 * Threads: none shared. */
#ifndef PROXY_HTTP_CERTIFICATE_FILES_H
#define PROXY_HTTP_CERTIFICATE_FILES_H

#include "common/error.h"
#include "proxy/http/listener_spec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct certificate_files {
    struct certificate_file *items; /* the files that were named, then those of folders */
    size_t count;
};

/* At least one pair, or an error. */
bool certificate_files_find(const struct tls_files *tls, struct certificate_files *found,
                            struct error *err);
void certificate_files_clear(struct certificate_files *found);

/* Differs when a file was written, replaced, added or removed, as far as size, time and number of
 * the file tell. */
uint64_t certificate_files_state(const struct tls_files *tls);

/* The same of one more file, behind what `state` tells of others; 0 at the beginning. NULL: none.
 */
uint64_t certificate_file_state(uint64_t state, const char *path);

#endif
