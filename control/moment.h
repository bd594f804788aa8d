/* Moment: which revision a request means that names one, or a time, or neither.
 *
 * Threads: main. */
#ifndef CONTROL_MOMENT_H
#define CONTROL_MOMENT_H

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

/* Both 0: the head. Both given is ERROR_INVALID; what cannot be read, ERROR_OUT_OF_RANGE. */
bool moment_resolve(struct store *store, uint64_t at_revision, uint64_t at_wall_ms,
                    uint64_t *revision, struct error *err);

#endif
