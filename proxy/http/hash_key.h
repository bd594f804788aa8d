/* Hash key: what ConsistentHash goes by, taken from a request.
 *
 * The same in every proxy and after every start, so that a client stays with its endpoint.
 *
 * Threads: any. */
#ifndef PROXY_HTTP_HASH_KEY_H
#define PROXY_HTTP_HASH_KEY_H

#include "common/slice.h"
#include "proxy/routing/request_head.h"

#include <stdbool.h>
#include <stdint.h>

struct backend;

/* Of the header (the first of its name), the cookie or the client's address that `backend` hashes
 * on. False when the request has none: then any endpoint is as good as another. */
bool hash_key_of(const struct backend *backend, const struct request_head *head,
                 struct slice client_address, uint64_t *key);

#endif
