/* Session token: what a client shows to come back to the endpoint that answered it.
 *
 * It holds which endpoint that was and when the session began, so nobody has to remember anything:
 * every worker, every proxy of one control, and each of them after a restart reads it alike. The
 * endpoint is sealed and the whole is signed with a key that comes from the epoch of control's
 * database: it shows no address, and no client can change it or make one of its own. Who can read
 * the epoch, in logs or on /status, could: choose among the endpoints of a rule, and stay beyond
 * the session's timeout, no more. A database that is restored has a new epoch, and tokens made
 * before mean nothing to it.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_SESSION_TOKEN_H
#define PROXY_ROUTING_SESSION_TOKEN_H

#include "common/hash.h"
#include "common/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct session_key {
    struct hash_key seal;
    struct hash_key signature;
};

struct session_key session_key_of(const char *epoch);

struct session_token {
    uint64_t endpoint; /* see backend_session_id */
    uint64_t began_ms; /* since 1970 */
};

enum { SESSION_TOKEN_LENGTH = 32 };

/* Letters, digits, '-' and '_'. Not terminated. */
void session_token_write(const struct session_token *token, const struct session_key *key,
                         char to[static SESSION_TOKEN_LENGTH]);

/* False for anything that was not written with this key. */
bool session_token_read(struct slice text, const struct session_key *key,
                        struct session_token *token);

#endif
