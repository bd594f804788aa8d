/* Identity: who this proxy is for control, over restarts and now.
 *
 * Threads: any; immutable. */
#ifndef PROXY_IDENTITY_H
#define PROXY_IDENTITY_H

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { IDENTITY_ID_BYTES = 128, IDENTITY_BOOT_BYTES = 33 };

struct identity {
    char id[IDENTITY_ID_BYTES];        /* stable over restarts */
    char boot_id[IDENTITY_BOOT_BYTES]; /* random, new with each start */
    uint64_t started_wall_ms;
};

/* `id` when it is given; else what stands in the file beside `local_copy` (made once, from the
 * host's name and a random number); without a local copy, one for this start alone. */
bool identity_init(struct identity *identity, const char *id, const char *local_copy,
                   struct error *err);

/* 1 to 127 characters of A-Z a-z 0-9 . _ - */
bool identity_is_valid(const char *id);

#endif
