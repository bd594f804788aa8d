/* Balancing, from the command line to the endpoints: who gets what, and how much at once. */
#include "tests/support/fake_upstream.h"
#include "tests/support/http_connection.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { UPSTREAMS = 3, CLIENTS = 24 };

static struct fake_upstream *upstreams[UPSTREAMS];
static struct pointsman *pointsman;

static int start(void **state)
{
    static const char *const names[UPSTREAMS] = {"a", "b", "c"};
    (void)state;
    for (int i = 0; i < UPSTREAMS; i++)
        upstreams[i] = fake_upstream_start(names[i]);
    pointsman = pointsman_start(NULL);
    pointsman_routectl_ok(pointsman, "add", "shop", "--path-prefix", "/", "--backend", "shop",
                          NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    for (int i = 0; i < UPSTREAMS; i++)
        fake_upstream_free(upstreams[i]);
    return 0;
}

/* The name of the endpoint that answers a request with this header line. */
static char served_by(const char *header_line)
{
    char head[256];
    snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: h\r\n%s", header_line);
    struct http_message response = HTTP_MESSAGE_EMPTY;
    assert_int_equal(http_exchange(pointsman_port(pointsman), head, "", &response), 200);
    char *name = http_message_field(&response, "X-Served-By");
    assert_non_null(name);
    char first = *name;
    free(name);
    http_message_clear(&response);
    return first;
}

static void round_robin_follows_the_weights(void **state)
{
    (void)state;
    char heavy[64];
    snprintf(heavy, sizeof(heavy), "%s@2", fake_upstream_url(upstreams[0]));
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--policy", "RoundRobin", "--to",
                          heavy, "--to", fake_upstream_url(upstreams[1]), "--to",
                          fake_upstream_url(upstreams[2]), NULL);

    for (int i = 0; i < 40; i++)
        served_by("");

    assert_int_equal(fake_upstream_request_count(upstreams[0]), 20);
    assert_int_equal(fake_upstream_request_count(upstreams[1]), 10);
    assert_int_equal(fake_upstream_request_count(upstreams[2]), 10);
}

static void a_key_keeps_its_endpoint_and_only_those_of_one_that_leaves_move(void **state)
{
    (void)state;
    enum { KEYS = 40 };
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--policy", "ConsistentHash",
                          "--hash-header", "X-User", "--to", fake_upstream_url(upstreams[0]),
                          "--to", fake_upstream_url(upstreams[1]), "--to",
                          fake_upstream_url(upstreams[2]), NULL);
    char owners[KEYS];
    for (int key = 0; key < KEYS; key++) {
        char line[32];
        snprintf(line, sizeof(line), "X-User: %d\r\n", key);
        owners[key] = served_by(line);
        assert_int_equal(served_by(line), owners[key]);
    }

    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--replace", "--policy",
                          "ConsistentHash", "--hash-header", "X-User", "--to",
                          fake_upstream_url(upstreams[0]), "--to", fake_upstream_url(upstreams[2]),
                          NULL);

    int moved = 0;
    for (int key = 0; key < KEYS; key++) {
        char line[32];
        snprintf(line, sizeof(line), "X-User: %d\r\n", key);
        char owner = served_by(line);
        assert_int_not_equal(owner, 'b');
        if (owners[key] != 'b')
            assert_int_equal(owner, owners[key]);
        else
            moved++;
    }
    assert_true(moved > 0 && moved < KEYS);
}

static void a_cookie_keeps_its_endpoint(void **state)
{
    (void)state;
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--policy", "ConsistentHash",
                          "--hash-cookie", "session", "--to", fake_upstream_url(upstreams[0]),
                          "--to", fake_upstream_url(upstreams[1]), "--to",
                          fake_upstream_url(upstreams[2]), NULL);

    char owner = served_by("Cookie: a=1; session=zebra\r\n");
    for (int i = 0; i < 10; i++)
        assert_int_equal(served_by("Cookie: session=zebra; b=2\r\n"), owner);
}

/* The name of the endpoint that answers a client from this address. */
static char served_from(unsigned last_byte)
{
    char ip[16];
    snprintf(ip, sizeof(ip), "127.0.0.%u", last_byte);
    struct http_connection *client = http_connection_open_from(ip, pointsman_port(pointsman));
    assert_non_null(client);
    assert_true(http_connection_send_text(client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    struct http_message response = HTTP_MESSAGE_EMPTY;
    assert_int_equal(http_connection_receive(client, &response, WAIT_MS), HTTP_COMPLETE);
    char *name = http_message_field(&response, "X-Served-By");
    assert_non_null(name);
    char first = *name;
    free(name);
    http_message_clear(&response);
    http_connection_close(client);
    return first;
}

static void a_client_keeps_its_endpoint_by_its_address(void **state)
{
    enum { ADDRESSES = 40 };
    (void)state;
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--policy", "ConsistentHash",
                          "--hash-source", "--to", fake_upstream_url(upstreams[0]), "--to",
                          fake_upstream_url(upstreams[1]), "--to", fake_upstream_url(upstreams[2]),
                          NULL);
    char owners[ADDRESSES];
    for (unsigned i = 0; i < ADDRESSES; i++) {
        owners[i] = served_from(i + 2);
        assert_int_equal(served_from(i + 2), owners[i]);
    }

    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--replace", "--policy",
                          "ConsistentHash", "--hash-source", "--to",
                          fake_upstream_url(upstreams[0]), "--to", fake_upstream_url(upstreams[2]),
                          NULL);

    unsigned moved = 0;
    for (unsigned i = 0; i < ADDRESSES; i++) {
        char owner = served_from(i + 2);
        moved += owners[i] == 'b';
        assert_true(owners[i] == 'b' ? owner != 'b' : owner == owners[i]);
    }
    assert_true(moved > 0 && moved < ADDRESSES);
}

/* --- limits ---------------------------------------------------------------------------------- */

struct client {
    pthread_t thread;
    int status;
};

static void *ask(void *context)
{
    struct client *client = context;
    client->status = http_get_status(pointsman_port(pointsman), "h", "/");
    return NULL;
}

static void start_clients(struct client clients[CLIENTS])
{
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&clients[i].thread, NULL, ask, &clients[i]), 0);
}

static int join_clients(struct client clients[CLIENTS])
{
    int served = 0;
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i].thread, NULL);
        served += clients[i].status == 200;
    }
    return served;
}

/* Serves the first request when it is told to. */
static const struct fake_step held[] = {
    {.action = FAKE_READ_REQUEST},
    {.action = FAKE_HOLD},
    {.action = FAKE_SEND, .text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
    {.action = FAKE_SERVE},
};

static bool all_others_wait(void *context)
{
    (void)context;
    char line[64];
    snprintf(line, sizeof(line), "pointsman_requests_waiting %d\n", CLIENTS - 1);
    return pointsman_page_has(pointsman, "/metrics", line);
}

/* Whatever worker they came to: there is one connection for both, and each gets its turn. */
static void one_connection_serves_all_who_wait_for_it_on_every_worker(void **state)
{
    (void)state;
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--to",
                          fake_upstream_url(upstreams[0]), "--max-connections", "1", NULL);
    fake_upstream_script(upstreams[0], held);
    struct client clients[CLIENTS];
    start_clients(clients);
    assert_true(wait_until(all_others_wait, NULL, WAIT_MS));
    assert_true(fake_upstream_wait_connections(upstreams[0], 1, WAIT_MS));
    assert_int_equal(fake_upstream_connection_count(upstreams[0]), 1);

    fake_upstream_release(upstreams[0]);

    assert_int_equal(join_clients(clients), CLIENTS);
    assert_int_equal(fake_upstream_request_count(upstreams[0]), CLIENTS);
}

static void one_request_at_a_time_serves_all_who_wait(void **state)
{
    (void)state;
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--to",
                          fake_upstream_url(upstreams[0]), "--max-requests", "1", NULL);
    fake_upstream_script(upstreams[0], held);
    struct client clients[CLIENTS];
    start_clients(clients);
    assert_true(wait_until(all_others_wait, NULL, WAIT_MS));
    assert_true(fake_upstream_wait_requests(upstreams[0], 1, WAIT_MS));
    assert_int_equal(fake_upstream_request_count(upstreams[0]), 1);

    fake_upstream_release(upstreams[0]);

    assert_int_equal(join_clients(clients), CLIENTS);
}

static bool all_but_three_are_refused(void *context)
{
    (void)context;
    char line[64];
    snprintf(line, sizeof(line), "pointsman_refused_total{reason=\"backend_full\"} %d\n",
             CLIENTS - 3);
    return pointsman_page_has(pointsman, "/metrics", line);
}

static void when_the_line_is_full_too_the_answer_is_503(void **state)
{
    (void)state;
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--to",
                          fake_upstream_url(upstreams[0]), "--max-requests", "1", "--max-pending",
                          "2", NULL);
    fake_upstream_script(upstreams[0], held);
    struct client clients[CLIENTS];
    start_clients(clients);
    assert_true(wait_until(all_but_three_are_refused, NULL, WAIT_MS));

    fake_upstream_release(upstreams[0]);

    assert_int_equal(join_clients(clients), 3);
    for (int i = 0; i < CLIENTS; i++)
        assert_true(clients[i].status == 200 || clients[i].status == 503);
}

int main(void)
{
#define STORY(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        STORY(round_robin_follows_the_weights),
        STORY(a_key_keeps_its_endpoint_and_only_those_of_one_that_leaves_move),
        STORY(a_cookie_keeps_its_endpoint),
        STORY(a_client_keeps_its_endpoint_by_its_address),
        STORY(one_connection_serves_all_who_wait_for_it_on_every_worker),
        STORY(one_request_at_a_time_serves_all_who_wait),
        STORY(when_the_line_is_full_too_the_answer_is_503),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
