/* What becomes of writes and reads when the disk under pointsman-control is full, or may not be
 * written. */
#include "proto/error_info.h"
#include "tests/support/control_client.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder, mounted on its own where that is allowed, and a daemon on a database in it. */
struct story {
    struct temp_dir *dir;
    bool is_mounted;
    char *database;
    char *socket_path;
    struct process *control;
};

static int set_up(void **state)
{
    struct story *story = memory_allocate_zeroed(1, sizeof(*story));
    story->dir = temp_dir_new();
    story->is_mounted = mount("tmpfs", temp_dir_path(story->dir), "tmpfs", 0, "size=2m") == 0;
    story->database = temp_dir_file(story->dir, "routes.db");
    story->socket_path = temp_dir_file(story->dir, "control.sock");
    *state = story;
    return 0;
}

static int tear_down(void **state)
{
    struct story *story = *state;
    process_free(story->control);
    if (story->is_mounted)
        umount2(temp_dir_path(story->dir), MNT_DETACH);
    temp_dir_free(story->dir);
    free(story->database);
    free(story->socket_path);
    free(story);
    return 0;
}

static void skip_unless_mounted(const struct story *story)
{
    if (story->is_mounted)
        return;
    print_message("not allowed to mount a tmpfs here\n");
    skip();
}

static void start(struct story *story)
{
    char *program = pointsman_program("pointsman-control");
    const char *const arguments[] = {program,    "--database",       story->database,
                                     "--socket", story->socket_path, NULL};
    story->control = process_start(arguments, NULL);
    free(program);
}

static struct grpc_client *start_and_connect(struct story *story)
{
    start(story);
    free(process_expect_line(story->control, " started "));
    return control_client_connect(story->socket_path);
}

static void stop(struct story *story)
{
    process_signal(story->control, SIGTERM);
    assert_int_equal(process_wait(story->control, WAIT_MS), 0);
    process_free(story->control);
    story->control = NULL;
}

enum { BATCH = 500 };

/* Commits until it fails. Returns the last revision there was; `*port` is what it put. */
static uint64_t write_until_it_fails(struct grpc_client *client, uint32_t *port,
                                     struct grpc_result *result)
{
    uint64_t last = 0;
    for (;;) {
        uint64_t revision = control_client_put_backends(client, "b", BATCH, *port + 1, result);
        if (revision == 0)
            return last;
        last = revision;
        ++*port;
        assert_true(*port < 1000);
    }
}

/* A write has failed for this reason: nothing has changed, and reads go on. */
static void expect_unchanged(struct grpc_client *client, uint64_t revision, uint32_t port,
                             const char *reason)
{
    Pointsman__V1__GetInfoResponse *info = control_client_get_info(client);
    assert_int_equal(info->revision, revision);
    assert_non_null(strstr(info->read_only_reason, reason));
    assert_int_equal(control_client_get_port(client, "b-0"), port);
    assert_int_equal(control_client_get_port(client, "b-499"), port);
    message_free(&info->base);
}

static void full_disk_fails_writes_until_there_is_room_again(void **state)
{
    struct story *story = *state;
    skip_unless_mounted(story);
    struct grpc_result result = {0};
    struct grpc_client *client = start_and_connect(story);
    char *ballast = temp_dir_file(story->dir, "ballast");
    int fd = open(ballast, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(posix_fallocate(fd, 0, 1 << 20), 0);
    close(fd);

    uint32_t port = 0;
    uint64_t last = write_until_it_fails(client, &port, &result);
    assert_int_equal(result.status, GRPC_UNAVAILABLE);
    assert_non_null(strstr(result.message, "full"));
    expect_unchanged(client, last, port, "full");
    unlink(ballast);

    assert_int_equal(control_client_put_backends(client, "b", BATCH, port + 1, &result), last + 1);
    Pointsman__V1__GetInfoResponse *info = control_client_get_info(client);
    assert_string_equal(info->read_only_reason, "");
    message_free(&info->base);
    grpc_client_free(client);
    grpc_result_clear(&result);
    free(ballast);
    stop(story);
}

static void full_disk_does_not_keep_it_from_starting(void **state)
{
    struct story *story = *state;
    skip_unless_mounted(story);
    struct grpc_result result = {0};
    uint32_t port = 0;
    struct grpc_client *client = start_and_connect(story);
    uint64_t last = write_until_it_fails(client, &port, &result);
    grpc_client_free(client);
    process_free(story->control);

    client = start_and_connect(story);

    assert_int_equal(control_client_get_port(client, "b-499"), port);
    assert_int_equal(control_client_put_backends(client, "b", BATCH, port + 1, &result), 0);
    assert_int_equal(result.status, GRPC_UNAVAILABLE);
    expect_unchanged(client, last, port, "full");
    grpc_client_free(client);
    grpc_result_clear(&result);
    stop(story);
}

/* The same where nothing can be mounted: files may not grow. */
static void files_that_may_not_grow_fail_writes_until_they_may(void **state)
{
    struct story *story = *state;
    struct grpc_result result = {0};
    struct grpc_client *client = start_and_connect(story);
    const struct rlimit tight = {512 * 1024, RLIM_INFINITY};
    const struct rlimit wide = {RLIM_INFINITY, RLIM_INFINITY};
    assert_int_equal(prlimit(process_id(story->control), RLIMIT_FSIZE, &tight, NULL), 0);

    uint32_t port = 0;
    uint64_t last = write_until_it_fails(client, &port, &result);
    assert_int_equal(result.status, GRPC_UNAVAILABLE);
    expect_unchanged(client, last, port, "I/O error");
    assert_int_equal(prlimit(process_id(story->control), RLIMIT_FSIZE, &wide, NULL), 0);

    assert_int_equal(control_client_put_backends(client, "b", BATCH, port + 1, &result), last + 1);
    grpc_client_free(client);
    grpc_result_clear(&result);
    stop(story);
}

static void expect_refused(struct story *story, const char *reason)
{
    start(story);
    assert_int_equal(process_wait(story->control, WAIT_MS), 1);
    char *output = process_output(story->control, PROCESS_STDERR);
    assert_non_null(strstr(output, reason));
    free(output);
    process_free(story->control);
    story->control = NULL;
}

/* For root, what a mode forbids is allowed: the file is mounted on itself, read-only. */
static bool forbid_writing(const char *path)
{
    if (geteuid() != 0)
        return chmod(path, 0400) == 0;
    return mount(path, path, NULL, MS_BIND, NULL) == 0 &&
           mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0;
}

/* Also while it is open. */
static void allow_writing(const char *path)
{
    assert_int_equal(geteuid() != 0 ? chmod(path, 0600)
                                    : mount(NULL, path, NULL, MS_BIND | MS_REMOUNT, NULL),
                     0);
}

static bool is_welcome(void *context, const ProtobufCMessage *message)
{
    *(bool *)context = ((const Pointsman__V1__WatchResponse *)message)->event_case ==
                       POINTSMAN__V1__WATCH_RESPONSE__EVENT_WELCOME;
    return false;
}

static void expect_stream(struct grpc_client *client)
{
    Pointsman__V1__WatchRequest request = POINTSMAN__V1__WATCH_REQUEST__INIT;
    struct grpc_result result = {0};
    bool has_welcome = false;
    request.proxy_id = (char *)"p";
    request.boot_id = (char *)"b";
    request.protocol_min = request.protocol_max = 1;
    grpc_client_call_stream(client, "/pointsman.v1.RouteFeed/Watch", &request.base,
                            &pointsman__v1__watch_response__descriptor, is_welcome, &has_welcome,
                            &result);
    assert_true(has_welcome);
    grpc_result_clear(&result);
}

static void expect_not_committed(const struct grpc_result *result)
{
    assert_non_null(result->details);
    assert_int_equal(result->details->n_details, 1);
    const Google__Protobuf__Any *detail = result->details->details[0];
    assert_string_equal(detail->type_url, ERROR_INFO_TYPE);
    Google__Rpc__ErrorInfo *info =
        google__rpc__error_info__unpack(NULL, detail->value.len, detail->value.data);
    assert_non_null(info);
    assert_string_equal(info->reason, ERROR_INFO_NOT_COMMITTED);
    google__rpc__error_info__free_unpacked(info, NULL);
}

/* With an exit code of its own, and no word of doubt. */
static void expect_definite(const struct story *story, const char *reason)
{
    char *program = pointsman_program("routectl");
    const char *const arguments[] = {program, "--socket",       story->socket_path, "add", "api",
                                     "--to",  "http://[::1]:9", "--no-wait",        NULL};
    struct process *routectl = process_start(arguments, NULL);
    assert_int_equal(process_wait(routectl, WAIT_MS), 1);
    char *output = process_output(routectl, PROCESS_STDERR);
    assert_non_null(strstr(output, reason));
    assert_null(strstr(output, "not known"));
    free(output);
    process_free(routectl);
    free(program);
}

/* Reads go on, of what was committed last, and writes say why they fail. */
static void expect_read_only(struct story *story, struct grpc_client *client, const char *reason)
{
    struct grpc_result result = {0};
    Pointsman__V1__GetInfoResponse *info = control_client_get_info(client);
    assert_int_equal(info->revision, 1);
    assert_non_null(strstr(info->read_only_reason, reason));
    message_free(&info->base);
    assert_int_equal(control_client_get_port(client, "b-0"), 7);
    assert_int_equal(control_client_put_backends(client, "b", 1, 8, &result), 0);
    assert_int_equal(result.status, GRPC_UNAVAILABLE);
    assert_non_null(strstr(result.message, reason));
    expect_not_committed(&result);
    grpc_result_clear(&result);
    expect_definite(story, reason);
    expect_stream(client);
    free(process_expect_line(story->control, " database_read_only "));
}

static void expect_writable(struct grpc_client *client)
{
    struct grpc_result result = {0};
    assert_int_equal(control_client_put_backends(client, "b", 1, 8, &result), 2);
    assert_int_equal(control_client_get_port(client, "b-0"), 8);
    Pointsman__V1__GetInfoResponse *info = control_client_get_info(client);
    assert_string_equal(info->read_only_reason, "");
    message_free(&info->base);
    grpc_result_clear(&result);
}

static void put_first(struct story *story, int signal)
{
    struct grpc_result result = {0};
    struct grpc_client *client = start_and_connect(story);
    assert_int_equal(control_client_put_backends(client, "b", 1, 7, &result), 1);
    grpc_client_free(client);
    grpc_result_clear(&result);
    if (signal == SIGTERM) {
        stop(story);
        return;
    }
    process_signal(story->control, signal);
    process_wait(story->control, WAIT_MS);
    process_free(story->control);
    story->control = NULL;
}

static void read_only_file_is_read_and_written_once_it_may_be(void **state)
{
    struct story *story = *state;
    put_first(story, SIGTERM);
    if (!forbid_writing(story->database)) {
        print_message("not allowed to mount a file here\n");
        skip();
    }

    struct grpc_client *client = start_and_connect(story);
    expect_read_only(story, client, "/routes.db cannot be written: ");

    allow_writing(story->database);
    expect_writable(client);
    grpc_client_free(client);
    stop(story);
    client = start_and_connect(story);
    assert_int_equal(control_client_get_port(client, "b-0"), 8);
    grpc_client_free(client);
    stop(story);
    if (geteuid() == 0)
        assert_int_equal(umount(story->database), 0);
}

/* What was acknowledged last is in the log alone, after a kill. */
static void expect_read_only_folder(struct story *story, int signal)
{
    skip_unless_mounted(story);
    put_first(story, signal);
    char *socket_path = story->socket_path;
    struct temp_dir *elsewhere = temp_dir_new();
    story->socket_path = temp_dir_file(elsewhere, "control.sock");
    assert_int_equal(mount(NULL, temp_dir_path(story->dir), NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);

    struct grpc_client *client = start_and_connect(story);
    expect_read_only(story, client, "/ cannot be written: ");

    assert_int_equal(mount(NULL, temp_dir_path(story->dir), NULL, MS_REMOUNT, NULL), 0);
    expect_writable(client);
    grpc_client_free(client);
    stop(story);
    temp_dir_free(elsewhere);
    free(socket_path);
}

static void read_only_folder_is_read_and_written_once_it_may_be(void **state)
{
    expect_read_only_folder(*state, SIGTERM);
}

static void read_only_folder_with_a_log_is_read_to_its_end(void **state)
{
    expect_read_only_folder(*state, SIGKILL);
}

static void nothing_to_read_and_nowhere_to_write_is_refused_by_name(void **state)
{
    struct story *story = *state;
    skip_unless_mounted(story);
    assert_int_equal(mount(NULL, temp_dir_path(story->dir), NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);

    expect_refused(story, "/ cannot be written: ");

    assert_int_equal(mount(NULL, temp_dir_path(story->dir), NULL, MS_REMOUNT, NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(full_disk_fails_writes_until_there_is_room_again),
        TEST(full_disk_does_not_keep_it_from_starting),
        TEST(files_that_may_not_grow_fail_writes_until_they_may),
        TEST(read_only_file_is_read_and_written_once_it_may_be),
        TEST(read_only_folder_is_read_and_written_once_it_may_be),
        TEST(read_only_folder_with_a_log_is_read_to_its_end),
        TEST(nothing_to_read_and_nowhere_to_write_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
