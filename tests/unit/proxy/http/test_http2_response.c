#include "proxy/http/http2_response.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

enum { FIELDS = 8 };

static struct header headers[FIELDS];
static struct header_tag tags[FIELDS];
static struct buffer bytes;
static struct http2_response response;

static void start(bool is_to_head)
{
    struct header_list fields = {.headers = headers, .tags = tags, .capacity = FIELDS};
    http2_response_start(&response, &bytes, fields, is_to_head);
}

static int clear(void **state)
{
    (void)state;
    buffer_clear(&bytes);
    return 0;
}

static void add(const char *name, const char *value)
{
    http2_response_add(&response, slice_from_string(name), slice_from_string(value));
}

static void assert_refused(enum refusal refusal)
{
    assert_false(http2_response_finish(&response));
    assert_int_equal(response.refusal, refusal);
}

static void fields_become_a_head(void **state)
{
    (void)state;
    start(false);
    add(":status", "404");
    add("content-length", "12");
    add("x-a", "b");

    assert_true(http2_response_finish(&response));

    const struct parsed_response *head = &response.head;
    assert_int_equal(head->status, 404);
    assert_true(slice_equals(head->reason, SLICE("Not Found")));
    assert_int_equal(head->framing, BODY_LENGTH);
    assert_int_equal(head->content_length, 12);
    assert_int_equal(head->fields.count, 2);
    assert_true(tags[0].is_dropped); /* written anew */
    assert_true(slice_equals(headers[1].name, SLICE("x-a")));
    assert_true(slice_equals(headers[1].value, SLICE("b")));
}

static void fields_stay_where_they_are_found_when_memory_moves(void **state)
{
    (void)state;
    char value[4000];
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    start(false);
    add(":status", "200");
    for (int i = 0; i < FIELDS; i++) {
        value[0] = (char)('0' + i);
        add("x-name", value);
    }

    assert_true(http2_response_finish(&response));

    for (int i = 0; i < FIELDS; i++) {
        assert_true(slice_equals(headers[i].name, SLICE("x-name")));
        assert_int_equal(headers[i].value.length, sizeof(value) - 1);
        assert_int_equal(headers[i].value.at[0], '0' + i);
    }
}

static void the_body_is_told_from_status_and_request(void **state)
{
    (void)state;
    static const struct {
        const char *status;
        bool is_to_head;
        enum body_framing framing;
    } cases[] = {
        {"200", false, BODY_CHUNKED}, {"200", true, BODY_NONE},  {"204", false, BODY_NONE},
        {"304", false, BODY_NONE},    {"103", false, BODY_NONE}, {"500", false, BODY_CHUNKED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start(cases[i].is_to_head);
        add(":status", cases[i].status);
        assert_true(http2_response_finish(&response));
        assert_int_equal(response.head.framing, cases[i].framing);
    }
}

static void a_response_that_has_ended_has_an_empty_body(void **state)
{
    (void)state;
    start(false);
    add(":status", "200");
    assert_true(http2_response_finish(&response));

    http2_response_end(&response.head);

    assert_int_equal(response.head.framing, BODY_LENGTH);
    assert_int_equal(response.head.content_length, 0);
    assert_false(response.head.has_content_length);
}

static void what_is_said_twice_or_in_the_wrong_order_is_refused(void **state)
{
    (void)state;
    start(false);
    assert_refused(REFUSAL_STATUS_LINE);
    start(false);
    add("x-a", "b");
    add(":status", "200");
    assert_refused(REFUSAL_STATUS_LINE);
    start(false);
    add(":status", "200");
    add("x-a", "b");
    add(":status", "200");
    assert_refused(REFUSAL_STATUS_LINE);
    start(false);
    add(":status", "200");
    add("content-length", "1");
    add("content-length", "1");
    assert_refused(REFUSAL_TWO_CONTENT_LENGTHS);
}

static void what_http_1_could_not_carry_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
        enum refusal refusal;
    } cases[] = {
        {"X-Upper", "a", REFUSAL_FIELD_NAME},
        {"", "a", REFUSAL_FIELD_NAME},
        {"x a", "b", REFUSAL_FIELD_NAME},
        {"x:a", "b", REFUSAL_FIELD_NAME},
        {":path", "/", REFUSAL_FIELD_NAME},
        {"x-a", "b\r\nx-b: c", REFUSAL_CONTROL_CHARACTER},
        {"x-a", "b\x7f", REFUSAL_CONTROL_CHARACTER},
        {"x-a", " b", REFUSAL_CONTROL_CHARACTER},
        {"x-a", "b\t", REFUSAL_CONTROL_CHARACTER},
        {"connection", "close", REFUSAL_CONNECTION_OPTION},
        {"keep-alive", "1", REFUSAL_CONNECTION_OPTION},
        {"proxy-connection", "close", REFUSAL_CONNECTION_OPTION},
        {"transfer-encoding", "chunked", REFUSAL_CONNECTION_OPTION},
        {"upgrade", "websocket", REFUSAL_CONNECTION_OPTION},
        {"content-length", "-1", REFUSAL_CONTENT_LENGTH},
        {"content-length", "", REFUSAL_CONTENT_LENGTH},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start(false);
        add(":status", "200");
        add(cases[i].name, cases[i].value);
        assert_refused(cases[i].refusal);
    }
}

static void a_status_is_three_digits_and_no_switch(void **state)
{
    (void)state;
    static const struct {
        const char *status;
        enum refusal refusal;
    } cases[] = {
        {"20", REFUSAL_STATUS_LINE},  {"2000", REFUSAL_STATUS_LINE},
        {"2 0", REFUSAL_STATUS_LINE}, {"099", REFUSAL_STATUS_CODE},
        {"600", REFUSAL_STATUS_CODE}, {"101", REFUSAL_SWITCHED_UNASKED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start(false);
        add(":status", cases[i].status);
        assert_refused(cases[i].refusal);
    }
}

static void more_than_the_limits_allow_is_refused(void **state)
{
    (void)state;
    start(false);
    add(":status", "200");
    for (int i = 0; i <= FIELDS; i++)
        add("x-a", "b");
    assert_refused(REFUSAL_TOO_MANY_FIELDS);

    static char huge[RESPONSE_HEAD_BYTES_DEFAULT + 1];
    memset(huge, 'v', sizeof(huge) - 1);
    start(false);
    add(":status", "200");
    add("x-a", huge);
    assert_refused(REFUSAL_HEAD_TOO_LARGE);
}

#define TEST(name) cmocka_unit_test_teardown(name, clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fields_become_a_head),
        TEST(fields_stay_where_they_are_found_when_memory_moves),
        TEST(the_body_is_told_from_status_and_request),
        TEST(a_response_that_has_ended_has_an_empty_body),
        TEST(what_is_said_twice_or_in_the_wrong_order_is_refused),
        TEST(what_http_1_could_not_carry_is_refused),
        TEST(a_status_is_three_digits_and_no_switch),
        TEST(more_than_the_limits_allow_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
