/* Who the client is: PROXY headers, trusted proxies and X-Forwarded-*, and what the access log,
 * limits and services are told. */
#include "tests/support/certificates.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_connection.h"
#include "tests/support/pointsman.h"
#include "tests/support/tls_probe.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define ANSWER_MS 5000

static struct temp_dir *folder;
static struct certificate certificate;
static struct fake_upstream *upstream;
static struct pointsman *pointsman;
static char *access_log;
static char *socket_path;

/* 10.0.0.0/8 is trusted, and so is who connects to the Unix socket, but not loopback. */
static int start(void **state)
{
    (void)state;
    folder = temp_dir_new();
    struct certificate authority = certificate_make_authority(folder, "authority");
    certificate = certificate_make(folder, "site", "DNS:site.example", &authority);
    certificate_clear(&authority);
    upstream = fake_upstream_start("service");
    access_log = temp_dir_file(folder, "access.log");
    socket_path = temp_dir_file(folder, "http");

    struct buffer secured = BUFFER_EMPTY;
    buffer_printf(&secured, "secured=127.0.0.1:0,proxy-protocol,certificate=%s,key=%s",
                  certificate.certificate, certificate.key);
    struct buffer local = BUFFER_EMPTY;
    buffer_printf(&local, "local=unix:%s,mode=0600", socket_path);
    const char *const arguments[] = {"--listen",
                                     "proxied=127.0.0.1:0,proxy-protocol",
                                     "--listen",
                                     buffer_string(&secured),
                                     "--listen",
                                     "elsewhere=127.0.0.1:0,proxy-protocol,"
                                     "proxy-protocol-from=192.0.2.0/24",
                                     "--listen",
                                     buffer_string(&local),
                                     "--trusted-proxies",
                                     "10.0.0.0/8,unix",
                                     "--access-log",
                                     access_log,
                                     "--max-connections-per-peer",
                                     "2",
                                     "--head-timeout",
                                     "2s",
                                     NULL};
    pointsman = pointsman_start_serving(arguments, fake_upstream_url(upstream));
    buffer_clear(&secured);
    buffer_clear(&local);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(upstream);
    certificate_clear(&certificate);
    free(access_log);
    free(socket_path);
    temp_dir_free(folder);
    return 0;
}

/* --- helpers --------------------------------------------------------------------------------- */

static int port_of(const char *listener)
{
    return pointsman_listener_port(pointsman, listener);
}

/* What the service was told in that field of the answered request; "" for nothing. Caller frees. */
static char *ask(struct http_connection *client, const char *fields, const char *field)
{
    struct buffer request = BUFFER_EMPTY;
    struct http_message answer = HTTP_MESSAGE_EMPTY;
    buffer_printf(&request, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
    assert_true(http_connection_send_text(client, buffer_string(&request)));
    assert_int_equal(http_connection_receive(client, &answer, ANSWER_MS), HTTP_COMPLETE);
    assert_int_equal(answer.status, 200);
    buffer_clear(&request);
    http_message_clear(&answer);

    size_t last = fake_upstream_request_count(upstream) - 1;
    char *value = http_message_field(fake_upstream_request(upstream, last), field);
    return value == NULL ? memory_duplicate_string("") : value;
}

static void assert_told(struct http_connection *client, const char *fields, const char *field,
                        const char *expected)
{
    char *value = ask(client, fields, field);
    assert_string_equal(value, expected);
    free(value);
}

static struct http_connection *connect_proxied(const void *header, size_t length)
{
    struct http_connection *client = http_connection_open(port_of("proxied"));
    assert_non_null(client);
    assert_true(http_connection_send(client, header, length));
    return client;
}

static void assert_not_let_in(const char *listener, const void *bytes, size_t length)
{
    struct http_connection *client = http_connection_open(port_of(listener));
    struct http_message answer = HTTP_MESSAGE_EMPTY;
    http_connection_send(client, bytes, length);
    enum http_outcome outcome = http_connection_receive(client, &answer, ANSWER_MS);
    assert_true(outcome == HTTP_CLOSED || outcome == HTTP_RESET);
    http_message_clear(&answer);
    http_connection_close(client);
}

static bool log_has(void *text)
{
    char *lines = temp_dir_read(access_log);
    bool has = lines != NULL && strstr(lines, text) != NULL;
    free(lines);
    return has;
}

/* --- PROXY headers --------------------------------------------------------------------------- */

static void the_header_says_whose_connection_it_is(void **state)
{
    (void)state;
    static const char text[] = "PROXY TCP6 2001:db8::77 2001:db8::1 4711 80\r\n";
    static const char binary[] =
        SIGNATURE "\x21\x11\x00\x0c\xc0\x00\x02\x4d\x7f\0\0\1\x04\xd2\0\x50";
    struct http_connection *first = connect_proxied(text, sizeof(text) - 1);
    struct http_connection *second = connect_proxied(binary, sizeof(binary) - 1);

    assert_told(first, "", "x-forwarded-for", "2001:db8::77");
    assert_told(second, "", "x-forwarded-for", "192.0.2.77");
    assert_told(second, "X-Forwarded-For: 6.6.6.6\r\n", "x-forwarded-for", "192.0.2.77");
    assert_true(wait_until(log_has, (void *)"\"peer\":\"2001:db8::77\"", WAIT_MS));
    assert_true(wait_until(log_has, (void *)"\"peer\":\"192.0.2.77\"", WAIT_MS));
    http_connection_close(first);
    http_connection_close(second);
}

static void a_health_check_speaks_for_itself(void **state)
{
    (void)state;
    struct http_connection *text = connect_proxied("PROXY UNKNOWN\r\n", 15);
    struct http_connection *binary = connect_proxied(SIGNATURE "\x20\x00\x00\x00", 16);

    assert_told(text, "", "x-forwarded-for", "127.0.0.1");
    assert_told(binary, "", "x-forwarded-for", "127.0.0.1");
    http_connection_close(text);
    http_connection_close(binary);
}

static void the_header_may_come_in_pieces_and_with_the_request(void **state)
{
    (void)state;
    static const char header[] = "PROXY TCP4 192.0.2.5 127.0.0.1 4711 80\r\n";
    struct http_connection *client = connect_proxied(header, 1);
    for (size_t i = 1; i < sizeof(header) - 2; i++)
        assert_true(http_connection_send(client, header + i, 1));
    assert_true(http_connection_send_text(client, "\nGET /early HTTP/1.1\r\nHost: a\r\n\r\n"));
    struct http_message answer = HTTP_MESSAGE_EMPTY;

    assert_int_equal(http_connection_receive(client, &answer, ANSWER_MS), HTTP_COMPLETE);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body.at, "x-forwarded-for: 192.0.2.5"));
    http_message_clear(&answer);
    http_connection_close(client);
}

static void it_stands_in_front_of_a_handshake(void **state)
{
    (void)state;
    struct tls_probe *probe = tls_probe_connect(
        port_of("secured"),
        &(struct tls_probe_options){.before = "PROXY TCP4 192.0.2.6 127.0.0.1 1 443\r\n"});

    assert_null(tls_probe_failure(probe));
    assert_true(tls_probe_get(probe, "a", "x-forwarded-for: 192.0.2.6"));
    tls_probe_close(probe);
}

static void without_the_header_nobody_is_let_in(void **state)
{
    (void)state;
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char wrong_checksum[] =
        SIGNATURE "\x21\x11\x00\x13\xc0\x00\x02\x01\xc6\x33\x64\x01\x04\xd2\x01\xbb"
                  "\x03\x00\x04\x00\x00\x00\x00";
    size_t before = fake_upstream_request_count(upstream);

    assert_not_let_in("proxied", request, sizeof(request) - 1);
    assert_not_let_in("proxied", wrong_checksum, sizeof(wrong_checksum) - 1);
    assert_not_let_in("proxied", "PROXY TCP4 1.2.3.4\r\n", 20);
    assert_not_let_in("secured", "\x16\x03\x01\x00\x05", 5);
    assert_not_let_in("proxied", "PROXY TCP4 ", 11); /* and then nothing for two seconds */
    assert_int_equal(fake_upstream_request_count(upstream), before);
    assert_true(
        pointsman_page_has(pointsman, "/metrics", "_refused_total{reason=\"proxy_header\"} 5"));
}

static void only_those_that_are_named_may_send_it(void **state)
{
    (void)state;
    static const char header[] = "PROXY TCP4 192.0.2.5 127.0.0.1 4711 80\r\n";

    assert_not_let_in("elsewhere", header, sizeof(header) - 1);
}

static void connections_are_limited_by_the_address_in_the_header(void **state)
{
    (void)state;
    static const char one[] = "PROXY TCP4 192.0.2.8 127.0.0.1 4711 80\r\n";
    static const char another[] = "PROXY TCP4 192.0.2.9 127.0.0.1 4711 80\r\n";
    struct http_connection *held[3];
    held[0] = connect_proxied(one, sizeof(one) - 1);
    held[1] = connect_proxied(one, sizeof(one) - 1);
    assert_told(held[0], "", "x-forwarded-for", "192.0.2.8");
    assert_told(held[1], "", "x-forwarded-for", "192.0.2.8");

    assert_not_let_in("proxied", one, sizeof(one) - 1);
    held[2] = connect_proxied(another, sizeof(another) - 1);
    assert_told(held[2], "", "x-forwarded-for", "192.0.2.9");
    for (size_t i = 0; i < 3; i++)
        http_connection_close(held[i]);
}

/* --- trusted proxies ------------------------------------------------------------------------- */

static void what_others_say_of_the_client_is_replaced(void **state)
{
    (void)state;
    static const char claims[] = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n"
                                 "X-Forwarded-Host: evil\r\nForwarded: for=6.6.6.6\r\n";
    struct http_connection *client = http_connection_open(pointsman_port(pointsman));

    assert_told(client, claims, "x-forwarded-for", "127.0.0.1");
    assert_told(client, claims, "x-forwarded-proto", "http");
    assert_told(client, claims, "x-forwarded-host", "a");
    assert_told(client, claims, "forwarded", "");
    http_connection_close(client);
}

static void a_trusted_proxy_is_believed_and_added(void **state)
{
    (void)state;
    static const char header[] = "PROXY TCP4 10.1.1.1 127.0.0.1 4711 80\r\n";
    static const char claims[] = "X-Forwarded-For: 6.6.6.6, 203.0.113.5\r\n"
                                 "X-Forwarded-For: 10.2.2.2\r\n"
                                 "X-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\n";
    struct http_connection *client = connect_proxied(header, sizeof(header) - 1);

    assert_told(client, claims, "x-forwarded-for", "6.6.6.6, 203.0.113.5, 10.2.2.2, 10.1.1.1");
    assert_told(client, claims, "x-forwarded-proto", "https");
    assert_told(client, claims, "x-forwarded-host", "shop.example");
    assert_told(client, "", "x-forwarded-for", "10.1.1.1");
    assert_told(client, "", "x-forwarded-proto", "http");
    assert_true(
        wait_until(log_has, (void *)"\"peer\":\"10.1.1.1\",\"client\":\"203.0.113.5\"", WAIT_MS));
    http_connection_close(client);
}

static void trusted_proxies_are_not_limited_in_connections(void **state)
{
    (void)state;
    static const char header[] = "PROXY TCP4 10.1.1.1 127.0.0.1 4711 80\r\n";
    struct http_connection *held[4];
    for (size_t i = 0; i < 4; i++)
        held[i] = connect_proxied(header, sizeof(header) - 1);

    for (size_t i = 0; i < 4; i++)
        assert_told(held[i], "", "x-forwarded-for", "10.1.1.1");
    for (size_t i = 0; i < 4; i++)
        http_connection_close(held[i]);
}

static void a_unix_socket_is_trusted_when_that_is_said(void **state)
{
    (void)state;
    struct http_connection *client = http_connection_open_unix(socket_path);
    assert_non_null(client);

    assert_told(client, "X-Forwarded-For: 203.0.113.6\r\n", "x-forwarded-for", "203.0.113.6");
    assert_told(client, "", "x-forwarded-for", "unix:");
    assert_true(
        wait_until(log_has, (void *)"\"peer\":\"unix:\",\"client\":\"203.0.113.6\"", WAIT_MS));
    http_connection_close(client);
}

/* Behind a trusted proxy the hash is the client's, not the proxy's. */
static void hashing_by_source_address_goes_by_the_client(void **state)
{
    (void)state;
    static const char header[] = "PROXY TCP4 10.1.1.1 127.0.0.1 4711 80\r\n";
    enum { SERVICES = 4, CLIENTS = 40 };
    struct fake_upstream *services[SERVICES];
    for (size_t i = 0; i < SERVICES; i++)
        services[i] = fake_upstream_start("hashed");
    pointsman_routectl_ok(pointsman, "backend", "add", "hashed", "--policy", "ConsistentHash",
                          "--hash-source", "--to", fake_upstream_url(services[0]), "--to",
                          fake_upstream_url(services[1]), "--to", fake_upstream_url(services[2]),
                          "--to", fake_upstream_url(services[3]), NULL);
    pointsman_routectl_ok(pointsman, "add", "hashed", "--path-prefix", "/hashed", "--backend",
                          "hashed", NULL);
    struct http_connection *client = connect_proxied(header, sizeof(header) - 1);
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct buffer request = BUFFER_EMPTY;
        struct http_message answer = HTTP_MESSAGE_EMPTY;
        buffer_printf(&request,
                      "GET /hashed HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.%u\r\n\r\n",
                      i);
        http_connection_send_text(client, buffer_string(&request));
        assert_int_equal(http_connection_receive(client, &answer, ANSWER_MS), HTTP_COMPLETE);
        assert_int_equal(answer.status, 200);
        buffer_clear(&request);
        http_message_clear(&answer);
    }

    for (size_t i = 0; i < SERVICES; i++)
        assert_true(fake_upstream_request_count(services[i]) > 0);
    http_connection_close(client);
    for (size_t i = 0; i < SERVICES; i++)
        fake_upstream_free(services[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_says_whose_connection_it_is),
        cmocka_unit_test(a_health_check_speaks_for_itself),
        cmocka_unit_test(the_header_may_come_in_pieces_and_with_the_request),
        cmocka_unit_test(it_stands_in_front_of_a_handshake),
        cmocka_unit_test(without_the_header_nobody_is_let_in),
        cmocka_unit_test(only_those_that_are_named_may_send_it),
        cmocka_unit_test(connections_are_limited_by_the_address_in_the_header),
        cmocka_unit_test(what_others_say_of_the_client_is_replaced),
        cmocka_unit_test(a_trusted_proxy_is_believed_and_added),
        cmocka_unit_test(trusted_proxies_are_not_limited_in_connections),
        cmocka_unit_test(a_unix_socket_is_trusted_when_that_is_said),
        cmocka_unit_test(hashing_by_source_address_goes_by_the_client),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
