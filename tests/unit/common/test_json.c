#include "common/json.h"
#include "tests/unit/cmocka_all.h"

static void assert_json(struct slice text, const char *json)
{
    struct buffer to = BUFFER_EMPTY;
    json_append_string(&to, text);
    assert_string_equal(buffer_string(&to), json);
    buffer_clear(&to);
}

static void plain_text_is_quoted(void **state)
{
    (void)state;

    assert_json(SLICE("shop/users"), "\"shop/users\"");
    assert_json(SLICE(""), "\"\"");
    assert_json(slice_of(NULL, 0), "\"\"");
}

static void quotes_backslashes_and_controls_are_escaped(void **state)
{
    (void)state;

    assert_json(SLICE("a\"b"), "\"a\\u0022b\"");
    assert_json(SLICE("\\"), "\"\\u005c\"");
    assert_json(SLICE("\n\0\x7f"), "\"\\u000a\\u0000\\u007f\"");
}

static void bytes_that_are_not_ascii_stand_for_latin_1(void **state)
{
    (void)state;

    assert_json(SLICE("\xff"
                      "a\xc3"),
                "\"\\u00ffa\\u00c3\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_is_quoted),
        cmocka_unit_test(quotes_backslashes_and_controls_are_escaped),
        cmocka_unit_test(bytes_that_are_not_ascii_stand_for_latin_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
