/* Spares: memory of one size that many need, each for a moment.
 *
 * What was given back last is lent first, so that it is still in the CPU's cache, however many
 * there are who may need it. As many are kept as a busy worker uses at once; those that nobody has
 * needed since the last trim go back to the system with the next.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_SPARES_H
#define PROXY_HTTP_SPARES_H

#include "common/sanitizers.h"

#include <stdbool.h>
#include <stddef.h>

/* More than this goes back at once: after a burst it would be memory that is only held. */
enum { SPARES_KEPT_BYTES = 1024 * 1024 };

/* Under AddressSanitizer small ones are not kept, so that it sees who uses what was given back. Of
 * large ones it would hold hundreds of megabytes back for that. */
static inline bool spares_are_kept(size_t bytes)
{
    return !IS_ADDRESS_SANITIZED || bytes > 1024;
}

struct spares {
    size_t bytes; /* of each, room for a pointer at least */
    struct spare *first;
    size_t count;
    size_t least; /* since the last trim */
};

void spares_init(struct spares *spares, size_t bytes);
/* Those that are lent stay with their borrowers. */
void spares_clear(struct spares *spares);

/* With whatever it held last. Caller gives it back, or frees it. */
void *spares_take(struct spares *spares);

/* Takes the memory. Harmless on NULL. */
void spares_give(struct spares *spares, void *memory);

/* From time to time. Returns whether some are left. */
bool spares_trim(struct spares *spares);

#endif
