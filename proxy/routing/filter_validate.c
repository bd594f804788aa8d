#include "proxy/routing/filter_validate.h"

#include "proxy/routing/external_auth.h"
#include "proxy/routing/path_value.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    MAX_FILTERS = 64,
    MAX_HEADERS = 128,
    MAX_CORS_ITEMS = 256,
    MAX_PERCENT = 100,
    MAX_AUTH_HEADERS = 64,
};

/* --- header modifiers ----------------------------------------------------------------------- */

/* Framing and hop-by-hop headers are the proxy's own business, and Host is URLRewrite's. */
static bool is_reserved_header(struct slice name)
{
    static const char *const reserved[] = {
        "cdn-loop",   "connection", "content-length",     "host",
        "keep-alive", "proxy",      "proxy-authenticate", "proxy-connection",
        "te",         "trailer",    "transfer-encoding",  "upgrade",
    };
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (slice_equals_ignoring_case(name, slice_from_string(reserved[i])))
            return true;
    }
    return false;
}

/* The n-th header name of all three lists together. */
static const char *modified_name(const Pointsman__V1__HeaderModifier *modifier, size_t n)
{
    if (n < modifier->n_set)
        return modifier->set[n]->name;
    n -= modifier->n_set;
    return n < modifier->n_add ? modifier->add[n]->name : modifier->remove[n - modifier->n_add];
}

static void validate_modified_name(struct validation *validation, const char *field,
                                   const Pointsman__V1__HeaderModifier *modifier, size_t n)
{
    const char *name = modified_name(modifier, n);
    validate_header_name(validation, field, name);
    if (is_reserved_header(slice_from_string(name)))
        validation_problem(validation, field, "must not be '%s': the proxy sets it itself", name);
    for (size_t i = 0; i < n; i++) {
        if (slice_equals_ignoring_case(slice_from_string(modified_name(modifier, i)),
                                       slice_from_string(name))) {
            validation_problem(validation, field, "is given twice: '%s'", name);
            return;
        }
    }
}

static void validate_set_or_add(struct validation *validation, const char *field,
                                const Pointsman__V1__HeaderModifier *modifier, size_t first,
                                Pointsman__V1__HttpHeader *const *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t mark = validation_enter_item(validation, field, i);
        validate_modified_name(validation, "name", modifier, first + i);
        validate_header_value(validation, "value", headers[i]->value);
        validation_leave(validation, mark);
    }
}

static void validate_header_modifier(struct validation *validation,
                                     const Pointsman__V1__HeaderModifier *modifier)
{
    size_t total = modifier->n_set + modifier->n_add + modifier->n_remove;
    if (total > MAX_HEADERS) {
        validation_problem(validation, NULL, "must name at most %d headers", MAX_HEADERS);
        return;
    }
    validate_set_or_add(validation, "set", modifier, 0, modifier->set, modifier->n_set);
    validate_set_or_add(validation, "add", modifier, modifier->n_set, modifier->add,
                        modifier->n_add);
    for (size_t i = 0; i < modifier->n_remove; i++) {
        size_t mark = validation_enter_item(validation, "remove", i);
        validate_modified_name(validation, NULL, modifier, modifier->n_set + modifier->n_add + i);
        validation_leave(validation, mark);
    }
}

/* --- redirect and rewrite ------------------------------------------------------------------- */

static bool has_one_prefix_match(const RouteRuleMessage *rule)
{
    if (rule->n_matches == 0)
        return true; /* PathPrefix "/" */
    if (rule->n_matches != 1)
        return false;
    const PathMatchMessage *path = rule->matches[0]->path;
    return path == NULL ||
           path->type == POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_UNSPECIFIED ||
           path->type == POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_PATH_PREFIX;
}

static void validate_replacement(struct validation *validation, const char *field,
                                 const char *value, bool may_be_empty)
{
    if (value[0] == '\0' && may_be_empty)
        return;
    if (strlen(value) > PATH_VALUE_MAX_LENGTH) {
        validation_problem(validation, field, "must have at most %d characters",
                           PATH_VALUE_MAX_LENGTH);
        return;
    }
    const char *problem = path_value_problem(slice_from_string(value));
    if (problem != NULL)
        validation_problem(validation, field, "%s", problem);
}

static void validate_path_modifier(struct validation *validation,
                                   const Pointsman__V1__PathModifier *path,
                                   const RouteRuleMessage *rule)
{
    if (path == NULL)
        return;
    size_t mark = validation_enter(validation, "path");
    switch (path->kind_case) {
    case POINTSMAN__V1__PATH_MODIFIER__KIND_REPLACE_FULL_PATH:
        validate_replacement(validation, "replace_full_path", path->replace_full_path, false);
        break;
    case POINTSMAN__V1__PATH_MODIFIER__KIND_REPLACE_PREFIX_MATCH:
        validate_replacement(validation, "replace_prefix_match", path->replace_prefix_match, true);
        if (!has_one_prefix_match(rule))
            validation_problem(validation, "replace_prefix_match",
                               "needs exactly one PathPrefix match in its rule");
        break;
    case POINTSMAN__V1__PATH_MODIFIER__KIND__NOT_SET:
    case _POINTSMAN__V1__PATH_MODIFIER__KIND__CASE_IS_INT_SIZE:
        validation_problem(validation, NULL, "must replace the full path or the prefix");
        break;
    }
    validation_leave(validation, mark);
}

static void validate_redirect(struct validation *validation,
                              const Pointsman__V1__RequestRedirect *redirect,
                              const RouteRuleMessage *rule)
{
    if (redirect->scheme[0] != '\0' && strcmp(redirect->scheme, "http") != 0 &&
        strcmp(redirect->scheme, "https") != 0)
        validation_problem(validation, "scheme", "must be http or https");
    if (redirect->hostname[0] != '\0')
        validate_precise_hostname(validation, "hostname", redirect->hostname);
    validate_path_modifier(validation, redirect->path, rule);
    validate_port(validation, "port", redirect->port);

    switch (redirect->status_code) {
    case 0:
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
        break;
    default:
        validation_problem(validation, "status_code", "must be 301, 302, 303, 307 or 308");
    }
}

static void validate_rewrite(struct validation *validation,
                             const Pointsman__V1__UrlRewrite *rewrite, const RouteRuleMessage *rule)
{
    if (rewrite->hostname[0] != '\0')
        validate_precise_hostname(validation, "hostname", rewrite->hostname);
    validate_path_modifier(validation, rewrite->path, rule);
}

/* --- mirror and CORS ------------------------------------------------------------------------ */

static void validate_target(struct validation *validation,
                            const Pointsman__V1__BackendObjectReference *ref)
{
    if (ref == NULL) {
        validation_problem(validation, "backend_ref", "must name a Backend");
        return;
    }
    size_t mark = validation_enter(validation, "backend_ref");
    validate_backend_named(validation, ref->group, ref->kind, ref->namespace_, ref->name);
    validate_port(validation, "port", ref->port);
    validation_leave(validation, mark);
}

static void validate_mirror(struct validation *validation,
                            const Pointsman__V1__RequestMirror *mirror)
{
    validate_target(validation, mirror->backend_ref);

    switch (mirror->share_case) {
    case POINTSMAN__V1__REQUEST_MIRROR__SHARE_PERCENT:
        if (mirror->percent > MAX_PERCENT)
            validation_problem(validation, "percent", "must be between 0 and %d", MAX_PERCENT);
        break;
    case POINTSMAN__V1__REQUEST_MIRROR__SHARE_FRACTION: {
        uint32_t denominator = mirror->fraction->denominator;
        if (mirror->fraction->numerator > (denominator == 0 ? MAX_PERCENT : denominator))
            validation_problem(validation, "fraction", "must be at most one");
        break;
    }
    case POINTSMAN__V1__REQUEST_MIRROR__SHARE__NOT_SET:
    case _POINTSMAN__V1__REQUEST_MIRROR__SHARE__CASE_IS_INT_SIZE:
        break;
    }
}

/* A port from 1 to 65535. */
static bool is_origin_port(const char *text)
{
    enum { PORT_DIGITS = 5 };
    size_t length = strlen(text);
    if (length == 0 || length > PORT_DIGITS || strspn(text, "0123456789") != length)
        return false;
    unsigned long port = strtoul(text, NULL, 10);
    return port > 0 && port <= UINT16_MAX;
}

/* Labels of letters of any case, digits and '-'; IPv4 addresses are of the same form. */
static bool is_origin_host(struct slice host)
{
    char before = '.';
    for (size_t i = 0; i < host.length; i++) {
        char c = ascii_lower(host.at[i]);
        bool is_inside = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        if (!is_inside && (c != '.' || before == '.'))
            return false;
        before = c;
    }
    return before != '.';
}

/* "*", or scheme://host[:port] whose host may be "*" or start with "*." */
static bool is_origin(const char *origin)
{
    if (strcmp(origin, "*") == 0)
        return true;
    const char *host = strstr(origin, "://");
    if (host == NULL)
        return false;
    struct slice scheme = slice_of(origin, (size_t)(host - origin));
    if (!slice_equals(scheme, SLICE("http")) && !slice_equals(scheme, SLICE("https")))
        return false;

    host += 3;
    size_t host_length = strcspn(host, ":");
    if (host[host_length] == ':' && !is_origin_port(host + host_length + 1))
        return false;
    if (host_length == 1 && *host == '*')
        return true;
    size_t wildcard_length = strncmp(host, "*.", 2) == 0 ? 2 : 0;
    return is_origin_host(slice_of(host + wildcard_length, host_length - wildcard_length));
}

/* These lists are sets: what stands in them twice is a slip. */
static void validate_given_once(struct validation *validation, char *const *items, size_t i,
                                int (*compare)(const char *, const char *))
{
    for (size_t j = 0; j < i; j++) {
        if (compare(items[j], items[i]) == 0) {
            validation_problem(validation, NULL, "is given twice: '%s'", items[i]);
            return;
        }
    }
}

static void validate_origins(struct validation *validation, const Pointsman__V1__Cors *cors)
{
    if (cors->n_allow_origins > MAX_CORS_ITEMS) {
        validation_problem(validation, "allow_origins", "must be at most %d", MAX_CORS_ITEMS);
        return;
    }
    for (size_t i = 0; i < cors->n_allow_origins; i++) {
        size_t mark = validation_enter_item(validation, "allow_origins", i);
        if (!is_origin(cors->allow_origins[i]))
            validation_problem(validation, NULL,
                               "must be '*' or an origin like https://*.example.com");
        else if (strcmp(cors->allow_origins[i], "*") == 0 && cors->n_allow_origins > 1)
            validation_problem(validation, NULL, "'*' must stand alone");
        validate_given_once(validation, cors->allow_origins, i, strcmp);
        validation_leave(validation, mark);
    }
}

static void validate_cors_method(struct validation *validation, const char *method)
{
    if (!is_known_method(method))
        validation_problem(validation, NULL, "must be '*' or one of " KNOWN_METHODS);
}

static void validate_cors_header(struct validation *validation, const char *name)
{
    validate_header_name(validation, NULL, name);
}

/* "*" stands for all, so that others beside it mean nothing; where the Gateway API takes them, so
 * do we. */
static void validate_names_or_star(struct validation *validation, const char *field,
                                   char *const *names, size_t count, bool star_may_have_others,
                                   void (*validate)(struct validation *, const char *))
{
    if (count > MAX_CORS_ITEMS) {
        validation_problem(validation, field, "must be at most %d", MAX_CORS_ITEMS);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t mark = validation_enter_item(validation, field, i);
        if (strcmp(names[i], "*") != 0)
            validate(validation, names[i]);
        else if (count > 1 && !star_may_have_others)
            validation_problem(validation, NULL, "'*' must stand alone");
        validate_given_once(validation, names, i, strcmp);
        validation_leave(validation, mark);
    }
}

static void validate_cors(struct validation *validation, const Pointsman__V1__Cors *cors)
{
    validate_origins(validation, cors);
    validate_names_or_star(validation, "allow_methods", cors->allow_methods, cors->n_allow_methods,
                           false, validate_cors_method);
    validate_names_or_star(validation, "allow_headers", cors->allow_headers, cors->n_allow_headers,
                           false, validate_cors_header);
    validate_names_or_star(validation, "expose_headers", cors->expose_headers,
                           cors->n_expose_headers, true, validate_cors_header);
    if (cors->max_age_presence_case == POINTSMAN__V1__CORS__MAX_AGE_PRESENCE_MAX_AGE &&
        cors->max_age == 0)
        validation_problem(validation, "max_age", "must be at least 1");
}

/* --- authorization -------------------------------------------------------------------------- */

/* Beside those that no filter may edit: what never leaves its connection could not be told, nor
 * taken over. */
static bool is_of_connection(const char *name)
{
    struct slice text = slice_from_string(name);
    return is_reserved_header(text) ||
           (header_name_traits(header_name_id(text)) & HEADER_IS_PER_HOP) != 0;
}

/* Those that every service gets: that they are named too does no harm. */
static bool is_always_told(const char *name)
{
    return strcasecmp(name, "host") == 0 || strcasecmp(name, "content-length") == 0 ||
           strcasecmp(name, "cdn-loop") == 0;
}

static void validate_told_header(struct validation *validation, const char *name)
{
    if (is_of_connection(name) && !is_always_told(name))
        validation_problem(validation, NULL, "must not be '%s': it is of one connection", name);
}

/* With '_' it would be to a service what another header is that clients may send. */
static void validate_answer_header(struct validation *validation, const char *name)
{
    if (is_of_connection(name))
        validation_problem(validation, NULL, "must not be '%s': the proxy sets it itself", name);
    else if (strchr(name, '_') != NULL)
        validation_problem(validation, NULL, "must not have '_', which no request's header has");
}

static void validate_auth_headers(struct validation *validation, const char *field,
                                  char *const *names, size_t count,
                                  void (*validate)(struct validation *, const char *))
{
    if (count > MAX_AUTH_HEADERS) {
        validation_problem(validation, field, "must be at most %d", MAX_AUTH_HEADERS);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t mark = validation_enter_item(validation, field, i);
        validate_header_name(validation, NULL, names[i]);
        if (strcmp(names[i], "*") == 0)
            validation_problem(validation, NULL, "must be the name of one header");
        validate(validation, names[i]);
        validate_given_once(validation, names, i, strcasecmp);
        validation_leave(validation, mark);
    }
}

static void validate_auth_http(struct validation *validation, const Pointsman__V1__HttpAuth *http)
{
    size_t mark = validation_enter(validation, "http");
    validate_replacement(validation, "path", http->path, true);
    validate_auth_headers(validation, "allowed_headers", http->allowed_headers,
                          http->n_allowed_headers, validate_told_header);
    validate_auth_headers(validation, "allowed_response_headers", http->allowed_response_headers,
                          http->n_allowed_response_headers, validate_answer_header);
    validation_leave(validation, mark);
}

static void validate_auth_grpc(struct validation *validation, const Pointsman__V1__GrpcAuth *grpc)
{
    size_t mark = validation_enter(validation, "grpc");
    validate_auth_headers(validation, "allowed_headers", grpc->allowed_headers,
                          grpc->n_allowed_headers, validate_told_header);
    validation_leave(validation, mark);
}

static void validate_auth_protocol(struct validation *validation,
                                   const Pointsman__V1__ExternalAuth *auth)
{
    switch (auth->protocol) {
    case POINTSMAN__V1__EXTERNAL_AUTH_PROTOCOL__EXTERNAL_AUTH_PROTOCOL_HTTP:
        if (auth->http == NULL)
            validation_problem(validation, "http", "must be there with protocol HTTP");
        if (auth->grpc != NULL)
            validation_problem(validation, "grpc", "does not go together with protocol HTTP");
        return;
    case POINTSMAN__V1__EXTERNAL_AUTH_PROTOCOL__EXTERNAL_AUTH_PROTOCOL_GRPC:
        if (auth->grpc == NULL)
            validation_problem(validation, "grpc", "must be there with protocol GRPC");
        if (auth->http != NULL)
            validation_problem(validation, "http", "does not go together with protocol GRPC");
        return;
    case POINTSMAN__V1__EXTERNAL_AUTH_PROTOCOL__EXTERNAL_AUTH_PROTOCOL_UNSPECIFIED:
    case _POINTSMAN__V1__EXTERNAL_AUTH_PROTOCOL_IS_INT_SIZE:
        break;
    }
    validation_problem(validation, "protocol", "must be HTTP or GRPC");
}

static void validate_auth(struct validation *validation, const Pointsman__V1__ExternalAuth *auth,
                          bool is_of_rule)
{
    if (!is_of_rule)
        validation_problem(validation, NULL, "is of rules alone, not of backendRefs");
    validate_auth_protocol(validation, auth);
    validate_target(validation, auth->backend_ref);
    if (auth->http != NULL)
        validate_auth_http(validation, auth->http);
    if (auth->grpc != NULL)
        validate_auth_grpc(validation, auth->grpc);
    if (auth->forward_body != NULL && auth->forward_body->max_size > EXTERNAL_AUTH_BODY_MAX_BYTES)
        validation_problem(validation, "forward_body.max_size", "must be at most %d",
                           EXTERNAL_AUTH_BODY_MAX_BYTES);
}

/* --- the list ------------------------------------------------------------------------------- */

static void validate_filter(struct validation *validation, const FilterMessage *filter,
                            const RouteRuleMessage *rule, bool is_of_rule)
{
    const char *field = NULL;
    for (unsigned i = 0; i < filter->base.descriptor->n_fields; i++) {
        if (filter->base.descriptor->fields[i].id == (uint32_t)filter->kind_case)
            field = filter->base.descriptor->fields[i].name;
    }
    if (field == NULL) {
        validation_problem(validation, NULL, "must be one of the known filters");
        return;
    }

    size_t mark = validation_enter(validation, field);
    switch (filter->kind_case) {
    case POINTSMAN__V1__FILTER__KIND_REQUEST_HEADER_MODIFIER:
        validate_header_modifier(validation, filter->request_header_modifier);
        break;
    case POINTSMAN__V1__FILTER__KIND_RESPONSE_HEADER_MODIFIER:
        validate_header_modifier(validation, filter->response_header_modifier);
        break;
    case POINTSMAN__V1__FILTER__KIND_REQUEST_REDIRECT:
        validate_redirect(validation, filter->request_redirect, rule);
        break;
    case POINTSMAN__V1__FILTER__KIND_URL_REWRITE:
        validate_rewrite(validation, filter->url_rewrite, rule);
        break;
    case POINTSMAN__V1__FILTER__KIND_REQUEST_MIRROR:
        validate_mirror(validation, filter->request_mirror);
        break;
    case POINTSMAN__V1__FILTER__KIND_CORS:
        validate_cors(validation, filter->cors);
        break;
    case POINTSMAN__V1__FILTER__KIND_EXTERNAL_AUTH:
        validate_auth(validation, filter->external_auth, is_of_rule);
        break;
    case POINTSMAN__V1__FILTER__KIND__NOT_SET:
    case _POINTSMAN__V1__FILTER__KIND__CASE_IS_INT_SIZE:
        break;
    }
    validation_leave(validation, mark);
}

static bool has_kind(FilterMessage *const *filters, size_t count,
                     Pointsman__V1__Filter__KindCase kind)
{
    for (size_t i = 0; i < count; i++) {
        if (filters[i]->kind_case == kind)
            return true;
    }
    return false;
}

void validate_filters(struct validation *validation, FilterMessage *const *filters, size_t count,
                      const RouteRuleMessage *rule)
{
    if (count > MAX_FILTERS) {
        validation_problem(validation, "filters", "must be at most %d", MAX_FILTERS);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t mark = validation_enter_item(validation, "filters", i);
        validate_filter(validation, filters[i], rule, filters == rule->filters);
        if (filters[i]->kind_case != POINTSMAN__V1__FILTER__KIND_REQUEST_MIRROR &&
            has_kind(filters, i, filters[i]->kind_case))
            validation_problem(validation, NULL, "is of a kind that is there already");
        if (filters[i]->kind_case == POINTSMAN__V1__FILTER__KIND_REQUEST_REDIRECT &&
            has_kind(filters, count, POINTSMAN__V1__FILTER__KIND_URL_REWRITE))
            validation_problem(validation, NULL, "does not go together with a URLRewrite");
        /* In a backendRef it redirects what would have gone there. */
        if (filters[i]->kind_case == POINTSMAN__V1__FILTER__KIND_REQUEST_REDIRECT &&
            filters == rule->filters && rule->n_backend_refs > 0)
            validation_problem(validation, "request_redirect",
                               "does not go together with backends to forward to");
        validation_leave(validation, mark);
    }
}
