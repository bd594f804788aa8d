/* Reading a local copy: checks everything before anything of it is used.
 *
 * The base can be read in blocks by several threads; the journal's reader takes one.
 *
 * Threads: any. */
#ifndef PROXY_LOCAL_COPY_READ_H
#define PROXY_LOCAL_COPY_READ_H

#include "proxy/local_copy.h"
#include "proxy/shared_names.h"

#include <stddef.h>

/* One object; `deleted` only in journals. `bytes` are borrowed as long as the file is, the name
 * until the visitor returns. */
typedef object_change_fn local_copy_visit_fn;

/* --- the files ------------------------------------------------------------------------------ */

/* Mapped into memory; a journal that is not there is empty. */
struct local_copy_files {
    struct slice base;
    struct slice journal;
};

/* ERROR_NOT_FOUND when there is no base. */
bool local_copy_open(struct local_copy_files *files, const char *path, struct error *err);
void local_copy_close(struct local_copy_files *files);

/* --- the base ------------------------------------------------------------------------------- */

/* A part of it, not yet checked. */
struct local_copy_block {
    struct slice records;
    uint64_t checksum;
};

/* Each takes something off the front of `base`. The first: the header. On an error
 * (ERROR_CORRUPT; ERROR_UNSUPPORTED: another version's format) nothing that was visited before may
 * be used. */
bool local_copy_take_header(struct slice *base, struct local_copy_info *info, struct error *err);
/* `*is_end`: that was the last, and instead of a block there was the count of objects. */
bool local_copy_take_block(struct slice *base, struct local_copy_block *block, bool *is_end,
                           uint64_t *object_count, struct error *err);
/* Checks a block and visits its objects. */
bool local_copy_parse_block(const struct local_copy_block *block, local_copy_visit_fn *visit,
                            void *context, uint64_t *object_count, struct error *err);

/* All of it, in one thread. For tests; copy_loader.h uses several. */
bool local_copy_parse(struct slice base, struct local_copy_info *info, local_copy_visit_fn *visit,
                      void *context, struct error *err);

/* --- the journal ---------------------------------------------------------------------------- */

/* Visits what leads on from `info`, which the base gave, and brings `info` up to where that leads.
 * A journal of another base, as a crash may leave it, leads nowhere. */
bool local_copy_parse_journal(struct slice journal, struct local_copy_info *info,
                              local_copy_visit_fn *visit, void *context, struct error *err);

#endif
