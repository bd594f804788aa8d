/* Worker accept: how a worker takes connections from its listeners, within the limits it shares
 * with the others.
 *
 * At the total limit an idle connection, at whichever worker, makes room for a new one. Without one
 * clients wait in the backlog: accepting pauses, and so it does when descriptors run out.
 *
 * Threads: worker, except where a function says otherwise. */
#ifndef PROXY_HTTP_WORKER_ACCEPT_H
#define PROXY_HTTP_WORKER_ACCEPT_H

#include "common/error.h"

#include <stdbool.h>

struct worker;

/* Takes descriptors of its own for its share of the listeners' sockets. False, and there are none,
 * when no descriptors are left. Main only. */
bool worker_take_share(struct worker *worker, struct error *err);
/* Closes these; not once the listeners were opened, which have them then. Main only. */
void worker_close_share(struct worker *worker);

/* Accepts from now on. */
void worker_open_listeners(struct worker *worker);
/* Harmless when they are closed. */
void worker_close_listeners(struct worker *worker);

/* After a pause. */
void worker_resume_accepting(struct worker *worker);

/* Accepts the clients that wait, as far as there is room. */
void worker_accept_backlog(struct worker *worker);

/* COMMAND_MAKE_ROOM: closes an idle connection if that is what another worker needs, and tells
 * those that wait. */
void worker_make_room_for_others(struct worker *worker);

#endif
