/* Waiting line: this worker's requests for which no endpoint has room yet.
 *
 * What an endpoint has room for is counted over all workers, so whoever makes room tells those who
 * wait: its own line first, and the other workers' lines every other time, for which it also gives
 * up an idle connection. What that misses (room at another endpoint of the backend) is found by
 * looking again now and then.
 *
 * Threads: worker, except where a function says otherwise. */
#ifndef PROXY_HTTP_WAITING_LINE_H
#define PROXY_HTTP_WAITING_LINE_H

#include "proxy/http/timers.h"

#include <stdatomic.h>
#include <stdbool.h>

struct endpoint;
struct exchange;
struct worker;

struct waiting_line {
    struct exchange *first;
    struct exchange *last;
    struct timer timer; /* the next look */
    bool gives_way;     /* the next room is for another worker */
    bool is_giving;     /* closing connections for others: that is no news */
    /* atomic: other workers look whether there is anybody */
    atomic_uint count;
};

void waiting_line_init(struct worker *worker);
/* Nobody waits any more. */
void waiting_line_clear(struct worker *worker);

/* Joins the line, counted at `endpoint`; when there is room, forwarder_on_room is called. False
 * when as many wait there already as may. */
bool waiting_line_join(struct exchange *exchange, struct endpoint *endpoint);
/* Harmless when it is not in the line. */
void waiting_line_leave(struct exchange *exchange);

/* A request or a connection to `endpoint` has ended. */
void waiting_line_room_made(struct worker *worker, struct endpoint *endpoint);

/* Another worker has made room, or wants some. */
void waiting_line_on_wake(struct worker *worker);

#endif
