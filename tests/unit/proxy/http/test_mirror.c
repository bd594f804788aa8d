#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

#include <stdlib.h>
#include <string.h>

/* The stage's first endpoint serves, the second gets the copies. */
enum { SERVICE, SHADOW };

static const char get[] = "GET /page HTTP/1.1\r\nHost: a.example\r\nX-A: one\r\n\r\n";
static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static int set_up(void **state)
{
    struct stage *stage = stage_new();
    stage->route.filters = "mirror:mirror";
    stage->route.mirror_port = stage->endpoint_ports[SHADOW];
    *state = stage;
    return 0;
}

static void assert_counted(struct stage *stage, uint64_t started, uint64_t dropped)
{
    assert_int_equal(counter_read(&stage->worker->counters->mirrors_started), started);
    assert_int_equal(counter_read(&stage->worker->counters->mirrors_dropped), dropped);
}

static struct player forward(struct stage *stage, struct player *client, const char *request)
{
    player_send(client, request);
    return stage_accept(stage, SERVICE);
}

static void answer(struct player *endpoint, struct player *client)
{
    player_send(endpoint, ok);
    player_expect(client, "\r\n\r\nok");
}

static void a_copy_of_the_request_is_sent_to_the_mirror(void **state)
{
    struct stage *stage = *state;
    stage->route.filters = "mirror:mirror set:X-B=two rewrite-host:b.example";
    stage_start(stage);
    struct player client = stage_connect(stage);

    struct player service = forward(stage, &client, get);
    struct player shadow = stage_accept(stage, SHADOW);

    static const char head[] = "GET /page HTTP/1.1\r\nhost: b.example\r\nX-A: one\r\n";
    player_expect(&service, head);
    player_expect(&service, "X-B: two\r\n\r\n");
    player_expect(&shadow, head);
    player_expect(&shadow, "X-B: two\r\n\r\n");
    answer(&service, &client);
    assert_counted(stage, 1, 0);
    player_close(&client);
    player_close(&service);
    player_close(&shadow);
}

static void its_answer_is_ignored(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player service = forward(stage, &client, get);
    struct player shadow = stage_accept(stage, SHADOW);
    player_expect(&shadow, "\r\n\r\n");

    player_send(&shadow, "HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\nevil");
    player_expect_nothing(&client);
    answer(&service, &client);

    player_expect_nothing(&client);
    assert_int_equal(stage->worker->mirror_count, 0);
    player_close(&client);
    player_close(&service);
    player_close(&shadow);
}

static void a_mirror_that_says_nothing_delays_nothing(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player service = forward(stage, &client, get);
    struct player shadow = stage_accept(stage, SHADOW);

    answer(&service, &client);
    player_send(&client, get);
    answer(&service, &client);

    assert_int_equal(stage->worker->mirror_count, 2);
    stage_advance(stage, 61 * 1000);
    assert_int_equal(stage->worker->mirror_count, 0);
    player_close(&client);
    player_close(&service);
    player_close(&shadow);
}

static void a_mirror_that_is_not_there_fails_nothing(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    stage_stop_endpoint(stage, SHADOW);
    struct player client = stage_connect(stage);

    struct player service = forward(stage, &client, get);
    answer(&service, &client);

    stage_turn(stage);
    assert_int_equal(stage->worker->mirror_count, 0);
    player_close(&client);
    player_close(&service);
}

static void a_mirror_without_backend_is_counted_as_dropped(void **state)
{
    struct stage *stage = *state;
    stage->route.mirror_port = 0;
    stage_start(stage);
    struct player client = stage_connect(stage);

    struct player service = forward(stage, &client, get);
    answer(&service, &client);

    assert_counted(stage, 0, 1);
    player_close(&client);
    player_close(&service);
}

static void nothing_is_mirrored_to_a_share_of_zero(void **state)
{
    struct stage *stage = *state;
    stage->route.filters = "mirror:mirror@0";
    stage_start(stage);
    struct player client = stage_connect(stage);

    struct player service = forward(stage, &client, get);
    answer(&service, &client);

    assert_false(stage_has_connection(stage, SHADOW));
    assert_counted(stage, 0, 0);
    player_close(&client);
    player_close(&service);
}

static void several_mirrors_get_a_copy_each(void **state)
{
    struct stage *stage = *state;
    stage->route.filters = "mirror:mirror mirror:mirror";
    stage->route.backend_filters = "mirror:mirror";
    stage_start(stage);
    struct player client = stage_connect(stage);

    struct player service = forward(stage, &client, get);
    for (int i = 0; i < 3; i++) {
        struct player shadow = stage_accept(stage, SHADOW);
        player_expect(&shadow, "\r\n\r\n");
        player_close(&shadow);
    }

    answer(&service, &client);
    player_close(&client);
    player_close(&service);
}

static void a_body_is_mirrored_as_it_comes(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player service =
        forward(stage, &client, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nab");
    struct player shadow = stage_accept(stage, SHADOW);
    player_expect(&shadow, "content-length: 8\r\n\r\nab");

    player_send(&client, "cd");
    player_expect(&shadow, "cd");
    player_send(&client, "efgh");
    player_expect(&shadow, "efgh");

    player_expect(&service, "\r\n\r\nabcdefgh");
    answer(&service, &client);
    player_close(&client);
    player_close(&service);
    player_close(&shadow);
}

static void chunks_and_trailers_are_mirrored(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player service =
        forward(stage, &client,
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
    struct player shadow = stage_accept(stage, SHADOW);
    player_expect(&shadow, "transfer-encoding: chunked\r\n\r\n2\r\nab\r\n");

    player_send(&client, "1\r\nc\r\n0\r\nX-Sum: 3\r\n\r\n");

    player_expect(&shadow, "1\r\nc\r\n0\r\nX-Sum: 3\r\n\r\n");
    player_expect(&service, "1\r\nc\r\n0\r\nX-Sum: 3\r\n\r\n");
    answer(&service, &client);
    player_close(&client);
    player_close(&service);
    player_close(&shadow);
}

/* Sends all of `length` bytes, which the service reads away. */
static void upload(struct player *client, struct player *service, size_t length)
{
    char *bytes = memory_allocate_zeroed(length, 1);
    for (size_t sent = 0; sent < length;) {
        sent += player_send_some(client, bytes + sent, length - sent);
        stage_turn(client->stage);
        player_read(service);
    }
    free(bytes);
}

/* FLT-MIRROR-5 */
static void a_mirror_that_does_not_read_is_dropped_and_the_request_goes_on(void **state)
{
    struct stage *stage = *state;
    enum { LENGTH = 20000000 };
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player service =
        forward(stage, &client, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n");
    struct player shadow = stage_accept(stage, SHADOW);
    player_expect(&service, "\r\n\r\n");

    upload(&client, &service, LENGTH);
    player_expect_bytes(&service, LENGTH);

    answer(&service, &client);
    assert_counted(stage, 1, 1);
    assert_int_equal(stage->worker->mirror_count, 0);
    player_close(&client);
    player_close(&service);
    player_close(&shadow);
}

static void a_client_that_leaves_takes_its_incomplete_copy_along(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player service =
        forward(stage, &client, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nab");
    struct player shadow = stage_accept(stage, SHADOW);
    player_expect(&shadow, "\r\n\r\nab");

    player_reset(&client);

    player_expect_gone(&shadow);
    assert_counted(stage, 1, 1);
    player_close(&service);
    player_close(&shadow);
    player_close(&client);
}

static void a_client_that_leaves_does_not_stop_a_complete_copy(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player service = forward(stage, &client, get);

    player_reset(&client);
    player_expect_gone(&service);

    struct player shadow = stage_accept(stage, SHADOW);
    player_expect(&shadow, "X-A: one\r\n");
    player_expect(&shadow, "\r\n\r\n");
    player_send(&shadow, ok);
    player_expect_nothing(&shadow);
    assert_int_equal(stage->worker->mirror_count, 0);
    player_close(&service);
    player_close(&shadow);
    player_close(&client);
}

/* FLT-MIRROR-5 */
static void mirrors_are_bounded_in_number(void **state)
{
    struct stage *stage = *state;
    struct buffer words = BUFFER_EMPTY;
    for (int i = 0; i < 60; i++)
        buffer_append_string(&words, "mirror:mirror ");
    stage->route.filters = buffer_string(&words);
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player service = forward(stage, &client, get);
    answer(&service, &client);

    for (int i = 0; i < 4; i++) {
        player_send(&client, get);
        answer(&service, &client);
    }

    assert_counted(stage, 256, 5 * 60 - 256);
    buffer_clear(&words);
    player_close(&client);
    player_close(&service);
}

static void what_is_answered_here_is_not_mirrored(void **state)
{
    struct stage *stage = *state;
    stage->route.has_no_backend = true;
    stage_start(stage);
    struct player client = stage_connect(stage);

    player_send(&client, get);

    player_expect(&client, "HTTP/1.1 500 ");
    assert_false(stage_has_connection(stage, SHADOW));
    assert_counted(stage, 0, 0);
    player_close(&client);
}

static void a_websocket_handshake_is_not_mirrored(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = stage_connect(stage);

    struct player service =
        forward(stage, &client,
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                "Sec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    player_expect(&service, "\r\n\r\n");

    assert_false(stage_has_connection(stage, SHADOW));
    assert_counted(stage, 0, 0);
    player_close(&client);
    player_close(&service);
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        ON_STAGE(a_copy_of_the_request_is_sent_to_the_mirror),
        ON_STAGE(its_answer_is_ignored),
        ON_STAGE(a_mirror_that_says_nothing_delays_nothing),
        ON_STAGE(a_mirror_that_is_not_there_fails_nothing),
        ON_STAGE(a_mirror_without_backend_is_counted_as_dropped),
        ON_STAGE(nothing_is_mirrored_to_a_share_of_zero),
        ON_STAGE(several_mirrors_get_a_copy_each),
        ON_STAGE(a_body_is_mirrored_as_it_comes),
        ON_STAGE(chunks_and_trailers_are_mirrored),
        ON_STAGE(a_mirror_that_does_not_read_is_dropped_and_the_request_goes_on),
        ON_STAGE(a_client_that_leaves_takes_its_incomplete_copy_along),
        ON_STAGE(a_client_that_leaves_does_not_stop_a_complete_copy),
        ON_STAGE(mirrors_are_bounded_in_number),
        ON_STAGE(what_is_answered_here_is_not_mirrored),
        ON_STAGE(a_websocket_handshake_is_not_mirrored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
