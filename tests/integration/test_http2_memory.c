/* What connections of HTTP/2 cost: those that do nothing, and those of clients that never read. */
#include "tests/support/fake_upstream.h"
#include "tests/support/http2_frames.h"
#include "tests/support/http_connection.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KIB = 1024, MIB = 1024 * KIB };

enum { IDLE_CLIENTS = 400, DEAF_CLIENTS = 8, STREAMS = 100, ANSWER_BYTES = 300 * 1000 };

/* Of the service over HTTP/1, and over HTTP/2. */
#define GET SLICE("\x82\x86\x84\x01\x04shop")
#define GET_BEHIND SLICE("\x82\x86\x04\x04/two\x01\x04shop")
#define WHOLE (HTTP2_FLAG_END_HEADERS | HTTP2_FLAG_END_STREAM)

static struct fake_upstream *service;
static struct pointsman *behind; /* the same service, over HTTP/2 */
static struct pointsman *pointsman;

static int start(void **state)
{
    (void)state;
    service = fake_upstream_start("service");
    behind = pointsman_start(NULL);
    pointsman_routectl_ok(behind, "add", "service", "--path-prefix", "/", "--to",
                          fake_upstream_url(service), NULL);
    char url[64];
    snprintf(url, sizeof(url), "h2c://127.0.0.1:%d", pointsman_port(behind));
    pointsman = pointsman_start(NULL);
    pointsman_routectl_ok(pointsman, "add", "service", "--path-prefix", "/", "--to",
                          fake_upstream_url(service), NULL);
    pointsman_routectl_ok(pointsman, "add", "behind", "--host", "shop", "--path-prefix", "/two",
                          "--to", url, NULL);
    assert_int_equal(http_get_status(pointsman_port(pointsman), "h", "/"), 200);
    assert_int_equal(http_get_status(pointsman_port(pointsman), "shop", "/two"), 200);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    pointsman_free(behind);
    fake_upstream_free(service);
    return 0;
}

/* --- clients --------------------------------------------------------------------------------- */

/* Asks on `streams` streams at once. */
static struct http_connection *ask(struct slice request, unsigned streams, int receive_bytes)
{
    struct http_connection *client = http_connection_open(pointsman_port(pointsman));
    assert_non_null(client);
    if (receive_bytes > 0)
        setsockopt(http_connection_fd(client), SOL_SOCKET, SO_RCVBUF, &receive_bytes,
                   sizeof(receive_bytes));
    struct buffer bytes = BUFFER_EMPTY;
    http2_put_preface(&bytes);
    for (unsigned i = 0; i < streams; i++)
        http2_put_frame(&bytes, HTTP2_FRAME_HEADERS, WHOLE, 2 * i + 1, request);
    assert_true(http_connection_send(client, bytes.at, bytes.length));
    buffer_clear(&bytes);
    return client;
}

static void read_answer(struct http_connection *client)
{
    struct buffer received = BUFFER_EMPTY;
    struct http2_frame frame;
    for (bool has_ended = false; !has_ended;) {
        ssize_t length =
            recv(http_connection_fd(client), buffer_reserve(&received, 16 * KIB), 16 * KIB, 0);
        assert_true(length > 0);
        buffer_extend(&received, (size_t)length);
        while (http2_look_at_frame(&received, &frame)) {
            has_ended |= frame.stream == 1 && (frame.flags & HTTP2_FLAG_END_STREAM) != 0;
            http2_drop_frame(&received, &frame);
        }
    }
    buffer_clear(&received);
}

struct stuck {
    uint64_t before;
    uint64_t received;
    unsigned quiet; /* looks in a row that have seen nothing new */
};

enum { QUIET_LOOKS = 20 };

/* --- the stories ----------------------------------------------------------------------------- */

static void an_idle_connection_costs_under_16_kibibytes(void **state)
{
    (void)state;
    static struct http_connection *clients[IDLE_CLIENTS];
    read_answer(clients[0] = ask(GET, 1, 0));
    http_connection_close(clients[0]);
    size_t before = process_resident_bytes(pointsman_proxy(pointsman));

    for (size_t i = 0; i < IDLE_CLIENTS; i++)
        read_answer(clients[i] = ask(GET, 1, 0));

    size_t each = (process_resident_bytes(pointsman_proxy(pointsman)) - before) / IDLE_CLIENTS;
    print_message("an idle connection: %zu bytes\n", each);
    assert_in_range(each, 0, 16 * KIB);
    for (size_t i = 0; i < IDLE_CLIENTS; i++)
        http_connection_close(clients[i]);
}

/* Every request has some of its answer, and the service could not send for a while. */
static bool all_are_stuck(void *context)
{
    struct stuck *stuck = context;
    uint64_t received =
        pointsman_metric(pointsman, "pointsman_upstream_received_bytes_total") - stuck->before;
    bool is_still =
        received == stuck->received && received >= (uint64_t)DEAF_CLIENTS * STREAMS * KIB;
    stuck->received = received;
    stuck->quiet = is_still ? stuck->quiet + 1 : 0;
    return stuck->quiet >= QUIET_LOOKS;
}

static void let_nobody_read(struct slice request)
{
    char *answer = malloc(ANSWER_BYTES + 100);
    int head = sprintf(answer, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", ANSWER_BYTES);
    memset(answer + head, 'x', ANSWER_BYTES);
    answer[head + ANSWER_BYTES] = '\0';
    fake_upstream_answer(service, answer);
    struct http_connection *clients[DEAF_CLIENTS];
    struct stuck stuck = {
        .before = pointsman_metric(pointsman, "pointsman_upstream_received_bytes_total")};
    size_t before = process_resident_bytes(pointsman_proxy(pointsman));

    for (size_t i = 0; i < DEAF_CLIENTS; i++)
        clients[i] = ask(request, STREAMS, 4 * KIB);
    assert_true(wait_until(all_are_stuck, &stuck, WAIT_MS));

    size_t each = (process_resident_bytes(pointsman_proxy(pointsman)) - before) / DEAF_CLIENTS;
    print_message("a client that never reads, with %d requests: %zu KiB\n", STREAMS, each / KIB);
    assert_in_range(each, 0, 2 * MIB);
    for (size_t i = 0; i < DEAF_CLIENTS; i++)
        http_connection_close(clients[i]);
    free(answer);
}

static void a_client_that_never_reads_costs_at_most_2_mebibytes(void **state)
{
    (void)state;
    let_nobody_read(GET);
}

static void nor_does_it_cost_more_with_an_endpoint_of_http2(void **state)
{
    (void)state;
    let_nobody_read(GET_BEHIND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_idle_connection_costs_under_16_kibibytes, start, stop),
        cmocka_unit_test_setup_teardown(a_client_that_never_reads_costs_at_most_2_mebibytes, start,
                                        stop),
        cmocka_unit_test_setup_teardown(nor_does_it_cost_more_with_an_endpoint_of_http2, start,
                                        stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
