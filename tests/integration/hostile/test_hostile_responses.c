/* Hostile responses: what a service sends to make us and the client disagree, or to end us.
 *
 * One proxy process from the first case to the last. A connection of the service sends what the
 * case says, whole or byte by byte, after it has read a request; its client must see just what the
 * case says. Whatever that was, the same client then asks again, and so does somebody else; both
 * must get the answers to what they asked, and on a connection of its own where the old one cannot
 * be trusted. */
#include "common/buffer.h"
#include "tests/integration/hostile/response_script.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_connection.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stage {
    struct pointsman *pointsman;
    struct fake_upstream *upstream;  /* hostile for a connection, then its honest self */
    struct response_scripts scripts; /* of this upstream */
    unsigned request_count;          /* so that each has a path of its own */
    pid_t proxy_pid;
};

static struct stage stage;

/* One worker: then it is the pool that decides whether a connection is used again. */
static int set_the_stage(void **state)
{
    (void)state;
    stage.pointsman = pointsman_start(&(struct pointsman_options){.workers = "1"});
    stage.proxy_pid = process_id(pointsman_proxy(stage.pointsman));
    return 0;
}

static int clear_the_stage(void **state)
{
    (void)state;
    pointsman_free(stage.pointsman);
    return 0;
}

static int add_service(void **state)
{
    (void)state;
    stage.upstream = fake_upstream_start("hostile");
    pointsman_routectl_ok(stage.pointsman, "add", "all", "--path-prefix", "/", "--to",
                          fake_upstream_url(stage.upstream), NULL);
    return 0;
}

static int remove_service(void **state)
{
    (void)state;
    pointsman_routectl_ok(stage.pointsman, "remove", "all", NULL);
    fake_upstream_free(stage.upstream);
    response_scripts_clear(&stage.scripts);
    return 0;
}

/* --- the service ----------------------------------------------------------------------------- */

/* The proxy has seen that the connections before are gone: a POST on one of them could not be sent
 * again. */
static void script_case(const struct response_case *hostile, enum manner manner)
{
    fake_upstream_drop_connections(stage.upstream);
    pointsman_wait_no_upstream_connections(stage.pointsman);
    response_script_add(&stage.scripts, stage.upstream, hostile, manner);
}

/* --- its clients ----------------------------------------------------------------------------- */

/* POST, if nothing else: a request that was sent is not sent again, so that each case meets its
 * script. Returns the number in its path. */
static unsigned ask(struct http_connection *connection, const char *method, const char *version)
{
    char text[128];
    unsigned number = ++stage.request_count;
    snprintf(text, sizeof(text), "%s /case-%u HTTP/%s\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
             method, number, version);
    assert_true(http_connection_send_text(connection, text));
    return number;
}

static struct http_connection *open_connection(void)
{
    struct http_connection *connection = http_connection_open(pointsman_port(stage.pointsman));
    assert_non_null(connection);
    return connection;
}

/* Someone who must get an answer to what they ask and nothing of what came before. */
static void check_bystander(const struct response_case *hostile, struct http_connection *connection)
{
    char expected[64];
    struct http_message response = HTTP_MESSAGE_EMPTY;
    unsigned number = ask(connection, "PATCH", "1.1");
    snprintf(expected, sizeof(expected), "PATCH /case-%u HTTP/1.1\r\n", number);

    enum http_outcome outcome = http_connection_receive(connection, &response, WAIT_MS);
    if (outcome != HTTP_COMPLETE)
        response_case_fail(hostile, http_outcome_name(outcome));
    if (response.status != 200 ||
        strncmp(buffer_string(&response.body), expected, strlen(expected)) != 0)
        response_case_fail(hostile, response.head.at);
    http_message_clear(&response);
}

/* --- cases ----------------------------------------------------------------------------------- */

static void check_case(const struct response_case *hostile, enum manner manner)
{
    const char *method = hostile->method == NULL ? "POST" : hostile->method;
    struct http_message response = HTTP_MESSAGE_EMPTY;
    script_case(hostile, manner);
    size_t connections_before = fake_upstream_connection_count(stage.upstream);

    struct http_connection *connection = open_connection();
    ask(connection, method, hostile->is_1_0 ? "1.0" : "1.1");
    enum http_outcome outcome =
        response_receive(connection, strcmp(method, "HEAD") == 0, &response);
    response_case_check(hostile, outcome, &response);

    if (hostile->is_1_0 || outcome != HTTP_COMPLETE) {
        if (outcome == HTTP_COMPLETE && !http_connection_is_closed_within(connection, WAIT_MS))
            response_case_fail(hostile, "the connection stays open");
    } else {
        /* What comes behind an answer after the next request was sent on its connection is an
         * answer to that, for all that anyone could tell. So it comes before. */
        if (manner == BYTE_BY_BYTE && hostile->end != SERVICE_SERVES)
            pointsman_wait_no_upstream_connections(stage.pointsman);
        check_bystander(hostile, connection);
    }
    struct http_connection *other = open_connection();
    check_bystander(hostile, other);

    size_t expected = connections_before + (hostile->end == SERVICE_SERVES ? 1 : 2);
    if (fake_upstream_connection_count(stage.upstream) != expected)
        response_case_fail(hostile, hostile->end == SERVICE_SERVES
                                        ? "its connection was not used again"
                                        : "its connection was used again");
    http_message_clear(&response);
    http_connection_close(connection);
    http_connection_close(other);
}

static void check_theme(const struct response_theme *theme)
{
    for (size_t i = 0; i < theme->count; i++) {
        for (int manner = 0; manner < MANNER_COUNT; manner++)
            check_case(&theme->cases[i], (enum manner)manner);
    }
    print_message("%zu cases\n", theme->count);
    assert_true(process_is_running(pointsman_proxy(stage.pointsman)));
    assert_int_equal(process_id(pointsman_proxy(stage.pointsman)), stage.proxy_pid);
}

#define THEME_TEST(claim, name)                                                                    \
    static void claim(void **state)                                                                \
    {                                                                                              \
        (void)state;                                                                               \
        check_theme(&name##_theme);                                                                \
    }

THEME_TEST(broken_heads_are_a_bad_gateway, status_lines)
THEME_TEST(broken_fields_and_framing_are_a_bad_gateway, response_fields)
THEME_TEST(broken_chunks_are_never_a_complete_answer, response_chunks)
THEME_TEST(an_early_end_is_never_a_complete_answer, response_ends)
THEME_TEST(nothing_behind_an_answer_reaches_anyone, answers)

/* --- too much -------------------------------------------------------------------------------- */

/* `text` in front, `piece` so many times, `behind` at last. */
static void check_flood(const char *text, const char *piece, size_t times, const char *behind,
                        enum view view)
{
    struct buffer bytes = BUFFER_EMPTY;
    buffer_append_string(&bytes, text);
    for (size_t i = 0; i < times; i++)
        buffer_append_string(&bytes, piece);
    buffer_append_string(&bytes, behind);
    const struct response_case hostile = {bytes.at, bytes.length, SERVICE_STAYS, view, NULL, 0, 0};
    struct http_message response = HTTP_MESSAGE_EMPTY;
    script_case(&hostile, WHOLE);

    struct http_connection *connection = open_connection();
    ask(connection, "POST", "1.1");
    enum http_outcome outcome = response_receive(connection, false, &response);
    if (view == VIEW_COMPLETE)
        assert_int_equal(response.status, 200);
    else
        response_case_check(&hostile, outcome, &response);
    http_connection_close(connection);
    http_message_clear(&response);
    /* It may still be sending what nobody reads. */
    fake_upstream_drop_connections(stage.upstream);
    connection = open_connection();
    check_bystander(&hostile, connection);
    http_connection_close(connection);
    remove_service(NULL);
    add_service(NULL);
    buffer_clear(&bytes);
}

#define END "Content-Length: 5\r\n\r\nhello"

static void a_response_has_256_headers_and_64_kib(void **state)
{
    (void)state;
    char line[1024];
    memset(line, 'a', sizeof(line));
    memcpy(line, "A: ", 3);
    memcpy(line + sizeof(line) - 3, "\r\n", 3);

    check_flood(OK, "A: b\r\n", 255, END, VIEW_COMPLETE);
    check_flood(OK, "A: b\r\n", 256, END, VIEW_BAD_GATEWAY);
    check_flood(OK, "A: b\r\n", 1000000, "", VIEW_BAD_GATEWAY);
    check_flood(OK, line, 63, END, VIEW_COMPLETE);
    check_flood(OK, line, 65, END, VIEW_BAD_GATEWAY);
    check_flood(OK, line, 20000, "", VIEW_BAD_GATEWAY);
    check_flood(OK "A: ", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 200000, "", VIEW_BAD_GATEWAY);
    check_flood("HTTP/1.1 200 ", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 200000, "",
                VIEW_BAD_GATEWAY);
    check_flood("", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 200000, "", VIEW_BAD_GATEWAY);
}

static void informational_heads_are_few(void **state)
{
    (void)state;
    check_flood("", "HTTP/1.1 102 Wait\r\n\r\n", 16, OK END, VIEW_COMPLETE);
    check_flood("", "HTTP/1.1 102 Wait\r\n\r\n", 17, OK END, VIEW_BAD_GATEWAY);
    check_flood("", "HTTP/1.1 102 Wait\r\n\r\n", 1000000, "", VIEW_BAD_GATEWAY);
    check_flood("", "HTTP/1.1 100 Continue\r\n\r\n", 1000000, "", VIEW_BAD_GATEWAY);
}

static void extensions_and_trailers_end(void **state)
{
    (void)state;
    check_flood(CHUNKED "5;", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 100000, "", VIEW_BROKEN);
    check_flood(CHUNKED "0\r\n", "A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n", 100000, "",
                VIEW_BROKEN);
    check_flood(CHUNKED, "000000000000000000000000000000000000000000", 100000, "", VIEW_BROKEN);
}

/* --- too late, and too early ----------------------------------------------------------------- */

static void nobody_gets_the_answer_of_someone_who_left(void **state)
{
    (void)state;
    static const struct fake_step answers_late[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_HOLD},
        {.action = FAKE_SEND, .text = POISON, .text_length = sizeof(POISON) - 1},
        {.action = FAKE_SERVE},
    };
    static const struct response_case hostile = RESPONSE(POISON, SERVICE_SERVES, VIEW_COMPLETE, "");
    fake_upstream_drop_connections(stage.upstream);
    pointsman_wait_no_upstream_connections(stage.pointsman);
    fake_upstream_script(stage.upstream, answers_late);
    size_t requests_before = fake_upstream_request_count(stage.upstream);

    struct http_connection *connection = open_connection();
    ask(connection, "POST", "1.1");
    assert_true(fake_upstream_wait_requests(stage.upstream, requests_before + 1, WAIT_MS));
    http_connection_reset(connection);
    fake_upstream_release(stage.upstream);

    connection = open_connection();
    for (int i = 0; i < 20; i++)
        check_bystander(&hostile, connection);
    http_connection_close(connection);
}

static void an_answer_in_front_of_a_request_is_none_to_it(void **state)
{
    (void)state;
    static const struct fake_step answers_early[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_SEND, .text = OK END, .text_length = sizeof(OK END) - 1},
        {.action = FAKE_HOLD},
        {.action = FAKE_SEND, .text = POISON, .text_length = sizeof(POISON) - 1},
        {.action = FAKE_SERVE},
    };
    static const struct response_case hostile = RESPONSE(POISON, SERVICE_SERVES, VIEW_COMPLETE, "");
    struct http_message response = HTTP_MESSAGE_EMPTY;
    fake_upstream_drop_connections(stage.upstream);
    pointsman_wait_no_upstream_connections(stage.pointsman);
    fake_upstream_script(stage.upstream, answers_early);
    struct http_connection *connection = open_connection();
    ask(connection, "POST", "1.1");
    assert_int_equal(response_receive(connection, false, &response), HTTP_COMPLETE);
    http_message_clear(&response);

    fake_upstream_release(stage.upstream);
    pointsman_wait_no_upstream_connections(stage.pointsman);

    for (int i = 0; i < 20; i++)
        check_bystander(&hostile, connection);
    http_connection_close(connection);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, add_service, remove_service)
    const struct CMUnitTest tests[] = {
        TEST(broken_heads_are_a_bad_gateway),
        TEST(broken_fields_and_framing_are_a_bad_gateway),
        TEST(broken_chunks_are_never_a_complete_answer),
        TEST(an_early_end_is_never_a_complete_answer),
        TEST(nothing_behind_an_answer_reaches_anyone),
        TEST(a_response_has_256_headers_and_64_kib),
        TEST(informational_heads_are_few),
        TEST(extensions_and_trailers_end),
        TEST(nobody_gets_the_answer_of_someone_who_left),
        TEST(an_answer_in_front_of_a_request_is_none_to_it),
    };
    return cmocka_run_group_tests(tests, set_the_stage, clear_the_stage);
}
