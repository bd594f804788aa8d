#include "proxy/routing/route_match.h"

#include "proto/route_id.h"
#include "proxy/routing/path_value.h"
#include "proxy/routing/regex.h"
#include "proxy/routing/request_values.h"

#include <string.h>

void route_match_clear(struct route_match *match)
{
    struct match_conditions *conditions = (struct match_conditions *)match->conditions;
    if (conditions == NULL)
        return;
    regex_free(conditions->path_regex);
    for (size_t i = 0; i < (size_t)match->header_count + match->param_count; i++)
        regex_free(conditions->values[i].regex);
}

/* --- which goes first ----------------------------------------------------------------------- */

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static size_t grpc_method_length(const struct route_match *match)
{
    return match->conditions == NULL ? 0 : match->conditions->grpc_method_length;
}

int route_match_compare(const struct route_match *a, const struct route_match *b)
{
    int order = compare_numbers(b->path_length, a->path_length);
    if (order == 0)
        order = compare_numbers(grpc_method_length(b), grpc_method_length(a));
    if (order == 0)
        order = compare_numbers(b->has_method, a->has_method);
    if (order == 0)
        order = compare_numbers(b->header_count, a->header_count);
    if (order == 0)
        order = compare_numbers(b->param_count, a->param_count);
    if (order != 0)
        return order;

    const struct route *route_a = a->rule->route;
    const struct route *route_b = b->rule->route;
    if (route_a != route_b) {
        order = compare_numbers(route_a->created_revision, route_b->created_revision);
        if (order == 0)
            order = compare_numbers(route_a->created_order, route_b->created_order);
        if (order == 0)
            order = route_id_compare(route_id(route_a), route_id(route_b));
        if (order != 0)
            return order;
    }

    /* Of one route, in the order they are written, which is that of their addresses. Two routes
     * of one id are never in one table; the address keeps the order total all the same. */
    return compare_numbers((uintptr_t)a, (uintptr_t)b);
}

/* --- whether it holds ----------------------------------------------------------------------- */

static bool is_attached_to(const struct route *route, const struct listener_identity *listener)
{
    if (listener == NULL)
        return true;
    for (size_t i = 0; i < route->attachment_count; i++) {
        const struct listener_identity *wanted = &route_attachments(route)[i];
        if ((wanted->name.length == 0 || slice_equals(wanted->name, listener->name)) &&
            (wanted->port == 0 || wanted->port == listener->port))
            return true;
    }
    return false;
}

static bool header_holds(const struct value_condition *condition, const struct request_head *head,
                         size_t lone_header)
{
    struct slice name = condition_name(condition);
    if (condition->regex != NULL)
        return request_header_matches(head, name, condition->regex);
    if (lone_header != NO_LONE_HEADER &&
        slice_equals_ignoring_case(head->headers[lone_header].name, name))
        return slice_equals_far(head->headers[lone_header].value, condition_value(condition));
    return request_header_equals(head, name, condition_value(condition));
}

static bool param_holds(const struct value_condition *condition, const struct request_head *head)
{
    if (condition->regex != NULL)
        return request_query_matches(head, condition_name(condition), condition->regex);
    return request_query_equals(head, condition_name(condition), condition_value(condition));
}

bool route_match_conditions_hold(const struct route_match *match, const struct request_head *head,
                                 size_t lone_header)
{
    if (match->is_attached && !is_attached_to(match->rule->route, head->listener))
        return false;

    const struct match_conditions *conditions = match->conditions;
    if (conditions == NULL)
        return true;
    if (match->has_method && !slice_equals(match_method(match), head->method))
        return false;
    for (size_t i = 0; i < match->header_count; i++) {
        if (!header_holds(&match_headers(match)[i], head, lone_header))
            return false;
    }
    for (size_t i = 0; i < match->param_count; i++) {
        if (!param_holds(&match_params(match)[i], head))
            return false;
    }
    if (conditions->grpc_method_length > 0 &&
        !slice_equals(path_grpc_method(head->path), match_grpc_method(match)))
        return false;
    return conditions->path_regex == NULL || regex_matches(conditions->path_regex, head->path);
}

/* --- for explaining ------------------------------------------------------------------------- */

static bool path_holds(const struct route_match *match, struct slice path)
{
    if (match->conditions != NULL && match->conditions->path_regex != NULL)
        return regex_matches(match->conditions->path_regex, path);
    if (match->conditions != NULL && match->conditions->grpc_method_length > 0)
        return slice_equals(path_grpc_method(path), match_grpc_method(match));
    struct slice wanted = route_match_path(match);
    if (match->path_kind == MATCH_EXACT)
        return slice_equals(wanted, path);
    if (!slice_has_prefix(path, SLICE("/"))) /* "*", the target of OPTIONS */
        return wanted.length == 0;
    return slice_has_prefix(path, wanted) &&
           (path.length == wanted.length || path.at[wanted.length] == '/');
}

enum match_verdict route_match_judge(const struct route_match *match,
                                     const struct request_head *head, struct slice *name)
{
    *name = slice_of("", 0);
    if (!path_holds(match, head->path))
        return MATCH_FAILS_PATH;
    if (match->is_attached && !is_attached_to(match->rule->route, head->listener))
        return MATCH_FAILS_LISTENER;

    if (match->conditions == NULL)
        return MATCH_HOLDS;
    if (match->has_method && !slice_equals(match_method(match), head->method))
        return MATCH_FAILS_METHOD;
    for (size_t i = 0; i < match->header_count; i++) {
        *name = condition_name(&match_headers(match)[i]);
        if (!header_holds(&match_headers(match)[i], head, NO_LONE_HEADER))
            return MATCH_FAILS_HEADER;
    }
    for (size_t i = 0; i < match->param_count; i++) {
        *name = condition_name(&match_params(match)[i]);
        if (!param_holds(&match_params(match)[i], head))
            return MATCH_FAILS_QUERY;
    }
    *name = slice_of("", 0);
    return MATCH_HOLDS;
}
