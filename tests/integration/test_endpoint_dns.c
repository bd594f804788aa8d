/* Names as endpoints: what a name server says is where requests go, and what it stops saying does
 * no harm. */
#include "tests/support/certificates.h"
#include "tests/support/fake_dns.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

static struct fake_dns *dns;
static struct fake_upstream *first;  /* at 127.0.0.1 */
static struct fake_upstream *second; /* at 127.0.0.2, on the same port */
static char url[64];                 /* of both, by name */
static const char *arguments[] = {"--dns-server", NULL, "--dns-min-interval", "50ms", NULL};
static struct pointsman *pointsman;

static int start(void **state)
{
    (void)state;
    dns = fake_dns_start();
    first = fake_upstream_start("first");
    second = fake_upstream_start_at("second", "127.0.0.2", fake_upstream_port(first));
    snprintf(url, sizeof(url), "http://shop.test:%d", fake_upstream_port(first));
    arguments[1] = fake_dns_server(dns);
    pointsman = pointsman_start(&(struct pointsman_options){.proxy_arguments = arguments});
    pointsman_routectl_ok(pointsman, "add", "shop", "--path-prefix", "/", "--backend", "shop",
                          NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(first);
    fake_upstream_free(second);
    fake_dns_free(dns);
    return 0;
}

static int get_status(void)
{
    return http_get_status(pointsman_port(pointsman), "h", "/");
}

static bool status_has(void *text)
{
    return pointsman_page_has(pointsman, "/status", text);
}

static void add_backend(void)
{
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--policy", "RoundRobin", "--to",
                          url, NULL);
}

static void a_name_serves_as_soon_as_the_change_is_live(void **state)
{
    (void)state;
    fake_dns_set(dns, "shop.test", "127.0.0.1");
    add_backend();

    assert_int_equal(get_status(), 200);

    assert_true(status_has((void *)"{\"name\": \"shop.test\", \"addresses\": [\"127.0.0.1\"], "
                                   "\"answer_age_ms\": "));
}

static void all_addresses_of_a_name_get_requests(void **state)
{
    (void)state;
    fake_dns_set(dns, "shop.test", "127.0.0.1 127.0.0.2");
    add_backend();

    for (int i = 0; i < 10; i++)
        assert_int_equal(get_status(), 200);

    assert_int_equal(fake_upstream_request_count(first), 5);
    assert_int_equal(fake_upstream_request_count(second), 5);
}

static void addresses_of_both_families_are_endpoints(void **state)
{
    (void)state;
    fake_dns_set(dns, "shop.test", "127.0.0.1 ::1");
    add_backend();

    assert_true(status_has((void *)"\"addresses\": [\"127.0.0.1\", \"::1\"]"));
    assert_true(status_has((void *)"{\"address\": \"[::1]:"));
}

static bool second_is_asked(void *context)
{
    (void)context;
    assert_int_equal(get_status(), 200);
    return fake_upstream_request_count(second) > 0;
}

static void requests_follow_a_name_that_moves_and_none_fails(void **state)
{
    (void)state;
    fake_dns_set(dns, "shop.test", "127.0.0.1");
    add_backend();
    assert_int_equal(get_status(), 200);

    fake_dns_set(dns, "shop.test", "127.0.0.2");
    assert_true(wait_until(second_is_asked, NULL, WAIT_MS));

    size_t before = fake_upstream_request_count(first);
    for (int i = 0; i < 10; i++)
        assert_int_equal(get_status(), 200);
    assert_int_equal(fake_upstream_request_count(first), before);
}

static void the_last_good_answer_serves_while_there_is_none(void **state)
{
    (void)state;
    fake_dns_set(dns, "shop.test", "127.0.0.1");
    add_backend();

    fake_dns_set(dns, "shop.test", NULL);
    assert_true(
        wait_until(status_has, (void *)"\"last_error\": \"Domain name not found\"", WAIT_MS));

    for (int i = 0; i < 10; i++)
        assert_int_equal(get_status(), 200);
    free(process_expect_line(pointsman_proxy(pointsman), "name_not_resolved"));
}

static bool is_served(void *context)
{
    (void)context;
    return get_status() == 200;
}

static void a_name_server_that_is_silent_keeps_no_proxy_from_starting(void **state)
{
    (void)state;
    add_backend();
    assert_int_equal(get_status(), 503);
    fake_dns_be_silent(dns, true);
    fake_dns_set(dns, "shop.test", "127.0.0.1");

    pointsman_stop_proxy(pointsman);
    pointsman_start_proxy(pointsman);
    pointsman_wait_ready(pointsman);
    assert_int_equal(get_status(), 503);

    fake_dns_be_silent(dns, false);
    assert_true(wait_until(is_served, NULL, WAIT_MS));
}

static void the_certificate_must_be_for_the_name(void **state)
{
    (void)state;
    struct temp_dir *folder = temp_dir_new();
    struct certificate authority = certificate_make_authority(folder, "authority");
    struct certificate named = certificate_make(folder, "named", "DNS:shop.test", &authority);
    struct fake_upstream *secure = fake_upstream_start_tls("secure", named.certificate, named.key);
    fake_dns_set(dns, "shop.test", "127.0.0.1");
    fake_dns_set(dns, "other.test", "127.0.0.1");
    char good[64], bad[64];
    snprintf(good, sizeof(good), "https://shop.test:%d", fake_upstream_port(secure));
    snprintf(bad, sizeof(bad), "https://other.test:%d", fake_upstream_port(secure));

    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--to", good, "--tls-ca-file",
                          authority.certificate, NULL);
    assert_int_equal(get_status(), 200);
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--replace", "--to", bad,
                          "--tls-ca-file", authority.certificate, NULL);
    assert_int_equal(get_status(), 503);

    fake_upstream_free(secure);
    certificate_clear(&authority);
    certificate_clear(&named);
    temp_dir_free(folder);
}

int main(void)
{
#define STORY(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        STORY(a_name_serves_as_soon_as_the_change_is_live),
        STORY(all_addresses_of_a_name_get_requests),
        STORY(addresses_of_both_families_are_endpoints),
        STORY(requests_follow_a_name_that_moves_and_none_fails),
        STORY(the_last_good_answer_serves_while_there_is_none),
        STORY(a_name_server_that_is_silent_keeps_no_proxy_from_starting),
        STORY(the_certificate_must_be_for_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
