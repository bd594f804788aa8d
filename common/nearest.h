/* Nearest: "did you mean ...?" for a mistyped name.
 *
 *   struct nearest nearest = {.typed = "lisen"};
 *   for each name: nearest_consider(&nearest, name);
 *   if (nearest.name != NULL) ...
 *
 * Threads: none shared. */
#ifndef COMMON_NEAREST_H
#define COMMON_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *typed;
    const char *name; /* the best so far; NULL while nothing is close enough to be meant */
    size_t distance;
};

/* Keeps `name` when it is close to what was typed and closer than those before. Borrowed. */
void nearest_consider(struct nearest *nearest, const char *name);

#endif
