/* Retry stanzas, from the command line to the client who notices nothing. */
#include "tests/support/fake_upstream.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/unit/cmocka_all.h"

enum { REQUESTS = 30 };

static struct fake_upstream *failing;
static struct fake_upstream *healthy;
static struct pointsman *pointsman;

static int start(void **state)
{
    (void)state;
    failing = fake_upstream_start("failing");
    healthy = fake_upstream_start("healthy");
    pointsman = pointsman_start(NULL);
    pointsman_routectl_ok(pointsman, "add", "shop", "--path-prefix", "/", "--to",
                          fake_upstream_url(failing), "--to", fake_upstream_url(healthy),
                          "--retry-attempts", "1", "--retry-code", "503", "--retry-backoff", "1ms",
                          NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(failing);
    fake_upstream_free(healthy);
    return 0;
}

static void assert_all_are_served(void)
{
    for (int i = 0; i < REQUESTS; i++)
        assert_int_equal(http_get_status(pointsman_port(pointsman), "h", "/"), 200);
    assert_int_equal(fake_upstream_request_count(healthy), REQUESTS);
}

static void an_endpoint_that_answers_503_is_not_noticed(void **state)
{
    (void)state;
    fake_upstream_answer(failing, "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");

    assert_all_are_served();

    assert_true(fake_upstream_request_count(failing) > 0);
}

static void an_endpoint_that_refuses_is_not_noticed(void **state)
{
    (void)state;
    fake_upstream_refuse(failing);

    assert_all_are_served();
}

static void an_answer_that_stays_503_is_passed_on(void **state)
{
    (void)state;
    static const char busy[] = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";
    fake_upstream_answer(failing, busy);
    fake_upstream_answer(healthy, busy);

    assert_int_equal(http_get_status(pointsman_port(pointsman), "h", "/"), 503);

    assert_int_equal(fake_upstream_request_count(failing), 1);
    assert_int_equal(fake_upstream_request_count(healthy), 1);
}

int main(void)
{
#define STORY(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        STORY(an_endpoint_that_answers_503_is_not_noticed),
        STORY(an_endpoint_that_refuses_is_not_noticed),
        STORY(an_answer_that_stays_503_is_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
