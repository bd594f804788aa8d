/* Hostile requests: what clients send to make us and the service behind us disagree.
 *
 * One proxy, one service that records what reaches it. Each case is sent in several ways: whole,
 * in two parts, and with a second request right behind it. What is refused must be answered and
 * end the connection, and neither it nor what was smuggled behind it may reach the service; what is
 * served must arrive in its one canonical form. */
#include "common/buffer.h"
#include "tests/integration/hostile_request_cases.h"
#include "tests/support/escape.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_connection.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- sending them ---------------------------------------------------------------------------- */

struct stage {
    struct pointsman *pointsman;
    struct fake_upstream *upstream;
};

static struct stage stage;

static int set_the_stage(void **state)
{
    (void)state;
    stage.upstream = fake_upstream_start("recorder");
    stage.pointsman = pointsman_start(NULL);
    pointsman_routectl_ok(stage.pointsman, "add", "all", "--path-prefix", "/", "--to",
                          fake_upstream_url(stage.upstream), NULL);
    return 0;
}

static int clear_the_stage(void **state)
{
    (void)state;
    pointsman_free(stage.pointsman);
    fake_upstream_free(stage.upstream);
    return 0;
}

enum manner { WHOLE, IN_TWO_PARTS, WITH_ANOTHER_BEHIND, MANNER_COUNT };

static struct http_connection *send_case(const struct hostile_case *hostile, enum manner manner)
{
    struct http_connection *connection = http_connection_open(pointsman_port(stage.pointsman));
    assert_non_null(connection);
    size_t first = manner == IN_TWO_PARTS ? hostile->length / 2 : hostile->length;

    /* The proxy may have answered and closed before it has everything. */
    http_connection_send(connection, hostile->bytes, first);
    http_connection_send(connection, hostile->bytes + first, hostile->length - first);
    if (manner == WITH_ANOTHER_BEHIND)
        http_connection_send_text(connection, SMUGGLED);
    return connection;
}

static void fail_case(const struct hostile_case *hostile, const char *why)
{
    struct buffer text = BUFFER_EMPTY;
    escape_bytes(&text, hostile->bytes, hostile->length);
    fail_msg("%s: %s", why, buffer_string(&text));
}

static void check_refused(const struct hostile_case *hostile, enum manner manner)
{
    size_t requests_before = fake_upstream_request_count(stage.upstream);
    struct http_connection *connection = send_case(hostile, manner);
    struct http_message response = HTTP_MESSAGE_EMPTY;

    enum http_outcome outcome = http_connection_receive(connection, &response, WAIT_MS);
    if (outcome != HTTP_COMPLETE)
        fail_case(hostile, http_outcome_name(outcome));
    if (response.status != hostile->status)
        fail_case(hostile, response.head.at);
    char *field = http_message_field(&response, "Connection");
    if (field == NULL || strcmp(field, "close") != 0)
        fail_case(hostile, "the answer does not say that it closes");
    if (!http_connection_is_closed_within(connection, WAIT_MS))
        fail_case(hostile, "the connection stays open");
    if (fake_upstream_request_count(stage.upstream) != requests_before)
        fail_case(hostile, "something reached the service");

    free(field);
    http_message_clear(&response);
    http_connection_close(connection);
}

static bool holds(const struct http_message *message, const char *text)
{
    return strstr(message->head.at, text) != NULL ||
           (message->body.length > 0 && strstr(message->body.at, text) != NULL) ||
           (message->trailers.length > 0 && strstr(message->trailers.at, text) != NULL);
}

static void check_served(const struct hostile_case *hostile, enum manner manner)
{
    size_t requests_before = fake_upstream_request_count(stage.upstream);
    struct http_connection *connection = send_case(hostile, manner);
    struct http_message response = HTTP_MESSAGE_EMPTY;

    enum http_outcome outcome = http_connection_receive(connection, &response, WAIT_MS);
    if (outcome != HTTP_COMPLETE)
        fail_case(hostile, http_outcome_name(outcome));
    if (response.status != hostile->status)
        fail_case(hostile, response.head.at);

    const struct http_message *arrived = fake_upstream_request(stage.upstream, requests_before);
    if (!holds(arrived, hostile->arrives))
        fail_case(hostile, arrived->head.at);
    if (hostile->vanishes != NULL && holds(arrived, hostile->vanishes))
        fail_case(hostile, arrived->head.at);
    if (holds(arrived, "/smuggled"))
        fail_case(hostile, "two requests became one");

    http_message_clear(&response);
    http_connection_close(connection);
    if (manner == WITH_ANOTHER_BEHIND &&
        memmem(hostile->bytes, hostile->length, "HTTP/1.0", 8) == NULL)
        assert_true(fake_upstream_wait_requests(stage.upstream, requests_before + 2, WAIT_MS));
}

static void check_all(const struct hostile_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (int manner = 0; manner < MANNER_COUNT; manner++) {
            if (cases[i].arrives == NULL)
                check_refused(&cases[i], (enum manner)manner);
            else
                check_served(&cases[i], (enum manner)manner);
        }
    }

    struct http_message response = HTTP_MESSAGE_EMPTY;
    struct http_connection *connection = http_connection_open(pointsman_port(stage.pointsman));
    http_connection_send_text(connection, "GET /after HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(http_connection_receive(connection, &response, WAIT_MS), HTTP_COMPLETE);
    assert_int_equal(response.status, 200);
    assert_non_null(strstr(response.body.at, "GET /after HTTP/1.1"));
    http_message_clear(&response);
    http_connection_close(connection);
}

#define CHECK_ALL(cases) check_all((cases), sizeof(cases) / sizeof((cases)[0]))

static void ambiguous_framing_is_refused(void **state)
{
    (void)state;
    CHECK_ALL(framing_cases);
}

static void broken_chunks_are_refused(void **state)
{
    (void)state;
    CHECK_ALL(chunk_cases);
}

static void broken_lines_are_refused(void **state)
{
    (void)state;
    CHECK_ALL(line_cases);
}

static void targets_are_canonical_or_refused(void **state)
{
    (void)state;
    CHECK_ALL(target_cases);
}

static void hosts_are_one_host_or_refused(void **state)
{
    (void)state;
    CHECK_ALL(host_cases);
}

static void headers_of_one_hop_and_false_claims_do_not_pass(void **state)
{
    (void)state;
    CHECK_ALL(header_cases);
}

/* --- limits ---------------------------------------------------------------------------------- */

/* `before`, so many letters that all of it has `length` bytes, `after`. */
static void fill(struct buffer *to, const char *before, size_t length, const char *after)
{
    buffer_append_string(to, before);
    while (to->length + strlen(after) < length)
        buffer_append_char(to, 'a');
    buffer_append_string(to, after);
}

static void check_limit(struct buffer *text, int status)
{
    const struct hostile_case hostile = {text->at, text->length, status, NULL, NULL};
    check_refused(&hostile, WHOLE);
    check_refused(&hostile, WITH_ANOTHER_BEHIND);
    buffer_clear(text);
}

static void heads_over_their_limits_are_refused(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;

    fill(&text, "GET /", 16385, " HTTP/1.1");
    check_limit(&text, 414);
    fill(&text, "", 1 << 20, "");
    check_limit(&text, 414);
    fill(&text, "GET / HTTP/1.1\r\n" HOST "X: ", 65537, "\r\n\r\n");
    check_limit(&text, 431);
    fill(&text, "GET / HTTP/1.1\r\n" HOST "X: ", 1 << 20, "");
    check_limit(&text, 431);
    buffer_append_string(&text, "GET / HTTP/1.1\r\n");
    for (int i = 0; i <= 100; i++)
        buffer_append_string(&text, "X: a\r\n");
    check_limit(&text, 431);
}

static void heads_within_their_limits_are_served(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    buffer_append_string(&text, "GET /edge HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 98; i++)
        buffer_append_string(&text, "X: a\r\n");
    fill(&text, "X: ", 65536, "\r\n\r\n");

    const struct hostile_case edge = {text.at, text.length, 200, "GET /edge HTTP/1.1\r\n", NULL};
    check_served(&edge, WHOLE);
    check_served(&edge, WITH_ANOTHER_BEHIND);

    buffer_clear(&text);
}

static void trailers_over_their_limit_are_refused(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    fill(&text, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", 10000,
         "\r\n\r\n");
    check_limit(&text, 431);
}

static void an_endless_chunk_extension_is_refused(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    fill(&text, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5;", 1 << 20, "");
    check_limit(&text, 400);
}

static void a_request_may_come_byte_by_byte(void **state)
{
    (void)state;
    static const char text[] = "POST /slow%2d HTTP/1.1\r\n" HOST
                               "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n";
    struct http_message response = HTTP_MESSAGE_EMPTY;
    struct http_connection *connection = http_connection_open(pointsman_port(stage.pointsman));
    size_t requests_before = fake_upstream_request_count(stage.upstream);

    for (size_t i = 0; i < sizeof(text) - 1; i++)
        assert_true(http_connection_send(connection, &text[i], 1));

    assert_int_equal(http_connection_receive(connection, &response, WAIT_MS), HTTP_COMPLETE);
    assert_int_equal(response.status, 200);
    const struct http_message *arrived = fake_upstream_request(stage.upstream, requests_before);
    assert_true(holds(arrived, "POST /slow- HTTP/1.1"));
    assert_string_equal(arrived->body.at, "hello");
    http_message_clear(&response);
    http_connection_close(connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ambiguous_framing_is_refused),
        cmocka_unit_test(broken_chunks_are_refused),
        cmocka_unit_test(broken_lines_are_refused),
        cmocka_unit_test(targets_are_canonical_or_refused),
        cmocka_unit_test(hosts_are_one_host_or_refused),
        cmocka_unit_test(headers_of_one_hop_and_false_claims_do_not_pass),
        cmocka_unit_test(heads_over_their_limits_are_refused),
        cmocka_unit_test(heads_within_their_limits_are_served),
        cmocka_unit_test(trailers_over_their_limit_are_refused),
        cmocka_unit_test(an_endless_chunk_extension_is_refused),
        cmocka_unit_test(a_request_may_come_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, set_the_stage, clear_the_stage);
}
