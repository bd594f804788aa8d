/* pointsman-proxy as a program: flags, ports, signals, logs. No control is needed for these. */
#include "tests/support/check.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    struct pointsman *pointsman; /* its control is never started */
    char *program;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture.pointsman = pointsman_new(NULL);
    fixture.program = pointsman_program("pointsman-proxy");
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    pointsman_free(fixture->pointsman);
    free(fixture->program);
    return 0;
}

/* --- helpers -------------------------------------------------------------------------------- */

/* Runs the program to its end with two flags more. */
static struct command run(struct fixture *fixture, const char *flag, const char *value,
                          const char *other_flag, const char *other_value)
{
    const char *const arguments[] = {fixture->program, flag, value, other_flag, other_value, NULL};
    return command_run(arguments, NULL);
}

static void assert_says(struct command *command, int exit_code, const char *text)
{
    CHECK(command->exit_code == exit_code, "ended with %d: %s", command->exit_code, command->err);
    CHECK(strstr(command->err, text) != NULL || strstr(command->out, text) != NULL,
          "no '%s' in '%s%s'", text, command->out, command->err);
    command_clear(command);
}

static bool file_exists(void *path)
{
    return access(path, F_OK) == 0;
}

/* --- claims --------------------------------------------------------------------------------- */

static void help_and_version_exit_0(void **state)
{
    struct fixture *fixture = *state;

    struct command help = run(fixture, "--help", NULL, NULL, NULL);
    struct command version = run(fixture, "--version", NULL, NULL, NULL);

    assert_says(&help, 0, "--drain-time");
    assert_says(&version, 0, POINTSMAN_VERSION);
}

static void bad_flags_exit_2_and_name_the_flag(void **state)
{
    struct fixture *fixture = *state;

    struct command unknown = run(fixture, "--lissten", "1", NULL, NULL);
    struct command workers = run(fixture, "--workers", "0", NULL, NULL);
    struct command level = run(fixture, "--log-level", "loud", NULL, NULL);

    assert_says(&unknown, 2, "lissten");
    assert_says(&workers, 2, "--workers");
    assert_says(&level, 2, "--log-level");
}

static void limits_of_heads_that_cannot_be_are_refused(void **state)
{
    struct fixture *fixture = *state;

    struct command none = run(fixture, "--max-headers", "0", NULL, NULL);
    struct command many = run(fixture, "--max-headers", "201", NULL, NULL);
    struct command line = run(fixture, "--max-request-line", "8k", "--max-head", "4k");
    struct command no_line = run(fixture, "--max-request-line", "0", NULL, NULL);
    struct command head = run(fixture, "--max-head", "2m", NULL, NULL);

    assert_says(&none, 2, "--max-headers must be 1 to 200");
    assert_says(&many, 2, "--max-headers must be 1 to 200");
    assert_says(&line, 2, "--max-request-line");
    assert_says(&no_line, 2, "--max-request-line");
    assert_says(&head, 2, "--max-head must be at most");
}

static void bad_id_is_refused(void **state)
{
    struct fixture *fixture = *state;

    struct command command = run(fixture, "--id", "two words", "--admin", "127.0.0.1:0");

    assert_says(&command, 1, "--id");
}

static void port_in_use_is_a_clear_error_with_nothing_half_started(void **state)
{
    struct fixture *fixture = *state;
    pointsman_start_proxy(fixture->pointsman);
    char taken[64], admin_taken[64];
    snprintf(taken, sizeof(taken), "127.0.0.1:%d", pointsman_port(fixture->pointsman));
    snprintf(admin_taken, sizeof(admin_taken), "127.0.0.1:%d",
             pointsman_admin_port(fixture->pointsman));

    struct command listen = run(fixture, "--listen", taken, "--admin", "127.0.0.1:0");
    struct command admin = run(fixture, "--listen", "127.0.0.1:0", "--admin", admin_taken);

    assert_says(&listen, 1, taken);
    assert_says(&admin, 1, admin_taken);
}

static void too_few_descriptors_are_a_clear_error(void **state)
{
    struct fixture *fixture = *state;
    const char *const arguments[] = {"/bin/sh",
                                     "-c",
                                     "ulimit -n 20; exec \"$@\"",
                                     "sh",
                                     fixture->program,
                                     "--listen",
                                     "127.0.0.1:0",
                                     "--admin",
                                     "127.0.0.1:0",
                                     NULL};

    struct command command = command_run(arguments, NULL);

    assert_says(&command, 1, "the limit on open files, 20, is too low");
}

static void health_check_says_whether_it_is_ready(void **state)
{
    struct fixture *fixture = *state;
    pointsman_start_proxy(fixture->pointsman);
    char admin[64];
    snprintf(admin, sizeof(admin), "127.0.0.1:%d", pointsman_admin_port(fixture->pointsman));

    struct command unready = run(fixture, "--check-health", "--admin", admin, NULL);
    pointsman_start_control(fixture->pointsman);
    pointsman_wait_ready(fixture->pointsman);
    struct command ready = run(fixture, "--check-health", "--admin", admin, NULL);
    pointsman_stop_proxy(fixture->pointsman);
    struct command gone = run(fixture, "--check-health", "--admin", admin, NULL);

    assert_says(&unready, 1, "not ready");
    assert_says(&ready, 0, "");
    assert_says(&gone, 1, "does not listen");
}

static void termination_ends_an_idle_proxy_at_once(void **state)
{
    struct fixture *fixture = *state;
    pointsman_start_proxy(fixture->pointsman);

    process_signal(pointsman_proxy(fixture->pointsman), SIGTERM);

    assert_int_equal(process_wait(pointsman_proxy(fixture->pointsman), WAIT_MS), 0);
    free(process_expect_line(pointsman_proxy(fixture->pointsman), " draining "));
    free(process_expect_line(pointsman_proxy(fixture->pointsman), " stopped"));
}

static void hangup_reopens_the_access_log(void **state)
{
    struct fixture *fixture = *state;
    char *access_log = temp_dir_file(pointsman_dir(fixture->pointsman), "access.log");
    char *rotated = temp_dir_file(pointsman_dir(fixture->pointsman), "access.log.1");
    const char *const arguments[] = {"--access-log", access_log, NULL};
    const struct pointsman_options options = {.proxy_arguments = arguments};
    struct pointsman *pointsman = pointsman_new(&options);
    pointsman_start_proxy(pointsman);
    CHECK(wait_until(file_exists, access_log, WAIT_MS), "no access log");

    assert_int_equal(rename(access_log, rotated), 0);
    process_signal(pointsman_proxy(pointsman), SIGHUP);

    CHECK(wait_until(file_exists, access_log, WAIT_MS), "the access log was not reopened");
    pointsman_free(pointsman);
    free(access_log);
    free(rotated);
}

static void proxy_without_routes_answers_503_not_404(void **state)
{
    struct fixture *fixture = *state;
    pointsman_start_proxy(fixture->pointsman);

    assert_int_equal(http_get_status(pointsman_port(fixture->pointsman), "a.internal", "/"), 503);
    assert_int_equal(http_get_status(pointsman_admin_port(fixture->pointsman), "a", "/readyz"),
                     503);
    assert_int_equal(http_get_status(pointsman_admin_port(fixture->pointsman), "a", "/healthz"),
                     200);
}

static void id_is_kept_over_restarts(void **state)
{
    struct fixture *fixture = *state;
    pointsman_start_proxy(fixture->pointsman);
    char *first = process_expect_line(pointsman_proxy(fixture->pointsman), " starting ");
    pointsman_stop_proxy(fixture->pointsman);

    pointsman_start_proxy(fixture->pointsman);
    char *second = process_expect_line(pointsman_proxy(fixture->pointsman), " starting ");

    assert_string_equal(strstr(first, " id="), strstr(second, " id="));
    free(first);
    free(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(help_and_version_exit_0),
        TEST(bad_flags_exit_2_and_name_the_flag),
        TEST(limits_of_heads_that_cannot_be_are_refused),
        TEST(bad_id_is_refused),
        TEST(port_in_use_is_a_clear_error_with_nothing_half_started),
        TEST(too_few_descriptors_are_a_clear_error),
        TEST(health_check_says_whether_it_is_ready),
        TEST(termination_ends_an_idle_proxy_at_once),
        TEST(hangup_reopens_the_access_log),
        TEST(proxy_without_routes_answers_503_not_404),
        TEST(id_is_kept_over_restarts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
