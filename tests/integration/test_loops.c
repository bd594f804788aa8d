/* Loops: routes that lead back to a proxy, on the real programs. However it comes back, a request
 * ends after a few rounds. */
#include "proxy/routing/loop_mark.h"
#include "tests/support/check.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http2_client.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/support/websocket_switch.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { URL_BYTES = 64 };

static struct fake_upstream *service;
static struct pointsman *first;
static struct pointsman *same_control; /* a proxy beside the first */
static struct pointsman *stranger;     /* a proxy of another control */
static char *log_path;
static char own_url[URL_BYTES]; /* of the first */

static void url_of(const struct pointsman *pointsman, const char *scheme, char url[URL_BYTES])
{
    snprintf(url, URL_BYTES, "%s://127.0.0.1:%d", scheme, pointsman_port(pointsman));
}

static int start(void **state)
{
    (void)state;
    service = fake_upstream_start("service");
    static const char *arguments[] = {"--access-log", NULL, NULL};
    first = pointsman_new(&(struct pointsman_options){.proxy_arguments = arguments});
    log_path = temp_dir_file(pointsman_dir(first), "access.log");
    arguments[1] = log_path;
    pointsman_start_control(first);
    pointsman_start_proxy(first);
    same_control = pointsman_new(&(struct pointsman_options){.control = pointsman_socket(first)});
    pointsman_start_proxy(same_control);
    stranger = pointsman_start(NULL);
    url_of(first, "http", own_url);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(stranger);
    pointsman_free(same_control);
    pointsman_free(first);
    fake_upstream_free(service);
    free(log_path);
    return 0;
}

/* --- what came of it ------------------------------------------------------------------------- */

static uint64_t labelled(const struct pointsman *pointsman, const char *start_of_line)
{
    struct http_message page = HTTP_MESSAGE_EMPTY;
    http_get(pointsman_admin_port(pointsman), "admin", "/metrics", &page);
    const char *found = strstr(page.body.at, start_of_line);
    uint64_t count = found == NULL ? 0 : strtoull(found + strlen(start_of_line), NULL, 10);
    http_message_clear(&page);
    return count;
}

static uint64_t loops(const struct pointsman *pointsman)
{
    return labelled(pointsman, "pointsman_refused_total{reason=\"loop\"} ");
}

static uint64_t requests(const struct pointsman *pointsman)
{
    return pointsman_metric(pointsman, "pointsman_requests_received_total");
}

struct counts {
    uint64_t loops;
    uint64_t requests;
};

static struct counts count(void)
{
    const struct pointsman *const all[] = {first, same_control, stranger};
    struct counts counts = {0};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        counts.loops += loops(all[i]);
        counts.requests += requests(all[i]);
    }
    return counts;
}

/* Since then: so many requests at all proxies, of which the last was refused. */
static void expect_one_loop(struct counts before, unsigned passes)
{
    struct counts now = count();
    assert_int_equal(now.loops - before.loops, 1);
    assert_int_equal(now.requests - before.requests, passes);
}

static bool log_has(void *text)
{
    char *lines = temp_dir_read(log_path);
    bool is_there = strstr(lines, text) != NULL;
    free(lines);
    return is_there;
}

static const char *last_request(void)
{
    size_t requests_seen = fake_upstream_request_count(service);
    return fake_upstream_request(service, requests_seen - 1)->head.at;
}

/* --- proxies that lead to themselves and to each other ---------------------------------------- */

/* LOOP-1, LOOP-4 */
static void a_route_to_its_own_listener_answers_508(void **state)
{
    (void)state;
    struct http_message response = HTTP_MESSAGE_EMPTY;
    pointsman_routectl_ok(first, "add", "own", "--path-prefix", "/own", "--to", own_url, NULL);
    struct counts before = count();

    http_get(pointsman_port(first), "h", "/own/page", &response);

    assert_int_equal(response.status, 508);
    CHECK(strstr(response.head.at, "HTTP/1.1 508 Loop Detected\r\n") == response.head.at, "%s",
          response.head.at);
    assert_string_equal(response.body.at, "The request comes back to its route again and again.\n");
    expect_one_loop(before, LOOP_ROUNDS_MAX + 1);
    assert_true(wait_until(log_has, "\"status\":508,", WAIT_MS));
    assert_true(wait_until(log_has, "\"revision\":1,\"refused\":\"loop\"}\n", WAIT_MS));
    http_message_clear(&response);
}

/* LOOP-1: whichever of them is chosen, both have the mark of the rule. */
static void proxies_of_one_control_know_each_others_marks(void **state)
{
    (void)state;
    char other[URL_BYTES];
    url_of(same_control, "http", other);
    pointsman_routectl_ok(first, "add", "pair", "--path-prefix", "/pair", "--to", other, NULL);

    struct counts before = count();
    assert_int_equal(http_get_status(pointsman_port(first), "h", "/pair"), 508);
    expect_one_loop(before, LOOP_ROUNDS_MAX + 1);
}

/* LOOP-1: of another control's mark nobody knows; the request comes to the first one again. */
static void two_proxies_that_point_at_each_other_answer_508(void **state)
{
    (void)state;
    char other[URL_BYTES];
    url_of(stranger, "http", other);
    pointsman_routectl_ok(first, "add", "there", "--path-prefix", "/far", "--to", other, NULL);
    pointsman_routectl_ok(stranger, "add", "back", "--path-prefix", "/far", "--to", own_url, NULL);

    struct counts before = count();
    assert_int_equal(http_get_status(pointsman_port(first), "h", "/far"), 508);
    expect_one_loop(before, 2 * LOOP_ROUNDS_MAX + 1);
    before = count();
    assert_int_equal(http_get_status(pointsman_port(stranger), "h", "/far"), 508);
    expect_one_loop(before, 2 * LOOP_ROUNDS_MAX + 1);
}

/* LOOP-1 */
static void a_loop_through_several_rules_ends_where_it_began(void **state)
{
    (void)state;
    pointsman_routectl_ok(first, "add", "one", "--path-prefix", "/one", "--to", own_url,
                          "--rewrite-prefix", "/two", NULL);
    pointsman_routectl_ok(first, "add", "two", "--path-prefix", "/two", "--to", own_url,
                          "--rewrite-prefix", "/one", NULL);

    struct counts before = count();
    assert_int_equal(http_get_status(pointsman_port(first), "h", "/one"), 508);
    expect_one_loop(before, 2 * LOOP_ROUNDS_MAX + 1);
}

/* LOOP-2 */
static void a_request_may_pass_a_proxy_twice_by_two_rules(void **state)
{
    (void)state;
    pointsman_routectl_ok(first, "add", "outer", "--path-prefix", "/outer", "--to", own_url,
                          "--rewrite-prefix", "/inner", NULL);
    pointsman_routectl_ok(first, "add", "inner", "--path-prefix", "/inner", "--to",
                          fake_upstream_url(service), NULL);

    struct counts before = count();
    assert_int_equal(http_get_status(pointsman_port(first), "h", "/outer/page"), 200);

    struct counts now = count();
    assert_int_equal(now.loops, before.loops);
    assert_int_equal(now.requests - before.requests, 2);
}

/* --- HTTP/2 and gRPC -------------------------------------------------------------------------- */

/* LOOP-1, LOOP-3 */
static void a_loop_through_http2_is_answered_as_its_clients_understand(void **state)
{
    (void)state;
    char url[URL_BYTES];
    url_of(first, "h2c", url);
    pointsman_routectl_ok(first, "add", "h2", "--path-prefix", "/h2", "--to", url, NULL);
    struct http2_client *client = http2_client_open(pointsman_port(first));
    assert_non_null(client);
    struct counts before = count();

    struct http2_reply *plain = http2_client_ask(client, HTTP2_CLIENT_GET("h", "/h2"), true);
    assert_true(HTTP2_CLIENT_WAIT(client, plain->has_ended));
    assert_int_equal(http2_reply_status(plain), 508);
    expect_one_loop(before, LOOP_ROUNDS_MAX + 1);

    before = count();
    struct http2_reply *call =
        http2_client_ask(client,
                         ":method: POST\n:scheme: http\n:authority: h\n:path: /h2/Call\n"
                         "content-type: application/grpc\nte: trailers\n",
                         true);
    assert_true(HTTP2_CLIENT_WAIT(client, call->has_ended));
    assert_int_equal(http2_reply_status(call), 200);
    assert_true(http2_reply_has_field(call, "grpc-status: 13"));
    assert_true(http2_reply_has_field(
        call, "grpc-message: The request comes back to its route again and again."));
    expect_one_loop(before, LOOP_ROUNDS_MAX + 1);
    http2_client_close(client);
}

/* LOOP-1: a WebSocket is a request as any other, in both versions. */
static void the_handshake_of_a_websocket_that_comes_back_is_refused(void **state)
{
    (void)state;
    struct http_message response = HTTP_MESSAGE_EMPTY;
    struct counts before = count();
    http_exchange(pointsman_port(first),
                  "GET /own/chat HTTP/1.1\r\nHost: h\r\n" WEBSOCKET_SWITCH_FIELDS, "", &response);
    assert_int_equal(response.status, 508);
    expect_one_loop(before, LOOP_ROUNDS_MAX + 1);

    struct http2_client *client = http2_client_open(pointsman_port(first));
    assert_non_null(client);
    before = count();
    struct http2_reply *reply =
        http2_client_ask(client,
                         ":method: CONNECT\n:protocol: websocket\n:scheme: http\n:authority: h\n"
                         ":path: /h2/chat\nsec-websocket-version: 13\n",
                         false);
    assert_true(HTTP2_CLIENT_WAIT(client, reply->has_ended || http2_reply_status(reply) != 0));
    assert_int_equal(http2_reply_status(reply), 508);
    expect_one_loop(before, LOOP_ROUNDS_MAX + 1);
    http2_client_close(client);
    http_message_clear(&response);
}

/* --- what else a proxy sends ------------------------------------------------------------------ */

static bool one_more_loop(void *before)
{
    return count().loops > ((const struct counts *)before)->loops;
}

/* LOOP-5: its request is answered as if there were none. */
static void a_mirror_that_leads_back_ends_as_soon(void **state)
{
    (void)state;
    pointsman_routectl_ok(first, "backend", "add", "proxy", "--to", own_url, NULL);
    pointsman_routectl_ok(first, "add", "mirrored", "--path-prefix", "/mirrored", "--to",
                          fake_upstream_url(service), "--mirror", "proxy", NULL);

    struct counts before = count();
    assert_int_equal(http_get_status(pointsman_port(first), "h", "/mirrored"), 200);
    assert_true(wait_until(one_more_loop, &before, WAIT_MS));
    expect_one_loop(before, LOOP_ROUNDS_MAX + 1);
}

/* LOOP-5: the answer to the question is a 508, which allows nothing. */
static void an_authorization_that_leads_back_allows_nothing(void **state)
{
    (void)state;
    pointsman_routectl_ok(first, "add", "guarded", "--path-prefix", "/guarded", "--to",
                          fake_upstream_url(service), "--auth", "proxy", NULL);
    size_t served = fake_upstream_request_count(service);

    struct counts before = count();
    assert_int_equal(http_get_status(pointsman_port(first), "h", "/guarded"), 508);
    expect_one_loop(before, LOOP_ROUNDS_MAX + 1);
    assert_int_equal(fake_upstream_request_count(service), served);
}

/* LOOP-5: each probe is a request of its own, by which the endpoint is found to be unhealthy. */
static void a_health_check_that_leads_back_ends_as_soon(void **state)
{
    (void)state;
    struct counts before = count();
    pointsman_routectl_ok(first, "backend", "add", "checked", "--to", own_url, "--health-path",
                          "/own/health", "--health-interval", "50ms", NULL);
    pointsman_routectl_ok(first, "add", "checked", "--path-prefix", "/checked", "--backend",
                          "checked", NULL);
    assert_true(wait_until(one_more_loop, &before, WAIT_MS));
    pointsman_routectl_ok(first, "remove", "checked", NULL);
    struct counts now = count();
    /* Each of them so often, but for the ones that are on their way. */
    assert_true(now.requests - before.requests <=
                (LOOP_ROUNDS_MAX + 1) * (now.loops - before.loops + 1));
}

/* --- the mark --------------------------------------------------------------------------------- */

/* The line of CDN-Loop that the service was sent last, with its end. Caller frees. */
static char *mark_line(void)
{
    const char *line = strstr(last_request(), "cdn-loop: pointsman;rule=");
    CHECK(line != NULL, "no mark in:\n%s", last_request());
    return strndup(line, (size_t)(strstr(line, "\r\n") - line) + 2);
}

static int ask_with(const char *path, const char *fields)
{
    struct http_message response = HTTP_MESSAGE_EMPTY;
    struct buffer head = BUFFER_EMPTY;
    buffer_printf(&head, "GET %s HTTP/1.1\r\nHost: h\r\n%s", path, fields);
    int status = http_exchange(pointsman_port(first), buffer_string(&head), "", &response);
    buffer_clear(&head);
    http_message_clear(&response);
    return status;
}

/* So often. Caller frees. */
static char *shown(const char *line, unsigned times)
{
    struct buffer lines = BUFFER_EMPTY;
    for (unsigned i = 0; i < times; i++)
        buffer_printf(&lines, "%s", line);
    char *copy = strdup(buffer_string(&lines));
    buffer_clear(&lines);
    return copy;
}

/* LOOP-2: as a gateway does behind a rule that takes everything. */
static void a_request_may_come_back_to_its_rule(void **state)
{
    (void)state;
    assert_int_equal(ask_with("/inner", ""), 200);
    char *line = mark_line();
    char *mark = shown(line, LOOP_ROUNDS_MAX - 1);

    assert_int_equal(ask_with("/inner", mark), 200);
    free(mark);
    free(line);
}

/* LOOP-6 */
static void who_shows_marks_has_his_own_request_refused(void **state)
{
    (void)state;
    assert_int_equal(ask_with("/inner", ""), 200);
    char *line = mark_line();
    char *mark = shown(line, LOOP_ROUNDS_MAX);

    assert_int_equal(ask_with("/inner", mark), 508);
    assert_int_equal(ask_with("/inner", "CDN-Loop: pointsman;rule=0123456789abcdef\r\n"), 200);
    assert_int_equal(ask_with("/inner", ""), 200);
    assert_int_equal(ask_with("/mirrored", mark), 200);
    free(mark);
    free(line);
}

/* LOOP-7 */
static void what_others_have_written_there_stays(void **state)
{
    (void)state;
    assert_int_equal(ask_with("/inner", "CDN-Loop: edge.example;a=b, other\r\nCDN-Loop: third\r\n"),
                     200);
    CHECK(strstr(last_request(), "CDN-Loop: edge.example;a=b, other\r\n") != NULL &&
              strstr(last_request(), "CDN-Loop: third\r\n") != NULL,
          "%s", last_request());
    free(mark_line());
    assert_int_equal(ask_with("/inner", "CDN-Loop: a\r\nConnection: cdn-loop\r\n"), 400);
}

/* LOOP-7 */
static void no_filter_takes_a_mark_away(void **state)
{
    (void)state;
    struct command tried = pointsman_routectl(first, "add", "blind", "--path-prefix", "/blind",
                                              "--to", own_url, "--remove-header", "CDN-Loop", NULL);
    assert_int_equal(tried.exit_code, 5);
    CHECK(strstr(tried.err, "must not be 'CDN-Loop': the proxy sets it itself") != NULL, "%s",
          tried.err);
    command_clear(&tried);
}

/* LOOP-8 */
static void explain_shows_the_mark_and_knows_it(void **state)
{
    (void)state;
    assert_int_equal(ask_with("/inner", ""), 200);
    char *line = mark_line();
    char *mark = strndup(line + strlen("cdn-loop: "), strlen(line) - strlen("cdn-loop: \r\n"));
    char header[LOOP_ROUNDS_MAX * (LOOP_MARK_LENGTH + 2) + 16];
    snprintf(header, sizeof(header), "CDN-Loop: %s, %s,%s", mark, mark, mark);

    struct command shown = pointsman_routectl(first, "explain", "GET http://h/inner", NULL);
    CHECK(strstr(shown.out, mark) != NULL, "no '%s' in:\n%s", mark, shown.out);
    struct command refused =
        pointsman_routectl(first, "explain", "GET http://h/inner", "-H", header, NULL);
    CHECK(strstr(refused.out, "508") != NULL, "%s\n%s", refused.out, refused.err);
    command_clear(&shown);
    command_clear(&refused);
    free(mark);
    free(line);
}

/* LOOP-9 */
static void a_backend_that_is_a_proxy_is_warned_of(void **state)
{
    (void)state;
    char document[512];
    snprintf(document, sizeof(document),
             "apiVersion: pointsman/v1\nkind: Backend\nmetadata: {name: echo}\n"
             "spec: {endpoints: [{address: 127.0.0.1, port: 9}, "
             "{address: 127.0.0.1, port: %d}]}\n",
             pointsman_port(same_control));
    char *path = temp_dir_write(pointsman_dir(first), "backend.yaml", document);
    char warning[128];
    snprintf(warning, sizeof(warning), "127.0.0.1 is the listener default=127.0.0.1:%d of proxy ",
             pointsman_port(same_control));

    struct command diff = pointsman_routectl(first, "diff", "-f", path, NULL);
    assert_int_equal(diff.exit_code, 1);
    CHECK(strstr(diff.err, warning) != NULL, "%s", diff.err);
    struct command added =
        pointsman_routectl(first, "backend", "add", "echo", "--to", own_url, "--dry-run", NULL);
    assert_int_equal(added.exit_code, 0);
    CHECK(strstr(added.err, "warning: --to http://127.0.0.1:") != NULL, "%s", added.err);
    struct command applied = pointsman_routectl(first, "apply", "-f", path, NULL);
    assert_int_equal(applied.exit_code, 0);
    CHECK(strstr(applied.err, warning) != NULL && strstr(applied.err, "endpoints[1]") != NULL, "%s",
          applied.err);

    command_clear(&diff);
    command_clear(&added);
    command_clear(&applied);
    free(path);
}

/* LOOP-5: whatever the client has written in front of the mark. */
static void a_call_of_authorization_that_leads_back_is_known(void **state)
{
    (void)state;
    static const char route[] =
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: called}\n"
        "spec:\n  rules:\n"
        "  - matches: [{path: {type: PathPrefix, value: /envoy.service.auth.v3.Authorization}}]\n"
        "    filters:\n"
        "    - type: ExternalAuth\n      externalAuth:\n        protocol: GRPC\n"
        "        backendRef: {name: called}\n        grpc: {}\n"
        "    backendRefs: [{name: called}]\n---\n"
        "apiVersion: pointsman/v1\nkind: Backend\nmetadata: {name: called}\n"
        "spec: {appProtocol: h2c, endpoints: [{address: 127.0.0.1, port: %d}]}\n";
    struct http_message response = HTTP_MESSAGE_EMPTY;
    struct buffer document = BUFFER_EMPTY;
    buffer_printf(&document, route, pointsman_port(first));
    char *path = temp_dir_write(pointsman_dir(first), "called.yaml", buffer_string(&document));
    pointsman_routectl_ok(first, "apply", "-f", path, NULL);
    struct counts before = count();

    http_exchange(pointsman_port(first),
                  "GET /envoy.service.auth.v3.Authorization/Check HTTP/1.1\r\nHost: h\r\n"
                  "CDN-Loop: a\r\nCDN-Loop: b\r\n",
                  "", &response);

    assert_true(response.status >= 400);
    expect_one_loop(before, LOOP_ROUNDS_MAX + 1);
    http_message_clear(&response);
    buffer_clear(&document);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_to_its_own_listener_answers_508),
        cmocka_unit_test(proxies_of_one_control_know_each_others_marks),
        cmocka_unit_test(two_proxies_that_point_at_each_other_answer_508),
        cmocka_unit_test(a_loop_through_several_rules_ends_where_it_began),
        cmocka_unit_test(a_request_may_pass_a_proxy_twice_by_two_rules),
        cmocka_unit_test(a_loop_through_http2_is_answered_as_its_clients_understand),
        cmocka_unit_test(the_handshake_of_a_websocket_that_comes_back_is_refused),
        cmocka_unit_test(a_mirror_that_leads_back_ends_as_soon),
        cmocka_unit_test(an_authorization_that_leads_back_allows_nothing),
        cmocka_unit_test(a_health_check_that_leads_back_ends_as_soon),
        cmocka_unit_test(a_request_may_come_back_to_its_rule),
        cmocka_unit_test(who_shows_marks_has_his_own_request_refused),
        cmocka_unit_test(what_others_have_written_there_stays),
        cmocka_unit_test(no_filter_takes_a_mark_away),
        cmocka_unit_test(explain_shows_the_mark_and_knows_it),
        cmocka_unit_test(a_backend_that_is_a_proxy_is_warned_of),
        cmocka_unit_test(a_call_of_authorization_that_leads_back_is_known),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
