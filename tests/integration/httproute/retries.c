/* Retries: which failures a rule repeats, and how often. */
#include "common/clock.h"
#include "tests/integration/httproute/acceptance.h"
#include "tests/support/check.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static const char host[] = "retries.test";

#define ANSWERS(status)                                                                            \
    {.action = FAKE_READ_REQUEST},                                                                 \
        {.action = FAKE_SEND,                                                                      \
         .text = "HTTP/1.1 " status " Failing\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"}, \
    {                                                                                              \
        .action = FAKE_CLOSE                                                                       \
    }
static const struct fake_step answers_500[] = {ANSWERS("500")};
static const struct fake_step answers_502[] = {ANSWERS("502")};
static const struct fake_step answers_503[] = {ANSWERS("503")};
static const struct fake_step answers_504[] = {ANSWERS("504")};
static const struct fake_step resets[] = {{.action = FAKE_READ_REQUEST}, {.action = FAKE_RESET}};
static const struct fake_step closes[] = {{.action = FAKE_READ_REQUEST}, {.action = FAKE_CLOSE}};
static const struct fake_step never_answers[] = {
    {.action = FAKE_READ_REQUEST}, {.action = FAKE_READ_TO_END}, {.action = FAKE_CLOSE}};

static int apply(void **state)
{
    (void)state;
    acceptance_apply_file("retries.yaml");
    return 0;
}

/* The next connections fail `times` times in this way; the one behind them answers. */
struct retry_case {
    const char *rules, *path;
    const struct fake_step *script;
    int times;
    const char *answer;
    size_t tries;
};

static void check_retry(const struct retry_case *expected)
{
    fake_upstream_drop_connections(acceptance_service("odd"));
    fake_upstream_forget_scripts(acceptance_service("odd"));
    for (int i = 0; i < expected->times; i++)
        fake_upstream_script(acceptance_service("odd"), expected->script);
    size_t before = fake_upstream_request_count(acceptance_service("odd"));
    struct buffer request = BUFFER_EMPTY;
    buffer_printf(&request, "GET %s", expected->path);

    char *answer = acceptance_ask(host, buffer_string(&request));

    size_t tries = fake_upstream_request_count(acceptance_service("odd")) - before;
    CHECK(strcmp(answer, expected->answer) == 0 && tries == expected->tries,
          "%s: %s after %d failures: '%s' after %zu tries instead of '%s' after %zu",
          expected->rules, expected->path, expected->times, answer, tries, expected->answer,
          expected->tries);
    free(answer);
    buffer_clear(&request);
}

#define CHECK_RETRIES(cases)                                                                       \
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)                                  \
    check_retry(&cases[i])

static void listed_codes_are_repeated_as_often_as_attempts_say(void **state)
{
    (void)state;
    static const struct retry_case cases[] = {
        {"RETRY-1", "/500-3", answers_500, 2, "odd", 3},
        {"RETRY-2", "/500-3", answers_500, 3, "odd", 4},
        {"RETRY-2", "/500-3", answers_500, 4, "500", 4},
        {"RETRY-1", "/500-3", answers_503, 1, "503", 1},
        {"RETRY-1", "/all-2", answers_500, 1, "odd", 2},
        {"RETRY-2", "/all-2", answers_500, 3, "500", 3},
        {"RETRY-1", "/all-2", answers_502, 1, "odd", 2},
        {"RETRY-2", "/all-2", answers_502, 3, "502", 3},
        {"RETRY-1", "/all-2", answers_503, 2, "odd", 3},
        {"RETRY-2", "/all-2", answers_503, 3, "503", 3},
        {"RETRY-1", "/all-2", answers_504, 1, "odd", 2},
        {"RETRY-2", "/all-2", answers_504, 3, "504", 3},
        {"RETRY-1", "/no-stanza", answers_500, 1, "500", 1},
    };
    CHECK_RETRIES(cases);
}

static void lost_connections_are_repeated(void **state)
{
    (void)state;
    static const struct retry_case cases[] = {
        {"RETRY-5", "/connection-3", resets, 2, "odd", 3},
        {"RETRY-5 ANSWER-4", "/connection-3", resets, 4, "503", 4},
        {"RETRY-5", "/connection-3", closes, 3, "odd", 4},
        {"RETRY-5", "/all-2", resets, 2, "odd", 3},
        {"ANSWER-4", "/no-stanza", resets, 1, "503", 1},
    };
    CHECK_RETRIES(cases);
}

static void a_try_that_is_late_is_repeated(void **state)
{
    (void)state;
    static const struct retry_case cases[] = {
        {"RETRY-5 TIMEOUT-2", "/late-2", never_answers, 2, "odd", 3},
        {"RETRY-5 ANSWER-6", "/late-2", never_answers, 3, "504", 3},
    };
    CHECK_RETRIES(cases);
}

static void all_tries_are_within_the_request_timeout(void **state)
{
    (void)state;
    static const struct retry_case cases[] = {
        {"RETRY-4", "/within", answers_500, 1, "odd", 2},
        {"RETRY-4", "/within", never_answers, 2, "504", 2},
        {"RETRY-4", "/long-pause", answers_500, 1, "504", 1},
    };
    CHECK_RETRIES(cases);
}

static void a_pause_is_at_least_the_backoff(void **state)
{
    (void)state;
    static const struct retry_case paused = {"RETRY-3", "/pause", answers_500, 1, "odd", 2};
    uint64_t started_ms = clock_now_ms();

    check_retry(&paused);

    assert_true(clock_now_ms() - started_ms >= 150);
}

int retries_theme(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listed_codes_are_repeated_as_often_as_attempts_say),
        cmocka_unit_test(lost_connections_are_repeated),
        cmocka_unit_test(a_try_that_is_late_is_repeated),
        cmocka_unit_test(all_tries_are_within_the_request_timeout),
        cmocka_unit_test(a_pause_is_at_least_the_backoff),
    };
    return cmocka_run_group_tests_name("retries", tests, apply, NULL);
}
