/* The story of an operator's day: what was changed, by whom and why, and how to get it back. */
#include "tests/support/fake_upstream.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct pointsman *pointsman;
static struct fake_upstream *upstream;

static int start_all(void **state)
{
    (void)state;
    upstream = fake_upstream_start("users");
    pointsman = pointsman_start(NULL);
    return 0;
}

static int start_control_alone(void **state)
{
    (void)state;
    upstream = fake_upstream_start("users");
    pointsman = pointsman_new(NULL);
    pointsman_start_control(pointsman);
    return 0;
}

static int stop_all(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(upstream);
    return 0;
}

/* --- telling it ------------------------------------------------------------------------------- */

/* Runs routectl; it must end with `code` and say `out` and `err` somewhere (NULL: anything). */
#define ROUTECTL(code, out, err, ...)                                                              \
    command_expect(pointsman_routectl(pointsman, __VA_ARGS__, NULL), code, out, err)

/* Revision 1: /old, 2: /new instead, 3: another route, 4: it is gone again. */
static void make_four_revisions(void)
{
    const char *url = fake_upstream_url(upstream);
    ROUTECTL(0, NULL, NULL, "add", "users", "--path-prefix", "/old", "--to", url, "--message",
             "as asked");
    ROUTECTL(0, NULL, NULL, "add", "users", "--path-prefix", "/new", "--to", url, "--replace",
             "--message", "moved");
    ROUTECTL(0, NULL, NULL, "add", "other", "--path-prefix", "/other", "--to", url);
    ROUTECTL(0, NULL, NULL, "remove", "other");
}

static int get(const char *path)
{
    return http_get_status(pointsman_port(pointsman), "shop.internal", path);
}

static bool is_gone(void *path)
{
    return get(path) == 404;
}

static bool is_there(void *path)
{
    return get(path) == 200;
}

/* --- what was done ---------------------------------------------------------------------------- */

static void the_history_tells_what_was_done_and_why(void **state)
{
    (void)state;
    make_four_revisions();

    ROUTECTL(0, "4         ", "", "history");
    ROUTECTL(0, "route users updated                         moved\n", NULL, "history", "users");
    ROUTECTL(0, "[\n    {\n      \"revision\": \"2\",", NULL, "history", "users", "-o", "json");
    ROUTECTL(0, "\nmessage     moved\n", NULL, "show", "2");
    ROUTECTL(0, "-        value: /old\n+        value: /new\n", NULL, "show", "2");
    ROUTECTL(0, "  moved    rules[0]  /new/* to users\n", NULL, "blame", "users");
    ROUTECTL(0, "  as asked  rules[0]  /old/* to users\n", NULL, "blame", "users", "--at", "1");
    ROUTECTL(3, "", "revision 9 is ahead of the head, 4", "show", "9");
    ROUTECTL(3, "", "nobody", "blame", "nobody");
}

static void two_revisions_are_compared_by_what_is_left_of_the_changes(void **state)
{
    (void)state;
    make_four_revisions();

    ROUTECTL(1, "+        value: /new\n", "", "diff", "1..");
    ROUTECTL(1, "--- HTTPRoute other (revision 3)\n+++ /dev/null\n", "", "diff", "3..4");
    /* What came and went does not show. */
    ROUTECTL(0, "", "", "diff", "2..4");
    ROUTECTL(0, "", "", "diff", "4..");
    ROUTECTL(1, "", "", "diff", "1h..", "-o", "json");
    ROUTECTL(3, "", "the head, 4", "diff", "1..5");
}

static void what_there_was_is_read_and_applied_again(void **state)
{
    (void)state;
    make_four_revisions();
    ROUTECTL(0, "  match     /old/*\n", NULL, "get", "users", "--at", "1");
    ROUTECTL(0, "other  *     /other/*  other\n", NULL, "list", "--at", "3");
    ROUTECTL(0, "users  *     /new/*  users\n", NULL, "list", "--at", "0s");
    ROUTECTL(3, "", "users", "get", "users", "--at", "1d");
    ROUTECTL(3, "", "the head, 4", "list", "--at", "9");

    struct command old = pointsman_routectl(pointsman, "export", "users", "--at", "1", NULL);
    char *file = temp_dir_write(pointsman_dir(pointsman), "old.yaml", old.out);
    ROUTECTL(0, "-        value: /new\n+        value: /old\n", "", "apply", "-f", file,
             "--dry-run");
    ROUTECTL(0, "  match     /new/*\n", NULL, "get", "users");
    ROUTECTL(0, "route users updated\n", NULL, "apply", "-f", file);
    ROUTECTL(0, "  match     /old/*\n", NULL, "get", "users");
    free(file);
    command_clear(&old);
}

/* --- taking it back --------------------------------------------------------------------------- */

static void undo_puts_back_what_a_commit_changed(void **state)
{
    (void)state;
    make_four_revisions();
    assert_int_equal(get("/new"), 200);

    ROUTECTL(0, "-        value: /new\n+        value: /old\n", "", "undo", "2", "--dry-run");
    assert_int_equal(get("/new"), 200);
    ROUTECTL(0, "route users updated\n", "is live on: ", "undo", "2", "--message", "too early");

    assert_int_equal(get("/new"), 404);
    assert_int_equal(get("/old"), 200);
    ROUTECTL(0, "\nmessage     too early\n", NULL, "show", "5");
    ROUTECTL(0, "\nundoes      2\n", NULL, "show", "5");
    ROUTECTL(0, "", "", "diff", "1..5");
}

static void several_commits_are_undone_in_one(void **state)
{
    (void)state;
    make_four_revisions();
    ROUTECTL(0, "route users removed\n", NULL, "undo", "1", "--through", "4");
    ROUTECTL(0, "routes      0\n", NULL, "status");
    assert_int_equal(get("/new"), 404);
}

static void what_was_changed_again_since_is_not_undone_without_force(void **state)
{
    (void)state;
    make_four_revisions();
    ROUTECTL(4, "", "users", "undo", "1");
    assert_int_equal(get("/new"), 200);
    ROUTECTL(0, "route users removed\n", NULL, "undo", "1", "--force");
    assert_int_equal(get("/new"), 404);
}

/* --- confirmation ----------------------------------------------------------------------------- */

static void what_is_not_confirmed_in_time_is_taken_back(void **state)
{
    (void)state;
    static char path[] = "/risky";
    const char *url = fake_upstream_url(upstream);
    ROUTECTL(0, "route risky created\n", "unless 'routectl confirm 1' keeps it", "add", "risky",
             "--path-prefix", path, "--to", url, "--confirm-within", "2s");
    assert_int_equal(get(path), 200);
    ROUTECTL(0, "\npending     revision 1, taken back at ", NULL, "status");

    assert_true(wait_until(is_gone, path, WAIT_MS));
    ROUTECTL(0, "[not confirmed, taken back]\n", NULL, "history");
    ROUTECTL(4, "", "1", "confirm", "1");
}

static void what_is_confirmed_stays(void **state)
{
    (void)state;
    const char *url = fake_upstream_url(upstream);
    ROUTECTL(0, NULL, NULL, "add", "a", "--path-prefix", "/a", "--to", url, "--confirm-within",
             "1h");
    ROUTECTL(4, "", NULL, "add", "b", "--path-prefix", "/b", "--to", url, "--confirm-within", "1h");

    ROUTECTL(0, "revision 1 confirmed\n", "", "confirm", "1");

    ROUTECTL(0, "revision 1 confirmed\n", "", "confirm", "1");
    ROUTECTL(0, "\nconfirm     confirmed\n", NULL, "show", "1");
    ROUTECTL(0, NULL, NULL, "add", "b", "--path-prefix", "/b", "--to", url, "--confirm-within",
             "1h");
    assert_int_equal(get("/a"), 200);
}

static void a_daemon_that_was_down_takes_back_what_was_not_confirmed(void **state)
{
    (void)state;
    static char path[] = "/risky";
    ROUTECTL(0, NULL, NULL, "add", "risky", "--path-prefix", path, "--to",
             fake_upstream_url(upstream), "--confirm-within", "2s");
    assert_int_equal(get(path), 200);
    pointsman_kill_control(pointsman);
    pointsman_start_control(pointsman);
    assert_true(wait_until(is_gone, path, WAIT_MS));
    ROUTECTL(0, "routes      0\n", NULL, "status");
}

/* --- as it happens ---------------------------------------------------------------------------- */

static struct process *start_watch(void)
{
    char *program = pointsman_program("routectl");
    const char *arguments[] = {program, "--socket", pointsman_socket(pointsman), "watch", "--since",
                               "0",     NULL};
    struct process *process = process_start(arguments, NULL);
    free(program);
    return process;
}

static void expect_change(struct process *watch, const char *text)
{
    char *line = process_find_line(watch, PROCESS_STDOUT, text, WAIT_MS);
    if (line == NULL)
        fail_msg("no line has '%s'", text);
    free(line);
}

static void a_watcher_sees_each_change_once_over_a_restart_of_control(void **state)
{
    (void)state;
    const char *url = fake_upstream_url(upstream);
    ROUTECTL(0, NULL, NULL, "add", "before", "--to", url);
    struct process *watch = start_watch();
    expect_change(watch, "route before created");
    ROUTECTL(0, NULL, NULL, "add", "during", "--to", url);
    expect_change(watch, "route during created");

    pointsman_kill_control(pointsman);
    pointsman_start_control(pointsman);
    ROUTECTL(0, NULL, NULL, "add", "after", "--to", url, "--message", "why not");
    expect_change(watch, "route after created  (why not)");

    char *lines = process_output(watch, PROCESS_STDOUT);
    char *first = strstr(lines, "route during created");
    assert_null(strstr(first + 1, "route during created"));
    assert_null(strstr(first + 1, "route before created"));
    free(lines);
    process_free(watch);
}

/* --- sent again ------------------------------------------------------------------------------- */

static void a_change_that_is_sent_again_is_made_once(void **state)
{
    (void)state;
    const char *url = fake_upstream_url(upstream);
    ROUTECTL(0, "route a created\n", NULL, "add", "a", "--to", url, "--request-id", "r-1");
    ROUTECTL(0, "route a created\n", NULL, "add", "a", "--to", url, "--request-id", "r-1");
    pointsman_kill_control(pointsman);
    pointsman_start_control(pointsman);
    ROUTECTL(0, "route a created\n", NULL, "add", "a", "--to", url, "--request-id", "r-1");

    ROUTECTL(5, "", "'r-1' was the id of another request", "remove", "a", "--request-id", "r-1");
    ROUTECTL(0, "revision    1 in epoch ", NULL, "status");
}

/* --- waiting ---------------------------------------------------------------------------------- */

static void a_revision_is_waited_for_as_long_as_was_said(void **state)
{
    (void)state;
    ROUTECTL(0, NULL, NULL, "add", "a", "--path-prefix", "/a", "--to", fake_upstream_url(upstream));
    ROUTECTL(0, "  applied\n", "revision 1 is live on: ", "wait", "--revision", "1", "--timeout",
             "5s");
    pointsman_kill_proxy(pointsman);
    ROUTECTL(6, NULL, NULL, "remove", "a", "--timeout", "100ms");
    ROUTECTL(6, NULL, "revision 2 is not applied", "wait", "--revision", "2", "--timeout", "100ms");
    ROUTECTL(0, "  disconnected  1         1       ", NULL, "status");
}

/* --- backup ----------------------------------------------------------------------------------- */

static void a_backup_is_a_whole_database_for_its_owner_alone(void **state)
{
    (void)state;
    make_four_revisions();
    char *file = temp_dir_file(pointsman_dir(pointsman), "copy.db");
    ROUTECTL(0, "revision 4 in epoch ", "", "backup", file);

    struct stat status;
    assert_int_equal(stat(file, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    char *content = temp_dir_read(file);
    assert_ptr_equal(strstr(content, "SQLite format 3"), content);
    free(content);
    free(file);
}

/* What the daemon was started with; its folder is the story's. */
static struct command restore(const char *file)
{
    char *program = pointsman_program("pointsman-control");
    char *database = temp_dir_file(pointsman_dir(pointsman), "routes.db");
    const char *arguments[] = {program, "--database", database, "--restore", file, NULL};
    struct command command = command_run(arguments, NULL);
    free(database);
    free(program);
    return command;
}

static void a_backup_brings_back_routes_and_history(void **state)
{
    (void)state;
    char *file = temp_dir_file(pointsman_dir(pointsman), "copy.db");
    make_four_revisions();
    ROUTECTL(0, NULL, "", "backup", file);
    ROUTECTL(0, NULL, NULL, "remove", "users");
    assert_int_equal(get("/new"), 404);

    pointsman_stop_control(pointsman);
    command_expect(restore(file), 0, "restored revision 4 ", "");
    pointsman_start_control(pointsman);

    assert_true(wait_until(is_there, (char *)"/new", WAIT_MS));
    ROUTECTL(0, "route users updated                         moved\n", NULL, "history");
    free(file);
}

static void a_watcher_ends_when_the_database_is_another(void **state)
{
    (void)state;
    char *file = temp_dir_file(pointsman_dir(pointsman), "copy.db");
    make_four_revisions();
    ROUTECTL(0, NULL, "", "backup", file);
    struct process *watch = start_watch();
    expect_change(watch, "4  ");

    pointsman_stop_control(pointsman);
    command_expect(restore(file), 0, NULL, "");
    pointsman_start_control(pointsman);

    assert_int_equal(process_wait(watch, WAIT_MS), 4);
    process_free(watch);
    free(file);
}

#define WITH_ALL(name) cmocka_unit_test_setup_teardown(name, start_all, stop_all)
#define WITH_CONTROL(name) cmocka_unit_test_setup_teardown(name, start_control_alone, stop_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CONTROL(the_history_tells_what_was_done_and_why),
        WITH_CONTROL(two_revisions_are_compared_by_what_is_left_of_the_changes),
        WITH_CONTROL(what_there_was_is_read_and_applied_again),
        WITH_ALL(undo_puts_back_what_a_commit_changed),
        WITH_ALL(several_commits_are_undone_in_one),
        WITH_ALL(what_was_changed_again_since_is_not_undone_without_force),
        WITH_ALL(what_is_not_confirmed_in_time_is_taken_back),
        WITH_ALL(what_is_confirmed_stays),
        WITH_ALL(a_daemon_that_was_down_takes_back_what_was_not_confirmed),
        WITH_CONTROL(a_watcher_sees_each_change_once_over_a_restart_of_control),
        WITH_CONTROL(a_change_that_is_sent_again_is_made_once),
        WITH_ALL(a_revision_is_waited_for_as_long_as_was_said),
        WITH_CONTROL(a_backup_is_a_whole_database_for_its_owner_alone),
        WITH_ALL(a_backup_brings_back_routes_and_history),
        WITH_CONTROL(a_watcher_ends_when_the_database_is_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
