/* Whole file: all the bytes of a file that somebody wrote for us, within a bound.
 *
 * Threads: any. */
#ifndef COMMON_WHOLE_FILE_H
#define COMMON_WHOLE_FILE_H

#include "common/buffer.h"
#include "common/error.h"

#include <stddef.h>
#include <stdio.h>

/* Appends it to `to`. The bound keeps a device or a mistaken name from filling the memory: more
 * than `most_mib` mebibytes are an error, as is what cannot be read; it begins with the path. */
bool whole_file_load(const char *path, size_t most_mib, struct buffer *to, struct error *err);

/* The same of what is open already; errors call it `name`. */
bool whole_file_load_stream(FILE *file, const char *name, size_t most_mib, struct buffer *to,
                            struct error *err);

#endif
