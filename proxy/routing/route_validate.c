#include "proxy/routing/route_validate.h"

#include "proto/route_id.h"
#include "proxy/routing/filter_validate.h"
#include "proxy/routing/grpc_validate.h"
#include "proxy/routing/path_value.h"
#include "proxy/routing/regex.h"
#include "proxy/routing/session_validate.h"
#include "proxy/routing/validation.h"

#include <stdio.h>
#include <string.h>

/* They bound what one commit can cost. */
enum {
    MAX_HOSTNAMES = 1024,
    MAX_PARENT_REFS = 64,
    MAX_RULES = 1024,
    MAX_MATCHES = 4096, /* of a route, over all its rules */
    MAX_CONDITIONS = 64,
    MAX_BACKEND_REFS = 256,
    MAX_RETRY_CODES = 64,
};

enum { QUERY_VALUE_MAX_LENGTH = 1024 };

/* --- names ---------------------------------------------------------------------------------- */

bool object_name_is_valid(const char *name)
{
    const char *slash = strchr(name, '/');
    if (slash == NULL)
        return is_dns_subdomain(slice_from_string(name));
    return is_dns_subdomain(slice_of(name, (size_t)(slash - name))) &&
           is_dns_subdomain(slice_from_string(slash + 1));
}

bool backend_ref_names_backend(const char *group, const char *kind)
{
    if (strcmp(kind, "Backend") == 0)
        return group[0] == '\0' || strcmp(group, "pointsman") == 0;
    return group[0] == '\0' && (kind[0] == '\0' || strcmp(kind, "Service") == 0);
}

bool route_id_is_valid(const char *id)
{
    return object_name_is_valid(route_id_name_text(id));
}

void object_name_resolve(const char *route, const char *ref_namespace, const char *ref_name,
                         char *full_name)
{
    const char *route_name = route_id_name_text(route);
    const char *slash = strchr(route_name, '/');
    struct slice namespace = slice_from_string(ref_namespace);
    if (namespace.length == 0 && slash != NULL)
    namespace = slice_of(route_name, (size_t)(slash - route_name));

    /* Done for every reference of every route: by hand, for a quarter of what printing takes. */
    size_t used = 0;
    size_t room = OBJECT_NAME_BYTES - 1;
    if (namespace.length > 0 && namespace.length < room) {
        memcpy(full_name, namespace.at, namespace.length);
        full_name[namespace.length] = '/';
        used = namespace.length + 1;
    }
    size_t length = strnlen(ref_name, room - used);
    memcpy(full_name + used, ref_name, length);
    full_name[used + length] = '\0';
}

struct slice object_name_for_all_namespaces(struct slice full_name)
{
    const char *slash = memchr(full_name.at, '/', full_name.length);
    const char *end = full_name.at + full_name.length;
    return slash == NULL ? slice_of(end, 0) : slice_of(slash + 1, (size_t)(end - slash) - 1);
}

/* --- where a route attaches ----------------------------------------------------------------- */

static void validate_count(struct validation *validation, const char *field, size_t count,
                           size_t max)
{
    if (count > max)
        validation_problem(validation, field, "must be at most %zu", max);
}

static void validate_parent_ref(struct validation *validation, const ParentRefMessage *ref)
{
    validate_group_and_kind(validation, ref->group, ref->kind);
    validate_port(validation, "port", ref->port);
    if (ref->section_name[0] != '\0' && !is_dns_subdomain(slice_from_string(ref->section_name)))
        validation_problem(validation, "section_name", "must be the name of a listener");
}

static bool is_same_parent(const ParentRefMessage *a, const ParentRefMessage *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->namespace_, b->namespace_) == 0 &&
           strcmp(a->kind, b->kind) == 0 && strcmp(a->group, b->group) == 0;
}

/* References to one parent must be distinct: all give the same of sectionName and port, and each
 * other values. Those without a name are flags', and each stands for itself. */
static bool are_distinct(struct validation *validation, const ParentRefMessage *ref,
                         const ParentRefMessage *earlier)
{
    if (ref->name[0] == '\0' || !is_same_parent(ref, earlier))
        return true;
    if ((ref->section_name[0] == '\0') != (earlier->section_name[0] == '\0') ||
        (ref->port == 0) != (earlier->port == 0)) {
        validation_problem(validation, NULL,
                           "must give what the other reference to '%s' gives, the name of a "
                           "listener, a port, or both",
                           ref->name);
        return false;
    }
    if (strcmp(ref->section_name, earlier->section_name) != 0 || ref->port != earlier->port)
        return true;
    validation_problem(validation, NULL, "is given twice: '%s'", ref->name);
    return false;
}

static void validate_parent_refs(struct validation *validation, const RouteMessage *route)
{
    validate_count(validation, "parent_refs", route->n_parent_refs, MAX_PARENT_REFS);
    for (size_t i = 0; i < route->n_parent_refs; i++) {
        size_t mark = validation_enter_item(validation, "parent_refs", i);
        validate_parent_ref(validation, route->parent_refs[i]);
        for (size_t j = 0; j < i && i < MAX_PARENT_REFS; j++) {
            if (!are_distinct(validation, route->parent_refs[i], route->parent_refs[j]))
                break;
        }
        validation_leave(validation, mark);
    }
}

static void validate_hostname(struct validation *validation, const char *hostname)
{
    bool is_wildcard = strncmp(hostname, "*.", 2) == 0;
    validate_precise_hostname(validation, NULL, is_wildcard ? hostname + 2 : hostname);
}

/* --- matches -------------------------------------------------------------------------------- */

static void validate_regex(struct validation *validation, const char *field, const char *pattern)
{
    struct error err = {0};
    struct regex *regex = regex_new(slice_from_string(pattern), &err);
    if (regex == NULL)
        validation_problem(validation, field, "%s", err.message);
    regex_free(regex);
}

static void validate_path(struct validation *validation, const PathMatchMessage *path)
{
    if (strlen(path->value) > PATH_VALUE_MAX_LENGTH) {
        validation_problem(validation, "value", "must have at most %d characters",
                           PATH_VALUE_MAX_LENGTH);
        return;
    }
    const char *value = path->value[0] == '\0' ? "/" : path->value;
    switch (path->type) {
    case POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_UNSPECIFIED:
    case POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_EXACT:
    case POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_PATH_PREFIX: {
        const char *problem = path_value_problem(slice_from_string(value));
        if (problem != NULL)
            validation_problem(validation, "value", "%s", problem);
        return;
    }
    case POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_REGULAR_EXPRESSION:
        validate_regex(validation, "value", value);
        return;
    case POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_GRPC_METHOD:
        if (!validation->is_grpc)
            validation_problem(validation, "type", "is of GRPCRoutes alone");
        return;
    case _POINTSMAN__V1__PATH_MATCH_TYPE_IS_INT_SIZE:
        break;
    }
    validation_problem(validation, "type", "is unknown: %d", (int)path->type);
}

/* What a value that may be an expression is, when it is one. */
static void validate_value_type(struct validation *validation, Pointsman__V1__ValueMatchType type,
                                const char *value)
{
    switch (type) {
    case POINTSMAN__V1__VALUE_MATCH_TYPE__VALUE_MATCH_TYPE_UNSPECIFIED:
    case POINTSMAN__V1__VALUE_MATCH_TYPE__VALUE_MATCH_TYPE_EXACT:
        return;
    case POINTSMAN__V1__VALUE_MATCH_TYPE__VALUE_MATCH_TYPE_REGULAR_EXPRESSION:
        if (strlen(value) <= HEADER_VALUE_MAX_LENGTH)
            validate_regex(validation, "value", value);
        return;
    case _POINTSMAN__V1__VALUE_MATCH_TYPE_IS_INT_SIZE:
        break;
    }
    validation_problem(validation, "type", "is unknown: %d", (int)type);
}

static void validate_match(struct validation *validation, const RouteMatchMessage *match)
{
    size_t mark;
    if (match->path != NULL) {
        mark = validation_enter(validation, "path");
        validate_path(validation, match->path);
        validation_leave(validation, mark);
    }

    validate_count(validation, "headers", match->n_headers, MAX_CONDITIONS);
    for (size_t i = 0; i < match->n_headers; i++) {
        const HeaderMatchMessage *header = match->headers[i];
        mark = validation_enter_item(validation, "headers", i);
        validate_header_name(validation, "name", header->name);
        validate_header_value(validation, "value", header->value);
        validate_value_type(validation, header->type, header->value);
        validation_leave(validation, mark);
    }

    validate_count(validation, "query_params", match->n_query_params, MAX_CONDITIONS);
    for (size_t i = 0; i < match->n_query_params; i++) {
        const QueryParamMatchMessage *param = match->query_params[i];
        mark = validation_enter_item(validation, "query_params", i);
        validate_header_name(validation, "name", param->name);
        validate_length(validation, "value", param->value, QUERY_VALUE_MAX_LENGTH);
        validate_value_type(validation, param->type, param->value);
        validation_leave(validation, mark);
    }

    if (match->method[0] != '\0' && !is_known_method(match->method))
        validation_problem(validation, "method", "must be one of " KNOWN_METHODS);
}

/* --- rules ---------------------------------------------------------------------------------- */

static void validate_backend_ref(struct validation *validation, const BackendRefMessage *ref,
                                 const RouteRuleMessage *rule)
{
    validate_backend_named(validation, ref->group, ref->kind, ref->namespace_, ref->name);
    validate_port(validation, "port", ref->port);
    if (ref->weight_presence_case == POINTSMAN__V1__BACKEND_REF__WEIGHT_PRESENCE_WEIGHT)
        validate_weight(validation, ref->weight);
    validate_filters(validation, ref->filters, ref->n_filters, rule);
}

static void validate_timeouts(struct validation *validation,
                              const Pointsman__V1__Timeouts *timeouts)
{
    validate_duration(validation, "request", timeouts->request);
    validate_duration(validation, "backend_request", timeouts->backend_request);
    if (timeouts->request == NULL || timeouts->backend_request == NULL)
        return;

    uint64_t request_ms = duration_milliseconds(timeouts->request);
    if (request_ms > 0 && duration_milliseconds(timeouts->backend_request) > request_ms)
        validation_problem(validation, "backend_request", "must not exceed the request timeout");
}

static void validate_retry(struct validation *validation, const Pointsman__V1__Retry *retry)
{
    validate_count(validation, "codes", retry->n_codes, MAX_RETRY_CODES);
    for (size_t i = 0; i < retry->n_codes; i++) {
        size_t mark = validation_enter_item(validation, "codes", i);
        if (retry->codes[i] < 400 || retry->codes[i] > 599)
            validation_problem(validation, NULL, "must be between 400 and 599");
        for (size_t j = 0; j < i && i < MAX_RETRY_CODES; j++) {
            if (retry->codes[j] == retry->codes[i]) {
                validation_problem(validation, NULL, "is given twice: %u", retry->codes[i]);
                break;
            }
        }
        validation_leave(validation, mark);
    }
    validate_duration(validation, "backoff", retry->backoff);
}

static void validate_rule(struct validation *validation, const RouteRuleMessage *rule)
{
    size_t mark;
    if (rule->name[0] != '\0' && !is_dns_subdomain(slice_from_string(rule->name)))
        validation_problem(validation, "name",
                           "must be lower-case letters, digits, '-' and '.', at most 253 "
                           "characters");

    for (size_t i = 0; i < rule->n_matches; i++) {
        mark = validation_enter_item(validation, "matches", i);
        validate_match(validation, rule->matches[i]);
        validation_leave(validation, mark);
    }

    validate_filters(validation, rule->filters, rule->n_filters, rule);

    validate_count(validation, "backend_refs", rule->n_backend_refs, MAX_BACKEND_REFS);
    for (size_t i = 0; i < rule->n_backend_refs; i++) {
        mark = validation_enter_item(validation, "backend_refs", i);
        validate_backend_ref(validation, rule->backend_refs[i], rule);
        validation_leave(validation, mark);
    }

    if (rule->timeouts != NULL) {
        mark = validation_enter(validation, "timeouts");
        validate_timeouts(validation, rule->timeouts);
        validation_leave(validation, mark);
    }
    if (rule->retry != NULL) {
        mark = validation_enter(validation, "retry");
        validate_retry(validation, rule->retry);
        validation_leave(validation, mark);
    }
    if (rule->session_persistence != NULL) {
        mark = validation_enter(validation, "session_persistence");
        validate_session_persistence(validation, rule->session_persistence);
        validation_leave(validation, mark);
    }
}

static void validate_rules(struct validation *validation, const RouteMessage *route)
{
    size_t match_count = 0;
    for (size_t i = 0; i < route->n_rules; i++)
        match_count += route->rules[i]->n_matches;
    if (route->n_rules > MAX_RULES || match_count > MAX_MATCHES) {
        validation_problem(validation, "rules", "must be at most %d with %d matches in all",
                           MAX_RULES, MAX_MATCHES);
        return;
    }

    for (size_t i = 0; i < route->n_rules; i++) {
        const RouteRuleMessage *rule = route->rules[i];
        size_t mark = validation_enter_item(validation, "rules", i);
        validate_rule(validation, rule);
        for (size_t j = 0; j < i && rule->name[0] != '\0'; j++) {
            if (strcmp(route->rules[j]->name, rule->name) == 0) {
                validation_problem(validation, "name", "is given twice: '%s'", rule->name);
                break;
            }
        }
        validation_leave(validation, mark);
    }
}

/* --- the whole ------------------------------------------------------------------------------ */

bool route_validate(const RouteMessage *route, validate_report_fn *report, void *context)
{
    struct validation validation;
    validation_init(&validation, report, context);
    validation.is_grpc = route->kind == POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC;

    validate_object_name(&validation, "name", route->name);
    if (route->kind != POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_UNSPECIFIED && !validation.is_grpc)
        validation_problem(&validation, "kind", "is unknown: %d", (int)route->kind);
    validate_labels(&validation, route->labels, route->n_labels);

    if (route->created_order > UINT16_MAX)
        validation_problem(&validation, "created_order", "must be at most %d", UINT16_MAX);

    validate_parent_refs(&validation, route);

    validate_count(&validation, "hostnames", route->n_hostnames, MAX_HOSTNAMES);
    for (size_t i = 0; i < route->n_hostnames; i++) {
        size_t mark = validation_enter_item(&validation, "hostnames", i);
        validate_hostname(&validation, route->hostnames[i]);
        validation_leave(&validation, mark);
    }

    validate_rules(&validation, route);
    if (validation.is_grpc)
        validate_grpc_route(&validation, route);

    return validation.is_valid;
}
