/* Decimal: a number as text, for where a format string would cost more than all the rest.
 *
 * Threads: any. */
#ifndef COMMON_DECIMAL_H
#define COMMON_DECIMAL_H

#include "common/slice.h"

#include <stdint.h>

/* The digits of UINT64_MAX. */
enum { DECIMAL_BYTES = 20 };

/* Written to the end of `digits`, which it borrows; not terminated. */
static inline struct slice decimal_write(char digits[DECIMAL_BYTES], uint64_t number)
{
    char *end = digits + DECIMAL_BYTES;
    char *at = end;
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return slice_of(at, (size_t)(end - at));
}

#endif
