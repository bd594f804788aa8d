/* Match filing: what a match asks for, as hashes under which an index may file it.
 *
 * That is each header, query parameter and method it names, and of a regular expression for the
 * path, a header or a parameter each piece of the texts it must contain (regex_literals.h): any of
 * them does, since a request that has not all of them is not taken. Conditions are known by their
 * hash alone: whatever is found is checked in full, so two that collide only cost a look.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_MATCH_FILING_H
#define PROXY_ROUTING_MATCH_FILING_H

#include "common/hash.h"
#include "common/slice.h"
#include "proxy/routing/route_match.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum filing_kind {
    FILED_BY_HEADER,
    FILED_BY_PARAM,
    FILED_BY_GRPC_METHOD,
    FILED_BY_METHOD,
    FILED_BY_PATH_PIECE,
    FILED_BY_HEADER_PIECE, /* of the value */
    FILED_BY_PARAM_PIECE,
    FILING_KINDS,
};

/* Short ones are for expressions that have no text long enough. */
enum piece_size { PIECE_LONG, PIECE_SHORT, PIECE_SIZES };
static const size_t piece_size_bytes[PIECE_SIZES] = {[PIECE_LONG] = 6, [PIECE_SHORT] = 3};

struct match_filing {
    enum filing_kind kind;
    enum piece_size size; /* of a piece, else 0 */
    uint64_t hash;
    struct slice name; /* of a header or parameter, else empty */
};

/* All ways to file a match, exact conditions first. */
struct filing_cursor {
    const struct route_match *match;
    size_t exact;              /* conditions that have been looked at */
    size_t expressions;        /* likewise */
    const struct regex *regex; /* whose pieces are next; NULL: none's */
    struct match_filing piece; /* of that, but for the hash */
    uint64_t seed;
    struct slice literal;
    size_t at; /* in the literal */
};

void filing_cursor_start(struct filing_cursor *cursor, const struct route_match *match);
/* False when there are no more. */
bool filing_cursor_next(struct filing_cursor *cursor, struct match_filing *filing);

/* What a request has that such a match may be filed under; of whole headers and parameters see
 * request_values.h. */
uint64_t method_filing_hash(struct slice method);
uint64_t grpc_method_filing_hash(struct slice method);

/* Pieces of one value share a seed: that of the path, of a header's name, of a parameter's. */
enum { PATH_PIECE_SEED = 7 };
static inline uint64_t piece_filing_hash(const char *piece, enum piece_size size, uint64_t seed)
{
    return hash_bytes(piece, piece_size_bytes[size], seed);
}

#endif
