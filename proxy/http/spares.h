/* Spares: memory of one size that many need, each for a moment.
 *
 * What was given back last is lent first, so that it is still in the CPU's cache, however many
 * there are who may need it.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_SPARES_H
#define PROXY_HTTP_SPARES_H

#include <stddef.h>

/* More than these are given to the system. */
enum { SPARES_KEPT = 32 };

struct spares {
    size_t bytes; /* of each */
    void *kept[SPARES_KEPT];
    unsigned count;
};

void spares_init(struct spares *spares, size_t bytes);
/* Those that are lent stay with who has them. */
void spares_clear(struct spares *spares);

/* With whatever it held last. Caller gives it back, or frees it. */
void *spares_take(struct spares *spares);

/* Takes the memory. Harmless on NULL. */
void spares_give(struct spares *spares, void *spare);

#endif
