/* Hangup watch: notices that a client is gone which had said before that it sends no more.
 *
 * Such a client may well wait for its answer, so it is served; but when it resets the connection,
 * nobody does. libh2o asks the kernel only of sockets that are being read or written, and one that
 * has ended cannot go on being read: the kernel would tell of its end in every turn. So these are
 * in an epoll set of their own, which asks for nothing. The kernel tells of EPOLLHUP and EPOLLERR
 * all the same, and that makes the set readable, as libh2o sees.
 *
 * Threads: worker, once it is started. */
#ifndef PROXY_HTTP_HANGUP_WATCH_H
#define PROXY_HTTP_HANGUP_WATCH_H

#include <stdbool.h>

#include <h2o.h>

struct client_connection;
struct worker;

struct hangup_watch {
    int fd;               /* of the set; the socket's, once that is there */
    h2o_socket_t *socket; /* the set, on the worker's loop */
};

/* The descriptor alone. Main only. False, with errno, when there is none left. */
bool hangup_watch_open(struct hangup_watch *watch);
/* Of one that was not started. Main only. */
void hangup_watch_close(struct hangup_watch *watch);

/* From now on whoever is watched and gone is closed. */
void hangup_watch_start(struct worker *worker);
/* Nobody is watched any more. */
void hangup_watch_stop(struct worker *worker);

/* Its socket is not being read. Until it is removed, which has to be before it is closed. */
void hangup_watch_add(struct client_connection *connection);
void hangup_watch_remove(struct client_connection *connection);

#endif
