/* What the core answers, frame by frame, to a client of its own mind. */
#include "proto/grpc_core.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proto/raw_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The server under test: says what was called, and answers as its path asks. */
struct world {
    struct raw_client *client;
    char path[256];
    uint64_t timeout_ms;
    unsigned calls;
    unsigned messages;
    unsigned open;
    size_t last_message_bytes;
    unsigned pulled;
    struct grpc_stream *friend; /* ended with the first that closes */
};

static void on_call(void *context, struct grpc_stream *stream, struct slice path,
                    uint64_t timeout_ms)
{
    struct world *world = context;
    snprintf(world->path, sizeof(world->path), "%.*s", (int)path.length, path.at);
    world->timeout_ms = timeout_ms;
    world->calls++;
    if (strcmp(world->path, "/refused") == 0) {
        grpc_stream_finish(stream, GRPC_NOT_FOUND, SLICE("50 % là\n"), SLICE(""));
        return;
    }
    if (strcmp(world->path, "/long-winded") == 0) {
        static char text[3000];
        static char details[3000];
        memset(text, '!', sizeof(text));
        grpc_stream_finish(stream, GRPC_ABORTED, slice_of(text, sizeof(text)),
                           slice_of(details, sizeof(details)));
        return;
    }
    if (strcmp(world->path, "/too-long-winded") == 0) {
        static char details[6000];
        grpc_stream_finish(stream, GRPC_ABORTED, SLICE("short \xc3"),
                           slice_of(details, sizeof(details)));
        return;
    }
    world->open++;
    world->friend = strcmp(world->path, "/friends") == 0 ? stream : NULL;
    grpc_stream_set_user(stream, world);
    grpc_stream_set_max_message(stream, strcmp(world->path, "/large") == 0 ? 4 << 20 : 1000);
}

static void on_message(void *context, struct grpc_stream *stream, struct slice bytes)
{
    struct world *world = context;
    world->messages++;
    world->last_message_bytes = bytes.length;
    if (strcmp(world->path, "/early") == 0) {
        world->open--;
        grpc_stream_finish(stream, GRPC_ABORTED, SLICE("early"), SLICE(""));
    }
}

static void on_half_close(void *context, struct grpc_stream *stream)
{
    struct world *world = context;
    LabelMessage label = POINTSMAN__V1__LABEL__INIT;
    if (strcmp(world->path, "/never") == 0)
        return;
    if (strcmp(world->path, "/endless") == 0) {
        grpc_stream_start_pull(stream);
        return;
    }
    world->open--;
    grpc_stream_send(stream, &label.base);
    grpc_stream_finish(stream, GRPC_OK, SLICE(""), SLICE(""));
}

static enum grpc_pull on_pull(void *context, struct grpc_stream *stream, struct buffer *to)
{
    (void)stream;
    struct world *world = context;
    world->pulled++;
    memset(buffer_reserve(to, 1000), 'a', 1000);
    buffer_extend(to, 1000);
    return GRPC_PULL_MESSAGE;
}

static void on_close(void *context, struct grpc_stream *stream, const struct grpc_result *result)
{
    struct world *world = context;
    struct grpc_stream *friend = world->friend;
    assert_int_not_equal(result->status, GRPC_OK);
    world->open--;
    world->friend = NULL;
    if (friend != NULL && friend != stream) {
        world->open--;
        grpc_stream_finish(friend, GRPC_ABORTED, SLICE("without you"), SLICE(""));
    }
}

static int set_up(void **state)
{
    struct world *world = memory_allocate_zeroed(1, sizeof(*world));
    const struct grpc_core_handlers handlers = {
        .context = world,
        .on_call = on_call,
        .on_message = on_message,
        .on_half_close = on_half_close,
        .on_pull = on_pull,
        .on_close = on_close,
    };
    world->client = raw_client_new(&handlers);
    assert_true(raw_client_run(world->client, true));
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    raw_client_free(world->client);
    assert_int_equal(world->open, 0); /* every call that began has ended */
    free(world);
    return 0;
}

#define CALL(call_path)                                                                            \
    {":method", "POST"}, {":scheme", "http"}, {":path", (call_path)},                              \
    {                                                                                              \
        "content-type", "application/grpc"                                                         \
    }
#define MESSAGE SLICE("\0\0\0\0\5hello")
#define OK_STORY                                                                                   \
    "HEADERS(:status=200 content-type=application/grpc) DATA(5) HEADERS(grpc-status=0) END"

/* Sends a call with one whole message and returns what came back. */
static const char *call(struct world *world, const struct raw_header *headers)
{
    int stream = raw_client_request(world->client, headers, false);
    raw_client_data(world->client, stream, MESSAGE, true);
    assert_true(raw_client_run(world->client, true));
    return raw_client_story(world->client, stream);
}

/* --- heads ------------------------------------------------------------------------------------ */

static void a_call_is_head_message_and_trailers(void **state)
{
    const struct raw_header headers[] = {CALL("/x"), {NULL, NULL}};

    assert_string_equal(call(*state, headers), OK_STORY);
}

static void any_authority_will_do_on_a_unix_socket(void **state)
{
    struct world *world = *state;
    static const char *const authorities[] = {"", "/run/x.sock", "localhost", "a b"};

    for (size_t i = 0; i < 4; i++) {
        const struct raw_header headers[] = {
            CALL("/x"), {":authority", authorities[i]}, {NULL, NULL}};
        assert_string_equal(call(world, headers), OK_STORY);
    }
}

static void a_get_is_no_call(void **state)
{
    const struct raw_header headers[] = {
        {":method", "GET"}, {":path", "/x"}, {"content-type", "application/grpc"}, {NULL, NULL}};

    assert_string_equal(call(*state, headers), "HEADERS(:status=405) END RST(0)");
}

static void another_content_type_is_415(void **state)
{
    static const char *const types[] = {"text/html", "application/grpcx", ""};

    for (size_t i = 0; i < 3; i++) {
        const struct raw_header headers[] = {
            {":method", "POST"}, {":path", "/x"}, {"content-type", types[i]}, {NULL, NULL}};
        assert_string_equal(call(*state, headers), "HEADERS(:status=415) END RST(0)");
    }
}

static void content_types_of_grpc_are_taken(void **state)
{
    static const char *const types[] = {"application/grpc+proto", "application/grpc;charset=x"};

    for (size_t i = 0; i < 2; i++) {
        const struct raw_header headers[] = {
            {":method", "POST"}, {":path", "/x"}, {"content-type", types[i]}, {NULL, NULL}};
        assert_string_equal(call(*state, headers), OK_STORY);
    }
}

static void compression_is_unimplemented(void **state)
{
    const struct raw_header headers[] = {CALL("/x"), {"grpc-encoding", "gzip"}, {NULL, NULL}};

    assert_non_null(strstr(call(*state, headers), "grpc-status=12"));
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

    call(world, headers);

    assert_int_equal(world->timeout_ms, 2000);
}

static void a_timeout_of_no_form_leaves_no_time(void **state)
{
    static const char *const timeouts[] = {"2", "S", "-1S", "123456789S", "2 S"};

    for (size_t i = 0; i < 5; i++) {
        const struct raw_header headers[] = {
            CALL("/x"), {"grpc-timeout", timeouts[i]}, {NULL, NULL}};
        assert_non_null(strstr(call(*state, headers), "grpc-status=4"));
    }
}

static void headers_are_counted_not_trusted(void **state)
{
    struct world *world = *state;
    char *large = memory_allocate(15 * 1024);
    memset(large, 'a', 15 * 1024 - 1);
    large[15 * 1024 - 1] = '\0';
    const struct raw_header headers[] = {CALL("/x"), {"a", large}, {"b", large}, {NULL, NULL}};

    const char *story = call(world, headers);

    assert_non_null(strstr(story, "grpc-status=8"));
    assert_int_equal(world->calls, 0);
    free(large);
}

/* --- errors ----------------------------------------------------------------------------------- */

static void an_error_before_any_message_is_trailers_only(void **state)
{
    const struct raw_header headers[] = {CALL("/refused"), {NULL, NULL}};

    const char *story = call(*state, headers);

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

    const char *story = call(*state, headers);

    assert_non_null(strstr(story, "grpc-status=10"));
    assert_non_null(strstr(story, "!!! grpc-status-details-bin="));
    assert_in_range(strlen(story), 5000, 7000);
}

static void details_larger_than_clients_take_are_left_out(void **state)
{
    const struct raw_header headers[] = {CALL("/too-long-winded"), {NULL, NULL}};

    const char *story = call(*state, headers);

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

/* --- limits and floods ------------------------------------------------------------------------ */

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
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_call_is_head_message_and_trailers),
        TEST(any_authority_will_do_on_a_unix_socket),
        TEST(a_get_is_no_call),
        TEST(another_content_type_is_415),
        TEST(content_types_of_grpc_are_taken),
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
        TEST(messages_that_come_in_at_once_are_bounded),
        TEST(a_cancelled_call_ends),
        TEST(the_limits_are_announced),
        TEST(calls_beyond_the_limit_are_refused),
        TEST(a_flood_of_resets_ends_the_connection),
        TEST(pings_that_are_not_read_end_the_connection),
        TEST(settings_that_are_not_read_end_the_connection),
        TEST(a_head_without_an_end_ends_the_connection),
        TEST(empty_data_costs_nothing),
        TEST(what_is_not_http2_is_given_up),
        TEST(an_unfinished_call_ends_with_its_connection),
        TEST(the_end_of_one_call_may_answer_another),
        TEST(draining_takes_no_new_calls_and_finishes_the_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
