/* Filter application: what filters make of a head, without sending anything.
 *
 * The proxy forwards the result, and `routectl explain` shows it. Text that has to be made comes
 * from the caller's arena.
 *
 * Threads: none shared. */
#ifndef PROXY_ROUTING_FILTER_APPLY_H
#define PROXY_ROUTING_FILTER_APPLY_H

#include "common/arena.h"
#include "proxy/routing/filter.h"
#include "proxy/routing/request_head.h"

/* Edits `count` headers; the array has room for edits->count more. Returns how many there are
 * then. The order of those that stay does not change. */
size_t header_edits_apply(const struct header_edits *edits, struct header *headers, size_t count,
                          struct arena *arena);

/* The path that is sent instead of `path`, which the rule's prefix has matched. */
struct slice path_edit_apply(const struct path_edit *edit, struct slice path, struct arena *arena);

/* Changes authority and path. The host stays as it was matched. */
void url_rewrite_apply(const struct url_rewrite *rewrite, struct request_head *head,
                       struct arena *arena);

static inline bool url_rewrite_is_set(const struct url_rewrite *rewrite)
{
    return rewrite->hostname.length > 0 || rewrite->path.kind != PATH_KEPT;
}

/* The value of Location. To a request that names no host (HTTP/1.0) a path says as much, unless
 * scheme or port are to change: then it is the address that the client has connected to (RFC 9112
 * section 3.3), for the path alone would lead back to the same redirect. On a Unix socket there is
 * none, and it stays the path. */
struct slice redirect_location(const struct redirect *redirect, const struct request_head *head,
                               struct arena *arena);

/* Whether this request is one of the share. `random` is any 64 random bits. */
static inline bool mirror_target_wants(const struct mirror_target *target, uint64_t random)
{
    return (uint64_t)(((unsigned __int128)random * target->denominator) >> 64) < target->numerator;
}

#endif
