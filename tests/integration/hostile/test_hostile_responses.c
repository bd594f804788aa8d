/* Hostile responses: what a service sends to make us and the client disagree, or to end us.
 *
 * One proxy process from the first case to the last. A connection of the service sends what the
 * case says, whole or byte by byte, after it has read a request; its client must see just what the
 * case says. Whatever that was, the same client then asks again, and so does somebody else; both
 * must get the answers to what they asked, and on a connection of its own where the old one cannot
 * be trusted. */
#include "common/buffer.h"
#include "tests/integration/hostile/responses.h"
#include "tests/support/escape.h"
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
    struct fake_upstream *upstream; /* hostile for a connection, then its honest self */
    struct fake_step **scripts;     /* of this upstream; it borrows them */
    size_t script_count;
    unsigned request_count; /* so that each has a path of its own */
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
    for (size_t i = 0; i < stage.script_count; i++)
        free(stage.scripts[i]);
    free(stage.scripts);
    stage.scripts = NULL;
    stage.script_count = 0;
    return 0;
}

/* --- the service ----------------------------------------------------------------------------- */

enum manner { WHOLE, BYTE_BY_BYTE, MANNER_COUNT };

static void script_end(struct fake_step *step, enum service_end end)
{
    switch (end) {
    case SERVICE_STAYS:
        step->action = FAKE_READ_TO_END;
        step[1].action = FAKE_CLOSE;
        return;
    case SERVICE_CLOSES:
        step->action = FAKE_CLOSE;
        return;
    case SERVICE_RESETS:
        step->action = FAKE_RESET;
        return;
    case SERVICE_SERVES:
        step->action = FAKE_SERVE;
        return;
    }
}

/* The next connection reads a request, and then does what the case says. The proxy has seen that
 * those before it are gone: a POST on one of them could not be sent again. */
static void script_case(const struct response_case *hostile, enum manner manner)
{
    size_t pieces = manner == BYTE_BY_BYTE ? hostile->length : hostile->length > 0;
    struct fake_step *steps = memory_allocate_zeroed(pieces + 3, sizeof(*steps));
    steps[0].action = FAKE_READ_REQUEST;
    for (size_t i = 0; i < pieces; i++)
        steps[1 + i] = (struct fake_step){.action = FAKE_SEND,
                                          .text = hostile->bytes + i,
                                          .text_length = pieces == 1 ? hostile->length : 1};
    script_end(&steps[1 + pieces], hostile->end);

    stage.scripts =
        memory_reallocate(stage.scripts, (stage.script_count + 1) * sizeof(*stage.scripts));
    stage.scripts[stage.script_count++] = steps;
    fake_upstream_drop_connections(stage.upstream);
    pointsman_wait_no_upstream_connections(stage.pointsman);
    fake_upstream_script(stage.upstream, steps);
}

/* --- its clients ----------------------------------------------------------------------------- */

static void fail_case(const struct response_case *hostile, const char *why)
{
    struct buffer text = BUFFER_EMPTY;
    struct buffer reason = BUFFER_EMPTY;
    escape_bytes(&text, hostile->bytes, hostile->length);
    escape_bytes(&reason, why, strlen(why));
    fail_msg("%s, at:\n%s", buffer_string(&reason), buffer_string(&text));
}

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

/* The final answer, whatever informational heads come before it. */
static enum http_outcome receive_answer(struct http_connection *connection, bool is_head,
                                        struct http_message *response)
{
    for (;;) {
        enum http_outcome outcome =
            is_head ? http_connection_receive_head(connection, response, WAIT_MS)
                    : http_connection_receive(connection, response, WAIT_MS);
        if (outcome != HTTP_COMPLETE || response->status >= 200 || response->status == 101)
            return outcome;
        http_message_clear(response);
    }
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
        fail_case(hostile, http_outcome_name(outcome));
    if (response.status != 200 ||
        strncmp(buffer_string(&response.body), expected, strlen(expected)) != 0)
        fail_case(hostile, response.head.at);
    http_message_clear(&response);
}

/* --- cases ----------------------------------------------------------------------------------- */

/* The service sends no Date, so each answer has one of ours: behind its fields, in front of the
 * framing. It is left out, as it is another each time. */
static void append_head_without_date(struct buffer *to, const struct response_case *hostile,
                                     const struct http_message *response)
{
    const char *head = response->head.at;
    const char *date = strstr(head, "\r\ndate: ");
    if (date == NULL || strstr(date + 2, "\r\ndate: ") != NULL)
        fail_case(hostile, head);
    buffer_append(to, head, (size_t)(date - head));
    buffer_append_string(to, strstr(date + 2, "\r\n"));
}

static void check_view(const struct response_case *hostile, enum http_outcome outcome,
                       const struct http_message *response)
{
    bool is_complete = outcome == HTTP_COMPLETE;
    struct buffer seen = BUFFER_EMPTY;
    switch (hostile->view) {
    case VIEW_BAD_GATEWAY:
        if (!is_complete || response->status != 502)
            fail_case(hostile, http_outcome_name(outcome));
        return;
    case VIEW_UNAVAILABLE:
        if (!is_complete || response->status != 503)
            fail_case(hostile, http_outcome_name(outcome));
        return;
    case VIEW_BROKEN:
        /* Nothing of the answer may have left us when it breaks: then it is a 502 still. A reset
         * may even overtake the answer. */
        if (is_complete ? response->status != 502 &&
                              (hostile->end != SERVICE_RESETS || response->status != 503)
                        : outcome != HTTP_TRUNCATED && outcome != HTTP_RESET)
            fail_case(hostile, http_outcome_name(outcome));
        return;
    case VIEW_COMPLETE:
        append_head_without_date(&seen, hostile, response);
        buffer_append_slice(&seen, buffer_slice(&response->body));
        buffer_append_slice(&seen, buffer_slice(&response->trailers));
        if (!is_complete)
            fail_case(hostile, http_outcome_name(outcome));
        if (strcmp(buffer_string(&seen), hostile->text) != 0)
            fail_case(hostile, buffer_string(&seen));
        buffer_clear(&seen);
        return;
    }
}

static void check_case(const struct response_case *hostile, enum manner manner)
{
    const char *method = hostile->method == NULL ? "POST" : hostile->method;
    struct http_message response = HTTP_MESSAGE_EMPTY;
    script_case(hostile, manner);
    size_t connections_before = fake_upstream_connection_count(stage.upstream);

    struct http_connection *connection = open_connection();
    ask(connection, method, hostile->is_1_0 ? "1.0" : "1.1");
    enum http_outcome outcome = receive_answer(connection, strcmp(method, "HEAD") == 0, &response);
    check_view(hostile, outcome, &response);

    if (hostile->is_1_0 || outcome != HTTP_COMPLETE) {
        if (outcome == HTTP_COMPLETE && !http_connection_is_closed_within(connection, WAIT_MS))
            fail_case(hostile, "the connection stays open");
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
        fail_case(hostile, hostile->end == SERVICE_SERVES ? "its connection was not used again"
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
    enum http_outcome outcome = receive_answer(connection, false, &response);
    if (view == VIEW_COMPLETE)
        assert_int_equal(response.status, 200);
    else
        check_view(&hostile, outcome, &response);
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
    assert_int_equal(receive_answer(connection, false, &response), HTTP_COMPLETE);
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
