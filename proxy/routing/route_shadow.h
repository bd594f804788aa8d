/* Route shadow: whether a match can never win, because another always wins over it.
 *
 * One request that the loser takes and the winner does not is enough to keep it alive; so a winner
 * stands under the same hostname, goes before it, and asks nothing that the loser does not ask.
 * As whoever asks more goes first, it asks just the same, unless its kind of path goes first: a
 * regular expression that every path matches shadows the prefixes. What is said is certain; not
 * everything that is so is found.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_ROUTE_SHADOW_H
#define PROXY_ROUTING_ROUTE_SHADOW_H

#include "proxy/routing/route_match.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether `winner` takes every request that `loser` would take, where both stand under one
 * hostname. */
bool route_match_shadows(const struct route_match *winner, const struct route_match *loser);

/* --- finding winners among many ------------------------------------------------------------- */

enum { SHADOW_KEYS_MAX = 3 };

/* The keys to file a match under, and those under which what shadows a match is filed, in each of
 * its hostnames ("": every host). Each returns how many. They differ from process to process. */
size_t shadow_keys_to_file(const struct route_match *match, struct slice hostname,
                           uint64_t keys[SHADOW_KEYS_MAX]);
size_t shadow_keys_to_ask(const struct route_match *match, struct slice hostname,
                          uint64_t keys[SHADOW_KEYS_MAX]);

#endif
