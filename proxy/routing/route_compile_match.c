/* The matches of a route, from the message to what lookups read. */
#include "proxy/routing/path_value.h"
#include "proxy/routing/regex.h"
#include "proxy/routing/route_compile_parts.h"

#include <assert.h>
#include <string.h>

static struct regex *compile_regex(const char *pattern)
{
    return regex_new(slice_from_string(pattern), NULL);
}

/* What an empty path means. */
static const char *path_or_root(const char *path)
{
    return path[0] == '\0' ? "/" : path;
}

size_t route_match_own_text_bytes(const char *path)
{
    return path[0] == '\0' || strchr(path, '%') != NULL ? strlen(path_or_root(path)) : 0;
}

static struct slice canonical_path(struct route_compiler *compiler, const char *path)
{
    if (route_match_own_text_bytes(path) == 0)
        return route_compiler_own_copy(compiler, path);
    size_t length = path_value_canonicalize(slice_from_string(path_or_root(path)), compiler->text);
    struct slice canonical = slice_of(compiler->text, length);
    compiler->text += length;
    return canonical;
}

static uint32_t distance(const void *from, struct slice text)
{
    return text.length == 0 ? 0 : (uint32_t)(text.at - (const char *)from);
}

static bool compile_grpc_method(struct route_compiler *compiler,
                                struct match_conditions *conditions, const char *text)
{
    if (text[0] == '\0' || text[0] == '/' || strlen(text) > UINT16_MAX)
        return false;
    struct slice method = route_compiler_own_copy(compiler, text);
    conditions->grpc_method_at = distance(conditions, method);
    conditions->grpc_method_length = (uint16_t)method.length;
    return true;
}

static bool compile_path(struct route_compiler *compiler, struct route_match *match,
                         struct match_conditions *conditions, const PathMatchMessage *message)
{
    match->path_kind = MATCH_PREFIX;
    if (message == NULL)
        return true;

    const char *value = path_or_root(message->value);
    switch ((int)message->type) {
    case POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_EXACT:
        match->path_kind = MATCH_EXACT;
        break;
    case POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_REGULAR_EXPRESSION:
        match->path_kind = MATCH_REGEX;
        break;
    case POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_UNSPECIFIED:
    case POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_PATH_PREFIX:
        break;
    case POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_GRPC_METHOD:
        return compile_grpc_method(compiler, conditions, message->value);
    default:
        return false;
    }

    if (match->path_kind == MATCH_REGEX) {
        conditions->path_regex = compile_regex(value);
        if (conditions->path_regex == NULL)
            return false;
    } else if (path_value_problem(slice_from_string(value)) != NULL) {
        return false;
    }

    bool is_expression = match->path_kind == MATCH_REGEX && message->value[0] != '\0';
    struct slice path = is_expression ? route_compiler_own_copy(compiler, value)
                                      : canonical_path(compiler, message->value);
    if (match->path_kind == MATCH_PREFIX)
        path = path_value_prefix(path);
    if (path.length > PATH_VALUE_MAX_LENGTH)
        return false;
    match->path_at = distance(match, path);
    match->path_length = (uint16_t)path.length;
    return true;
}

static bool compile_value(struct route_compiler *compiler, struct value_condition *condition,
                          const char *name, const char *value, Pointsman__V1__ValueMatchType type)
{
    if (strlen(name) > UINT16_MAX || strlen(value) > UINT16_MAX)
        return false;
    if (type == POINTSMAN__V1__VALUE_MATCH_TYPE__VALUE_MATCH_TYPE_REGULAR_EXPRESSION) {
        condition->regex = compile_regex(value);
        if (condition->regex == NULL)
            return false;
    }
    struct slice own_name = route_compiler_own_copy(compiler, name);
    struct slice own_value = route_compiler_own_copy(compiler, value);
    condition->name_at = distance(condition, own_name);
    condition->name_length = (uint16_t)own_name.length;
    condition->value_at = distance(condition, own_value);
    condition->value_length = (uint16_t)own_value.length;
    return true;
}

/* Of equal names only the first counts. */
static bool has_header(const struct value_condition *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equals_ignoring_case(condition_name(&headers[i]), slice_from_string(name)))
            return true;
    }
    return false;
}

static bool has_param(const struct value_condition *params, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equals(condition_name(&params[i]), slice_from_string(name)))
            return true;
    }
    return false;
}

static bool compile_conditions(struct route_compiler *compiler, struct route_match *match,
                               struct match_conditions *conditions,
                               const RouteMatchMessage *message)
{
    for (size_t i = 0; i < message->n_headers; i++) {
        const HeaderMatchMessage *header = message->headers[i];
        if (has_header(conditions->values, match->header_count, header->name))
            continue;
        struct value_condition *condition = &conditions->values[match->header_count++];
        if (!compile_value(compiler, condition, header->name, header->value, header->type))
            return false;
    }
    struct value_condition *params = &conditions->values[match->header_count];
    for (size_t i = 0; i < message->n_query_params; i++) {
        const QueryParamMatchMessage *param = message->query_params[i];
        if (has_param(params, match->param_count, param->name))
            continue;
        struct value_condition *condition = &params[match->param_count++];
        if (!compile_value(compiler, condition, param->name, param->value, param->type))
            return false;
    }
    if (strlen(message->method) > UINT16_MAX)
        return false;
    struct slice method = route_compiler_own_copy(compiler, message->method);
    conditions->method_at = distance(conditions, method);
    conditions->method_length = (uint16_t)method.length;
    match->has_method = method.length > 0;
    return true;
}

bool route_match_needs_conditions(const RouteMatchMessage *match)
{
    return match->method[0] != '\0' || match->n_headers > 0 || match->n_query_params > 0 ||
           (match->path != NULL &&
            (match->path->type ==
                 POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_REGULAR_EXPRESSION ||
             match->path->type == POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_GRPC_METHOD));
}

void route_compiler_add_match(struct route_compiler *compiler, const struct rule *rule,
                              const RouteMatchMessage *message)
{
    if (message->n_headers > UINT8_MAX || message->n_query_params > UINT8_MAX)
        return;

    struct route_match *match = compiler->match;
    *match = (struct route_match){
        .rule = rule,
        .is_attached = compiler->route->attachment_count > 0,
    };
    if (compiler->route->hostname_count == 1) {
        struct slice hostname = route_hostname(compiler->route, 0);
        match->hostname_at = distance(match, hostname);
        match->hostname_length = (uint8_t)hostname.length;
    }
    struct match_conditions *conditions = NULL;
    if (route_match_needs_conditions(message))
        match->conditions = conditions = compiler->conditions;
    bool is_understood =
        compile_path(compiler, match, conditions, message->path) &&
        (conditions == NULL || compile_conditions(compiler, match, conditions, message));
    if (conditions != NULL)
        compiler->conditions = (struct match_conditions *)&conditions
                                   ->values[(size_t)match->header_count + match->param_count];
    if (is_understood) {
        compiler->match++;
        compiler->route->match_count++;
        return;
    }
    assert(compiler->is_broken);
    route_match_clear(match);
    *match = (struct route_match){0};
}
