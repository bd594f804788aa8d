/* Request field: one value of a request that something goes by, from a header or a cookie.
 *
 * Cookies are those of RFC 6265 section 4.2.1; HTTP/2 may send each in a field of its own (RFC 9113
 * section 8.2.3), and so may anyone.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_REQUEST_FIELD_H
#define PROXY_ROUTING_REQUEST_FIELD_H

#include "common/slice.h"
#include "proxy/routing/request_head.h"

#include <stdbool.h>

/* The value of the first of the name; case does not count. False: there is none. */
bool request_field_find(const struct request_head *head, struct slice name, struct slice *value);

/* The same for a cookie, where case counts. */
bool request_field_find_cookie(const struct request_head *head, struct slice name,
                               struct slice *value);

#endif
