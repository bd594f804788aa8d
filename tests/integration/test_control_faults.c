/* What must not happen to routes, whatever happens to pointsman-control: kills, damage, a second
 * daemon, another version's database. */
#include "tests/support/control_client.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

enum { KILL_ROUNDS = 20, ENOUGH_ACKNOWLEDGED = 40 };

static char *database_of(struct pointsman *pointsman)
{
    return temp_dir_file(pointsman_dir(pointsman), "routes.db");
}

static struct process *start_control(const char *database, const char *socket_path)
{
    char *program = pointsman_program("pointsman-control");
    const char *const arguments[] = {program,     "--database",    database, "--socket",
                                     socket_path, "--socket-mode", "0666",   NULL};
    struct process *process = process_start(arguments, NULL);
    free(program);
    return process;
}

static void expect_started(struct process *process)
{
    free(process_expect_line(process, " started "));
}

/* --- kill -9 -------------------------------------------------------------------------------- */

struct killer {
    struct process *control;
    sem_t go;
};

static void *kill_when_told(void *context)
{
    struct killer *killer = context;
    sem_wait(&killer->go);
    process_signal(killer->control, SIGKILL);
    return NULL;
}

/* What a round has seen acknowledged. */
struct acknowledged {
    uint64_t revision;
    uint32_t port;
};

/* Commits without a pause until the daemon dies under it. The kill is told after `kill_after`
 * answers, and comes somewhere in the commits that follow. */
static void commit_until_killed(struct process *control, const char *socket_path, size_t batch,
                                uint32_t kill_after, struct acknowledged *last)
{
    struct killer killer = {.control = control};
    struct grpc_client *client = control_client_connect(socket_path);
    struct grpc_result result = {0};
    pthread_t thread;
    sem_init(&killer.go, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, kill_when_told, &killer), 0);

    for (uint32_t answers = 0;; answers++) {
        uint32_t port = last->port % 60000 + 1;
        uint64_t revision = control_client_put_backends(client, "b", batch, port, &result);
        if (revision == 0)
            break;
        assert_true(revision > last->revision);
        *last = (struct acknowledged){.revision = revision, .port = port};
        if (answers == kill_after)
            sem_post(&killer.go);
    }

    assert_int_equal(result.status, GRPC_UNAVAILABLE);
    pthread_join(thread, NULL);
    sem_destroy(&killer.go);
    grpc_result_clear(&result);
    grpc_client_free(client);
}

static void check_what_is_left(const char *socket_path, const char *epoch, size_t batch,
                               struct acknowledged *last)
{
    struct grpc_client *client = control_client_connect(socket_path);
    Pointsman__V1__GetInfoResponse *info = control_client_get_info(client);
    char name[32];
    uint32_t port = control_client_get_port(client, "b-0");

    assert_string_equal(info->epoch, epoch);
    assert_string_equal(info->read_only_reason, "");
    /* The commit under way at the kill may have become durable without an answer, no other. */
    assert_in_range(info->revision, last->revision, last->revision + 1);
    assert_int_equal(port, info->revision == last->revision ? last->port : last->port % 60000 + 1);
    for (size_t i = 1; i < batch; i++) {
        snprintf(name, sizeof(name), "b-%zu", i);
        assert_int_equal(control_client_get_port(client, name), port);
    }

    *last = (struct acknowledged){.revision = info->revision, .port = port};
    message_free(&info->base);
    grpc_client_free(client);
}

static void every_acknowledged_commit_survives_kill_9(void **state)
{
    (void)state;
    enum { BATCH = 8 };
    struct temp_dir *dir = temp_dir_new();
    char *database = temp_dir_file(dir, "routes.db");
    char *socket_path = temp_dir_file(dir, "control.sock");
    char epoch[64];
    struct acknowledged last = {0};
    struct process *control = start_control(database, socket_path);
    expect_started(control);
    struct grpc_client *client = control_client_connect(socket_path);
    Pointsman__V1__GetInfoResponse *info = control_client_get_info(client);
    snprintf(epoch, sizeof(epoch), "%s", info->epoch);
    message_free(&info->base);
    grpc_client_free(client);

    for (uint32_t round = 0; round < KILL_ROUNDS; round++) {
        commit_until_killed(control, socket_path, BATCH, round * 7 % ENOUGH_ACKNOWLEDGED, &last);
        process_wait(control, WAIT_MS);
        process_free(control);
        control = start_control(database, socket_path);
        expect_started(control);
        check_what_is_left(socket_path, epoch, BATCH, &last);
    }

    process_signal(control, SIGTERM);
    assert_int_equal(process_wait(control, WAIT_MS), 0);
    process_free(control);
    free(socket_path);
    free(database);
    temp_dir_free(dir);
}

/* --- start and stop ------------------------------------------------------------------------- */

static void graceful_stop_leaves_one_file_and_no_log_of_writes(void **state)
{
    (void)state;
    struct temp_dir *dir = temp_dir_new();
    char *database = temp_dir_file(dir, "routes.db");
    char *log = temp_dir_file(dir, "routes.db-wal");
    char *socket_path = temp_dir_file(dir, "control.sock");
    struct grpc_result result = {0};
    struct process *control = start_control(database, socket_path);
    expect_started(control);
    struct grpc_client *client = control_client_connect(socket_path);
    assert_int_equal(control_client_put_backends(client, "b", 1, 1, &result), 1);
    assert_int_equal(access(log, F_OK), 0);

    process_signal(control, SIGTERM);

    assert_int_equal(process_wait(control, WAIT_MS), 0);
    assert_int_not_equal(access(log, F_OK), 0);
    struct stat status;
    assert_int_equal(stat(database, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    grpc_client_free(client);
    process_free(control);
    free(socket_path);
    free(log);
    free(database);
    temp_dir_free(dir);
}

static void expect_refused_start(const char *database, const char *socket_path, const char *reason)
{
    struct process *process = start_control(database, socket_path);
    assert_int_equal(process_wait(process, WAIT_MS), 1);
    char *output = process_output(process, PROCESS_STDERR);
    assert_non_null(strstr(output, reason));
    free(output);
    process_free(process);
}

static void second_daemon_on_the_database_is_refused(void **state)
{
    (void)state;
    struct pointsman *pointsman = pointsman_new(NULL);
    pointsman_start_control(pointsman);
    char *database = database_of(pointsman);
    char *socket_path = temp_dir_file(pointsman_dir(pointsman), "second.sock");

    expect_refused_start(database, socket_path, "another pointsman-control uses");

    assert_true(process_is_running(pointsman_control(pointsman)));
    free(socket_path);
    free(database);
    pointsman_free(pointsman);
}

static void second_daemon_on_the_socket_is_refused(void **state)
{
    (void)state;
    struct pointsman *pointsman = pointsman_new(NULL);
    pointsman_start_control(pointsman);
    char *database = temp_dir_file(pointsman_dir(pointsman), "second.db");

    expect_refused_start(database, pointsman_socket(pointsman), pointsman_socket(pointsman));

    assert_true(process_is_running(pointsman_control(pointsman)));
    free(database);
    pointsman_free(pointsman);
}

static void newer_schema_is_refused_and_kept(void **state)
{
    (void)state;
    struct pointsman *pointsman = pointsman_new(NULL);
    pointsman_start_control(pointsman);
    pointsman_stop_control(pointsman);
    char *database = database_of(pointsman);
    sqlite3 *connection;
    assert_int_equal(sqlite3_open(database, &connection), SQLITE_OK);
    assert_int_equal(sqlite3_exec(connection, "PRAGMA user_version = 99", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(connection);

    expect_refused_start(database, pointsman_socket(pointsman), "schema 99");

    free(database);
    pointsman_free(pointsman);
}

/* --- damage --------------------------------------------------------------------------------- */

static int check_health(const char *socket_path)
{
    char *program = pointsman_program("pointsman-control");
    const char *const arguments[] = {program, "--check-health", "--socket", socket_path, NULL};
    struct command command = command_run(arguments, NULL);
    int exit_code = command.exit_code;
    command_clear(&command);
    free(program);
    return exit_code;
}

static void expect_no_stream(struct grpc_client *client)
{
    Pointsman__V1__WatchRequest request = POINTSMAN__V1__WATCH_REQUEST__INIT;
    struct grpc_result result = {0};
    request.proxy_id = (char *)"p";
    request.boot_id = (char *)"b";
    request.protocol_min = request.protocol_max = 1;
    ProtobufCMessage *message =
        grpc_client_call(client, "/pointsman.v1.RouteFeed/Watch", &request.base,
                         &pointsman__v1__watch_response__descriptor, WAIT_MS, &result);
    assert_null(message);
    assert_int_equal(result.status, GRPC_UNAVAILABLE);
    grpc_result_clear(&result);
}

static void damaged_database_is_read_not_written_and_never_fed_to_proxies(void **state)
{
    (void)state;
    struct pointsman *pointsman = pointsman_new(NULL);
    struct grpc_result result = {0};
    char *database = database_of(pointsman);
    pointsman_start_control(pointsman);
    struct grpc_client *client = control_client_connect(pointsman_socket(pointsman));
    assert_int_equal(control_client_put_backends(client, "b", 1, 7, &result), 1);
    assert_int_equal(check_health(pointsman_socket(pointsman)), 0);
    grpc_client_free(client);
    pointsman_stop_control(pointsman);
    sqlite3 *connection;
    assert_int_equal(sqlite3_open(database, &connection), SQLITE_OK);
    assert_int_equal(sqlite3_exec(connection, "UPDATE head SET digest = 1", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(connection);

    pointsman_start_control(pointsman);

    client = control_client_connect(pointsman_socket(pointsman));
    assert_int_equal(control_client_put_backends(client, "b", 1, 8, &result), 0);
    assert_int_equal(result.status, GRPC_UNAVAILABLE);
    assert_non_null(strstr(result.message, "damaged"));
    assert_int_equal(control_client_get_port(client, "b-0"), 7);
    Pointsman__V1__GetInfoResponse *info = control_client_get_info(client);
    assert_non_null(strstr(info->read_only_reason, "damaged"));
    expect_no_stream(client);
    assert_int_equal(check_health(pointsman_socket(pointsman)), 1);
    message_free(&info->base);
    grpc_client_free(client);
    grpc_result_clear(&result);
    free(database);
    pointsman_free(pointsman);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_acknowledged_commit_survives_kill_9),
        cmocka_unit_test(graceful_stop_leaves_one_file_and_no_log_of_writes),
        cmocka_unit_test(second_daemon_on_the_database_is_refused),
        cmocka_unit_test(second_daemon_on_the_socket_is_refused),
        cmocka_unit_test(newer_schema_is_refused_and_kept),
        cmocka_unit_test(damaged_database_is_read_not_written_and_never_fed_to_proxies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
