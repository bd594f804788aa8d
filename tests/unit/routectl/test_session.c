#include "control/routectl/session.h"
#include "tests/unit/cmocka_all.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Does a session that begins with this standard output, and this NO_COLOR, have colour? */
static bool has_colour(int output, const char *no_colour)
{
    struct session session;
    struct error err = {0};
    if (no_colour == NULL)
        unsetenv("NO_COLOR");
    else
        setenv("NO_COLOR", no_colour, 1);
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    dup2(output, STDOUT_FILENO);
    bool is_good = session_init(&session, &err);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    assert_true(is_good);
    bool has_it = session.sink.has_colour;
    session_clear(&session);
    return has_it;
}

/* Skips the test where there are none, as in a bare chroot. */
static int open_terminal(void)
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0) {
        print_message("no terminal can be opened here\n");
        skip();
    }
    assert_true(isatty(terminal));
    return terminal;
}

static void a_terminal_has_colour(void **state)
{
    (void)state;
    int terminal = open_terminal();
    assert_true(has_colour(terminal, NULL));
    close(terminal);
}

static void what_is_no_terminal_has_no_colour(void **state)
{
    (void)state;
    int file = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_true(file >= 0);
    assert_false(has_colour(file, NULL));
    close(file);
}

static void no_color_takes_colour_away_unless_it_is_empty(void **state)
{
    (void)state;
    int terminal = open_terminal();
    assert_false(has_colour(terminal, "1"));
    assert_true(has_colour(terminal, ""));
    close(terminal);
}

static void flags_that_contradict_are_refused(void **state)
{
    (void)state;
    struct session session;
    struct error err = {0};
    session_options.wait = session_options.no_wait = true;
    assert_false(session_init(&session, &err));
    assert_string_equal(err.message, "--wait and --no-wait exclude each other");
    session_options.wait = session_options.no_wait = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_terminal_has_colour),
        cmocka_unit_test(what_is_no_terminal_has_no_colour),
        cmocka_unit_test(no_color_takes_colour_away_unless_it_is_empty),
        cmocka_unit_test(flags_that_contradict_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
