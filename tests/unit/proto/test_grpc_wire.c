/* gRPC's small encodings. */
#include "proto/grpc_wire.h"
#include "tests/unit/cmocka_all.h"

/* --- messages --------------------------------------------------------------------------------- */

static void a_frame_says_how_long_its_message_is(void **state)
{
    (void)state;
    struct buffer bytes = BUFFER_EMPTY;
    struct grpc_frame frame;

    buffer_append_string(&bytes, "before");
    grpc_frame_begin(&bytes);
    for (int i = 0; i < 70000; i++)
        buffer_append_char(&bytes, 'a');
    grpc_frame_end(&bytes, strlen("before"));
    buffer_consume(&bytes, strlen("before"));

    assert_true(grpc_frame_read(buffer_slice(&bytes), &frame));
    assert_false(frame.is_compressed);
    assert_int_equal(frame.length, 70000);
    assert_int_equal(bytes.length, GRPC_FRAME_BYTES + 70000);
    buffer_clear(&bytes);
}

static void less_than_a_frames_head_is_no_frame(void **state)
{
    (void)state;
    struct grpc_frame frame;
    struct slice whole = SLICE("\0\0\0\0\0");

    for (size_t length = 0; length < GRPC_FRAME_BYTES; length++)
        assert_false(grpc_frame_read(slice_of(whole.at, length), &frame));
    assert_true(grpc_frame_read(whole, &frame));
}

static void the_largest_length_is_read_as_it_is(void **state)
{
    (void)state;
    struct grpc_frame frame;

    assert_true(grpc_frame_read(SLICE("\0\xff\xff\xff\xff"), &frame));

    assert_int_equal(frame.length, UINT32_MAX);
}

static void any_flag_but_zero_is_compression(void **state)
{
    (void)state;
    struct grpc_frame frame;

    assert_true(grpc_frame_read(SLICE("\x01\0\0\0\0"), &frame));
    assert_true(frame.is_compressed);
    assert_true(grpc_frame_read(SLICE("\x80\0\0\0\0"), &frame));
    assert_true(frame.is_compressed);
}

/* --- grpc-timeout ----------------------------------------------------------------------------- */

static void timeouts_of_every_unit_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
    } cases[] = {
        {"1H", 3600000},  {"2M", 120000},  {"3S", 3000}, {"4m", 4},
        {"5000u", 5},     {"6000000n", 6}, {"1u", 1},    {"1n", 1},
        {"1001u", 2},     {"1000001n", 2}, {"0m", 0},    {"99999999H", 359999996400000},
        {"00000007m", 7},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t timeout_ms = 12345;
        assert_true(grpc_timeout_parse(slice_from_string(cases[i].text), &timeout_ms));
        assert_int_equal(timeout_ms, cases[i].ms);
    }
}

static void what_has_not_the_form_of_a_timeout_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",   "1",   "m",          "1 m", "-1m", "+1m",
                                        "1x", "1mm", "123456789m", "m1",  "1s",  "0x1m"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        uint64_t timeout_ms;
        assert_false(grpc_timeout_parse(slice_from_string(texts[i]), &timeout_ms));
    }
}

static void a_timeout_that_was_written_is_read_as_at_least_as_long(void **state)
{
    (void)state;
    static const uint64_t timeouts[] = {
        0, 1, 250, 99999999, 100000000, 99999999000, 100000000001, 5999999940001, UINT64_MAX / 2};

    for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++) {
        char text[GRPC_TIMEOUT_BYTES];
        uint64_t back_ms;
        grpc_timeout_format(timeouts[i], text);
        assert_true(grpc_timeout_parse(slice_from_string(text), &back_ms));
        /* The longest there is: more than eleven thousand years. */
        assert_true(back_ms >= timeouts[i] || strcmp(text, "99999999H") == 0);
        assert_true(back_ms - timeouts[i] <= 3600000 || strcmp(text, "99999999H") == 0);
    }
}

/* --- grpc-message ----------------------------------------------------------------------------- */

static void messages_are_percent_encoded(void **state)
{
    (void)state;
    struct buffer encoded = BUFFER_EMPTY;

    grpc_message_encode(SLICE("100 % gr\xc3\xbc\n~\x7f"), &encoded);

    assert_string_equal(buffer_string(&encoded), "100 %25 gr%C3%BC%0A~%7F");
    buffer_clear(&encoded);
}

static void every_byte_survives_encoding(void **state)
{
    (void)state;
    char text[256];
    for (int i = 0; i < 255; i++)
        text[i] = (char)(i + 1);
    text[255] = '\0';
    struct buffer encoded = BUFFER_EMPTY;
    char back[300];

    grpc_message_encode(slice_from_string(text), &encoded);
    grpc_message_decode(buffer_slice(&encoded), back, sizeof(back));

    assert_string_equal(back, text);
    buffer_clear(&encoded);
}

static void wrong_escapes_stay_as_they_are(void **state)
{
    (void)state;
    char text[32];

    grpc_message_decode(SLICE("%zz 100% %4 %41 %c3%bC %"), text, sizeof(text));

    assert_string_equal(text, "%zz 100% %4 A \xc3\xbc %");
}

static void an_escaped_nul_does_not_end_the_text(void **state)
{
    (void)state;
    char text[8];

    grpc_message_decode(SLICE("a%00b"), text, sizeof(text));

    assert_string_equal(text, "a?b");
}

static void a_long_message_is_cut_to_fit(void **state)
{
    (void)state;
    char text[4];

    grpc_message_decode(SLICE("abcdef"), text, sizeof(text));

    assert_string_equal(text, "abc");
}

/* --- binary headers --------------------------------------------------------------------------- */

static void binary_of_every_length_comes_back(void **state)
{
    (void)state;
    char bytes[64];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 37 + 200);

    for (size_t length = 0; length <= sizeof(bytes); length++) {
        struct buffer text = BUFFER_EMPTY;
        struct buffer back = BUFFER_EMPTY;
        grpc_binary_encode(slice_of(bytes, length), &text);
        assert_true(grpc_binary_decode(buffer_slice(&text), &back));
        assert_true(slice_equals(buffer_slice(&back), slice_of(bytes, length)));
        buffer_clear(&text);
        buffer_clear(&back);
    }
}

static void binary_is_written_without_padding_and_read_with_it(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    struct buffer bytes = BUFFER_EMPTY;

    grpc_binary_encode(SLICE("a"), &text);
    assert_string_equal(buffer_string(&text), "YQ");
    assert_true(grpc_binary_decode(SLICE("YQ=="), &bytes));

    assert_string_equal(buffer_string(&bytes), "a");
    buffer_clear(&text);
    buffer_clear(&bytes);
}

static void what_is_no_base64_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"A", "AAAAA", "A-_A", "AA AA", "A=A", "\xff\xff"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct buffer bytes = BUFFER_EMPTY;
        assert_false(grpc_binary_decode(slice_from_string(texts[i]), &bytes));
        buffer_clear(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_says_how_long_its_message_is),
        cmocka_unit_test(less_than_a_frames_head_is_no_frame),
        cmocka_unit_test(the_largest_length_is_read_as_it_is),
        cmocka_unit_test(any_flag_but_zero_is_compression),
        cmocka_unit_test(timeouts_of_every_unit_are_read),
        cmocka_unit_test(what_has_not_the_form_of_a_timeout_is_refused),
        cmocka_unit_test(a_timeout_that_was_written_is_read_as_at_least_as_long),
        cmocka_unit_test(messages_are_percent_encoded),
        cmocka_unit_test(every_byte_survives_encoding),
        cmocka_unit_test(wrong_escapes_stay_as_they_are),
        cmocka_unit_test(an_escaped_nul_does_not_end_the_text),
        cmocka_unit_test(a_long_message_is_cut_to_fit),
        cmocka_unit_test(binary_of_every_length_comes_back),
        cmocka_unit_test(binary_is_written_without_padding_and_read_with_it),
        cmocka_unit_test(what_is_no_base64_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
