#include "common/notify.h"

#include "common/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 512 };

static int socket_fd = -1;

/* "/run/systemd/notify", or "@name" in the abstract namespace. */
static socklen_t make_address(struct sockaddr_un *address, const char *path)
{
    size_t length = strlen(path);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if ((path[0] != '/' && path[0] != '@') || length < 2 || length >= sizeof(address->sun_path))
        return 0;
    memcpy(address->sun_path, path, length);
    if (path[0] == '@')
        address->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

void notify_open(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    if (path == NULL)
        return;
    struct sockaddr_un address;
    socklen_t length = make_address(&address, path);
    unsetenv("NOTIFY_SOCKET");
    if (length == 0)
        return;
    socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket_fd >= 0 && connect(socket_fd, (const struct sockaddr *)&address, length) != 0) {
        close(socket_fd);
        socket_fd = -1;
    }
}

void notify_send(const char *format, ...)
{
    if (socket_fd < 0)
        return;
    char message[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (length > 0 && (size_t)length < sizeof(message))
        (void)!send(socket_fd, message, (size_t)length, MSG_NOSIGNAL);
}

void notify_send_reloading(void)
{
    notify_send("RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_now_us());
}
