/* Match filing: what a match asks for exactly, as hashes under which an index may file it.
 *
 * That is each header, query parameter and method it names, and of a regular expression for the
 * path each piece of the texts it must contain (regex_literals.h): any of them does, since a
 * request that has not all of them is not taken. Conditions are known by their hash alone: whatever
 * is found is checked in full, so two that collide only cost a look.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_MATCH_FILING_H
#define PROXY_ROUTING_MATCH_FILING_H

#include "common/slice.h"
#include "proxy/routing/route_match.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum filing_kind {
    FILED_BY_HEADER,
    FILED_BY_PARAM,
    FILED_BY_METHOD,
    FILED_BY_LONG_PIECE,  /* of the path */
    FILED_BY_SHORT_PIECE, /* when no text is long enough */
    FILING_KINDS,
};

enum { LONG_PIECE_BYTES = 6, SHORT_PIECE_BYTES = 3 };

struct match_filing {
    enum filing_kind kind;
    uint64_t hash;
    struct slice name; /* of a header or parameter, else empty */
};

/* The n-th way to file a match. False when there are no more. */
bool match_filing_nth(const struct route_match *match, size_t n, struct match_filing *filing);

/* What a request has that such a match may be filed under; of headers and parameters see
 * request_values.h. */
uint64_t method_filing_hash(struct slice method);
uint64_t piece_filing_hash(const char *piece, size_t bytes);

#endif
