/* Every input is fed whole, byte by byte, and cut in two at every position: the answer must be the
 * same. What is refused here is a 502 for the client. */
#include "proxy/http/response_parser.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/parse_pieces.h"

#include <stdio.h>

static struct response_context context;

static int expect_an_ordinary_response(void **state)
{
    (void)state;
    context = (struct response_context){0};
    return 0;
}

static void check(struct slice bytes, const char *expected)
{
    size_t step = 1 + bytes.length / 512;
    struct buffer answer = BUFFER_EMPTY;

    describe_response(&answer, bytes, context, ALL_AT_ONCE);
    assert_string_equal(buffer_string(&answer), expected);
    buffer_reset(&answer);
    describe_response(&answer, bytes, context, (struct pieces){.first = step, .others = step});
    assert_string_equal(buffer_string(&answer), expected);
    for (size_t cut = 1; cut < bytes.length; cut += step) {
        buffer_reset(&answer);
        describe_response(&answer, bytes, context, (struct pieces){cut, SIZE_MAX});
        assert_string_equal(buffer_string(&answer), expected);
    }
    buffer_clear(&answer);
}

static void check_refused(struct slice bytes, enum refusal refusal)
{
    char expected[64];
    snprintf(expected, sizeof(expected), "refused: %s\n", refusal_info(refusal)->name);
    check(bytes, expected);
}

#define UNDERSTOOD(bytes, expected) check(SLICE(bytes), expected)
#define REFUSED(bytes, refusal) check_refused(SLICE(bytes), refusal)
#define FIELDS_REFUSED(fields, refusal) REFUSED("HTTP/1.1 200 OK\r\n" fields "\r\n\r\n", refusal)

static void a_response_is_taken_apart(void **state)
{
    (void)state;
    UNDERSTOOD("HTTP/1.1 201 All  done\r\n"
               "Server: x\r\n"
               "Content-Length: 5\r\n"
               "Set_Cookie: a=b\r\n"
               "Keep-Alive: timeout=5\r\n"
               "\r\n"
               "hello",
               "status: 201\n"
               "reason: All  done\n"
               "version: 1.1\n"
               "body: 5\n"
               "length: 5\n"
               "keep alive\n"
               "+ Server=x\n"
               "- Content-Length=5\n"
               "+ Set_Cookie=a=b\n"
               "- Keep-Alive=timeout=5\n"
               "left over: 5\n");
}

static void a_reason_may_be_empty_or_missing(void **state)
{
    (void)state;
    const char *answer = "status: 200\nreason: \nversion: 1.1\nbody: until close\nleft over: 0\n";
    UNDERSTOOD("HTTP/1.1 200 \r\n\r\n", answer);
    UNDERSTOOD("HTTP/1.1 200\r\n\r\n", answer);
}

static void an_incomplete_head_wants_more(void **state)
{
    (void)state;
    UNDERSTOOD("HTTP/1.1 200 OK\r\nA: b\r\n\r", "more\n");
    UNDERSTOOD("H", "more\n");
}

/* REFUSAL_STATUS_LINE, RFC 9112 section 4 */
static void a_broken_status_line_is_refused(void **state)
{
    (void)state;
    REFUSED("\r\nHTTP/1.1 200 OK\r\n\r\n", REFUSAL_STATUS_LINE);
    REFUSED("HTTP/1.1  200 OK\r\n\r\n", REFUSAL_STATUS_LINE);
    REFUSED("HTTP/1.1 20 OK\r\n\r\n", REFUSAL_STATUS_LINE);
    REFUSED("HTTP/1.1 2000 OK\r\n\r\n", REFUSAL_STATUS_LINE);
    REFUSED("HTTP/1.1 20x OK\r\n\r\n", REFUSAL_STATUS_LINE);
    REFUSED("HTTP/1.1 -20 OK\r\n\r\n", REFUSAL_STATUS_LINE);
    REFUSED("HTTP/1.1\t200 OK\r\n\r\n", REFUSAL_STATUS_LINE);
    REFUSED("HTTP/1.1 200OK\r\n\r\n", REFUSAL_STATUS_LINE);
    REFUSED("HTTP/1.1\r\n\r\n", REFUSAL_STATUS_LINE);
    REFUSED("HTTP/2.0 200 OK\r\n\r\n", REFUSAL_STATUS_LINE);
    REFUSED("HTTP/1.2 200 OK\r\n\r\n", REFUSAL_STATUS_LINE);
    REFUSED("http/1.1 200 OK\r\n\r\n", REFUSAL_STATUS_LINE);
    REFUSED("ICY 200 OK\r\n\r\n", REFUSAL_STATUS_LINE);
    REFUSED("SSH-2.0-OpenSSH_9.2\r\n", REFUSAL_STATUS_LINE);
}

/* REFUSAL_STATUS_CODE, RFC 9110 section 15 */
static void a_status_outside_100_to_599_is_refused(void **state)
{
    (void)state;
    REFUSED("HTTP/1.1 000 OK\r\n\r\n", REFUSAL_STATUS_CODE);
    REFUSED("HTTP/1.1 099 OK\r\n\r\n", REFUSAL_STATUS_CODE);
    REFUSED("HTTP/1.1 600 OK\r\n\r\n", REFUSAL_STATUS_CODE);
    REFUSED("HTTP/1.1 999 OK\r\n\r\n", REFUSAL_STATUS_CODE);
}

static void lines_and_fields_are_as_strict_as_in_requests(void **state)
{
    (void)state;
    REFUSED("HTTP/1.1 200 OK\nA: b\r\n\r\n", REFUSAL_BARE_LF);
    FIELDS_REFUSED("A: b\nC: d", REFUSAL_BARE_LF);
    FIELDS_REFUSED("A: b\rC: d", REFUSAL_BARE_CR);
    FIELDS_REFUSED("A: b\0c", REFUSAL_CONTROL_CHARACTER);
    REFUSED("HTTP/1.1 200 O\x01K\r\n\r\n", REFUSAL_CONTROL_CHARACTER);
    FIELDS_REFUSED("A: b\r\n c", REFUSAL_FOLDED_FIELD);
    FIELDS_REFUSED("A : b", REFUSAL_FIELD_NAME);
    FIELDS_REFUSED(": b", REFUSAL_FIELD_NAME);
    FIELDS_REFUSED("A", REFUSAL_FIELD_NAME);
}

static void framing_is_as_strict_as_in_requests(void **state)
{
    (void)state;
    FIELDS_REFUSED("Content-Length: +3", REFUSAL_CONTENT_LENGTH);
    FIELDS_REFUSED("Content-Length: 3, 3", REFUSAL_CONTENT_LENGTH);
    FIELDS_REFUSED("Content-Length: 3\r\nContent-Length: 3", REFUSAL_TWO_CONTENT_LENGTHS);
    FIELDS_REFUSED("Transfer-Encoding: gzip, chunked", REFUSAL_TRANSFER_ENCODING);
    FIELDS_REFUSED("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                   REFUSAL_TWO_TRANSFER_ENCODINGS);
    FIELDS_REFUSED("Transfer-Encoding: chunked\r\nContent-Length: 3", REFUSAL_LENGTH_AND_ENCODING);
    FIELDS_REFUSED("Connection: a b", REFUSAL_CONNECTION_OPTION);
    REFUSED("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            REFUSAL_TRANSFER_ENCODING_IN_1_0);
}

/* The name of a coding has no case (RFC 9112 section 7), and no other reading is possible here. */
static void chunked_in_capitals_is_chunked(void **state)
{
    (void)state;
    UNDERSTOOD("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n",
               "status: 200\nreason: OK\nversion: 1.1\nbody: chunked\nkeep alive\n"
               "- Transfer-Encoding=Chunked\nleft over: 0\n");
}

static void a_body_without_framing_lasts_until_the_connection_closes(void **state)
{
    (void)state;
    UNDERSTOOD("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nab",
               "status: 200\nreason: OK\nversion: 1.1\nbody: until close\n"
               "- Connection=keep-alive\nleft over: 2\n");
}

static void a_response_to_head_has_no_body_whatever_it_says(void **state)
{
    (void)state;
    context.is_head = true;
    UNDERSTOOD("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n",
               "status: 200\nreason: OK\nversion: 1.1\nbody: none\nlength: 7\nkeep alive\n"
               "- Content-Length=7\nleft over: 0\n");
    UNDERSTOOD("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
               "status: 200\nreason: OK\nversion: 1.1\nbody: none\nkeep alive\n"
               "- Transfer-Encoding=chunked\nleft over: 0\n");
}

static void statuses_without_a_body_have_none_whatever_they_say(void **state)
{
    (void)state;
    UNDERSTOOD("HTTP/1.1 304 Same\r\nContent-Length: 7\r\n\r\n",
               "status: 304\nreason: Same\nversion: 1.1\nbody: none\nlength: 7\nkeep alive\n"
               "- Content-Length=7\nleft over: 0\n");
    UNDERSTOOD("HTTP/1.1 204 None\r\nContent-Length: 0\r\n\r\n",
               "status: 204\nreason: None\nversion: 1.1\nbody: none\nlength: 0\nkeep alive\n"
               "- Content-Length=0\nleft over: 0\n");
    UNDERSTOOD("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1",
               "status: 100\nreason: Continue\nversion: 1.1\nbody: none\nkeep alive\n"
               "informational\nleft over: 8\n");
}

/* It may send that body too, which would then be the next response. */
static void who_announces_a_body_with_204_is_not_asked_again(void **state)
{
    (void)state;
    UNDERSTOOD("HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\n",
               "status: 204\nreason: None\nversion: 1.1\nbody: none\nlength: 5\n"
               "- Content-Length=5\nleft over: 0\n");
    UNDERSTOOD("HTTP/1.1 204 None\r\nTransfer-Encoding: chunked\r\n\r\n",
               "status: 204\nreason: None\nversion: 1.1\nbody: none\n"
               "- Transfer-Encoding=chunked\nleft over: 0\n");
}

static void a_connection_stays_open_as_the_version_says(void **state)
{
    (void)state;
    UNDERSTOOD("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
               "status: 200\nreason: OK\nversion: 1.0\nbody: 0\nlength: 0\n"
               "- Content-Length=0\nleft over: 0\n");
    UNDERSTOOD("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
               "status: 200\nreason: OK\nversion: 1.0\nbody: 0\nlength: 0\nkeep alive\n"
               "- Content-Length=0\n- Connection=keep-alive\nleft over: 0\n");
    UNDERSTOOD("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
               "status: 200\nreason: OK\nversion: 1.1\nbody: 0\nlength: 0\n"
               "- Content-Length=0\n- Connection=close\nleft over: 0\n");
}

static void what_connection_names_is_marked_unless_meant_for_everyone(void **state)
{
    (void)state;
    UNDERSTOOD("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: X-A, Set-Cookie\r\n"
               "X-A: b\r\nSet-Cookie: c=d\r\n\r\n",
               "status: 200\nreason: OK\nversion: 1.1\nbody: 0\nlength: 0\nkeep alive\n"
               "- Content-Length=0\n- Connection=X-A, Set-Cookie\n- X-A=b\n+ Set-Cookie=c=d\n"
               "left over: 0\n");
}

#define SWITCH "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\n"

/* REFUSAL_SWITCHED_UNASKED, RFC 9110 section 15.2.2 */
static void a_switch_nobody_asked_for_is_refused(void **state)
{
    (void)state;
    REFUSED(SWITCH "Upgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n",
            REFUSAL_SWITCHED_UNASKED);
}

static void a_switch_that_was_asked_for_is_accepted(void **state)
{
    (void)state;
    context.asked_websocket = true;
    UNDERSTOOD(SWITCH "Upgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n\x81",
               "status: 101\nreason: Switching\nversion: 1.1\nbody: until close\n"
               "- Connection=Upgrade\n- Upgrade=websocket\n+ Sec-WebSocket-Accept=x\n"
               "left over: 1\n");
}

/* REFUSAL_BROKEN_SWITCH, RFC 6455 section 4.2.2 */
static void a_switch_to_something_else_is_refused(void **state)
{
    (void)state;
    context.asked_websocket = true;
    REFUSED(SWITCH "Upgrade: h2c\r\nSec-WebSocket-Accept: x\r\n\r\n", REFUSAL_BROKEN_SWITCH);
    REFUSED(SWITCH "Upgrade: websocket\r\n\r\n", REFUSAL_BROKEN_SWITCH);
    REFUSED(SWITCH "Sec-WebSocket-Accept: x\r\n\r\n", REFUSAL_BROKEN_SWITCH);
    REFUSED("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n",
            REFUSAL_BROKEN_SWITCH);
}

/* REFUSAL_HEAD_TOO_LARGE */
static void a_head_over_its_limit_is_refused(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    buffer_append_string(&text, "HTTP/1.1 200 OK\r\nX: ");
    while (text.length < RESPONSE_HEAD_BYTES_DEFAULT - 2)
        buffer_append_char(&text, 'a');

    check(buffer_slice(&text), "more\n");
    buffer_append_char(&text, 'a');
    check_refused(buffer_slice(&text), REFUSAL_HEAD_TOO_LARGE);
    buffer_clear(&text);
}

/* REFUSAL_TOO_MANY_FIELDS */
static void more_headers_than_the_limit_are_refused(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    buffer_append_string(&text, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < RESPONSE_HEADERS_DEFAULT; i++)
        buffer_append_string(&text, "X: y\r\n");

    check(buffer_slice(&text), "more\n");
    buffer_append_string(&text, "X: y\r\n");
    check_refused(buffer_slice(&text), REFUSAL_TOO_MANY_FIELDS);
    buffer_clear(&text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, expect_an_ordinary_response)
    const struct CMUnitTest tests[] = {
        TEST(a_response_is_taken_apart),
        TEST(a_reason_may_be_empty_or_missing),
        TEST(an_incomplete_head_wants_more),
        TEST(a_broken_status_line_is_refused),
        TEST(a_status_outside_100_to_599_is_refused),
        TEST(lines_and_fields_are_as_strict_as_in_requests),
        TEST(framing_is_as_strict_as_in_requests),
        TEST(chunked_in_capitals_is_chunked),
        TEST(a_body_without_framing_lasts_until_the_connection_closes),
        TEST(a_response_to_head_has_no_body_whatever_it_says),
        TEST(statuses_without_a_body_have_none_whatever_they_say),
        TEST(who_announces_a_body_with_204_is_not_asked_again),
        TEST(a_connection_stays_open_as_the_version_says),
        TEST(what_connection_names_is_marked_unless_meant_for_everyone),
        TEST(a_switch_nobody_asked_for_is_refused),
        TEST(a_switch_that_was_asked_for_is_accepted),
        TEST(a_switch_to_something_else_is_refused),
        TEST(a_head_over_its_limit_is_refused),
        TEST(more_headers_than_the_limit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
