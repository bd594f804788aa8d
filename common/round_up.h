/* Rounding up: sizes of what comes in whole units.
 *
 * Threads: any. */
#ifndef COMMON_ROUND_UP_H
#define COMMON_ROUND_UP_H

#include <stddef.h>

/* How many units hold that much. */
static inline size_t divide_up(size_t amount, size_t unit)
{
    return (amount + unit - 1) / unit;
}

/* The smallest multiple of the unit that is not less. */
static inline size_t round_up(size_t amount, size_t unit)
{
    return divide_up(amount, unit) * unit;
}

#endif
