/* Changes come as fast as they can be made, while many connections ask all the time: no request
 * fails, and none is answered by a table older than a change that was acknowledged when it came in.
 * The rate depends on the disk and is told, not asserted; tests/bench/bench_churn measures it. */
#include "common/clock.h"
#include "tests/support/check.h"
#include "tests/support/control_client.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_connection.h"
#include "tests/support/load.h"
#include "tests/support/nginx.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Those who change share what is synced to the disk, so many of them are faster. */
enum { CONNECTIONS = 64, CHANGERS = 32, ROUNDS = 30 };

static struct temp_dir *files;
static struct nginx *steady;
static struct fake_upstream *services[2];
static struct pointsman *pointsman;
static atomic_bool is_stopping;
static atomic_ulong change_count;

static int start(void **state)
{
    (void)state;
    files = temp_dir_new();
    free(temp_dir_write(files, "steady", "steady\n"));
    steady = nginx_start(files);
    services[0] = fake_upstream_start("blue");
    services[1] = fake_upstream_start("green");
    pointsman = pointsman_start(&(struct pointsman_options){.workers = "4"});
    pointsman_routectl_ok(pointsman, "add", "steady", "--path-prefix", "/steady", "--to",
                          nginx_url(steady), NULL);
    pointsman_routectl_ok(pointsman, "backend", "add", "page-0", "--to",
                          fake_upstream_url(services[0]), NULL);
    pointsman_routectl_ok(pointsman, "add", "page", "--path-prefix", "/page", "--backend", "page-0",
                          NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(services[0]);
    fake_upstream_free(services[1]);
    nginx_free(steady);
    temp_dir_free(files);
    return 0;
}

/* Returns the revision. */
static uint64_t change(struct grpc_client *client, const char *prefix, int port)
{
    struct grpc_result result = {0};
    uint64_t revision = control_client_put_backends(client, prefix, 1, (uint32_t)port, &result);
    CHECK(revision != 0, "a change was not taken");
    grpc_result_clear(&result);
    atomic_fetch_add(&change_count, 1);
    return revision;
}

/* One change behind the other, each as soon as the one before is on disk. */
static void *change_others(void *context)
{
    char prefix[32];
    snprintf(prefix, sizeof(prefix), "other-%zu", (size_t)context);
    struct grpc_client *client = control_client_connect(pointsman_socket(pointsman));
    for (int port = 1; !atomic_load(&is_stopping); port = port % 60000 + 1)
        change(client, prefix, port);
    grpc_client_free(client);
    return NULL;
}

static void wait_until_live(uint64_t revision)
{
    char text[32];
    snprintf(text, sizeof(text), "%" PRIu64, revision);
    pointsman_routectl_ok(pointsman, "wait", text, NULL);
}

/* Every connection asks, and is answered by that service. */
static void expect_everywhere(struct http_connection *connections[CONNECTIONS], const char *name)
{
    char expected[64];
    snprintf(expected, sizeof(expected), "\r\nX-Served-By: %s\r\n", name);
    for (size_t i = 0; i < CONNECTIONS; i++)
        http_connection_send_text(connections[i], "GET /page HTTP/1.1\r\nHost: h\r\n\r\n");
    for (size_t i = 0; i < CONNECTIONS; i++) {
        struct http_message response = HTTP_MESSAGE_EMPTY;
        assert_int_equal(http_connection_receive(connections[i], &response, WAIT_MS),
                         HTTP_COMPLETE);
        assert_int_equal(response.status, 200);
        assert_non_null(strcasestr(buffer_string(&response.head), expected));
        http_message_clear(&response);
    }
}

static void no_request_fails_or_sees_an_older_table(void **state)
{
    (void)state;
    struct http_connection *connections[CONNECTIONS];
    for (size_t i = 0; i < CONNECTIONS; i++) {
        connections[i] = http_connection_open(pointsman_port(pointsman));
        assert_non_null(connections[i]);
    }
    struct grpc_client *client = control_client_connect(pointsman_socket(pointsman));
    struct load *load = load_start(pointsman_port(pointsman), "h", "/steady", CONNECTIONS);
    pthread_t changers[CHANGERS];
    for (size_t i = 0; i < CHANGERS; i++)
        assert_int_equal(pthread_create(&changers[i], NULL, change_others, (void *)i), 0);
    uint64_t started_ms = clock_now_ms();

    for (int round = 0; round < ROUNDS; round++) {
        const char *name = round % 2 == 0 ? "green" : "blue";
        struct fake_upstream *service = services[(round + 1) % 2];
        wait_until_live(change(client, "page", fake_upstream_port(service)));
        expect_everywhere(connections, name);
    }

    uint64_t took_ms = clock_now_ms() - started_ms;
    atomic_store(&is_stopping, true);
    for (size_t i = 0; i < CHANGERS; i++)
        pthread_join(changers[i], NULL);
    struct load_tally tally = load_stop(load);
    print_message("%lu changes a second, %zu answers meanwhile\n",
                  atomic_load(&change_count) * 1000 / (unsigned long)(took_ms + 1), tally.answered);
    assert_true(tally.answered > 0);
    assert_int_equal(tally.refused + tally.unanswered + tally.broken + tally.failed, 0);
    grpc_client_free(client);
    for (size_t i = 0; i < CONNECTIONS; i++)
        http_connection_close(connections[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_request_fails_or_sees_an_older_table),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
