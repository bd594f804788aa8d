#include "proxy/http/address_set.h"

#include "common/buffer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

enum { IPV6_BITS = 128, IPV4_BITS = 32, MAPPED_BITS = IPV6_BITS - IPV4_BITS, MOST_PORT_DIGITS = 5 };

/* --- addresses ------------------------------------------------------------------------------- */

static void map_ipv4(const struct in_addr *ipv4, struct ip_address *address)
{
    *address = (struct ip_address){.bytes = {[10] = 0xff, [11] = 0xff}};
    memcpy(address->bytes + 12, ipv4, sizeof(*ipv4));
}

static bool is_port(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
    }
    return text.length > 0 && text.length <= MOST_PORT_DIGITS;
}

/* Whether what stands behind `host_length` bytes may stand there. */
static bool split_port(struct slice text, size_t host_length, bool may_have_port)
{
    if (host_length == text.length)
        return true;
    return may_have_port && text.at[host_length] == ':' &&
           is_port(slice_of(text.at + host_length + 1, text.length - host_length - 1));
}

static bool parse_ipv6(struct slice text, struct ip_address *address)
{
    char copy[INET6_ADDRSTRLEN];
    if (text.length >= sizeof(copy))
        return false;
    memcpy(copy, text.at, text.length);
    copy[text.length] = '\0';
    return strlen(copy) == text.length && inet_pton(AF_INET6, copy, address->bytes) == 1;
}

static bool parse_bracketed(struct slice text, bool may_have_port, struct ip_address *address)
{
    const char *end = memchr(text.at, ']', text.length);
    if (end == NULL)
        return false;
    size_t length = (size_t)(end - text.at);
    return split_port(text, length + 1, may_have_port) &&
           parse_ipv6(slice_of(text.at + 1, length - 1), address);
}

static bool parse_ipv4(struct slice text, bool may_have_port, struct ip_address *address)
{
    const char *colon = memchr(text.at, ':', text.length);
    size_t length = colon == NULL ? text.length : (size_t)(colon - text.at);
    char copy[INET_ADDRSTRLEN];
    if (length >= sizeof(copy) || !split_port(text, length, may_have_port))
        return false;
    memcpy(copy, text.at, length);
    copy[length] = '\0';
    struct in_addr ipv4;
    if (strlen(copy) != length || inet_pton(AF_INET, copy, &ipv4) != 1)
        return false;
    map_ipv4(&ipv4, address);
    return true;
}

bool ip_address_parse(struct slice text, bool may_have_port, struct ip_address *address)
{
    if (text.length == 0)
        return false;
    if (text.at[0] == '[')
        return parse_bracketed(text, may_have_port, address);
    return parse_ipv4(text, may_have_port, address) || parse_ipv6(text, address);
}

/* --- sets ------------------------------------------------------------------------------------ */

/* Zero where the prefix ends. */
static void clear_host(struct address_range *range)
{
    for (unsigned bit = range->prefix_bits; bit < IPV6_BITS; bit++)
        range->address.bytes[bit / 8] &= (unsigned char)~(0x80U >> (bit % 8));
}

static bool parse_prefix(struct slice text, unsigned most, unsigned *bits)
{
    unsigned number = 0;
    if (text.length == 0 || text.length > 3)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        number = number * 10 + (unsigned)(text.at[i] - '0');
    }
    *bits = number;
    return number <= most;
}

static bool parse_range(struct slice text, struct address_range *range)
{
    const char *slash = text.length == 0 ? NULL : memchr(text.at, '/', text.length);
    size_t length = slash == NULL ? text.length : (size_t)(slash - text.at);
    if (!ip_address_parse(slice_of(text.at, length), false, &range->address))
        return false;
    range->prefix_bits = IPV6_BITS;
    if (slash == NULL)
        return true;

    bool is_ipv4 = memchr(text.at, ':', length) == NULL;
    if (!parse_prefix(slice_of(slash + 1, text.length - length - 1),
                      is_ipv4 ? IPV4_BITS : IPV6_BITS, &range->prefix_bits))
        return false;
    if (is_ipv4)
        range->prefix_bits += MAPPED_BITS;
    return true;
}

bool address_set_add(struct address_set *set, struct slice text, struct error *err)
{
    if (slice_equals(text, SLICE("unix"))) {
        set->has_unix = true;
        return true;
    }
    struct address_range range;
    if (!parse_range(text, &range))
        return error_set(err, ERROR_INVALID,
                         "'%.*s' is not a network: 10.0.0.0/8, 2001:db8::/32, an address or unix",
                         (int)text.length, text.at);
    struct address_range given = range;
    clear_host(&range);
    if (memcmp(&given, &range, sizeof(range)) != 0)
        return error_set(err, ERROR_INVALID, "'%.*s' has bits set behind its prefix",
                         (int)text.length, text.at);
    set->ranges = memory_reallocate(set->ranges, (set->count + 1) * sizeof(set->ranges[0]));
    set->ranges[set->count++] = range;
    return true;
}

void address_set_clear(struct address_set *set)
{
    free(set->ranges);
    *set = (struct address_set){0};
}

static bool is_in_range(const struct address_range *range, const struct ip_address *address)
{
    unsigned whole = range->prefix_bits / 8;
    unsigned rest = range->prefix_bits % 8;
    if (memcmp(range->address.bytes, address->bytes, whole) != 0)
        return false;
    if (rest == 0)
        return true;
    unsigned mask = 0xff00U >> rest;
    return ((range->address.bytes[whole] ^ address->bytes[whole]) & mask & 0xff) == 0;
}

bool address_set_has_ip(const struct address_set *set, const struct ip_address *address)
{
    for (size_t i = 0; i < set->count; i++) {
        if (is_in_range(&set->ranges[i], address))
            return true;
    }
    return false;
}

/* False for a Unix socket. */
static bool address_of_peer(const struct sockaddr *peer, struct ip_address *address)
{
    switch (peer->sa_family) {
    case AF_INET:
        map_ipv4(&((const struct sockaddr_in *)(const void *)peer)->sin_addr, address);
        return true;
    case AF_INET6:
        memcpy(address->bytes, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr,
               sizeof(address->bytes));
        return true;
    default:
        return false;
    }
}

bool address_set_has(const struct address_set *set, const struct sockaddr *peer)
{
    struct ip_address address;
    if (peer->sa_family == AF_UNIX)
        return set->has_unix;
    return set->count > 0 && address_of_peer(peer, &address) && address_set_has_ip(set, &address);
}
