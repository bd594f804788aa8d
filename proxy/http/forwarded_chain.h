/* Forwarded chain: who the client is when trusted proxies stand in front of us.
 *
 * X-Forwarded-For is written from left to right, and everyone on the way may have written what
 * stands left of what the first trusted proxy has added. So it is read from the right, as long as
 * those who stand there are trusted themselves.
 *
 * Threads: any; no state. */
#ifndef PROXY_HTTP_FORWARDED_CHAIN_H
#define PROXY_HTTP_FORWARDED_CHAIN_H

#include "common/slice.h"
#include "proxy/http/address_set.h"
#include "proxy/routing/header_list.h"

/* The right-most address that is not trusted, without a port; when all are, the left-most. What is
 * no address ends the search. `peer`, who is trusted, when there is none. Part of the fields. */
struct slice forwarded_chain_client(const struct header_list *fields,
                                    const struct address_set *trusted, struct slice peer);

#endif
