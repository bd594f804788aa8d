#include "common/nearest.h"
#include "tests/unit/cmocka_all.h"

static const char *nearest_of(const char *typed, const char *const *names)
{
    struct nearest nearest = {.typed = typed};
    for (; *names != NULL; names++)
        nearest_consider(&nearest, *names);
    return nearest.name;
}

static const char *const verbs[] = {"add", "remove", "get", "list", "status", "wait", NULL};

static void one_slip_is_understood(void **state)
{
    (void)state;
    assert_string_equal(nearest_of("lst", verbs), "list");
    assert_string_equal(nearest_of("listt", verbs), "list");
    assert_string_equal(nearest_of("lisp", verbs), "list");
    assert_string_equal(nearest_of("gte", verbs), "get");
    assert_string_equal(nearest_of("remvoe", verbs), "remove");
}

static void another_word_is_not_taken_for_a_slip(void **state)
{
    (void)state;
    assert_null(nearest_of("explain", verbs));
    assert_null(nearest_of("xy", verbs));
    assert_null(nearest_of("", verbs));
}

static void the_closest_wins_and_of_equals_the_first(void **state)
{
    (void)state;
    static const char *const names[] = {"status", "state", "stats", NULL};
    assert_string_equal(nearest_of("stats", names), "stats");
    assert_string_equal(nearest_of("statz", names), "state");
}

static void names_too_long_to_be_ours_are_no_slip(void **state)
{
    (void)state;
    static const char long_name[] =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const char *const names[] = {long_name, NULL};
    assert_null(nearest_of(long_name, names));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_slip_is_understood),
        cmocka_unit_test(another_word_is_not_taken_for_a_slip),
        cmocka_unit_test(the_closest_wins_and_of_equals_the_first),
        cmocka_unit_test(names_too_long_to_be_ours_are_no_slip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
