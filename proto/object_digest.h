/* Object digest: how control and proxies know that they hold the same bytes.
 *
 * Threads: any. */
#ifndef PROTO_OBJECT_DIGEST_H
#define PROTO_OBJECT_DIGEST_H

#include "common/slice.h"
#include "proto/messages.h"

#include <stdint.h>

/* The digest of one object; a set's digest is their sum modulo 2^64, so it can be kept up to date
 * by adding and subtracting. Part of the feed's protocol, and stored in databases and local
 * copies: never changes. The id of a route counts as its name: routes had no other once. */
uint64_t object_digest(Pointsman__V1__ObjectKind kind, struct slice name, struct slice bytes);

#endif
