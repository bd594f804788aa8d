/* Unix sockets: what is listened on, and under which conditions. */
#include "common/buffer.h"
#include "common/log.h"
#include "proto/unix_socket.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cmocka_all.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    struct temp_dir *dir;
    char *path;
    struct unix_socket_options options;
    struct error err;
};

static int set_up(void **state)
{
    struct fixture *f = memory_allocate_zeroed(1, sizeof(*f));
    f->dir = temp_dir_new();
    f->path = temp_dir_file(f->dir, "s");
    f->options = (struct unix_socket_options){.path = f->path, .mode = 0600};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    temp_dir_free(f->dir);
    free(f->path);
    free(f);
    return 0;
}

static int listen_ok(struct fixture *f)
{
    int fd = unix_socket_listen(&f->options, &f->err);
    if (fd < 0)
        fail_msg("%s", f->err.message);
    return fd;
}

static void assert_refused(struct fixture *f, enum error_code code)
{
    assert_int_equal(unix_socket_listen(&f->options, &f->err), -1);
    assert_int_equal(f->err.code, code);
    assert_string_not_equal(f->err.message, "");
}

static mode_t mode_of(const char *path)
{
    struct stat status;
    assert_int_equal(lstat(path, &status), 0);
    return status.st_mode & 07777;
}

/* --- what is there already -------------------------------------------------------------------- */

static void who_connects_is_accepted(void **state)
{
    struct fixture *f = *state;
    int listener = listen_ok(f);

    int client = unix_socket_connect(f->path, &f->err);
    int server = accept(listener, NULL, NULL);

    assert_true(client >= 0);
    assert_true(server >= 0);
    close(server);
    close(client);
    close(listener);
}

static void descriptors_neither_block_nor_are_inherited(void **state)
{
    struct fixture *f = *state;
    int fds[] = {listen_ok(f), unix_socket_connect(f->path, &f->err)};

    for (size_t i = 0; i < 2; i++) {
        assert_int_not_equal(fcntl(fds[i], F_GETFL) & O_NONBLOCK, 0);
        assert_int_not_equal(fcntl(fds[i], F_GETFD) & FD_CLOEXEC, 0);
        close(fds[i]);
    }
}

static void a_stale_socket_is_replaced(void **state)
{
    struct fixture *f = *state;
    close(listen_ok(f)); /* what a killed daemon leaves: its socket stays, nobody listens */

    int listener = listen_ok(f);

    int client = unix_socket_connect(f->path, &f->err);
    assert_true(client >= 0);
    close(client);
    close(listener);
}

static void a_live_socket_is_left_alone(void **state)
{
    struct fixture *f = *state;
    int listener = listen_ok(f);

    assert_refused(f, ERROR_EXISTS);

    int client = unix_socket_connect(f->path, &f->err);
    assert_true(client >= 0);
    close(client);
    close(listener);
}

static void a_live_socket_with_a_full_backlog_is_left_alone(void **state)
{
    struct fixture *f = *state;
    int listener = listen_ok(f);
    assert_int_equal(listen(listener, 4), 0); /* a shorter queue */
    int clients[16];
    size_t count = 0;
    while (count < 16 && (clients[count] = unix_socket_connect(f->path, &f->err)) >= 0)
        count++;
    assert_int_equal(f->err.code, ERROR_UNAVAILABLE);

    assert_refused(f, ERROR_EXISTS);

    while (count > 0)
        close(clients[--count]);
    close(listener);
}

static void what_is_no_socket_is_left_alone(void **state)
{
    struct fixture *f = *state;
    free(temp_dir_write(f->dir, "s", "precious"));

    assert_refused(f, ERROR_EXISTS);

    char *content = temp_dir_read(f->path);
    assert_string_equal(content, "precious");
    free(content);
}

static void a_link_is_not_followed(void **state)
{
    struct fixture *f = *state;
    char *target = temp_dir_write(f->dir, "target", "precious");
    assert_int_equal(symlink(target, f->path), 0);

    assert_refused(f, ERROR_EXISTS);

    assert_int_equal(access(target, F_OK), 0);
    free(target);
}

/* --- paths and folders ------------------------------------------------------------------------ */

static void a_path_that_is_too_long_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[200];
    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    f->options.path = path;

    assert_refused(f, ERROR_INVALID);
    assert_int_equal(unix_socket_connect(path, &f->err), -1);
    assert_int_equal(f->err.code, ERROR_INVALID);
}

static void the_longest_path_there_is_works(void **state)
{
    struct fixture *f = *state;
    char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
    memset(path, 'a', sizeof(path));
    size_t folder = strlen(temp_dir_path(f->dir));
    memcpy(path, temp_dir_path(f->dir), folder);
    path[folder] = '/';
    path[sizeof(path) - 1] = '\0';
    f->options.path = path;

    int listener = listen_ok(f);

    int client = unix_socket_connect(path, &f->err);
    assert_true(client >= 0);
    close(client);
    close(listener);
}

static void no_path_is_no_abstract_socket(void **state)
{
    struct fixture *f = *state;
    f->options.path = "";

    assert_refused(f, ERROR_INVALID);
    assert_int_equal(unix_socket_connect("", &f->err), -1);
    assert_int_equal(f->err.code, ERROR_INVALID);
}

static void a_folder_that_is_not_there_is_refused(void **state)
{
    struct fixture *f = *state;
    char *path = temp_dir_file(f->dir, "nowhere/s");
    f->options.path = path;

    assert_refused(f, ERROR_SYSTEM);

    free(path);
}

static void a_folder_that_everybody_may_write_to_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(chmod(temp_dir_path(f->dir), 0777), 0);

    assert_refused(f, ERROR_DENIED);

    assert_int_equal(access(f->path, F_OK), -1);
}

static void a_sticky_folder_will_do(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(chmod(temp_dir_path(f->dir), 01777), 0);

    close(listen_ok(f));
}

/* What is logged when it listens there; free it. */
static char *listen_and_read_log(struct fixture *f)
{
    char *path = temp_dir_file(f->dir, "log");
    assert_true(log_open(path, NULL));
    close(listen_ok(f));
    assert_true(log_open(NULL, NULL));
    char *log = temp_dir_read(path);
    free(path);
    return log;
}

static void a_folder_of_our_own_is_not_worth_a_word(void **state)
{
    struct fixture *f = *state;

    char *log = listen_and_read_log(f);

    assert_string_equal(log, "");
    free(log);
}

static void a_folder_that_a_group_may_write_to_is_warned_of(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(chmod(temp_dir_path(f->dir), 0770), 0);

    char *log = listen_and_read_log(f);

    assert_non_null(strstr(log, "warn socket_folder_shared"));
    assert_non_null(strstr(log, "mode=770 reason=\"its group may replace the socket\""));
    free(log);
}

static void a_folder_of_another_user_is_warned_of(void **state)
{
    struct fixture *f = *state;
    if (geteuid() != 0)
        skip(); /* only root can give folders away */
    assert_int_equal(chown(temp_dir_path(f->dir), 61001, (gid_t)-1), 0);

    char *log = listen_and_read_log(f);

    assert_non_null(strstr(log, "uid=61001"));
    assert_non_null(strstr(log, "its owner may replace the socket"));
    free(log);
}

static void nobody_listening_is_unavailable(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(unix_socket_connect(f->path, &f->err), -1);
    assert_int_equal(f->err.code, ERROR_UNAVAILABLE);

    close(listen_ok(f));
    assert_int_equal(unix_socket_connect(f->path, &f->err), -1);
    assert_int_equal(f->err.code, ERROR_UNAVAILABLE);
}

/* --- mode and group --------------------------------------------------------------------------- */

static void the_socket_has_its_mode_whatever_the_umask(void **state)
{
    struct fixture *f = *state;
    f->options.mode = 0666;
    mode_t before = umask(077);

    int listener = listen_ok(f);

    assert_int_equal(mode_of(f->path), 0666);
    assert_int_equal(umask(before), 077);
    close(listener);
}

static void the_socket_has_its_group(void **state)
{
    struct fixture *f = *state;
    const struct group *own = getgrgid(getgid());
    assert_non_null(own);
    f->options.group = own->gr_name;
    f->options.mode = 0660;

    int listener = listen_ok(f);

    struct stat status;
    assert_int_equal(stat(f->path, &status), 0);
    assert_int_equal(status.st_gid, getgid());
    assert_int_equal(mode_of(f->path), 0660);
    close(listener);
}

static void an_unknown_group_leaves_no_socket(void **state)
{
    struct fixture *f = *state;
    f->options.group = "no-such-group";

    assert_refused(f, ERROR_NOT_FOUND);

    assert_int_equal(access(f->path, F_OK), -1);
}

/* --- LISTEN_FDS ------------------------------------------------------------------------------- */

enum passed {
    PASSED_UNIX,
    PASSED_ABSTRACT,
    PASSED_INTERNET,
    PASSED_FILE,
    PASSED_UNIX_NOT_LISTENING
};

static int make_passed(const struct fixture *f, enum passed passed)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s.passed", f->path);
    socklen_t length = sizeof(address);
    if (passed == PASSED_ABSTRACT) {
        address.sun_path[0] = '\0';
        length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(f->path));
    }
    if (passed == PASSED_FILE)
        return open("/dev/null", O_RDWR);

    int fd = socket(passed == PASSED_INTERNET ? AF_INET : AF_UNIX, SOCK_STREAM, 0);
    if (passed != PASSED_INTERNET && bind(fd, (struct sockaddr *)&address, length) != 0)
        abort();
    if (passed != PASSED_UNIX_NOT_LISTENING && listen(fd, 1) != 0)
        abort();
    return fd;
}

/* In a child: starts as systemd starts a program, and listens. Exits with the error's code, or 100
 * when it got the passed descriptor, 101 when another. */
static void listen_as_child(struct fixture *f, enum passed passed, const char *count,
                            bool is_for_us)
{
    int fd = make_passed(f, passed);
    if (fd != 3 && (dup2(fd, 3) != 3 || close(fd) != 0))
        abort();
    char pid[32];
    snprintf(pid, sizeof(pid), "%ld", (long)(is_for_us ? getpid() : getppid()));
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", count, 1);

    int listener = unix_socket_listen(&f->options, &f->err);
    if (listener < 0)
        _exit((int)f->err.code);
    if (listener != 3)
        _exit(101);
    bool is_as_ours =
        (fcntl(3, F_GETFL) & O_NONBLOCK) != 0 && (fcntl(3, F_GETFD) & FD_CLOEXEC) != 0;
    _exit(is_as_ours && getenv("LISTEN_FDS") == NULL ? 100 : 102);
}

static int listen_when_passed(struct fixture *f, enum passed passed, const char *count,
                              bool is_for_us)
{
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        listen_as_child(f, passed, count, is_for_us);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_passed_socket_is_taken_over(void **state)
{
    assert_int_equal(listen_when_passed(*state, PASSED_UNIX, "1", true), 100);
}

static void a_socket_passed_to_another_process_is_not_taken(void **state)
{
    assert_int_equal(listen_when_passed(*state, PASSED_UNIX, "1", false), 101);
}

static void only_one_socket_is_expected(void **state)
{
    assert_int_equal(listen_when_passed(*state, PASSED_UNIX, "2", true), ERROR_INVALID);
    assert_int_equal(listen_when_passed(*state, PASSED_ABSTRACT, "x", true), ERROR_INVALID);
}

static void only_a_listening_unix_socket_with_a_path_is_taken(void **state)
{
    static const enum passed wrong[] = {PASSED_ABSTRACT, PASSED_INTERNET, PASSED_FILE,
                                        PASSED_UNIX_NOT_LISTENING};

    for (size_t i = 0; i < 4; i++)
        assert_int_equal(listen_when_passed(*state, wrong[i], "1", true), ERROR_INVALID);
}

/* --- the peer --------------------------------------------------------------------------------- */

static void the_peer_is_who_connected(void **state)
{
    struct fixture *f = *state;
    int listener = listen_ok(f);
    int client = unix_socket_connect(f->path, &f->err);
    int server = accept(listener, NULL, NULL);
    struct peer_credentials peer;
    char name[17] = {0};
    prctl(PR_GET_NAME, name);

    assert_true(unix_socket_peer(server, &peer, &f->err));

    assert_int_equal(peer.uid, getuid());
    assert_int_equal(peer.gid, getgid());
    assert_int_equal(peer.pid, getpid());
    assert_string_equal(peer.command, name);
    assert_true(getgroups(0, NULL) >= 64 || (int)peer.group_count == getgroups(0, NULL));
    close(server);
    close(client);
    close(listener);
}

static void what_is_no_socket_has_no_peer(void **state)
{
    struct fixture *f = *state;
    int fd = open("/dev/null", O_RDONLY);
    struct peer_credentials peer;

    assert_false(unix_socket_peer(fd, &peer, &f->err));

    assert_int_equal(f->err.code, ERROR_SYSTEM);
    close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(who_connects_is_accepted),
        TEST(descriptors_neither_block_nor_are_inherited),
        TEST(a_stale_socket_is_replaced),
        TEST(a_live_socket_is_left_alone),
        TEST(a_live_socket_with_a_full_backlog_is_left_alone),
        TEST(what_is_no_socket_is_left_alone),
        TEST(a_link_is_not_followed),
        TEST(a_path_that_is_too_long_is_refused),
        TEST(the_longest_path_there_is_works),
        TEST(no_path_is_no_abstract_socket),
        TEST(a_folder_that_is_not_there_is_refused),
        TEST(a_folder_that_everybody_may_write_to_is_refused),
        TEST(a_sticky_folder_will_do),
        TEST(a_folder_of_our_own_is_not_worth_a_word),
        TEST(a_folder_that_a_group_may_write_to_is_warned_of),
        TEST(a_folder_of_another_user_is_warned_of),
        TEST(nobody_listening_is_unavailable),
        TEST(the_socket_has_its_mode_whatever_the_umask),
        TEST(the_socket_has_its_group),
        TEST(an_unknown_group_leaves_no_socket),
        TEST(a_passed_socket_is_taken_over),
        TEST(a_socket_passed_to_another_process_is_not_taken),
        TEST(only_one_socket_is_expected),
        TEST(only_a_listening_unix_socket_with_a_path_is_taken),
        TEST(the_peer_is_who_connected),
        TEST(what_is_no_socket_has_no_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
