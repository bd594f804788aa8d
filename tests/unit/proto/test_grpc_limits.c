/* What the core lets a client do, and how much of it. */
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

static void pings_that_are_not_read_end_the_connection(void **state)
{
    struct world *world = *state;
    /* PING, 8 bytes, no flags, stream 0; the answers are not fetched. */
    struct slice ping = SLICE("\0\0\x08\x06\0\0\0\0\0"
                              "12345678");

    bool is_alive = true;
    for (int i = 0; i < 5000 && is_alive; i++)
        is_alive = raw_client_bytes(world->client, ping);

    assert_false(is_alive);
}

static void settings_that_are_not_read_end_the_connection(void **state)
{
    struct world *world = *state;
    struct slice settings = SLICE("\0\0\0\x04\0\0\0\0\0");

    bool is_alive = true;
    for (int i = 0; i < 5000 && is_alive; i++)
        is_alive = raw_client_bytes(world->client, settings);

    assert_false(is_alive);
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

static void empty_data_costs_nothing(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/never"), {NULL, NULL}};
    raw_client_request(world->client, headers, false);
    raw_client_run(world->client, true);
    size_t received = raw_client_received(world->client);

    for (int i = 0; i < 100000; i++)
        assert_true(raw_client_bytes(world->client, SLICE("\0\0\0\0\0\0\0\0\x01")));
    raw_client_run(world->client, true);

    assert_int_equal(raw_client_received(world->client), received);
    assert_int_equal(world->messages, 0);
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
        TEST(pings_that_are_not_read_end_the_connection),
        TEST(settings_that_are_not_read_end_the_connection),
        TEST(a_head_without_an_end_ends_the_connection),
        TEST(empty_data_costs_nothing),
        TEST(what_is_not_http2_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
