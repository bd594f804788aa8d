/* Loop mark: what a rule leaves on each request that it forwards, so that one that comes back to it
 * is known.
 *
 * It is a member of CDN-Loop (RFC 8586), "pointsman;rule=0123456789abcdef": a field that is made
 * for this, that intermediaries pass on, and that no service looks at. What others have written
 * there stays. The number is a hash of the route and the place of the rule in it, under a key that
 * all proxies of one control have: each of them knows the marks of the others, and nobody can make
 * one or learn from it what a route is called. Who shows some that are not his has his own request
 * refused.
 *
 * That a request has been at the same control before is no loop: a service, or a gateway between
 * two, may ask others through the proxy with the headers it was asked with, and a rule may lead to
 * another listener. Nor is it one to come to the same rule once more: a gateway behind a rule that
 * takes everything may have its own next question sent there. But as there are only so many rules,
 * every loop comes to one of them again and again, and ends when that has forwarded it
 * LOOP_ROUNDS_MAX times.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_LOOP_MARK_H
#define PROXY_ROUTING_LOOP_MARK_H

#include "common/hash.h"
#include "proxy/routing/header_list.h"

#include <stdbool.h>

struct rule;

#define LOOP_MARK_START "pointsman;rule="

enum {
    LOOP_MARK_LENGTH = sizeof(LOOP_MARK_START) - 1 + 16,
    LOOP_ROUNDS_MAX = 3, /* a mirror that leads back besides makes two of each round's requests */
};

/* The key of the epoch of control's database. */
struct hash_key loop_mark_key_of(const char *epoch);

/* Not terminated. */
void loop_mark_write(const struct rule *rule, const struct hash_key *key,
                     char to[static LOOP_MARK_LENGTH]);

/* Whether the rule of that mark has forwarded a request with these fields LOOP_ROUNDS_MAX times. */
bool loop_mark_is_spent(const struct header_list *fields, const char mark[static LOOP_MARK_LENGTH]);

/* There is room for one more field; the mark is borrowed. */
void loop_mark_add(struct header_list *fields, const char mark[static LOOP_MARK_LENGTH]);

#endif
