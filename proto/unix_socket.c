#include "proto/unix_socket.h"

#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A crowd that connects at once while a commit is written makes nobody's connect fail: more wait
 * than all users together may have connections. */
enum { BACKLOG = SOMAXCONN, LISTEN_FDS_START = 3 };

/* The kernel's bound on supplementary groups. */
enum { GROUPS_MAX = 65536 };

static bool set_address(struct sockaddr_un *address, const char *path, struct error *err)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0)
        return error_set(err, ERROR_INVALID, "the socket's path is empty");
    if (length >= sizeof(address->sun_path))
        return error_set(err, ERROR_INVALID, "socket %s: the path is longer than %zu bytes", path,
                         sizeof(address->sun_path) - 1);
    memcpy(address->sun_path, path, length);
    return true;
}

static int new_socket(struct error *err)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        error_set_errno(err, "socket");
    return fd;
}

/* --- listening ------------------------------------------------------------------------------ */

/* systemd's protocol: LISTEN_PID names us, LISTEN_FDS how many there are from 3 on. Returns the
 * descriptor, or -1 with no error when none was passed. */
static int take_over_passed(struct error *err)
{
    const char *pid = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    if (pid == NULL || count == NULL || strtoimax(pid, NULL, 10) != (intmax_t)getpid())
        return -1;
    if (strcmp(count, "1") != 0) {
        error_set(err, ERROR_INVALID, "LISTEN_FDS is %s: one socket is expected", count);
        return -1;
    }

    int is_listening = 0;
    struct sockaddr_un address = {0};
    socklen_t length = sizeof(is_listening);
    socklen_t address_length = sizeof(address);
    int fd = LISTEN_FDS_START;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &length) != 0 || !is_listening ||
        getsockname(fd, (struct sockaddr *)&address, &address_length) != 0 ||
        address.sun_family != AF_UNIX) {
        error_set(err, ERROR_INVALID, "LISTEN_FDS passes no listening Unix socket");
        return -1;
    }
    if (address_length <= offsetof(struct sockaddr_un, sun_path) || address.sun_path[0] == '\0') {
        error_set(err, ERROR_INVALID, "LISTEN_FDS passes an abstract socket");
        return -1;
    }
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        error_set_errno(err, "the socket of LISTEN_FDS");
        return -1;
    }
    /* For us, not for what we may start. */
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return fd;
}

/* Others than root and we may be meant to, so this is no reason to refuse. A sticky folder's owner
 * may remove what is in it, its group may not. */
static void warn_of_owners(const char *folder, const struct stat *status)
{
    bool is_foreign = status->st_uid != 0 && status->st_uid != geteuid();
    bool is_shared = (status->st_mode & S_IWGRP) != 0 && (status->st_mode & S_ISVTX) == 0;
    if (is_foreign || is_shared)
        log_warn("socket_folder_shared",
                 "folder=%s uid=%u gid=%u mode=%o reason=\"%s may replace the socket\"", folder,
                 status->st_uid, status->st_gid, (unsigned)status->st_mode & 07777U,
                 is_foreign ? "its owner" : "its group");
}

/* Whoever may write to the folder may put a socket of their own in the place of ours. */
static bool check_folder(const char *path, struct error *err)
{
    char folder[sizeof(((struct sockaddr_un *)NULL)->sun_path)] = ".";
    const char *slash = strrchr(path, '/');
    if (slash != NULL)
        snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path);

    struct stat status;
    if (stat(folder, &status) != 0)
        return error_set_errno(err, "socket folder %s", folder);
    if (!S_ISDIR(status.st_mode))
        return error_set(err, ERROR_INVALID, "socket folder %s: not a folder", folder);
    if ((status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0)
        return error_set(err, ERROR_DENIED, "socket folder %s: everybody may write to it", folder);
    warn_of_owners(folder, &status);
    return true;
}

/* Unlinks what an earlier daemon left. Only a socket, and only when connecting is refused: then
 * nobody listens. */
static bool remove_stale(const char *path, const struct sockaddr_un *address, struct error *err)
{
    struct stat status;
    if (lstat(path, &status) != 0)
        return errno == ENOENT || error_set_errno(err, "socket %s", path);
    if (!S_ISSOCK(status.st_mode))
        return error_set(err, ERROR_EXISTS, "%s is there and is no socket", path);

    int fd = new_socket(err);
    if (fd < 0)
        return false;
    int connected = connect(fd, (const struct sockaddr *)address, sizeof(*address));
    int connect_errno = errno;
    close(fd);

    if (connected == 0 || connect_errno == EAGAIN)
        return error_set(err, ERROR_EXISTS, "socket %s: another daemon is listening", path);
    errno = connect_errno;
    if (connect_errno != ECONNREFUSED)
        return error_set_errno(err, "socket %s: cannot tell whether anybody is listening", path);
    if (unlink(path) != 0 && errno != ENOENT)
        return error_set_errno(err, "stale socket %s", path);
    return true;
}

static bool set_owner_and_mode(const struct unix_socket_options *options, struct error *err)
{
    if (options->group != NULL) {
        struct group entry;
        struct group *found = NULL;
        char text[4096];
        int failed = getgrnam_r(options->group, &entry, text, sizeof(text), &found);
        if (failed != 0 || found == NULL)
            return error_set(err, ERROR_NOT_FOUND, "socket group %s: no such group",
                             options->group);
        if (chown(options->path, (uid_t)-1, found->gr_gid) != 0)
            return error_set_errno(err, "socket %s: group %s", options->path, options->group);
    }
    if (chmod(options->path, options->mode) != 0)
        return error_set_errno(err, "socket %s: mode %o", options->path, (unsigned)options->mode);
    return true;
}

/* The umask is the process's: this runs before threads start. */
static bool bind_tightly(int fd, const struct sockaddr_un *address, struct error *err)
{
    mode_t before = umask(0177);
    int bound = bind(fd, (const struct sockaddr *)address, sizeof(*address));
    int bind_errno = errno;
    umask(before);

    errno = bind_errno;
    return bound == 0 || error_set_errno(err, "socket %s", address->sun_path);
}

int unix_socket_listen(const struct unix_socket_options *options, struct error *err)
{
    struct error passed_error = {0};
    int passed = take_over_passed(&passed_error);
    if (passed >= 0)
        return passed;
    if (passed_error.code != ERROR_NONE) {
        error_set(err, passed_error.code, "%s", passed_error.message);
        return -1;
    }

    struct sockaddr_un address;
    if (!set_address(&address, options->path, err) || !check_folder(options->path, err) ||
        !remove_stale(options->path, &address, err))
        return -1;

    int fd = new_socket(err);
    if (fd < 0)
        return -1;
    if (!bind_tightly(fd, &address, err))
        goto fail_close;
    if (!set_owner_and_mode(options, err))
        goto fail_unlink;
    if (listen(fd, BACKLOG) != 0) {
        error_set_errno(err, "socket %s", options->path);
        goto fail_unlink;
    }
    return fd;

fail_unlink:
    unlink(options->path);
fail_close:
    close(fd);
    return -1;
}

/* --- connecting ----------------------------------------------------------------------------- */

int unix_socket_connect(const char *path, struct error *err)
{
    struct sockaddr_un address;
    if (!set_address(&address, path, err))
        return -1;
    int fd = new_socket(err);
    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;

    switch (errno) {
    case ENOENT:
    case ECONNREFUSED:
        error_set(err, ERROR_UNAVAILABLE, "socket %s: nobody is listening", path);
        break;
    case EAGAIN:
        error_set(err, ERROR_UNAVAILABLE, "socket %s: too many are waiting to connect", path);
        break;
    case EACCES:
    case EPERM:
        error_set(err, ERROR_DENIED, "socket %s: permission denied", path);
        break;
    default:
        error_set_errno(err, "socket %s", path);
        break;
    }
    close(fd);
    return -1;
}

/* --- the peer ------------------------------------------------------------------------------- */

static void read_groups(int fd, struct peer_credentials *peer)
{
    const size_t room = sizeof(peer->groups) / sizeof(peer->groups[0]);
    socklen_t length = sizeof(peer->groups);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer->groups, &length) == 0) {
        peer->group_count = length / sizeof(gid_t);
        return;
    }
    if (errno != ERANGE || length > GROUPS_MAX * sizeof(gid_t))
        return;

    /* More than we keep: the kernel gives all or none. */
    gid_t *all = malloc(length);
    if (all != NULL && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, all, &length) == 0) {
        memcpy(peer->groups, all, sizeof(peer->groups));
        peer->group_count = room;
    }
    free(all);
}

/* Only what people read in the history: the process may be gone, or may have named itself so. */
static void read_command(struct peer_credentials *peer)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%ld/comm", (long)peer->pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t got = read(fd, peer->command, sizeof(peer->command) - 1);
    close(fd);
    peer->command[got > 0 ? got : 0] = '\0';
    peer->command[strcspn(peer->command, "\n")] = '\0';
}

bool unix_socket_peer(int fd, struct peer_credentials *peer, struct error *err)
{
    struct ucred credentials;
    socklen_t length = sizeof(credentials);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0)
        return error_set_errno(err, "peer credentials");

    *peer = (struct peer_credentials){
        .uid = credentials.uid,
        .gid = credentials.gid,
        .pid = credentials.pid,
    };
    read_groups(fd, peer);
    read_command(peer);
    return true;
}
