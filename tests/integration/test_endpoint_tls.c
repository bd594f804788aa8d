/* TLS to endpoints: who is believed, and what a client sees when nobody is. */
#include "tests/support/certificates.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct temp_dir *folder;
static struct certificate authority;
static struct certificate named; /* for shop.internal */
static struct certificate local; /* for 127.0.0.1 */
static char *access_log;
static struct pointsman *pointsman;

/* One worker, so that it is one pool that connections and sessions wait in. */
static int start(void **state)
{
    (void)state;
    folder = temp_dir_new();
    authority = certificate_make_authority(folder, "authority");
    named = certificate_make(folder, "named", "DNS:shop.internal", &authority);
    local = certificate_make(folder, "local", "IP:127.0.0.1", &authority);
    access_log = temp_dir_file(folder, "access.log");
    setenv("SSL_CERT_FILE", authority.certificate, 1); /* the system's authorities */

    const char *const arguments[] = {"--access-log", access_log, NULL};
    pointsman =
        pointsman_start(&(struct pointsman_options){.proxy_arguments = arguments, .workers = "1"});
    pointsman_routectl_ok(pointsman, "add", "shop", "--path-prefix", "/", "--backend", "shop",
                          NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    certificate_clear(&authority);
    certificate_clear(&named);
    certificate_clear(&local);
    free(access_log);
    temp_dir_free(folder);
    return 0;
}

static int get_status(void)
{
    return http_get_status(pointsman_port(pointsman), "h", "/");
}

static bool access_log_has(void *text)
{
    char *lines = temp_dir_read(access_log);
    bool has = lines != NULL && strstr(lines, text) != NULL;
    free(lines);
    return has;
}

static void a_name_is_asked_for_and_verified(void **state)
{
    (void)state;
    struct fake_upstream *upstream = fake_upstream_start_tls("shop", named.certificate, named.key);
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--to", fake_upstream_url(upstream),
                          "--tls-ca-file", authority.certificate, "--tls-server-name",
                          "shop.internal", NULL);

    assert_int_equal(get_status(), 200);
    assert_int_equal(get_status(), 200);

    char name[256];
    fake_upstream_server_name(upstream, name);
    assert_string_equal(name, "shop.internal");
    assert_int_equal(fake_upstream_connection_count(upstream), 1);
    fake_upstream_free(upstream);
}

static void without_a_name_the_address_is_verified_by_the_systems_authorities(void **state)
{
    (void)state;
    struct fake_upstream *upstream = fake_upstream_start_tls("shop", local.certificate, local.key);
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--to", fake_upstream_url(upstream),
                          NULL);

    assert_int_equal(get_status(), 200);

    char name[256];
    fake_upstream_server_name(upstream, name);
    assert_string_equal(name, "");
    fake_upstream_free(upstream);
}

static void another_name_is_503_and_the_access_log_says_why(void **state)
{
    (void)state;
    struct fake_upstream *upstream = fake_upstream_start_tls("shop", named.certificate, named.key);
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--to", fake_upstream_url(upstream),
                          "--tls-server-name", "other.internal", NULL);

    assert_int_equal(get_status(), 503);

    assert_int_equal(fake_upstream_request_count(upstream), 0);
    assert_true(
        pointsman_page_has(pointsman, "/metrics",
                           "pointsman_upstream_failures_total{backend=\"shop\",kind=\"tls\"} 1"));
    assert_true(wait_until(access_log_has, (void *)"\"tls_error\":\"hostname mismatch\"", WAIT_MS));
    fake_upstream_free(upstream);
}

static void an_unknown_authority_is_503_unless_verification_is_skipped(void **state)
{
    (void)state;
    struct certificate stranger = certificate_make_authority(folder, "stranger");
    struct certificate forged = certificate_make(folder, "forged", "IP:127.0.0.1", &stranger);
    struct fake_upstream *upstream =
        fake_upstream_start_tls("shop", forged.certificate, forged.key);
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--to", fake_upstream_url(upstream),
                          NULL);
    assert_int_equal(get_status(), 503);

    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--replace", "--to",
                          fake_upstream_url(upstream), "--tls-skip-verification", NULL);
    assert_int_equal(get_status(), 200);

    /* The connection that waits in the pool was not verified: it is not used for who wants that. */
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--replace", "--to",
                          fake_upstream_url(upstream), NULL);
    assert_int_equal(get_status(), 503);

    fake_upstream_free(upstream);
    certificate_clear(&stranger);
    certificate_clear(&forged);
}

static void a_ca_file_that_cannot_be_read_is_503(void **state)
{
    (void)state;
    struct fake_upstream *upstream = fake_upstream_start_tls("shop", local.certificate, local.key);
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--to", fake_upstream_url(upstream),
                          "--tls-ca-file", "/nonexistent/ca.pem", NULL);

    assert_int_equal(get_status(), 503);

    free(process_expect_line(pointsman_proxy(pointsman), "endpoint_tls_unusable"));
    fake_upstream_free(upstream);
}

static void who_never_shakes_hands_is_503_after_the_connect_timeout(void **state)
{
    (void)state;
    static const struct fake_step silent[] = {{.action = FAKE_READ_TO_END}, {.action = FAKE_CLOSE}};
    struct fake_upstream *upstream = fake_upstream_start("silent");
    fake_upstream_script(upstream, silent);
    char url[64];
    snprintf(url, sizeof(url), "https://127.0.0.1:%d", fake_upstream_port(upstream));
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--to", url, "--connect-timeout",
                          "100ms", NULL);

    assert_int_equal(get_status(), 503);

    assert_true(pointsman_page_has(
        pointsman, "/metrics",
        "pointsman_upstream_failures_total{backend=\"shop\",kind=\"connect_timeout\"} 1"));
    fake_upstream_free(upstream);
}

static void who_answers_in_clear_text_is_503(void **state)
{
    (void)state;
    static const struct fake_step clear[] = {
        {.action = FAKE_SEND, .text = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"},
        {.action = FAKE_READ_TO_END},
        {.action = FAKE_CLOSE}};
    struct fake_upstream *upstream = fake_upstream_start("clear");
    fake_upstream_script(upstream, clear);
    char url[64];
    snprintf(url, sizeof(url), "https://127.0.0.1:%d", fake_upstream_port(upstream));
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--to", url, NULL);

    assert_int_equal(get_status(), 503);

    assert_true(
        wait_until(access_log_has, (void *)"\"tls_error\":\"wrong version number\"", WAIT_MS));
    fake_upstream_free(upstream);
}

static void sessions_are_resumed(void **state)
{
    (void)state;
    struct fake_upstream *upstream = fake_upstream_start_tls("shop", local.certificate, local.key);
    fake_upstream_answer(upstream,
                         "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--to", fake_upstream_url(upstream),
                          NULL);

    for (int i = 0; i < 3; i++)
        assert_int_equal(get_status(), 200);

    assert_int_equal(fake_upstream_connection_count(upstream), 3);
    assert_int_equal(fake_upstream_resumed_count(upstream), 2);
    assert_true(
        pointsman_page_has(pointsman, "/metrics", "pointsman_upstream_tls_handshakes_total 3\n"));
    assert_true(
        pointsman_page_has(pointsman, "/metrics", "pointsman_upstream_tls_resumptions_total 2\n"));
    fake_upstream_free(upstream);
}

/* Far more than a record, in both directions: what was sent comes back. */
static void large_bodies_come_through_whole(void **state)
{
    (void)state;
    enum { BYTES = 3 * 1000 * 1000 };
    struct fake_upstream *upstream = fake_upstream_start_tls("shop", local.certificate, local.key);
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--to", fake_upstream_url(upstream),
                          NULL);
    char *body = malloc(BYTES + 1);
    assert_non_null(body);
    for (int i = 0; i < BYTES; i++)
        body[i] = (char)('a' + i % 23);
    body[BYTES] = '\0';
    char head[128];
    snprintf(head, sizeof(head), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n", BYTES);

    struct http_message response = HTTP_MESSAGE_EMPTY;
    assert_int_equal(http_exchange(pointsman_port(pointsman), head, body, &response), 200);

    assert_true(response.body.length > BYTES);
    assert_memory_equal(response.body.at + response.body.length - BYTES, body, BYTES);
    http_message_clear(&response);
    free(body);
    fake_upstream_free(upstream);
}

static void an_answer_that_tls_has_not_ended_is_not_complete(void **state)
{
    (void)state;
    /* Until close, and then a reset instead of TLS's own end. */
    static const struct fake_step cut[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_SEND, .text = "HTTP/1.1 200 OK\r\n\r\npart of it"},
        {.action = FAKE_RESET}};
    struct fake_upstream *upstream = fake_upstream_start_tls("shop", local.certificate, local.key);
    fake_upstream_script(upstream, cut);
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--to", fake_upstream_url(upstream),
                          NULL);

    assert_int_equal(get_status(), 0);

    fake_upstream_free(upstream);
}

static bool is_unhealthy(void *context)
{
    (void)context;
    return pointsman_page_has(pointsman, "/metrics",
                              "pointsman_endpoints{state=\"unhealthy\"} 1\n");
}

static void health_checks_verify_as_requests_do(void **state)
{
    (void)state;
    struct fake_upstream *upstream = fake_upstream_start_tls("shop", named.certificate, named.key);
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--to", fake_upstream_url(upstream),
                          "--tls-server-name", "shop.internal", "--health-path", "/healthz",
                          "--health-interval", "50ms", "--health-timeout", "5s", NULL);
    assert_true(fake_upstream_wait_requests(upstream, 3, WAIT_MS));
    assert_false(is_unhealthy(NULL));

    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--replace", "--to",
                          fake_upstream_url(upstream), "--tls-server-name", "other.internal",
                          "--health-path", "/healthz", "--health-interval", "50ms",
                          "--health-timeout", "5s", NULL);
    assert_true(wait_until(is_unhealthy, NULL, WAIT_MS));
    free(process_expect_line(pointsman_proxy(pointsman), "reason=\"hostname mismatch\""));
    fake_upstream_free(upstream);
}

static void a_port_that_speaks_https_is_secured(void **state)
{
    (void)state;
    struct fake_upstream *upstream = fake_upstream_start_tls("shop", local.certificate, local.key);
    char document[256];
    snprintf(document, sizeof(document),
             "apiVersion: pointsman/v1\nkind: Backend\nmetadata: {name: shop}\nspec:\n"
             "  endpoints: [{address: 127.0.0.1}]\n"
             "  ports: [{port: 443, targetPort: %d, appProtocol: https}]\n",
             fake_upstream_port(upstream));
    char *path = temp_dir_write(folder, "shop.yaml", document);
    pointsman_routectl_ok(pointsman, "apply", "-f", path, NULL);

    assert_int_equal(get_status(), 200);

    free(path);
    fake_upstream_free(upstream);
}

int main(void)
{
#define STORY(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        STORY(a_name_is_asked_for_and_verified),
        STORY(without_a_name_the_address_is_verified_by_the_systems_authorities),
        STORY(another_name_is_503_and_the_access_log_says_why),
        STORY(an_unknown_authority_is_503_unless_verification_is_skipped),
        STORY(a_ca_file_that_cannot_be_read_is_503),
        STORY(who_never_shakes_hands_is_503_after_the_connect_timeout),
        STORY(who_answers_in_clear_text_is_503),
        STORY(sessions_are_resumed),
        STORY(large_bodies_come_through_whole),
        STORY(an_answer_that_tls_has_not_ended_is_not_complete),
        STORY(health_checks_verify_as_requests_do),
        STORY(a_port_that_speaks_https_is_secured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
