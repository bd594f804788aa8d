/* Hostile responses: what a service sends to make us and the client disagree, or to end us.
 *
 * One proxy process from the first case to the last. A connection of the service does what the case
 * says, after it has read a request; the client must see a 502, an answer that is visibly broken,
 * or exactly the bytes of its own answer. After each case another client asks for something of its
 * own and must get just that. */
#include "common/buffer.h"
#include "tests/support/escape.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_connection.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum expectation {
    BAD_GATEWAY, /* 502 */
    UNAVAILABLE, /* 503: the connection ended before a response head */
    BROKEN,      /* the client sees that the answer is not complete */
    COMPLETE,    /* with `body` */
};

struct hostile_case {
    struct fake_step steps[4]; /* behind the request */
    enum expectation expectation;
    const char *body;
};

#define SEND(bytes)                                                                                \
    {                                                                                              \
        .action = FAKE_SEND, .text = (bytes), .text_length = sizeof(bytes) - 1                     \
    }
#define SEND_AND_END(bytes)                                                                        \
    {                                                                                              \
        {.action = FAKE_READ_REQUEST}, SEND(bytes),                                                \
        {                                                                                          \
            .action = FAKE_CLOSE                                                                   \
        }                                                                                          \
    }
#define SEND_AND_RESET(bytes)                                                                      \
    {                                                                                              \
        {.action = FAKE_READ_REQUEST}, SEND(bytes),                                                \
        {                                                                                          \
            .action = FAKE_RESET                                                                   \
        }                                                                                          \
    }
#define SEND_AND_STAY(bytes)                                                                       \
    {                                                                                              \
        {.action = FAKE_READ_REQUEST}, SEND(bytes),                                                \
        {                                                                                          \
            .action = FAKE_READ_TO_END                                                             \
        }                                                                                          \
    }
#define SEND_ENDLESSLY(bytes, times)                                                               \
    {                                                                                              \
        {.action = FAKE_READ_REQUEST}, SEND("HTTP/1.1 200 OK\r\n"),                                \
            {.action = FAKE_SEND,                                                                  \
             .text = (bytes),                                                                      \
             .text_length = sizeof(bytes) - 1,                                                     \
             .repeat = (times)},                                                                   \
        {                                                                                          \
            .action = FAKE_CLOSE                                                                   \
        }                                                                                          \
    }

/* The service stays connected, so it is the proxy that must end it. */
#define REFUSED(bytes)                                                                             \
    {                                                                                              \
        SEND_AND_STAY(bytes), BAD_GATEWAY, NULL                                                    \
    }
#define FIELDS_REFUSED(fields) REFUSED("HTTP/1.1 200 OK\r\n" fields "\r\n\r\nhello")
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define CHUNKS_BROKEN(bytes)                                                                       \
    {                                                                                              \
        SEND_AND_STAY(CHUNKED "2\r\nab\r\n" bytes), BROKEN, NULL                                   \
    }
#define ANSWERED(bytes, body)                                                                      \
    {                                                                                              \
        SEND_AND_END(bytes), COMPLETE, (body)                                                      \
    }
#define POISON "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"

/* --- the cases ------------------------------------------------------------------------------- */

static const struct hostile_case head_cases[] = {
    REFUSED("\r\n\r\n"),
    REFUSED("hello\r\n\r\n"),
    REFUSED("SSH-2.0-OpenSSH_9.2p1\r\n"),
    REFUSED("\x15\x03\x03\x00\x02\x02\x32"),
    REFUSED("\0\0\x18\x04\0\0\0\0\0"),
    REFUSED("<html>\r\n"),
    REFUSED("HTTP/1.1\r\n\r\n"),
    REFUSED("HTTP/1.1 \r\n\r\n"),
    REFUSED("HTTP/1.1 OK\r\n\r\n"),
    REFUSED("HTTP/1.1 2 OK\r\n\r\n"),
    REFUSED("HTTP/1.1 20 OK\r\n\r\n"),
    REFUSED("HTTP/1.1 2000 OK\r\n\r\n"),
    REFUSED("HTTP/1.1 -200 OK\r\n\r\n"),
    REFUSED("HTTP/1.1 000 OK\r\n\r\n"),
    REFUSED("HTTP/1.1 099 OK\r\n\r\n"),
    REFUSED("HTTP/1.1 600 OK\r\n\r\n"),
    REFUSED("HTTP/1.1 999 OK\r\n\r\n"),
    REFUSED("HTTP/1.1 200OK\r\n\r\n"),
    REFUSED("HTTP/1.1  200 OK\r\n\r\n"),
    REFUSED("HTTP/1.1\t200 OK\r\n\r\n"),
    REFUSED("HTTP/1.2 200 OK\r\n\r\n"),
    REFUSED("HTTP/0.9 200 OK\r\n\r\n"),
    REFUSED("HTTP/2 200 OK\r\n\r\n"),
    REFUSED("HTTP/2.0 200 OK\r\n\r\n"),
    REFUSED("http/1.1 200 OK\r\n\r\n"),
    REFUSED("ICY 200 OK\r\n\r\n"),
    REFUSED(" HTTP/1.1 200 OK\r\n\r\n"),
    REFUSED("\r\nHTTP/1.1 200 OK\r\n\r\n"),
    REFUSED("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"),
    REFUSED("HTTP/1.1 200 OK\rContent-Length: 5\r\n\r\nhello"),
    REFUSED("HTTP/1.1 200 O\0K\r\n\r\n"),
    REFUSED("HTTP/1.1 200 O\x1b[0mK\r\n\r\n"),
    REFUSED("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
    REFUSED("HTTP/1.1 101 Switching\r\n\r\n"),
    REFUSED("HTTP/1.1 100 Continue\r\n\r\nhello\r\n"),
    REFUSED("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching\r\n\r\n"),
};

static const struct hostile_case field_cases[] = {
    FIELDS_REFUSED("A: b\nC: d"),
    FIELDS_REFUSED("A: b\rC: d"),
    FIELDS_REFUSED("A: b\r\n folded"),
    FIELDS_REFUSED("A: b\r\n\tfolded"),
    FIELDS_REFUSED(" A: b"),
    FIELDS_REFUSED("A : b"),
    FIELDS_REFUSED(": b"),
    FIELDS_REFUSED("no colon"),
    FIELDS_REFUSED("A B: c"),
    FIELDS_REFUSED("A: \0"),
    FIELDS_REFUSED("A\0: b"),
    FIELDS_REFUSED("A: \x7f"),
    FIELDS_REFUSED("A: \x01"),
    FIELDS_REFUSED("\xff\xfe: b"),
    FIELDS_REFUSED("Content-Length: +5"),
    FIELDS_REFUSED("Content-Length: -5"),
    FIELDS_REFUSED("Content-Length: 0x5"),
    FIELDS_REFUSED("Content-Length: 5, 5"),
    FIELDS_REFUSED("Content-Length: 5 5"),
    FIELDS_REFUSED("Content-Length: five"),
    FIELDS_REFUSED("Content-Length:"),
    FIELDS_REFUSED("Content-Length: 18446744073709551621"),
    FIELDS_REFUSED("Content-Length: 9223372036854775808"),
    FIELDS_REFUSED("Content-Length: 5\r\nContent-Length: 5"),
    FIELDS_REFUSED("Content-Length: 5\r\nContent-Length: 6"),
    FIELDS_REFUSED("Content-Length: 5\r\nTransfer-Encoding: chunked"),
    FIELDS_REFUSED("Transfer-Encoding: gzip, chunked"),
    FIELDS_REFUSED("Transfer-Encoding: chunked, gzip"),
    FIELDS_REFUSED("Transfer-Encoding: gzip"),
    FIELDS_REFUSED("Transfer-Encoding: identity"),
    FIELDS_REFUSED("Transfer-Encoding: xchunked"),
    FIELDS_REFUSED("Transfer-Encoding:"),
    FIELDS_REFUSED("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    REFUSED("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    {SEND_ENDLESSLY("A: b\r\n", 257), BAD_GATEWAY, NULL},
    {SEND_ENDLESSLY("A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n", 100000),
     BAD_GATEWAY, NULL},
    {SEND_ENDLESSLY("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 100000),
     BAD_GATEWAY, NULL},
};

static const struct hostile_case end_cases[] = {
    {SEND_AND_END(""), UNAVAILABLE, NULL},
    {SEND_AND_RESET(""), UNAVAILABLE, NULL},
    {SEND_AND_END("HTTP/1.1 200"), UNAVAILABLE, NULL},
    {SEND_AND_END("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"), UNAVAILABLE, NULL},
    {SEND_AND_RESET("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"), UNAVAILABLE, NULL},
    {SEND_AND_END("HTTP/1.1 100 Continue\r\n\r\n"), UNAVAILABLE, NULL},
    {SEND_AND_END("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n"), BROKEN, NULL},
    {SEND_AND_END("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"), BROKEN, NULL},
    {SEND_AND_END("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nhello"), BROKEN,
     NULL},
    {SEND_AND_END(CHUNKED), BROKEN, NULL},
    {SEND_AND_END(CHUNKED "5"), BROKEN, NULL},
    {SEND_AND_END(CHUNKED "5\r\nhel"), BROKEN, NULL},
    {SEND_AND_END(CHUNKED "5\r\nhello"), BROKEN, NULL},
    {SEND_AND_END(CHUNKED "5\r\nhello\r\n"), BROKEN, NULL},
    {SEND_AND_END(CHUNKED "5\r\nhello\r\n0\r\n"), BROKEN, NULL},
    {SEND_AND_END(CHUNKED "5\r\nhello\r\n0\r\nA: b\r\n"), BROKEN, NULL},
};

static const struct hostile_case chunk_cases[] = {
    CHUNKS_BROKEN("0x5\r\nhello\r\n"),
    CHUNKS_BROKEN("+5\r\nhello\r\n"),
    CHUNKS_BROKEN("-5\r\nhello\r\n"),
    CHUNKS_BROKEN(" 5\r\nhello\r\n"),
    CHUNKS_BROKEN("5 \r\nhello\r\n"),
    CHUNKS_BROKEN("5\nhello\r\n"),
    CHUNKS_BROKEN("5\rhello\r\n"),
    CHUNKS_BROKEN("5\r\nhello\n"),
    CHUNKS_BROKEN("5\r\nhelloworld\r\n"),
    CHUNKS_BROKEN("ffffffffffffffff\r\nhello\r\n"),
    CHUNKS_BROKEN("8000000000000000\r\nhello\r\n"),
    CHUNKS_BROKEN("00000000000000005\r\nhello\r\n"),
    CHUNKS_BROKEN("g\r\n"),
    CHUNKS_BROKEN("\r\n"),
    CHUNKS_BROKEN(";\r\n"),
    CHUNKS_BROKEN("5;\0\r\nhello\r\n"),
    CHUNKS_BROKEN("0\r\nno colon\r\n\r\n"),
    CHUNKS_BROKEN("0\r\nA: b\n\r\n"),
    CHUNKS_BROKEN("0\r\nA: b\r\n folded\r\n\r\n"),
    CHUNKS_BROKEN("0\r\n\n"),
    CHUNKS_BROKEN("0\r\n" POISON),
    {{{.action = FAKE_READ_REQUEST},
      SEND(CHUNKED "5;"),
      {.action = FAKE_SEND,
       .text = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
       .repeat = 10000},
      {.action = FAKE_READ_TO_END}},
     BROKEN,
     NULL},
    {{{.action = FAKE_READ_REQUEST},
      SEND(CHUNKED "0\r\n"),
      {.action = FAKE_SEND,
       .text = "A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n",
       .repeat = 10000},
      {.action = FAKE_READ_TO_END}},
     BROKEN,
     NULL},
};

/* Legal, or harmless: served, and nothing behind the answer reaches anyone. */
static const struct hostile_case answered_cases[] = {
    ANSWERED("HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", "hello"),
    ANSWERED("HTTP/1.1 200 \xff\r\nContent-Length: 5\r\n\r\nhello", "hello"),
    ANSWERED("HTTP/1.0 200 OK\r\n\r\nhello", "hello"),
    ANSWERED("HTTP/1.1 200 OK\r\n\r\nhello", "hello"),
    ANSWERED("HTTP/1.1 599 Odd\r\nContent-Length: 5\r\n\r\nhello", "hello"),
    ANSWERED("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
             "hello"),
    ANSWERED(CHUNKED "5;a=b\r\nhello\r\n0;c\r\nA: b\r\n\r\n", "hello"),
    ANSWERED("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"
             "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
             "hello"),
    ANSWERED("HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\nhello", ""),
    ANSWERED("HTTP/1.1 204 None\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", ""),
    ANSWERED("HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n" POISON, ""),
    ANSWERED("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" POISON, "hello"),
    ANSWERED("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\r\n", "hello"),
    ANSWERED("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" POISON, ""),
    ANSWERED(CHUNKED "5\r\nhello\r\n0\r\n\r\n" POISON, "hello"),
    {SEND_AND_STAY("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" POISON), COMPLETE, "hello"},
    {SEND_AND_STAY(CHUNKED "5\r\nhello\r\n0\r\n\r\n" POISON), COMPLETE, "hello"},
    {SEND_AND_STAY("HTTP/1.1 204 None\r\nContent-Length: 6\r\n\r\npoison"), COMPLETE, ""},
};

/* --- playing them ---------------------------------------------------------------------------- */

struct stage {
    struct pointsman *pointsman;
    struct fake_upstream *upstream; /* hostile for a connection, then its honest self */
    unsigned case_count;
    pid_t proxy_pid;
};

static struct stage stage;

static int set_the_stage(void **state)
{
    (void)state;
    stage.pointsman = pointsman_start(NULL);
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
    return 0;
}

/* POST: a request that was sent is not sent again, so that each case meets its script. */
static struct http_connection *ask(const char *method, unsigned number)
{
    char text[128];
    struct http_connection *connection = http_connection_open(pointsman_port(stage.pointsman));
    assert_non_null(connection);
    snprintf(text, sizeof(text), "%s /case-%u HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
             method, number);
    assert_true(http_connection_send_text(connection, text));
    return connection;
}

static void fail_case(const struct hostile_case *hostile, const char *why)
{
    struct buffer text = BUFFER_EMPTY;
    for (const struct fake_step *step = &hostile->steps[1]; step->action == FAKE_SEND; step++)
        escape_bytes(&text, step->text, step->text_length);
    fail_msg("%s: %s", why, buffer_string(&text));
}

static void check_outcome(const struct hostile_case *hostile, enum http_outcome outcome,
                          const struct http_message *response)
{
    switch (hostile->expectation) {
    case BAD_GATEWAY:
        if (outcome != HTTP_COMPLETE || response->status != 502)
            fail_case(hostile, http_outcome_name(outcome));
        return;
    case UNAVAILABLE:
        if (outcome != HTTP_COMPLETE || response->status != 503)
            fail_case(hostile, http_outcome_name(outcome));
        return;
    case BROKEN:
        /* Nothing of the answer may have left us when it breaks: then it is a 502 still. */
        if (outcome == HTTP_COMPLETE ? response->status != 502
                                     : outcome != HTTP_TRUNCATED && outcome != HTTP_RESET)
            fail_case(hostile, http_outcome_name(outcome));
        return;
    case COMPLETE:
        if (outcome != HTTP_COMPLETE || response->status >= 600)
            fail_case(hostile, http_outcome_name(outcome));
        if (response->body.length != strlen(hostile->body) ||
            (response->body.length > 0 && strcmp(response->body.at, hostile->body) != 0))
            fail_case(hostile, "another body");
        return;
    }
}

/* Someone else, who must get an answer to what they asked and nothing of what came before. */
static void check_bystander(const struct hostile_case *hostile)
{
    char expected[64];
    struct http_message response = HTTP_MESSAGE_EMPTY;
    unsigned number = ++stage.case_count;
    struct http_connection *connection = ask("GET", number);
    snprintf(expected, sizeof(expected), "GET /case-%u HTTP/1.1\r\n", number);

    enum http_outcome outcome = http_connection_receive(connection, &response, WAIT_MS);
    if (outcome != HTTP_COMPLETE || response.status != 200 ||
        strncmp(response.body.at, expected, strlen(expected)) != 0)
        fail_case(hostile, "someone else got a wrong answer after");

    http_message_clear(&response);
    http_connection_close(connection);
}

/* The answer, whatever informational heads come before it. */
static enum http_outcome receive_answer(struct http_connection *connection,
                                        struct http_message *response)
{
    for (;;) {
        enum http_outcome outcome = http_connection_receive(connection, response, WAIT_MS);
        if (outcome != HTTP_COMPLETE || response->status >= 200 || response->status == 101)
            return outcome;
        http_message_clear(response);
    }
}

static void check_case(const struct hostile_case *hostile)
{
    struct http_message response = HTTP_MESSAGE_EMPTY;
    /* The next request must come on a new connection, which follows the script. */
    fake_upstream_drop_connections(stage.upstream);
    fake_upstream_script(stage.upstream, hostile->steps);

    struct http_connection *connection = ask("POST", ++stage.case_count);
    enum http_outcome outcome = receive_answer(connection, &response);
    check_outcome(hostile, outcome, &response);
    http_message_clear(&response);
    http_connection_close(connection);

    check_bystander(hostile);
    assert_true(process_is_running(pointsman_proxy(stage.pointsman)));
    assert_int_equal(process_id(pointsman_proxy(stage.pointsman)), stage.proxy_pid);
}

#define CHECK_ALL(cases)                                                                           \
    for (size_t i = 0; i < sizeof(cases) / sizeof((cases)[0]); i++)                                \
    check_case(&(cases)[i])

static void broken_heads_are_a_bad_gateway(void **state)
{
    (void)state;
    CHECK_ALL(head_cases);
}

static void broken_fields_and_framing_are_a_bad_gateway(void **state)
{
    (void)state;
    CHECK_ALL(field_cases);
}

static void an_early_end_is_never_a_complete_answer(void **state)
{
    (void)state;
    CHECK_ALL(end_cases);
}

static void broken_chunks_are_never_a_complete_answer(void **state)
{
    (void)state;
    CHECK_ALL(chunk_cases);
}

static void nothing_behind_an_answer_reaches_anyone(void **state)
{
    (void)state;
    CHECK_ALL(answered_cases);
}

static void an_answer_to_head_with_a_body_reaches_nobody(void **state)
{
    (void)state;
    static const struct hostile_case hostile = {
        SEND_AND_STAY("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"), COMPLETE, ""};
    struct http_message response = HTTP_MESSAGE_EMPTY;
    fake_upstream_drop_connections(stage.upstream);
    fake_upstream_script(stage.upstream, hostile.steps);

    struct http_connection *connection = ask("HEAD", ++stage.case_count);
    enum http_outcome outcome = http_connection_receive_head(connection, &response, WAIT_MS);

    check_outcome(&hostile, outcome, &response);
    char *length = http_message_field(&response, "Content-Length");
    assert_string_equal(length, "6");
    check_bystander(&hostile);
    free(length);
    http_message_clear(&response);
    http_connection_close(connection);
}

static void nobody_gets_the_answer_of_someone_who_left(void **state)
{
    (void)state;
    static const struct hostile_case hostile = {
        {{.action = FAKE_READ_REQUEST},
         {.action = FAKE_HOLD},
         SEND(POISON),
         {.action = FAKE_SERVE}},
        COMPLETE,
        "",
    };
    fake_upstream_drop_connections(stage.upstream);
    fake_upstream_script(stage.upstream, hostile.steps);
    size_t requests_before = fake_upstream_request_count(stage.upstream);

    struct http_connection *connection = ask("POST", ++stage.case_count);
    assert_true(fake_upstream_wait_requests(stage.upstream, requests_before + 1, WAIT_MS));
    http_connection_reset(connection);
    fake_upstream_release(stage.upstream);

    for (int i = 0; i < 20; i++)
        check_bystander(&hostile);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, add_service, remove_service)
    const struct CMUnitTest tests[] = {
        TEST(broken_heads_are_a_bad_gateway),
        TEST(broken_fields_and_framing_are_a_bad_gateway),
        TEST(an_early_end_is_never_a_complete_answer),
        TEST(broken_chunks_are_never_a_complete_answer),
        TEST(nothing_behind_an_answer_reaches_anyone),
        TEST(an_answer_to_head_with_a_body_reaches_nobody),
        TEST(nobody_gets_the_answer_of_someone_who_left),
    };
    return cmocka_run_group_tests(tests, set_the_stage, clear_the_stage);
}
