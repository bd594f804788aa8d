#include "proxy/routing/grpc_validate.h"

#include <string.h>

static void refuse(struct validation *validation, const char *field)
{
    validation_problem(validation, field, "is of HTTPRoutes alone");
}

/* An identifier of protobuf. */
static bool is_identifier(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        bool is_digit = *at >= '0' && *at <= '9';
        bool is_letter = ascii_lower(*at) >= 'a' && ascii_lower(*at) <= 'z';
        if (!is_letter && *at != '_' && (!is_digit || at == text))
            return false;
    }
    return *text != '\0';
}

bool grpc_path_is_method(const PathMatchMessage *path)
{
    const char *value = path->value;
    const size_t length = strlen(value);
    if (path->type == POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_GRPC_METHOD)
        return is_identifier(value);
    if (path->type == POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_REGULAR_EXPRESSION)
        return length > 4 && strncmp(value, "/(?:", 4) == 0 && value[length - 1] == ')' &&
               strstr(value, ")/(?:") != NULL;
    if (length < 2 || value[0] != '/')
        return false;
    const char *slash = strchr(value + 1, '/');
    if (path->type == POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_EXACT)
        return slash != NULL && slash > value + 1 && is_identifier(slash + 1);
    return slash == NULL;
}

static void validate_match(struct validation *validation, const RouteMatchMessage *match)
{
    if (match->path != NULL && !grpc_path_is_method(match->path))
        validation_problem(validation, "path", "is not that of a gRPC method");
    if (match->method[0] != '\0')
        refuse(validation, "method");
    if (match->n_query_params > 0)
        refuse(validation, "query_params");
}

static void validate_filters_of(struct validation *validation, FilterMessage *const *filters,
                                size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t mark = validation_enter_item(validation, "filters", i);
        if (filters[i]->kind_case == POINTSMAN__V1__FILTER__KIND_REQUEST_REDIRECT)
            refuse(validation, "request_redirect");
        if (filters[i]->kind_case == POINTSMAN__V1__FILTER__KIND_URL_REWRITE)
            refuse(validation, "url_rewrite");
        if (filters[i]->kind_case == POINTSMAN__V1__FILTER__KIND_CORS)
            refuse(validation, "cors");
        if (filters[i]->kind_case == POINTSMAN__V1__FILTER__KIND_EXTERNAL_AUTH)
            refuse(validation, "external_auth");
        validation_leave(validation, mark);
    }
}

static void validate_rule(struct validation *validation, const RouteRuleMessage *rule)
{
    size_t mark;
    for (size_t i = 0; i < rule->n_matches; i++) {
        mark = validation_enter_item(validation, "matches", i);
        validate_match(validation, rule->matches[i]);
        validation_leave(validation, mark);
    }
    validate_filters_of(validation, rule->filters, rule->n_filters);
    for (size_t i = 0; i < rule->n_backend_refs; i++) {
        mark = validation_enter_item(validation, "backend_refs", i);
        validate_filters_of(validation, rule->backend_refs[i]->filters,
                            rule->backend_refs[i]->n_filters);
        validation_leave(validation, mark);
    }
    if (rule->timeouts != NULL)
        refuse(validation, "timeouts");
    if (rule->retry != NULL)
        refuse(validation, "retry");
}

void validate_grpc_route(struct validation *validation, const RouteMessage *route)
{
    for (size_t i = 0; i < route->n_rules; i++) {
        size_t mark = validation_enter_item(validation, "rules", i);
        validate_rule(validation, route->rules[i]);
        validation_leave(validation, mark);
    }
}
