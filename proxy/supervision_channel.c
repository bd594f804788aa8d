#include "proxy/supervision_channel.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for the descriptors, aligned as the system wants it. */
union control_data {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * SUPERVISION_FDS_MAX)];
};

bool supervision_send(int channel, const char *text, const int *fds, size_t fd_count)
{
    assert(fd_count <= SUPERVISION_FDS_MAX);
    union control_data control = {0};
    struct iovec part = {.iov_base = (void *)text, .iov_len = strlen(text)};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd_count > 0) {
        size_t bytes = fd_count * sizeof(fds[0]);
        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(bytes);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(bytes);
        memcpy(CMSG_DATA(&control.header), fds, bytes);
    }
    ssize_t sent;
    do {
        sent = sendmsg(channel, &header, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

static void take_fds(struct msghdr *header, struct supervision_message *message)
{
    for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at != NULL; at = CMSG_NXTHDR(header, at)) {
        if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
            continue;
        message->fd_count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(message->fds[0]);
        memcpy(message->fds, CMSG_DATA(at), message->fd_count * sizeof(message->fds[0]));
    }
}

enum supervision_result supervision_receive(int channel, struct supervision_message *message)
{
    union control_data control;
    struct iovec part = {.iov_base = message->text, .iov_len = sizeof(message->text) - 1};
    struct msghdr header = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    message->fd_count = 0;
    ssize_t received;
    do {
        received = recvmsg(channel, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (received < 0 && errno == EINTR);
    if (received < 0 && errno == EAGAIN)
        return SUPERVISION_NOTHING;
    if (received <= 0)
        return SUPERVISION_END;
    message->text[received] = '\0';
    take_fds(&header, message);
    return SUPERVISION_MESSAGE;
}

bool supervision_value(const struct supervision_message *message, const char *name, char *value,
                       size_t value_bytes)
{
    size_t name_length = strlen(name);
    for (const char *line = message->text; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        if (length > name_length && line[name_length] == '=' &&
            memcmp(line, name, name_length) == 0) {
            size_t value_length = length - name_length - 1;
            if (value_length >= value_bytes)
                return false;
            memcpy(value, line + name_length + 1, value_length);
            value[value_length] = '\0';
            return true;
        }
        line += length + (line[length] == '\n');
    }
    return false;
}

uint64_t supervision_number(const struct supervision_message *message, const char *name,
                            uint64_t otherwise)
{
    char value[24];
    if (!supervision_value(message, name, value, sizeof(value)) || *value < '0' || *value > '9')
        return otherwise;
    char *end;
    errno = 0;
    uint64_t number = strtoull(value, &end, 10);
    return errno == 0 && *end == '\0' ? number : otherwise;
}
