#include "proxy/supervision_channel.h"
#include "tests/unit/cmocka_all.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int ends[2];

static int set_up(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int tear_down(void **state)
{
    (void)state;
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static bool is_same_file(int a, int b)
{
    struct stat first, second;
    return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_ino == second.st_ino;
}

static void values_are_found_by_whole_names(void **state)
{
    (void)state;
    struct supervision_message message = {.text = "READY=1\nDRAIN_MS=30000\nSTATUS=a=b\nEMPTY="};
    char value[8];

    assert_int_equal(supervision_number(&message, "READY", 0), 1);
    assert_int_equal(supervision_number(&message, "DRAIN_MS", 0), 30000);
    assert_int_equal(supervision_number(&message, "DRAIN", 7), 7);
    assert_int_equal(supervision_number(&message, "STATUS", 7), 7);
    assert_true(supervision_value(&message, "STATUS", value, sizeof(value)));
    assert_string_equal(value, "a=b");
    assert_false(supervision_value(&message, "STATUS", value, 3));
    assert_true(supervision_value(&message, "EMPTY", value, sizeof(value)));
    assert_string_equal(value, "");
}

static void a_message_takes_descriptors_along(void **state)
{
    (void)state;
    struct supervision_message message;
    int fds[SUPERVISION_FDS_MAX];
    int pipe_fds[2];
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    for (size_t i = 0; i < SUPERVISION_FDS_MAX; i++)
        fds[i] = pipe_fds[i % 2];

    assert_true(supervision_send(ends[0], "SOCKETS=web", fds, SUPERVISION_FDS_MAX));
    assert_int_equal(supervision_receive(ends[1], &message), SUPERVISION_MESSAGE);

    assert_string_equal(message.text, "SOCKETS=web");
    assert_int_equal(message.fd_count, SUPERVISION_FDS_MAX);
    for (size_t i = 0; i < message.fd_count; i++) {
        assert_true(is_same_file(message.fds[i], pipe_fds[i % 2]));
        assert_true(fcntl(message.fds[i], F_GETFD) & FD_CLOEXEC);
        close(message.fds[i]);
    }
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void without_a_message_there_is_nothing_and_then_an_end(void **state)
{
    (void)state;
    struct supervision_message message;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);

    assert_int_equal(supervision_receive(pair[0], &message), SUPERVISION_NOTHING);
    assert_true(supervision_send(pair[1], "READY=1", NULL, 0));
    close(pair[1]);

    assert_int_equal(supervision_receive(pair[0], &message), SUPERVISION_MESSAGE);
    assert_int_equal(message.fd_count, 0);
    assert_int_equal(supervision_receive(pair[0], &message), SUPERVISION_END);
    assert_false(supervision_send(pair[0], "TAKEN_OVER=1", NULL, 0));
    close(pair[0]);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(values_are_found_by_whole_names),
        CLAIM(a_message_takes_descriptors_along),
        CLAIM(without_a_message_there_is_nothing_and_then_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
