#include "common/duration.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_PARTS = 4, MAX_DIGITS = 5 };

/* Largest first for writing; "ms" needs no care when reading because the letters are compared
 * whole. */
static const struct unit {
    const char *name;
    uint64_t milliseconds;
} units[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

enum { UNIT_COUNT = sizeof(units) / sizeof(units[0]) };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* One number and its unit at *at, which moves behind them. */
static bool parse_part(const char **at, uint64_t *milliseconds)
{
    uint64_t number = 0;
    int digits = 0;
    for (; is_digit(**at); (*at)++) {
        if (++digits > MAX_DIGITS)
            return false;
        number = number * 10 + (uint64_t)(**at - '0');
    }
    if (digits == 0)
        return false;

    size_t letters = 0;
    while ((*at)[letters] != '\0' && !is_digit((*at)[letters]))
        letters++;
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (strlen(units[i].name) == letters && strncmp(*at, units[i].name, letters) == 0) {
            *at += letters;
            *milliseconds += number * units[i].milliseconds;
            return true;
        }
    }
    return false;
}

bool duration_parse(const char *text, uint64_t *milliseconds, struct error *err)
{
    uint64_t sum = 0;
    const char *at = text;
    int parts = 0;
    do {
        if (++parts > MAX_PARTS || !parse_part(&at, &sum))
            return error_set(err, ERROR_INVALID,
                             "'%s' is not a duration such as 250ms, 10s or 1h30m", text);
    } while (*at != '\0');

    *milliseconds = sum;
    return true;
}

const char *duration_format(uint64_t milliseconds, char *to)
{
    if (milliseconds == 0) {
        memcpy(to, "0s", sizeof("0s"));
        return to;
    }

    size_t used = 0;
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        uint64_t number = milliseconds / units[i].milliseconds;
        milliseconds %= units[i].milliseconds;
        if (number > 0)
            used += (size_t)snprintf(to + used, DURATION_BYTES - used, "%" PRIu64 "%s", number,
                                     units[i].name);
    }
    return to;
}
