/* Endpoint index: where an endpoint of a backend is, by the hash of its name.
 *
 * Requests with a session look there. A few endpoints are looked through faster than any index, so
 * only a backend of many has one. Immutable.
 *
 * Threads: any. */
#ifndef PROXY_UPSTREAM_ENDPOINT_INDEX_H
#define PROXY_UPSTREAM_ENDPOINT_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct backend_endpoint;
struct endpoint_index;

/* NULL where none is needed. Free with free. */
struct endpoint_index *endpoint_index_new(const struct backend_endpoint *endpoints, size_t count);

/* The first of `count` endpoints whose name has this hash; NULL: there is none. `index` is what was
 * made of them. */
const struct backend_endpoint *endpoint_index_find(const struct endpoint_index *index,
                                                   const struct backend_endpoint *endpoints,
                                                   size_t count, uint64_t name_hash);

#endif
