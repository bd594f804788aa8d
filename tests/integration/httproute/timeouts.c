/* Timeouts: how long a rule waits. */
#include "tests/integration/httproute/acceptance.h"
#include "tests/unit/cmocka_all.h"

static const char host[] = "timeouts.test";

static const struct fake_step never_answers[] = {
    {.action = FAKE_READ_REQUEST}, {.action = FAKE_READ_TO_END}, {.action = FAKE_CLOSE}};
static const struct fake_step stops_in_between[] = {
    {.action = FAKE_READ_REQUEST},
    {.action = FAKE_SEND, .text = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome"},
    {.action = FAKE_READ_TO_END},
    {.action = FAKE_CLOSE}};

static int apply(void **state)
{
    (void)state;
    acceptance_apply_file("timeouts.yaml");
    return 0;
}

static void a_service_in_time_is_not_noticed(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"TIMEOUT-1", "GET /request", .answer = "odd"},
        {"TIMEOUT-2", "GET /backend", .answer = "odd"},
        {"TIMEOUT-3", "GET /none", .answer = "odd"},
    };
    CHECK_CASES(host, cases);
}

static void a_service_that_is_late_is_504(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"TIMEOUT-1 TIMEOUT-5", "GET /request", .answer = "504"},
        {"TIMEOUT-2 TIMEOUT-5", "GET /backend", .answer = "504"},
        {"TIMEOUT-2", "GET /backend-in-request", .answer = "504"},
    };
    fake_upstream_drop_connections(acceptance_service("odd"));
    fake_upstream_forget_scripts(acceptance_service("odd"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        fake_upstream_script(acceptance_service("odd"), never_answers);

    CHECK_CASES(host, cases);
}

static void a_response_that_stops_is_cut(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"TIMEOUT-5", "GET /request", .answer = "ended inside the message"},
        {"TIMEOUT-5", "GET /backend", .answer = "ended inside the message"},
    };
    fake_upstream_drop_connections(acceptance_service("odd"));
    fake_upstream_forget_scripts(acceptance_service("odd"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        fake_upstream_script(acceptance_service("odd"), stops_in_between);

    CHECK_CASES(host, cases);
}

int timeouts_theme(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_in_time_is_not_noticed),
        cmocka_unit_test(a_service_that_is_late_is_504),
        cmocka_unit_test(a_response_that_stops_is_cut),
    };
    return cmocka_run_group_tests_name("timeouts", tests, apply, NULL);
}
