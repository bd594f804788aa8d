#include "common/append_file.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int append_file_open(const char *path, const char *what, struct error *err)
{
    int fd;
    if (strcmp(path, "/dev/stdout") == 0)
        fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    else if (strcmp(path, "/dev/stderr") == 0)
        fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    else
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0)
        error_set_errno(err, "%s %s", what, path);
    return fd;
}
