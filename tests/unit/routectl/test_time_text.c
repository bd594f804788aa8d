#include "control/routectl/time_text.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

/* 2026-11-23T06:22:37Z */
static const uint64_t now_ms = UINT64_C(1795414957000);

static uint64_t parse(const char *text)
{
    struct error err = {0};
    uint64_t time_ms = 0;
    if (!time_text_parse(text, now_ms, &time_ms, &err))
        fail_msg("%s", err.message);
    return time_ms;
}

static void assert_refused(const char *text)
{
    struct error err = {0};
    uint64_t time_ms;
    if (time_text_parse(text, now_ms, &time_ms, &err))
        fail_msg("'%s' is taken", text);
    assert_int_equal(err.code, ERROR_INVALID);
    assert_non_null(strstr(err.message, text));
}

static void a_time_is_rfc_3339(void **state)
{
    (void)state;
    assert_int_equal(parse("1970-01-01T00:00:00Z"), 0);
    assert_int_equal(parse("2026-11-23T06:22:37Z"), now_ms);
    assert_int_equal(parse("2026-11-23t06:22:37z"), now_ms);
    assert_int_equal(parse("2026-11-23 06:22:37Z"), now_ms);
    assert_int_equal(parse("2024-02-29T00:00:00Z"), UINT64_C(1709164800000));
}

static void a_fraction_counts_to_the_millisecond(void **state)
{
    (void)state;
    assert_int_equal(parse("2026-11-23T06:22:37.5Z"), now_ms + 500);
    assert_int_equal(parse("2026-11-23T06:22:37.123456789Z"), now_ms + 123);
}

static void an_offset_is_taken_off(void **state)
{
    (void)state;
    assert_int_equal(parse("2026-11-23T08:22:37+02:00"), now_ms);
    assert_int_equal(parse("2026-11-22T20:52:37-09:30"), now_ms);
}

static void an_age_is_before_now(void **state)
{
    (void)state;
    assert_int_equal(parse("0s"), now_ms);
    assert_int_equal(parse("10m"), now_ms - 600000);
    assert_int_equal(parse("1h30m"), now_ms - 5400000);
    assert_int_equal(parse("2d"), now_ms - UINT64_C(172800000));
    assert_int_equal(parse("99999d"), 0);
}

static void what_is_no_time_is_refused_with_its_text(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "yesterday",
        "10",
        "10 m",
        "-10m",
        "d",
        "1.5d",
        "2d3h",
        "123456d",
        "2026-11-23",
        "2026-11-23T06:22:37",
        "2026-11-23T06:22Z",
        "2026-11-23T06:22:37.Z",
        "2026-11-23T06:22:37Z ",
        "2026-11-23T06:22:37+0200",
        "2026-11-23T06:22:37+24:00",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+01:00",
        "26-01-01T00:00:00Z",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_refused(cases[i]);
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    append_time(&text, now_ms + 999);
    assert_string_equal(buffer_string(&text), "2026-11-23T06:22:37Z");
    assert_int_equal(parse(buffer_string(&text)), now_ms);
    buffer_clear(&text);
}

static void a_span_is_its_largest_unit(void **state)
{
    (void)state;
    static const struct {
        uint64_t span_ms;
        const char *text;
    } cases[] = {
        {0, "0s"},     {999, "0s"},     {59999, "59s"},
        {60000, "1m"}, {3600000, "1h"}, {UINT64_C(3) * 86400000 + 5, "3d"},
    };
    struct buffer text = BUFFER_EMPTY;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        append_span(&text, cases[i].span_ms);
        assert_string_equal(buffer_string(&text), cases[i].text);
        buffer_reset(&text);
    }
    buffer_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_rfc_3339),
        cmocka_unit_test(a_fraction_counts_to_the_millisecond),
        cmocka_unit_test(an_offset_is_taken_off),
        cmocka_unit_test(an_age_is_before_now),
        cmocka_unit_test(what_is_no_time_is_refused_with_its_text),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(a_span_is_its_largest_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
