#include "proxy/http/http_date.h"

#include "common/clock.h"

#include <string.h>
#include <time.h>

static char *put_text(char *at, const char *text, size_t length)
{
    memcpy(at, text, length);
    return at + length;
}

/* Two digits and what follows them. */
static char *put_pair(char *at, int number, char separator)
{
    at[0] = (char)('0' + number / 10);
    at[1] = (char)('0' + number % 10);
    at[2] = separator;
    return at + 3;
}

/* By hand: strftime would write the names of the locale. */
static void write_date(char *at, uint64_t second)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t since_1970 = (time_t)second;
    struct tm utc;
    gmtime_r(&since_1970, &utc);

    int year = utc.tm_year + 1900;
    at = put_text(at, days + (ptrdiff_t)3 * utc.tm_wday, 3);
    at = put_text(at, ", ", 2);
    at = put_pair(at, utc.tm_mday, ' ');
    at = put_text(at, months + (ptrdiff_t)3 * utc.tm_mon, 3);
    *at++ = ' ';
    put_pair(at, year / 100 % 100, ' ');
    at = put_pair(at + 2, year % 100, ' ');
    at = put_pair(at, utc.tm_hour, ':');
    at = put_pair(at, utc.tm_min, ':');
    at = put_pair(at, utc.tm_sec, ' ');
    put_text(at, "GMT", 3);
}

struct slice http_date_now(struct http_date *date, uint64_t now_us)
{
    if (now_us >= date->due_us) {
        uint64_t wall_ms = clock_wall_ms();
        write_date(date->text, wall_ms / 1000);
        date->due_us = now_us + (1000 - wall_ms % 1000) * 1000;
    }
    return slice_of(date->text, HTTP_DATE_LENGTH);
}
