#include "proxy/routing/path_value.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

static void expect_canonical(const char *value, const char *canonical)
{
    char text[PATH_VALUE_MAX_LENGTH];
    assert_null(path_value_problem(slice_from_string(value)));
    size_t length = path_value_canonicalize(slice_from_string(value), text);
    assert_int_equal(length, strlen(canonical));
    assert_memory_equal(text, canonical, length);
}

static void escapes_of_unreserved_characters_are_decoded(void **state)
{
    (void)state;
    expect_canonical("/%61%7E%2d/b", "/a~-/b");
}

static void other_escapes_are_kept_in_upper_case(void **state)
{
    (void)state;
    expect_canonical("/a%20b%c3%a9", "/a%20b%C3%A9");
    expect_canonical("/a%252f", "/a%252f");
}

static void dots_are_segments_only_when_alone(void **state)
{
    (void)state;
    assert_null(path_value_problem(SLICE("/.../a.b/..c")));
    assert_non_null(path_value_problem(SLICE("/a/%2E.")));
    assert_non_null(path_value_problem(SLICE("/.")));
}

static void a_prefix_loses_its_trailing_slash(void **state)
{
    (void)state;
    assert_int_equal(path_value_prefix(SLICE("/abc/")).length, 4);
    assert_int_equal(path_value_prefix(SLICE("/abc")).length, 4);
    assert_int_equal(path_value_prefix(SLICE("/")).length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_of_unreserved_characters_are_decoded),
        cmocka_unit_test(other_escapes_are_kept_in_upper_case),
        cmocka_unit_test(dots_are_segments_only_when_alone),
        cmocka_unit_test(a_prefix_loses_its_trailing_slash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
