/* Each claim is told in a process of its own: descriptors from 3 on are whatever they are here. */
#include "common/inherited_sockets.h"
#include "tests/unit/cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void set_environment(pid_t pid, const char *count, const char *names)
{
    char number[24];
    snprintf(number, sizeof(number), "%d", (int)pid);
    setenv("LISTEN_PID", number, 1);
    setenv("LISTEN_FDS", count, 1);
    if (names != NULL)
        setenv("LISTEN_FDNAMES", names, 1);
    else
        unsetenv("LISTEN_FDNAMES");
}

static void put_socket(int at, int type)
{
    int fd = socket(AF_INET, type, 0);
    dup2(fd, at);
    if (fd != at)
        close(fd);
}

/* The exit code of `claim` in a child. */
static int in_child(int (*claim)(void))
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(claim());
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

static int take_three(void)
{
    struct inherited_sockets sockets;
    for (int i = 0; i < 3; i++)
        put_socket(INHERITED_FIRST_FD + i, SOCK_STREAM);
    set_environment(getpid(), "3", "web:admin");
    if (!inherited_sockets_take(&sockets, NULL) || sockets.count != 3)
        return 1;
    if (strcmp(sockets.items[0].name, "web") != 0 || strcmp(sockets.items[1].name, "admin") != 0 ||
        strcmp(sockets.items[2].name, "unknown") != 0)
        return 2;
    if (!(fcntl(4, F_GETFD) & FD_CLOEXEC) || !(fcntl(4, F_GETFL) & O_NONBLOCK))
        return 3;
    if (getenv("LISTEN_FDS") != NULL || getenv("LISTEN_PID") != NULL)
        return 4;
    sockets.items[0].is_claimed = true;
    if (inherited_sockets_find_unclaimed(&sockets) != &sockets.items[1])
        return 5;
    inherited_sockets_clear(&sockets);
    return fcntl(3, F_GETFD) >= 0 && fcntl(4, F_GETFD) < 0 ? 0 : 6;
}

static void they_come_with_names_and_who_is_not_claimed_is_closed(void **state)
{
    (void)state;
    assert_int_equal(in_child(take_three), 0);
}

static int take_those_of_another(void)
{
    struct inherited_sockets sockets;
    put_socket(INHERITED_FIRST_FD, SOCK_STREAM);
    set_environment(getppid(), "1", NULL);
    return inherited_sockets_take(&sockets, NULL) && sockets.count == 0 &&
                   getenv("LISTEN_FDS") == NULL
               ? 0
               : 1;
}

static void those_of_another_process_are_left_alone(void **state)
{
    (void)state;
    assert_int_equal(in_child(take_those_of_another), 0);
}

static int take_datagram_socket(void)
{
    struct error err = {0};
    struct inherited_sockets sockets;
    put_socket(INHERITED_FIRST_FD, SOCK_DGRAM);
    set_environment(getpid(), "1", NULL);
    if (inherited_sockets_take(&sockets, &err))
        return 1;
    return strstr(err.message, "descriptor 3 is not a stream socket") != NULL ? 0 : 2;
}

static void a_datagram_socket_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(in_child(take_datagram_socket), 0);
}

static int take_closed(void)
{
    struct error err = {0};
    struct inherited_sockets sockets;
    close(INHERITED_FIRST_FD);
    set_environment(getpid(), "1", NULL);
    if (inherited_sockets_take(&sockets, &err))
        return 1;
    return strstr(err.message, "descriptor 3: Bad file descriptor") != NULL ? 0 : 2;
}

static void what_is_not_open_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(in_child(take_closed), 0);
}

static int take_too_many(void)
{
    struct inherited_sockets sockets;
    set_environment(getpid(), "65537", NULL);
    return inherited_sockets_take(&sockets, NULL) ? 1 : 0;
}

static int take_nonsense(void)
{
    static const char *const counts[] = {"", "x", "-1", "3x", " 3"};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct inherited_sockets sockets;
        set_environment(getpid(), counts[i], NULL);
        if (!inherited_sockets_take(&sockets, NULL) || sockets.count != 0)
            return (int)i + 1;
    }
    return 0;
}

static void counts_that_make_no_sense_are_none_or_an_error(void **state)
{
    (void)state;
    assert_int_equal(in_child(take_too_many), 0);
    assert_int_equal(in_child(take_nonsense), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_come_with_names_and_who_is_not_claimed_is_closed),
        cmocka_unit_test(those_of_another_process_are_left_alone),
        cmocka_unit_test(a_datagram_socket_is_an_error),
        cmocka_unit_test(what_is_not_open_is_an_error),
        cmocka_unit_test(counts_that_make_no_sense_are_none_or_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
