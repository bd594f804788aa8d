#include "common/log.h"

#include "common/append_file.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 2048 };

static atomic_int current_level = LOG_INFO;
static atomic_int output_fd = STDERR_FILENO;

static const char *const level_names[] = {
    [LOG_ERROR] = "error",
    [LOG_WARN] = "warn",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};

bool log_level_parse(const char *name, enum log_level *level)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

/* The old descriptor is replaced in place (dup2), so a line being written by another thread goes
 * to one file or the other and never to a descriptor that means something else by now. */
bool log_open(const char *path, struct error *err)
{
    if (path == NULL) {
        atomic_store(&output_fd, STDERR_FILENO);
        return true;
    }

    int fd = append_file_open(path, "log file", err);
    if (fd < 0)
        return false;

    int current = atomic_load(&output_fd);
    if (current == STDERR_FILENO) {
        atomic_store(&output_fd, fd);
        return true;
    }
    if (dup3(fd, current, O_CLOEXEC) < 0) {
        error_set_errno(err, "log file %s", path);
        close(fd);
        return false;
    }
    close(fd);
    return true;
}

static size_t format_prefix(char *line, size_t line_bytes, enum log_level level, const char *event)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);

    size_t used = strftime(line, line_bytes, "%Y-%m-%dT%H:%M:%S", &utc);
    used += (size_t)snprintf(line + used, line_bytes - used, ".%03ldZ %s %s ",
                             now.tv_nsec / 1000000, level_names[level], event);
    return used;
}

/* Errors of libraries have line breaks in them, too. */
static void blank_controls(char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f)
            text[i] = ' ';
    }
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
    if ((int)level > atomic_load_explicit(&current_level, memory_order_relaxed))
        return;

    char line[LINE_BYTES];
    size_t used = format_prefix(line, sizeof(line), level, event);

    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(line + used, sizeof(line) - used - 1, format, arguments);
    va_end(arguments);

    size_t room = sizeof(line) - used - 2;
    size_t start = used;
    used += written < 0 ? 0 : ((size_t)written < room ? (size_t)written : room);
    blank_controls(line + start, used - start);
    while (used > 0 && line[used - 1] == ' ')
        used--;
    line[used++] = '\n';

    /* One write for one line: lines of threads do not mix. A log that cannot be written has
     * nowhere to say so. */
    ssize_t ignored = write(atomic_load(&output_fd), line, used);
    (void)ignored;
}

const char *log_quote(char *to, size_t to_bytes, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    size_t used = 0;

    if (to_bytes < 3) {
        if (to_bytes > 0)
            to[0] = '\0';
        return to;
    }
    to[used++] = '"';
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (used + 4 + 2 > to_bytes)
            break;
        if (*at == '"' || *at == '\\') {
            to[used++] = '\\';
            to[used++] = (char)*at;
        } else if (*at < 0x20 || *at == 0x7f) {
            to[used++] = '\\';
            to[used++] = 'x';
            to[used++] = hex[*at >> 4];
            to[used++] = hex[*at & 15];
        } else {
            to[used++] = (char)*at;
        }
    }
    to[used++] = '"';
    to[used] = '\0';
    return to;
}
