#include "control/routectl/text_diff.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static void assert_diff(const char *before, const char *after, const char *expected)
{
    struct buffer text = BUFFER_EMPTY;
    text_diff(&text, slice_from_string(before), slice_from_string(after), false);
    assert_string_equal(buffer_string(&text), expected);
    buffer_clear(&text);
}

static void equal_texts_differ_in_nothing(void **state)
{
    (void)state;
    assert_diff("", "", "");
    assert_diff("a\nb\n", "a\nb\n", "");
}

static void a_line_is_shown_with_three_around_it(void **state)
{
    (void)state;
    assert_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n",
                "@@ -2,7 +2,7 @@\n"
                " 2\n 3\n 4\n"
                "-5\n+x\n"
                " 6\n 7\n 8\n");
}

static void changes_far_apart_stand_in_hunks_of_their_own(void **state)
{
    (void)state;
    assert_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "a\n2\n3\n4\n5\n6\n7\n8\nb\n",
                "@@ -1,4 +1,4 @@\n-1\n+a\n 2\n 3\n 4\n"
                "@@ -6,4 +6,4 @@\n 6\n 7\n 8\n-9\n+b\n");
    assert_diff("1\n2\n3\n4\n5\n6\n7\n8\n", "a\n2\n3\n4\n5\n6\n7\nb\n",
                "@@ -1,8 +1,8 @@\n-1\n+a\n 2\n 3\n 4\n 5\n 6\n 7\n-8\n+b\n");
}

static void what_is_there_on_one_side_alone_has_an_empty_range(void **state)
{
    (void)state;
    assert_diff("", "a\n", "@@ -0,0 +1 @@\n+a\n");
    assert_diff("a\nb\n", "", "@@ -1,2 +0,0 @@\n-a\n-b\n");
}

static void colours_end_where_their_line_does(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    text_diff(&text, SLICE("a\n"), SLICE("b\n"), true);
    assert_string_equal(buffer_string(&text), "\033[36m@@ -1 +1 @@\033[0m\n"
                                              "\033[31m-a\033[0m\n"
                                              "\033[32m+b\033[0m\n");
    buffer_clear(&text);
}

/* --- any texts -------------------------------------------------------------------------------- */

static void append_random_lines(struct buffer *to, unsigned *seed, int count, int kinds)
{
    for (int i = 0; i < count; i++)
        buffer_printf(to, "%d\n", rand_r(seed) % kinds);
}

/* The lines of `diff` with these two marks, hunk titles left out; with whole files around each
 * change (they are short), that is one of the texts. */
static void append_side(struct buffer *to, const char *diff, char mark)
{
    for (const char *line = diff; *line != '\0'; line = strchr(line, '\n') + 1) {
        if (*line == ' ' || *line == mark)
            buffer_append(to, line + 1, strcspn(line, "\n"));
    }
}

static void a_diff_of_short_texts_holds_both_of_them(void **state)
{
    (void)state;
    unsigned seed = 1;
    for (int i = 0; i < 3000; i++) {
        struct buffer before = BUFFER_EMPTY, after = BUFFER_EMPTY, diff = BUFFER_EMPTY;
        struct buffer left = BUFFER_EMPTY, right = BUFFER_EMPTY;
        append_random_lines(&before, &seed, rand_r(&seed) % 5, 3);
        append_random_lines(&after, &seed, rand_r(&seed) % 5, 3);

        text_diff(&diff, buffer_slice(&before), buffer_slice(&after), false);

        if (!slice_equals(buffer_slice(&before), buffer_slice(&after))) {
            append_side(&left, buffer_string(&diff), '-');
            append_side(&right, buffer_string(&diff), '+');
            /* Lines more than three away from any change are left out. */
            if (strstr(buffer_string(&before), buffer_string(&left)) == NULL ||
                strstr(buffer_string(&after), buffer_string(&right)) == NULL)
                fail_msg("%s\n%s\n%s", buffer_string(&before), buffer_string(&after),
                         buffer_string(&diff));
        }
        buffer_clear(&before);
        buffer_clear(&after);
        buffer_clear(&diff);
        buffer_clear(&left);
        buffer_clear(&right);
    }
}

static void texts_that_have_little_in_common_are_shown_whole(void **state)
{
    (void)state;
    struct buffer before = BUFFER_EMPTY, after = BUFFER_EMPTY, diff = BUFFER_EMPTY;
    for (int i = 0; i < 3000; i++) {
        buffer_printf(&before, "a%d\n", i);
        buffer_printf(&after, "b%d\n", i);
    }

    text_diff(&diff, buffer_slice(&before), buffer_slice(&after), false);

    assert_int_equal(strncmp(buffer_string(&diff), "@@ -1,3000 +1,3000 @@\n-a0\n", 26), 0);
    assert_non_null(strstr(buffer_string(&diff), "-a2999\n+b0\n"));
    buffer_clear(&before);
    buffer_clear(&after);
    buffer_clear(&diff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_texts_differ_in_nothing),
        cmocka_unit_test(a_line_is_shown_with_three_around_it),
        cmocka_unit_test(changes_far_apart_stand_in_hunks_of_their_own),
        cmocka_unit_test(what_is_there_on_one_side_alone_has_an_empty_range),
        cmocka_unit_test(colours_end_where_their_line_does),
        cmocka_unit_test(a_diff_of_short_texts_holds_both_of_them),
        cmocka_unit_test(texts_that_have_little_in_common_are_shown_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
