/* Accepting: connections come in, as many as there are, and are set up as they should be. */
#include "proxy/http/client_connection.h"
#include "proxy/http/worker.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

enum { MANY = 100 };

static void many_at_once_are_all_accepted(void **state)
{
    struct stage *stage = *state;
    struct player clients[MANY];
    for (size_t i = 0; i < MANY; i++)
        clients[i] = stage_connect(stage);

    /* What a turn leaves, the next one is told of, without anybody new. */
    for (int turn = 0; turn < MANY && stage->worker->connection_count < MANY; turn++)
        stage_turn(stage);

    assert_int_equal(stage->worker->connection_count, MANY);
    for (size_t i = 0; i < MANY; i++)
        player_close(&clients[i]);
}

static void a_flood_is_taken_in_large_steps_after_a_while(void **state)
{
    struct stage *stage = *state;
    struct player clients[MANY];
    for (size_t i = 0; i < MANY; i++)
        clients[i] = stage_connect(stage);

    int turns = 0;
    for (; stage->worker->connection_count < MANY; turns++)
        stage_turn(stage);

    assert_in_range(turns, 1, MANY / 4);
    for (size_t i = 0; i < MANY; i++)
        player_close(&clients[i]);
}

/* Else a second small write would wait for the client to acknowledge the first. */
static void small_writes_are_not_held_back(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    stage_turn(stage);
    assert_non_null(stage->worker->connections);

    int on = 0;
    socklen_t length = sizeof(on);
    int fd = client_connection_fd(stage->worker->connections);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &length), 0);

    assert_int_not_equal(on, 0);
    player_close(&client);
}

static struct player connect_from(struct stage *stage, const char *text)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    assert_int_equal(inet_pton(AF_INET, text, &from.sin_addr), 1);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(listener_identity(stage->listener)->port)};
    struct player player = {.stage = stage, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(bind(player.fd, (struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(player.fd, (struct sockaddr *)&to, sizeof(to)), 0);
    fcntl(player.fd, F_SETFL, O_NONBLOCK);
    return player;
}

static void the_service_is_told_the_address_of_the_client(void **state)
{
    struct stage *stage = *state;
    static const char *const addresses[] = {"127.0.0.9", "127.10.99.100", "127.255.209.10"};
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        struct player client = connect_from(stage, addresses[i]);
        player_send(&client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        struct player endpoint = stage_accept(stage, 0);

        char expected[64];
        snprintf(expected, sizeof(expected), "x-forwarded-for: %s\r\n", addresses[i]);
        player_expect(&endpoint, expected);

        player_close(&client);
        player_close(&endpoint);
    }
}

int main(void)
{
#define ON_STAGE(test)                                                                             \
    cmocka_unit_test_setup_teardown(test, stage_set_up_and_start, stage_tear_down)
    const struct CMUnitTest tests[] = {
        ON_STAGE(many_at_once_are_all_accepted),
        ON_STAGE(a_flood_is_taken_in_large_steps_after_a_while),
        ON_STAGE(small_writes_are_not_held_back),
        ON_STAGE(the_service_is_told_the_address_of_the_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
