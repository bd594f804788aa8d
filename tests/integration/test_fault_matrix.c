/* Fault matrix: what a service can do wrong, one row each, and what everyone sees of it: the
 * client, the service itself (how often it was tried), and whoever reads the metrics.
 *
 * One proxy process for all rows; each row has a route and a backend of its own. */
#include "tests/integration/fault_row.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_connection.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct pointsman *pointsman;

static int start(void **state)
{
    (void)state;
    static const char *const arguments[] = {"--upstream-idle-timeout=2s", NULL};
    pointsman =
        pointsman_start(&(struct pointsman_options){.workers = "1", .proxy_arguments = arguments});
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    return 0;
}

/* --- rows ------------------------------------------------------------------------------------ */

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define LENGTH_10 "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"

static const struct fault faults[] = {
    {
        .name = "refused",
        .refuses = true,
        .outcome = HTTP_COMPLETE,
        .status = 503,
        .failure = "connect",
        .failures = 1,
        .connections = 0,
    },
    {
        .name = "never-answers",
        .steps = {READ, STAY, CLOSE},
        .outcome = HTTP_COMPLETE,
        .status = 504,
        .failure = "timeout",
        .failures = 1,
        .connections = 1,
    },
    {
        .name = "closes-at-once",
        .steps = {READ, CLOSE},
        .outcome = HTTP_COMPLETE,
        .status = 503,
        .failure = "closed",
        .failures = 1,
        .connections = 1,
    },
    {
        .name = "half-a-head",
        .steps = {READ, SEND("HTTP/1.1 200 OK\r\nContent-Le"), CLOSE},
        .outcome = HTTP_COMPLETE,
        .status = 503,
        .failure = "closed",
        .failures = 1,
        .connections = 1,
    },
    {
        .name = "half-a-head-and-silence",
        .steps = {READ, SEND("HTTP/1.1 200 OK\r\nContent-Le"), STAY, CLOSE},
        .outcome = HTTP_COMPLETE,
        .status = 504,
        .failure = "timeout",
        .failures = 1,
        .connections = 1,
    },
    {
        .name = "garbage",
        .steps = {READ, SEND("\x15\x03\x03 what is this?\r\n\r\n"), STAY, CLOSE},
        .outcome = HTTP_COMPLETE,
        .status = 502,
        .failure = "bad_response",
        .failures = 1,
        .connections = 1,
    },
    {
        .name = "head-too-large",
        .steps = {READ, SEND("HTTP/1.1 200 OK\r\n"),
                  SEND_TIMES("X-Long: 0123456789abcdef\r\n", 8000), CLOSE},
        .outcome = HTTP_COMPLETE,
        .status = 502,
        .failure = "bad_response",
        .failures = 1,
        .connections = 1,
    },
    {
        .name = "reset-in-head",
        .steps = {READ, SEND("HTTP/1.1 2"), RESET},
        .outcome = HTTP_COMPLETE,
        .status = 503,
        .failure = "closed",
        .failures = 1,
        .connections = 1,
    },
    {
        .name = "end-in-body",
        .steps = {READ, SEND(LENGTH_10 "hello"), CLOSE},
        .outcome = HTTP_TRUNCATED,
        .status = 200,
        .failure = "truncated",
        .failures = 1,
        .connections = 1,
    },
    {
        .name = "reset-in-body",
        .steps = {READ, SEND(LENGTH_10 "hello"), RESET},
        .outcome = HTTP_TRUNCATED,
        .status = 200,
        .failure = "truncated",
        .failures = 1,
        .connections = 1,
    },
    {
        .name = "end-in-chunk",
        .steps = {READ, SEND(CHUNKED "a\r\nhello"), CLOSE},
        .outcome = HTTP_TRUNCATED,
        .status = 200,
        .failure = "truncated",
        .failures = 1,
        .connections = 1,
    },
    {
        .name = "reset-between-chunks",
        .steps = {READ, SEND(CHUNKED "5\r\nhello\r\n"), RESET},
        .outcome = HTTP_TRUNCATED,
        .status = 200,
        .failure = "truncated",
        .failures = 1,
        .connections = 1,
    },
    {
        .name = "silence-in-body",
        .steps = {READ, SEND(LENGTH_10 "hello"), STAY, CLOSE},
        .outcome = HTTP_TRUNCATED,
        .status = 200,
        .failure = "timeout",
        .failures = 1,
        .connections = 1,
    },
    {
        .name = "extra-bytes",
        .steps = {READ, SEND(LENGTH_10 "hello-you!HTTP/1.1 200 OK\r\n\r\n"), STAY, CLOSE},
        .outcome = HTTP_COMPLETE,
        .status = 200,
        .body = "hello-you!",
        .connections = 1,
    },
    {
        .name = "byte-by-byte",
        .steps = {READ, SEND_TIMES("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 1),
                  SEND_TIMES("1\r\nx\r\n", 2000), SEND("0\r\n\r\n"), SERVE},
        .outcome = HTTP_COMPLETE,
        .status = 200,
        .connections = 1,
    },
    {
        .name = "continue",
        .steps = {READ_HEAD, SEND("HTTP/1.1 100 Continue\r\n\r\n"), READ,
                  SEND(LENGTH_10 "0123456789"), SERVE},
        .request = "POST /continue HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody",
        .outcome = HTTP_COMPLETE,
        .status = 200,
        .body = "0123456789",
        .connections = 1,
    },
    {
        .name = "answers-before-the-body",
        .steps = {READ_HEAD,
                  SEND(
                      "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"),
                  STAY, CLOSE},
        .request =
            "POST /answers-before-the-body HTTP/1.1\r\nHost: h\r\nContent-Length: 4000000\r\n\r\n",
        .body_bytes = 1000000,
        .outcome = HTTP_COMPLETE,
        .status = 403,
        .body = "no",
        .connections = 1,
    },
    {
        .name = "closed-without-an-answer-to-a-post",
        .steps = {READ, CLOSE},
        .request = "POST /closed-without-an-answer-to-a-post HTTP/1.1\r\nHost: h\r\n"
                   "Content-Length: 4\r\n\r\nbody",
        .outcome = HTTP_COMPLETE,
        .status = 503,
        .failure = "closed",
        .failures = 1,
        .connections = 1,
    },
};

static void each_fault_is_seen_for_what_it_is(void **state)
{
    (void)state;
    fault_rows_play(pointsman, "http", faults, sizeof(faults) / sizeof(faults[0]));
}

/* --- what takes more than one connection to show --------------------------------------------- */

/* A listener whose backlog is full: the kernel does not answer whoever connects next. */
struct unreachable {
    int listener;
    int filler[8];
    char url[64];
};

static void make_unreachable(struct unreachable *place)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t length = sizeof(address);
    place->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(place->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(place->listener, 0), 0);
    getsockname(place->listener, (struct sockaddr *)&address, &length);
    snprintf(place->url, sizeof(place->url), "http://127.0.0.1:%d", ntohs(address.sin_port));
    for (size_t i = 0; i < sizeof(place->filler) / sizeof(place->filler[0]); i++) {
        place->filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(place->filler[i], (struct sockaddr *)&address, length);
    }
}

static void clear_unreachable(struct unreachable *place)
{
    for (size_t i = 0; i < sizeof(place->filler) / sizeof(place->filler[0]); i++)
        close(place->filler[i]);
    close(place->listener);
}

static void an_unreachable_endpoint_costs_a_connect_timeout(void **state)
{
    (void)state;
    struct unreachable place;
    make_unreachable(&place);
    pointsman_routectl_ok(pointsman, "add", "unreachable", "--path-prefix", "/unreachable", "--to",
                          place.url, NULL);

    assert_int_equal(http_get_status(pointsman_port(pointsman), "h", "/unreachable"), 503);

    fault_expect_metric(pointsman, "unreachable", "upstream_failures_total", "connect_timeout", 1);
    fault_expect_metric(pointsman, "unreachable", "backend_requests_running", NULL, 0);
    clear_unreachable(&place);
}

static void a_connection_closed_just_as_it_is_used_is_not_noticed(void **state)
{
    (void)state;
    static const struct fake_step once[] = {READ, SEND(LENGTH_10 "0123456789"), READ_HEAD, CLOSE};
    struct fake_upstream *service = fake_upstream_start("stale");
    fake_upstream_script(service, once);
    fault_add_route(pointsman, "stale", "stale", fake_upstream_url(service));
    int port = pointsman_port(pointsman);
    assert_int_equal(http_get_status(port, "h", "/stale"), 200);

    for (int i = 0; i < 8; i++)
        assert_int_equal(http_get_status(port, "h", "/stale"), 200);

    fault_expect_metric(pointsman, "stale", "upstream_failures_total", "stale", 1);
    fault_expect_metric(pointsman, "stale", "upstream_retries_total", "stale", 1);
    fake_upstream_free(service);
}

static void an_endpoint_that_comes_and_goes_fails_no_request(void **state)
{
    (void)state;
    struct fake_upstream *steady = fake_upstream_start("steady");
    struct fake_upstream *flapping = fake_upstream_start("flapping");
    pointsman_routectl_ok(pointsman, "add", "flap", "--path-prefix", "/flap", "--to",
                          fake_upstream_url(steady), "--to", fake_upstream_url(flapping), NULL);

    for (int round = 0; round < 10; round++) {
        if (round % 2 == 0) {
            fake_upstream_refuse(flapping);
            fake_upstream_drop_connections(flapping);
        } else {
            fake_upstream_accept(flapping);
        }
        for (int i = 0; i < 10; i++)
            assert_int_equal(http_get_status(pointsman_port(pointsman), "h", "/flap"), 200);
    }

    assert_true(fake_upstream_request_count(steady) > 0);
    fault_expect_metric(pointsman, "flap", "backend_requests_running", NULL, 0);
    fake_upstream_free(steady);
    fake_upstream_free(flapping);
}

static bool is_served(void *path)
{
    return http_get_status(pointsman_port(pointsman), "h", path) == 200;
}

static void when_all_endpoints_are_back_so_is_the_service(void **state)
{
    (void)state;
    struct fake_upstream *one = fake_upstream_start("one");
    struct fake_upstream *two = fake_upstream_start("two");
    pointsman_routectl_ok(pointsman, "add", "down", "--path-prefix", "/down", "--to",
                          fake_upstream_url(one), "--to", fake_upstream_url(two), NULL);
    assert_int_equal(http_get_status(pointsman_port(pointsman), "h", "/down"), 200);

    fake_upstream_refuse(one);
    fake_upstream_refuse(two);
    fake_upstream_drop_connections(one);
    fake_upstream_drop_connections(two);
    for (int i = 0; i < 20; i++)
        assert_int_equal(http_get_status(pointsman_port(pointsman), "h", "/down"), 503);

    fake_upstream_accept(one);
    fake_upstream_accept(two);
    assert_true(wait_until(is_served, "/down", WAIT_MS));
    fault_expect_metric(pointsman, "down", "backend_requests_running", NULL, 0);
    fake_upstream_free(one);
    fake_upstream_free(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_is_seen_for_what_it_is),
        cmocka_unit_test(an_unreachable_endpoint_costs_a_connect_timeout),
        cmocka_unit_test(a_connection_closed_just_as_it_is_used_is_not_noticed),
        cmocka_unit_test(an_endpoint_that_comes_and_goes_fails_no_request),
        cmocka_unit_test(when_all_endpoints_are_back_so_is_the_service),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
