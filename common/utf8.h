/* UTF-8: whether bytes are it (RFC 3629 section 3).
 *
 * Threads: any. */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include "common/slice.h"

#include <stdbool.h>
#include <stddef.h>

/* How many bytes the character at the front has, of `left`, which is not 0. 0: none stands there,
 * or its end is cut off; overlong forms, surrogates and what is beyond U+10FFFF are none. */
size_t utf8_character_length(const char *at, size_t left);

bool utf8_is_valid(struct slice text);

#endif
