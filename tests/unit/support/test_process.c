#include "tests/support/process.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static struct process *start_shell(const char *script)
{
    const char *arguments[] = {"/bin/sh", "-c", script, NULL};
    return process_start(arguments, NULL);
}

static void exit_codes_and_both_outputs_are_kept(void **state)
{
    (void)state;
    const char *arguments[] = {"/bin/sh", "-c", "echo out; echo err >&2; exit 3", NULL};

    struct command command = command_run(arguments, NULL);

    assert_int_equal(command.exit_code, 3);
    assert_string_equal(command.out, "out\n");
    assert_string_equal(command.err, "err\n");
    command_clear(&command);
}

static void a_signal_that_ends_it_shows_in_the_exit_code(void **state)
{
    (void)state;
    struct process *process = start_shell("exec sleep 1000");

    process_signal(process, SIGTERM);

    assert_int_equal(process_wait(process, WAIT_MS), 128 + SIGTERM);
    process_free(process);
}

static void a_line_is_waited_for(void **state)
{
    (void)state;
    struct process *process = start_shell("echo before >&2; echo 'ready port=1 x' >&2; read never");

    char *line = process_expect_line(process, "port=");

    assert_string_equal(line, "ready port=1 x");
    free(line);
    process_free(process);
}

static void a_line_that_never_comes_is_known_when_the_program_ends(void **state)
{
    (void)state;
    struct process *process = start_shell("echo something >&2");

    assert_null(process_find_line(process, PROCESS_STDERR, "else", WAIT_MS));

    process_free(process);
}

static void a_program_that_does_not_end_in_time_runs_on(void **state)
{
    (void)state;
    struct process *process = start_shell("exec sleep 1000");

    assert_int_equal(process_wait(process, 10), -1);
    assert_true(process_is_running(process));

    process_kill(process);
    assert_false(process_is_running(process));
    process_free(process);
}

static void a_chatty_program_never_stands_still(void **state)
{
    (void)state;
    struct process *process = start_shell("head -c 1000000 /dev/zero | tr '\\0' x; echo; echo y");

    assert_int_equal(process_wait(process, WAIT_MS), 0);

    char *out = process_output(process, PROCESS_STDOUT);
    assert_int_equal(strlen(out), 1000003);
    free(out);
    process_free(process);
}

static void our_variables_are_those_given_and_no_others(void **state)
{
    (void)state;
    const char *arguments[] = {"/bin/sh", "-c", "env | grep POINTSMAN", NULL};
    const char *environment[] = {"POINTSMAN_GIVEN=1", NULL};
    setenv("POINTSMAN_INHERITED", "1", 1);

    struct command command = command_run(arguments, environment);

    assert_string_equal(command.out, "POINTSMAN_GIVEN=1\n");
    command_clear(&command);
}

static void a_program_that_cannot_be_run_ends_with_127(void **state)
{
    (void)state;
    const char *arguments[] = {"/nonexistent/program", NULL};

    struct command command = command_run(arguments, NULL);

    assert_int_equal(command.exit_code, 127);
    command_clear(&command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_codes_and_both_outputs_are_kept),
        cmocka_unit_test(a_signal_that_ends_it_shows_in_the_exit_code),
        cmocka_unit_test(a_line_is_waited_for),
        cmocka_unit_test(a_line_that_never_comes_is_known_when_the_program_ends),
        cmocka_unit_test(a_program_that_does_not_end_in_time_runs_on),
        cmocka_unit_test(a_chatty_program_never_stands_still),
        cmocka_unit_test(our_variables_are_those_given_and_no_others),
        cmocka_unit_test(a_program_that_cannot_be_run_ends_with_127),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
