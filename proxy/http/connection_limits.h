/* Connection limits: how many clients there may be, in all and from one address.
 *
 * Asked once for each connection, never for a request.
 *
 * Threads: any. The mutex covers the table of addresses. */
#ifndef PROXY_HTTP_CONNECTION_LIMITS_H
#define PROXY_HTTP_CONNECTION_LIMITS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct connection_limits;

/* For how many clients `file_limit` descriptors are enough, each with a connection to an endpoint,
 * beside `own_files` of the proxy's own. 0: not even for one. */
uint32_t connection_limits_for_files(uint64_t file_limit, uint64_t own_files);

/* Zero: no limit. */
struct connection_limits *connection_limits_new(uint32_t max_total, uint32_t max_per_peer);
/* Everyone must have left. */
void connection_limits_free(struct connection_limits *limits);

/* Whether one more fits into the total, and whether there are more than fit, as far as this moment
 * goes. */
bool connection_limits_has_room(const struct connection_limits *limits);
bool connection_limits_are_exceeded(const struct connection_limits *limits);

/* Who counts as one peer: an IPv4 address, an IPv6 network of 64 bits (one customer has as many
 * addresses in it as they like), everyone on Unix sockets. */
struct peer_key {
    uint64_t words[2];
};

/* Counts in the total alone: a trusted proxy, or a peer that has yet to say who it is. */
#define PEER_KEY_NOBODY ((struct peer_key){{AF_UNSPEC, 0}})

struct peer_key peer_key_of(const struct sockaddr *address);

/* A connection counts from here until it leaves, as nobody at first. Entered before it is accepted,
 * so that none is closed for the total once it was. False when there is no place. */
bool connection_limits_enter(struct connection_limits *limits);
/* Takes a place beyond the total; another connection is to be closed for it. */
void connection_limits_enter_beyond(struct connection_limits *limits);

/* What has entered as nobody counts as `peer` from now on. False when that has too many: then it
 * still counts as nobody. */
bool connection_limits_introduce(struct connection_limits *limits, struct peer_key peer);
void connection_limits_leave(struct connection_limits *limits, struct peer_key peer);

#endif
