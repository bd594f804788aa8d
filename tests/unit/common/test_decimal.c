#include "common/decimal.h"
#include "tests/unit/cmocka_all.h"

#include <inttypes.h>
#include <stdio.h>

static void assert_same_as_printf(uint64_t number)
{
    char expected[DECIMAL_BYTES + 1];
    char digits[DECIMAL_BYTES];
    int length = snprintf(expected, sizeof(expected), "%" PRIu64, number);

    struct slice written = decimal_write(digits, number);

    assert_int_equal(written.length, length);
    assert_memory_equal(written.at, expected, written.length);
}

static void every_length_is_written_as_printf_does(void **state)
{
    (void)state;
    assert_same_as_printf(0);
    for (uint64_t power = 1; power <= UINT64_MAX / 10; power *= 10) {
        assert_same_as_printf(power - 1);
        assert_same_as_printf(power);
        assert_same_as_printf(power + power / 2);
    }
    assert_same_as_printf(UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_is_written_as_printf_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
