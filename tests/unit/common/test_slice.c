/* Slices. */
#include "common/slice.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>

static void comparing_ignores_the_case_of_ascii_only(void **state)
{
    (void)state;

    assert_true(slice_equals_ignoring_case(SLICE("Content-Type"), SLICE("content-tYPE")));
    assert_false(slice_equals_ignoring_case(SLICE("a"), SLICE("ab")));
    assert_false(slice_equals_ignoring_case(SLICE("\xc3\xbc"), SLICE("\xc3\x9c")));
}

static void a_word_becomes_lower_case_as_its_characters_do(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char text[8] = {'Z', '@', '[', 'a', 'A', '\x7f', '\xc1', (char)c};
        uint64_t word;
        memcpy(&word, text, sizeof(word));

        word = ascii_lower_word(word);

        for (size_t i = 0; i < sizeof(text); i++)
            text[i] = ascii_lower(text[i]);
        assert_memory_equal(&word, text, sizeof(word));
    }
}

static void long_names_are_compared_to_their_last_character(void **state)
{
    (void)state;
    static const char name[] = "X-Forwarded-Client-Cert";
    for (size_t i = 0; i < sizeof(name) - 1; i++) {
        char other[sizeof(name)];
        memcpy(other, name, sizeof(name));
        other[i] = (char)(other[i] ^ 0x20);
        /* '-' and what it becomes are no letters. */
        assert_int_equal(slice_equals_ignoring_case(SLICE(name), slice_from_string(other)),
                         name[i] != '-');
        other[i] = '!';
        assert_false(slice_equals_ignoring_case(SLICE(name), slice_from_string(other)));
    }
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

/* At the very end of what may be read, as the sanitizers see. */
static void texts_that_are_far_are_compared_byte_by_byte(void **state)
{
    (void)state;
    for (size_t length = 0; length <= 80; length++) {
        char *a = malloc(length + 1);
        char *b = malloc(length + 1);
        memset(a, 'x', length + 1);
        memset(b, 'x', length + 1);
        struct slice text_a = slice_of(a + 1, length);
        struct slice text_b = slice_of(b + 1, length);
        assert_true(slice_equals_far(text_a, text_b));
        for (size_t i = 1; i <= length; i++) {
            b[i] = 'y';
            assert_false(slice_equals_far(text_a, text_b));
            assert_false(slice_equals_far(slice_of(a + 1, length - 1), text_b));
            b[i] = 'x';
        }
        free(a);
        free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing_ignores_the_case_of_ascii_only),
        cmocka_unit_test(a_word_becomes_lower_case_as_its_characters_do),
        cmocka_unit_test(long_names_are_compared_to_their_last_character),
        cmocka_unit_test(a_prefix_sorts_first),
        cmocka_unit_test(a_character_that_was_cut_is_taken_off),
        cmocka_unit_test(texts_that_are_far_are_compared_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
