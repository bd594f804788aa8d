#include "proxy/http/listener.h"

#include "common/buffer.h"
#include "common/inherited_sockets.h"
#include "common/slice.h"
#include "proxy/http/tls_server.h"

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
    struct tls_server *tls; /* NULL: clear */
    bool owns_file;         /* of a Unix socket */
    int *fds;               /* one for each worker or more; a Unix socket has one */
    unsigned fd_count;
};

bool listener_is_unix(const struct listener *listener)
{
    return listener->address.any.sa_family == AF_UNIX;
}

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

static bool is_listening(int fd)
{
    int is_listening = 0;
    socklen_t length = sizeof(is_listening);
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &length) == 0 && is_listening;
}

static bool shares_port(int fd)
{
    int is_shared = 0;
    socklen_t length = sizeof(is_shared);
    return getsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &is_shared, &length) == 0 && is_shared;
}

/* What was inherited without sharing its port stays the only one. */
static bool open_tcp(struct listener *listener, unsigned worker_count)
{
    bool has_inherited = listener->fd_count > 0;
    if (has_inherited && !shares_port(listener->fds[0]))
        return true;
    if (!has_inherited && !check_port_is_free(&listener->address))
        return false;
    while (listener->fd_count < worker_count) {
        int fd = open_socket(&listener->address, true);
        if (fd < 0)
            return false;
        listener->fds[listener->fd_count++] = fd;
        /* With port 0 the others follow the first. */
        if (!learn_port(fd, &listener->address))
            return false;
        if (!has_inherited && listen(fd, BACKLOG) != 0)
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
    if (listener->fd_count > 0)
        return true;
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

/* --- inherited sockets ----------------------------------------------------------------------- */

static bool is_same_host(const struct listener_address *a, const struct listener_address *b)
{
    if (a->any.sa_family == AF_INET)
        return a->ipv4.sin_addr.s_addr == b->ipv4.sin_addr.s_addr;
    return memcmp(&a->ipv6.sin6_addr, &b->ipv6.sin6_addr, sizeof(a->ipv6.sin6_addr)) == 0;
}

static in_port_t port_of(const struct listener_address *address)
{
    return address->any.sa_family == AF_INET ? address->ipv4.sin_port : address->ipv6.sin6_port;
}

/* Port 0 in `wanted` takes any port of its name: the first decides, the others follow it. */
static bool is_meant(const struct listener *listener, const struct inherited_socket *socket)
{
    const struct listener_address *wanted = &listener->address;
    struct listener_address bound = {.length =
                                         sizeof(bound) - offsetof(struct listener_address, any)};
    if (getsockname(socket->fd, &bound.any, &bound.length) != 0 ||
        bound.any.sa_family != wanted->any.sa_family)
        return false;
    if (listener_is_unix(listener))
        return strcmp(bound.unix_path.sun_path, wanted->unix_path.sun_path) == 0;
    if (!is_same_host(wanted, &bound))
        return false;
    return port_of(wanted) == 0 ? strcmp(socket->name, listener->spec->name) == 0
                                : port_of(wanted) == port_of(&bound);
}

static void claim_inherited(struct listener *listener, struct inherited_sockets *inherited)
{
    for (size_t i = 0; i < inherited->count; i++) {
        struct inherited_socket *socket = &inherited->items[i];
        if (socket->is_claimed || !is_meant(listener, socket))
            continue;
        socket->is_claimed = true;
        listener->fds[listener->fd_count++] = socket->fd;
        learn_port(socket->fd, &listener->address);
    }
}

/* --- the listener ---------------------------------------------------------------------------- */

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
                               struct inherited_sockets *inherited, struct error *err)
{
    struct listener *listener = memory_allocate_zeroed(1, sizeof(*listener));
    listener->spec = spec;
    listener->address = spec->address;
    size_t most = worker_count + (inherited == NULL ? 0 : inherited->count);
    listener->fds = memory_allocate_zeroed(most, sizeof(listener->fds[0]));
    if (inherited != NULL)
        claim_inherited(listener, inherited);

    if (tls_files_are_given(&spec->tls)) {
        listener->tls = tls_server_new(spec, err);
        if (listener->tls == NULL) {
            error_prefix(err, "%s: ", spec->text);
            listener_close(listener);
            return NULL;
        }
    }
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

struct listener *listener_open_at(const char *text, unsigned worker_count,
                                  struct inherited_sockets *inherited, struct error *err)
{
    struct listener_specs specs;
    if (!listener_specs_parse(&text, 1, &specs, err))
        return NULL;
    struct listener *listener = NULL;
    if (specs.count > 1)
        error_set(err, ERROR_INVALID, "'%s' is more than one address", text);
    else
        listener = listener_open(&specs.items[0], worker_count, inherited, err);
    if (listener == NULL)
        listener_specs_clear(&specs);
    else
        listener->own = specs;
    return listener;
}

bool listener_listen(const struct listener *listener, struct error *err)
{
    for (unsigned i = 0; i < listener->fd_count; i++) {
        int fd = listener->fds[i];
        if (!is_listening(fd) && listen(fd, BACKLOG) != 0)
            return error_set_errno(err, "cannot listen on %s", listener->description);
    }
    return true;
}

void listener_disown_file(struct listener *listener)
{
    listener->owns_file = false;
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
    tls_server_free(listener->tls);
    free(listener->fds);
    listener_specs_clear(&listener->own);
    free(listener->description);
    free(listener);
}

const char *listener_description(const struct listener *listener)
{
    return listener->description;
}

struct tls_server *listener_tls(const struct listener *listener)
{
    return listener->tls;
}

const struct listener_spec *listener_spec(const struct listener *listener)
{
    return listener->spec;
}

const struct listener_identity *listener_identity(const struct listener *listener)
{
    return &listener->identity;
}

unsigned listener_fd_count(const struct listener *listener)
{
    return listener->fd_count;
}

int listener_fd(const struct listener *listener, unsigned index)
{
    return listener->fds[index];
}
