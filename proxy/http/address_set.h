/* Address set: networks, and whether an address lies in one of them. Says which peers are trusted.
 *
 * IPv4 addresses and those mapped into IPv6 (RFC 4291 section 2.5.5.2) are the same here: a
 * listener for both families sees the one as the other.
 *
 * Threads: any, once it is filled. */
#ifndef PROXY_HTTP_ADDRESS_SET_H
#define PROXY_HTTP_ADDRESS_SET_H

#include "common/error.h"
#include "common/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* As IPv6. */
struct ip_address {
    unsigned char bytes[16];
};

struct address_range {
    struct ip_address address; /* with zeros behind the prefix */
    unsigned prefix_bits;
};

struct address_set {
    struct address_range *ranges;
    size_t count;
    bool has_unix; /* whoever connects to a Unix socket */
};

/* "10.0.0.0/8", "2001:db8::/32", an address without a length, or "unix". */
bool address_set_add(struct address_set *set, struct slice text, struct error *err);
void address_set_clear(struct address_set *set);

static inline bool address_set_is_empty(const struct address_set *set)
{
    return set->count == 0 && !set->has_unix;
}

bool address_set_has_ip(const struct address_set *set, const struct ip_address *address);

/* A peer's: of AF_INET, AF_INET6 or AF_UNIX. */
bool address_set_has(const struct address_set *set, const struct sockaddr *peer);

/* "192.0.2.1", "2001:db8::1" or "[2001:db8::1]"; with `may_have_port`, ":80" behind it, too. False
 * when it is none of these. */
bool ip_address_parse(struct slice text, bool may_have_port, struct ip_address *address);

#endif
