/* The database is copied while it is in use, and such a copy takes its place. */
#include "tests/support/control_client.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_get.h"
#include "tests/support/load.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNECTIONS = 4, SOME_REQUESTS = 100, BACKENDS = 10000, COMMITS = 100 };

static struct fake_upstream *upstream;
static struct pointsman *pointsman;
static char *backup_path;

static int start(void **state)
{
    (void)state;
    upstream = fake_upstream_start("upstream");
    pointsman = pointsman_start(NULL);
    backup_path = temp_dir_file(pointsman_dir(pointsman), "backup");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    process_signal(pointsman_control(pointsman), SIGCONT); /* a story may have ended in between */
    pointsman_free(pointsman);
    fake_upstream_free(upstream);
    free(backup_path);
    return 0;
}

static void add(const char *name, const char *path)
{
    pointsman_routectl_ok(pointsman, "add", name, "--path-prefix", path, "--to",
                          fake_upstream_url(upstream), NULL);
}

static bool page_is_served(void *path)
{
    return http_get_status(pointsman_port(pointsman), "h", path) == 200;
}

static bool page_is_gone(void *path)
{
    return http_get_status(pointsman_port(pointsman), "h", path) == 404;
}

/* Of `pointsman-control --restore`. Free with command_clear. */
static struct command restore(void)
{
    char *program = pointsman_program("pointsman-control");
    char *database = temp_dir_file(pointsman_dir(pointsman), "routes.db");
    const char *const arguments[] = {program,     "--database", database,
                                     "--restore", backup_path,  NULL};
    struct command command = command_run(arguments, NULL);
    free(database);
    free(program);
    return command;
}

static struct process *start_backup(void)
{
    char *program = pointsman_program("routectl");
    const char *const arguments[] = {program,  "--socket",  pointsman_socket(pointsman),
                                     "backup", backup_path, NULL};
    struct process *process = process_start(arguments, NULL);
    free(program);
    return process;
}

static void proxies_take_a_restored_database_by_snapshot_without_a_failed_request(void **state)
{
    (void)state;
    static char later[] = "/later";
    add("page", "/page");
    pointsman_routectl_ok(pointsman, "backup", backup_path, NULL);
    add("later", later);
    assert_true(page_is_served(later));
    struct load *load = load_start(pointsman_port(pointsman), "h", "/page", CONNECTIONS);
    load_wait_answered(load, SOME_REQUESTS);

    struct command refused = restore();
    assert_int_equal(refused.exit_code, 1);
    assert_non_null(strstr(refused.err, "another pointsman-control"));
    command_clear(&refused);
    pointsman_stop_control(pointsman);
    struct command restored = restore();
    assert_string_equal(restored.err, "");
    assert_int_equal(restored.exit_code, 0);
    assert_non_null(strstr(restored.out, "restored revision 1 "));
    assert_non_null(strstr(restored.out, "routes.db.before-restore-"));
    command_clear(&restored);
    pointsman_start_control(pointsman);

    assert_true(wait_until(page_is_gone, later, WAIT_MS));
    free(process_expect_line(pointsman_control(pointsman), "reason=UNKNOWN_EPOCH"));
    load_wait_more_answered(load, SOME_REQUESTS);
    struct load_tally tally = load_stop(load);
    assert_int_equal(tally.refused + tally.unanswered + tally.broken + tally.failed, 0);
    add("later", later); /* revisions go on from that of the backup */
    assert_true(page_is_served(later));
}

static void commits_go_on_while_a_backup_is_made_and_it_is_whole(void **state)
{
    (void)state;
    struct grpc_result result = {0};
    struct grpc_client *client = control_client_connect(pointsman_socket(pointsman));
    assert_int_equal(control_client_put_backends(client, "many", BACKENDS, 1, &result), 1);

    struct process *backup = start_backup();
    uint64_t revision = 1;
    for (uint32_t i = 0; i < COMMITS; i++) {
        revision = control_client_put_backends(client, "one", 1, i + 1, &result);
        assert_int_not_equal(revision, 0);
    }
    assert_int_equal(process_wait(backup, WAIT_MS), 0);
    process_free(backup);
    grpc_client_free(client);
    grpc_result_clear(&result);
    pointsman_stop_control(pointsman);
    struct command restored = restore();
    assert_string_equal(restored.err, "");
    assert_int_equal(restored.exit_code, 0);
    command_clear(&restored);
    pointsman_start_control(pointsman);

    client = control_client_connect(pointsman_socket(pointsman));
    Pointsman__V1__GetInfoResponse *info = control_client_get_info(client);
    assert_string_equal(info->read_only_reason, "");
    assert_in_range(info->revision, 1, revision);
    assert_int_equal(info->backends, BACKENDS + (info->revision > 1 ? 1 : 0));
    assert_int_equal(control_client_get_port(client, "one-0"),
                     info->revision > 1 ? info->revision - 1 : 0);
    message_free(&info->base);
    grpc_client_free(client);
}

/* How many files begin with the backup's name. */
static size_t count_copies(void)
{
    char pattern[PATH_MAX];
    glob_t found = {0};
    snprintf(pattern, sizeof(pattern), "%s*", backup_path);
    glob(pattern, 0, NULL, &found);
    size_t count = found.gl_pathc;
    globfree(&found);
    return count;
}

static bool a_copy_is_there(void *context)
{
    (void)context;
    return count_copies() == 1;
}

/* Not under ThreadSanitizer, which keeps a signal back until the program calls something it knows,
 * and lost 2 of 852 for good; without it none of 4,100 was. */
static void a_backup_that_is_interrupted_leaves_no_file(void **state)
{
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip();
#endif
    const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    process_signal(pointsman_control(pointsman), SIGSTOP); /* so that it takes for ever */
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct process *backup = start_backup();
        assert_true(wait_until(a_copy_is_there, NULL, WAIT_MS));

        process_signal(backup, signals[i]);

        assert_int_equal(process_wait(backup, WAIT_MS), 128 + signals[i]);
        assert_int_equal(count_copies(), 0);
        process_free(backup);
    }
    process_signal(pointsman_control(pointsman), SIGCONT);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(proxies_take_a_restored_database_by_snapshot_without_a_failed_request),
        STORY(commits_go_on_while_a_backup_is_made_and_it_is_whole),
        STORY(a_backup_that_is_interrupted_leaves_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
