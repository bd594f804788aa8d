/* What bodies cost in memory: the same, however long they are and however slowly they are taken.
 * Measured on the real proxy, as the kernel sees it; sanitizers have an overhead of their own, so
 * this runs without. */
#include "common/buffer.h"
#include "tests/support/certificates.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_connection.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tls_probe.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KIB = 1024, MIB = 1024 * KIB };

/* As long as a piece that the service sends, and repeats. */
enum { PIECE_BYTES = 100 * 1000, PIECES = 1000, LONG_BYTES = PIECE_BYTES * PIECES };

static struct fake_upstream *service;
static struct pointsman *pointsman;
static struct temp_dir *folder;
static int secured_port;
static char piece[PIECE_BYTES];

static int start(void **state)
{
    (void)state;
    memset(piece, 'x', sizeof(piece));
    service = fake_upstream_start("service");
    folder = temp_dir_new();
    struct certificate authority = certificate_make_authority(folder, "authority");
    struct certificate site = certificate_make(folder, "site", "DNS:h", &authority);
    struct buffer listen = BUFFER_EMPTY;
    buffer_printf(&listen, "--listen=secured=127.0.0.1:0,certificate=%s,key=%s", site.certificate,
                  site.key);
    const char *const arguments[] = {"--max-body=1000000000", buffer_string(&listen), NULL};
    pointsman = pointsman_start(&(struct pointsman_options){.proxy_arguments = arguments});
    secured_port = pointsman_listener_port(pointsman, "secured");
    buffer_clear(&listen);
    certificate_clear(&authority);
    certificate_clear(&site);
    pointsman_routectl_ok(pointsman, "add", "service", "--path-prefix", "/", "--to",
                          fake_upstream_url(service), NULL);
    assert_int_equal(http_get_status(pointsman_port(pointsman), "h", "/"), 200);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(service);
    temp_dir_free(folder);
    return 0;
}

/* --- what is measured ------------------------------------------------------------------------ */

static void remember_most(size_t *most)
{
    size_t now = process_resident_bytes(pointsman_proxy(pointsman));
    if (now > *most)
        *most = now;
}

/* --- the stories ----------------------------------------------------------------------------- */

static void script_long_answer(void)
{
    static const struct fake_step steps[] = {
        {.action = FAKE_READ_HEAD},
        {.action = FAKE_SEND, .text = "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"},
        {.action = FAKE_SEND, .text = piece, .text_length = PIECE_BYTES, .repeat = PIECES},
        {.action = FAKE_CLOSE},
    };
    fake_upstream_script(service, steps);
}

static struct http_connection *ask_for_long_answer(void)
{
    struct http_connection *client = http_connection_open(pointsman_port(pointsman));
    assert_non_null(client);
    int room = 128 * KIB;
    setsockopt(http_connection_fd(client), SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    assert_true(http_connection_send_text(client, "GET /long HTTP/1.1\r\nHost: h\r\n\r\n"));
    return client;
}

/* The service sends faster than this client reads, all of the time. */
static void a_long_answer_to_a_slow_client_costs_under_a_mebibyte(void **state)
{
    (void)state;
    fake_upstream_drop_connections(service);
    script_long_answer();
    size_t before = process_resident_bytes(pointsman_proxy(pointsman));
    size_t most = before;
    struct http_connection *client = ask_for_long_answer();

    static char bytes[16 * KIB];
    size_t received = 0;
    ssize_t part;
    for (unsigned reads = 0; received < LONG_BYTES &&
                             (part = recv(http_connection_fd(client), bytes, sizeof(bytes), 0)) > 0;
         reads++) {
        received += (size_t)part;
        if (reads % 64 == 0)
            remember_most(&most);
    }

    assert_in_range(received, LONG_BYTES, LONG_BYTES + 1000);
    assert_in_range(most - before, 0, MIB);
    http_connection_close(client);
}

/* The same with TLS: what is decrypted, encrypted and waits for the client is a record at a time.
 */
static void over_tls_it_costs_no_more(void **state)
{
    (void)state;
    fake_upstream_drop_connections(service);
    struct tls_probe *client = tls_probe_connect(secured_port, NULL);
    assert_true(tls_probe_get(client, "h", NULL));
    fake_upstream_drop_connections(service);
    script_long_answer();
    size_t before = process_resident_bytes(pointsman_proxy(pointsman));
    size_t most = before;
    assert_true(tls_probe_send(client, "GET /long HTTP/1.1\r\nHost: h\r\n\r\n"));

    static char bytes[16 * KIB];
    size_t received = 0;
    int part;
    for (unsigned reads = 0; received < LONG_BYTES && (part = SSL_read(tls_probe_ssl(client), bytes,
                                                                       (int)sizeof(bytes))) > 0;
         reads++) {
        received += (size_t)part;
        if (reads % 64 == 0)
            remember_most(&most);
    }

    assert_in_range(received, LONG_BYTES, LONG_BYTES + 1000);
    assert_in_range(most - before, 0, MIB);
    tls_probe_close(client);
}

static unsigned client_limit(unsigned wanted)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    unsigned most = (unsigned)(files.rlim_cur / 2 - 100); /* both ends are ours */
    return wanted < most ? wanted : most;
}

static unsigned slow_clients;

static bool all_are_stuck(void *context)
{
    (void)context;
    return pointsman_metric(pointsman, "pointsman_upstream_received_bytes_total") >=
           (uint64_t)slow_clients * 64 * KIB;
}

static void a_thousand_slow_clients_cost_under_300_mebibytes(void **state)
{
    (void)state;
    slow_clients = client_limit(1000);
    fake_upstream_drop_connections(service);
    struct http_connection **clients = calloc(slow_clients, sizeof(struct http_connection *));
    size_t before = process_resident_bytes(pointsman_proxy(pointsman));

    for (unsigned i = 0; i < slow_clients; i++) {
        size_t connections = fake_upstream_connection_count(service);
        script_long_answer();
        clients[i] = ask_for_long_answer();
        assert_true(fake_upstream_wait_connections(service, connections + 1, WAIT_MS));
    }
    assert_true(wait_until(all_are_stuck, NULL, WAIT_MS));

    size_t grown = process_resident_bytes(pointsman_proxy(pointsman)) - before;
    print_message("%u slow clients: %zu KiB\n", slow_clients, grown / KIB);
    assert_in_range(grown, 0, (size_t)300 * MIB);
    for (unsigned i = 0; i < slow_clients; i++)
        http_connection_close(clients[i]);
    free(clients);
}

/* What nobody uses at the moment costs no buffers. */
static void an_idle_connection_costs_under_a_kibibyte(void **state)
{
    (void)state;
    unsigned count = client_limit(4000);
    struct http_connection **clients = calloc(count, sizeof(struct http_connection *));
    size_t before = process_resident_bytes(pointsman_proxy(pointsman));

    for (unsigned i = 0; i < count; i++) {
        struct http_message response = HTTP_MESSAGE_EMPTY;
        clients[i] = http_connection_open(pointsman_port(pointsman));
        assert_non_null(clients[i]);
        assert_true(http_connection_send_text(clients[i], "GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_int_equal(http_connection_receive(clients[i], &response, WAIT_MS), HTTP_COMPLETE);
        http_message_clear(&response);
    }

    size_t now = process_resident_bytes(pointsman_proxy(pointsman));
    size_t grown = now > before ? now - before : 0;
    print_message("%u idle connections: %zu bytes each\n", count, grown / count);
    assert_in_range(grown, 0, (size_t)count * KIB);
    for (unsigned i = 0; i < count; i++)
        http_connection_close(clients[i]);
    free(clients);
}

/* Sends until nothing goes any more: what is between client and service is full. */
static size_t send_until_stuck(int fd)
{
    size_t sent = 0;
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    while (poll(&writable, 1, 300) > 0) {
        ssize_t part = send(fd, piece, sizeof(piece), MSG_NOSIGNAL | MSG_DONTWAIT);
        assert_true(part > 0);
        sent += (size_t)part;
    }
    return sent;
}

static void a_long_upload_to_a_slow_service_costs_under_a_mebibyte(void **state)
{
    (void)state;
    enum { UPLOAD_BYTES = 200 * 1000 * 1000 };
    static const struct fake_step steps[] = {
        {.action = FAKE_READ_HEAD},
        {.action = FAKE_HOLD},
        {.action = FAKE_READ_TO_END},
        {.action = FAKE_CLOSE},
    };
    fake_upstream_drop_connections(service);
    fake_upstream_script(service, steps);
    size_t before = process_resident_bytes(pointsman_proxy(pointsman));
    struct http_connection *client = http_connection_open(pointsman_port(pointsman));
    assert_true(http_connection_send_text(client, "POST /upload HTTP/1.1\r\nHost: h\r\n"
                                                  "Content-Length: 200000000\r\n\r\n"));

    size_t sent = send_until_stuck(http_connection_fd(client));
    size_t most = process_resident_bytes(pointsman_proxy(pointsman));
    assert_in_range(sent, 1, UPLOAD_BYTES / 2);
    uint64_t passed_before = pointsman_metric(pointsman, "pointsman_upstream_sent_bytes_total");
    fake_upstream_release(service);
    while (sent < UPLOAD_BYTES) {
        size_t part = UPLOAD_BYTES - sent < sizeof(piece) ? UPLOAD_BYTES - sent : sizeof(piece);
        assert_true(http_connection_send(client, piece, part));
        sent += part;
        remember_most(&most);
    }

    assert_true(pointsman_metric(pointsman, "pointsman_upstream_sent_bytes_total") - passed_before >
                UPLOAD_BYTES / 2);
    assert_in_range(most - before, 0, MIB);
    http_connection_close(client);
}

static void a_body_over_the_limit_is_refused_before_it_is_read(void **state)
{
    (void)state;
    size_t requests = fake_upstream_request_count(service);
    struct http_connection *client = http_connection_open(pointsman_port(pointsman));
    assert_true(http_connection_send_text(client, "POST /upload HTTP/1.1\r\nHost: h\r\n"
                                                  "Content-Length: 1000000001\r\n\r\n"));

    struct http_message response = HTTP_MESSAGE_EMPTY;
    assert_int_equal(http_connection_receive(client, &response, WAIT_MS), HTTP_COMPLETE);

    assert_int_equal(response.status, 413);
    assert_int_equal(fake_upstream_request_count(service), requests);
    http_message_clear(&response);
    http_connection_close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First: what the others leave behind would be used for it. */
        cmocka_unit_test(an_idle_connection_costs_under_a_kibibyte),
        cmocka_unit_test(a_long_answer_to_a_slow_client_costs_under_a_mebibyte),
        cmocka_unit_test(over_tls_it_costs_no_more),
        cmocka_unit_test(a_long_upload_to_a_slow_service_costs_under_a_mebibyte),
        cmocka_unit_test(a_body_over_the_limit_is_refused_before_it_is_read),
        cmocka_unit_test(a_thousand_slow_clients_cost_under_300_mebibytes),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
