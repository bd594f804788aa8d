/* Slices. */
#include "common/slice.h"
#include "tests/unit/cmocka_all.h"

static void comparing_ignores_the_case_of_ascii_only(void **state)
{
    (void)state;

    assert_true(slice_equals_ignoring_case(SLICE("Content-Type"), SLICE("content-tYPE")));
    assert_false(slice_equals_ignoring_case(SLICE("a"), SLICE("ab")));
    assert_false(slice_equals_ignoring_case(SLICE("\xc3\xbc"), SLICE("\xc3\x9c")));
}

static void a_prefix_sorts_first(void **state)
{
    (void)state;

    assert_int_equal(slice_compare(SLICE("a"), SLICE("a")), 0);
    assert_true(slice_compare(SLICE("a"), SLICE("ab")) < 0);
    assert_true(slice_compare(SLICE("b"), SLICE("ab")) > 0);
    assert_true(slice_compare(SLICE(""), SLICE("a")) < 0);
}

static void a_character_that_was_cut_is_taken_off(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t length;
    } cases[] = {
        {"", 0},         {"abc", 3},          {"a\xc3", 1},          {"a\xc3\xbc", 3},
        {"\xe2\x82", 0}, {"\xe2\x82\xac", 3}, {"ab\xf0\x9f\x98", 2}, {"ab\xf0\x9f\x98\x80", 6},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(slice_whole_characters(slice_from_string(cases[i].text)).length,
                         cases[i].length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing_ignores_the_case_of_ascii_only),
        cmocka_unit_test(a_prefix_sorts_first),
        cmocka_unit_test(a_character_that_was_cut_is_taken_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
