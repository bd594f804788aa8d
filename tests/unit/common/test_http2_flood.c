#include "common/http2_flood.h"
#include "tests/unit/cmocka_all.h"

enum {
    DATA = 0,
    HEADERS,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    PING = 6,
    GOAWAY,
    WINDOW_UPDATE,
    UNKNOWN = 0x42
};
enum { END_STREAM = 1, ACK = 1 };

static const uint64_t now_ms = 1000 * 1000;

static unsigned idle_frames_until_too_many(struct http2_flood *flood, uint64_t at_ms)
{
    unsigned count = 0;
    while (http2_flood_note_idle(flood, at_ms))
        count++;
    return count;
}

static unsigned faults_until_too_many(struct http2_flood *flood, uint64_t at_ms)
{
    unsigned count = 0;
    while (http2_flood_note_fault(flood, at_ms))
        count++;
    return count;
}

static void frames_that_ask_for_nothing_are_told(void **state)
{
    (void)state;
    static const uint8_t idle[] = {PRIORITY, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, UNKNOWN};
    for (size_t i = 0; i < sizeof(idle); i++)
        assert_true(http2_flood_is_idle(idle[i], 0, 8, 0));
    assert_true(http2_flood_is_idle(PING, ACK, 8, 0));
    assert_false(http2_flood_is_idle(HEADERS, 0, 0, 0));
    assert_false(http2_flood_is_idle(RST_STREAM, 0, 4, 0));
}

static void data_asks_when_there_is_some_or_it_is_the_end(void **state)
{
    (void)state;
    assert_true(http2_flood_is_idle(DATA, 0, 0, 0));
    assert_true(http2_flood_is_idle(DATA, 0, 5, 5));
    assert_false(http2_flood_is_idle(DATA, 0, 6, 5));
    assert_false(http2_flood_is_idle(DATA, END_STREAM, 0, 0));
}

static void there_are_some_of_each_at_once(void **state)
{
    (void)state;
    struct http2_flood flood;
    http2_flood_init(&flood, now_ms);
    assert_int_equal(idle_frames_until_too_many(&flood, now_ms), HTTP2_FLOOD_IDLE_FRAMES);
    assert_int_equal(faults_until_too_many(&flood, now_ms), HTTP2_FLOOD_FAULTS);
}

/* The one that was too many counts as well. */
static void and_more_as_time_goes_by(void **state)
{
    (void)state;
    struct http2_flood flood;
    http2_flood_init(&flood, now_ms);
    idle_frames_until_too_many(&flood, now_ms);
    faults_until_too_many(&flood, now_ms);

    assert_false(http2_flood_note_idle(&flood, now_ms + 999));
    assert_int_equal(idle_frames_until_too_many(&flood, now_ms + 1000),
                     HTTP2_FLOOD_FORGIVEN_A_SECOND - 2);
    assert_int_equal(faults_until_too_many(&flood, now_ms + 1000),
                     HTTP2_FLOOD_FORGIVEN_A_SECOND - 1);
    assert_int_equal(idle_frames_until_too_many(&flood, 10 * now_ms), HTTP2_FLOOD_IDLE_FRAMES);
    assert_int_equal(faults_until_too_many(&flood, 10 * now_ms), HTTP2_FLOOD_FAULTS);
}

static void and_more_idle_frames_with_use(void **state)
{
    (void)state;
    struct http2_flood flood;
    http2_flood_init(&flood, now_ms);
    http2_flood_note_use(&flood); /* nothing to forgive: nothing is saved up */
    for (unsigned i = 0; i < 10 * HTTP2_FLOOD_IDLE_FRAMES; i++) {
        if (i % HTTP2_FLOOD_FORGIVEN_FOR_USE == 0)
            http2_flood_note_use(&flood);
        assert_true(http2_flood_note_idle(&flood, now_ms));
    }
    assert_in_range(idle_frames_until_too_many(&flood, now_ms),
                    HTTP2_FLOOD_IDLE_FRAMES - HTTP2_FLOOD_FORGIVEN_FOR_USE,
                    HTTP2_FLOOD_IDLE_FRAMES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_that_ask_for_nothing_are_told),
        cmocka_unit_test(data_asks_when_there_is_some_or_it_is_the_end),
        cmocka_unit_test(there_are_some_of_each_at_once),
        cmocka_unit_test(and_more_as_time_goes_by),
        cmocka_unit_test(and_more_idle_frames_with_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
