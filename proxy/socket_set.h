/* Socket set: listening sockets that a supervisor holds for the processes that serve on them.
 *
 * Threads: main. */
#ifndef PROXY_SOCKET_SET_H
#define PROXY_SOCKET_SET_H

#include <stdbool.h>
#include <stddef.h>

struct inherited_sockets;

struct held_socket {
    int fd;
    char *name;     /* of its listener */
    bool owns_file; /* a Unix socket whose file goes with it */
};

struct socket_set {
    struct held_socket *items;
    size_t count;
};

#define SOCKET_SET_EMPTY ((struct socket_set){0})

/* Takes the descriptor. The file of a Unix socket is taken for ours. */
void socket_set_add(struct socket_set *set, int fd, const char *name);

/* Takes over every one. Files of Unix sockets still belong to whoever opened them. */
void socket_set_take_inherited(struct socket_set *set, struct inherited_sockets *inherited);

/* Puts `next` in the place of `set` and leaves it empty. What is in both stays open throughout;
 * what was only in `set` is closed, and its file removed. */
void socket_set_replace(struct socket_set *set, struct socket_set *next);

/* Closes all. With `removes_files` the files go, too. */
void socket_set_clear(struct socket_set *set, bool removes_files);

#endif
