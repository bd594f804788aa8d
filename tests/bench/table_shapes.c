#include "tests/bench/table_shapes.h"

#include "proto/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BACKENDS = 4000 };

/* --- shapes --------------------------------------------------------------------------------- */

static void ask_hosts(struct ask *ask, unsigned number)
{
    *ask = (struct ask){.is_regex = false};
    snprintf(ask->host, ASK_TEXT_BYTES, "svc-%u.prod.internal", number / 4);
    snprintf(ask->path, ASK_TEXT_BYTES, "/api/v%u", number % 4);
}

static void ask_paths(struct ask *ask, unsigned number)
{
    *ask = (struct ask){.host = "shop.internal"};
    snprintf(ask->path, ASK_TEXT_BYTES, "/api/items/%u", number);
}

static void ask_headers(struct ask *ask, unsigned number)
{
    *ask = (struct ask){.host = "shop.internal", .path = "/api"};
    snprintf(ask->tenant, ASK_TEXT_BYTES, "tenant-%u", number);
}

static void ask_regexes(struct ask *ask, unsigned number)
{
    ask_headers(ask, number);
    ask->is_regex = true;
}

static void ask_expressions(struct ask *ask, unsigned number)
{
    ask_paths(ask, number);
    ask->is_regex = true;
}

static void ask_segments(struct ask *ask, unsigned number)
{
    ask_expressions(ask, number);
    ask->is_any_first = true;
}

static void ask_calls(struct ask *ask, unsigned number)
{
    *ask = (struct ask){.host = "shop.internal", .is_any_service = true};
    snprintf(ask->path, ASK_TEXT_BYTES, "/shop.Items/Call%u", number);
}

const struct shape shape_hosts = {"hosts", ask_hosts, false};
const struct shape shape_paths = {"paths", ask_paths, false};
const struct shape shape_headers = {"headers", ask_headers, false};
const struct shape shape_expressions = {"expressions", ask_expressions, true};
const struct shape shape_segments = {"segments", ask_segments, true};
const struct shape shape_regexes = {"regexes", ask_regexes, true};
const struct shape shape_calls = {"calls", ask_calls, true};

/* --- routes --------------------------------------------------------------------------------- */

void shape_route_name(char name[ASK_TEXT_BYTES], unsigned number)
{
    snprintf(name, ASK_TEXT_BYTES, "route-%u", number);
}

void shape_backend_name(char name[ASK_TEXT_BYTES], unsigned number)
{
    snprintf(name, ASK_TEXT_BYTES, "backend-%u", number % BACKENDS);
}

void shape_pack_route(const struct ask *ask, unsigned number, uint64_t revision, struct buffer *to)
{
    char name[ASK_TEXT_BYTES];
    char backend[ASK_TEXT_BYTES];
    shape_route_name(name, number);
    shape_backend_name(backend, number);

    HeaderMatchMessage header = POINTSMAN__V1__HEADER_MATCH__INIT;
    HeaderMatchMessage *headers[] = {&header};
    header.name = (char *)"x-tenant";
    header.value = (char *)ask->tenant;
    header.type = ask->is_regex
                      ? POINTSMAN__V1__VALUE_MATCH_TYPE__VALUE_MATCH_TYPE_REGULAR_EXPRESSION
                      : POINTSMAN__V1__VALUE_MATCH_TYPE__VALUE_MATCH_TYPE_EXACT;

    PathMatchMessage path = POINTSMAN__V1__PATH_MATCH__INIT;
    bool is_regex_path = ask->is_regex && ask->tenant[0] == '\0';
    path.type = is_regex_path ? POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_REGULAR_EXPRESSION
                              : POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_PATH_PREFIX;
    path.value = (char *)ask->path;
    char any_first[2 * ASK_TEXT_BYTES];
    if (ask->is_any_first) {
        snprintf(any_first, sizeof(any_first), "/[a-z]+%s", strchr(ask->path + 1, '/'));
        path.value = any_first;
    }

    if (ask->is_any_service) {
        path.type = POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_GRPC_METHOD;
        path.value = strrchr(ask->path, '/') + 1;
    }

    RouteMatchMessage match = POINTSMAN__V1__ROUTE_MATCH__INIT;
    RouteMatchMessage *matches[] = {&match};
    match.path = &path;
    match.headers = headers;
    match.n_headers = ask->tenant[0] == '\0' ? 0 : 1;

    BackendRefMessage ref = POINTSMAN__V1__BACKEND_REF__INIT;
    BackendRefMessage *refs[] = {&ref};
    ref.name = backend;
    ref.port = 8080;

    RouteRuleMessage rule = POINTSMAN__V1__ROUTE_RULE__INIT;
    RouteRuleMessage *rules[] = {&rule};
    rule.matches = matches;
    rule.n_matches = 1;
    rule.backend_refs = refs;
    rule.n_backend_refs = 1;

    RouteMessage message = POINTSMAN__V1__ROUTE__INIT;
    char *hostname = (char *)ask->host;
    message.name = name;
    message.kind = ask->is_any_service ? POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC
                                       : POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_UNSPECIFIED;
    message.hostnames = &hostname;
    message.n_hostnames = 1;
    message.rules = rules;
    message.n_rules = 1;
    message.created_revision = number + 1;
    message.revision = revision;

    buffer_reset(to);
    message_pack(&message.base, to);
}

static uint32_t only_backend(void *context, const char *full_name, uint32_t port)
{
    (void)context;
    (void)full_name;
    (void)port;
    return 0;
}

struct route *shape_new_route(const struct ask *ask, unsigned number, uint64_t revision)
{
    struct buffer bytes = BUFFER_EMPTY;
    shape_pack_route(ask, number, revision, &bytes);
    ProtobufCMessage *message =
        message_unpack(&pointsman__v1__route__descriptor, buffer_slice(&bytes),
                       MESSAGE_MEMORY_DEFAULT, UNKNOWN_FIELDS_REFUSED, NULL);
    struct route *route =
        route_new((const RouteMessage *)message, buffer_slice(&bytes), false, only_backend, NULL);
    message_free(message);
    buffer_clear(&bytes);
    return route;
}

/* --- requests ------------------------------------------------------------------------------- */

void bench_request_init(struct bench_request *request, const struct ask *ask)
{
    static const struct request_limits limits = REQUEST_LIMITS_DEFAULT;
    int length = snprintf(request->text, BENCH_REQUEST_BYTES,
                          "GET %s?page=2&sort=name HTTP/1.1\r\n"
                          "Host: %s\r\n"
                          "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101\r\n"
                          "Accept: application/json, text/plain, */*\r\n"
                          "Accept-Language: en-gb,en;q=0.7\r\n"
                          "Accept-Encoding: gzip, deflate, br\r\n"
                          "Authorization: Bearer 8f14e45fceea167a5a36dedd4bea2543\r\n"
                          "X-Request-ID: 2c1f0a44-7f4e-4d6b-9c7a-0d0f3a6e9b10\r\n"
                          "X-Tenant: %s\r\n"
                          "Cookie: session=9b74c9897bac770ffc029102a200c5de; theme=dark\r\n"
                          "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
                          "\r\n",
                          ask->path, ask->host, ask->tenant[0] == '\0' ? "none" : ask->tenant);
    struct request_areas areas = {
        .fields = {.headers = request->headers, .tags = request->tags, .capacity = BENCH_HEADERS},
        .host = request->host};
    request_parser_init(&request->parser, &limits, areas, SLICE("http"), false);
    if (request_parser_feed(&request->parser, request->text, (size_t)length) != PARSE_DONE)
        abort();
    static const struct listener_identity listener = {SLICE("default"), 8080};
    request->parser.request.head.listener = &listener;
}
