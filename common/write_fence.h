/* Write fence: the folders in which this process may still make, change or remove anything.
 *
 * The kernel's Landlock, where it has it (Linux 5.13 and on). Reading stays as it is, and so does
 * what is open already.
 *
 * Threads: before any other is started; threads inherit it. */
#ifndef COMMON_WRITE_FENCE_H
#define COMMON_WRITE_FENCE_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

enum write_fence_result {
    WRITE_FENCE_UP,
    WRITE_FENCE_UNKNOWN, /* the kernel has none */
    WRITE_FENCE_FAILED,
};

/* `files`: those that may be written; the folder each is in is where. NULL in it is passed over, a
 * folder that is not there, too. For good. Needs PR_SET_NO_NEW_PRIVS. */
enum write_fence_result write_fence_raise(const char *const *files, size_t count,
                                          struct error *err);

#endif
