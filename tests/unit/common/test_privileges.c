/* Each claim is told in a process of its own: there is no way back. Only root can be others. */
#include "common/privileges.h"
#include "tests/unit/cmocka_all.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define USER "61002:61003"
enum { LOW_PORT = 871 };

static void assert_holds(int (*claim)(void))
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(claim());
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void assert_holds_for_root(int (*claim)(void))
{
    if (geteuid() != 0)
        skip();
    assert_holds(claim);
}

/* Whether /proc/self/status has the line. */
static bool status_says(const char *line)
{
    char content[8192];
    FILE *file = fopen("/proc/self/status", "re");
    size_t length = fread(content, 1, sizeof(content) - 1, file);
    content[length] = '\0';
    fclose(file);
    return strstr(content, line) != NULL;
}

static bool may_bind_low_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(LOW_PORT),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool may = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == EADDRINUSE;
    close(fd);
    return may;
}

static int become_user(void)
{
    if (!privileges_become(USER, CAP_NET_BIND_SERVICE, NULL))
        return 1;
    if (!status_says("\nUid:\t61002\t61002\t61002\t61002\n") ||
        !status_says("\nGid:\t61003\t61003\t61003\t61003\n") || !status_says("\nGroups:\t61003 \n"))
        return 2;
    if (!status_says("\nCapEff:\t0000000000000500\n") ||
        !status_says("\nCapBnd:\t0000000000000500\n") ||
        !status_says("\nCapAmb:\t0000000000000500\n"))
        return 3;
    return may_bind_low_port() ? 0 : 4;
}

static void root_becomes_a_user_that_may_take_low_ports(void **state)
{
    (void)state;
    assert_holds_for_root(become_user);
}

static int drop_all(void)
{
    if (!privileges_become(USER, CAP_NET_BIND_SERVICE, NULL) || !privileges_drop(NULL))
        return 1;
    static const char *const none[] = {
        "\nCapInh:\t0000000000000000\n", "\nCapPrm:\t0000000000000000\n",
        "\nCapEff:\t0000000000000000\n", "\nCapBnd:\t0000000000000000\n",
        "\nCapAmb:\t0000000000000000\n", "\nNoNewPrivs:\t1\n"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        if (!status_says(none[i]))
            return 2;
    }
    return setuid(0) != 0 && !may_bind_low_port() ? 0 : 3;
}

static void nothing_is_left_in_the_end(void **state)
{
    (void)state;
    assert_holds_for_root(drop_all);
}

static int drop_as_root(void)
{
    return privileges_drop(NULL) && geteuid() == 0 &&
                   status_says("\nCapEff:\t0000000000000000\n") &&
                   status_says("\nCapBnd:\t0000000000000000\n")
               ? 0
               : 1;
}

static void root_without_a_user_has_no_capability_either(void **state)
{
    (void)state;
    assert_holds_for_root(drop_as_root);
}

static int become_twice(void)
{
    return privileges_become(USER, CAP_NET_BIND_SERVICE, NULL) &&
                   privileges_become(USER, CAP_NET_BIND_SERVICE, NULL) && may_bind_low_port()
               ? 0
               : 1;
}

/* A supervisor is that user already when it starts the processes that serve. */
static void who_is_that_user_stays_so(void **state)
{
    (void)state;
    assert_holds_for_root(become_twice);
}

static int become_another(void)
{
    struct error err;
    if (geteuid() == 0 && !privileges_become(USER, CAP_NET_BIND_SERVICE, NULL))
        return 1;
    return !privileges_become("61004:61004", CAP_NET_BIND_SERVICE, &err) &&
                   strstr(err.message, "only root may become another user") != NULL
               ? 0
               : 2;
}

static void only_root_becomes_another_user(void **state)
{
    (void)state;
    assert_holds(become_another);
}

static void assert_refused(const char *user, const char *words)
{
    struct error err = {0};
    assert_false(privileges_become(user, CAP_NET_BIND_SERVICE, &err));
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, words);
}

static void who_is_not_there_is_named(void **state)
{
    (void)state;
    assert_refused("no-such-user", "--user: there is no user 'no-such-user'");
    assert_refused("root:no-such-group", "--user: there is no group 'no-such-group'");
    assert_refused("61002", "user 61002 has no name, so its group must be given");
    assert_refused("", "there is no user ''");
    assert_true(privileges_become(NULL, CAP_NET_BIND_SERVICE, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_becomes_a_user_that_may_take_low_ports),
        cmocka_unit_test(nothing_is_left_in_the_end),
        cmocka_unit_test(root_without_a_user_has_no_capability_either),
        cmocka_unit_test(who_is_that_user_stays_so),
        cmocka_unit_test(only_root_becomes_another_user),
        cmocka_unit_test(who_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
