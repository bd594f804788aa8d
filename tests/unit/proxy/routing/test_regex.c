#include "common/buffer.h"
#include "proxy/routing/regex.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void expect_refused(const char *pattern, const char *why)
{
    struct error err = {0};
    struct regex *regex = regex_new(slice_from_string(pattern), &err);
    if (regex != NULL)
        fail_msg("'%s' was accepted", pattern);
    assert_int_equal(err.code, ERROR_INVALID);
    if (strstr(err.message, why) == NULL)
        fail_msg("'%s' was refused with '%s'", pattern, err.message);
}

static bool matches(const char *pattern, const char *value)
{
    struct error err = {0};
    struct regex *regex = regex_new(slice_from_string(pattern), &err);
    if (regex == NULL)
        fail_msg("'%s' was refused: %s", pattern, err.message);
    bool result = regex_matches(regex, slice_from_string(value));
    regex_free(regex);
    return result;
}

static void the_whole_value_must_match(void **state)
{
    (void)state;
    assert_true(matches("a|ab", "ab"));
    assert_true(matches("[0-9]+", "123"));
    assert_false(matches("[0-9]+", "123x"));
    assert_false(matches("[0-9]+", "x123"));
    assert_false(matches("a", "a\n"));
    assert_true(matches("", ""));
}

static void groups_classes_and_options_are_understood(void **state)
{
    (void)state;
    assert_true(matches("(?:a|b)+(?<n>c)(?i)D", "abcd"));
    assert_true(matches("[]a]+", "]a"));
    assert_true(matches("[^]a]+", "xyz"));
    assert_true(matches("[[:alpha:][:^digit:]]+", "ab"));
    assert_true(matches("\\(\\?=a\\)", "(?=a)"));
    assert_true(matches("[(?=]+", "(?="));
    assert_true(matches("[\\1]", "\1"));
    assert_true(matches("\\bfoo\\b.*", "foo bar"));
    assert_true(matches("(?>a+)b", "aab"));
}

static void look_around_is_refused(void **state)
{
    (void)state;
    expect_refused("a(?=b)b", "look-ahead");
    expect_refused("a(?!c)b", "look-ahead");
    expect_refused("(?<=a)b", "look-behind");
    expect_refused("(?<!a)b", "look-behind");
    expect_refused("(?*a)b", "look-ahead");
    expect_refused("(*pla:a)b", "a verb");
    expect_refused("(*positive_lookahead:a)b", "a verb");
}

static void back_references_are_refused(void **state)
{
    (void)state;
    expect_refused("(a)\\1", "back-reference");
    expect_refused("(a)\\g1", "back-reference");
    expect_refused("(a)\\g{-1}", "back-reference");
    expect_refused("(?<n>a)\\k<n>", "back-reference");
    expect_refused("(?P<n>a)(?P=n)", "back-reference");
}

static void what_else_makes_matching_dear_is_refused(void **state)
{
    (void)state;
    expect_refused("(?R)", "recursion");
    expect_refused("(a)(?1)", "recursion");
    expect_refused("(a)(?-1)", "recursion");
    expect_refused("(?&n)", "recursion");
    expect_refused("(?(1)a|b)", "condition");
    expect_refused("(?C1)a", "callout");
    expect_refused("(*UTF)a", "a verb");
    expect_refused("a\\K", "\\K");
}

static void nothing_hides_look_around_from_the_reader(void **state)
{
    (void)state;
    expect_refused("[\\c][](?=x)]", "");
    expect_refused("[[:alpha:][](?=x)]", "");
    expect_refused("[[.a.](?=x)]", "");
    expect_refused("\\Q\\E(?=x)", "quoting");
    expect_refused("[\\Q]\\E(?=x)]", "quoting");
    expect_refused("(?x)# \\Q\n(?=x)", "extended");
    expect_refused("(?i-x:a)(?=x)", "extended");
    expect_refused("(?#[)(?=x)", "comment");
    expect_refused("\\c\\(?=x)", "look-ahead");
    expect_refused("\\\\(?=x)", "look-ahead");
}

static void what_does_not_compile_is_refused_with_its_place(void **state)
{
    (void)state;
    expect_refused("a(b", "does not compile");
    expect_refused("[a", "at offset 2");
    expect_refused("*a", "does not compile");
    expect_refused("a\\", "does not compile");
}

/* REGEX-3 */
static void a_match_that_hits_its_limit_is_none_and_is_counted(void **state)
{
    (void)state;
    uint64_t before = regex_limit_hits();

    assert_false(matches("(a+)+", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));

    assert_true(regex_limit_hits() > before);
}

/* What is told from the beginning of a value alone is what the whole expression says: in a group,
 * it has no beginning that is looked at. */
static void a_beginning_decides_nothing_that_the_whole_does_not(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "/api/v1/.*", "/a?b",   "/ab*",    "/ab+",     "/ab{0,2}c", "^/a/b",  "/a|/b",
        "/a(b|c)",    "(a|b)c", "/a[b|c]", "/[a]x|/b", "a\\|b",     "/a\\/b", "/a.b",
        "/a(?i)b",    "",       "/",       "/a(b",     "^",         "/a{2}",  "/a(?:b|c)?|/d",
    };
    static const char *const values[] = {
        "",     "/",     "/a",  "/b",  "/ab", "/abb", "/abc", "/ac",      "/aB",
        "/a/b", "ac",    "bc",  "a|b", "/a|", "/a.b", "/axb", "/api/v1/", "/api/v1/x",
        "/c",   "/abbc", "/AB", "/aa", "/d",  "/ax",  "b",    "/a|c",     "/api/v",
    };
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        char whole[64];
        struct error err = {0};
        snprintf(whole, sizeof(whole), "(?:%s)", patterns[i]);
        struct regex *regex = regex_new(slice_from_string(patterns[i]), &err);
        struct regex *grouped = regex_new(slice_from_string(whole), &err);
        for (size_t j = 0; regex != NULL && j < sizeof(values) / sizeof(values[0]); j++) {
            struct slice value = slice_from_string(values[j]);
            if (regex_matches(regex, value) != regex_matches(grouped, value))
                fail_msg("'%s' and '%s'", patterns[i], values[j]);
        }
        regex_free(regex);
        regex_free(grouped);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_value_must_match),
        cmocka_unit_test(groups_classes_and_options_are_understood),
        cmocka_unit_test(look_around_is_refused),
        cmocka_unit_test(back_references_are_refused),
        cmocka_unit_test(what_else_makes_matching_dear_is_refused),
        cmocka_unit_test(nothing_hides_look_around_from_the_reader),
        cmocka_unit_test(what_does_not_compile_is_refused_with_its_place),
        cmocka_unit_test(a_match_that_hits_its_limit_is_none_and_is_counted),
        cmocka_unit_test(a_beginning_decides_nothing_that_the_whole_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
