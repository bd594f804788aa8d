#include "proxy/routing/match_filing.h"

#include "common/hash.h"
#include "proxy/routing/regex.h"
#include "proxy/routing/request_values.h"

enum { METHOD_SEED = 3, PIECE_SEED = 7 };

uint64_t method_filing_hash(struct slice method)
{
    return hash_bytes(method.at, method.length, METHOD_SEED);
}

uint64_t piece_filing_hash(const char *piece, size_t bytes)
{
    return hash_bytes(piece, bytes, PIECE_SEED);
}

static size_t longest_literal(const struct regex *regex)
{
    size_t longest = 0;
    for (struct slice literal = {0}; regex_next_literal(regex, &literal);)
        longest = literal.length > longest ? literal.length : longest;
    return longest;
}

static bool nth_piece(const struct regex *regex, size_t n, struct match_filing *filing)
{
    bool is_long = longest_literal(regex) >= LONG_PIECE_BYTES;
    size_t bytes = is_long ? LONG_PIECE_BYTES : SHORT_PIECE_BYTES;
    for (struct slice literal = {0}; regex_next_literal(regex, &literal);) {
        size_t pieces = literal.length < bytes ? 0 : literal.length - bytes + 1;
        if (n < pieces) {
            filing->kind = is_long ? FILED_BY_LONG_PIECE : FILED_BY_SHORT_PIECE;
            filing->hash = piece_filing_hash(literal.at + n, bytes);
            return true;
        }
        n -= pieces;
    }
    return false;
}

bool match_filing_nth(const struct route_match *match, size_t n, struct match_filing *filing)
{
    *filing = (struct match_filing){.kind = FILED_BY_HEADER};
    const struct match_conditions *conditions = match->conditions;
    if (conditions == NULL)
        return false;

    for (size_t i = 0; i < match->header_count; i++) {
        const struct value_condition *header = &conditions->headers[i];
        if (header->regex != NULL || n-- > 0)
            continue;
        filing->name = condition_name(header);
        filing->hash = request_header_hash_of(filing->name, condition_value(header));
        return true;
    }
    for (size_t i = 0; i < match->param_count; i++) {
        const struct value_condition *param = &conditions->params[i];
        if (param->regex != NULL || n-- > 0)
            continue;
        filing->kind = FILED_BY_PARAM;
        filing->name = condition_name(param);
        filing->hash = request_query_hash_of(filing->name, condition_value(param));
        return true;
    }
    if (match->has_method && n-- == 0) {
        filing->kind = FILED_BY_METHOD;
        filing->hash = method_filing_hash(conditions->method);
        return true;
    }
    return conditions->path_regex != NULL && nth_piece(conditions->path_regex, n, filing);
}
