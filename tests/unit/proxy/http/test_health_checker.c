#include "proxy/http/health_checker.h"
#include "proxy/upstream/endpoint_registry.h"
#include "proxy/upstream/health_check.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>

static struct endpoint_registry *endpoints;
static struct health_checker *checker;
static struct fake_upstream *upstream;
static struct endpoint *endpoint;
static Pointsman__V1__HealthCheck message;
static DurationMessage interval, timeout;

static void make_message(void)
{
    pointsman__v1__health_check__init(&message);
    google__protobuf__duration__init(&interval);
    google__protobuf__duration__init(&timeout);
    interval.nanos = 20000000;
    timeout.nanos = 100000000;
    message.interval = &interval;
    message.timeout = &timeout;
    message.unhealthy = 3;
    message.healthy = 2;
}

static int set_up(void **state)
{
    (void)state;
    endpoints = endpoint_registry_new();
    checker = health_checker_start(endpoint_registry_checks(endpoints));
    upstream = fake_upstream_start("checked");
    struct endpoint_address address;
    endpoint_address_set_ip(&address, "127.0.0.1", (uint16_t)fake_upstream_port(upstream));
    endpoint = endpoint_registry_acquire(endpoints, &address, ENDPOINT_HTTP1, NULL);
    make_message();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    health_checker_stop(checker);
    endpoint_release(&endpoint);
    endpoint_registry_free(endpoints);
    fake_upstream_free(upstream);
    return 0;
}

static struct health_check *use(void)
{
    return health_check_use(endpoint_registry_checks(endpoints), endpoint, &message);
}

static bool is_unhealthy(void *check)
{
    return !health_check_is_healthy(check);
}

static bool is_healthy(void *check)
{
    return health_check_is_healthy(check);
}

/* The first connection behaves as the script says; a first result decides. */
static void assert_found_unhealthy(const struct fake_step *steps)
{
    fake_upstream_script(upstream, steps);
    struct health_check *check = use();
    assert_true(wait_until(is_unhealthy, check, WAIT_MS));
    assert_true(wait_until(is_healthy, check, WAIT_MS));
    health_check_leave(&check);
}

static void who_never_answers_is_unhealthy(void **state)
{
    (void)state;
    static const struct fake_step silent[] = {{.action = FAKE_READ_TO_END}, {.action = FAKE_CLOSE}};
    assert_found_unhealthy(silent);
}

static void who_closes_without_an_answer_is_unhealthy(void **state)
{
    (void)state;
    static const struct fake_step closes[] = {{.action = FAKE_READ_HEAD}, {.action = FAKE_CLOSE}};
    assert_found_unhealthy(closes);
}

static void who_answers_garbage_is_unhealthy(void **state)
{
    (void)state;
    static const struct fake_step garbage[] = {
        {.action = FAKE_READ_HEAD},
        {.action = FAKE_SEND, .text = "220 mail.internal\r\n"},
        {.action = FAKE_READ_TO_END},
        {.action = FAKE_CLOSE}};
    assert_found_unhealthy(garbage);
}

static void an_answer_behind_an_informational_one_counts(void **state)
{
    (void)state;
    static const struct fake_step late[] = {
        {.action = FAKE_READ_HEAD},
        {.action = FAKE_SEND, .text = "HTTP/1.1 103 Early Hints\r\n\r\n"},
        {.action = FAKE_SEND, .text = "HTTP/1.1 500 No\r\n\r\n"},
        {.action = FAKE_READ_TO_END},
        {.action = FAKE_CLOSE}};
    assert_found_unhealthy(late);
}

static void once_decided_it_takes_as_many_in_a_row_as_the_settings_say(void **state)
{
    (void)state;
    struct health_check *check = use();
    /* With the second question the first is answered, and decided. */
    assert_true(fake_upstream_wait_requests(upstream, 2, WAIT_MS));
    fake_upstream_answer(upstream, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    size_t good = fake_upstream_request_count(upstream);

    assert_true(wait_until(is_unhealthy, check, WAIT_MS));

    /* The last one may have been on its way when the answer changed. */
    assert_true(fake_upstream_request_count(upstream) - good >= 2);
    health_check_leave(&check);
}

static void a_unix_socket_is_checked_too(void **state)
{
    (void)state;
    struct temp_dir *folder = temp_dir_new();
    char *path = temp_dir_file(folder, "service.sock");
    struct fake_upstream *service = fake_upstream_start_unix("service", path);
    fake_upstream_answer(service, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    struct endpoint_address address;
    endpoint_address_set_unix(&address, path, NULL);
    struct endpoint *on_path = endpoint_registry_acquire(endpoints, &address, ENDPOINT_HTTP1, NULL);
    struct health_check *check =
        health_check_use(endpoint_registry_checks(endpoints), on_path, &message);

    assert_true(wait_until(is_unhealthy, check, WAIT_MS));

    char *host = http_message_field(fake_upstream_request(service, 0), "Host");
    assert_string_equal(host, "localhost");
    free(host);
    health_check_leave(&check);
    endpoint_release(&on_path);
    fake_upstream_free(service);
    free(path);
    temp_dir_free(folder);
}

/* SETTINGS, and a head with one of the statuses that HPACK's table has. */
#define HTTP2_ANSWER(status)                                                                       \
    {                                                                                              \
        .action = FAKE_SEND, .text = "\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x05\0\0\0\x01" status,      \
        .text_length = 19                                                                          \
    }

static void an_endpoint_of_http2_is_asked_over_http2(void **state)
{
    (void)state;
    static const struct fake_step bad[] = {{.action = FAKE_READ_HEAD},
                                           HTTP2_ANSWER("\x8e"), /* 500 */
                                           {.action = FAKE_READ_TO_END},
                                           {.action = FAKE_CLOSE}};
    static const struct fake_step good[] = {{.action = FAKE_READ_HEAD},
                                            HTTP2_ANSWER("\x88"), /* 200 */
                                            {.action = FAKE_READ_TO_END},
                                            {.action = FAKE_CLOSE}};
    struct endpoint *other =
        endpoint_registry_acquire(endpoints, &endpoint->address, ENDPOINT_HTTP2, NULL);
    fake_upstream_script(upstream, bad);
    for (unsigned i = 0; i < message.healthy; i++)
        fake_upstream_script(upstream, good);
    struct health_check *check =
        health_check_use(endpoint_registry_checks(endpoints), other, &message);

    assert_true(wait_until(is_unhealthy, check, WAIT_MS));
    assert_true(wait_until(is_healthy, check, WAIT_MS));
    /* Then it answers as HTTP/1 does, which is no answer. */
    assert_true(wait_until(is_unhealthy, check, WAIT_MS));
    health_check_leave(&check);
    endpoint_release(&other);
}

/* SETTINGS, ":status: 200", a message of two bytes, and "grpc-status: 0" behind it. */
#define GRPC_ANSWER(message)                                                                       \
    {                                                                                              \
        .action = FAKE_SEND,                                                                       \
        .text = "\0\0\0\x04\0\0\0\0\0"                                                             \
                "\0\0\x01\x01\x04\0\0\0\x01\x88"                                                   \
                "\0\0\x07\0\0\0\0\0\x01\0\0\0\0\x02" message                                       \
                "\0\0\x0f\x01\x05\0\0\0\x01\0\x0bgrpc-status\x01"                                  \
                "0",                                                                               \
        .text_length = 9 + 10 + 16 + 24                                                            \
    }

static void a_server_of_grpc_is_asked_whether_it_serves(void **state)
{
    (void)state;
    static const struct fake_step bad[] = {{.action = FAKE_READ_HEAD},
                                           GRPC_ANSWER("\x08\x02"), /* NOT_SERVING */
                                           {.action = FAKE_READ_TO_END},
                                           {.action = FAKE_CLOSE}};
    static const struct fake_step good[] = {{.action = FAKE_READ_HEAD},
                                            GRPC_ANSWER("\x08\x01"), /* SERVING */
                                            {.action = FAKE_READ_TO_END},
                                            {.action = FAKE_CLOSE}};
    message.type = POINTSMAN__V1__HEALTH_CHECK_TYPE__HEALTH_CHECK_TYPE_GRPC;
    fake_upstream_script(upstream, bad);
    for (unsigned i = 0; i < message.healthy; i++)
        fake_upstream_script(upstream, good);
    struct health_check *check = use();

    assert_true(wait_until(is_unhealthy, check, WAIT_MS));
    assert_true(wait_until(is_healthy, check, WAIT_MS));
    /* Then it answers as HTTP/1 does, which is no answer. */
    assert_true(wait_until(is_unhealthy, check, WAIT_MS));
    health_check_leave(&check);
}

static void checks_that_were_there_before_are_taken_up(void **state)
{
    (void)state;
    struct health_check *check = use();
    health_checker_stop(checker);
    fake_upstream_answer(upstream, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");

    checker = health_checker_start(endpoint_registry_checks(endpoints));

    assert_true(wait_until(is_unhealthy, check, WAIT_MS));
    health_check_leave(&check);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_never_answers_is_unhealthy),
        TEST(an_endpoint_of_http2_is_asked_over_http2),
        TEST(a_server_of_grpc_is_asked_whether_it_serves),
        TEST(who_closes_without_an_answer_is_unhealthy),
        TEST(who_answers_garbage_is_unhealthy),
        TEST(an_answer_behind_an_informational_one_counts),
        TEST(once_decided_it_takes_as_many_in_a_row_as_the_settings_say),
        TEST(a_unix_socket_is_checked_too),
        TEST(checks_that_were_there_before_are_taken_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
