/* Floods of connections: over a cap they are closed or wait, whoever is idle makes room, and
 * without descriptors the proxy neither spins nor stays that way. */
#include "common/clock.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_connection.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FLOOD = 200, CAP = 40, PEER_CAP = 10 };

static struct fake_upstream *service;
static struct pointsman *pointsman;

static void start_with_workers(const char *const *arguments, const char *workers)
{
    service = fake_upstream_start("service");
    pointsman = pointsman_start(
        &(struct pointsman_options){.proxy_arguments = arguments, .workers = workers});
    pointsman_routectl_ok(pointsman, "add", "service", "--path-prefix", "/", "--to",
                          fake_upstream_url(service), NULL);
}

static void start_with(const char *const *arguments)
{
    start_with_workers(arguments, "1");
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(service);
    return 0;
}

/* From another address of loopback than everyone else. */
static int connect_from(const char *source)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)pointsman_port(pointsman)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(inet_pton(AF_INET, source, &from.sin_addr), 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void expect_served(void)
{
    assert_int_equal(http_get_status(pointsman_port(pointsman), "a", "/"), 200);
}

static void open_all(struct http_connection **clients, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        clients[i] = http_connection_open(pointsman_port(pointsman));
        assert_non_null(clients[i]);
        if (text != NULL)
            http_connection_send_text(clients[i], text);
    }
}

static void close_all(struct http_connection **clients, size_t count)
{
    for (size_t i = 0; i < count; i++)
        http_connection_close(clients[i]);
}

/* --- the cap of all -------------------------------------------------------------------------- */

static int start_capped(void **state)
{
    (void)state;
    static const char *const arguments[] = {"--max-connections=40", "--head-timeout=1s",
                                            "--linger-timeout=100ms", NULL};
    start_with(arguments);
    return 0;
}

static void a_flood_that_says_nothing_keeps_nobody_out(void **state)
{
    (void)state;
    struct http_connection *clients[FLOOD];
    open_all(clients, FLOOD, NULL);

    uint64_t started_ms = clock_now_ms();
    expect_served();
    assert_true(clock_now_ms() - started_ms < 2000); /* it had not to wait for a timeout */

    for (size_t i = 0; i < FLOOD - CAP; i++)
        assert_true(http_connection_is_closed_within(clients[i], WAIT_MS));
    close_all(clients, FLOOD);
}

static void a_flood_of_heads_that_never_end_is_over_with_their_time(void **state)
{
    (void)state;
    struct http_connection *clients[FLOOD];
    open_all(clients, FLOOD, "GET / HTTP/1.1\r\nX: ");

    expect_served();

    assert_true(pointsman_page_has(pointsman, "/metrics", "reason=\"head_timeout\"} "));
    close_all(clients, FLOOD);
}

static int start_with_room_for_one(void **state)
{
    (void)state;
    static const char *const arguments[] = {"--max-connections=1", NULL};
    start_with_workers(arguments, "2");
    return 0;
}

/* As often as not, who is idle and who comes are clients of two workers. */
static void who_is_idle_makes_room_at_another_worker_too(void **state)
{
    (void)state;
    for (int i = 0; i < 16; i++) {
        struct http_connection *idle;
        struct http_message response = HTTP_MESSAGE_EMPTY;
        open_all(&idle, 1, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_int_equal(http_connection_receive(idle, &response, WAIT_MS), HTTP_COMPLETE);
        http_message_clear(&response);

        uint64_t started_ms = clock_now_ms();
        expect_served();
        assert_true(clock_now_ms() - started_ms < 2000);

        assert_true(http_connection_is_closed_within(idle, WAIT_MS));
        http_connection_close(idle);
    }
}

static const char *const room_for_two[] = {"--max-connections=2", NULL};

static int start_with_room_for_two(void **state)
{
    (void)state;
    start_with(room_for_two);
    return 0;
}

/* They see the last place at the same moment. */
static int start_workers_with_room_for_two(void **state)
{
    (void)state;
    start_with_workers(room_for_two, "4");
    return 0;
}

/* Whether it is served. A client that a busy machine has kept from saying anything for as long as
 * makes it count as idle may be closed for another: it asks again. */
static bool is_served_at_once(void)
{
    enum { COUNTS_AS_IDLE_MS = 10 };
    bool was_slow;
    bool is_served;
    do {
        uint64_t started_ms = clock_now_ms();
        struct http_connection *connection = http_connection_open(pointsman_port(pointsman));
        struct http_message response = HTTP_MESSAGE_EMPTY;
        assert_non_null(connection);
        http_connection_send_text(connection,
                                  "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        was_slow = clock_now_ms() - started_ms >= COUNTS_AS_IDLE_MS - 1;
        is_served = http_connection_receive(connection, &response, WAIT_MS) == HTTP_COMPLETE &&
                    response.status == 200;
        http_message_clear(&response);
        http_connection_close(connection);
    } while (!is_served && was_slow);
    return is_served;
}

static void *get_again_and_again(void *context)
{
    unsigned *failed = context;
    for (int i = 0; i < 30; i++)
        *failed += !is_served_at_once();
    return NULL;
}

/* Nobody whose request is on its way is idle. */
static void more_clients_than_there_may_be_are_served_one_after_the_other(void **state)
{
    (void)state;
    enum { CLIENTS = 8 };
    pthread_t threads[CLIENTS];
    unsigned failed[CLIENTS] = {0};

    for (size_t i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, get_again_and_again, &failed[i]), 0);
    for (size_t i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);

    for (size_t i = 0; i < CLIENTS; i++)
        assert_int_equal(failed[i], 0);
}

/* --- the cap of one address ------------------------------------------------------------------ */

static int start_capped_by_peer(void **state)
{
    (void)state;
    static const char *const arguments[] = {"--max-connections-per-peer=10", NULL};
    start_with(arguments);
    return 0;
}

static void one_address_is_held_to_its_cap_and_others_are_not(void **state)
{
    (void)state;
    int fds[PEER_CAP];
    char byte;
    for (size_t i = 0; i < PEER_CAP; i++)
        fds[i] = connect_from("127.0.0.9");
    int over = connect_from("127.0.0.9");
    assert_int_equal(recv(over, &byte, 1, 0), 0);
    expect_served();
    for (size_t i = 0; i < PEER_CAP; i++)
        assert_int_equal(recv(fds[i], &byte, 1, MSG_DONTWAIT), -1);

    close(fds[0]);
    close(over);
    const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    uint64_t deadline_ms = clock_now_ms() + WAIT_MS;
    ssize_t received = 0;
    while (received <= 0) {
        assert_true(clock_now_ms() < deadline_ms);
        fds[0] = connect_from("127.0.0.9");
        send(fds[0], request, sizeof(request) - 1, MSG_NOSIGNAL);
        received = recv(fds[0], &byte, 1, 0);
        if (received <= 0)
            close(fds[0]);
    }
    for (size_t i = 0; i < PEER_CAP; i++)
        close(fds[i]);
}

/* --- descriptors ----------------------------------------------------------------------------- */

static int start_uncapped(void **state)
{
    (void)state;
    static const char *const arguments[] = {"--head-timeout=5m", "--max-connections=100000", NULL};
    start_with(arguments);
    return 0;
}

/* Of the proxy, so far; in clock ticks of 10 ms. */
static unsigned long cpu_ticks(void)
{
    char path[64];
    unsigned long user, system;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)process_id(pointsman_proxy(pointsman)));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file,
                            "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                            &user, &system),
                     2);
    fclose(file);
    return user + system;
}

static bool has_paused(void *context)
{
    (void)context;
    return !pointsman_page_has(pointsman, "/metrics", "\npointsman_accept_pauses_total 0\n");
}

static bool never(void *context)
{
    (void)context;
    return false;
}

static void out_of_descriptors_it_waits_without_spinning_and_recovers(void **state)
{
    (void)state;
    struct http_connection *clients[FLOOD];
    pid_t proxy = process_id(pointsman_proxy(pointsman));
    struct rlimit before;
    assert_int_equal(prlimit(proxy, RLIMIT_NOFILE, NULL, &before), 0);
    expect_served();
    struct rlimit low = {.rlim_cur = 100, .rlim_max = before.rlim_max};
    assert_int_equal(prlimit(proxy, RLIMIT_NOFILE, &low, NULL), 0);
    open_all(clients, FLOOD, "GET / HTTP/1.1\r\nX: ");

    unsigned long ticks_before = cpu_ticks();
    wait_until(never, NULL, 1000);
    unsigned long ticks = cpu_ticks() - ticks_before;
    assert_in_range(ticks, 0, 20); /* a fifth of a second; who spins takes all of it */

    low.rlim_cur = before.rlim_cur;
    assert_int_equal(prlimit(proxy, RLIMIT_NOFILE, &low, NULL), 0);
    expect_served();
    assert_true(has_paused(NULL));
    close_all(clients, FLOOD);
}

/* The proxy with few descriptors: not by us, who want ours back. */
static int start_with_few(void **state)
{
    (void)state;
    char *program = pointsman_program("pointsman-proxy");
    char script[512];
    snprintf(script, sizeof(script), "#!/bin/sh\nulimit -n 64\nexec %s \"$@\"\n", program);
    service = fake_upstream_start("service");
    pointsman = pointsman_new(&(struct pointsman_options){.workers = "2"});
    char *path = temp_dir_write(pointsman_dir(pointsman), "few", script);
    assert_int_equal(chmod(path, 0700), 0);
    pointsman_set_proxy_program(pointsman, path);
    pointsman_start_control(pointsman);
    pointsman_start_proxy(pointsman);
    pointsman_wait_ready(pointsman);
    pointsman_routectl_ok(pointsman, "add", "service", "--path-prefix", "/", "--to",
                          fake_upstream_url(service), NULL);
    free(path);
    free(program);
    return 0;
}

/* Who has sent nothing yet is closed for the next, so of a flood that still comes in one may be. */
static bool is_served(void *context)
{
    (void)context;
    return http_get_status(pointsman_port(pointsman), "a", "/") == 200;
}

static void with_few_descriptors_it_has_so_many_clients_less(void **state)
{
    (void)state;
    struct http_connection *clients[FLOOD];
    open_all(clients, FLOOD, NULL);

    for (int i = 0; i < 20; i++)
        assert_true(wait_until(is_served, NULL, 2000));

    close_all(clients, FLOOD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_flood_that_says_nothing_keeps_nobody_out, start_capped,
                                        stop),
        cmocka_unit_test_setup_teardown(a_flood_of_heads_that_never_end_is_over_with_their_time,
                                        start_capped, stop),
        cmocka_unit_test_setup_teardown(who_is_idle_makes_room_at_another_worker_too,
                                        start_with_room_for_one, stop),
        cmocka_unit_test_setup_teardown(
            more_clients_than_there_may_be_are_served_one_after_the_other, start_with_room_for_two,
            stop),
        cmocka_unit_test_setup_teardown(
            more_clients_than_there_may_be_are_served_one_after_the_other,
            start_workers_with_room_for_two, stop),
        cmocka_unit_test_setup_teardown(one_address_is_held_to_its_cap_and_others_are_not,
                                        start_capped_by_peer, stop),
        cmocka_unit_test_setup_teardown(out_of_descriptors_it_waits_without_spinning_and_recovers,
                                        start_uncapped, stop),
        cmocka_unit_test_setup_teardown(with_few_descriptors_it_has_so_many_clients_less,
                                        start_with_few, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
