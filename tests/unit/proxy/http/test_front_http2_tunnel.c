/* A WebSocket on a stream of HTTP/2 (RFC 8441), to a service that speaks HTTP/1. */
#include "common/buffer.h"
#include "proxy/http/conn_pool.h"
#include "proxy/http/front_http2.h"
#include "tests/support/websocket_switch.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/http2_scene.h"

#include <stdlib.h>
#include <string.h>

#define CONNECT_TO(protocol)                                                                       \
    ":method=CONNECT\n:protocol=" protocol "\n:scheme=http\n:authority=shop\n:path=/chat?a=b\n"
#define HANDSHAKE CONNECT_TO("websocket") "sec-websocket-version=13\n"

/* A WebSocket that is asked for, or open. */
struct tunnel {
    struct stream *client;
    struct player endpoint;
    char key[WEBSOCKET_SWITCH_KEY_BYTES + 1];
};

static struct player accept_from(struct scene *scene)
{
    return stage_accept(scene->stage, 0);
}

static void wait_for_head(struct player *endpoint)
{
    for (int i = 0; strstr(buffer_string(&endpoint->received), "\r\n\r\n") == NULL; i++) {
        assert_true(i < PAIR_PATIENCE_TURNS);
        stage_turn(endpoint->stage);
        player_read(endpoint);
    }
}

/* The endpoint has the handshake, and nothing behind it. */
static struct tunnel ask(struct scene *scene, const char *fields)
{
    struct tunnel tunnel = {.client = pair_request(&scene->pair, fields, true)};
    tunnel.endpoint = accept_from(scene);
    wait_for_head(&tunnel.endpoint);
    assert_true(websocket_switch_find_key(buffer_string(&tunnel.endpoint.received), tunnel.key));
    return tunnel;
}

static void send_switch(struct tunnel *tunnel, const char *fields, const char *behind)
{
    struct buffer text = BUFFER_EMPTY;
    websocket_switch_put(&text, tunnel->key, fields);
    buffer_append_string(&text, behind);
    player_forget(&tunnel->endpoint);
    player_send(&tunnel->endpoint, buffer_string(&text));
    buffer_clear(&text);
}

static struct tunnel open_tunnel(struct scene *scene)
{
    struct tunnel tunnel = ask(scene, HANDSHAKE);
    send_switch(&tunnel, "", "");
    PAIR_WAIT(&scene->pair, tunnel.client->heads == 1);
    assert_contains(&tunnel.client->fields, ":status=200\n");
    return tunnel;
}

static void wait_for_text(struct scene *scene, struct stream *stream, const char *text)
{
    PAIR_WAIT(&scene->pair, stream->in.bytes.length >= strlen(text));
    assert_string_equal(buffer_string(&stream->in.bytes), text);
    body_pipe_take(&stream->in, stream->in.bytes.length);
    http2_stream_consume(&stream->http2);
}

static uint64_t open_tunnels(struct scene *scene)
{
    const struct worker_counters *counters = scene->stage->worker->counters;
    return counter_read(&counters->tunnels_opened) - counter_read(&counters->tunnels_closed);
}

/* --- the handshake --------------------------------------------------------------------------- */

static void a_handshake_goes_through_as_one_of_http1(void **state)
{
    struct scene *scene = *state;
    struct tunnel tunnel = ask(scene, HANDSHAKE "sec-websocket-protocol=chat\n"
                                                "sec-websocket-extensions=permessage-deflate\n");
    struct buffer *asked = &tunnel.endpoint.received;
    assert_contains(asked, "GET /chat?a=b HTTP/1.1\r\nhost: shop\r\n");
    assert_contains(asked, "\r\nsec-websocket-version: 13\r\n");
    assert_contains(asked, "\r\nsec-websocket-protocol: chat\r\n");
    assert_contains(asked, "\r\nsec-websocket-extensions: permessage-deflate\r\n");
    assert_contains(asked, "\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
    assert_null(strstr(buffer_string(asked), "content-length"));
    assert_null(strstr(buffer_string(asked), "transfer-encoding"));

    send_switch(&tunnel, "Sec-WebSocket-Protocol: chat\r\nContent-Length: 7\r\n", "");

    PAIR_WAIT(&scene->pair, tunnel.client->heads == 1);
    struct buffer *fields = &tunnel.client->fields;
    assert_contains(fields, ":status=200\nsec-websocket-protocol=chat\n");
    assert_null(strstr(buffer_string(fields), "accept"));
    assert_null(strstr(buffer_string(fields), "upgrade"));
    assert_null(strstr(buffer_string(fields), "content-length"));
    assert_int_equal(open_tunnels(scene), 1);
    player_close(&tunnel.endpoint);
}

static void each_handshake_has_a_key_of_its_own(void **state)
{
    struct scene *scene = *state;
    struct tunnel one = ask(scene, HANDSHAKE "sec-websocket-key=dGhlIHNhbXBsZSBub25jZQ==\n");
    struct tunnel other = ask(scene, HANDSHAKE);
    assert_string_not_equal(one.key, "dGhlIHNhbXBsZSBub25jZQ==");
    assert_string_not_equal(one.key, other.key);
    player_close(&one.endpoint);
    player_close(&other.endpoint);
}

static void bytes_go_both_ways_as_they_are(void **state)
{
    struct scene *scene = *state;
    struct tunnel tunnel = open_tunnel(scene);

    pair_put(tunnel.client, "GET / HTTP/1.1\r\n\r\n");
    player_expect(&tunnel.endpoint, "GET / HTTP/1.1\r\n\r\n");
    player_send(&tunnel.endpoint, "HTTP/1.1 200 OK\r\n\r\n");
    wait_for_text(scene, tunnel.client, "HTTP/1.1 200 OK\r\n\r\n");
    pair_put(tunnel.client, "more");
    player_expect(&tunnel.endpoint, "more");
    player_close(&tunnel.endpoint);
}

static void what_comes_before_the_switch_waits_for_it(void **state)
{
    struct scene *scene = *state;
    struct tunnel tunnel = ask(scene, HANDSHAKE);
    player_forget(&tunnel.endpoint);
    pair_put(tunnel.client, "early");
    pair_let_pass(&scene->pair);
    player_expect_nothing(&tunnel.endpoint);

    send_switch(&tunnel, "", "first");

    wait_for_text(scene, tunnel.client, "first");
    player_expect(&tunnel.endpoint, "early");
    pair_put(tunnel.client, "late");
    player_expect(&tunnel.endpoint, "late");
    player_close(&tunnel.endpoint);
}

/* --- other answers --------------------------------------------------------------------------- */

static void another_answer_is_an_ordinary_one(void **state)
{
    struct scene *scene = *state;
    struct tunnel tunnel = ask(scene, HANDSHAKE);
    pair_put(tunnel.client, "early");
    pair_let_pass(&scene->pair);

    player_send(&tunnel.endpoint, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");

    PAIR_WAIT(&scene->pair, tunnel.client->is_closed);
    assert_contains(&tunnel.client->fields, ":status=403\n");
    assert_string_equal(buffer_string(&tunnel.client->in.bytes), "no");
    assert_int_equal(open_tunnels(scene), 0);
    assert_false(scene->pair.client.is_over);
    player_close(&tunnel.endpoint);
}

static void expect_502(struct scene *scene, struct tunnel *tunnel)
{
    PAIR_WAIT(&scene->pair, tunnel->client->is_closed);
    assert_contains(&tunnel->client->fields, ":status=502\n");
    assert_int_equal(open_tunnels(scene), 0);
    player_close(&tunnel->endpoint);
}

/* To the client any 2xx is the switch. */
static void an_answer_that_is_no_switch_does_not_look_like_one(void **state)
{
    struct scene *scene = *state;
    struct tunnel tunnel = ask(scene, HANDSHAKE);
    player_send(&tunnel.endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    expect_502(scene, &tunnel);

    tunnel = ask(scene, HANDSHAKE);
    player_send(&tunnel.endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf");
    expect_502(scene, &tunnel);

    tunnel = ask(scene, HANDSHAKE);
    player_send(&tunnel.endpoint, "HTTP/1.1 204 No Content\r\n\r\n");
    expect_502(scene, &tunnel);
}

static void a_switch_that_answers_another_key_is_none(void **state)
{
    struct scene *scene = *state;
    struct tunnel tunnel = ask(scene, HANDSHAKE);
    memcpy(tunnel.key, "dGhlIHNhbXBsZSBub25jZQ==", WEBSOCKET_SWITCH_KEY_BYTES);
    send_switch(&tunnel, "", "");
    expect_502(scene, &tunnel);
}

/* --- what is not taken ----------------------------------------------------------------------- */

static void what_is_no_handshake_reaches_nobody(void **state)
{
    struct scene *scene = *state;
    static const struct {
        const char *fields;
        const char *status; /* NULL: the stream is reset */
    } cases[] = {
        {CONNECT_TO("connect-udp") "sec-websocket-version=13\n", ":status=501\n"},
        {CONNECT_TO("") "sec-websocket-version=13\n", NULL},
        {CONNECT_TO("websocket"), ":status=400\n"},
        {CONNECT_TO("websocket") "sec-websocket-version=8\n", ":status=400\n"},
        {HANDSHAKE "sec-websocket-version=13\n", ":status=400\n"},
        {HANDSHAKE "content-length=4\n", ":status=400\n"},
        {HANDSHAKE "content-length=0\n", ":status=400\n"},
        {HANDSHAKE "host=other\n", ":status=400\n"},
        {":method=CONNECT\n:protocol=websocket\n:scheme=http\n:authority=shop\n:path=/a/../b\n"
         "sec-websocket-version=13\n",
         ":status=400\n"},
        {":method=CONNECT\n:authority=shop:443\n", ":status=405\n"},
        {":method=GET\n:protocol=websocket\n:scheme=http\n:authority=shop\n:path=/chat\n"
         "sec-websocket-version=13\n",
         NULL},
        {":method=CONNECT\n:protocol=websocket\n:authority=shop\nsec-websocket-version=13\n", NULL},
        {HANDSHAKE "upgrade=websocket\n", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct stream *client = pair_request(&scene->pair, cases[i].fields, true);
        PAIR_WAIT(&scene->pair, client->is_closed);
        bool is_fine = cases[i].status == NULL
                           ? client->error == HTTP2_PROTOCOL_ERROR && client->heads == 0
                           : strstr(buffer_string(&client->fields), cases[i].status) != NULL;
        if (!is_fine)
            fail_msg("%s: error %u, %s", cases[i].fields, client->error,
                     buffer_string(&client->fields));
    }
    assert_false(scene->pair.client.is_over);
    assert_false(stage_has_connection(scene->stage, 0));
    assert_int_equal(open_tunnels(scene), 0);
}

/* --- the end --------------------------------------------------------------------------------- */

static void an_endpoint_that_closes_ends_the_stream(void **state)
{
    struct scene *scene = *state;
    struct tunnel tunnel = open_tunnel(scene);

    player_send(&tunnel.endpoint, "bye");
    player_close(&tunnel.endpoint);

    PAIR_WAIT(&scene->pair, tunnel.client->is_closed);
    assert_true(tunnel.client->has_ended);
    assert_int_equal(tunnel.client->error, HTTP2_NO_ERROR);
    assert_string_equal(buffer_string(&tunnel.client->in.bytes), "bye");
    assert_int_equal(open_tunnels(scene), 0);
    assert_int_equal(conn_pool_count(scene->stage->worker->pool), 0);
    assert_false(scene->pair.client.is_over);
}

static void a_client_that_finishes_may_still_be_answered(void **state)
{
    struct scene *scene = *state;
    struct tunnel tunnel = open_tunnel(scene);

    pair_put(tunnel.client, "bye");
    pair_finish(tunnel.client);
    player_expect(&tunnel.endpoint, "bye");
    player_expect_end(&tunnel.endpoint);
    assert_int_equal(open_tunnels(scene), 1);
    player_send(&tunnel.endpoint, "and bye");
    player_close(&tunnel.endpoint);

    PAIR_WAIT(&scene->pair, tunnel.client->is_closed);
    assert_true(tunnel.client->has_ended);
    assert_string_equal(buffer_string(&tunnel.client->in.bytes), "and bye");
}

static void a_client_that_finished_before_the_switch_is_finished(void **state)
{
    struct scene *scene = *state;
    struct tunnel tunnel = ask(scene, HANDSHAKE);
    pair_put(tunnel.client, "early");
    pair_finish(tunnel.client);
    pair_let_pass(&scene->pair);

    send_switch(&tunnel, "", "");

    player_expect(&tunnel.endpoint, "early");
    player_expect_end(&tunnel.endpoint);
    player_close(&tunnel.endpoint);
}

static void a_client_that_resets_ends_the_tunnel(void **state)
{
    struct scene *scene = *state;
    struct tunnel tunnel = open_tunnel(scene);
    http2_stream_reset(&tunnel.client->http2, HTTP2_CANCEL);
    player_expect_gone(&tunnel.endpoint);
    assert_int_equal(open_tunnels(scene), 0);
    player_close(&tunnel.endpoint);

    tunnel = ask(scene, HANDSHAKE);
    pair_put(tunnel.client, "early");
    pair_let_pass(&scene->pair);
    http2_stream_reset(&tunnel.client->http2, HTTP2_CANCEL);
    player_expect_gone(&tunnel.endpoint);
    player_close(&tunnel.endpoint);
}

static void an_endpoint_that_breaks_off_resets_the_stream(void **state)
{
    struct scene *scene = *state;
    struct tunnel tunnel = open_tunnel(scene);

    player_reset(&tunnel.endpoint);

    PAIR_WAIT(&scene->pair, tunnel.client->is_closed);
    assert_false(tunnel.client->has_ended);
    assert_int_equal(tunnel.client->error, HTTP2_CANCEL);
    assert_int_equal(open_tunnels(scene), 0);
}

static void a_connection_that_ends_takes_its_tunnels_with_it(void **state)
{
    struct scene *scene = *state;
    struct tunnel open = open_tunnel(scene);
    struct tunnel asked = ask(scene, HANDSHAKE);
    pair_put(asked.client, "early");
    pair_let_pass(&scene->pair);

    pair_end(&scene->pair.client);

    player_expect_gone(&open.endpoint);
    player_expect_gone(&asked.endpoint);
    assert_int_equal(open_tunnels(scene), 0);
    player_close(&open.endpoint);
    player_close(&asked.endpoint);
}

/* --- time and memory ------------------------------------------------------------------------- */

static void a_tunnel_outlives_the_limits_of_requests(void **state)
{
    struct scene *scene = *state;
    struct stage *stage = scene->stage;
    stage->route.request_timeout_ms = 1000;
    stage->route.try_timeout_ms = 500;
    stage->shared.http.max_body_bytes = 10;
    scene_begin(scene);
    struct tunnel tunnel = open_tunnel(scene);

    for (int i = 0; i < 3; i++) {
        stage_advance(stage, 10 * 60 * 1000);
        pair_put(tunnel.client, "a long message");
        player_expect(&tunnel.endpoint, "a long message");
        player_send(&tunnel.endpoint, "an answer");
        wait_for_text(scene, tunnel.client, "an answer");
    }
    player_close(&tunnel.endpoint);
}

static void an_idle_tunnel_is_closed_after_its_time(void **state)
{
    struct scene *scene = *state;
    struct stage *stage = scene->stage;
    stage->shared.http.tunnel_idle_timeout_ms = 1000;
    scene_begin(scene);
    struct tunnel tunnel = open_tunnel(scene);

    stage_advance(stage, 900);
    pair_put(tunnel.client, "ping");
    player_expect(&tunnel.endpoint, "ping");
    stage_advance(stage, 900);
    assert_int_equal(open_tunnels(scene), 1);
    stage_advance(stage, 101);

    PAIR_WAIT(&scene->pair, tunnel.client->is_closed);
    assert_true(tunnel.client->has_ended);
    player_expect_gone(&tunnel.endpoint);
    assert_int_equal(open_tunnels(scene), 0);
    player_close(&tunnel.endpoint);
}

enum { MUCH_BYTES = 1000 * 1000 };

static void who_does_not_read_holds_up_the_other(void **state)
{
    struct scene *scene = *state;
    struct tunnel tunnel = open_tunnel(scene);
    pair_put_zeros(tunnel.client, 64 * MUCH_BYTES);
    pair_let_pass(&scene->pair);

    uint64_t taken = 0;
    for (int still = 0; still < 50; still++) {
        uint64_t now = counter_read(&scene->stage->worker->counters->client_bytes_in);
        still = now == taken ? still : 0;
        taken = now;
        stage_turn(scene->stage);
    }
    assert_true(taken < 64 * MUCH_BYTES); /* the rest waits on the client's side */

    player_expect_bytes(&tunnel.endpoint, taken + MUCH_BYTES);
    player_close(&tunnel.endpoint);
}

static void a_client_that_takes_nothing_is_let_go(void **state)
{
    static char zeros[64 * 1024];
    struct scene *scene = *state;
    struct stage *stage = scene->stage;
    struct tunnel tunnel = open_tunnel(scene);
    for (int idle = 0; idle < 50; idle++) { /* the client's window is full, and all behind it */
        if (player_send_some(&tunnel.endpoint, zeros, sizeof(zeros)) > 0)
            idle = 0;
        stage_turn(stage);
    }

    /* The first time it has taken something since the one before. */
    stage_advance(stage, stage->shared.http.write_stall_timeout_ms);
    assert_int_equal(open_tunnels(scene), 1);
    stage_advance(stage, stage->shared.http.write_stall_timeout_ms);

    PAIR_WAIT(&scene->pair, tunnel.client->is_closed);
    assert_int_equal(tunnel.client->error, HTTP2_CANCEL);
    player_expect_gone(&tunnel.endpoint);
    assert_int_equal(open_tunnels(scene), 0);
    assert_false(scene->pair.client.is_over);
    player_close(&tunnel.endpoint);
}

static void much_that_comes_early_waits_too(void **state)
{
    struct scene *scene = *state;
    struct tunnel tunnel = ask(scene, HANDSHAKE);
    pair_put_zeros(tunnel.client, MUCH_BYTES);
    pair_let_pass(&scene->pair);
    assert_in_range(counter_read(&scene->stage->worker->counters->client_bytes_in), 0, 70000);

    send_switch(&tunnel, "", "");

    player_expect_bytes(&tunnel.endpoint, MUCH_BYTES);
    player_close(&tunnel.endpoint);
}

static void draining_waits_for_tunnels_until_its_time(void **state)
{
    struct scene *scene = *state;
    struct stage *stage = scene->stage;
    struct tunnel tunnel = open_tunnel(scene);

    worker_drain(stage->worker, stage->now_ms + 5000, false);
    PAIR_WAIT(&scene->pair, scene->pair.client.session.has_peer_goaway);
    stage_advance(stage, 4000);
    pair_put(tunnel.client, "still here");
    player_expect(&tunnel.endpoint, "still here");
    stage_advance(stage, 1000);

    PAIR_WAIT(&scene->pair, stage->worker->is_drained);
    player_expect_gone(&tunnel.endpoint);
    player_close(&tunnel.endpoint);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_set_up, scene_tear_down)
#define PREPARED(name) cmocka_unit_test_setup_teardown(name, scene_prepare, scene_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_handshake_goes_through_as_one_of_http1),
        TEST(each_handshake_has_a_key_of_its_own),
        TEST(bytes_go_both_ways_as_they_are),
        TEST(what_comes_before_the_switch_waits_for_it),
        TEST(another_answer_is_an_ordinary_one),
        TEST(an_answer_that_is_no_switch_does_not_look_like_one),
        TEST(a_switch_that_answers_another_key_is_none),
        TEST(what_is_no_handshake_reaches_nobody),
        TEST(an_endpoint_that_closes_ends_the_stream),
        TEST(a_client_that_finishes_may_still_be_answered),
        TEST(a_client_that_finished_before_the_switch_is_finished),
        TEST(a_client_that_resets_ends_the_tunnel),
        TEST(an_endpoint_that_breaks_off_resets_the_stream),
        TEST(a_connection_that_ends_takes_its_tunnels_with_it),
        PREPARED(a_tunnel_outlives_the_limits_of_requests),
        PREPARED(an_idle_tunnel_is_closed_after_its_time),
        TEST(who_does_not_read_holds_up_the_other),
        TEST(a_client_that_takes_nothing_is_let_go),
        TEST(much_that_comes_early_waits_too),
        TEST(draining_waits_for_tunnels_until_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
