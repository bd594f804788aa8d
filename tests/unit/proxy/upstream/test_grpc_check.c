#include "proxy/upstream/grpc_check.h"
#include "tests/unit/cmocka_all.h"

static void assert_asks(struct slice service, struct slice expected)
{
    struct buffer body = BUFFER_EMPTY;
    grpc_check_put_request(service, &body);
    assert_int_equal(body.length, expected.length);
    assert_memory_equal(body.at, expected.at, expected.length);
    buffer_clear(&body);
}

static void assert_problem(struct slice body, const char *expected)
{
    const char *problem = grpc_check_problem(body);
    if (expected == NULL)
        assert_null(problem);
    else
        assert_string_equal(problem, expected);
}

static void it_asks_about_a_service_or_about_the_server(void **state)
{
    (void)state;
    assert_asks(SLICE(""), SLICE("\0\0\0\0\0"));
    assert_asks(SLICE("a.B"), SLICE("\0\0\0\0\x05\n\x03"
                                    "a.B"));
}

static void only_who_serves_is_healthy(void **state)
{
    (void)state;
    assert_problem(SLICE("\0\0\0\0\x02\x08\x01"), NULL);
    assert_problem(SLICE("\0\0\0\0\x02\x08\x02"), "NOT_SERVING");
    assert_problem(SLICE("\0\0\0\0\x02\x08\x03"), "SERVICE_UNKNOWN");
    assert_problem(SLICE("\0\0\0\0\x02\x08\x09"), "UNKNOWN");
    assert_problem(SLICE("\0\0\0\0\0"), "UNKNOWN");
}

static void what_is_not_one_plain_message_is_no_answer(void **state)
{
    (void)state;
    static const char no_message[] = "the answer is no message of gRPC";
    assert_problem(SLICE(""), no_message);
    assert_problem(SLICE("\0\0\0\0"), no_message);
    assert_problem(SLICE("\x01\0\0\0\x02\x08\x01"), no_message); /* compressed */
    assert_problem(SLICE("\0\0\0\0\x03\x08\x01"), no_message);
    assert_problem(SLICE("\0\0\0\0\x02\x08\x01\0\0\0\0\0"), no_message);
    assert_problem(SLICE("\0\xff\xff\xff\xff\x08\x01"), no_message);
    assert_problem(SLICE("\0\0\0\0\x02\x0a\x09"), no_message);
    char large[GRPC_CHECK_ANSWER_BYTES_MAX + 1] = {0};
    assert_problem(slice_of(large, sizeof(large)), no_message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_asks_about_a_service_or_about_the_server),
        cmocka_unit_test(only_who_serves_is_healthy),
        cmocka_unit_test(what_is_not_one_plain_message_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
