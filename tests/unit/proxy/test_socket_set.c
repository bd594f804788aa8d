#include "common/inherited_sockets.h"
#include "proxy/socket_set.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cmocka_all.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct temp_dir *dir;
static char *path;

static int set_up(void **state)
{
    (void)state;
    dir = temp_dir_new();
    path = temp_dir_file(dir, "socket");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(path);
    temp_dir_free(dir);
    return 0;
}

static int open_unix(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void what_is_not_in_the_next_set_is_closed_and_its_file_removed(void **state)
{
    (void)state;
    struct socket_set set = SOCKET_SET_EMPTY;
    struct socket_set next = SOCKET_SET_EMPTY;
    int removed = open_unix();
    int kept = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socket_set_add(&set, removed, "web");
    socket_set_add(&next, kept, "web");

    socket_set_replace(&set, &next);

    assert_int_not_equal(access(path, F_OK), 0);
    assert_false(is_open(removed));
    assert_int_equal(set.count, 1);
    assert_int_equal(set.items[0].fd, kept);
    assert_int_equal(next.count, 0);
    socket_set_clear(&set, true);
    assert_false(is_open(kept));
}

static void a_file_stays_as_long_as_a_set_has_its_socket(void **state)
{
    (void)state;
    struct socket_set set = SOCKET_SET_EMPTY;
    struct socket_set next = SOCKET_SET_EMPTY;
    int first = open_unix();
    socket_set_add(&set, first, "web");
    socket_set_add(&next, fcntl(first, F_DUPFD_CLOEXEC, 0), "web");

    socket_set_replace(&set, &next);
    assert_int_equal(access(path, F_OK), 0);
    socket_set_clear(&set, true);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void the_file_of_a_socket_that_was_inherited_is_never_removed(void **state)
{
    (void)state;
    struct socket_set set = SOCKET_SET_EMPTY;
    struct socket_set next = SOCKET_SET_EMPTY;
    struct socket_set none = SOCKET_SET_EMPTY;
    struct inherited_sockets inherited = {.items = calloc(1, sizeof(*inherited.items)), .count = 1};
    inherited.items[0].fd = open_unix();
    inherited.items[0].name = strdup("web");
    socket_set_take_inherited(&set, &inherited);
    socket_set_add(&next, fcntl(set.items[0].fd, F_DUPFD_CLOEXEC, 0), "web");

    socket_set_replace(&set, &next);
    socket_set_replace(&set, &none);

    assert_int_equal(inherited.count, 0);
    assert_int_equal(access(path, F_OK), 0);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(what_is_not_in_the_next_set_is_closed_and_its_file_removed),
        CLAIM(a_file_stays_as_long_as_a_set_has_its_socket),
        CLAIM(the_file_of_a_socket_that_was_inherited_is_never_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
