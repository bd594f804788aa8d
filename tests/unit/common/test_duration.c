#include "common/duration.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

static uint64_t parsed(const char *text)
{
    uint64_t milliseconds = 0;
    struct error err = {0};
    if (!duration_parse(text, &milliseconds, &err))
        fail_msg("%s", err.message);
    return milliseconds;
}

static void each_unit_counts_what_it_says(void **state)
{
    (void)state;
    assert_int_equal(parsed("250ms"), 250);
    assert_int_equal(parsed("10s"), 10000);
    assert_int_equal(parsed("5m"), 300000);
    assert_int_equal(parsed("2h"), 7200000);
    assert_int_equal(parsed("0s"), 0);
}

static void parts_add_up(void **state)
{
    (void)state;
    assert_int_equal(parsed("1h30m"), 5400000);
    assert_int_equal(parsed("1h2m3s4ms"), 3723004);
    assert_int_equal(parsed("99999h"), UINT64_C(99999) * 3600000);
}

static void anything_else_is_refused_and_quoted(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    "5",    "s",       "5x",         "-1s", "1.5s",
                                      " 1s", "1s ",  "100000s", "1h1m1s1s1s", "5 s", "1d",
                                      "5sm", "5mss", "1s-1",    "+1s"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t milliseconds = 7;
        struct error err = {0};
        assert_false(duration_parse(bad[i], &milliseconds, &err));
        assert_int_equal(err.code, ERROR_INVALID);
        assert_non_null(strstr(err.message, bad[i]));
        assert_int_equal(milliseconds, 7);
    }
}

static void written_durations_are_short_and_read_back(void **state)
{
    (void)state;
    static const struct {
        uint64_t milliseconds;
        const char *text;
    } cases[] = {{0, "0s"},        {1, "1ms"},      {250, "250ms"},         {10000, "10s"},
                 {90000, "1m30s"}, {3600000, "1h"}, {3723004, "1h2m3s4ms"}, {86400000, "24h"},
                 {1500, "1s500ms"}};
    char text[DURATION_BYTES];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(duration_format(cases[i].milliseconds, text), cases[i].text);
        assert_int_equal(parsed(text), cases[i].milliseconds);
    }
}

static void the_longest_duration_fits(void **state)
{
    (void)state;
    char text[DURATION_BYTES];
    assert_string_equal(duration_format(UINT64_MAX, text), "5124095576030h25m51s615ms");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_unit_counts_what_it_says),
        cmocka_unit_test(parts_add_up),
        cmocka_unit_test(anything_else_is_refused_and_quoted),
        cmocka_unit_test(written_durations_are_short_and_read_back),
        cmocka_unit_test(the_longest_duration_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
