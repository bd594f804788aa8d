#include "tests/unit/proxy/http/stage.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "proxy/http/conn_pool.h"
#include "proxy/http/connection_limits.h"
#include "proxy/http/front_http1.h"
#include "tests/unit/cmocka_all.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Turns until something that should happen counts as not happening, and the other way round. */
enum { PATIENCE_TURNS = 2000, QUIET_TURNS = 20, TURN_MS = 2 };

/* --- the stage ------------------------------------------------------------------------------- */

static int listen_on_loopback(uint16_t *port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

struct stage *stage_new(void)
{
    struct stage *stage = memory_allocate_zeroed(1, sizeof(*stage));
    one_route_init(&stage->route);
    stage->now_ms = 1000000;
    clock_set_for_test(stage->now_ms);
    clock_set_wall_for_test(STAGE_WALL_MS);
    stage->endpoint_count = 1;
    for (size_t i = 0; i < STAGE_ENDPOINTS; i++)
        stage->endpoint_fds[i] = listen_on_loopback(&stage->endpoint_ports[i]);
    stage->counters = counters_new(1);
    stage->listener = listener_open_at("127.0.0.1:0", 1, NULL, NULL);
    assert_non_null(stage->listener);
    stage->shared = (struct worker_shared){
        .http = HTTP_OPTIONS_DEFAULT,
        .route_cache = stage->route.cache,
        .counters = stage->counters,
        .replay_bytes = &stage->replay_bytes,
        .listeners = &stage->listener,
        .listener_count = 1,
        .workers = &stage->worker,
        .worker_count = 1,
    };
    return stage;
}

void stage_start(struct stage *stage)
{
    if (!stage->has_no_table)
        one_route_publish(&stage->route, stage->endpoint_ports, stage->endpoint_count);
    stage->shared.limits = connection_limits_new(stage->shared.http.max_connections,
                                                 stage->shared.http.max_connections_per_peer);
    stage->worker = worker_new(&stage->shared, 0, NULL);
    worker_set_up(stage->worker);
}

void stage_free(struct stage *stage)
{
    worker_tear_down(stage->worker);
    worker_free(stage->worker);
    listener_close(stage->listener);
    connection_limits_free(stage->shared.limits);
    one_route_clear(&stage->route);
    counters_free(stage->counters);
    for (size_t i = 0; i < STAGE_ENDPOINTS; i++) {
        if (stage->endpoint_fds[i] >= 0)
            close(stage->endpoint_fds[i]);
    }
    clock_set_for_test(0);
    clock_set_wall_for_test(0);
    free(stage);
}

int stage_set_up(void **state)
{
    *state = stage_new();
    return 0;
}

int stage_set_up_and_start(void **state)
{
    stage_set_up(state);
    stage_start(*state);
    return 0;
}

int stage_tear_down(void **state)
{
    stage_free(*state);
    return 0;
}

void stage_turn(struct stage *stage)
{
    worker_run_once(stage->worker, TURN_MS);
}

void stage_advance(struct stage *stage, uint64_t milliseconds)
{
    stage->now_ms += milliseconds;
    clock_set_for_test(stage->now_ms);
    for (int i = 0; i < 3; i++)
        stage_turn(stage);
}

struct player stage_connect(struct stage *stage)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(listener_identity(stage->listener)->port)};
    struct player player = {.stage = stage, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(connect(player.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    fcntl(player.fd, F_SETFL, O_NONBLOCK);
    return player;
}

struct front_http1 *stage_front(struct stage *stage)
{
    return stage->worker->connections->state;
}

struct player stage_accept(struct stage *stage, size_t index)
{
    struct player player = {.stage = stage};
    for (int i = 0; i < PATIENCE_TURNS; i++) {
        player.fd = accept4(stage->endpoint_fds[index], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (player.fd >= 0)
            return player;
        stage_turn(stage);
    }
    fail_msg("nobody connected to endpoint %zu", index);
    return player;
}

struct player stage_forward(struct stage *stage, struct player *client, const char *request)
{
    player_send(client, request);
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\n\r\n");
    return endpoint;
}

struct player stage_warm_up(struct stage *stage, struct player *client)
{
    struct player endpoint = stage_forward(stage, client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    player_expect(client, "\r\n\r\nok");
    assert_int_equal(conn_pool_count(stage->worker->pool), 1);
    return endpoint;
}

void stage_expect_own_answer(struct stage *stage, struct player *client, const char *status_line,
                             unsigned connection_count)
{
    player_expect(client, status_line);
    player_expect(client, ".\n");
    player_expect_nothing(client);
    assert_int_equal(stage->worker->connection_count, connection_count);
}

bool stage_has_connection(struct stage *stage, size_t index)
{
    for (int i = 0; i < QUIET_TURNS; i++) {
        int fd = accept4(stage->endpoint_fds[index], NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            close(fd);
            return true;
        }
        stage_turn(stage);
    }
    return false;
}

void stage_stop_endpoint(struct stage *stage, size_t index)
{
    close(stage->endpoint_fds[index]);
    stage->endpoint_fds[index] = -1;
}

/* --- players --------------------------------------------------------------------------------- */

size_t player_send_some(struct player *player, const char *bytes, size_t length)
{
    ssize_t sent = send(player->fd, bytes, length, MSG_NOSIGNAL);
    return sent > 0 ? (size_t)sent : 0;
}

void player_send(struct player *player, const char *text)
{
    size_t length = strlen(text);
    for (int i = 0; i < PATIENCE_TURNS && length > 0; i++) {
        size_t sent = player_send_some(player, text, length);
        text += sent;
        length -= sent;
        stage_turn(player->stage);
    }
    assert_int_equal(length, 0);
}

void player_read(struct player *player)
{
    ssize_t received = 1;
    while (received > 0) {
        char *room = buffer_reserve(&player->received, 65536);
        received = recv(player->fd, room, 65536, 0);
        if (received > 0)
            buffer_extend(&player->received, (size_t)received);
    }
    if (received == 0)
        player->has_ended = true;
    else if (errno == ECONNRESET)
        player->was_reset = true;
}

void player_forget(struct player *player)
{
    buffer_reset(&player->received);
}

void player_expect(struct player *player, const char *text)
{
    for (int i = 0; i < PATIENCE_TURNS; i++) {
        player_read(player);
        const char *all = buffer_string(&player->received);
        const char *found = strstr(all, text);
        if (found != NULL) {
            buffer_consume(&player->received, (size_t)(found - all) + strlen(text));
            return;
        }
        if (player->has_ended || player->was_reset)
            break;
        stage_turn(player->stage);
    }
    fail_msg("expected \"%s\"%s, received \"%s\"", text,
             player->has_ended || player->was_reset ? " before the end" : "",
             buffer_string(&player->received));
}

void player_expect_bytes(struct player *player, size_t length)
{
    for (int i = 0; i < 20 * PATIENCE_TURNS; i++) {
        player_read(player);
        if (player->received.length >= length) {
            buffer_consume(&player->received, length);
            return;
        }
        stage_turn(player->stage);
    }
    fail_msg("expected %zu bytes, received %zu", length, player->received.length);
}

static void wait_for_the_end(struct player *player)
{
    for (int i = 0; i < PATIENCE_TURNS; i++) {
        player_read(player);
        if (player->has_ended || player->was_reset)
            return;
        stage_turn(player->stage);
    }
    fail_msg("no end; received \"%s\"", buffer_string(&player->received));
}

void player_expect_end(struct player *player)
{
    wait_for_the_end(player);
    if (player->was_reset)
        fail_msg("a reset where an orderly end was expected");
    assert_string_equal(buffer_string(&player->received), "");
}

void player_expect_reset(struct player *player)
{
    wait_for_the_end(player);
    if (!player->was_reset)
        fail_msg("an orderly end where a reset was expected");
}

void player_expect_gone(struct player *player)
{
    wait_for_the_end(player);
}

void player_expect_nothing(struct player *player)
{
    for (int i = 0; i < QUIET_TURNS; i++)
        stage_turn(player->stage);
    player_read(player);
    if (player->has_ended || player->was_reset)
        fail_msg("an end where nothing was expected");
    assert_string_equal(buffer_string(&player->received), "");
}

void player_finish_sending(struct player *player)
{
    shutdown(player->fd, SHUT_WR);
}

void stage_finish_sending(struct stage *stage, struct player *client)
{
    const struct front_http1 *front = stage_front(stage);
    player_finish_sending(client);
    for (int i = 0; i < PATIENCE_TURNS && !front->is_half_closed; i++)
        stage_turn(stage);
    assert_true(front->is_half_closed);
}

void player_close(struct player *player)
{
    close(player->fd);
    buffer_clear(&player->received);
}

void player_reset(struct player *player)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(player->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    player_close(player);
}

void players_close(struct player *client, struct player *endpoint)
{
    player_close(client);
    player_close(endpoint);
}
