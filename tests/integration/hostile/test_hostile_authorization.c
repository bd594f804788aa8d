/* Hostile responses of an authorization service: whatever it sends, whole or byte by byte, a
 * request reaches the backend after a complete and unambiguous answer with 200, and else never. */
#include "tests/integration/hostile/response_script.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

static struct pointsman *pointsman;
static struct fake_upstream *backend;
static struct fake_upstream *gate;
static struct response_scripts scripts;

static int set_the_stage(void **state)
{
    (void)state;
    pointsman = pointsman_start(&(struct pointsman_options){.workers = "1"});
    backend = fake_upstream_start("backend");
    gate = fake_upstream_start("gate");
    pointsman_routectl_ok(pointsman, "backend", "add", "gate", "--to", fake_upstream_url(gate),
                          NULL);
    pointsman_routectl_ok(pointsman, "add", "all", "--path-prefix", "/", "--to",
                          fake_upstream_url(backend), "--auth", "gate", NULL);
    return 0;
}

static int clear_the_stage(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(backend);
    fake_upstream_free(gate);
    response_scripts_clear(&scripts);
    return 0;
}

static bool allows(const struct response_case *hostile)
{
    static const char ok[] = "HTTP/1.1 200 ";
    return hostile->view == VIEW_COMPLETE && strncmp(hostile->text, ok, sizeof(ok) - 1) == 0;
}

static void check_case(const struct response_case *hostile, enum manner manner)
{
    const char *method = hostile->method == NULL ? "POST" : hostile->method;
    struct http_message response = HTTP_MESSAGE_EMPTY;
    char request[128];
    snprintf(request, sizeof(request), "%s / HTTP/%s\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
             method, hostile->is_1_0 ? "1.0" : "1.1");
    fake_upstream_drop_connections(gate);
    fake_upstream_drop_connections(backend);
    pointsman_wait_no_upstream_connections(pointsman);
    response_script_add(&scripts, gate, hostile, manner);
    size_t before = fake_upstream_request_count(backend);

    struct http_connection *connection = http_connection_open(pointsman_port(pointsman));
    assert_true(http_connection_send_text(connection, request));
    enum http_outcome outcome =
        response_receive(connection, strcmp(method, "HEAD") == 0, &response);

    size_t expected = before + (allows(hostile) ? 1 : 0);
    if (fake_upstream_request_count(backend) != expected)
        response_case_fail(hostile, allows(hostile) ? "not forwarded" : "forwarded");
    if (!allows(hostile))
        response_case_check(hostile, outcome, &response);
    else if (outcome != HTTP_COMPLETE || response.status != 200 ||
             strstr(response.head.at, "X-Served-By: backend\r\n") == NULL)
        response_case_fail(hostile, http_outcome_name(outcome));
    http_message_clear(&response);
    http_connection_close(connection);
}

static void check_theme(const struct response_theme *theme)
{
    for (size_t i = 0; i < theme->count; i++) {
        for (int manner = 0; manner < MANNER_COUNT; manner++)
            check_case(&theme->cases[i], (enum manner)manner);
    }
    assert_true(process_is_running(pointsman_proxy(pointsman)));
}

#define THEME_TEST(claim, name)                                                                    \
    static void claim(void **state)                                                                \
    {                                                                                              \
        (void)state;                                                                               \
        check_theme(&name##_theme);                                                                \
    }

THEME_TEST(broken_heads_allow_nothing, status_lines)
THEME_TEST(broken_fields_and_framing_allow_nothing, response_fields)
THEME_TEST(broken_chunks_allow_nothing, response_chunks)
THEME_TEST(an_early_end_allows_nothing, response_ends)
THEME_TEST(of_whole_answers_those_with_200_allow, answers)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_heads_allow_nothing),
        cmocka_unit_test(broken_fields_and_framing_allow_nothing),
        cmocka_unit_test(broken_chunks_allow_nothing),
        cmocka_unit_test(an_early_end_allows_nothing),
        cmocka_unit_test(of_whole_answers_those_with_200_allow),
    };
    return cmocka_run_group_tests(tests, set_the_stage, clear_the_stage);
}
