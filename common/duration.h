/* Duration: the Gateway API's text form of a span of time (GEP-2257).
 *
 *   250ms  10s  1h30m
 *
 * One to four numbers of at most five digits, each with its unit: h, m, s or ms.
 *
 * Threads: any. */
#ifndef COMMON_DURATION_H
#define COMMON_DURATION_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ERROR_INVALID quotes the text and says what a duration looks like. */
bool duration_parse(const char *text, uint64_t *milliseconds, struct error *err);

enum { DURATION_BYTES = 40 };

/* The shortest text of largest units first that duration_parse takes back: 90000 is "1m30s", 0 is
 * "0s". Returns `to`, which has room for DURATION_BYTES. */
const char *duration_format(uint64_t milliseconds, char *to);

#endif
