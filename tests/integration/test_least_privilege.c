/* Started as root, with --user: each program is its own user, holds no capability, and may do
 * nothing but its work. On port 80, of a network of its own. Only root can start as root. */
#include "common/sanitizers.h"
#include "tests/support/check.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <glob.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONTROL_UID = 61001, PROXY_UID = 61002, GROUP = 61000, LOW_PORT = 80 };

static struct fake_upstream *upstream;
static struct pointsman *pointsman;
static bool is_there;

/* --- the stage ------------------------------------------------------------------------------- */

/* A network of our own with nothing but loopback, in which every port is free. */
static bool enter_own_network(void)
{
    if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0)
        return false;
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool is_up = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    close(fd);
    return is_up;
}

static int set_up(void **state)
{
    (void)state;
    static char access_log[256];
    static const char *const control_arguments[] = {"--user", "61001:61000", "--proxy-uid", "61002",
                                                    NULL};
    static const char *const proxy_arguments[] = {"--supervise",  "--user",   "61002:61000",
                                                  "--access-log", access_log, NULL};
    static const struct pointsman_options options = {.control_arguments = control_arguments,
                                                     .proxy_arguments = proxy_arguments,
                                                     .listen = "web=127.0.0.1:80"};
    if (!enter_own_network())
        return 0;
    is_there = true;
    upstream = fake_upstream_start("upstream");
    pointsman = pointsman_new(&options);
    const char *folder = temp_dir_path(pointsman_dir(pointsman));
    snprintf(access_log, sizeof(access_log), "%s/access.log", folder);
    CHECK(chown(folder, CONTROL_UID, GROUP) == 0 && chmod(folder, 0770) == 0, "cannot give %s away",
          folder);
    pointsman_start_control(pointsman);
    pointsman_start_proxy(pointsman);
    pointsman_wait_ready(pointsman);
    pointsman_routectl_ok(pointsman, "add", "page", "--path-prefix", "/page", "--to",
                          fake_upstream_url(upstream), NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(upstream);
    return 0;
}

static void skip_unless_there(void)
{
    if (!is_there)
        skip();
}

/* --- what /proc says ------------------------------------------------------------------------- */

static char *status_of(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    char *status = temp_dir_read(path);
    CHECK(status != NULL, "there is no process %d", (int)pid);
    return status;
}

static void assert_status_says(pid_t pid, const char *const *lines)
{
    char *status = status_of(pid);
    for (size_t i = 0; lines[i] != NULL; i++)
        CHECK(strstr(status, lines[i]) != NULL, "no '%s' in\n%s", lines[i], status);
    free(status);
}

/* The process of that generation. */
static pid_t serving_pid(unsigned generation)
{
    char text[64];
    snprintf(text, sizeof(text), " generation=%u took_ms=", generation);
    char *line = process_expect_line(pointsman_proxy(pointsman), text);
    pid_t pid = atoi(strstr(line, " pid=") + strlen(" pid="));
    free(line);
    return pid;
}

#define NO_CAPABILITY                                                                              \
    "\nCapInh:\t0000000000000000\n", "\nCapPrm:\t0000000000000000\n",                              \
        "\nCapEff:\t0000000000000000\n", "\nCapBnd:\t0000000000000000\n",                          \
        "\nCapAmb:\t0000000000000000\n", "\nNoNewPrivs:\t1\n"

#if IS_ADDRESS_SANITIZED || IS_THREAD_SANITIZED
#define FILTERED "\nSeccomp:\t0\n"
#else
#define FILTERED "\nSeccomp:\t2\n"
#endif

/* --- claims ---------------------------------------------------------------------------------- */

static void the_daemons_are_their_users_and_hold_nothing(void **state)
{
    (void)state;
    static const char *const control[] = {"\nUid:\t61001\t61001\t61001\t61001\n",
                                          "\nGid:\t61000\t61000\t61000\t61000\n",
                                          "\nGroups:\t61000 \n",
                                          NO_CAPABILITY,
                                          FILTERED,
                                          NULL};
    static const char *const serving[] = {"\nUid:\t61002\t61002\t61002\t61002\n",
                                          "\nGid:\t61000\t61000\t61000\t61000\n",
                                          "\nGroups:\t61000 \n",
                                          NO_CAPABILITY,
                                          FILTERED,
                                          NULL};
    skip_unless_there();

    assert_status_says(process_id(pointsman_control(pointsman)), control);
    assert_status_says(serving_pid(1), serving);
    assert_int_equal(http_get_status(LOW_PORT, "h", "/page"), 200);
}

/* Every thread, not only the first. */
static void so_are_all_their_threads(void **state)
{
    (void)state;
    static const char *const lines[] = {NO_CAPABILITY, FILTERED, NULL};
    skip_unless_there();
    char pattern[64];
    snprintf(pattern, sizeof(pattern), "/proc/%d/task/*", (int)serving_pid(1));
    glob_t tasks;
    assert_int_equal(glob(pattern, 0, NULL, &tasks), 0);
    assert_true(tasks.gl_pathc >= 5);
    for (size_t i = 0; i < tasks.gl_pathc; i++)
        assert_status_says(atoi(strrchr(tasks.gl_pathv[i], '/') + 1), lines);
    globfree(&tasks);
}

/* It must be able to open ports for the next one, and no more. */
static void the_supervisor_may_take_low_ports_and_no_more(void **state)
{
    (void)state;
    static const char *const lines[] = {"\nUid:\t61002\t61002\t61002\t61002\n",
                                        "\nCapEff:\t0000000000000500\n",
                                        "\nCapBnd:\t0000000000000500\n",
                                        "\nNoNewPrivs:\t1\n",
                                        "\nThreads:\t1\n",
                                        NULL};
    skip_unless_there();
    assert_status_says(process_id(pointsman_proxy(pointsman)), lines);
}

static void what_is_made_belongs_to_them_and_is_not_for_others(void **state)
{
    (void)state;
    static const char *const names[] = {"routes.db", "control.sock", "access.log"};
    static const uid_t owners[] = {CONTROL_UID, CONTROL_UID, PROXY_UID};
    skip_unless_there();
    for (size_t i = 0; i < 3; i++) {
        struct stat status;
        char *path = temp_dir_file(pointsman_dir(pointsman), names[i]);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_uid, owners[i]);
        assert_int_equal(status.st_mode & 0007, 0);
        free(path);
    }
}

static void an_upgrade_takes_the_low_port_over(void **state)
{
    (void)state;
    skip_unless_there();
    process_signal(pointsman_proxy(pointsman), SIGUSR2);
    static const char *const lines[] = {NO_CAPABILITY, FILTERED, NULL};
    assert_status_says(serving_pid(2), lines);
    process_signal(pointsman_proxy(pointsman), SIGHUP);
    free(process_expect_line(pointsman_proxy(pointsman), " logs_reopened"));
    assert_int_equal(http_get_status(LOW_PORT, "h", "/page"), 200);
}

static void a_user_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    char *proxy = pointsman_program("pointsman-proxy");
    char *control = pointsman_program("pointsman-control");
    const char *const proxy_arguments[] = {proxy, "--user", "no-such-user", NULL};
    const char *const control_arguments[] = {control, "--user", "no-such-user", NULL};
    command_expect(command_run(proxy_arguments, NULL), 1, NULL, "there is no user 'no-such-user'");
    command_expect(command_run(control_arguments, NULL), 1, NULL,
                   "there is no user 'no-such-user'");
    free(proxy);
    free(control);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_daemons_are_their_users_and_hold_nothing),
        cmocka_unit_test(so_are_all_their_threads),
        cmocka_unit_test(the_supervisor_may_take_low_ports_and_no_more),
        cmocka_unit_test(what_is_made_belongs_to_them_and_is_not_for_others),
        cmocka_unit_test(an_upgrade_takes_the_low_port_over),
        cmocka_unit_test(a_user_that_is_not_there_is_an_error),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
