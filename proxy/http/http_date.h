/* HTTP date: the time as a Date field says it, written anew once a second.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_HTTP_DATE_H
#define PROXY_HTTP_HTTP_DATE_H

#include "common/slice.h"

#include <stdint.h>

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7). */
enum { HTTP_DATE_LENGTH = 29 };

/* Embedded in its worker; all zero at first. */
struct http_date {
    uint64_t due_us; /* on clock_now_us: from then on `text` is too old */
    char text[HTTP_DATE_LENGTH];
};

/* The date at `now_us`, the present moment on clock_now_us: looks at the wall clock only when the
 * second that it last saw there is over. Borrowed from `date`; the bytes stay there and may later
 * say another second. */
struct slice http_date_now(struct http_date *date, uint64_t now_us);

#endif
