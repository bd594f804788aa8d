/* What the core lets a client do, and how much of it. */
#include "common/clock.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proto/core_world.h"

#include <stdlib.h>
#include <string.h>

static void the_limits_are_announced(void **state)
{
    struct world *world = *state;

    assert_string_equal(raw_client_connection_story(world->client), "SETTINGS(3=100 6=16384)");
}

static void calls_beyond_the_limit_are_refused(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/never"), {NULL, NULL}};

    for (int i = 0; i < 300; i++)
        raw_client_request(world->client, headers, false);
    raw_client_run(world->client, true);

    assert_int_equal(world->open, 100);
}

static void messages_that_come_in_at_once_are_bounded(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/large"), {NULL, NULL}};
    size_t length = 1 << 20;
    char *most = memory_allocate_zeroed(1, length);
    most[2] = 0x20; /* of 2 MiB, one half */

    for (int i = 0; i < 40; i++) {
        int stream = raw_client_request(world->client, headers, false);
        raw_client_data(world->client, stream, slice_of(most, length), false);
    }
    raw_client_run(world->client, true);

    assert_in_range(world->open, 12, 16);
    free(most);
}

static void a_flood_of_resets_ends_the_connection(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/never"), {NULL, NULL}};

    for (int i = 0; i < 1000; i++) {
        int stream = raw_client_request(world->client, headers, false);
        raw_client_run(world->client, true);
        raw_client_reset(world->client, stream);
        if (!raw_client_run(world->client, true))
            break;
    }

    assert_non_null(strstr(raw_client_connection_story(world->client), "GOAWAY("));
    assert_true(world->calls < 400);
}

#define PING                                                                                       \
    SLICE("\0\0\x08\x06\0\0\0\0\0"                                                                 \
          "12345678")

/* Sends this frame so often, all at once and without reading, then reads. Returns how many bytes
 * came back; the connection must have ended with a GOAWAY that says why, and nothing after it. */
static size_t end_by_flood(struct world *world, struct slice frame, size_t count)
{
    struct buffer flood = BUFFER_EMPTY;
    for (size_t i = 0; i < count; i++)
        buffer_append_slice(&flood, frame);
    size_t received = raw_client_received(world->client);

    assert_true(raw_client_bytes(world->client, buffer_slice(&flood)));
    raw_client_run(world->client, true);

    assert_non_null(strstr(raw_client_connection_story(world->client), "GOAWAY(11)"));
    assert_true(grpc_core_is_done(raw_client_server(world->client)));
    buffer_clear(&flood);
    return raw_client_received(world->client) - received;
}

static void a_flood_of_pings_ends_in_goaway(void **state)
{
    size_t received = end_by_flood(*state, PING, 100000);

    assert_in_range(received, 1, 20000); /* the answers until then, and no more */
}

static void a_flood_of_settings_ends_in_goaway(void **state)
{
    end_by_flood(*state, SLICE("\0\0\0\x04\0\0\0\0\0"), 100000);
}

static void a_flood_of_priorities_ends_in_goaway(void **state)
{
    end_by_flood(*state, SLICE("\0\0\x05\x02\0\0\0\0\x03\0\0\0\0\x0f"), 100000);
}

static void a_flood_of_window_updates_ends_in_goaway(void **state)
{
    end_by_flood(*state, SLICE("\0\0\x04\x08\0\0\0\0\0\0\0\0\x01"), 100000);
}

static void a_flood_of_unknown_frames_ends_in_goaway(void **state)
{
    end_by_flood(*state, SLICE("\0\0\x03\xf7\0\0\0\0\0abc"), 100000);
}

static void a_flood_of_empty_data_ends_in_goaway(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/never"), {NULL, NULL}};
    raw_client_request(world->client, headers, false);
    raw_client_run(world->client, true);

    end_by_flood(world, SLICE("\0\0\0\0\0\0\0\0\x01"), 100000);

    assert_int_equal(world->messages, 0);
}

static void a_flood_of_padding_ends_in_goaway(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/never"), {NULL, NULL}};
    raw_client_request(world->client, headers, false);
    raw_client_run(world->client, true);

    end_by_flood(world, SLICE("\0\0\x03\0\x08\0\0\0\x01\x02\0\0"), 1000);
}

static void unknown_frames_are_passed_over(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/some"), {NULL, NULL}};

    for (int type = 0x0a; type <= 0xff; type++) {
        const char frame[] = {0, 0, 3, (char)type, 0, 0, 0, 0, 0, 'a', 'b', 'c'};
        assert_true(raw_client_bytes(world->client, slice_of(frame, sizeof(frame))));
    }

    assert_string_equal(core_world_call(world, headers), OK_STORY);
}

static void pings_that_come_with_calls_are_fine(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/some"), {NULL, NULL}};

    for (int i = 0; i < 500; i++) {
        for (int pings = 0; pings < 4; pings++)
            assert_true(raw_client_bytes(world->client, PING));
        assert_string_equal(core_world_call(world, headers), OK_STORY);
    }

    assert_false(grpc_core_is_done(raw_client_server(world->client)));
}

static void a_reader_of_much_may_say_so(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/endless"), {NULL, NULL}};
    int stream = raw_client_request(world->client, headers, true);
    raw_client_run(world->client, false);

    /* Its windows are opened by one message's worth at a time. */
    for (int i = 0; i < 20000; i++) {
        assert_true(raw_client_bytes(world->client, SLICE("\0\0\x04\x08\0\0\0\0\0\0\0\x03\xed")));
        assert_true(raw_client_bytes(world->client, SLICE("\0\0\x04\x08\0\0\0\0\1\0\0\x03\xed")));
        raw_client_run(world->client, false);
    }

    assert_int_equal(stream, 1);
    assert_false(grpc_core_is_done(raw_client_server(world->client)));
}

static void pings_now_and_then_are_fine_for_ever(void **state)
{
    struct world *world = *state;
    uint64_t now_ms = 1000000;

    for (int i = 0; i < 5000; i++) {
        clock_set_for_test(now_ms += 1000);
        assert_true(raw_client_bytes(world->client, PING));
        assert_true(raw_client_run(world->client, true));
    }
    clock_set_for_test(0);

    assert_false(grpc_core_is_done(raw_client_server(world->client)));
}

static void a_head_without_an_end_ends_the_connection(void **state)
{
    struct world *world = *state;
    /* HEADERS without END_HEADERS, then CONTINUATION again and again, 1 literal field each. */
    struct slice head = SLICE("\0\0\0\x01\0\0\0\0\x01");
    struct slice more = SLICE("\0\0\x05\x09\0\0\0\0\x01"
                              "\x00\x01"
                              "a"
                              "\x01"
                              "b");

    bool is_alive = raw_client_bytes(world->client, head);
    for (int i = 0; i < 5000 && is_alive; i++)
        is_alive = raw_client_bytes(world->client, more);

    assert_false(is_alive);
    assert_int_equal(world->calls, 0);
}

static void what_is_not_http2_is_given_up(void **state)
{
    (void)state;
    const struct grpc_core_handlers handlers = {0};
    struct raw_client *client = raw_client_new(&handlers);

    assert_false(raw_client_bytes(client, SLICE("GET / HTTP/1.1\r\nHost: a\r\n\r\n")));

    assert_false(grpc_core_has_begun(raw_client_server(client)));
    raw_client_free(client);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, core_world_set_up, core_world_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_limits_are_announced),
        TEST(calls_beyond_the_limit_are_refused),
        TEST(messages_that_come_in_at_once_are_bounded),
        TEST(a_flood_of_resets_ends_the_connection),
        TEST(a_flood_of_pings_ends_in_goaway),
        TEST(a_flood_of_settings_ends_in_goaway),
        TEST(a_flood_of_priorities_ends_in_goaway),
        TEST(a_flood_of_window_updates_ends_in_goaway),
        TEST(a_flood_of_unknown_frames_ends_in_goaway),
        TEST(a_flood_of_empty_data_ends_in_goaway),
        TEST(a_flood_of_padding_ends_in_goaway),
        TEST(unknown_frames_are_passed_over),
        TEST(pings_that_come_with_calls_are_fine),
        TEST(a_reader_of_much_may_say_so),
        TEST(pings_now_and_then_are_fine_for_ever),
        TEST(a_head_without_an_end_ends_the_connection),
        TEST(what_is_not_http2_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
