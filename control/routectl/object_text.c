#include "control/routectl/object_text.h"

#include "control/routectl/endpoint_scheme.h"

#include <inttypes.h>
#include <string.h>

const char *object_kind_word(Pointsman__V1__ObjectKind kind)
{
    return kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND ? "backend" : "route";
}

/* ", " before everything but the first. */
static void append_separator(struct buffer *to, size_t start)
{
    if (to->length > start)
        buffer_append_string(to, ", ");
}

void append_labels(struct buffer *to, LabelMessage *const *labels, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_printf(to, "%s%s=%s", i == 0 ? "" : ",", labels[i]->key, labels[i]->value);
}

/* --- matches -------------------------------------------------------------------------------- */

static void append_path(struct buffer *to, const PathMatchMessage *path)
{
    const char *value = path == NULL || *path->value == '\0' ? "/" : path->value;
    bool ends_in_slash = value[strlen(value) - 1] == '/';
    switch (path == NULL ? POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_UNSPECIFIED
                         : path->type) {
    case POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_EXACT:
        buffer_append_string(to, value);
        return;
    case POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_REGULAR_EXPRESSION:
        buffer_printf(to, "~%s", value);
        return;
    case POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_GRPC_METHOD:
        buffer_printf(to, "/*/%s", value);
        return;
    case POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_PATH_PREFIX:
    case POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_UNSPECIFIED:
    case _POINTSMAN__V1__PATH_MATCH_TYPE_IS_INT_SIZE:
        break;
    }
    buffer_printf(to, "%s%s", value, ends_in_slash ? "*" : "/*");
}

static const char *equals_sign(Pointsman__V1__ValueMatchType type)
{
    bool is_regex = type == POINTSMAN__V1__VALUE_MATCH_TYPE__VALUE_MATCH_TYPE_REGULAR_EXPRESSION;
    return is_regex ? "~" : "=";
}

void append_match(struct buffer *to, const RouteMatchMessage *match)
{
    if (*match->method != '\0')
        buffer_printf(to, "%s ", match->method);
    append_path(to, match->path);
    for (size_t i = 0; i < match->n_headers; i++) {
        const HeaderMatchMessage *header = match->headers[i];
        buffer_printf(to, " %s%s%s", header->name, equals_sign(header->type), header->value);
    }
    for (size_t i = 0; i < match->n_query_params; i++) {
        const QueryParamMatchMessage *param = match->query_params[i];
        buffer_printf(to, " ?%s%s%s", param->name, equals_sign(param->type), param->value);
    }
}

void append_matches(struct buffer *to, const RouteRuleMessage *rule)
{
    for (size_t i = 0; i < rule->n_matches; i++) {
        buffer_append_string(to, i == 0 ? "" : ", ");
        append_match(to, rule->matches[i]);
    }
    if (rule->n_matches == 0)
        buffer_append_string(to, "/*");
}

/* --- filters -------------------------------------------------------------------------------- */

static void append_reference(struct buffer *to, const char *namespace_name, const char *name,
                             uint32_t port)
{
    buffer_printf(to, "%s%s%s", namespace_name, *namespace_name == '\0' ? "" : "/", name);
    if (port != 0)
        buffer_printf(to, ":%" PRIu32, port);
}

static void append_header_edits(struct buffer *to, const char *whose,
                                const Pointsman__V1__HeaderModifier *modifier)
{
    size_t start = to->length;
    for (size_t i = 0; i < modifier->n_set; i++) {
        append_separator(to, start);
        buffer_printf(to, "set %s%s=%s", whose, modifier->set[i]->name, modifier->set[i]->value);
    }
    for (size_t i = 0; i < modifier->n_add; i++) {
        append_separator(to, start);
        buffer_printf(to, "add %s%s=%s", whose, modifier->add[i]->name, modifier->add[i]->value);
    }
    for (size_t i = 0; i < modifier->n_remove; i++) {
        append_separator(to, start);
        buffer_printf(to, "remove %s%s", whose, modifier->remove[i]);
    }
}

static void append_path_change(struct buffer *to, const Pointsman__V1__PathModifier *path)
{
    if (path == NULL)
        return;
    if (path->kind_case == POINTSMAN__V1__PATH_MODIFIER__KIND_REPLACE_PREFIX_MATCH)
        buffer_printf(to, " prefix %s", path->replace_prefix_match);
    else if (path->kind_case == POINTSMAN__V1__PATH_MODIFIER__KIND_REPLACE_FULL_PATH)
        buffer_printf(to, " path %s", path->replace_full_path);
}

static void append_redirect(struct buffer *to, const Pointsman__V1__RequestRedirect *redirect)
{
    buffer_printf(to, "redirect %" PRIu32,
                  redirect->status_code == 0 ? 302 : redirect->status_code);
    if (*redirect->scheme != '\0')
        buffer_printf(to, " scheme %s", redirect->scheme);
    if (*redirect->hostname != '\0')
        buffer_printf(to, " host %s", redirect->hostname);
    if (redirect->port != 0)
        buffer_printf(to, " port %" PRIu32, redirect->port);
    append_path_change(to, redirect->path);
}

static void append_mirror(struct buffer *to, const Pointsman__V1__RequestMirror *mirror)
{
    buffer_append_string(to, "mirror to ");
    if (mirror->backend_ref != NULL)
        append_reference(to, mirror->backend_ref->namespace_, mirror->backend_ref->name,
                         mirror->backend_ref->port);
    if (mirror->share_case == POINTSMAN__V1__REQUEST_MIRROR__SHARE_PERCENT)
        buffer_printf(to, " %" PRIu32 "%%", mirror->percent);
    else if (mirror->share_case == POINTSMAN__V1__REQUEST_MIRROR__SHARE_FRACTION)
        buffer_printf(to, " %" PRIu32 "/%" PRIu32, mirror->fraction->numerator,
                      mirror->fraction->denominator == 0 ? 100 : mirror->fraction->denominator);
}

static void append_cors(struct buffer *to, const Pointsman__V1__Cors *cors)
{
    buffer_append_string(to, "cors");
    for (size_t i = 0; i < cors->n_allow_origins; i++)
        buffer_printf(to, " %s", cors->allow_origins[i]);
}

static void append_auth(struct buffer *to, const Pointsman__V1__ExternalAuth *auth)
{
    buffer_append_string(to, "ask ");
    if (auth->backend_ref != NULL)
        append_reference(to, auth->backend_ref->namespace_, auth->backend_ref->name,
                         auth->backend_ref->port);
    if (auth->grpc != NULL)
        buffer_append_string(to, " by gRPC");
    if (auth->http != NULL && *auth->http->path != '\0')
        buffer_printf(to, " at %s", auth->http->path);
    if (auth->forward_body != NULL && auth->forward_body->max_size > 0)
        buffer_printf(to, " with bodies up to %" PRIu32 " bytes", auth->forward_body->max_size);
}

void append_filter(struct buffer *to, const FilterMessage *filter)
{
    switch (filter->kind_case) {
    case POINTSMAN__V1__FILTER__KIND_REQUEST_HEADER_MODIFIER:
        append_header_edits(to, "", filter->request_header_modifier);
        return;
    case POINTSMAN__V1__FILTER__KIND_RESPONSE_HEADER_MODIFIER:
        append_header_edits(to, "response ", filter->response_header_modifier);
        return;
    case POINTSMAN__V1__FILTER__KIND_REQUEST_REDIRECT:
        append_redirect(to, filter->request_redirect);
        return;
    case POINTSMAN__V1__FILTER__KIND_URL_REWRITE:
        buffer_append_string(to, "rewrite");
        if (*filter->url_rewrite->hostname != '\0')
            buffer_printf(to, " host %s", filter->url_rewrite->hostname);
        append_path_change(to, filter->url_rewrite->path);
        return;
    case POINTSMAN__V1__FILTER__KIND_REQUEST_MIRROR:
        append_mirror(to, filter->request_mirror);
        return;
    case POINTSMAN__V1__FILTER__KIND_CORS:
        append_cors(to, filter->cors);
        return;
    case POINTSMAN__V1__FILTER__KIND_EXTERNAL_AUTH:
        append_auth(to, filter->external_auth);
        return;
    case POINTSMAN__V1__FILTER__KIND__NOT_SET:
    case _POINTSMAN__V1__FILTER__KIND__CASE_IS_INT_SIZE:
        return;
    }
}

/* --- targets -------------------------------------------------------------------------------- */

/* "users-v1:8080 90" */
static void append_backend_ref(struct buffer *to, const BackendRefMessage *ref)
{
    append_reference(to, ref->namespace_, ref->name, ref->port);
    if (ref->weight_presence_case == POINTSMAN__V1__BACKEND_REF__WEIGHT_PRESENCE_WEIGHT)
        buffer_printf(to, " %" PRIu32, ref->weight);
}

void append_targets(struct buffer *to, const RouteRuleMessage *rule)
{
    size_t start = to->length;
    for (size_t i = 0; i < rule->n_filters; i++) {
        if (rule->filters[i]->kind_case == POINTSMAN__V1__FILTER__KIND_REQUEST_REDIRECT) {
            append_separator(to, start);
            append_filter(to, rule->filters[i]);
        }
    }
    for (size_t i = 0; i < rule->n_backend_refs; i++) {
        append_separator(to, start);
        append_backend_ref(to, rule->backend_refs[i]);
    }
    if (to->length == start)
        buffer_append_string(to, "500");
}

void append_endpoint(struct buffer *to, const EndpointMessage *endpoint,
                     const BackendMessage *backend)
{
    const char *scheme = backend == NULL ? "http" : endpoint_scheme_of_backend(backend)->name;
    bool is_ipv6 = strchr(endpoint->address, ':') != NULL;
    if (*endpoint->unix_path != '\0')
        buffer_printf(to, "unix:%s", endpoint->unix_path);
    else
        buffer_printf(to, "%s://%s%s%s", scheme, is_ipv6 ? "[" : "", endpoint->address,
                      is_ipv6 ? "]" : "");
    if (endpoint->port != 0)
        buffer_printf(to, ":%" PRIu32, endpoint->port);
    if (endpoint->weight_presence_case == POINTSMAN__V1__ENDPOINT__WEIGHT_PRESENCE_WEIGHT)
        buffer_printf(to, "@%" PRIu32, endpoint->weight);
}

const char *policy_name(const BackendMessage *backend)
{
    if (backend->load_balancing == NULL)
        return "LeastRequest";
    switch (backend->load_balancing->policy) {
    case POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_ROUND_ROBIN:
        return "RoundRobin";
    case POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_RANDOM:
        return "Random";
    case POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_CONSISTENT_HASH:
        return "ConsistentHash";
    case POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_LEAST_REQUEST:
    case POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_UNSPECIFIED:
    case _POINTSMAN__V1__LOAD_BALANCING_POLICY_IS_INT_SIZE:
        break;
    }
    return "LeastRequest";
}
