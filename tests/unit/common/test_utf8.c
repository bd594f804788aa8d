#include "common/utf8.h"
#include "tests/unit/cmocka_all.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* In memory of exactly that size, so that a sanitizer sees who looks behind it. */
static size_t length_of(const unsigned char *bytes, size_t length)
{
    char *copy = malloc(length);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    size_t found = utf8_character_length(copy, length);
    assert_int_equal(utf8_is_valid(slice_of(copy, length)), found == length);
    free(copy);
    return found;
}

static size_t encode(uint32_t code, unsigned char to[4])
{
    if (code < 0x80) {
        to[0] = (unsigned char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, code >>= 6)
        to[i] = (unsigned char)(0x80 | (code & 0x3f));
    to[0] = (unsigned char)(code | (0xf00U >> length & 0xff));
    return length;
}

static void every_character_but_surrogates_is_one(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 0x120000; code += code < 0x3000 ? 1 : 61) {
        unsigned char bytes[4];
        size_t length = encode(code, bytes);
        bool is_one = (code < 0xd800 || code > 0xdfff) && code < 0x110000;
        assert_int_equal(length_of(bytes, length), is_one ? length : 0);
        for (size_t cut = 1; cut < length; cut++)
            assert_int_equal(length_of(bytes, cut), 0);
    }
}

static void what_takes_more_bytes_than_it_needs_is_none(void **state)
{
    (void)state;
    assert_int_equal(length_of((const unsigned char *)"\xc0\xaf", 2), 0);
    assert_int_equal(length_of((const unsigned char *)"\xe0\x80\xaf", 3), 0);
    assert_int_equal(length_of((const unsigned char *)"\xf0\x80\x80\xaf", 4), 0);
    assert_int_equal(length_of((const unsigned char *)"\x80", 1), 0);
    assert_int_equal(length_of((const unsigned char *)"\xff", 1), 0);
}

static void a_text_is_valid_as_long_as_each_character_is(void **state)
{
    (void)state;
    assert_true(utf8_is_valid(slice_of(NULL, 0)));
    assert_true(utf8_is_valid(SLICE("plain text of ASCII, caf\xc3\xa9 and \xf0\x9f\x90\x99")));
    for (size_t i = 0; i < 20; i++) {
        char text[] = "plain text of ASCII.";
        text[i] = '\xe9';
        assert_false(utf8_is_valid(slice_from_string(text)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_but_surrogates_is_one),
        cmocka_unit_test(what_takes_more_bytes_than_it_needs_is_none),
        cmocka_unit_test(a_text_is_valid_as_long_as_each_character_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
