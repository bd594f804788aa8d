#include "common/inherited_sockets.h"

#include "common/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* "3"; 0 when it is something else. */
static unsigned long parse_number(const char *text)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' ? number : 0;
}

static bool check_socket(int fd, struct error *err)
{
    int type = 0;
    socklen_t length = sizeof(type);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0)
        return error_set_errno(err, "LISTEN_FDS: descriptor %d", fd);
    if (type != SOCK_STREAM)
        return error_set(err, ERROR_INVALID, "LISTEN_FDS: descriptor %d is not a stream socket",
                         fd);
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0)
        return error_set_errno(err, "LISTEN_FDS: descriptor %d", fd);
    return true;
}

/* The next of "web:web:admin". Caller frees. */
static char *next_name(const char **names)
{
    const char *start = *names;
    if (start == NULL || *start == '\0')
        return memory_duplicate_string("unknown");
    size_t length = strcspn(start, ":");
    *names = start + length + (start[length] == ':');
    char *name = memory_allocate_zeroed(1, length + 1);
    memcpy(name, start, length);
    return name;
}

static bool take(struct inherited_sockets *sockets, unsigned long count, const char *names,
                 struct error *err)
{
    if (count > INHERITED_SOCKETS_MAX)
        return error_set(err, ERROR_LIMIT, "LISTEN_FDS: %lu sockets are too many", count);
    sockets->items = memory_allocate_zeroed(count, sizeof(sockets->items[0]));
    for (unsigned long i = 0; i < count; i++) {
        struct inherited_socket *item = &sockets->items[sockets->count++];
        item->fd = INHERITED_FIRST_FD + (int)i;
        item->name = next_name(&names);
        if (!check_socket(item->fd, err))
            return false;
    }
    return true;
}

bool inherited_sockets_take(struct inherited_sockets *sockets, struct error *err)
{
    *sockets = INHERITED_SOCKETS_NONE;
    const char *pid = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    bool is_taken = true;
    if (pid != NULL && count != NULL && parse_number(pid) == (unsigned long)getpid())
        is_taken = take(sockets, parse_number(count), getenv("LISTEN_FDNAMES"), err);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (!is_taken)
        inherited_sockets_clear(sockets);
    return is_taken;
}

void inherited_sockets_clear(struct inherited_sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++) {
        if (!sockets->items[i].is_claimed)
            close(sockets->items[i].fd);
        free(sockets->items[i].name);
    }
    free(sockets->items);
    *sockets = INHERITED_SOCKETS_NONE;
}

const struct inherited_socket *
inherited_sockets_find_unclaimed(const struct inherited_sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++) {
        if (!sockets->items[i].is_claimed)
            return &sockets->items[i];
    }
    return NULL;
}
