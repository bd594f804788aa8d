/* Escape: bytes from a test as text that people can read.
 *
 * Threads: none shared. */
#ifndef TESTS_SUPPORT_ESCAPE_H
#define TESTS_SUPPORT_ESCAPE_H

#include "common/buffer.h"

#include <stddef.h>

/* Appends `bytes`, what does not print as \xNN, and terminates. */
void escape_bytes(struct buffer *to, const char *bytes, size_t length);

#endif
