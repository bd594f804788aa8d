#include "proxy/routing/match_filing.h"

#include "proxy/routing/regex.h"
#include "proxy/routing/request_values.h"

enum { METHOD_SEED = 3, GRPC_METHOD_SEED = 4 };

uint64_t method_filing_hash(struct slice method)
{
    return hash_bytes(method.at, method.length, METHOD_SEED);
}

uint64_t grpc_method_filing_hash(struct slice method)
{
    return hash_bytes(method.at, method.length, GRPC_METHOD_SEED);
}

/* --- conditions as they stand ----------------------------------------------------------------- */

static bool file_by_header(const struct value_condition *header, struct match_filing *filing)
{
    *filing = (struct match_filing){.kind = FILED_BY_HEADER, .name = condition_name(header)};
    if (header->regex != NULL)
        return false;
    filing->hash = request_header_hash_of(filing->name, condition_value(header));
    return true;
}

static bool file_by_param(const struct value_condition *param, struct match_filing *filing)
{
    *filing = (struct match_filing){.kind = FILED_BY_PARAM, .name = condition_name(param)};
    if (param->regex != NULL)
        return false;
    filing->hash = request_query_hash_of(filing->name, condition_value(param));
    return true;
}

/* By the condition at `index` of headers, parameters, gRPC method and method. */
static bool file_by_exact(const struct route_match *match, size_t index,
                          struct match_filing *filing)
{
    if (index < match->header_count)
        return file_by_header(&match_headers(match)[index], filing);
    index -= match->header_count;
    if (index < match->param_count)
        return file_by_param(&match_params(match)[index], filing);
    if (index == match->param_count) {
        *filing = (struct match_filing){.kind = FILED_BY_GRPC_METHOD};
        filing->hash = grpc_method_filing_hash(match_grpc_method(match));
        return match_grpc_method(match).length > 0;
    }
    *filing = (struct match_filing){.kind = FILED_BY_METHOD};
    filing->hash = method_filing_hash(match_method(match));
    return match->has_method;
}

/* --- pieces of expressions -------------------------------------------------------------------- */

static enum piece_size piece_size_of(const struct regex *regex)
{
    size_t longest = 0;
    for (struct slice literal = {0}; regex_next_literal(regex, &literal);)
        longest = literal.length > longest ? literal.length : longest;
    return longest >= piece_size_bytes[PIECE_LONG] ? PIECE_LONG : PIECE_SHORT;
}

/* Goes to the expression at `index` of path, headers and parameters, if there is one. */
static void enter_expression(struct filing_cursor *cursor, size_t index)
{
    const struct route_match *match = cursor->match;
    const struct value_condition *condition = NULL;
    cursor->piece = (struct match_filing){.kind = FILED_BY_PATH_PIECE};
    cursor->regex = match->conditions->path_regex;
    cursor->seed = PATH_PIECE_SEED;
    if (index > match->header_count) {
        condition = &match_params(match)[index - match->header_count - 1];
        cursor->piece.kind = FILED_BY_PARAM_PIECE;
        cursor->seed = request_query_name_hash(condition_name(condition));
    } else if (index > 0) {
        condition = &match_headers(match)[index - 1];
        cursor->piece.kind = FILED_BY_HEADER_PIECE;
        cursor->seed = request_header_name_hash(condition_name(condition));
    }
    if (condition != NULL) {
        cursor->piece.name = condition_name(condition);
        cursor->regex = condition->regex;
    }
    if (cursor->regex != NULL)
        cursor->piece.size = piece_size_of(cursor->regex);
    cursor->literal = (struct slice){0};
    cursor->at = 0;
}

static bool next_piece(struct filing_cursor *cursor, struct match_filing *filing)
{
    size_t bytes = piece_size_bytes[cursor->piece.size];
    while (cursor->literal.length < cursor->at + bytes) {
        cursor->at = 0;
        if (!regex_next_literal(cursor->regex, &cursor->literal))
            return false;
    }
    *filing = cursor->piece;
    filing->hash =
        piece_filing_hash(cursor->literal.at + cursor->at++, cursor->piece.size, cursor->seed);
    return true;
}

/* --- all of them ------------------------------------------------------------------------------ */

void filing_cursor_start(struct filing_cursor *cursor, const struct route_match *match)
{
    *cursor = (struct filing_cursor){.match = match};
}

bool filing_cursor_next(struct filing_cursor *cursor, struct match_filing *filing)
{
    const struct route_match *match = cursor->match;
    size_t values = (size_t)match->header_count + match->param_count;
    if (match->conditions == NULL)
        return false;
    while (cursor->exact < values + 2) {
        if (file_by_exact(match, cursor->exact++, filing))
            return true;
    }
    while (cursor->regex == NULL || !next_piece(cursor, filing)) {
        if (cursor->expressions == values + 1)
            return false;
        enter_expression(cursor, cursor->expressions++);
    }
    return true;
}
