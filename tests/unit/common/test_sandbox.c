/* Each claim is told in a process of its own: there is no way back out of a sandbox. */
#include "common/privileges.h"
#include "common/sandbox.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct temp_dir *dir;
static char *own_file;

static int set_up(void **state)
{
    (void)state;
    dir = temp_dir_new();
    char *folder = temp_dir_file(dir, "own");
    assert_int_equal(mkdir(folder, 0700), 0);
    free(folder);
    own_file = temp_dir_file(dir, "own/file");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(own_file);
    temp_dir_free(dir);
    return 0;
}

/* How the child ended that ran `claim` in a sandbox, and what it said. */
static int in_sandbox(int (*claim)(void), bool uses_network, char *said, size_t said_bytes)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        const char *const writable[] = {own_file, NULL};
        const struct sandbox_options options = {
            .uses_network = uses_network, .writable = writable, .writable_count = 2};
        struct error err;
        dup2(ends[1], STDERR_FILENO);
        if (!privileges_drop(&err) || !sandbox_enter(&options, &err))
            _exit(99);
        _exit(claim());
    }
    close(ends[1]);
    size_t used = 0;
    ssize_t got;
    while (used + 1 < said_bytes && (got = read(ends[0], said + used, said_bytes - 1 - used)) > 0)
        used += (size_t)got;
    said[used] = '\0';
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void assert_holds(int (*claim)(void), bool uses_network, const char *violation)
{
    char said[4096];
    if (!sandbox_is_on_by_default)
        skip(); /* a sanitizer would not survive it */
    int code = in_sandbox(claim, uses_network, said, sizeof(said));
    if (code != 0)
        fail_msg("ended with %d: %s", code, said);
    if (violation != NULL && strstr(said, violation) == NULL)
        fail_msg("no '%s' in: %s", violation, said);
    if (violation == NULL && strstr(said, "sandbox_violation") != NULL)
        fail_msg("%s", said);
}

/* --- claims ----------------------------------------------------------------------------------- */

static void *nothing(void *context)
{
    return context;
}

static int use_what_is_needed(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return 1;
    int fd = open(own_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1 || sync_file_range(fd, 0, 1, SYNC_FILE_RANGE_WRITE) != 0 ||
        fsync(fd) != 0 || close(fd) != 0)
        return 2;
    if (unlink(own_file) != 0)
        return 3;
    if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0)
        return 4;
    if (socket(AF_INET, SOCK_STREAM, 0) < 0 || socket(AF_UNIX, SOCK_STREAM, 0) < 0)
        return 5;
    free(malloc(10 << 20));
    return 0;
}

static void what_is_needed_is_allowed(void **state)
{
    (void)state;
    assert_holds(use_what_is_needed, true, NULL);
}

static int call_mount(void)
{
    for (int i = 0; i < 2; i++) {
        if (syscall(SYS_mount, "a", "b", "c", 0, NULL) != -1 || errno != EPERM)
            return 1;
    }
    return 0;
}

static void another_call_fails_and_is_named_once_in_the_log(void **state)
{
    (void)state;
    char said[4096];
    assert_holds(call_mount, true, "error sandbox_violation syscall=mount number=");
    in_sandbox(call_mount, true, said, sizeof(said));
    char *first = strstr(said, "sandbox_violation");
    assert_non_null(first);
    assert_null(strstr(first + 1, "sandbox_violation"));
}

static int open_netlink(void)
{
    return socket(AF_NETLINK, SOCK_RAW, 0) < 0 && errno == EPERM ? 0 : 1;
}

static int open_inet(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM ? 0 : 1;
}

static void other_sockets_are_refused(void **state)
{
    (void)state;
    assert_holds(open_netlink, true, "syscall=socket ");
    assert_holds(open_inet, false, "syscall=socket ");
}

static int start_process(void)
{
    return fork() < 0 && errno == EPERM ? 0 : 1;
}

static void no_process_is_started(void **state)
{
    (void)state;
    assert_holds(start_process, true, "syscall=clone ");
}

static int make_executable(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED || errno != EPERM)
        return 1;
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(page, 4096, PROT_READ | PROT_EXEC) != 0 && errno == EPERM ? 0 : 2;
}

static void no_memory_becomes_executable(void **state)
{
    (void)state;
    assert_holds(make_executable, true, "syscall=mmap ");
}

static int run_program(void)
{
    execl("/bin/true", "true", (char *)NULL);
    return 0;
}

static void running_a_program_ends_the_process(void **state)
{
    (void)state;
    char said[4096];
    if (!sandbox_is_on_by_default)
        skip();
    assert_int_equal(in_sandbox(run_program, true, said, sizeof(said)), 128 + SIGSYS);
}

static int write_elsewhere(void)
{
    char *elsewhere = temp_dir_file(dir, "elsewhere");
    int fd = open(elsewhere, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int failed = fd < 0 && errno == EACCES && rename(own_file, elsewhere) != 0 ? 0 : 1;
    free(elsewhere);
    return failed;
}

static void nothing_is_written_in_other_folders(void **state)
{
    (void)state;
    char said[4096];
    if (!sandbox_is_on_by_default)
        skip();
    in_sandbox(use_what_is_needed, true, said, sizeof(said));
    if (strstr(said, "write_fence=up") == NULL)
        skip(); /* a kernel without Landlock */
    assert_holds(write_elsewhere, true, NULL);
}

static int hide(void)
{
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 1 : 0;
}

/* Asking is not on the list, so it is seen from outside. */
static void memory_is_hidden(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        privileges_hide_memory();
        _exit(hide() == 1 ? 0 : 1);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

static void on_and_off_are_understood(void **state)
{
    (void)state;
    struct error err = {0};
    bool is_on;
    assert_true(sandbox_parse("on", &is_on, NULL) && is_on);
    assert_true(sandbox_parse("off", &is_on, NULL) && !is_on);
    assert_false(sandbox_parse("yes", &is_on, &err));
    assert_non_null(strstr(err.message, "--sandbox must be on or off"));
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(what_is_needed_is_allowed),
        CLAIM(another_call_fails_and_is_named_once_in_the_log),
        CLAIM(other_sockets_are_refused),
        CLAIM(no_process_is_started),
        CLAIM(no_memory_becomes_executable),
        CLAIM(running_a_program_ends_the_process),
        CLAIM(nothing_is_written_in_other_folders),
        CLAIM(memory_is_hidden),
        CLAIM(on_and_off_are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
