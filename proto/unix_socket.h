/* Unix socket: listen, connect, and who is on the other side.
 *
 * Threads: any. */
#ifndef PROTO_UNIX_SOCKET_H
#define PROTO_UNIX_SOCKET_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* From SO_PEERCRED and SO_PEERGROUPS, at accept. */
struct peer_credentials {
    uid_t uid;
    gid_t gid;
    pid_t pid;
    gid_t groups[64]; /* the first 64 supplementary groups */
    size_t group_count;
    char command[64]; /* from /proc/PID/comm, or "" when it does not tell */
};

struct unix_socket_options {
    const char *path;
    mode_t mode;       /* of the socket, e.g. 0660 */
    const char *group; /* NULL: leave it */
};

/* Makes, binds and listens, or takes the socket over when LISTEN_FDS passes one. The directory must
 * not be writable for others (unless sticky); the socket is made under a tight umask; a stale one
 * is replaced only after a refused connect. Returns the descriptor (non-blocking, close-on-exec),
 * or -1. */
int unix_socket_listen(const struct unix_socket_options *options, struct error *err);

/* Returns a connected descriptor (non-blocking, close-on-exec), or -1 with ERROR_UNAVAILABLE when
 * nobody listens. */
int unix_socket_connect(const char *path, struct error *err);

/* Fills in who has connected, as the kernel knew it at that moment (SO_PEERCRED, SO_PEERGROUPS). */
bool unix_socket_peer(int fd, struct peer_credentials *peer, struct error *err);

#endif
