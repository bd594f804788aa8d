#include "control/routectl/backend_args.h"

#include "control/routectl/flag_values.h"

#include <string.h>

struct backend_args backend_args;

enum { MAX_PORT = 65535, MAX_STATUS = 999, MAX_PERCENT = 100 };

const struct option backend_endpoint_options[] = {
    {"to", OPTION_LIST, &backend_args.endpoints, "URL[@WEIGHT]",
     "An endpoint: http://10.0.0.1:9000, http://[::1]:80, unix:/run/a.sock; https://... for TLS, "
     "h2c://... for HTTP/2, h2://... for HTTP/2 over TLS. "
     "WEIGHT is its share (default 1; 0: no new requests)."},
    {"port", OPTION_LIST, &backend_args.ports, "PORT[:TARGET]",
     "A port that routes may name (--backend NAME:PORT), and the one to reach for it on endpoints "
     "without a port of their own."},
    {"app-protocol", OPTION_STRING, &backend_args.app_protocol, "NAME",
     "What the endpoints speak: http, https, h2c (HTTP/2 in clear), h2 (with TLS), grpc (HTTP/2, "
     "TLS "
     "with --tls), or kubernetes.io/ws, wss, h2c."},
    {"connect-timeout", OPTION_STRING, &backend_args.connect_timeout, "DURATION",
     "The limit for connecting to an endpoint."},
    {"max-connections", OPTION_STRING, &backend_args.max_connections, "N",
     "Connections to an endpoint, for each proxy; 0: no limit."},
    {"max-pending", OPTION_STRING, &backend_args.max_pending, "N",
     "Requests that wait for a connection, likewise."},
    {"max-requests", OPTION_STRING, &backend_args.max_requests, "N",
     "Requests under way, likewise."},
    {"tls", OPTION_FLAG, &backend_args.tls, NULL, "Speak TLS to the endpoints."},
    {"tls-server-name", OPTION_STRING, &backend_args.tls_server_name, "NAME",
     "The name to ask for and to verify."},
    {"tls-ca-file", OPTION_STRING, &backend_args.tls_ca_file, "FILE",
     "Certificates to trust, on the proxy's host."},
    {"tls-skip-verification", OPTION_FLAG, &backend_args.tls_skip_verification, NULL,
     "Trust any certificate."},
    {"label", OPTION_LIST, &backend_args.labels, "KEY=VALUE", "A label, for --selector."},
    {0},
};

const struct option backend_balance_options[] = {
    {"policy", OPTION_STRING, &backend_args.policy, "POLICY",
     "LeastRequest (where none is given), RoundRobin, Random or ConsistentHash."},
    {"hash-header", OPTION_STRING, &backend_args.hash_header, "NAME",
     "What ConsistentHash hashes: this request header."},
    {"hash-cookie", OPTION_STRING, &backend_args.hash_cookie, "NAME",
     "What ConsistentHash hashes: this cookie."},
    {"hash-source", OPTION_FLAG, &backend_args.hash_source, NULL,
     "What ConsistentHash hashes: the client's address."},
    {"slow-start", OPTION_STRING, &backend_args.slow_start, "DURATION",
     "How long an endpoint's share grows after it has come back."},
    {0},
};

const struct option backend_health_options[] = {
    {"health-path", OPTION_STRING, &backend_args.health_path, "PATH",
     "Ask each endpoint for this path now and then."},
    {"health-type", OPTION_STRING, &backend_args.health_type, "TYPE",
     "HTTP (where none is given), TCP: connecting is enough, or GRPC: grpc.health.v1 is asked."},
    {"health-service", OPTION_STRING, &backend_args.health_service, "NAME",
     "The gRPC service to ask about. Without one: the server as a whole."},
    {"health-host", OPTION_STRING, &backend_args.health_host, "HOST", "The Host to ask for."},
    {"health-interval", OPTION_STRING, &backend_args.health_interval, "DURATION",
     "From one check to the next."},
    {"health-timeout", OPTION_STRING, &backend_args.health_timeout, "DURATION",
     "The limit for one check."},
    {"health-unhealthy", OPTION_STRING, &backend_args.health_unhealthy, "N",
     "Failed checks in a row that make an endpoint unhealthy."},
    {"health-healthy", OPTION_STRING, &backend_args.health_healthy, "N",
     "Good checks in a row that make it healthy again."},
    {"health-code", OPTION_LIST, &backend_args.health_codes, "CODE",
     "A status that counts as good. Without one: 200 to 299."},
    {"eject-after", OPTION_STRING, &backend_args.eject_after, "N",
     "Failed requests in a row that eject an endpoint; 0: never."},
    {"eject-time", OPTION_STRING, &backend_args.eject_time, "DURATION",
     "For how long, the first time."},
    {"eject-max-time", OPTION_STRING, &backend_args.eject_max_time, "DURATION",
     "For how long at most."},
    {"eject-max-percent", OPTION_STRING, &backend_args.eject_max_percent, "PERCENT",
     "The share of endpoints that may be ejected at a time."},
    {"panic-percent", OPTION_STRING, &backend_args.panic_percent, "PERCENT",
     "With fewer healthy endpoints than this, use all of them."},
    {0},
};

/* Says which flag gave a field of the backend. */
static void remember(struct draft *draft, const char *flag, const char *value, const char *field)
{
    draft_set_origin(draft, flag, value, "put_backend.%s", field);
}

/* --- one value ------------------------------------------------------------------------------ */

/* Each sets a field when its flag was given, and then *any. */

static void set_text(struct draft *draft, const char *flag, const char *value, const char *field,
                     char **to, bool *any)
{
    if (value == NULL)
        return;
    *to = arena_string(&draft->arena, value, strlen(value));
    *any = true;
    remember(draft, flag, value, field);
}

static bool set_number(struct draft *draft, const char *flag, const char *value, uint32_t max,
                       const char *field, uint32_t *to, bool *any, struct error *err)
{
    if (value == NULL)
        return true;
    *any = true;
    remember(draft, flag, value, field);
    return flag_number(flag, value, max, to, err);
}

static bool set_duration(struct draft *draft, const char *flag, const char *value,
                         const char *field, DurationMessage **to, bool *any, struct error *err)
{
    if (value == NULL)
        return true;
    *any = true;
    remember(draft, flag, value, field);
    return flag_duration(flag, value, &draft->arena, to, err);
}

/* --- endpoints ------------------------------------------------------------------------------ */

BackendMessage *backend_args_put(struct draft *draft, const char *name, bool replace)
{
    MutationMessage *mutation = draft_add_mutation(draft);
    BackendMessage *backend =
        ARENA_MESSAGE(&draft->arena, BackendMessage, pointsman__v1__backend__init);
    mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_BACKEND;
    mutation->put_backend = backend;
    if (!replace)
        draft_require_absent(draft, mutation);

    backend->name = arena_string(&draft->arena, name, strlen(name));
    remember(draft, "NAME", name, "name");
    remember(draft, "--label", "", "labels");
    return backend;
}

static Pointsman__V1__EndpointTls *backend_tls(BackendMessage *backend, struct draft *draft)
{
    if (backend->tls == NULL)
        backend->tls = ARENA_MESSAGE(&draft->arena, Pointsman__V1__EndpointTls,
                                     pointsman__v1__endpoint_tls__init);
    return backend->tls;
}

bool backend_args_add_endpoints(const char *flag, const struct option_list *urls,
                                BackendMessage *backend, struct draft *draft, struct error *err)
{
    struct arena *arena = &draft->arena;
    const struct endpoint_scheme *first = NULL;
    for (size_t i = 0; i < urls->count; i++) {
        EndpointMessage *endpoint;
        const struct endpoint_scheme *scheme;
        if (!flag_endpoint(flag, urls->items[i], arena, &endpoint, &scheme, err))
            return false;
        if (i == 0)
            first = scheme;
        if (scheme != first)
            return error_set(err, ERROR_INVALID,
                             "%s: '%s': either all endpoints of a backend are %s or none", flag,
                             urls->items[i], first->name);
        draft_set_origin(draft, flag, urls->items[i], "put_backend.endpoints[%zu]",
                         backend->n_endpoints);
        ARENA_APPEND(arena, backend->endpoints, backend->n_endpoints, endpoint);
    }
    if (first != NULL && first->is_tls) {
        backend_tls(backend, draft)->enabled = true;
        remember(draft, flag, urls->items[0], "tls");
    }
    bool any;
    if (first != NULL && first->app_protocol[0] != '\0')
        set_text(draft, flag, first->app_protocol, "app_protocol", &backend->app_protocol, &any);
    return true;
}

/* A URL's scheme may have said it already. */
static bool set_app_protocol(const struct backend_args *args, BackendMessage *backend,
                             struct draft *draft, struct error *err)
{
    static const char flag[] = "--app-protocol";
    bool any;
    if (args->app_protocol != NULL && backend->app_protocol[0] != '\0' &&
        strcmp(args->app_protocol, backend->app_protocol) != 0)
        return error_set(err, ERROR_INVALID, "%s: '%s': the endpoints say '%s'", flag,
                         args->app_protocol, backend->app_protocol);
    set_text(draft, flag, args->app_protocol, "app_protocol", &backend->app_protocol, &any);
    return true;
}

/* "8080" or "8080:9000" */
static bool add_ports(const struct option_list *ports, BackendMessage *backend, struct draft *draft,
                      struct error *err)
{
    static const char flag[] = "--port";
    struct arena *arena = &draft->arena;
    for (size_t i = 0; i < ports->count; i++) {
        const char *text = ports->items[i];
        size_t length = strcspn(text, ":");
        Pointsman__V1__BackendPort *port =
            ARENA_MESSAGE(arena, Pointsman__V1__BackendPort, pointsman__v1__backend_port__init);
        if (!flag_number(flag, arena_string(arena, text, length), MAX_PORT, &port->port, err) ||
            (text[length] == ':' &&
             !flag_number(flag, text + length + 1, MAX_PORT, &port->target_port, err)))
            return false;
        draft_set_origin(draft, flag, text, "put_backend.ports[%zu]", backend->n_ports);
        ARENA_APPEND(arena, backend->ports, backend->n_ports, port);
    }
    return true;
}

static void set_tls(const struct backend_args *args, BackendMessage *backend, struct draft *draft)
{
    if (!args->tls && !args->tls_skip_verification && args->tls_server_name == NULL &&
        args->tls_ca_file == NULL)
        return;

    bool any;
    Pointsman__V1__EndpointTls *tls = backend_tls(backend, draft);
    remember(draft, "--tls...", "", "tls");
    tls->enabled = true;
    tls->skip_verification = args->tls_skip_verification;
    set_text(draft, "--tls-server-name", args->tls_server_name, "tls.server_name",
             &tls->server_name, &any);
    set_text(draft, "--tls-ca-file", args->tls_ca_file, "tls.ca_file", &tls->ca_file, &any);
}

static bool set_limits(const struct backend_args *args, BackendMessage *backend,
                       struct draft *draft, struct error *err)
{
    bool any = false;
    Pointsman__V1__ConnectionLimits *limits = ARENA_MESSAGE(
        &draft->arena, Pointsman__V1__ConnectionLimits, pointsman__v1__connection_limits__init);
    if (!set_number(draft, "--max-connections", args->max_connections, UINT32_MAX,
                    "limits.max_connections", &limits->max_connections, &any, err) ||
        !set_number(draft, "--max-pending", args->max_pending, UINT32_MAX, "limits.max_pending",
                    &limits->max_pending, &any, err) ||
        !set_number(draft, "--max-requests", args->max_requests, UINT32_MAX, "limits.max_requests",
                    &limits->max_requests, &any, err))
        return false;
    backend->limits = any ? limits : NULL;
    return true;
}

/* --- balancing ------------------------------------------------------------------------------ */

static bool parse_policy(const char *text, Pointsman__V1__LoadBalancingPolicy *policy,
                         struct error *err)
{
    static const struct {
        const char *name;
        Pointsman__V1__LoadBalancingPolicy policy;
    } policies[] = {
        {"LeastRequest", POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_LEAST_REQUEST},
        {"RoundRobin", POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_ROUND_ROBIN},
        {"Random", POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_RANDOM},
        {"ConsistentHash",
         POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_CONSISTENT_HASH},
    };
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        if (strcmp(policies[i].name, text) == 0) {
            *policy = policies[i].policy;
            return true;
        }
    }
    return error_set(
        err, ERROR_INVALID,
        "--policy: '%s' is none of LeastRequest, RoundRobin, Random and ConsistentHash", text);
}

static bool set_hash(const struct backend_args *args, Pointsman__V1__LoadBalancing *balancing,
                     struct draft *draft, bool *any, struct error *err)
{
    if ((args->hash_header != NULL) + (args->hash_cookie != NULL) + args->hash_source > 1)
        return error_set(err, ERROR_INVALID,
                         "--hash-header, --hash-cookie and --hash-source exclude each other");
    if (args->hash_header != NULL) {
        balancing->hash_on_case = POINTSMAN__V1__LOAD_BALANCING__HASH_ON_HEADER;
        set_text(draft, "--hash-header", args->hash_header, "load_balancing.header",
                 &balancing->header, any);
    } else if (args->hash_cookie != NULL) {
        balancing->hash_on_case = POINTSMAN__V1__LOAD_BALANCING__HASH_ON_COOKIE;
        set_text(draft, "--hash-cookie", args->hash_cookie, "load_balancing.cookie",
                 &balancing->cookie, any);
    } else if (args->hash_source) {
        balancing->hash_on_case = POINTSMAN__V1__LOAD_BALANCING__HASH_ON_SOURCE_ADDRESS;
        balancing->source_address = true;
        *any = true;
        remember(draft, "--hash-source", "", "load_balancing.source_address");
    }
    return true;
}

static bool set_balancing(const struct backend_args *args, BackendMessage *backend,
                          struct draft *draft, struct error *err)
{
    bool any = false;
    Pointsman__V1__LoadBalancing *balancing = ARENA_MESSAGE(
        &draft->arena, Pointsman__V1__LoadBalancing, pointsman__v1__load_balancing__init);
    if (args->policy != NULL) {
        if (!parse_policy(args->policy, &balancing->policy, err))
            return false;
        any = true;
        remember(draft, "--policy", args->policy, "load_balancing.policy");
    }
    if (!set_hash(args, balancing, draft, &any, err) ||
        !set_duration(draft, "--slow-start", args->slow_start, "load_balancing.slow_start",
                      &balancing->slow_start, &any, err))
        return false;
    backend->load_balancing = any ? balancing : NULL;
    return true;
}

/* --- health --------------------------------------------------------------------------------- */

static bool parse_health_type(const char *text, Pointsman__V1__HealthCheckType *type,
                              struct error *err)
{
    if (strcmp(text, "HTTP") == 0)
        *type = POINTSMAN__V1__HEALTH_CHECK_TYPE__HEALTH_CHECK_TYPE_HTTP;
    else if (strcmp(text, "TCP") == 0)
        *type = POINTSMAN__V1__HEALTH_CHECK_TYPE__HEALTH_CHECK_TYPE_TCP;
    else if (strcmp(text, "GRPC") == 0)
        *type = POINTSMAN__V1__HEALTH_CHECK_TYPE__HEALTH_CHECK_TYPE_GRPC;
    else
        return error_set(err, ERROR_INVALID, "--health-type: '%s' is none of HTTP, TCP and GRPC",
                         text);
    return true;
}

static bool set_health_check(const struct backend_args *args, BackendMessage *backend,
                             struct draft *draft, struct error *err)
{
    bool any = false;
    struct arena *arena = &draft->arena;
    Pointsman__V1__HealthCheck *check =
        ARENA_MESSAGE(arena, Pointsman__V1__HealthCheck, pointsman__v1__health_check__init);
    if (args->health_type != NULL) {
        if (!parse_health_type(args->health_type, &check->type, err))
            return false;
        any = true;
        remember(draft, "--health-type", args->health_type, "health_check.type");
    }
    set_text(draft, "--health-path", args->health_path, "health_check.path", &check->path, &any);
    set_text(draft, "--health-service", args->health_service, "health_check.service",
             &check->service, &any);
    set_text(draft, "--health-host", args->health_host, "health_check.host", &check->host, &any);
    if (!set_duration(draft, "--health-interval", args->health_interval, "health_check.interval",
                      &check->interval, &any, err) ||
        !set_duration(draft, "--health-timeout", args->health_timeout, "health_check.timeout",
                      &check->timeout, &any, err) ||
        !set_number(draft, "--health-unhealthy", args->health_unhealthy, UINT32_MAX,
                    "health_check.unhealthy", &check->unhealthy, &any, err) ||
        !set_number(draft, "--health-healthy", args->health_healthy, UINT32_MAX,
                    "health_check.healthy", &check->healthy, &any, err))
        return false;

    for (size_t i = 0; i < args->health_codes.count; i++) {
        uint32_t code = 0;
        if (!set_number(draft, "--health-code", args->health_codes.items[i], MAX_STATUS,
                        arena_printf(arena, "health_check.expected_statuses[%zu]", i), &code, &any,
                        err))
            return false;
        ARENA_APPEND(arena, check->expected_statuses, check->n_expected_statuses, code);
    }
    if (any)
        remember(draft, "--health-...", "", "health_check");
    backend->health_check = any ? check : NULL;
    return true;
}

static bool set_passive_health(const struct backend_args *args, BackendMessage *backend,
                               struct draft *draft, struct error *err)
{
    bool any = false;
    Pointsman__V1__PassiveHealth *health = ARENA_MESSAGE(
        &draft->arena, Pointsman__V1__PassiveHealth, pointsman__v1__passive_health__init);
    if (args->eject_after != NULL)
        health->consecutive_failures_presence_case =
            POINTSMAN__V1__PASSIVE_HEALTH__CONSECUTIVE_FAILURES_PRESENCE_CONSECUTIVE_FAILURES;
    if (args->eject_max_percent != NULL)
        health->max_ejected_percent_presence_case =
            POINTSMAN__V1__PASSIVE_HEALTH__MAX_EJECTED_PERCENT_PRESENCE_MAX_EJECTED_PERCENT;
    if (args->panic_percent != NULL)
        health->panic_percent_presence_case =
            POINTSMAN__V1__PASSIVE_HEALTH__PANIC_PERCENT_PRESENCE_PANIC_PERCENT;
    if (!set_number(draft, "--eject-after", args->eject_after, UINT32_MAX,
                    "passive_health.consecutive_failures", &health->consecutive_failures, &any,
                    err) ||
        !set_duration(draft, "--eject-time", args->eject_time, "passive_health.base_ejection",
                      &health->base_ejection, &any, err) ||
        !set_duration(draft, "--eject-max-time", args->eject_max_time,
                      "passive_health.max_ejection", &health->max_ejection, &any, err) ||
        !set_number(draft, "--eject-max-percent", args->eject_max_percent, MAX_PERCENT,
                    "passive_health.max_ejected_percent", &health->max_ejected_percent, &any,
                    err) ||
        !set_number(draft, "--panic-percent", args->panic_percent, MAX_PERCENT,
                    "passive_health.panic_percent", &health->panic_percent, &any, err))
        return false;
    if (any)
        remember(draft, "--eject-...", "", "passive_health");
    backend->passive_health = any ? health : NULL;
    return true;
}

bool backend_args_build(const struct backend_args *args, const char *name, bool replace,
                        struct draft *draft, struct error *err)
{
    bool any;
    BackendMessage *backend = backend_args_put(draft, name, replace);
    set_tls(args, backend, draft);
    return flag_labels("--label", &args->labels, &draft->arena, &backend->labels,
                       &backend->n_labels, err) &&
           backend_args_add_endpoints("--to", &args->endpoints, backend, draft, err) &&
           set_app_protocol(args, backend, draft, err) &&
           add_ports(&args->ports, backend, draft, err) &&
           set_duration(draft, "--connect-timeout", args->connect_timeout, "connect_timeout",
                        &backend->connect_timeout, &any, err) &&
           set_limits(args, backend, draft, err) && set_balancing(args, backend, draft, err) &&
           set_health_check(args, backend, draft, err) &&
           set_passive_health(args, backend, draft, err);
}
