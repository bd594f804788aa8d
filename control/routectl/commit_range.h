/* Commit range: what one or more commits changed, read page by page.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_COMMIT_RANGE_H
#define CONTROL_ROUTECTL_COMMIT_RANGE_H

#include "common/arena.h"
#include "control/routectl/session.h"

struct commit_range {
    struct arena arena; /* the list of what the pages hold */
    ProtobufCMessage **pages;
    size_t page_count;
    Pointsman__V1__DiffResponse diff; /* as one answer */
};

void commit_range_init(struct commit_range *range);
void commit_range_clear(struct commit_range *range);

/* What changed after `from` (0: the empty beginning) up to `to` (0: the head). */
enum exit_code commit_range_read(struct commit_range *range, struct session *session, uint64_t from,
                                 uint64_t to);

#endif
