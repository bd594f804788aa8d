#include "common/append_file.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cmocka_all.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void lines_come_behind_those_that_are_there(void **state)
{
    (void)state;
    struct temp_dir *dir = temp_dir_new();
    char *path = temp_dir_write(dir, "log", "one\n");

    int fd = append_file_open(path, "log file", NULL);
    assert_int_equal(write(fd, "two\n", 4), 4);
    close(fd);

    char *content = temp_dir_read(path);
    assert_string_equal(content, "one\ntwo\n");
    free(content);
    free(path);
    temp_dir_free(dir);
}

static void a_file_that_is_made_is_not_for_others(void **state)
{
    (void)state;
    struct temp_dir *dir = temp_dir_new();
    char *path = temp_dir_file(dir, "log");
    struct stat status;
    int fd = append_file_open(path, "log file", NULL);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_mode & 0007, 0);
    close(fd);
    free(path);
    temp_dir_free(dir);
}

/* As under systemd: by its name it could not be opened. */
static void standard_output_may_be_a_socket(void **state)
{
    (void)state;
    int ends[2];
    char text[8] = "";
    int saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    dup2(ends[0], STDOUT_FILENO);

    int by_name = open("/dev/stdout", O_WRONLY | O_CLOEXEC);
    int fd = append_file_open("/dev/stdout", "access log", NULL);
    ssize_t written = write(fd, "line\n", 5);
    dup2(saved, STDOUT_FILENO);

    assert_int_equal(by_name, -1);
    assert_int_equal(written, 5);
    assert_int_equal(read(ends[1], text, sizeof(text) - 1), 5);
    assert_string_equal(text, "line\n");
    close(fd);
    close(saved);
    close(ends[0]);
    close(ends[1]);
}

static void what_cannot_be_opened_is_named(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(append_file_open("/nonexistent/log", "access log", &err), -1);
    assert_string_equal(err.message, "access log /nonexistent/log: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_behind_those_that_are_there),
        cmocka_unit_test(a_file_that_is_made_is_not_for_others),
        cmocka_unit_test(standard_output_may_be_a_socket),
        cmocka_unit_test(what_cannot_be_opened_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
