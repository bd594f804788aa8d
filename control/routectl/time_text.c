#include "control/routectl/time_text.h"

#include "common/clock.h"
#include "common/duration.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { MS_PER_SECOND = 1000, MS_PER_DAY = 86400000, MAX_DAY_DIGITS = 5 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* --- RFC 3339 ------------------------------------------------------------------------------- */

/* Exactly `digits` of them at *at, which moves behind them; at most `max`. */
static bool read_number(const char **at, int digits, int max, int *number)
{
    *number = 0;
    for (; digits > 0; digits--, (*at)++) {
        if (!is_digit(**at))
            return false;
        *number = *number * 10 + (**at - '0');
    }
    return *number <= max;
}

/* One of these characters at *at, which moves behind it. */
static bool read_mark(const char **at, const char *marks)
{
    if (**at == '\0' || strchr(marks, **at) == NULL)
        return false;
    (*at)++;
    return true;
}

static bool read_date(const char **at, struct tm *date)
{
    if (!read_number(at, 4, 9999, &date->tm_year) || !read_mark(at, "-") ||
        !read_number(at, 2, 12, &date->tm_mon) || !read_mark(at, "-") ||
        !read_number(at, 2, 31, &date->tm_mday))
        return false;

    /* timegm makes the 3rd of March of the 31st of February: then it was no date. */
    struct tm probe = {
        .tm_year = date->tm_year - 1900, .tm_mon = date->tm_mon - 1, .tm_mday = date->tm_mday};
    date->tm_year = probe.tm_year;
    date->tm_mon = probe.tm_mon;
    timegm(&probe);
    return date->tm_year >= 70 && probe.tm_mon == date->tm_mon && probe.tm_mday == date->tm_mday;
}

static bool read_clock(const char **at, struct tm *date, int *milliseconds)
{
    int weight = 100;
    if (!read_mark(at, "Tt ") || !read_number(at, 2, 23, &date->tm_hour) || !read_mark(at, ":") ||
        !read_number(at, 2, 59, &date->tm_min) || !read_mark(at, ":") ||
        !read_number(at, 2, 60, &date->tm_sec))
        return false;
    *milliseconds = 0;
    if (!read_mark(at, "."))
        return true;
    if (!is_digit(**at))
        return false;
    for (; is_digit(**at); (*at)++, weight /= 10)
        *milliseconds += (**at - '0') * weight;
    return true;
}

static bool read_offset(const char **at, int *seconds)
{
    int sign = **at == '-' ? -1 : 1, hours, minutes;
    *seconds = 0;
    if (read_mark(at, "Zz"))
        return true;
    if (!read_mark(at, "+-") || !read_number(at, 2, 23, &hours) || !read_mark(at, ":") ||
        !read_number(at, 2, 59, &minutes))
        return false;
    *seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool parse_rfc3339(const char *text, uint64_t *time_ms)
{
    struct tm date = {0};
    int milliseconds, offset;
    const char *at = text;
    if (!read_date(&at, &date) || !read_clock(&at, &date, &milliseconds) ||
        !read_offset(&at, &offset) || *at != '\0')
        return false;
    int64_t seconds = (int64_t)timegm(&date) - offset;
    if (seconds < 0)
        return false;
    *time_ms = (uint64_t)seconds * MS_PER_SECOND + (uint64_t)milliseconds;
    return true;
}

/* --- ages ----------------------------------------------------------------------------------- */

/* Whole days, which a duration does not know. */
static bool parse_days(const char *text, uint64_t *age_ms)
{
    uint64_t days = 0;
    size_t digits = 0;
    for (; is_digit(text[digits]) && digits < MAX_DAY_DIGITS; digits++)
        days = days * 10 + (uint64_t)(text[digits] - '0');
    *age_ms = days * MS_PER_DAY;
    return digits > 0 && strcmp(text + digits, "d") == 0;
}

bool time_text_parse(const char *text, uint64_t now_ms, uint64_t *time_ms, struct error *err)
{
    uint64_t age_ms;
    if (parse_rfc3339(text, time_ms))
        return true;
    if (!parse_days(text, &age_ms) && !duration_parse(text, &age_ms, NULL))
        return error_set(err, ERROR_INVALID,
                         "'%s' is neither a time such as 2026-11-23T06:22:37Z nor an age such as "
                         "10m, 1h30m or 2d",
                         text);
    *time_ms = now_ms > age_ms ? now_ms - age_ms : 0;
    return true;
}

/* --- for reading ---------------------------------------------------------------------------- */

void append_time(struct buffer *to, uint64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / MS_PER_SECOND);
    struct tm utc;
    char text[32];
    gmtime_r(&seconds, &utc);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
    buffer_append_string(to, text);
}

void append_span(struct buffer *to, uint64_t span_ms)
{
    static const struct {
        uint64_t milliseconds;
        char unit;
    } units[] = {{MS_PER_DAY, 'd'}, {3600000, 'h'}, {60000, 'm'}, {MS_PER_SECOND, 's'}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (span_ms >= units[i].milliseconds) {
            buffer_printf(to, "%" PRIu64 "%c", span_ms / units[i].milliseconds, units[i].unit);
            return;
        }
    }
    buffer_append_string(to, "0s");
}

void append_age(struct buffer *to, uint64_t since_ms)
{
    uint64_t now_ms = clock_wall_ms();
    append_span(to, now_ms > since_ms ? now_ms - since_ms : 0);
}
