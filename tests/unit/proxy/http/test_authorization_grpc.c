/* Authorization by gRPC: what the service is told, and what becomes of its answer. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/authorization_call.h"

#include <string.h>

static const char ok[] = "HTTP/1.1 200 OK\r\nSet-Cookie: own=1\r\nContent-Length: 2\r\n\r\nok";

/* --- the question ---------------------------------------------------------------------------- */

/* FLT-AUTH-16 */
static void the_service_is_called(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-grpc");
    struct player client = stage_connect(stage);
    player_send(&client, authorization_get);

    struct http2_endpoint gate = http2_endpoint_accept(stage, GATE);
    http2_endpoint_expect_head(&gate);

    const char *fields = buffer_string(&gate.fields);
    assert_has(fields, ":method: POST\n");
    assert_has(fields, ":scheme: http\n");
    assert_has(fields, ":path: /envoy.service.auth.v3.Authorization/Check\n");
    assert_has(fields, "content-type: application/grpc\n");
    assert_has(fields, "te: trailers\n");
    assert_lacks(fields, "authorization: ");
    assert_lacks(fields, "a.example");
    assert_false(stage_has_connection(stage, SERVICE));
    http2_endpoint_close(&gate);
    player_close(&client);
}

/* FLT-AUTH-17 */
static void the_call_tells_of_the_request(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-grpc");

    struct call call = call_begin(stage, authorization_get);

    const CheckedRequest *http = call.http;
    assert_string_equal(http->method, "GET");
    assert_string_equal(http->path, "/page?a=1");
    assert_string_equal(http->host, "a.example");
    assert_string_equal(http->scheme, "http");
    assert_string_equal(http->protocol, "HTTP/1.1");
    assert_int_equal(http->size, 0);
    assert_int_equal(strlen(http->id), 32);
    assert_string_equal(call_header(&call, "authorization"), "Basic eA==");
    assert_string_equal(call_header(&call, "cookie"), "c=1");
    assert_string_equal(call_header(&call, "x-user"), "evil");
    assert_string_equal(call_header(&call, "x-forwarded-for"), "127.0.0.1");
    assert_string_equal(call_header(&call, "x-request-id"), http->id);
    const Envoy__Service__Auth__V3__AttributeContext *attributes = call.message->attributes;
    assert_int_equal(attributes->request->time->seconds, STAGE_WALL_MS / 1000);
    assert_string_equal(attributes->source->address->socket_address->address, "127.0.0.1");
    assert_true(attributes->source->address->socket_address->port_value > 0);
    assert_string_equal(attributes->source->principal, "");
    assert_string_equal(attributes->destination->address->socket_address->address, "127.0.0.1");
    call_end(&call);
}

/* FLT-AUTH-17 */
static void only_allowed_headers_are_told(void **state)
{
    struct stage *stage =
        authorization_start(state, "auth:gate auth-grpc auth-allow:COOKIE auth-allow:x-none");

    struct call call = call_begin(stage, authorization_get);

    assert_string_equal(call_header(&call, "cookie"), "c=1");
    assert_int_equal(call.http->n_headers, 1);
    call_end(&call);
}

/* FLT-AUTH-17 */
static void older_clients_and_unknown_sizes_are_told_as_such(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-grpc");
    struct call call = call_begin(stage, "GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    assert_string_equal(call.http->protocol, "HTTP/1.0");
    call_end(&call);

    call = call_begin(stage, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    assert_int_equal(call.http->size, 5);
    assert_string_equal(call.http->body, "");
    call_end(&call);

    call = call_begin(stage, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_int_equal(call.http->size, -1);
    call_end(&call);
}

/* FLT-AUTH-14 */
static void a_websocket_is_asked_about_as_a_get(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-grpc");
    struct call call = call_begin(stage, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                                         "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    assert_string_equal(call.http->method, "GET");
    assert_string_equal(call_header(&call, "upgrade"), "none");
    assert_string_equal(call_header(&call, "connection"), "none");

    call_allow(&call);

    struct player service = stage_accept(stage, SERVICE);
    player_expect(&service, "upgrade: websocket\r\n");
    player_close(&service);
    call_end(&call);
}

/* FLT-AUTH-11 */
static void filters_in_front_of_it_are_seen_by_the_service(void **state)
{
    struct stage *stage = authorization_start(
        state, "set:X-Tenant=one rewrite-host:b.example rewrite-path:/new auth:gate auth-grpc");

    struct call call = call_begin(stage, authorization_get);

    assert_string_equal(call.http->path, "/new?a=1");
    assert_string_equal(call.http->host, "b.example");
    assert_string_equal(call_header(&call, "x-tenant"), "one");
    call_end(&call);
}

/* --- bodies ---------------------------------------------------------------------------------- */

/* FLT-AUTH-18 */
static void the_body_is_told_and_goes_on_unchanged(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-grpc auth-body:5");
    struct call call =
        call_begin(stage, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n");
    assert_string_equal(call.http->body, "hello");
    assert_int_equal(call.http->size, 5);
    assert_true(stage->replay_bytes > 5);

    call_allow(&call);

    struct player service = stage_accept(stage, SERVICE);
    player_expect(&service, "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    player_send(&service, ok);
    player_expect(&call.client, "\r\n\r\nok");
    assert_int_equal(stage->replay_bytes, 0);
    player_close(&service);
    call_end(&call);
}

/* FLT-AUTH-8 */
static void a_longer_body_is_refused(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-grpc auth-body:4");
    struct player client = stage_connect(stage);

    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "5\r\nhello\r\n");

    player_expect(&client, "HTTP/1.1 413 ");
    assert_false(stage_has_connection(stage, GATE));
    assert_int_equal(authorization_refused(stage, DENIAL_BODY_TOO_LARGE), 1);
    player_close(&client);
}

/* FLT-AUTH-18 */
static void what_is_kept_and_told_is_bounded(void **state)
{
    struct stage *stage = *state;
    stage->shared.http.max_replay_total_bytes = 20;
    authorization_start(state, "auth:gate auth-grpc auth-body:5");
    struct player client = stage_connect(stage);

    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");

    player_expect(&client, "HTTP/1.1 503 ");
    assert_int_equal(stage->replay_bytes, 0);
    player_close(&client);
}

/* --- who is allowed -------------------------------------------------------------------------- */

/* FLT-AUTH-19 */
static void an_allowed_request_goes_on(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-grpc");
    struct call call = call_begin(stage, authorization_get);
    call_answer_head(&call);
    http2_endpoint_send_bytes(&call.gate, call.stream, SLICE("\0\0\0\0\2\x0a"));
    assert_false(stage_has_connection(stage, SERVICE));
    http2_endpoint_send_bytes(&call.gate, call.stream, SLICE("\0"));
    assert_false(stage_has_connection(stage, SERVICE));

    http2_endpoint_send_head(&call.gate, call.stream, true, "grpc-status: 0\n");

    struct player service = stage_accept(stage, SERVICE);
    const char *head = authorization_read_head(&service);
    assert_has(head, "GET /page?a=1 HTTP/1.1\r\n");
    assert_has(head, "X-User: evil\r\n");
    player_send(&service, ok);
    player_expect(&call.client, "\r\n\r\nok");
    player_close(&service);
    call_end(&call);
}

/* FLT-AUTH-20 */
static void who_is_allowed_is_who_the_service_says(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-grpc");
    struct call call =
        call_begin(stage, "GET / HTTP/1.1\r\nHost: a.example\r\nX-User: evil\r\nX.User: evil\r\n"
                          "Authorization: s\r\nX-Group: a\r\n\r\n");
    struct answer answer;
    char *removed[] = {(char *)"Authorization", (char *)"Host", (char *)":path"};
    answer_init(&answer);
    answer_add(&answer, "x-user", "kim");
    answer_add(&answer, "host", "evil.example");
    answer_add(&answer, "transfer-encoding", "chunked");
    answer_add(&answer, "content-length", "9");
    answer_add(&answer, "x-forwarded-for", "6.6.6.6");
    answer_add(&answer, "x-group", "b");
    Google__Protobuf__BoolValue append = GOOGLE__PROTOBUF__BOOL_VALUE__INIT;
    append.value = true;
    answer.options[5].append = &append;
    answer.ok.headers = answer.headers;
    answer.ok.n_headers = answer.count;
    answer.ok.headers_to_remove = removed;
    answer.ok.n_headers_to_remove = 3;

    call_answer(&call, &answer.message);

    struct player service = stage_accept(stage, SERVICE);
    const char *head = authorization_read_head(&service);
    assert_has(head, "host: a.example\r\n");
    assert_has(head, "x-user: kim\r\n");
    assert_has(head, "X-Group: a\r\n");
    assert_has(head, "x-group: b\r\n");
    assert_has(head, "x-forwarded-for: 127.0.0.1\r\n");
    assert_lacks(head, "evil");
    assert_lacks(head, "uthorization");
    assert_lacks(head, "content-length");
    assert_lacks(head, "ncoding");
    player_close(&service);
    call_end(&call);
}

/* FLT-AUTH-11 */
static void filters_behind_it_edit_what_the_service_has_added(void **state)
{
    struct stage *stage =
        authorization_start(state, "auth:gate auth-grpc add:x-user=more rewrite-path:/new");
    struct call call = call_begin(stage, authorization_get);
    assert_string_equal(call.http->path, "/page?a=1");
    struct answer answer;
    answer_init(&answer);
    answer_add(&answer, "x-user", "kim");
    answer.ok.headers = answer.headers;
    answer.ok.n_headers = answer.count;

    call_answer(&call, &answer.message);

    struct player service = stage_accept(stage, SERVICE);
    const char *head = authorization_read_head(&service);
    assert_has(head, "GET /new?a=1 HTTP/1.1\r\n");
    assert_has(head, "x-user: kim,more\r\n");
    player_close(&service);
    call_end(&call);
}

/* FLT-AUTH-21 */
static void queries_and_answers_are_edited(void **state)
{
    struct stage *stage = authorization_start(
        state, "rewrite-path:/new auth:gate auth-grpc response-set:x-late=filter");
    struct call call = call_begin(stage, "GET /page?a=1&%74oken=s&b=2 HTTP/1.1\r\nHost: a\r\n\r\n");
    struct answer answer;
    Envoy__Config__Core__V3__QueryParameter user = ENVOY__CONFIG__CORE__V3__QUERY_PARAMETER__INIT;
    Envoy__Config__Core__V3__QueryParameter *parameters[] = {&user};
    char *gone[] = {(char *)"token"};
    user.key = (char *)"a";
    user.value = (char *)"kim & co";
    answer_init(&answer);
    answer_add(&answer, "x-session", "7");
    answer_add(&answer, "x-late", "service");
    answer.ok.response_headers_to_add = answer.headers;
    answer.ok.n_response_headers_to_add = answer.count;
    answer.ok.query_parameters_to_set = parameters;
    answer.ok.n_query_parameters_to_set = 1;
    answer.ok.query_parameters_to_remove = gone;
    answer.ok.n_query_parameters_to_remove = 1;

    call_answer(&call, &answer.message);

    struct player service = stage_accept(stage, SERVICE);
    player_expect(&service, "GET /new?b=2&a=kim%20%26%20co HTTP/1.1\r\n");
    player_expect(&service, "\r\n\r\n");
    player_send(&service, ok);
    const char *head = authorization_read_head(&call.client);
    assert_has(head, "HTTP/1.1 200 OK\r\n");
    assert_has(head, "Set-Cookie: own=1\r\n");
    assert_has(head, "x-session: 7\r\n");
    assert_has(head, "x-late: filter\r\n");
    assert_lacks(head, "x-late: service");
    player_close(&service);
    call_end(&call);
}

/* FLT-AUTH-21 */
static void the_next_request_has_nothing_of_the_answer(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-grpc");
    struct call call = call_begin(stage, authorization_get);
    struct answer answer;
    answer_init(&answer);
    answer_add(&answer, "x-session", "7");
    answer.ok.response_headers_to_add = answer.headers;
    answer.ok.n_response_headers_to_add = answer.count;
    call_answer(&call, &answer.message);
    struct player service = stage_accept(stage, SERVICE);
    player_expect(&service, "\r\n\r\n");
    player_send(&service, ok);
    player_expect(&call.client, "x-session: 7\r\n");
    player_expect(&call.client, "\r\n\r\nok");

    player_send(&call.client, authorization_get);
    call_read(&call);
    call_allow(&call);
    player_expect(&service, "\r\n\r\n");
    player_send(&service, ok);

    assert_lacks(authorization_read_head(&call.client), "x-session");
    player_close(&service);
    call_end(&call);
}

/* --- who is denied --------------------------------------------------------------------------- */

static void expect_denied(struct call *call, const char *status)
{
    player_expect(&call->client, status);
    assert_false(stage_has_connection(call->stage, SERVICE));
    assert_int_equal(authorization_refused(call->stage, DENIAL_AUTHORIZATION_REFUSED), 1);
    assert_int_equal(authorization_refused(call->stage, DENIAL_AUTHORIZATION_FAILED), 0);
}

/* FLT-AUTH-19 */
static void a_denial_is_passed_on(void **state)
{
    struct stage *stage =
        authorization_start(state, "auth:gate auth-grpc response-add:x-proxy=seen");
    struct call call = call_begin(stage, authorization_get);
    struct answer answer;
    answer_init_denied(&answer, 401, "who?");
    answer_add(&answer, "WWW-Authenticate", "Bearer");
    answer_add(&answer, "set-cookie", "a=1");
    answer_add(&answer, "set-cookie", "b=2");
    answer_add(&answer, "content-length", "99");
    answer_add(&answer, "transfer-encoding", "chunked");
    answer_add(&answer, "connection", "close");
    answer.denied.n_headers = answer.count;

    call_answer(&call, &answer.message);

    expect_denied(&call, "HTTP/1.1 401 Unauthorized\r\n");
    const char *head = authorization_read_head(&call.client);
    assert_has(head, "WWW-Authenticate: Bearer\r\n");
    assert_has(head, "set-cookie: a=1\r\n");
    assert_has(head, "set-cookie: b=2\r\n");
    assert_has(head, "content-type: text/plain; charset=utf-8\r\n");
    assert_has(head, "content-length: 4\r\n");
    assert_has(head, "x-proxy: seen\r\n");
    assert_has(head, STAGE_DATE);
    assert_has(head, "\r\n\r\nwho?");
    assert_lacks(head, "content-length: 99");
    assert_lacks(head, "chunked");
    assert_lacks(head, "close");
    call_end(&call);
}

/* FLT-AUTH-19 */
static void a_denial_says_what_its_body_is(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-grpc");
    struct call call = call_begin(stage, authorization_get);
    struct answer answer;
    answer_init_denied(&answer, 302, "<html>");
    answer_add(&answer, "Content-Type", "text/html");
    answer_add(&answer, "location", "https://login.example/");
    answer.denied.n_headers = answer.count;

    call_answer(&call, &answer.message);

    expect_denied(&call, "HTTP/1.1 302 Found\r\n");
    const char *head = authorization_read_head(&call.client);
    assert_has(head, "Content-Type: text/html\r\n");
    assert_has(head, "location: https://login.example/\r\n");
    assert_lacks(head, "text/plain");
    call_end(&call);
}

/* FLT-AUTH-19 */
static void a_denial_that_says_nothing_is_a_403(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-grpc");
    struct call call = call_begin(stage, authorization_get);

    call_answer_bytes(&call, SLICE("\0\0\0\0\4\x0a\2\x08\7"), "0");

    expect_denied(&call, "HTTP/1.1 403 Forbidden\r\n");
    player_expect(&call.client, "content-length: 0\r\n");
    call_end(&call);
}

/* FLT-AUTH-19 */
static void a_denial_may_have_no_body(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-grpc");
    struct call call = call_begin(stage, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    struct answer answer;
    answer_init_denied(&answer, 401, "who?");
    call_answer(&call, &answer.message);
    expect_denied(&call, "HTTP/1.1 401 Unauthorized\r\n");
    player_expect(&call.client, "content-length: 4\r\n\r\n");
    player_expect_nothing(&call.client);

    player_send(&call.client, authorization_get);
    call_read(&call);
    answer_init_denied(&answer, 204, "who?");
    call_answer(&call, &answer.message);
    player_expect(&call.client, "HTTP/1.1 204 No Content\r\n");
    assert_lacks(authorization_read_head(&call.client), "content-length");
    player_expect(&call.client, "\r\n\r\n");
    player_expect_nothing(&call.client);
    call_end(&call);
}

/* FLT-AUTH-15 */
static void what_is_denied_is_not_mirrored(void **state)
{
    struct stage *stage = *state;
    stage->route.mirror_port = stage->endpoint_ports[SERVICE];
    authorization_start(state, "auth:gate auth-grpc mirror:mirror");
    struct call call = call_begin(stage, authorization_get);

    call_answer_bytes(&call, SLICE("\0\0\0\0\4\x0a\2\x08\7"), "0");

    expect_denied(&call, "HTTP/1.1 403 Forbidden\r\n");
    assert_int_equal(counter_read(&stage->worker->counters->mirrors_started), 0);
    call_end(&call);
}

/* FLT-AUTH-24 */
static void a_service_that_could_not_decide_is_heard(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-grpc");
    struct call call = call_begin(stage, authorization_get);
    struct answer answer;
    answer_init_denied(&answer, 0, "later");
    answer.message.http_response_case =
        ENVOY__SERVICE__AUTH__V3__CHECK_RESPONSE__HTTP_RESPONSE_ERROR_RESPONSE;
    answer_add(&answer, "retry-after", "5");
    answer.denied.n_headers = answer.count;

    call_answer(&call, &answer.message);

    player_expect(&call.client, "HTTP/1.1 503 ");
    player_expect(&call.client, "retry-after: 5\r\n");
    player_expect(&call.client, "\r\n\r\nlater");
    assert_false(stage_has_connection(stage, SERVICE));
    assert_int_equal(authorization_refused(stage, DENIAL_AUTHORIZATION_FAILED), 1);
    call_end(&call);
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, call_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        ON_STAGE(the_service_is_called),
        ON_STAGE(the_call_tells_of_the_request),
        ON_STAGE(only_allowed_headers_are_told),
        ON_STAGE(older_clients_and_unknown_sizes_are_told_as_such),
        ON_STAGE(a_websocket_is_asked_about_as_a_get),
        ON_STAGE(filters_in_front_of_it_are_seen_by_the_service),
        ON_STAGE(the_body_is_told_and_goes_on_unchanged),
        ON_STAGE(a_longer_body_is_refused),
        ON_STAGE(what_is_kept_and_told_is_bounded),
        ON_STAGE(an_allowed_request_goes_on),
        ON_STAGE(who_is_allowed_is_who_the_service_says),
        ON_STAGE(filters_behind_it_edit_what_the_service_has_added),
        ON_STAGE(queries_and_answers_are_edited),
        ON_STAGE(the_next_request_has_nothing_of_the_answer),
        ON_STAGE(a_denial_is_passed_on),
        ON_STAGE(a_denial_says_what_its_body_is),
        ON_STAGE(a_denial_that_says_nothing_is_a_403),
        ON_STAGE(a_denial_may_have_no_body),
        ON_STAGE(what_is_denied_is_not_mirrored),
        ON_STAGE(a_service_that_could_not_decide_is_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
