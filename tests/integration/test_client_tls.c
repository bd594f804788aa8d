/* TLS to clients: who gets which certificate, what is agreed on, what is refused. How certificates
 * are replaced is in test_certificate_reload.c, clients with certificates in
 * test_client_certificates.c. */
#include "common/buffer.h"
#include "tests/support/certificates.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_connection.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/tls_probe.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct temp_dir *folder;
static struct temp_dir *pairs;
static struct certificate authority;
static struct certificate first; /* for first.example, and whoever asks for none */
static struct certificate wild;  /* for *.wild.example and wild.example */
static struct certificate other; /* in a folder, for other.example */
static struct fake_upstream *upstream;
static struct pointsman *pointsman;
static int port;
static int other_port; /* the same certificate, another listener */
static int clear_port;

static int start(void **state)
{
    (void)state;
    folder = temp_dir_new();
    authority = certificate_make_authority(folder, "authority");
    first = certificate_make(folder, "first", "DNS:first.example", &authority);
    wild = certificate_make(folder, "wild", "DNS:*.wild.example,DNS:wild.example", &authority);
    pairs = temp_dir_new();
    other = certificate_make(pairs, "other", "DNS:Other.Example,DNS:first.example", &authority);
    upstream = fake_upstream_start("service");

    struct buffer listen = BUFFER_EMPTY;
    buffer_printf(&listen,
                  "https=127.0.0.1:0,certificate=%s,key=%s,certificate=%s,key=%s,"
                  "certificates=%s",
                  first.certificate, first.key, wild.certificate, wild.key, temp_dir_path(pairs));
    struct buffer second = BUFFER_EMPTY;
    buffer_printf(&second, "second=127.0.0.1:0,http2=off,certificate=%s,key=%s", first.certificate,
                  first.key);
    const char *const arguments[] = {"--listen",
                                     buffer_string(&listen),
                                     "--listen",
                                     buffer_string(&second),
                                     "--tls-handshake-timeout",
                                     "2s",
                                     NULL};
    pointsman = pointsman_start_serving(arguments, fake_upstream_url(upstream));
    port = pointsman_listener_port(pointsman, "https");
    other_port = pointsman_listener_port(pointsman, "second");
    clear_port = pointsman_port(pointsman);
    buffer_clear(&listen);
    buffer_clear(&second);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(upstream);
    certificate_clear(&authority);
    certificate_clear(&first);
    certificate_clear(&wild);
    certificate_clear(&other);
    temp_dir_free(pairs);
    temp_dir_free(folder);
    return 0;
}

static struct tls_probe *connect_with(const struct tls_probe_options *options)
{
    struct tls_probe *probe = tls_probe_connect(port, options);
    if (tls_probe_failure(probe) != NULL)
        fail_msg("%s", tls_probe_failure(probe));
    return probe;
}

static void assert_fails(const struct tls_probe_options *options)
{
    struct tls_probe *probe = tls_probe_connect(port, options);
    assert_non_null(tls_probe_failure(probe));
    tls_probe_close(probe);
}

/* --- who gets which certificate -------------------------------------------------------------- */

static void a_host_gets_the_certificate_that_is_for_it(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *subject;
    } cases[] = {
        {"first.example", "first"},   {"wild.example", "wild"},   {"a.wild.example", "wild"},
        {"A.WILD.Example", "wild"},   {"other.example", "other"}, {"a.b.wild.example", "first"},
        {"unknown.example", "first"}, {"wild.example.", "wild"},  {NULL, "first"},
        {".wild.example", "first"},   {"example", "first"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tls_probe *probe =
            connect_with(&(struct tls_probe_options){.server_name = cases[i].name});
        if (strcmp(tls_probe_subject(probe), cases[i].subject) != 0)
            fail_msg("%s gets %s", cases[i].name, tls_probe_subject(probe));
        tls_probe_close(probe);
    }
}

static void the_service_learns_that_it_was_https(void **state)
{
    (void)state;
    struct tls_probe *probe = connect_with(NULL);

    assert_true(tls_probe_get(probe, "a", "x-forwarded-proto: https"));
    assert_true(tls_probe_get(probe, "a", "x-forwarded-proto: https"));
    tls_probe_close(probe);
}

static void a_route_of_the_clear_listener_sends_clients_to_https(void **state)
{
    (void)state;
    pointsman_routectl_ok(pointsman, "add", "up", "--listener", "default", "--host", "up.example",
                          "--redirect-scheme", "https", "--redirect-code", "301", NULL);
    struct http_message answer = HTTP_MESSAGE_EMPTY;

    assert_int_equal(http_get(clear_port, "up.example", "/a?b", &answer), 301);
    char *location = http_message_field(&answer, "location");
    assert_string_equal(location, "https://up.example/a?b");
    struct tls_probe *probe = connect_with(NULL);
    assert_true(tls_probe_get(probe, "up.example", "host: up.example"));
    tls_probe_close(probe);
    free(location);
    http_message_clear(&answer);
}

/* --- what is agreed on ----------------------------------------------------------------------- */

static void versions_before_1_2_are_refused(void **state)
{
    (void)state;
    assert_fails(&(struct tls_probe_options){.version = TLS1_VERSION});
    assert_fails(&(struct tls_probe_options){.version = TLS1_1_VERSION});

    struct tls_probe *old = connect_with(&(struct tls_probe_options){.version = TLS1_2_VERSION});
    struct tls_probe *new = connect_with(&(struct tls_probe_options){.version = TLS1_3_VERSION});
    assert_true(tls_probe_get(old, "a", NULL));
    assert_true(tls_probe_get(new, "a", NULL));
    tls_probe_close(old);
    tls_probe_close(new);
}

static void ciphers_without_forward_secrecy_or_authentication_of_data_are_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "AES128-GCM-SHA256",
        "AES128-SHA",
        "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-ECDSA-AES256-SHA384",
        "DHE-RSA-AES128-GCM-SHA256",
        "aNULL",
        "eNULL",
        "PSK",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_fails(&(struct tls_probe_options){.version = TLS1_2_VERSION, .ciphers = refused[i]});

    static const char *const taken[] = {"ECDHE-ECDSA-AES128-GCM-SHA256",
                                        "ECDHE-ECDSA-AES256-GCM-SHA384",
                                        "ECDHE-ECDSA-CHACHA20-POLY1305"};
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        tls_probe_close(connect_with(
            &(struct tls_probe_options){.version = TLS1_2_VERSION, .ciphers = taken[i]}));
}

static void only_a_protocol_we_speak_is_agreed_on(void **state)
{
    (void)state;
    struct tls_probe *both =
        connect_with(&(struct tls_probe_options){.protocols = "\x06spdy/9\x08http/1.1"});
    struct tls_probe *none = connect_with(NULL);
    struct tls_probe *two =
        connect_with(&(struct tls_probe_options){.protocols = "\x08http/1.1\x02h2"});

    assert_string_equal(tls_probe_protocol(both), "http/1.1");
    assert_string_equal(tls_probe_protocol(two), "h2");
    tls_probe_close(two);
    assert_string_equal(tls_probe_protocol(none), "");
    assert_fails(&(struct tls_probe_options){.protocols = "\x06spdy/9"});
    tls_probe_close(both);
    tls_probe_close(none);
}

static void a_listener_may_leave_http2_out(void **state)
{
    (void)state;
    struct tls_probe *both = tls_probe_connect(
        other_port, &(struct tls_probe_options){.protocols = "\x02h2\x08http/1.1"});
    struct tls_probe *one =
        tls_probe_connect(other_port, &(struct tls_probe_options){.protocols = "\x02h2"});

    assert_string_equal(tls_probe_protocol(both), "http/1.1");
    assert_non_null(tls_probe_failure(one));
    tls_probe_close(both);
    tls_probe_close(one);
}

static void renegotiation_is_refused(void **state)
{
    (void)state;
    struct tls_probe *probe = connect_with(&(struct tls_probe_options){.version = TLS1_2_VERSION});
    assert_true(tls_probe_get(probe, "a", NULL));

    SSL *ssl = tls_probe_ssl(probe);
    SSL_renegotiate(ssl);
    assert_int_not_equal(SSL_do_handshake(ssl), 1);
    tls_probe_close(probe);
}

/* --- sessions -------------------------------------------------------------------------------- */

/* A session of `version` that the listener at `from` gave is offered to the one at `to`. */
static bool is_resumed(int version, int from, int to)
{
    struct tls_probe_options options = {.version = version, .server_name = "first.example"};
    struct tls_probe *before = tls_probe_connect(from, &options);
    assert_true(tls_probe_get(before, "first.example", NULL));
    options.session = tls_probe_session(before);
    assert_non_null(options.session);
    struct tls_probe *after = tls_probe_connect(to, &options);
    assert_true(tls_probe_get(after, "first.example", NULL));

    bool is_resumed = tls_probe_is_resumed(after);
    SSL_SESSION_free(options.session);
    tls_probe_close(before);
    tls_probe_close(after);
    return is_resumed;
}

static void a_session_goes_on_at_its_own_listener_and_at_no_other(void **state)
{
    (void)state;
    assert_true(is_resumed(TLS1_2_VERSION, port, port));
    assert_true(is_resumed(TLS1_3_VERSION, port, port));
    assert_true(
        pointsman_page_has(pointsman, "/metrics", "pointsman_client_tls_resumptions_total 2\n"));
    assert_false(is_resumed(TLS1_2_VERSION, port, other_port));
    assert_false(is_resumed(TLS1_3_VERSION, port, other_port));
    assert_false(is_resumed(TLS1_3_VERSION, other_port, port));
}

static void no_early_data_is_offered(void **state)
{
    (void)state;
    struct tls_probe *probe = connect_with(&(struct tls_probe_options){.version = TLS1_3_VERSION});
    assert_true(tls_probe_get(probe, "a", NULL));
    SSL_SESSION *session = tls_probe_session(probe);

    assert_int_equal(SSL_SESSION_get_max_early_data(session), 0);
    SSL_SESSION_free(session);
    tls_probe_close(probe);
}

/* --- what is no TLS, and TLS where none is --------------------------------------------------- */

static void clear_http_on_this_port_is_told_so(void **state)
{
    (void)state;
    struct http_connection *client = http_connection_open(port);
    http_connection_send_text(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    struct http_message answer = HTTP_MESSAGE_EMPTY;

    assert_int_equal(http_connection_receive(client, &answer, 5000), HTTP_COMPLETE);
    assert_int_equal(answer.status, 400);
    assert_non_null(strstr(answer.body.at, "must be https"));
    http_message_clear(&answer);
    http_connection_close(client);
}

static void noise_on_this_port_ends_the_connection(void **state)
{
    (void)state;
    static const char *const noises[] = {"\x16\x03\x01\xff\xff", "\x80\x2e\x01", "SSH-2.0-x\r\n",
                                         "\x15\x03\x03\x00\x02\x02\x28"};
    for (size_t i = 0; i < sizeof(noises) / sizeof(noises[0]); i++) {
        struct http_connection *client = http_connection_open(port);
        struct http_message answer = HTTP_MESSAGE_EMPTY;
        http_connection_send_text(client, noises[i]);
        http_connection_finish_sending(client);
        assert_int_not_equal(http_connection_receive(client, &answer, 5000), HTTP_TIMEOUT);
        http_message_clear(&answer);
        http_connection_close(client);
    }
    struct tls_probe *probe = connect_with(NULL);
    assert_true(tls_probe_get(probe, "a", NULL));
    tls_probe_close(probe);
}

static void a_handshake_that_does_not_end_is_let_go(void **state)
{
    (void)state;
    static const char start_of_hello[] = "\x16\x03\x01\x02\x00\x01";
    struct http_connection *silent = http_connection_open(port);
    struct http_connection *slow = http_connection_open(port);
    http_connection_send(slow, start_of_hello, sizeof(start_of_hello) - 1);

    assert_true(http_connection_is_closed_within(silent, 8000));
    assert_true(http_connection_is_closed_within(slow, 8000));
    assert_true(
        pointsman_page_has(pointsman, "/metrics", "refused_total{reason=\"tls_timeout\"} 2"));
    http_connection_close(silent);
    http_connection_close(slow);
}

static void tls_to_a_clear_port_is_no_request(void **state)
{
    (void)state;
    struct tls_probe *probe = tls_probe_connect(clear_port, NULL);

    assert_non_null(tls_probe_failure(probe));
    tls_probe_close(probe);
    assert_true(
        pointsman_page_has(pointsman, "/metrics", "refused_total{reason=\"bad_request\"} 1"));
}

/* --- bodies, and how it ends ----------------------------------------------------------------- */

static void bodies_of_any_size_arrive_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {
        1, 1000, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 200 * 1000, 3 * 1000 * 1000};
    struct tls_probe *probe = connect_with(NULL);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *body = memory_allocate(sizes[i] + 1);
        memset(body, 'b', sizes[i]);
        body[sizes[i] - 1] = '!';
        body[sizes[i]] = '\0';
        char head[128];
        snprintf(head, sizeof(head),
                 "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", sizes[i]);
        assert_true(tls_probe_send(probe, head));
        assert_true(tls_probe_send_bytes(probe, body, sizes[i]));

        /* The service answers with the request: head and body. */
        assert_true(tls_probe_expect(probe, "HTTP/1.1 200 OK\r\n"));
        assert_true(tls_probe_expect(probe, "\r\n\r\n"));
        assert_true(tls_probe_expect(probe, "\r\n\r\n"));
        assert_true(tls_probe_expect(probe, body));
        free(body);
    }
    tls_probe_close(probe);
}

static void requests_in_one_record_are_answered_in_order(void **state)
{
    (void)state;
    struct tls_probe *probe = connect_with(NULL);
    assert_true(tls_probe_send(probe, "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"
                                      "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntwo"
                                      "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"
                                      "\r\n\r\n5\r\nthree\r\n0\r\n\r\n"
                                      "GET /4 HTTP/1.1\r\nHost: a\r\n\r\n"));

    assert_true(tls_probe_expect(probe, "POST /1 HTTP/1.1"));
    assert_true(tls_probe_expect(probe, "one"));
    assert_true(tls_probe_expect(probe, "POST /2 HTTP/1.1"));
    assert_true(tls_probe_expect(probe, "two"));
    assert_true(tls_probe_expect(probe, "POST /3 HTTP/1.1"));
    assert_true(tls_probe_expect(probe, "three"));
    assert_true(tls_probe_expect(probe, "GET /4 HTTP/1.1"));
    tls_probe_close(probe);
}

static void the_end_of_a_connection_is_announced(void **state)
{
    (void)state;
    struct tls_probe *asked = connect_with(NULL);
    assert_true(tls_probe_send(asked, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert_true(tls_probe_expect(asked, "HTTP/1.1 200 OK\r\n"));
    assert_true(tls_probe_is_ended(asked));

    struct tls_probe *refused = connect_with(NULL);
    assert_true(tls_probe_send(refused, "NO\r\n\r\n"));
    assert_true(tls_probe_expect(refused, "HTTP/1.1 400 Bad Request\r\n"));
    assert_true(tls_probe_is_ended(refused));
    tls_probe_close(asked);
    tls_probe_close(refused);
}

static void a_client_that_says_it_sends_no_more_is_answered(void **state)
{
    (void)state;
    struct tls_probe *probe = connect_with(NULL);
    assert_true(tls_probe_send(probe, "GET /last HTTP/1.1\r\nHost: a\r\n\r\n"));
    tls_probe_finish_sending(probe);

    assert_true(tls_probe_expect(probe, "GET /last HTTP/1.1"));
    assert_true(tls_probe_is_ended(probe));
    tls_probe_close(probe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_gets_the_certificate_that_is_for_it),
        cmocka_unit_test(the_service_learns_that_it_was_https),
        cmocka_unit_test(a_route_of_the_clear_listener_sends_clients_to_https),
        cmocka_unit_test(versions_before_1_2_are_refused),
        cmocka_unit_test(ciphers_without_forward_secrecy_or_authentication_of_data_are_refused),
        cmocka_unit_test(only_a_protocol_we_speak_is_agreed_on),
        cmocka_unit_test(a_listener_may_leave_http2_out),
        cmocka_unit_test(renegotiation_is_refused),
        cmocka_unit_test(a_session_goes_on_at_its_own_listener_and_at_no_other),
        cmocka_unit_test(no_early_data_is_offered),
        cmocka_unit_test(clear_http_on_this_port_is_told_so),
        cmocka_unit_test(noise_on_this_port_ends_the_connection),
        cmocka_unit_test(a_handshake_that_does_not_end_is_let_go),
        cmocka_unit_test(tls_to_a_clear_port_is_no_request),
        cmocka_unit_test(bodies_of_any_size_arrive_whole),
        cmocka_unit_test(requests_in_one_record_are_answered_in_order),
        cmocka_unit_test(the_end_of_a_connection_is_announced),
        cmocka_unit_test(a_client_that_says_it_sends_no_more_is_answered),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
