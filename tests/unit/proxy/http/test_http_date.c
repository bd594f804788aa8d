#include "common/clock.h"
#include "proxy/http/http_date.h"
#include "tests/unit/cmocka_all.h"

static void assert_date(struct http_date *date, uint64_t now_us, const char *text)
{
    struct slice written = http_date_now(date, now_us);
    assert_int_equal(written.length, HTTP_DATE_LENGTH);
    assert_memory_equal(written.at, text, HTTP_DATE_LENGTH);
}

static void assert_written(uint64_t wall_ms, const char *text)
{
    struct http_date date = {0};
    clock_set_wall_for_test(wall_ms);
    assert_date(&date, 1, text);
}

static int give_back_clock(void **state)
{
    (void)state;
    clock_set_wall_for_test(0);
    return 0;
}

static void dates_are_written_as_http_wants_them(void **state)
{
    (void)state;

    assert_written(784111777000, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_written(951782400000, "Tue, 29 Feb 2000 00:00:00 GMT");
    assert_written(4102444799000, "Thu, 31 Dec 2099 23:59:59 GMT");
}

static void a_date_changes_with_the_second(void **state)
{
    (void)state;
    struct http_date date = {0};
    const uint64_t start_us = 5000000;

    clock_set_wall_for_test(784111777400);
    assert_date(&date, start_us, "Sun, 06 Nov 1994 08:49:37 GMT");
    clock_set_wall_for_test(784111777999);
    assert_date(&date, start_us + 599999, "Sun, 06 Nov 1994 08:49:37 GMT");
    clock_set_wall_for_test(784111778000);
    assert_date(&date, start_us + 600000, "Sun, 06 Nov 1994 08:49:38 GMT");
}

static void the_wall_clock_is_looked_at_once_a_second(void **state)
{
    (void)state;
    struct http_date date = {0};
    const uint64_t start_us = 5000000;

    clock_set_wall_for_test(784111777000);
    assert_date(&date, start_us, "Sun, 06 Nov 1994 08:49:37 GMT");
    clock_set_wall_for_test(784111709000); /* set back by somebody */
    assert_date(&date, start_us + 999999, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_date(&date, start_us + 1000000, "Sun, 06 Nov 1994 08:48:29 GMT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(dates_are_written_as_http_wants_them, give_back_clock),
        cmocka_unit_test_teardown(a_date_changes_with_the_second, give_back_clock),
        cmocka_unit_test_teardown(the_wall_clock_is_looked_at_once_a_second, give_back_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
