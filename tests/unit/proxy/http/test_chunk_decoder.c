/* Every input is fed whole, byte by byte, and cut in two at every position: the answer must be the
 * same. */
#include "proxy/http/chunk_decoder.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/parse_pieces.h"

#include <stdio.h>

static uint64_t body_limit_bytes;

static int set_no_limit(void **state)
{
    (void)state;
    body_limit_bytes = 0;
    return 0;
}

static void check(struct slice bytes, const char *expected)
{
    size_t step = 1 + bytes.length / 512;
    struct buffer answer = BUFFER_EMPTY;

    describe_chunks(&answer, bytes, body_limit_bytes, ALL_AT_ONCE);
    assert_string_equal(buffer_string(&answer), expected);
    buffer_reset(&answer);
    describe_chunks(&answer, bytes, body_limit_bytes, BYTE_BY_BYTE);
    assert_string_equal(buffer_string(&answer), expected);
    for (size_t cut = 1; cut < bytes.length; cut += step) {
        buffer_reset(&answer);
        describe_chunks(&answer, bytes, body_limit_bytes, (struct pieces){cut, SIZE_MAX});
        assert_string_equal(buffer_string(&answer), expected);
    }
    buffer_clear(&answer);
}

static void check_refused(struct slice bytes, enum refusal refusal, const char *payload)
{
    char expected[128];
    snprintf(expected, sizeof(expected), "refused: %s\npayload: %s\n", refusal_info(refusal)->name,
             payload);
    check(bytes, expected);
}

#define UNDERSTOOD(bytes, expected) check(SLICE(bytes), expected)
#define REFUSED(bytes, refusal) check_refused(SLICE(bytes), refusal, "")
#define REFUSED_BEHIND_A(bytes, refusal) check_refused(SLICE("1\r\na" bytes), refusal, "a")

static void payload_comes_without_its_framing(void **state)
{
    (void)state;
    UNDERSTOOD("5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\nGET /",
               "done\npayload: hello, world\nleft over: 5\n");
    UNDERSTOOD("0\r\n\r\n", "done\npayload: \nleft over: 0\n");
    UNDERSTOOD("1\r\na\r\n", "more\npayload: a\n");
}

static void sizes_are_hexadecimal_in_any_case(void **state)
{
    (void)state;
    UNDERSTOOD("a\r\n0123456789\r\nA\r\n0123456789\r\n0F\r\n012345678901234\r\n000\r\n\r\n",
               "done\npayload: 01234567890123456789012345678901234\nleft over: 0\n");
}

/* REFUSAL_CHUNK_SIZE, RFC 9112 section 7.1 */
static void sizes_that_are_no_digits_are_refused(void **state)
{
    (void)state;
    REFUSED("0x5\r\nhello\r\n", REFUSAL_CHUNK_SIZE);
    REFUSED("+5\r\nhello\r\n", REFUSAL_CHUNK_SIZE);
    REFUSED("-5\r\nhello\r\n", REFUSAL_CHUNK_SIZE);
    REFUSED(" 5\r\nhello\r\n", REFUSAL_CHUNK_SIZE);
    REFUSED("5 \r\nhello\r\n", REFUSAL_CHUNK_SIZE);
    REFUSED("5 ;a\r\nhello\r\n", REFUSAL_CHUNK_SIZE);
    REFUSED("5g\r\nhello\r\n", REFUSAL_CHUNK_SIZE);
    REFUSED("5_0\r\nhello\r\n", REFUSAL_CHUNK_SIZE);
    REFUSED("\r\nhello\r\n", REFUSAL_CHUNK_SIZE);
    REFUSED(";a\r\nhello\r\n", REFUSAL_CHUNK_SIZE);
    REFUSED("5\0\r\nhello\r\n", REFUSAL_CHUNK_SIZE);
    REFUSED("\xd9\xa3\r\nhello\r\n", REFUSAL_CHUNK_SIZE);
}

/* REFUSAL_CHUNK_SIZE */
static void sizes_have_at_most_16_digits_and_do_not_overflow(void **state)
{
    (void)state;
    UNDERSTOOD("0000000000000001\r\na\r\n0\r\n\r\n", "done\npayload: a\nleft over: 0\n");
    REFUSED("00000000000000001\r\na\r\n", REFUSAL_CHUNK_SIZE);
    UNDERSTOOD("7fffffffffffffff\r\na", "more\npayload: a\n");
    REFUSED("8000000000000000\r\na", REFUSAL_CHUNK_SIZE);
    REFUSED("ffffffffffffffff\r\na", REFUSAL_CHUNK_SIZE);
    REFUSED("10000000000000005\r\nhello\r\n", REFUSAL_CHUNK_SIZE);
}

/* REFUSAL_CHUNK_SIZE */
static void the_sum_of_all_sizes_does_not_overflow(void **state)
{
    (void)state;
    REFUSED_BEHIND_A("\r\n7fffffffffffffff\r\na", REFUSAL_CHUNK_SIZE);
}

/* REFUSAL_BODY_TOO_LARGE */
static void more_payload_than_the_limit_is_refused_when_announced(void **state)
{
    (void)state;
    body_limit_bytes = 6;
    UNDERSTOOD("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "done\npayload: hello!\nleft over: 0\n");
    check_refused(SLICE("5\r\nhello\r\n2\r\n"), REFUSAL_BODY_TOO_LARGE, "hello");
    REFUSED("ffffffffffffffff\r\n", REFUSAL_BODY_TOO_LARGE);
}

static void extensions_are_dropped(void **state)
{
    (void)state;
    UNDERSTOOD("1;a=b;\"c\"\r\nx\r\n0; d\t\xff\r\n\r\n", "done\npayload: x\nleft over: 0\n");
}

/* REFUSAL_CHUNK_EXTENSION, RFC 9112 section 7.1.1 */
static void a_long_extension_is_refused(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    buffer_append_string(&text, "0;");
    while (text.length < 1 + 256)
        buffer_append_char(&text, 'a');
    buffer_append_string(&text, "\r\n\r\n");
    check(buffer_slice(&text), "done\npayload: \nleft over: 0\n");

    buffer_reset(&text);
    buffer_append_string(&text, "0;");
    while (text.length < 1 + 257)
        buffer_append_char(&text, 'a');
    check_refused(buffer_slice(&text), REFUSAL_CHUNK_EXTENSION, "");
    buffer_clear(&text);
}

/* REFUSAL_BARE_LF, REFUSAL_BARE_CR, REFUSAL_CONTROL_CHARACTER */
static void lines_end_in_crlf_and_hold_no_control_characters(void **state)
{
    (void)state;
    REFUSED("5\nhello\r\n", REFUSAL_BARE_LF);
    REFUSED("5;a\nhello\r\n", REFUSAL_BARE_LF);
    REFUSED("5\r\rhello\r\n", REFUSAL_BARE_CR);
    REFUSED("5;a\rb\r\nhello\r\n", REFUSAL_BARE_CR);
    REFUSED("5;a\0b\r\nhello\r\n", REFUSAL_CONTROL_CHARACTER);
    REFUSED("5;\x7f\r\nhello\r\n", REFUSAL_CONTROL_CHARACTER);
    REFUSED("0\r\n\rX", REFUSAL_BARE_CR);
    REFUSED("0\r\n\n", REFUSAL_BARE_LF);
}

/* REFUSAL_CHUNK_END, RFC 9112 section 7.1 */
static void a_chunk_ends_where_it_says(void **state)
{
    (void)state;
    REFUSED_BEHIND_A("b\r\n", REFUSAL_CHUNK_END);
    REFUSED_BEHIND_A("\n0\r\n\r\n", REFUSAL_CHUNK_END);
    REFUSED_BEHIND_A("\r0\r\n\r\n", REFUSAL_CHUNK_END);
    REFUSED_BEHIND_A("0\r\n\r\n", REFUSAL_CHUNK_END);
}

static void trailers_are_read_like_fields(void **state)
{
    (void)state;
    UNDERSTOOD("1\r\nx\r\n0\r\nGrpc-Status: 0\r\nX-A:  b \r\n\r\nrest",
               "done\npayload: x\n+ Grpc-Status=0\n+ X-A=b\nleft over: 4\n");
    UNDERSTOOD("0\r\nX-A: b\r\n", "more\npayload: \n");
}

static void trailers_with_a_meaning_in_heads_are_left_out(void **state)
{
    (void)state;
    UNDERSTOOD("0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: b\r\n"
               "Connection: close\r\nAuthorization: x\r\nX-Forwarded-For: y\r\nSet-Cookie: z\r\n"
               "Trailer: x\r\nTE: trailers\r\nX_Forwarded_For: y\r\nX-A: b\r\n\r\n",
               "done\npayload: \n+ X-A=b\nleft over: 0\n");
}

static void trailers_are_as_strict_as_fields(void **state)
{
    (void)state;
    REFUSED("0\r\nX-A: b\n\r\n", REFUSAL_BARE_LF);
    REFUSED("0\r\nX-A: b\rc\r\n\r\n", REFUSAL_BARE_CR);
    REFUSED("0\r\nX-A: b\0\r\n\r\n", REFUSAL_CONTROL_CHARACTER);
    REFUSED("0\r\nX-A: b\r\n c\r\n\r\n", REFUSAL_FOLDED_FIELD);
    REFUSED("0\r\n X-A: b\r\n\r\n", REFUSAL_FOLDED_FIELD);
    REFUSED("0\r\nX-A : b\r\n\r\n", REFUSAL_FIELD_NAME);
    REFUSED("0\r\nX-A\r\n\r\n", REFUSAL_FIELD_NAME);
    REFUSED("0\r\nGET / HTTP/1.1\r\n\r\n", REFUSAL_FIELD_NAME);
}

/* REFUSAL_TRAILERS_TOO_LARGE, RFC 6585 section 5 */
static void trailers_over_their_limit_are_refused(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    buffer_append_string(&text, "0\r\nX: ");
    while (text.length < 3 + 8192 - 4)
        buffer_append_char(&text, 'a');
    size_t fits = text.length;

    buffer_append_string(&text, "\r\n\r\n");
    struct buffer answer = BUFFER_EMPTY;
    describe_chunks(&answer, buffer_slice(&text), 0, ALL_AT_ONCE);
    check(buffer_slice(&text), buffer_string(&answer));
    assert_non_null(strstr(buffer_string(&answer), "left over: 0\n"));

    text.length = fits;
    buffer_append_string(&text, "a\r\n\r\n");
    check_refused(buffer_slice(&text), REFUSAL_TRAILERS_TOO_LARGE, "");
    buffer_clear(&answer);
    buffer_clear(&text);
}

/* REFUSAL_TOO_MANY_FIELDS */
static void more_trailers_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    buffer_append_string(&text, "0\r\n");
    for (int i = 0; i < 257; i++)
        buffer_append_string(&text, "X: y\r\n");
    check_refused(buffer_slice(&text), REFUSAL_TOO_MANY_FIELDS, "");
    buffer_clear(&text);
}

static void nobody_has_to_keep_the_trailers(void **state)
{
    (void)state;
    struct chunk_decoder decoder;
    struct chunk_step step;
    struct slice text = SLICE("0\r\nX: y\r\n\r\nrest");
    chunk_decoder_init(&decoder, (struct header_list){0}, 0);

    assert_int_equal(chunk_decoder_next(&decoder, text.at, text.length, &step), CHUNK_DONE);

    assert_int_equal(step.used, text.length - 4);
    assert_int_equal(decoder.trailers.count, 0);
    chunk_decoder_clear(&decoder);
}

static void the_end_stays_the_end(void **state)
{
    (void)state;
    struct chunk_decoder decoder;
    struct chunk_step step;
    chunk_decoder_init(&decoder, (struct header_list){0}, 0);
    assert_int_equal(chunk_decoder_next(&decoder, "0\r\n\r\n", 5, &step), CHUNK_DONE);

    assert_int_equal(chunk_decoder_next(&decoder, "1\r\na", 4, &step), CHUNK_DONE);

    assert_int_equal(step.used, 0);
    chunk_decoder_clear(&decoder);
}

static void what_was_refused_stays_refused(void **state)
{
    (void)state;
    struct chunk_decoder decoder;
    struct chunk_step step;
    chunk_decoder_init(&decoder, (struct header_list){0}, 0);
    assert_int_equal(chunk_decoder_next(&decoder, "x", 1, &step), CHUNK_REFUSED);

    assert_int_equal(chunk_decoder_next(&decoder, "0\r\n\r\n", 5, &step), CHUNK_REFUSED);

    assert_int_equal(step.used, 0);
    chunk_decoder_clear(&decoder);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_no_limit)
    const struct CMUnitTest tests[] = {
        TEST(payload_comes_without_its_framing),
        TEST(sizes_are_hexadecimal_in_any_case),
        TEST(sizes_that_are_no_digits_are_refused),
        TEST(sizes_have_at_most_16_digits_and_do_not_overflow),
        TEST(the_sum_of_all_sizes_does_not_overflow),
        TEST(more_payload_than_the_limit_is_refused_when_announced),
        TEST(extensions_are_dropped),
        TEST(a_long_extension_is_refused),
        TEST(lines_end_in_crlf_and_hold_no_control_characters),
        TEST(a_chunk_ends_where_it_says),
        TEST(trailers_are_read_like_fields),
        TEST(trailers_with_a_meaning_in_heads_are_left_out),
        TEST(trailers_are_as_strict_as_fields),
        TEST(trailers_over_their_limit_are_refused),
        TEST(more_trailers_than_there_is_room_for_are_refused),
        TEST(nobody_has_to_keep_the_trailers),
        TEST(the_end_stays_the_end),
        TEST(what_was_refused_stays_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
