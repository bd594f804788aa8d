#include "common/notify.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A socket as systemd has it, at `path` ('@': in the abstract namespace). */
static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, length), 0);
    return fd;
}

static void assert_receives(int fd, const char *start)
{
    char message[512] = "";
    assert_true(recv(fd, message, sizeof(message) - 1, MSG_DONTWAIT) > 0);
    assert_int_equal(strncmp(message, start, strlen(start)), 0);
}

static void nothing_is_sent_without_the_variable(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    notify_open();
    notify_send("READY=1");
}

static void lines_arrive_and_the_variable_is_gone(void **state)
{
    (void)state;
    struct temp_dir *dir = temp_dir_new();
    char *path = temp_dir_file(dir, "notify");
    int fd = listen_at(path);
    setenv("NOTIFY_SOCKET", path, 1);

    notify_open();
    notify_send("READY=1\nSTATUS=%s", "serving");
    notify_send_reloading();

    assert_receives(fd, "READY=1\nSTATUS=serving");
    assert_receives(fd, "RELOADING=1\nMONOTONIC_USEC=");
    assert_null(getenv("NOTIFY_SOCKET"));
    close(fd);
    free(path);
    temp_dir_free(dir);
}

static void an_abstract_address_is_understood(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof(name), "@pointsman-test-%d", (int)getpid());
    int fd = listen_at(name);
    setenv("NOTIFY_SOCKET", name, 1);

    notify_open();
    notify_send("STOPPING=1");

    assert_receives(fd, "STOPPING=1");
    close(fd);
}

static void what_is_no_address_is_passed_over(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "relative/path", "@", "vsock:2:9999"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        setenv("NOTIFY_SOCKET", wrong[i], 1);
        notify_open();
        assert_null(getenv("NOTIFY_SOCKET"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_sent_without_the_variable),
        cmocka_unit_test(lines_arrive_and_the_variable_is_gone),
        cmocka_unit_test(an_abstract_address_is_understood),
        cmocka_unit_test(what_is_no_address_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
