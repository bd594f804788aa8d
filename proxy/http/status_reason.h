/* Status reasons: the words behind a status code in HTTP/1.
 *
 * Threads: any; constant data. */
#ifndef PROXY_HTTP_STATUS_REASON_H
#define PROXY_HTTP_STATUS_REASON_H

#include "common/slice.h"

/* As RFC 9110 section 15 and the IANA registry have them; "" for others. */
struct slice status_reason(unsigned status);

#endif
