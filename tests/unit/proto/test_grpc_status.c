#include "proto/grpc_status.h"
#include "tests/unit/cmocka_all.h"

static void every_status_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(grpc_status_name(GRPC_OK), "OK");
    assert_string_equal(grpc_status_name(GRPC_UNAUTHENTICATED), "UNAUTHENTICATED");
    for (int i = 0; i <= GRPC_UNAUTHENTICATED; i++)
        assert_non_null(grpc_status_name((enum grpc_status)i));
}

static void a_number_that_is_no_status_is_unknown(void **state)
{
    (void)state;
    assert_string_equal(grpc_status_name((enum grpc_status)17), "UNKNOWN");
    assert_string_equal(grpc_status_name((enum grpc_status) - 1), "UNKNOWN");
}

static void an_error_that_a_client_can_act_on_survives_the_wire(void **state)
{
    (void)state;
    const enum error_code codes[] = {
        ERROR_INVALID, ERROR_NOT_FOUND,    ERROR_EXISTS,      ERROR_CONFLICT,
        ERROR_DENIED,  ERROR_LIMIT,        ERROR_UNAVAILABLE, ERROR_TIMEOUT,
        ERROR_CORRUPT, ERROR_OUT_OF_RANGE, ERROR_NONE,        ERROR_UNSUPPORTED,
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        assert_int_equal(grpc_status_to_error(grpc_status_from_error(codes[i])), codes[i]);
}

static void what_must_not_be_retried_as_it_is_is_a_failed_precondition(void **state)
{
    (void)state;
    assert_int_equal(grpc_status_from_error(ERROR_CONFLICT), GRPC_FAILED_PRECONDITION);
    assert_int_equal(grpc_status_from_error(ERROR_IN_USE), GRPC_FAILED_PRECONDITION);
}

static void a_store_that_takes_no_writes_is_unavailable(void **state)
{
    (void)state;
    assert_int_equal(grpc_status_from_error(ERROR_READ_ONLY), GRPC_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_name),
        cmocka_unit_test(a_number_that_is_no_status_is_unknown),
        cmocka_unit_test(an_error_that_a_client_can_act_on_survives_the_wire),
        cmocka_unit_test(what_must_not_be_retried_as_it_is_is_a_failed_precondition),
        cmocka_unit_test(a_store_that_takes_no_writes_is_unavailable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
