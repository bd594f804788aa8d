#include "proxy/http/listener.h"

#include "common/buffer.h"
#include "common/slice.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Connections that may wait to be accepted; the system caps it (net.core.somaxconn). */
enum { BACKLOG = 4096 };

struct listener {
    const struct listener_spec *spec;
    struct listener_specs own; /* holds the spec of listener_open_at */
    char *description;
    struct listener_identity identity;
    struct listener_address address;
    bool owns_file; /* of a Unix socket */
    int *fds;       /* one for each worker; a Unix socket has only the first */
    unsigned fd_count;
};

/* --- sockets --------------------------------------------------------------------------------- */

static int open_socket(const struct listener_address *address, bool shares_port)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;

    int on = 1;
    int off = 0;
    bool is_ready = true;
    if (address->any.sa_family != AF_UNIX) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (shares_port)
            is_ready = setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0;
    }
    if (address->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));

    if (is_ready && bind(fd, &address->any, address->length) == 0)
        return fd;
    int saved_errno = errno;
    close(fd);
    errno = saved_errno;
    return -1;
}

/* A plain socket is not allowed beside anyone who listens, whatever options that one has. */
static bool check_port_is_free(struct listener_address *address)
{
    int fd = open_socket(address, false);
    if (fd < 0)
        return false;
    bool is_free = listen(fd, 1) == 0;
    int saved_errno = errno;
    close(fd);
    errno = saved_errno;
    return is_free;
}

static bool learn_port(int fd, struct listener_address *address)
{
    socklen_t length = address->length;
    return getsockname(fd, &address->any, &length) == 0;
}

static bool open_tcp(struct listener *listener, unsigned worker_count)
{
    if (!check_port_is_free(&listener->address))
        return false;
    for (unsigned i = 0; i < worker_count; i++) {
        int fd = open_socket(&listener->address, true);
        if (fd < 0)
            return false;
        listener->fds[listener->fd_count++] = fd;
        /* With port 0 the others follow the first. */
        if (!learn_port(fd, &listener->address) || listen(fd, BACKLOG) != 0)
            return false;
    }
    return true;
}

/* A socket file that nobody listens on is left over from a crash and may go. */
static bool remove_stale(const struct listener_address *address)
{
    struct stat status;
    if (lstat(address->unix_path.sun_path, &status) != 0)
        return errno == ENOENT;
    if (!S_ISSOCK(status.st_mode)) {
        errno = EEXIST;
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool is_refused = connect(fd, &address->any, address->length) != 0 && errno == ECONNREFUSED;
    close(fd);
    if (!is_refused) {
        errno = EADDRINUSE;
        return false;
    }
    return unlink(address->unix_path.sun_path) == 0;
}

static bool open_unix(struct listener *listener)
{
    if (!remove_stale(&listener->address))
        return false;
    int fd = open_socket(&listener->address, false);
    if (fd < 0)
        return false;
    listener->fds[listener->fd_count++] = fd;
    listener->owns_file = true;
    /* Nobody can connect yet, whatever mode the file was made with. */
    const struct listener_spec *spec = listener->spec;
    if (spec->has_mode && chmod(listener->address.unix_path.sun_path, spec->mode) != 0)
        return false;
    return listen(fd, BACKLOG) == 0;
}

/* --- the listener ---------------------------------------------------------------------------- */

bool listener_is_unix(const struct listener *listener)
{
    return listener->address.any.sa_family == AF_UNIX;
}

static void describe(struct listener *listener)
{
    struct buffer text = BUFFER_EMPTY;
    char host[INET6_ADDRSTRLEN];
    const struct listener_address *address = &listener->address;
    buffer_printf(&text, "%s=", listener->spec->name);
    switch (address->any.sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &address->ipv4.sin_addr, host, sizeof(host));
        listener->identity.port = ntohs(address->ipv4.sin_port);
        buffer_printf(&text, "%s:%u", host, listener->identity.port);
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &address->ipv6.sin6_addr, host, sizeof(host));
        listener->identity.port = ntohs(address->ipv6.sin6_port);
        buffer_printf(&text, "[%s]:%u", host, listener->identity.port);
        break;
    default:
        buffer_printf(&text, "unix:%s", address->unix_path.sun_path);
        break;
    }
    listener->description = memory_duplicate_string(buffer_string(&text));
    buffer_clear(&text);
    listener->identity.name = slice_from_string(listener->spec->name);
}

struct listener *listener_open(const struct listener_spec *spec, unsigned worker_count,
                               struct error *err)
{
    struct listener *listener = memory_allocate_zeroed(1, sizeof(*listener));
    listener->spec = spec;
    listener->address = spec->address;
    listener->fds = memory_allocate_zeroed(worker_count, sizeof(listener->fds[0]));

    bool is_open =
        listener_is_unix(listener) ? open_unix(listener) : open_tcp(listener, worker_count);
    if (!is_open) {
        if (errno == EADDRINUSE)
            error_set(err, ERROR_IN_USE, "cannot listen on %s: something else does already",
                      spec->text);
        else
            error_set_errno(err, "cannot listen on %s", spec->text);
        listener_close(listener);
        return NULL;
    }
    describe(listener);
    return listener;
}

struct listener *listener_open_at(const char *text, unsigned worker_count, struct error *err)
{
    struct listener_specs specs;
    if (!listener_specs_parse(&text, 1, &specs, err))
        return NULL;
    struct listener *listener = NULL;
    if (specs.count > 1)
        error_set(err, ERROR_INVALID, "'%s' is more than one address", text);
    else
        listener = listener_open(&specs.items[0], worker_count, err);
    if (listener == NULL)
        listener_specs_clear(&specs);
    else
        listener->own = specs;
    return listener;
}

void listener_stop(struct listener *listener)
{
    for (unsigned i = 0; i < listener->fd_count; i++)
        close(listener->fds[i]);
    listener->fd_count = 0;
    if (listener->owns_file)
        unlink(listener->address.unix_path.sun_path);
    listener->owns_file = false;
}

void listener_close(struct listener *listener)
{
    if (listener == NULL)
        return;
    listener_stop(listener);
    free(listener->fds);
    listener_specs_clear(&listener->own);
    free(listener->description);
    free(listener);
}

const char *listener_description(const struct listener *listener)
{
    return listener->description;
}

const struct listener_spec *listener_spec(const struct listener *listener)
{
    return listener->spec;
}

const struct listener_identity *listener_identity(const struct listener *listener)
{
    return &listener->identity;
}

int listener_fd(const struct listener *listener, unsigned index)
{
    return listener->fds[index % listener->fd_count];
}
