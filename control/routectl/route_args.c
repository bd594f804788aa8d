#include "control/routectl/route_args.h"

#include "control/routectl/backend_args.h"
#include "control/routectl/filter_args.h"
#include "control/routectl/flag_values.h"

#include <string.h>

struct route_args route_args;

enum { MAX_STATUS = 999 };

const struct option route_match_options[] = {
    {"host", OPTION_LIST, &route_args.hosts, "HOST",
     "For this host: a name, or *.NAME for every name below it. Without one: every host."},
    {"path-prefix", OPTION_LIST, &route_args.path_prefixes, "PATH",
     "For paths that begin with these whole segments: /a is for /a and /a/b, not for /ab."},
    {"path-exact", OPTION_LIST, &route_args.path_exacts, "PATH", "For exactly this path."},
    {"path-regex", OPTION_LIST, &route_args.path_regexes, "REGEX",
     "For paths that match this expression as a whole (PCRE2)."},
    {"method", OPTION_LIST, &route_args.methods, "METHOD", "For this method."},
    {"header", OPTION_LIST, &route_args.headers, "NAME=VALUE",
     "For requests with this header; the value must be the same."},
    {"header-regex", OPTION_LIST, &route_args.header_regexes, "NAME=REGEX",
     "For requests whose header's value matches as a whole."},
    {"query", OPTION_LIST, &route_args.queries, "NAME=VALUE",
     "For requests with this query parameter."},
    {"query-regex", OPTION_LIST, &route_args.query_regexes, "NAME=REGEX",
     "For requests whose query parameter's value matches as a whole."},
    {"listener", OPTION_LIST, &route_args.listeners, "NAME|PORT",
     "For requests that came in at this listener. Without one: at any."},
    {0},
};

const struct option route_target_options[] = {
    {"to", OPTION_LIST, &route_args.endpoints, "URL[@WEIGHT]",
     "An endpoint: http://10.0.0.1:9000, http://[::1]:80, unix:/run/a.sock, h2c://10.0.0.1:9000 "
     "for "
     "one that speaks HTTP/2 (gRPC). All of them together make the backend that gets the route's "
     "name; WEIGHT is the endpoint's share in it."},
    {"backend", OPTION_LIST, &route_args.backends, "NAME[:PORT][@WEIGHT]",
     "A backend that is there already. WEIGHT is its share of the requests (default 1); the "
     "route's own backend can be named here to give it one."},
    {"mirror", OPTION_LIST, &route_args.mirrors, "NAME[:PORT][@SHARE]",
     "Send a copy of requests to this backend; SHARE is 10% or 1/3 of them."},
    {"redirect-scheme", OPTION_STRING, &route_args.redirect.scheme, "SCHEME",
     "Answer with a redirect to http or https."},
    {"redirect-host", OPTION_STRING, &route_args.redirect.host, "HOST",
     "Answer with a redirect to this host."},
    {"redirect-port", OPTION_STRING, &route_args.redirect.port, "PORT",
     "Answer with a redirect to this port."},
    {"redirect-path", OPTION_STRING, &route_args.redirect.path, "PATH",
     "Answer with a redirect to this path."},
    {"redirect-prefix", OPTION_STRING, &route_args.redirect.prefix, "PATH",
     "Answer with a redirect that has this in place of the --path-prefix."},
    {"redirect-code", OPTION_STRING, &route_args.redirect.code, "CODE",
     "Its status: 301, 302 (where none is given), 303, 307 or 308."},
    {0},
};

const struct option route_session_options[] = {
    {"session", OPTION_FLAG, &route_args.session.is_kept, NULL,
     "Keep each client at the endpoint that answered it first, by a cookie. The following do so "
     "too."},
    {"session-cookie", OPTION_STRING, &route_args.session.cookie, "NAME",
     "The cookie's name. Without one: a name that no other rule has."},
    {"session-path", OPTION_STRING, &route_args.session.path, "PATH",
     "The paths that clients send the cookie for. Without one: all."},
    {"session-permanent", OPTION_FLAG, &route_args.session.is_permanent, NULL,
     "Let the cookie last for the --session-timeout; else it ends with the client's own session."},
    {"session-header", OPTION_STRING, &route_args.session.header, "NAME",
     "By this header instead of a cookie: clients send back what the answer has in it."},
    {"session-timeout", OPTION_STRING, &route_args.session.timeout, "DURATION",
     "How long from a client's first request on."},
    {0},
};

const struct option route_filter_options[] = {
    {"auth", OPTION_STRING, &route_args.auth.service, "NAME[:PORT]",
     "Ask this backend about each request, as the client has sent it: what it answers with 200 "
     "goes on, any other answer is the client's."},
    {"auth-protocol", OPTION_STRING, &route_args.auth.protocol, "HTTP|GRPC",
     "How it is asked. GRPC is Envoy's ext_authz, for a backend that speaks HTTP/2. Without it: "
     "HTTP."},
    {"auth-path", OPTION_STRING, &route_args.auth.path, "PATH",
     "Ask it with this in front of the path; with HTTP."},
    {"auth-header", OPTION_LIST, &route_args.auth.headers, "NAME",
     "Tell it this header too, besides Host and Authorization; with GRPC only those that are "
     "given, "
     "and without one all."},
    {"auth-response-header", OPTION_LIST, &route_args.auth.answer_headers, "NAME",
     "With HTTP, send this header of its answer on with the request, in place of any that the "
     "client "
     "has sent. Without one: all of its headers."},
    {"auth-max-body", OPTION_STRING, &route_args.auth.max_body, "BYTES",
     "Send it the body too, and refuse a longer one; at most 1048576. Without it: no body."},
    {"rewrite-prefix", OPTION_STRING, &route_args.rewrite_prefix, "PATH",
     "Send this in place of the --path-prefix."},
    {"rewrite-path", OPTION_STRING, &route_args.rewrite_path, "PATH",
     "Send this in place of the whole path."},
    {"rewrite-host", OPTION_STRING, &route_args.rewrite_host, "HOST", "Send this as Host."},
    {"set-header", OPTION_LIST, &route_args.request_headers.set, "NAME=VALUE",
     "Send this request header, in place of any of the name."},
    {"add-header", OPTION_LIST, &route_args.request_headers.add, "NAME=VALUE",
     "Send this request header besides those of the name."},
    {"remove-header", OPTION_LIST, &route_args.request_headers.remove, "NAME",
     "Do not send this request header."},
    {"set-response-header", OPTION_LIST, &route_args.response_headers.set, "NAME=VALUE",
     "The same for the answer."},
    {"add-response-header", OPTION_LIST, &route_args.response_headers.add, "NAME=VALUE",
     "The same for the answer."},
    {"remove-response-header", OPTION_LIST, &route_args.response_headers.remove, "NAME",
     "The same for the answer."},
    {"cors-origin", OPTION_LIST, &route_args.cors.origins, "ORIGIN",
     "Let pages of this origin read the answers."},
    {"cors-method", OPTION_LIST, &route_args.cors.methods, "METHOD",
     "Let them send requests with this method."},
    {"cors-header", OPTION_LIST, &route_args.cors.headers, "NAME",
     "Let them send requests with this header."},
    {"cors-expose", OPTION_LIST, &route_args.cors.exposed, "NAME",
     "Let them read this header of answers."},
    {"cors-credentials", OPTION_FLAG, &route_args.cors.allow_credentials, NULL,
     "Let them send cookies and the like."},
    {"cors-max-age", OPTION_STRING, &route_args.cors.max_age, "DURATION",
     "How long a preflight's answer is good for."},
    {0},
};

const struct option route_limit_options[] = {
    {"timeout", OPTION_STRING, &route_args.timeout, "DURATION",
     "The limit for a request, retries included, until the end of its answer; 0s: none. (How long "
     "routectl waits is --wait-timeout.)"},
    {"backend-timeout", OPTION_STRING, &route_args.backend_timeout, "DURATION",
     "The limit for one try; 0s: none."},
    {"retry-attempts", OPTION_STRING, &route_args.retry_attempts, "N",
     "Retries after a first try."},
    {"retry-code", OPTION_LIST, &route_args.retry_codes, "CODE",
     "Retry also when the answer has this status."},
    {"retry-backoff", OPTION_STRING, &route_args.retry_backoff, "DURATION",
     "The shortest pause before a retry."},
    {"label", OPTION_LIST, &route_args.labels, "KEY=VALUE",
     "A label of the route (and of the backend made with it), for --selector."},
    {0},
};

/* Shorter names for this file. */
enum {
    EXACT_VALUE = POINTSMAN__V1__VALUE_MATCH_TYPE__VALUE_MATCH_TYPE_EXACT,
    REGEX_VALUE = POINTSMAN__V1__VALUE_MATCH_TYPE__VALUE_MATCH_TYPE_REGULAR_EXPRESSION,
    EXACT_PATH = POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_EXACT,
    PREFIX_PATH = POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_PATH_PREFIX,
    REGEX_PATH = POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_REGULAR_EXPRESSION,
};

/* --- matches -------------------------------------------------------------------------------- */

/* "NAME=VALUE" items as header conditions of the rule's newest match. */
static bool add_headers(const char *flag, const struct option_list *items, int type,
                        const RouteRuleMessage *rule, struct draft *draft, struct error *err)
{
    struct arena *arena = &draft->arena;
    RouteMatchMessage *match = rule->matches[rule->n_matches - 1];
    for (size_t i = 0; i < items->count; i++) {
        HeaderMatchMessage *header =
            ARENA_MESSAGE(arena, HeaderMatchMessage, pointsman__v1__header_match__init);
        header->type = (Pointsman__V1__ValueMatchType)type;
        if (!flag_pair(flag, items->items[i], arena, &header->name, &header->value, err))
            return false;
        draft_set_origin(draft, flag, items->items[i],
                         "put_route.rules[0].matches[%zu].headers[%zu]", rule->n_matches - 1,
                         match->n_headers);
        ARENA_APPEND(arena, match->headers, match->n_headers, header);
    }
    return true;
}

/* The same for query parameters. */
static bool add_query_params(const char *flag, const struct option_list *items, int type,
                             const RouteRuleMessage *rule, struct draft *draft, struct error *err)
{
    struct arena *arena = &draft->arena;
    RouteMatchMessage *match = rule->matches[rule->n_matches - 1];
    for (size_t i = 0; i < items->count; i++) {
        QueryParamMatchMessage *param =
            ARENA_MESSAGE(arena, QueryParamMatchMessage, pointsman__v1__query_param_match__init);
        param->type = (Pointsman__V1__ValueMatchType)type;
        if (!flag_pair(flag, items->items[i], arena, &param->name, &param->value, err))
            return false;
        draft_set_origin(draft, flag, items->items[i],
                         "put_route.rules[0].matches[%zu].query_params[%zu]", rule->n_matches - 1,
                         match->n_query_params);
        ARENA_APPEND(arena, match->query_params, match->n_query_params, param);
    }
    return true;
}

/* A path condition and the flag that gave it. */
struct path_choice {
    const char *flag; /* NULL: any path */
    int type;
    const char *value;
};

/* One match: a path and a method (NULL: any) with all the other conditions. */
static bool add_match(const struct route_args *args, const struct path_choice *path,
                      const char *method, RouteRuleMessage *rule, struct draft *draft,
                      struct error *err)
{
    struct arena *arena = &draft->arena;
    size_t index = rule->n_matches;
    RouteMatchMessage *match =
        ARENA_MESSAGE(arena, RouteMatchMessage, pointsman__v1__route_match__init);
    ARENA_APPEND(arena, rule->matches, rule->n_matches, match);

    if (path->flag != NULL) {
        match->path = ARENA_MESSAGE(arena, PathMatchMessage, pointsman__v1__path_match__init);
        match->path->type = (Pointsman__V1__PathMatchType)path->type;
        match->path->value = arena_string(arena, path->value, strlen(path->value));
        draft_set_origin(draft, path->flag, path->value, "put_route.rules[0].matches[%zu].path",
                         index);
    }
    if (method != NULL) {
        match->method = arena_string(arena, method, strlen(method));
        draft_set_origin(draft, "--method", method, "put_route.rules[0].matches[%zu].method",
                         index);
    }
    return add_headers("--header", &args->headers, EXACT_VALUE, rule, draft, err) &&
           add_headers("--header-regex", &args->header_regexes, REGEX_VALUE, rule, draft, err) &&
           add_query_params("--query", &args->queries, EXACT_VALUE, rule, draft, err) &&
           add_query_params("--query-regex", &args->query_regexes, REGEX_VALUE, rule, draft, err);
}

/* A match for each method (or for any). */
static bool add_matches_of_path(const struct route_args *args, const struct path_choice *path,
                                RouteRuleMessage *rule, struct draft *draft, struct error *err)
{
    if (args->methods.count == 0)
        return add_match(args, path, NULL, rule, draft, err);
    for (size_t i = 0; i < args->methods.count; i++) {
        if (!add_match(args, path, args->methods.items[i], rule, draft, err))
            return false;
    }
    return true;
}

static bool add_matches(const struct route_args *args, RouteRuleMessage *rule, struct draft *draft,
                        struct error *err)
{
    const struct {
        const char *flag;
        int type;
        const struct option_list *values;
    } kinds[] = {
        {"--path-exact", EXACT_PATH, &args->path_exacts},
        {"--path-prefix", PREFIX_PATH, &args->path_prefixes},
        {"--path-regex", REGEX_PATH, &args->path_regexes},
    };
    size_t paths = 0;
    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
        for (size_t i = 0; i < kinds[kind].values->count; i++, paths++) {
            struct path_choice path = {kinds[kind].flag, kinds[kind].type,
                                       kinds[kind].values->items[i]};
            if (!add_matches_of_path(args, &path, rule, draft, err))
                return false;
        }
    }

    bool has_conditions = args->methods.count + args->headers.count + args->header_regexes.count +
                              args->queries.count + args->query_regexes.count >
                          0;
    struct path_choice any_path = {0};
    return paths > 0 || !has_conditions || add_matches_of_path(args, &any_path, rule, draft, err);
}

/* --- where it attaches and where it leads ----------------------------------------------------- */

static void add_listeners(const struct option_list *listeners, RouteMessage *route,
                          struct draft *draft)
{
    struct arena *arena = &draft->arena;
    for (size_t i = 0; i < listeners->count; i++) {
        const char *text = listeners->items[i];
        ParentRefMessage *parent =
            ARENA_MESSAGE(arena, ParentRefMessage, pointsman__v1__parent_ref__init);
        if (!flag_number("--listener", text, UINT16_MAX, &parent->port, NULL))
            parent->section_name = arena_string(arena, text, strlen(text));
        draft_set_origin(draft, "--listener", text, "put_route.parent_refs[%zu]",
                         route->n_parent_refs);
        ARENA_APPEND(arena, route->parent_refs, route->n_parent_refs, parent);
    }
}

static void add_hosts(const struct option_list *hosts, RouteMessage *route, struct draft *draft)
{
    struct arena *arena = &draft->arena;
    for (size_t i = 0; i < hosts->count; i++) {
        draft_set_origin(draft, "--host", hosts->items[i], "put_route.hostnames[%zu]", i);
        ARENA_APPEND(arena, route->hostnames, route->n_hostnames,
                     arena_string(arena, hosts->items[i], strlen(hosts->items[i])));
    }
}

/* The last part of "namespace/name". */
static const char *short_name(const char *name)
{
    const char *slash = strchr(name, '/');
    return slash == NULL ? name : slash + 1;
}

/* A share for the backend that the endpoints make, when --backend gives it none. */
static void add_own_backend(const struct route_args *args, const char *name, RouteRuleMessage *rule,
                            struct draft *draft)
{
    const char *own = short_name(name);
    for (size_t i = 0; i < args->backends.count; i++) {
        const char *text = args->backends.items[i];
        size_t length = strcspn(text, ":@");
        if (strlen(own) == length && strncmp(own, text, length) == 0)
            return;
    }
    BackendRefMessage *ref =
        ARENA_MESSAGE(&draft->arena, BackendRefMessage, pointsman__v1__backend_ref__init);
    ref->name = arena_string(&draft->arena, own, strlen(own));
    draft_set_origin(draft, "NAME", name, "put_route.rules[0].backend_refs[%zu]",
                     rule->n_backend_refs);
    ARENA_APPEND(&draft->arena, rule->backend_refs, rule->n_backend_refs, ref);
}

static bool add_backends(const struct option_list *backends, RouteRuleMessage *rule,
                         struct draft *draft, struct error *err)
{
    struct arena *arena = &draft->arena;
    for (size_t i = 0; i < backends->count; i++) {
        BackendRefMessage *ref =
            ARENA_MESSAGE(arena, BackendRefMessage, pointsman__v1__backend_ref__init);
        struct flag_reference reference;
        if (!flag_reference("--backend", backends->items[i], arena, &reference, err))
            return false;
        ref->namespace_ = reference.namespace_name;
        ref->name = reference.name;
        ref->port = reference.port;
        if (reference.share != NULL) {
            if (!flag_number("--backend", reference.share, UINT32_MAX, &ref->weight, err))
                return false;
            ref->weight_presence_case = POINTSMAN__V1__BACKEND_REF__WEIGHT_PRESENCE_WEIGHT;
        }
        draft_set_origin(draft, "--backend", backends->items[i],
                         "put_route.rules[0].backend_refs[%zu]", rule->n_backend_refs);
        ARENA_APPEND(arena, rule->backend_refs, rule->n_backend_refs, ref);
    }
    return true;
}

/* --- limits --------------------------------------------------------------------------------- */

static bool add_timeouts(const struct route_args *args, RouteRuleMessage *rule, struct draft *draft,
                         struct error *err)
{
    struct arena *arena = &draft->arena;
    DurationMessage *request, *backend_request;
    if (!flag_duration("--timeout", args->timeout, arena, &request, err) ||
        !flag_duration("--backend-timeout", args->backend_timeout, arena, &backend_request, err))
        return false;
    if (request == NULL && backend_request == NULL)
        return true;

    rule->timeouts = ARENA_MESSAGE(arena, Pointsman__V1__Timeouts, pointsman__v1__timeouts__init);
    rule->timeouts->request = request;
    rule->timeouts->backend_request = backend_request;
    if (request != NULL)
        draft_set_origin(draft, "--timeout", args->timeout, "put_route.rules[0].timeouts.request");
    if (backend_request != NULL)
        draft_set_origin(draft, "--backend-timeout", args->backend_timeout,
                         "put_route.rules[0].timeouts.backend_request");
    return true;
}

static bool add_retry(const struct route_args *args, RouteRuleMessage *rule, struct draft *draft,
                      struct error *err)
{
    struct arena *arena = &draft->arena;
    if (args->retry_attempts == NULL && args->retry_backoff == NULL && args->retry_codes.count == 0)
        return true;

    Pointsman__V1__Retry *retry =
        ARENA_MESSAGE(arena, Pointsman__V1__Retry, pointsman__v1__retry__init);
    rule->retry = retry;
    draft_set_origin(draft, "--retry-...", "", "put_route.rules[0].retry");
    if (args->retry_attempts != NULL) {
        if (!flag_number("--retry-attempts", args->retry_attempts, UINT32_MAX, &retry->attempts,
                         err))
            return false;
        retry->attempts_presence_case = POINTSMAN__V1__RETRY__ATTEMPTS_PRESENCE_ATTEMPTS;
        draft_set_origin(draft, "--retry-attempts", args->retry_attempts,
                         "put_route.rules[0].retry.attempts");
    }
    if (!flag_duration("--retry-backoff", args->retry_backoff, arena, &retry->backoff, err))
        return false;
    if (retry->backoff != NULL)
        draft_set_origin(draft, "--retry-backoff", args->retry_backoff,
                         "put_route.rules[0].retry.backoff");

    for (size_t i = 0; i < args->retry_codes.count; i++) {
        uint32_t code;
        const char *text = args->retry_codes.items[i];
        if (!flag_number("--retry-code", text, MAX_STATUS, &code, err))
            return false;
        draft_set_origin(draft, "--retry-code", text, "put_route.rules[0].retry.codes[%zu]",
                         retry->n_codes);
        ARENA_APPEND(arena, retry->codes, retry->n_codes, code);
    }
    return true;
}

/* --- sessions ------------------------------------------------------------------------------- */

static void add_session_cookie(const struct session_args *args, SessionPersistenceMessage *session,
                               struct draft *draft)
{
    struct arena *arena = &draft->arena;
    if (args->cookie == NULL && args->path == NULL && !args->is_permanent)
        return;
    Pointsman__V1__CookieConfig *cookie =
        ARENA_MESSAGE(arena, Pointsman__V1__CookieConfig, pointsman__v1__cookie_config__init);
    session->cookie = cookie;
    draft_set_origin(draft, "--session-...", "", "put_route.rules[0].session_persistence.cookie");
    if (args->cookie != NULL) {
        cookie->name = arena_string(arena, args->cookie, strlen(args->cookie));
        draft_set_origin(draft, "--session-cookie", args->cookie,
                         "put_route.rules[0].session_persistence.cookie.name");
    }
    if (args->path != NULL) {
        cookie->path = arena_string(arena, args->path, strlen(args->path));
        draft_set_origin(draft, "--session-path", args->path,
                         "put_route.rules[0].session_persistence.cookie.path");
    }
    if (args->is_permanent) {
        cookie->lifetime_type = POINTSMAN__V1__COOKIE_LIFETIME_TYPE__COOKIE_LIFETIME_TYPE_PERMANENT;
        draft_set_origin(draft, "--session-permanent", "",
                         "put_route.rules[0].session_persistence.cookie.lifetime_type");
    }
}

static void add_session_header(const char *name, SessionPersistenceMessage *session,
                               struct draft *draft)
{
    struct arena *arena = &draft->arena;
    session->type = POINTSMAN__V1__SESSION_PERSISTENCE_TYPE__SESSION_PERSISTENCE_TYPE_HEADER;
    session->header =
        ARENA_MESSAGE(arena, Pointsman__V1__HeaderConfig, pointsman__v1__header_config__init);
    session->header->name = arena_string(arena, name, strlen(name));
    draft_set_origin(draft, "--session-header", name,
                     "put_route.rules[0].session_persistence.header.name");
}

static bool add_session(const struct session_args *args, RouteRuleMessage *rule,
                        struct draft *draft, struct error *err)
{
    DurationMessage *timeout;
    if (!flag_duration("--session-timeout", args->timeout, &draft->arena, &timeout, err))
        return false;
    if (!args->is_kept && args->cookie == NULL && args->path == NULL && args->header == NULL &&
        timeout == NULL && !args->is_permanent)
        return true;

    SessionPersistenceMessage *session = ARENA_MESSAGE(&draft->arena, SessionPersistenceMessage,
                                                       pointsman__v1__session_persistence__init);
    rule->session_persistence = session;
    draft_set_origin(draft, "--session", "", "put_route.rules[0].session_persistence");
    session->absolute_timeout = timeout;
    if (timeout != NULL)
        draft_set_origin(draft, "--session-timeout", args->timeout,
                         "put_route.rules[0].session_persistence.absolute_timeout");
    add_session_cookie(args, session, draft);
    if (args->header != NULL)
        add_session_header(args->header, session, draft);
    return true;
}

/* --- the whole ------------------------------------------------------------------------------ */

static bool check_target(const struct route_args *args, struct error *err)
{
    bool has_backend = args->endpoints.count + args->backends.count > 0;
    bool redirects = filter_args_redirects(args);
    if (!has_backend && !redirects)
        return error_set(err, ERROR_INVALID,
                         "where do its requests go? Give --to, --backend or --redirect-...");
    return true;
}

static bool build_backend(const struct route_args *args, const char *name, bool replace,
                          struct draft *draft, struct error *err)
{
    BackendMessage *backend = backend_args_put(draft, name, replace);
    return flag_labels("--label", &args->labels, &draft->arena, &backend->labels,
                       &backend->n_labels, err) &&
           backend_args_add_endpoints("--to", &args->endpoints, backend, draft, err);
}

static bool build_rule(const struct route_args *args, const char *name, RouteRuleMessage *rule,
                       struct draft *draft, struct error *err)
{
    if (args->endpoints.count > 0)
        add_own_backend(args, name, rule, draft);
    return add_matches(args, rule, draft, err) && filter_args_build(args, rule, draft, err) &&
           add_backends(&args->backends, rule, draft, err) &&
           add_session(&args->session, rule, draft, err) && add_timeouts(args, rule, draft, err) &&
           add_retry(args, rule, draft, err);
}

bool route_args_build(const struct route_args *args, const char *name, bool replace,
                      struct draft *draft, struct error *err)
{
    struct arena *arena = &draft->arena;
    if (!check_target(args, err))
        return false;
    if (args->endpoints.count > 0 && !build_backend(args, name, replace, draft, err))
        return false;

    MutationMessage *mutation = draft_add_mutation(draft);
    RouteMessage *route = ARENA_MESSAGE(arena, RouteMessage, pointsman__v1__route__init);
    mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE;
    mutation->put_route = route;
    if (!replace)
        draft_require_absent(draft, mutation);

    route->name = arena_string(arena, name, strlen(name));
    draft_set_origin(draft, "NAME", name, "put_route.name");
    add_listeners(&args->listeners, route, draft);
    add_hosts(&args->hosts, route, draft);
    draft_set_origin(draft, "--label", "", "put_route.labels");
    if (!flag_labels("--label", &args->labels, arena, &route->labels, &route->n_labels, err))
        return false;

    RouteRuleMessage *rule =
        ARENA_MESSAGE(arena, RouteRuleMessage, pointsman__v1__route_rule__init);
    ARENA_APPEND(arena, route->rules, route->n_rules, rule);
    return build_rule(args, name, rule, draft, err);
}
