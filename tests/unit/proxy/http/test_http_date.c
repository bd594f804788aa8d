#include "proxy/http/http_date.h"
#include "tests/unit/cmocka_all.h"

static void assert_date(struct http_date *date, uint64_t wall_ms, const char *text)
{
    struct slice written = http_date_at(date, wall_ms);
    assert_int_equal(written.length, HTTP_DATE_LENGTH);
    assert_memory_equal(written.at, text, HTTP_DATE_LENGTH);
}

static void dates_are_written_as_http_wants_them(void **state)
{
    (void)state;
    struct http_date date = {0};

    assert_date(&date, 784111777000, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_date(&date, 951782400000, "Tue, 29 Feb 2000 00:00:00 GMT");
    assert_date(&date, 4102444799000, "Thu, 31 Dec 2099 23:59:59 GMT");
}

static void a_date_changes_with_the_second(void **state)
{
    (void)state;
    struct http_date date = {0};

    assert_date(&date, 784111777000, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_date(&date, 784111777999, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_date(&date, 784111778000, "Sun, 06 Nov 1994 08:49:38 GMT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_written_as_http_wants_them),
        cmocka_unit_test(a_date_changes_with_the_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
