/* PROXY header: what a load balancer puts in front of a connection's first byte to say where it
 * comes from; versions 1 and 2 of the PROXY protocol, by its specification of 2020.
 *
 * Strict and bounded: one space is one space, what is beyond the longest legal header of version 1
 * is refused, and of version 2 what is beyond PROXY_HEADER_MAX_BYTES. Additional fields (TLVs) must
 * fill the header exactly and are skipped, except a checksum, which must be right.
 *
 * Threads: any; no state. */
#ifndef PROXY_HTTP_PROXY_HEADER_H
#define PROXY_HTTP_PROXY_HEADER_H

#include "common/slice.h"
#include "proxy/http/field_parser.h"

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

enum { PROXY_HEADER_MAX_BYTES = 4096 };

struct proxy_header {
    size_t length; /* bytes that belong to it */
    /* The client's address; AF_UNSPEC when the connection speaks for itself: LOCAL, as health
     * checks are, UNKNOWN, and families that are none of ours. */
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } source;
};

/* `bytes` from the connection's first on; what is behind the header is not looked at. The same
 * bytes with more behind them give the same answer once it is not PARSE_MORE. */
enum parse_result proxy_header_parse(struct slice bytes, struct proxy_header *header);

#endif
