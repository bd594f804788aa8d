#include "control/routectl/filter_args.h"

#include "common/duration.h"
#include "control/routectl/flag_values.h"

#include <string.h>

enum { MAX_PORT = 65535, MAX_STATUS = 999, MAX_PERCENT = 100 };

/* A new filter at the end of the rule's; the caller sets its kind. */
static FilterMessage *add_filter(RouteRuleMessage *rule, struct draft *draft)
{
    FilterMessage *filter =
        ARENA_MESSAGE(&draft->arena, FilterMessage, pointsman__v1__filter__init);
    ARENA_APPEND(&draft->arena, rule->filters, rule->n_filters, filter);
    return filter;
}

/* Says which flag gave a field of the rule's newest filter. */
static void remember(const RouteRuleMessage *rule, struct draft *draft, const char *flag,
                     const char *value, const char *field)
{
    draft_set_origin(draft, flag, value, "put_route.rules[0].filters[%zu].%s", rule->n_filters - 1,
                     field);
}

static char *copy(struct draft *draft, const char *text)
{
    return arena_string(&draft->arena, text, strlen(text));
}

/* Sets a plain text field of the newest filter, when its flag was given. */
static void set_text(const RouteRuleMessage *rule, struct draft *draft, const char *flag,
                     const char *value, const char *field, char **to)
{
    if (value == NULL)
        return;
    *to = copy(draft, value);
    remember(rule, draft, flag, value, field);
}

/* --- header edits --------------------------------------------------------------------------- */

/* The names of the flags and fields of one of the two header filters. */
struct edit_names {
    const char *set_flag, *add_flag, *remove_flag;
    const char *field;
};

static bool add_header_values(const char *flag, const struct option_list *items, const char *field,
                              const RouteRuleMessage *rule, Pointsman__V1__HttpHeader ***headers,
                              size_t *header_count, struct draft *draft, struct error *err)
{
    struct arena *arena = &draft->arena;
    for (size_t i = 0; i < items->count; i++) {
        Pointsman__V1__HttpHeader *header =
            ARENA_MESSAGE(arena, Pointsman__V1__HttpHeader, pointsman__v1__http_header__init);
        if (!flag_pair(flag, items->items[i], arena, &header->name, &header->value, err))
            return false;
        remember(rule, draft, flag, items->items[i], arena_printf(arena, "%s[%zu]", field, i));
        ARENA_APPEND(arena, *headers, *header_count, header);
    }
    return true;
}

static bool add_header_edits(const struct header_edits *edits, const struct edit_names *names,
                             FilterMessage *filter, const RouteRuleMessage *rule,
                             struct draft *draft, struct error *err)
{
    struct arena *arena = &draft->arena;
    Pointsman__V1__HeaderModifier *modifier =
        ARENA_MESSAGE(arena, Pointsman__V1__HeaderModifier, pointsman__v1__header_modifier__init);
    filter->request_header_modifier = modifier; /* both kinds share this place */
    remember(rule, draft,
             edits->set.count > 0   ? names->set_flag
             : edits->add.count > 0 ? names->add_flag
                                    : names->remove_flag,
             "", names->field);

    for (size_t i = 0; i < edits->remove.count; i++) {
        remember(rule, draft, names->remove_flag, edits->remove.items[i],
                 arena_printf(arena, "%s.remove[%zu]", names->field, i));
        ARENA_APPEND(arena, modifier->remove, modifier->n_remove,
                     copy(draft, edits->remove.items[i]));
    }
    return add_header_values(names->set_flag, &edits->set,
                             arena_printf(arena, "%s.set", names->field), rule, &modifier->set,
                             &modifier->n_set, draft, err) &&
           add_header_values(names->add_flag, &edits->add,
                             arena_printf(arena, "%s.add", names->field), rule, &modifier->add,
                             &modifier->n_add, draft, err);
}

static bool has_edits(const struct header_edits *edits)
{
    return edits->set.count + edits->add.count + edits->remove.count > 0;
}

static bool build_header_edits(const struct route_args *args, RouteRuleMessage *rule,
                               struct draft *draft, struct error *err)
{
    static const struct edit_names request = {"--set-header", "--add-header", "--remove-header",
                                              "request_header_modifier"};
    static const struct edit_names response = {"--set-response-header", "--add-response-header",
                                               "--remove-response-header",
                                               "response_header_modifier"};
    if (has_edits(&args->request_headers)) {
        FilterMessage *filter = add_filter(rule, draft);
        filter->kind_case = POINTSMAN__V1__FILTER__KIND_REQUEST_HEADER_MODIFIER;
        if (!add_header_edits(&args->request_headers, &request, filter, rule, draft, err))
            return false;
    }
    if (has_edits(&args->response_headers)) {
        FilterMessage *filter = add_filter(rule, draft);
        filter->kind_case = POINTSMAN__V1__FILTER__KIND_RESPONSE_HEADER_MODIFIER;
        if (!add_header_edits(&args->response_headers, &response, filter, rule, draft, err))
            return false;
    }
    return true;
}

/* --- redirect and rewrite ------------------------------------------------------------------- */

/* The path change that at most one of two flags asks for; NULL when none does. */
static bool make_path(const char *full_flag, const char *full, const char *prefix_flag,
                      const char *prefix, const char *filter_name, const RouteRuleMessage *rule,
                      struct draft *draft, Pointsman__V1__PathModifier **path, struct error *err)
{
    struct arena *arena = &draft->arena;
    *path = NULL;
    if (full == NULL && prefix == NULL)
        return true;
    if (full != NULL && prefix != NULL)
        return error_set(err, ERROR_INVALID, "%s and %s exclude each other", full_flag,
                         prefix_flag);

    *path = ARENA_MESSAGE(arena, Pointsman__V1__PathModifier, pointsman__v1__path_modifier__init);
    if (full != NULL) {
        (*path)->kind_case = POINTSMAN__V1__PATH_MODIFIER__KIND_REPLACE_FULL_PATH;
        (*path)->replace_full_path = copy(draft, full);
        remember(rule, draft, full_flag, full, arena_printf(arena, "%s.path", filter_name));
    } else {
        (*path)->kind_case = POINTSMAN__V1__PATH_MODIFIER__KIND_REPLACE_PREFIX_MATCH;
        (*path)->replace_prefix_match = copy(draft, prefix);
        remember(rule, draft, prefix_flag, prefix, arena_printf(arena, "%s.path", filter_name));
    }
    return true;
}

bool filter_args_redirects(const struct route_args *args)
{
    const struct redirect_args *given = &args->redirect;
    return given->scheme != NULL || given->host != NULL || given->path != NULL ||
           given->prefix != NULL || given->port != NULL || given->code != NULL;
}

static bool build_redirect(const struct route_args *args, RouteRuleMessage *rule,
                           struct draft *draft, struct error *err)
{
    if (!filter_args_redirects(args))
        return true;

    const struct redirect_args *given = &args->redirect;
    FilterMessage *filter = add_filter(rule, draft);
    Pointsman__V1__RequestRedirect *redirect = ARENA_MESSAGE(
        &draft->arena, Pointsman__V1__RequestRedirect, pointsman__v1__request_redirect__init);
    filter->kind_case = POINTSMAN__V1__FILTER__KIND_REQUEST_REDIRECT;
    filter->request_redirect = redirect;
    remember(rule, draft, "--redirect-...", "", "request_redirect");
    set_text(rule, draft, "--redirect-scheme", given->scheme, "request_redirect.scheme",
             &redirect->scheme);
    set_text(rule, draft, "--redirect-host", given->host, "request_redirect.hostname",
             &redirect->hostname);

    if (given->port != NULL) {
        if (!flag_number("--redirect-port", given->port, MAX_PORT, &redirect->port, err))
            return false;
        remember(rule, draft, "--redirect-port", given->port, "request_redirect.port");
    }
    if (given->code != NULL) {
        if (!flag_number("--redirect-code", given->code, MAX_STATUS, &redirect->status_code, err))
            return false;
        remember(rule, draft, "--redirect-code", given->code, "request_redirect.status_code");
    }
    return make_path("--redirect-path", given->path, "--redirect-prefix", given->prefix,
                     "request_redirect", rule, draft, &redirect->path, err);
}

static bool build_rewrite(const struct route_args *args, RouteRuleMessage *rule,
                          struct draft *draft, struct error *err)
{
    if (args->rewrite_host == NULL && args->rewrite_path == NULL && args->rewrite_prefix == NULL)
        return true;

    FilterMessage *filter = add_filter(rule, draft);
    Pointsman__V1__UrlRewrite *rewrite =
        ARENA_MESSAGE(&draft->arena, Pointsman__V1__UrlRewrite, pointsman__v1__url_rewrite__init);
    filter->kind_case = POINTSMAN__V1__FILTER__KIND_URL_REWRITE;
    filter->url_rewrite = rewrite;
    remember(rule, draft, "--rewrite-...", "", "url_rewrite");
    set_text(rule, draft, "--rewrite-host", args->rewrite_host, "url_rewrite.hostname",
             &rewrite->hostname);
    return make_path("--rewrite-path", args->rewrite_path, "--rewrite-prefix", args->rewrite_prefix,
                     "url_rewrite", rule, draft, &rewrite->path, err);
}

/* --- mirror --------------------------------------------------------------------------------- */

/* "10%" or "1/3" */
static bool set_share(const char *share, Pointsman__V1__RequestMirror *mirror, struct draft *draft,
                      struct error *err)
{
    static const char flag[] = "--mirror";
    struct arena *arena = &draft->arena;
    size_t length = strlen(share);
    const char *slash = strchr(share, '/');
    if (slash != NULL) {
        mirror->fraction =
            ARENA_MESSAGE(arena, Pointsman__V1__Fraction, pointsman__v1__fraction__init);
        mirror->share_case = POINTSMAN__V1__REQUEST_MIRROR__SHARE_FRACTION;
        return flag_number(flag, arena_string(arena, share, (size_t)(slash - share)), UINT32_MAX,
                           &mirror->fraction->numerator, err) &&
               flag_number(flag, slash + 1, UINT32_MAX, &mirror->fraction->denominator, err);
    }
    if (length == 0 || share[length - 1] != '%')
        return error_set(err, ERROR_INVALID, "%s: the share '%s' is neither like 10%% nor like 1/3",
                         flag, share);
    mirror->share_case = POINTSMAN__V1__REQUEST_MIRROR__SHARE_PERCENT;
    return flag_number(flag, arena_string(arena, share, length - 1), MAX_PERCENT, &mirror->percent,
                       err);
}

static Pointsman__V1__BackendObjectReference *make_reference(const struct flag_reference *given,
                                                             struct arena *arena)
{
    Pointsman__V1__BackendObjectReference *reference =
        ARENA_MESSAGE(arena, Pointsman__V1__BackendObjectReference,
                      pointsman__v1__backend_object_reference__init);
    reference->namespace_ = given->namespace_name;
    reference->name = given->name;
    reference->port = given->port;
    return reference;
}

static bool build_mirrors(const struct option_list *mirrors, RouteRuleMessage *rule,
                          struct draft *draft, struct error *err)
{
    struct arena *arena = &draft->arena;
    for (size_t i = 0; i < mirrors->count; i++) {
        FilterMessage *filter = add_filter(rule, draft);
        Pointsman__V1__RequestMirror *mirror =
            ARENA_MESSAGE(arena, Pointsman__V1__RequestMirror, pointsman__v1__request_mirror__init);
        filter->kind_case = POINTSMAN__V1__FILTER__KIND_REQUEST_MIRROR;
        filter->request_mirror = mirror;
        remember(rule, draft, "--mirror", mirrors->items[i], "request_mirror");

        struct flag_reference reference;
        if (!flag_reference("--mirror", mirrors->items[i], arena, &reference, err))
            return false;
        mirror->backend_ref = make_reference(&reference, arena);
        if (reference.share != NULL && !set_share(reference.share, mirror, draft, err))
            return false;
    }
    return true;
}

/* --- CORS ----------------------------------------------------------------------------------- */

static void add_texts(const char *flag, const struct option_list *items, const char *field,
                      const RouteRuleMessage *rule, char ***to, size_t *count, struct draft *draft)
{
    for (size_t i = 0; i < items->count; i++) {
        remember(rule, draft, flag, items->items[i],
                 arena_printf(&draft->arena, "%s[%zu]", field, i));
        ARENA_APPEND(&draft->arena, *to, *count, copy(draft, items->items[i]));
    }
}

static bool set_max_age(const char *text, Pointsman__V1__Cors *cors, struct error *err)
{
    uint64_t milliseconds;
    if (!duration_parse(text, &milliseconds, err))
        return error_prefix(err, "--cors-max-age: ");
    if (milliseconds % 1000 != 0 || milliseconds / 1000 > UINT32_MAX)
        return error_set(err, ERROR_INVALID,
                         "--cors-max-age: '%s' is not a number of whole seconds", text);
    cors->max_age = (uint32_t)(milliseconds / 1000);
    cors->max_age_presence_case = POINTSMAN__V1__CORS__MAX_AGE_PRESENCE_MAX_AGE;
    return true;
}

static bool build_cors(const struct cors_args *args, RouteRuleMessage *rule, struct draft *draft,
                       struct error *err)
{
    if (args->origins.count + args->methods.count + args->headers.count + args->exposed.count ==
            0 &&
        !args->allow_credentials && args->max_age == NULL)
        return true;

    FilterMessage *filter = add_filter(rule, draft);
    Pointsman__V1__Cors *cors =
        ARENA_MESSAGE(&draft->arena, Pointsman__V1__Cors, pointsman__v1__cors__init);
    filter->kind_case = POINTSMAN__V1__FILTER__KIND_CORS;
    filter->cors = cors;
    cors->allow_credentials = args->allow_credentials;
    remember(rule, draft, "--cors-...", "", "cors");
    add_texts("--cors-origin", &args->origins, "cors.allow_origins", rule, &cors->allow_origins,
              &cors->n_allow_origins, draft);
    add_texts("--cors-method", &args->methods, "cors.allow_methods", rule, &cors->allow_methods,
              &cors->n_allow_methods, draft);
    add_texts("--cors-header", &args->headers, "cors.allow_headers", rule, &cors->allow_headers,
              &cors->n_allow_headers, draft);
    add_texts("--cors-expose", &args->exposed, "cors.expose_headers", rule, &cors->expose_headers,
              &cors->n_expose_headers, draft);
    return args->max_age == NULL || set_max_age(args->max_age, cors, err);
}

/* --- authorization -------------------------------------------------------------------------- */

/* The first flag that says something of a question nobody is asked; NULL: none does. */
static const char *flag_without_auth(const struct auth_args *args)
{
    if (args->protocol != NULL)
        return "--auth-protocol";
    if (args->path != NULL)
        return "--auth-path";
    if (args->headers.count > 0)
        return "--auth-header";
    if (args->answer_headers.count > 0)
        return "--auth-response-header";
    return args->max_body == NULL ? NULL : "--auth-max-body";
}

/* The same of what a service of gRPC is not told, or does not tell. */
static const char *flag_of_http_auth(const struct auth_args *args)
{
    if (args->path != NULL)
        return "--auth-path";
    return args->answer_headers.count > 0 ? "--auth-response-header" : NULL;
}

static void build_http_auth(const struct auth_args *args, Pointsman__V1__ExternalAuth *auth,
                            RouteRuleMessage *rule, struct draft *draft)
{
    Pointsman__V1__HttpAuth *http =
        ARENA_MESSAGE(&draft->arena, Pointsman__V1__HttpAuth, pointsman__v1__http_auth__init);
    auth->protocol = POINTSMAN__V1__EXTERNAL_AUTH_PROTOCOL__EXTERNAL_AUTH_PROTOCOL_HTTP;
    auth->http = http;
    set_text(rule, draft, "--auth-path", args->path, "external_auth.http.path", &http->path);
    add_texts("--auth-header", &args->headers, "external_auth.http.allowed_headers", rule,
              &http->allowed_headers, &http->n_allowed_headers, draft);
    add_texts("--auth-response-header", &args->answer_headers,
              "external_auth.http.allowed_response_headers", rule, &http->allowed_response_headers,
              &http->n_allowed_response_headers, draft);
}

static void build_grpc_auth(const struct auth_args *args, Pointsman__V1__ExternalAuth *auth,
                            RouteRuleMessage *rule, struct draft *draft)
{
    Pointsman__V1__GrpcAuth *grpc =
        ARENA_MESSAGE(&draft->arena, Pointsman__V1__GrpcAuth, pointsman__v1__grpc_auth__init);
    auth->protocol = POINTSMAN__V1__EXTERNAL_AUTH_PROTOCOL__EXTERNAL_AUTH_PROTOCOL_GRPC;
    auth->grpc = grpc;
    add_texts("--auth-header", &args->headers, "external_auth.grpc.allowed_headers", rule,
              &grpc->allowed_headers, &grpc->n_allowed_headers, draft);
}

static bool build_auth_protocol(const struct auth_args *args, Pointsman__V1__ExternalAuth *auth,
                                RouteRuleMessage *rule, struct draft *draft, struct error *err)
{
    if (args->protocol == NULL || strcmp(args->protocol, "HTTP") == 0) {
        build_http_auth(args, auth, rule, draft);
        return true;
    }
    if (strcmp(args->protocol, "GRPC") != 0)
        return error_set(err, ERROR_INVALID, "--auth-protocol: '%s' is none of HTTP, GRPC",
                         args->protocol);
    const char *flag = flag_of_http_auth(args);
    if (flag != NULL)
        return error_set(err, ERROR_INVALID, "%s: does not go together with --auth-protocol GRPC",
                         flag);
    build_grpc_auth(args, auth, rule, draft);
    return true;
}

static bool set_max_body(const char *text, Pointsman__V1__ExternalAuth *auth,
                         const RouteRuleMessage *rule, struct draft *draft, struct error *err)
{
    static const char flag[] = "--auth-max-body";
    auth->forward_body =
        ARENA_MESSAGE(&draft->arena, Pointsman__V1__ForwardBody, pointsman__v1__forward_body__init);
    remember(rule, draft, flag, text, "external_auth.forward_body.max_size");
    return flag_number(flag, text, UINT32_MAX, &auth->forward_body->max_size, err);
}

static bool build_auth(const struct auth_args *args, RouteRuleMessage *rule, struct draft *draft,
                       struct error *err)
{
    struct arena *arena = &draft->arena;
    if (args->service == NULL) {
        const char *flag = flag_without_auth(args);
        return flag == NULL || error_set(err, ERROR_INVALID,
                                         "%s: says something of --auth, which is not there", flag);
    }

    struct flag_reference reference;
    if (!flag_reference("--auth", args->service, arena, &reference, err))
        return false;
    if (reference.share != NULL)
        return error_set(err, ERROR_INVALID, "--auth: is asked about all requests, not '@%s'",
                         reference.share);
    FilterMessage *filter = add_filter(rule, draft);
    Pointsman__V1__ExternalAuth *auth =
        ARENA_MESSAGE(arena, Pointsman__V1__ExternalAuth, pointsman__v1__external_auth__init);
    filter->kind_case = POINTSMAN__V1__FILTER__KIND_EXTERNAL_AUTH;
    filter->external_auth = auth;
    auth->backend_ref = make_reference(&reference, arena);
    remember(rule, draft, "--auth", args->service, "external_auth");
    return build_auth_protocol(args, auth, rule, draft, err) &&
           (args->max_body == NULL || set_max_body(args->max_body, auth, rule, draft, err));
}

bool filter_args_build(const struct route_args *args, RouteRuleMessage *rule, struct draft *draft,
                       struct error *err)
{
    return build_auth(&args->auth, rule, draft, err) &&
           build_header_edits(args, rule, draft, err) && build_redirect(args, rule, draft, err) &&
           build_rewrite(args, rule, draft, err) &&
           build_mirrors(&args->mirrors, rule, draft, err) &&
           build_cors(&args->cors, rule, draft, err);
}
