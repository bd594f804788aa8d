#include "proxy/socket_set.h"

#include "common/buffer.h"
#include "common/inherited_sockets.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The path of a Unix socket that has one; false for any other. */
static bool read_path(int fd, struct sockaddr_un *address)
{
    socklen_t length = sizeof(*address);
    *address = (struct sockaddr_un){0};
    return getsockname(fd, (struct sockaddr *)address, &length) == 0 &&
           address->sun_family == AF_UNIX && address->sun_path[0] != '\0';
}

/* The one that has the file of the Unix socket `fd`; NULL when `fd` is none. */
static const struct held_socket *find_same_file(const struct socket_set *set, int fd)
{
    struct sockaddr_un address;
    struct sockaddr_un other;
    if (!read_path(fd, &address))
        return NULL;
    for (size_t i = 0; i < set->count; i++) {
        if (read_path(set->items[i].fd, &other) &&
            strncmp(address.sun_path, other.sun_path, sizeof(address.sun_path)) == 0)
            return &set->items[i];
    }
    return NULL;
}

static struct held_socket *add(struct socket_set *set, int fd, const char *name)
{
    set->items = memory_reallocate(set->items, (set->count + 1) * sizeof(set->items[0]));
    struct held_socket *item = &set->items[set->count++];
    *item = (struct held_socket){.fd = fd, .name = memory_duplicate_string(name)};
    return item;
}

void socket_set_add(struct socket_set *set, int fd, const char *name)
{
    add(set, fd, name)->owns_file = true;
}

void socket_set_take_inherited(struct socket_set *set, struct inherited_sockets *inherited)
{
    for (size_t i = 0; i < inherited->count; i++) {
        add(set, inherited->items[i].fd, inherited->items[i].name);
        inherited->items[i].is_claimed = true;
    }
    inherited_sockets_clear(inherited);
}

void socket_set_replace(struct socket_set *set, struct socket_set *next)
{
    for (size_t i = 0; i < next->count; i++) {
        const struct held_socket *same = find_same_file(set, next->items[i].fd);
        if (same != NULL)
            next->items[i].owns_file = same->owns_file;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (find_same_file(next, set->items[i].fd) != NULL)
            set->items[i].owns_file = false;
    }
    socket_set_clear(set, true);
    *set = *next;
    *next = SOCKET_SET_EMPTY;
}

void socket_set_clear(struct socket_set *set, bool removes_files)
{
    for (size_t i = 0; i < set->count; i++) {
        struct sockaddr_un address;
        if (removes_files && set->items[i].owns_file && read_path(set->items[i].fd, &address))
            unlink(address.sun_path);
        close(set->items[i].fd);
        free(set->items[i].name);
    }
    free(set->items);
    *set = SOCKET_SET_EMPTY;
}
