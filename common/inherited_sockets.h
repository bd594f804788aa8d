/* Inherited sockets: listening sockets that whoever started us has opened, as sd_listen_fds(3) has
 * them: LISTEN_FDS descriptors from 3 on, meant for LISTEN_PID, with names in LISTEN_FDNAMES.
 *
 * What waits in their accept queues is not lost when we end: others hold them, too.
 *
 * Threads: used before threads start. */
#ifndef COMMON_INHERITED_SOCKETS_H
#define COMMON_INHERITED_SOCKETS_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { INHERITED_FIRST_FD = 3, INHERITED_SOCKETS_MAX = 65536 };

struct inherited_socket {
    int fd;
    char *name;      /* "unknown" when it has none */
    bool is_claimed; /* whoever claims it owns the descriptor */
};

struct inherited_sockets {
    struct inherited_socket *items;
    size_t count;
};

#define INHERITED_SOCKETS_NONE ((struct inherited_sockets){0})

/* Takes them out of the environment; none when the variables are not there or not meant for this
 * process. An error when what is there is not a stream socket that is bound. */
bool inherited_sockets_take(struct inherited_sockets *sockets, struct error *err);

/* Closes what nobody has claimed. */
void inherited_sockets_clear(struct inherited_sockets *sockets);

/* The first one that nobody has claimed; NULL when all are. */
const struct inherited_socket *
inherited_sockets_find_unclaimed(const struct inherited_sockets *sockets);

#endif
