/* Authorization, from the command line to all three ends: what the service is asked, what the
 * backend receives, what the client is answered; and what becomes of it when one of them fails. */
#include "tests/support/check.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http2_client.h"
#include "tests/support/http_get.h"
#include "tests/support/load.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/support/websocket_switch.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fake_upstream *service;
static struct fake_upstream *gate;
static struct pointsman *pointsman;
static char *log_path;

static int start(void **state)
{
    (void)state;
    service = fake_upstream_start("service");
    gate = fake_upstream_start("gate");
    static const char *arguments[] = {"--access-log", NULL, NULL};
    pointsman = pointsman_new(&(struct pointsman_options){.proxy_arguments = arguments});
    log_path = temp_dir_file(pointsman_dir(pointsman), "access.log");
    arguments[1] = log_path;
    pointsman_start_control(pointsman);
    pointsman_start_proxy(pointsman);
    pointsman_routectl_ok(pointsman, "backend", "add", "gate", "--to", fake_upstream_url(gate),
                          NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(service);
    fake_upstream_free(gate);
    free(log_path);
    return 0;
}

/* --- helpers --------------------------------------------------------------------------------- */

static void expect_contains(const char *text, const char *part)
{
    CHECK(strstr(text, part) != NULL, "no '%s' in:\n%s", part, text);
}

static void expect_lacks(const char *text, const char *part)
{
    CHECK(strstr(text, part) == NULL, "'%s' in:\n%s", part, text);
}

/* The gate's newest question. */
static const char *question(void)
{
    return fake_upstream_request(gate, fake_upstream_request_count(gate) - 1)->head.at;
}

static uint64_t refusals(const char *reason)
{
    struct http_message page = HTTP_MESSAGE_EMPTY;
    char line[96];
    snprintf(line, sizeof(line), "pointsman_refused_total{reason=\"%s\"} ", reason);
    http_get(pointsman_admin_port(pointsman), "admin", "/metrics", &page);
    const char *found = strstr(page.body.at, line);
    CHECK(found != NULL, "no '%s'", line);
    uint64_t count = strtoull(found + strlen(line), NULL, 10);
    http_message_clear(&page);
    return count;
}

static bool log_has(void *text)
{
    char *lines = temp_dir_read(log_path);
    bool is_there = strstr(lines, text) != NULL;
    free(lines);
    return is_there;
}

static void expect_logged(const char *text)
{
    CHECK(wait_until(log_has, (void *)(uintptr_t)text, WAIT_MS), "not logged: %s", text);
}

/* --- answers --------------------------------------------------------------------------------- */

/* FLT-AUTH-2, FLT-AUTH-3, FLT-AUTH-5 */
static void who_is_allowed_is_who_the_service_says(void **state)
{
    (void)state;
    struct http_message response = HTTP_MESSAGE_EMPTY;
    pointsman_routectl_ok(pointsman, "add", "allowed", "--path-prefix", "/allowed", "--to",
                          fake_upstream_url(service), "--auth", "gate", "--auth-path", "/check",
                          "--auth-header", "cookie", "--auth-response-header", "X-User", NULL);
    fake_upstream_answer(gate, "HTTP/1.1 200 OK\r\nX-User: kim\r\nX-More: no\r\n"
                               "Content-Length: 5\r\n\r\nfine!");

    http_exchange(pointsman_port(pointsman),
                  "GET /allowed/page?x=1 HTTP/1.1\r\nHost: h\r\nCookie: c=1\r\nX-User: evil\r\n"
                  "Authorization: Bearer t\r\n",
                  "", &response);

    assert_int_equal(response.status, 200);
    expect_contains(response.body.at, "GET /allowed/page?x=1 HTTP/1.1\r\n");
    expect_contains(response.body.at, "X-User: kim\r\n");
    expect_lacks(response.body.at, "evil");
    expect_lacks(response.body.at, "X-More");
    expect_contains(question(), "GET /check/allowed/page?x=1 HTTP/1.1\r\nhost: h\r\n");
    expect_contains(question(), "Authorization: Bearer t\r\n");
    expect_contains(question(), "Cookie: c=1\r\n");
    expect_contains(question(), "x-forwarded-for: 127.0.0.1\r\n");
    expect_lacks(question(), "evil");
    fake_upstream_answer(gate, NULL);
    http_message_clear(&response);
}

/* FLT-AUTH-2 */
static void a_challenge_and_a_login_page_are_passed_on(void **state)
{
    (void)state;
    struct http_message response = HTTP_MESSAGE_EMPTY;
    size_t before = fake_upstream_request_count(service);
    uint64_t refused = refusals("authorization_refused");
    pointsman_routectl_ok(pointsman, "add", "refused", "--path-prefix", "/refused", "--to",
                          fake_upstream_url(service), "--auth", "gate", NULL);

    fake_upstream_answer(gate, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\n"
                               "Content-Length: 3\r\n\r\nwho");
    http_get(pointsman_port(pointsman), "h", "/refused", &response);
    assert_int_equal(response.status, 401);
    expect_contains(response.head.at, "WWW-Authenticate: Bearer\r\n");
    assert_string_equal(response.body.at, "who");

    fake_upstream_answer(gate,
                         "HTTP/1.1 302 Found\r\nLocation: https://login.example/\r\n"
                         "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nTransfer-Encoding: chunked\r\n"
                         "\r\n6\r\n<html>\r\n0\r\n\r\n");
    http_get(pointsman_port(pointsman), "h", "/refused", &response);
    assert_int_equal(response.status, 302);
    expect_contains(response.head.at, "Location: https://login.example/\r\n");
    expect_contains(response.head.at, "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n");
    assert_string_equal(response.body.at, "<html>");

    assert_int_equal(fake_upstream_request_count(service), before);
    assert_int_equal(refusals("authorization_refused"), refused + 2);
    expect_logged("\"path\":\"/refused\",\"status\":302");
    expect_logged("\"authorization\":\"refused\"");
    fake_upstream_answer(gate, NULL);
    http_message_clear(&response);
}

/* FLT-AUTH-8 */
static void a_body_is_sent_along_or_refused(void **state)
{
    (void)state;
    struct http_message response = HTTP_MESSAGE_EMPTY;
    pointsman_routectl_ok(pointsman, "add", "body", "--path-prefix", "/body", "--to",
                          fake_upstream_url(service), "--auth", "gate", "--auth-max-body", "8",
                          NULL);

    http_exchange(pointsman_port(pointsman),
                  "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n", "12345678", &response);
    assert_int_equal(response.status, 200);
    expect_contains(response.body.at, "\r\n\r\n12345678");
    expect_contains(question(), "POST /body HTTP/1.1\r\n");
    expect_contains(question(), "content-length: 8\r\n");

    size_t before = fake_upstream_request_count(gate);
    http_exchange(pointsman_port(pointsman),
                  "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n", "123456789",
                  &response);
    assert_int_equal(response.status, 413);
    assert_int_equal(fake_upstream_request_count(gate), before);
    http_message_clear(&response);
}

/* FLT-AUTH-14 */
static void a_websocket_is_opened_for_who_is_allowed(void **state)
{
    (void)state;
    static const struct fake_step chat[] = {{.action = FAKE_READ_HEAD},
                                            {.action = FAKE_SEND, .text = WEBSOCKET_SWITCH_ANSWER},
                                            {.action = FAKE_ECHO},
                                            {.action = FAKE_CLOSE}};
    static const char handshake[] =
        "GET /chat HTTP/1.1\r\nHost: h\r\n" WEBSOCKET_SWITCH_FIELDS "\r\n";
    struct fake_upstream *chats = fake_upstream_start("chats");
    struct http_message response = HTTP_MESSAGE_EMPTY;
    fake_upstream_script(chats, chat);
    pointsman_routectl_ok(pointsman, "add", "chat", "--path-prefix", "/chat", "--to",
                          fake_upstream_url(chats), "--auth", "gate", NULL);

    fake_upstream_answer(gate, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    struct http_connection *client = http_connection_open(pointsman_port(pointsman));
    http_connection_send_text(client, handshake);
    assert_int_equal(http_connection_receive(client, &response, WAIT_MS), HTTP_COMPLETE);
    assert_int_equal(response.status, 403);
    expect_contains(question(), "GET /chat HTTP/1.1\r\n");
    expect_lacks(question(), "pgrade");
    assert_int_equal(fake_upstream_connection_count(chats), 0);

    fake_upstream_answer(gate, NULL);
    http_message_clear(&response);
    http_connection_send_text(client, handshake);
    http_connection_receive(client, &response, WAIT_MS);
    assert_int_equal(response.status, 101);

    http_connection_close(client);
    http_message_clear(&response);
    pointsman_routectl_ok(pointsman, "remove", "chat", NULL);
    fake_upstream_free(chats);
}

/* --- protocols ------------------------------------------------------------------------------- */

static int ask_over_http2(struct http2_client *client, const char *fields,
                          struct http2_reply **reply)
{
    *reply = http2_client_ask(client, fields, true);
    assert_true(HTTP2_CLIENT_WAIT(client, (*reply)->has_ended));
    return http2_reply_status(*reply);
}

/* The proxy's own listener speaks HTTP/2 in clear: it stands in front of the gate. */
static void http2_is_spoken_on_both_sides(void **state)
{
    (void)state;
    char url[64];
    snprintf(url, sizeof(url), "h2c://127.0.0.1:%d", pointsman_port(pointsman));
    pointsman_routectl_ok(pointsman, "add", "check", "--path-prefix", "/check2", "--to",
                          fake_upstream_url(gate), NULL);
    pointsman_routectl_ok(pointsman, "backend", "add", "gate2", "--to", url, NULL);
    pointsman_routectl_ok(pointsman, "add", "http2", "--path-prefix", "/http2", "--to",
                          fake_upstream_url(service), "--auth", "gate2", "--auth-path", "/check2",
                          "--auth-response-header", "X-User", "--auth-max-body", "100", NULL);
    struct http2_client *client = http2_client_open(pointsman_port(pointsman));
    struct http2_reply *reply;

    fake_upstream_answer(gate, "HTTP/1.1 200 OK\r\nX-User: kim\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(
        ask_over_http2(client, HTTP2_CLIENT_GET("h", "/http2") "x-user: evil\n", &reply), 200);
    expect_contains(buffer_string(&reply->body), "x-user: kim\r\n");
    expect_lacks(buffer_string(&reply->body), "evil");
    expect_contains(question(), "GET /check2/http2 HTTP/1.1\r\n");

    fake_upstream_answer(gate, "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\n"
                               "Content-Length: 3\r\n\r\nwho");
    assert_int_equal(ask_over_http2(client, HTTP2_CLIENT_GET("h", "/http2"), &reply), 401);
    assert_true(http2_reply_has_field(reply, "www-authenticate: Basic"));
    assert_string_equal(buffer_string(&reply->body), "who");

    /* To a client of HTTP/2 a 2xx would be an open WebSocket. */
    fake_upstream_answer(gate, "HTTP/1.1 204 No\r\n\r\n");
    struct http2_reply *websocket = http2_client_ask(
        client,
        ":method: CONNECT\n:protocol: websocket\n:scheme: http\n:authority: h\n:path: /http2\n"
        "sec-websocket-version: 13\n",
        false);
    assert_true(HTTP2_CLIENT_WAIT(client, websocket->has_head));
    assert_int_equal(http2_reply_status(websocket), 502);
    expect_contains(question(), "GET /check2/http2 HTTP/1.1\r\n");

    fake_upstream_answer(gate, NULL);
    http2_client_close(client);
}

/* --- when things fail ------------------------------------------------------------------------ */

static bool is_served(void *path)
{
    return http_get_status(pointsman_port(pointsman), "h", path) == 200;
}

/* FLT-AUTH-1, FLT-AUTH-9 */
static void while_the_service_is_away_nothing_passes(void **state)
{
    (void)state;
    pointsman_routectl_ok(pointsman, "add", "away", "--path-prefix", "/away", "--to",
                          fake_upstream_url(service), "--auth", "gate", NULL);
    assert_int_equal(http_get_status(pointsman_port(pointsman), "h", "/away"), 200);
    size_t before = fake_upstream_request_count(service);
    uint64_t failed = refusals("authorization_failed");

    fake_upstream_refuse(gate);
    fake_upstream_drop_connections(gate);
    for (int i = 0; i < 20; i++)
        assert_int_equal(http_get_status(pointsman_port(pointsman), "h", "/away"), 503);

    assert_int_equal(fake_upstream_request_count(service), before);
    assert_int_equal(refusals("authorization_failed"), failed + 20);
    expect_logged("\"authorization\":\"failed\"");
    fake_upstream_accept(gate);
    CHECK(wait_until(is_served, (void *)(uintptr_t) "/away", WAIT_MS), "not served again");
}

/* What the gate does is not the backend's doing. */
static void a_failing_service_does_not_eject_the_backend(void **state)
{
    (void)state;
    pointsman_routectl_ok(pointsman, "add", "blame", "--path-prefix", "/blame", "--to",
                          fake_upstream_url(service), "--auth", "gate", NULL);
    fake_upstream_answer(gate, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    for (int i = 0; i < 20; i++)
        assert_int_equal(http_get_status(pointsman_port(pointsman), "h", "/blame"), 500);

    fake_upstream_answer(gate, NULL);
    CHECK(wait_until(is_served, (void *)(uintptr_t) "/blame", WAIT_MS), "not served again");
    assert_false(pointsman_page_has(pointsman, "/metrics",
                                    "pointsman_endpoint_ejections_total{backend=\"blame\"}"));
}

/* FLT-AUTH-9, FLT-AUTH-13 */
static void a_slow_service_is_not_waited_for_beyond_the_rules_timeout(void **state)
{
    (void)state;
    static const struct fake_step silent[] = {
        {.action = FAKE_READ_HEAD}, {.action = FAKE_READ_TO_END}, {.action = FAKE_CLOSE}};
    struct fake_upstream *slow = fake_upstream_start("slow");
    pointsman_routectl_ok(pointsman, "backend", "add", "slow", "--to", fake_upstream_url(slow),
                          NULL);
    pointsman_routectl_ok(pointsman, "add", "timed", "--path-prefix", "/timed", "--to",
                          fake_upstream_url(service), "--auth", "slow", "--timeout", "200ms", NULL);
    size_t before = fake_upstream_request_count(service);
    fake_upstream_script(slow, silent);

    assert_int_equal(http_get_status(pointsman_port(pointsman), "h", "/timed"), 504);

    assert_int_equal(fake_upstream_request_count(service), before);
    expect_logged("\"path\":\"/timed\",\"status\":504");
    expect_logged("\"authorization\":\"unanswered\"");
    pointsman_routectl_ok(pointsman, "remove", "timed", NULL);
    fake_upstream_free(slow);
}

/* The service sees that the client has left, and the backend never hears of it. */
static void a_client_that_leaves_takes_its_question_along(void **state)
{
    (void)state;
    static const struct fake_step patient[] = {
        {.action = FAKE_READ_HEAD}, {.action = FAKE_READ_TO_END}, {.action = FAKE_CLOSE}};
    struct fake_upstream *slow = fake_upstream_start("patient");
    pointsman_routectl_ok(pointsman, "backend", "add", "patient", "--to", fake_upstream_url(slow),
                          NULL);
    pointsman_routectl_ok(pointsman, "add", "left", "--path-prefix", "/left", "--to",
                          fake_upstream_url(service), "--auth", "patient", NULL);
    size_t before = fake_upstream_request_count(service);
    fake_upstream_script(slow, patient);
    struct http_connection *client = http_connection_open(pointsman_port(pointsman));
    http_connection_send_text(client, "GET /left HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(fake_upstream_wait_connections(slow, 1, WAIT_MS), "nobody was asked");

    http_connection_reset(client);

    expect_logged("\"path\":\"/left\",\"status\":0");
    assert_int_equal(fake_upstream_request_count(service), before);
    fake_upstream_free(slow);
}

/* What was chosen before is held; the next request sees the new routes. */
static void a_route_may_be_removed_while_its_question_is_open(void **state)
{
    (void)state;
    static const struct fake_step holds[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_HOLD},
        {.action = FAKE_SEND, .text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
        {.action = FAKE_CLOSE}};
    struct fake_upstream *held = fake_upstream_start("held");
    struct http_message response = HTTP_MESSAGE_EMPTY;
    pointsman_routectl_ok(pointsman, "backend", "add", "held", "--to", fake_upstream_url(held),
                          NULL);
    pointsman_routectl_ok(pointsman, "add", "gone", "--path-prefix", "/gone", "--to",
                          fake_upstream_url(service), "--auth", "held", NULL);
    fake_upstream_script(held, holds);
    struct http_connection *client = http_connection_open(pointsman_port(pointsman));
    http_connection_send_text(client, "GET /gone HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(fake_upstream_wait_requests(held, 1, WAIT_MS), "nobody was asked");

    pointsman_routectl_ok(pointsman, "remove", "gone", NULL);
    pointsman_routectl_ok(pointsman, "backend", "remove", "held", NULL);
    fake_upstream_release(held);

    assert_int_equal(http_connection_receive(client, &response, WAIT_MS), HTTP_COMPLETE);
    assert_int_equal(response.status, 200);
    expect_contains(response.body.at, "GET /gone HTTP/1.1\r\n");
    assert_int_equal(http_get_status(pointsman_port(pointsman), "h", "/gone"), 404);
    http_connection_close(client);
    http_message_clear(&response);
    fake_upstream_free(held);
}

/* --- explain --------------------------------------------------------------------------------- */

static void explain_shows_what_is_asked(void **state)
{
    (void)state;
    pointsman_routectl_ok(pointsman, "add", "shown", "--host", "shown.test", "--path-prefix", "/a",
                          "--to", fake_upstream_url(service), "--auth", "gate", "--auth-path",
                          "/check", "--auth-response-header", "X-User", "--add-header",
                          "X-User=more", NULL);
    struct command explained =
        pointsman_routectl(pointsman, "explain", "GET http://shown.test/a/b?c=1", "-H",
                           "X-User: evil", "-H", "Authorization: t", NULL);
    assert_int_equal(explained.exit_code, 0);
    expect_contains(explained.out, "filter      ask gate at /check\n");
    expect_contains(explained.out, "asked first gate\n"
                                   "  question  GET /check/a/b?c=1\n"
                                   "  host      shown.test\n"
                                   "  header    Authorization: t\n");
    expect_contains(explained.out, "forwarded   GET /a/b?c=1\n");
    expect_contains(explained.out, "  header    X-User: <of the authorization>,more\n");
    expect_lacks(explained.out, "X-User: evil");
    command_clear(&explained);

    pointsman_routectl_ok(pointsman, "add", "unguarded", "--host", "unguarded.test", "--to",
                          fake_upstream_url(service), "--auth", "nobody", NULL);
    explained = pointsman_routectl(pointsman, "explain", "GET http://unguarded.test/", NULL);
    expect_contains(explained.out, "asked first nobody, missing: nothing is allowed\n");
    expect_contains(explained.out, "500: there is nobody to ask for its authorization\n");
    command_clear(&explained);
    assert_int_equal(http_get_status(pointsman_port(pointsman), "unguarded.test", "/"), 500);
}

/* FLT-AUTH-16 */
static void a_service_that_speaks_no_http2_is_warned_of(void **state)
{
    (void)state;
    struct command added = pointsman_routectl(
        pointsman, "add", "uncalled", "--host", "uncalled.test", "--to", fake_upstream_url(service),
        "--auth", "gate", "--auth-protocol", "GRPC", "--auth-max-body", "10", NULL);
    assert_int_equal(added.exit_code, 0);
    expect_contains(added.err, "backend 'gate' does not speak HTTP/2 there, by its appProtocol: "
                               "nothing is allowed, all requests of the rule answer 500");
    command_clear(&added);

    struct command explained = pointsman_routectl(
        pointsman, "explain", "GET http://uncalled.test/a?b=1", "-H", "X-Any: 1", NULL);
    expect_contains(explained.out, "filter      ask gate by gRPC with bodies up to 10 bytes\n");
    expect_contains(explained.out,
                    "asked first gate by gRPC, does not speak HTTP/2: nothing is allowed\n"
                    "  question  GET /a?b=1\n"
                    "  host      uncalled.test\n"
                    "  header    X-Any: 1\n");
    expect_contains(explained.out, "500: its authorization service does not speak HTTP/2\n");
    command_clear(&explained);
    assert_int_equal(http_get_status(pointsman_port(pointsman), "uncalled.test", "/"), 500);

    pointsman_routectl_ok(pointsman, "backend", "add", "calls", "--to", "h2c://127.0.0.1:1", NULL);
    added = pointsman_routectl(pointsman, "add", "called", "--host", "called.test", "--to",
                               fake_upstream_url(service), "--auth", "calls", "--auth-protocol",
                               "GRPC", NULL);
    expect_lacks(added.err, "HTTP/2");
    command_clear(&added);
    explained = pointsman_routectl(pointsman, "explain", "GET http://called.test/", NULL);
    expect_contains(explained.out, "asked first calls by gRPC\n");
    expect_contains(explained.out, "forwarded   GET /\n");
    command_clear(&explained);
}

/* BACKEND-1 */
static void a_service_that_is_named_is_held_and_missed(void **state)
{
    (void)state;
    struct command warned =
        pointsman_routectl(pointsman, "add", "named", "--path-prefix", "/named", "--to",
                           fake_upstream_url(service), "--auth", "later", NULL);
    assert_int_equal(warned.exit_code, 0);
    expect_contains(warned.err, "nothing is allowed, all requests of the rule answer 500");
    command_clear(&warned);

    pointsman_routectl_ok(pointsman, "backend", "add", "later", "--to", fake_upstream_url(gate),
                          NULL);
    assert_int_equal(http_get_status(pointsman_port(pointsman), "h", "/named"), 200);
    struct command removed = pointsman_routectl(pointsman, "backend", "remove", "later", NULL);
    assert_int_not_equal(removed.exit_code, 0);
    expect_contains(removed.err, "named");
    command_clear(&removed);
}

/* --- many ------------------------------------------------------------------------------------ */

/* Each request is asked about once. */
static void many_clients_are_asked_about_at_once(void **state)
{
    (void)state;
    enum { CLIENTS = 500, REQUESTS = 5000 };
    struct fake_upstream *busy = fake_upstream_start("busy");
    pointsman_routectl_ok(pointsman, "backend", "add", "busy", "--to", fake_upstream_url(busy),
                          NULL);
    pointsman_routectl_ok(pointsman, "add", "many", "--path-prefix", "/many", "--to",
                          fake_upstream_url(service), "--auth", "busy", NULL);

    struct load *load = load_start(pointsman_port(pointsman), "h", "/many", CLIENTS);
    load_wait_answered(load, REQUESTS);
    struct load_tally tally = load_stop(load);

    CHECK(tally.failed + tally.broken + tally.unanswered + tally.refused == 0,
          "%zu failed (%d), %zu broken, %zu unanswered, %zu refused", tally.failed,
          tally.last_status, tally.broken, tally.unanswered, tally.refused);
    assert_true(fake_upstream_request_count(busy) >= tally.answered);
    fake_upstream_free(busy);
}

/* While routes change and the service comes and goes, nothing reaches the backend unasked: each
 * request that does carries what the service has said. */
static void nothing_passes_unasked_while_all_of_it_changes(void **state)
{
    (void)state;
    struct fake_upstream *backend = fake_upstream_start("backend");
    struct fake_upstream *shaky = fake_upstream_start("shaky");
    fake_upstream_answer(shaky, "HTTP/1.1 200 OK\r\nX-Seal: yes\r\nContent-Length: 0\r\n\r\n");
    pointsman_routectl_ok(pointsman, "backend", "add", "shaky", "--to", fake_upstream_url(shaky),
                          NULL);
    pointsman_routectl_ok(pointsman, "add", "shaken", "--path-prefix", "/shaken", "--to",
                          fake_upstream_url(backend), "--auth", "shaky", "--auth-response-header",
                          "X-Seal", NULL);
    struct load *load = load_start(pointsman_port(pointsman), "h", "/shaken", 32);

    for (int i = 0; i < 10; i++) {
        char label[32];
        snprintf(label, sizeof(label), "round=%d", i);
        fake_upstream_drop_connections(shaky);
        fake_upstream_refuse(shaky);
        pointsman_routectl_ok(pointsman, "add", "shaken", "--replace", "--path-prefix", "/shaken",
                              "--to", fake_upstream_url(backend), "--auth", "shaky",
                              "--auth-response-header", "X-Seal", "--label", label, NULL);
        fake_upstream_accept(shaky);
        load_wait_more_answered(load, 50);
    }
    load_stop(load);

    size_t count = fake_upstream_request_count(backend);
    assert_true(count > 0);
    for (size_t i = 0; i < count && i < 100000; i++)
        expect_contains(fake_upstream_request(backend, i)->head.at, "X-Seal: yes\r\n");
    fake_upstream_free(backend);
    fake_upstream_free(shaky);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_allowed_is_who_the_service_says),
        cmocka_unit_test(a_challenge_and_a_login_page_are_passed_on),
        cmocka_unit_test(a_body_is_sent_along_or_refused),
        cmocka_unit_test(a_websocket_is_opened_for_who_is_allowed),
        cmocka_unit_test(http2_is_spoken_on_both_sides),
        cmocka_unit_test(while_the_service_is_away_nothing_passes),
        cmocka_unit_test(a_failing_service_does_not_eject_the_backend),
        cmocka_unit_test(a_slow_service_is_not_waited_for_beyond_the_rules_timeout),
        cmocka_unit_test(a_client_that_leaves_takes_its_question_along),
        cmocka_unit_test(a_route_may_be_removed_while_its_question_is_open),
        cmocka_unit_test(explain_shows_what_is_asked),
        cmocka_unit_test(a_service_that_speaks_no_http2_is_warned_of),
        cmocka_unit_test(a_service_that_is_named_is_held_and_missed),
        cmocka_unit_test(many_clients_are_asked_about_at_once),
        cmocka_unit_test(nothing_passes_unasked_while_all_of_it_changes),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
