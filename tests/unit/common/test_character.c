/* Spans of characters. */
#include "common/character.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST = 70 };

static bool is_text(unsigned char byte)
{
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

static bool is_token(unsigned char byte)
{
    return byte > 0x20 && byte < 0x7f && strchr("\"(),/:;<=>?@[\\]{}", byte) == NULL;
}

static void expect_spans(const char *bytes, size_t length)
{
    size_t token = 0;
    size_t text = 0;
    while (token < length && is_token((unsigned char)bytes[token]))
        token++;
    while (text < length && is_text((unsigned char)bytes[text]))
        text++;
    assert_int_equal(character_token_span(bytes, length), token);
    assert_int_equal(character_text_span(bytes, length), text);
}

/* In memory of exactly that size, so that a sanitizer sees who looks behind it. */
static void check_byte(unsigned char byte, size_t length, size_t at, char filler)
{
    char *bytes = malloc(length);
    assert_non_null(bytes);
    memset(bytes, filler, length);
    bytes[at] = (char)byte;
    expect_spans(bytes, length);
    free(bytes);
}

static void a_span_ends_at_the_first_byte_that_does_not_belong(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 2, 15, 16, 17, 31, 32, 33, LONGEST};
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
            for (size_t at = 0; at < lengths[i]; at++) {
                check_byte((unsigned char)byte, lengths[i], at, 'n');
                check_byte((unsigned char)byte, lengths[i], at, '7');
            }
        }
    }
}

static void of_nothing_there_is_no_span(void **state)
{
    (void)state;

    assert_int_equal(character_token_span("", 0), 0);
    assert_int_equal(character_text_span("", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_span_ends_at_the_first_byte_that_does_not_belong),
        cmocka_unit_test(of_nothing_there_is_no_span),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
