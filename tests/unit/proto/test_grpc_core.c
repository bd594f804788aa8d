/* What the core answers, frame by frame, to a client of its own mind. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proto/core_world.h"

#include <stdlib.h>
#include <string.h>

/* --- heads ------------------------------------------------------------------------------------ */

static void a_call_is_head_message_and_trailers(void **state)
{
    const struct raw_header headers[] = {CALL("/x"), {NULL, NULL}};

    assert_string_equal(core_world_call(*state, headers), OK_STORY);
}

static void any_authority_will_do_on_a_unix_socket(void **state)
{
    struct world *world = *state;
    static const char *const authorities[] = {"", "/run/x.sock", "localhost", "a b"};

    for (size_t i = 0; i < 4; i++) {
        const struct raw_header headers[] = {
            CALL("/x"), {":authority", authorities[i]}, {NULL, NULL}};
        assert_string_equal(core_world_call(world, headers), OK_STORY);
    }
}

static void a_get_is_no_call(void **state)
{
    const struct raw_header headers[] = {
        {":method", "GET"}, {":path", "/x"}, {"content-type", "application/grpc"}, {NULL, NULL}};

    assert_string_equal(core_world_call(*state, headers), "HEADERS(:status=405) END RST(0)");
}

static void another_content_type_is_415(void **state)
{
    static const char *const types[] = {"text/html", "application/grpcx", "",
                                        "application/grpc+json", "application/grpc+protobuf"};

    for (size_t i = 0; i < 5; i++) {
        const struct raw_header headers[] = {
            {":method", "POST"}, {":path", "/x"}, {"content-type", types[i]}, {NULL, NULL}};
        assert_string_equal(core_world_call(*state, headers), "HEADERS(:status=415) END RST(0)");
    }
}

static void content_types_of_grpc_are_taken(void **state)
{
    static const char *const types[] = {"application/grpc+proto", "application/grpc;charset=x",
                                        "application/grpc+proto;charset=x"};

    for (size_t i = 0; i < 3; i++) {
        const struct raw_header headers[] = {
            {":method", "POST"}, {":path", "/x"}, {"content-type", types[i]}, {NULL, NULL}};
        assert_string_equal(core_world_call(*state, headers), OK_STORY);
    }
}

static void what_names_a_call_is_there_once(void **state)
{
    static const struct raw_header second[] = {
        {":method", "POST"}, {":path", "/y"}, {"content-type", "application/grpc"}};
    struct world *world = *state;

    for (size_t i = 0; i < 3; i++) {
        const struct raw_header headers[] = {CALL("/x"), second[i], {NULL, NULL}};
        assert_string_equal(core_world_call(world, headers), "HEADERS(:status=400) END RST(0)");
    }

    assert_int_equal(world->calls, 0);
}

static void compression_is_unimplemented(void **state)
{
    const struct raw_header headers[] = {CALL("/x"), {"grpc-encoding", "gzip"}, {NULL, NULL}};

    assert_non_null(strstr(core_world_call(*state, headers), "grpc-status=12"));
}

static void a_compressed_message_is_unimplemented(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/x"), {NULL, NULL}};

    int stream = raw_client_request(world->client, headers, false);
    raw_client_data(world->client, stream, SLICE("\1\0\0\0\1a"), true);
    raw_client_run(world->client, true);

    assert_non_null(strstr(raw_client_story(world->client, stream), "grpc-status=12"));
    assert_int_equal(world->messages, 0);
}

static void a_timeout_is_understood(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/x"), {"grpc-timeout", "2S"}, {NULL, NULL}};

    core_world_call(world, headers);

    assert_int_equal(world->timeout_ms, 2000);
}

static void a_timeout_of_no_form_leaves_no_time(void **state)
{
    static const char *const timeouts[] = {"2", "S", "-1S", "123456789S", "2 S"};

    for (size_t i = 0; i < 5; i++) {
        const struct raw_header headers[] = {
            CALL("/x"), {"grpc-timeout", timeouts[i]}, {NULL, NULL}};
        assert_non_null(strstr(core_world_call(*state, headers), "grpc-status=4"));
    }
}

static void headers_are_counted_not_trusted(void **state)
{
    struct world *world = *state;
    char *large = memory_allocate(15 * 1024);
    memset(large, 'a', 15 * 1024 - 1);
    large[15 * 1024 - 1] = '\0';
    const struct raw_header headers[] = {CALL("/x"), {"a", large}, {"b", large}, {NULL, NULL}};

    const char *story = core_world_call(world, headers);

    assert_non_null(strstr(story, "grpc-status=8"));
    assert_int_equal(world->calls, 0);
    free(large);
}

/* --- errors ----------------------------------------------------------------------------------- */

static void an_error_before_any_message_is_trailers_only(void **state)
{
    const struct raw_header headers[] = {CALL("/refused"), {NULL, NULL}};

    const char *story = core_world_call(*state, headers);

    assert_ptr_equal(strstr(story, "HEADERS(:status=200 content-type=application/grpc "
                                   "grpc-status=5 grpc-message=50 %25 l%C3%A0%0A) END"),
                     story);
}

static void an_early_error_is_reset_after_its_trailers(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/early"), {NULL, NULL}};

    int stream = raw_client_request(world->client, headers, false);
    raw_client_data(world->client, stream, MESSAGE, false);
    raw_client_run(world->client, true);

    const char *story = raw_client_story(world->client, stream);
    const char *trailers = strstr(story, "grpc-status=10");
    const char *reset = strstr(story, "RST(0)");
    assert_non_null(trailers);
    assert_non_null(reset);
    assert_true(trailers < reset);
}

static void the_rest_of_a_failed_call_is_dropped(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/early"), {NULL, NULL}};

    int stream = raw_client_request(world->client, headers, false);
    raw_client_data(world->client, stream, SLICE("\0\0\0\0\1a\0\0\0\0\1b\0\0\0\0\1c"), true);
    raw_client_run(world->client, true);

    assert_int_equal(world->messages, 1);
}

static void a_long_message_is_cut_and_details_go_with_it(void **state)
{
    const struct raw_header headers[] = {CALL("/long-winded"), {NULL, NULL}};

    const char *story = core_world_call(*state, headers);

    assert_non_null(strstr(story, "grpc-status=10"));
    assert_non_null(strstr(story, "!!! grpc-status-details-bin="));
    assert_in_range(strlen(story), 5000, 7000);
}

static void details_larger_than_clients_take_are_left_out(void **state)
{
    const struct raw_header headers[] = {CALL("/too-long-winded"), {NULL, NULL}};

    const char *story = core_world_call(*state, headers);

    assert_non_null(strstr(story, "grpc-status=10 grpc-message=short )"));
}

/* --- messages --------------------------------------------------------------------------------- */

static void a_length_is_checked_before_anything_is_kept(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/x"), {NULL, NULL}};

    int stream = raw_client_request(world->client, headers, false);
    raw_client_data(world->client, stream, SLICE("\0\x7f\xff\xff\xffxyz"), false);
    raw_client_run(world->client, true);

    assert_non_null(strstr(raw_client_story(world->client, stream), "grpc-status=8"));
}

static void a_message_of_the_limit_is_taken(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/x"), {NULL, NULL}};
    char message[5 + 1000] = {0, 0, 0, 3, (char)0xe8};

    int stream = raw_client_request(world->client, headers, false);
    raw_client_data(world->client, stream, slice_of(message, sizeof(message)), true);
    raw_client_run(world->client, true);

    assert_int_equal(world->last_message_bytes, 1000);
    assert_string_equal(raw_client_story(world->client, stream), OK_STORY);
}

static void a_message_may_come_in_any_pieces(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/x"), {NULL, NULL}};
    struct slice message = MESSAGE;

    int stream = raw_client_request(world->client, headers, false);
    for (size_t i = 0; i < message.length; i++) {
        raw_client_data(world->client, stream, slice_of(message.at + i, 1),
                        i + 1 == message.length);
        assert_true(raw_client_run(world->client, true));
    }

    assert_int_equal(world->messages, 1);
    assert_int_equal(world->last_message_bytes, 5);
}

static void a_message_that_is_cut_off_is_invalid(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/x"), {NULL, NULL}};

    int stream = raw_client_request(world->client, headers, false);
    raw_client_data(world->client, stream, SLICE("\0\0\0\0\5hel"), true);
    raw_client_run(world->client, true);

    assert_non_null(strstr(raw_client_story(world->client, stream), "grpc-status=3"));
    assert_int_equal(world->messages, 0);
}

static void a_slow_reader_costs_one_message(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/endless"), {NULL, NULL}};

    int stream = raw_client_request(world->client, headers, false);
    raw_client_data(world->client, stream, MESSAGE, true);
    raw_client_run(world->client, false);

    /* What the window of 64 KiB lets through, and no more. */
    assert_true(raw_client_received(world->client) < 70000);
    assert_true(world->pulled < 70);
    raw_client_reset(world->client, stream);
    raw_client_run(world->client, false);
}

static void a_stream_resumed_while_it_is_pulled_is_pulled_again(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/stutter"), {NULL, NULL}};

    const char *story = core_world_call(world, headers);

    assert_string_equal(story, "HEADERS(:status=200 content-type=application/grpc) DATA(1005)"
                               " HEADERS(grpc-status=0) END");
}

static void a_cancelled_call_ends(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/never"), {NULL, NULL}};
    int stream = raw_client_request(world->client, headers, false);
    raw_client_data(world->client, stream, MESSAGE, true);
    raw_client_run(world->client, true);
    assert_int_equal(world->open, 1);

    raw_client_reset(world->client, stream);
    raw_client_run(world->client, true);

    assert_int_equal(world->open, 0);
}

/* --- ends ---------------------------------------------------------------------------------- */

static void an_unfinished_call_ends_with_its_connection(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/never"), {NULL, NULL}};
    for (int i = 0; i < 10; i++)
        raw_client_request(world->client, headers, false);
    raw_client_run(world->client, true);

    assert_int_equal(world->open, 10); /* and tear_down wants 0 */
}

static void the_end_of_one_call_may_answer_another(void **state)
{
    struct world *world = *state;
    const struct raw_header plain[] = {CALL("/never"), {NULL, NULL}};
    const struct raw_header friends[] = {CALL("/friends"), {NULL, NULL}};
    raw_client_request(world->client, friends, false);
    raw_client_run(world->client, true);
    struct grpc_stream *friend = world->friend;
    raw_client_request(world->client, plain, false);
    raw_client_run(world->client, true);
    world->friend = friend;

    assert_int_equal(world->open, 2); /* and tear_down, which loses the connection, wants 0 */
}

static void draining_takes_no_new_calls_and_finishes_the_old(void **state)
{
    struct world *world = *state;
    const struct raw_header headers[] = {CALL("/x"), {NULL, NULL}};
    int running = raw_client_request(world->client, headers, false);
    raw_client_run(world->client, true);

    grpc_core_drain(raw_client_server(world->client));
    raw_client_run(world->client, true);
    raw_client_data(world->client, running, MESSAGE, true);
    raw_client_run(world->client, true);

    assert_non_null(strstr(raw_client_connection_story(world->client), "GOAWAY(0)"));
    assert_string_equal(raw_client_story(world->client, running), OK_STORY);
    assert_true(grpc_core_is_done(raw_client_server(world->client)));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, core_world_set_up, core_world_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_call_is_head_message_and_trailers),
        TEST(any_authority_will_do_on_a_unix_socket),
        TEST(a_get_is_no_call),
        TEST(another_content_type_is_415),
        TEST(content_types_of_grpc_are_taken),
        TEST(what_names_a_call_is_there_once),
        TEST(compression_is_unimplemented),
        TEST(a_compressed_message_is_unimplemented),
        TEST(a_timeout_is_understood),
        TEST(a_timeout_of_no_form_leaves_no_time),
        TEST(headers_are_counted_not_trusted),
        TEST(an_error_before_any_message_is_trailers_only),
        TEST(an_early_error_is_reset_after_its_trailers),
        TEST(the_rest_of_a_failed_call_is_dropped),
        TEST(a_long_message_is_cut_and_details_go_with_it),
        TEST(details_larger_than_clients_take_are_left_out),
        TEST(a_length_is_checked_before_anything_is_kept),
        TEST(a_message_of_the_limit_is_taken),
        TEST(a_message_may_come_in_any_pieces),
        TEST(a_message_that_is_cut_off_is_invalid),
        TEST(a_slow_reader_costs_one_message),
        TEST(a_stream_resumed_while_it_is_pulled_is_pulled_again),
        TEST(a_cancelled_call_ends),
        TEST(an_unfinished_call_ends_with_its_connection),
        TEST(the_end_of_one_call_may_answer_another),
        TEST(draining_takes_no_new_calls_and_finishes_the_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
