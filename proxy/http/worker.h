/* Worker: one thread with its own loop, listeners, pools and buffers.
 *
 * Nothing here is shared with another worker but what `shared` names, so serving a request takes
 * no lock. Everything of libh2o's is made on the worker's own thread.
 *
 * Threads: worker, except where a function says otherwise. */
#ifndef PROXY_HTTP_WORKER_H
#define PROXY_HTTP_WORKER_H

#include "proxy/http/exchange.h"
#include "proxy/http/hangup_watch.h"
#include "proxy/http/http2_session.h"
#include "proxy/http/http_date.h"
#include "proxy/http/http_options.h"
#include "proxy/http/line_memory.h"
#include "proxy/http/listener.h"
#include "proxy/http/memory_pool.h"
#include "proxy/http/read_buffers.h"
#include "proxy/http/timers.h"
#include "proxy/http/waiting_line.h"
#include "proxy/metrics/counters.h"
#include "proxy/routing/route_cache.h"
#include "proxy/upstream/balancer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <h2o.h>

struct access_log;
struct address_set;
struct client_connection;
struct connection_limits;
struct mirror;
struct via;
struct worker;

/* One read of a body that has to be decoded fits in here. */
enum { WORKER_SCRATCH_BYTES = 128 * 1024 };

/* What all workers of a server have in common; outlives them. */
struct worker_shared {
    struct http_options http;
    struct route_cache *route_cache;
    struct counters *counters;
    struct access_log *access_log; /* NULL: none */
    struct connection_limits *limits;
    const struct address_set *trusted; /* peers that are believed what they say; NULL: nobody */
    const struct via *via;             /* NULL: no message says that it came through us */
    _Atomic uint64_t *replay_bytes;    /* of request bodies that are kept for another try */
    struct listener *const *listeners;
    size_t listener_count;
    struct worker *const *workers; /* all of them; complete before the first is started */
    unsigned worker_count;
    /* From the worker: it is draining, and its last connection is gone. */
    void (*on_drained)(void *context);
    void *on_drained_context;
};

/* A listening socket on this worker's loop. */
struct worker_listener {
    struct worker *worker;
    const struct listener *listener;
    int fd;
    h2o_socket_t *socket; /* has taken the descriptor; NULL once closed */
    int batch;            /* how many to take in a turn */
    int full_batches;     /* in a row */
};

struct worker {
    /* immutable */
    unsigned index;
    const struct worker_shared *shared;
    pthread_t thread;
    bool is_started;
    int wake_fd;  /* others write to it */
    int woken_fd; /* the same, for libh2o to close */

    /* atomic: any sets, the worker takes */
    atomic_uint commands;
    _Atomic uint64_t drain_deadline_ms;
    atomic_bool drains_patiently;
    atomic_bool wants_room; /* somebody waits at its listeners, and it has nobody to close */

    /* worker only */
    h2o_loop_t *loop;
    h2o_socket_t *wake_socket;
    struct hangup_watch hangups;
    struct timers timers;
    struct timer accept_timer; /* running while accepting is paused */
    struct timer drain_timer;
    struct timer trim_timer;
    struct worker_listener *listeners; /* one for each socket */
    size_t listener_count;
    struct exchange_queue exchanges;
    struct http2_dirty_list http2_dirty;
    struct read_buffers read_buffers;
    struct memory_pool memory_pool;
    struct line_memory line_memory;
    struct conn_pool *pool;
    struct waiting_line line;
    struct route_cache_view routes;
    struct balancer_random random;
    struct worker_counters *counters;
    struct client_connection *connections; /* every one */
    struct client_connection *idle_newest; /* those between two requests, for closing the oldest */
    struct client_connection *idle_oldest;
    size_t connection_count;
    struct mirror *mirrors; /* every copy of a request on its way */
    unsigned mirror_count;
    bool is_draining;
    bool is_patient; /* while draining */
    bool is_drained; /* and said so */
    bool is_stopping;
    uint64_t turn;   /* how often the sockets were asked; the first is 1 */
    uint64_t now_us; /* read once a turn, on demand; 0: not yet */
    struct http_date date;
    struct buffer log_line;
    char *scratch; /* WORKER_SCRATCH_BYTES; valid within one callback */
};

/* Takes its share of the listeners; NULL when there are no descriptors left. */
struct worker *worker_new(const struct worker_shared *shared, unsigned index, struct error *err);

/* Starts the thread. Main only. */
void worker_start(struct worker *worker);

/* Cuts everything and joins. Main only. Harmless when it was not started. */
void worker_stop(struct worker *worker);

/* After all workers have stopped: until then one may wake another. Main only. Harmless on NULL. */
void worker_free(struct worker *worker);

/* From any thread: a new table was published. */
void worker_wake(struct worker *worker);

/* From any thread: accept no more; finish what runs, but cut it at `deadline_ms` (clock_now_ms).
 * With `is_patient` a connection between two requests waits a moment for one more, which is
 * answered with `Connection: close`: a client must not find it closed while its request is on the
 * way. Otherwise it is closed at once. HTTP/2 says so itself: see http2_session_shut_down. */
void worker_drain(struct worker *worker, uint64_t deadline_ms, bool is_patient);

/* Memory was given back: what of it nobody needs for a while goes to the system. */
void worker_trim_later(struct worker *worker);

/* How long a connection may wait for its next request, when it might for `idle_ms` otherwise. */
uint64_t worker_patience_ms(const struct worker *worker, uint64_t idle_ms);

/* A client's connection was just closed. */
void worker_on_connection_closed(struct worker *worker);

/* Whether a peer at that address is believed what it says of the client before it. */
bool worker_trusts(const struct worker *worker, const struct sockaddr *address);

/* The current table, or NULL before the first; see route_cache_view_table. */
const struct route_table *worker_route_table(struct worker *worker);

/* Microseconds of the monotonic clock, as of this turn. */
uint64_t worker_now_us(struct worker *worker);

/* --- between the files ----------------------------------------------------------------------- */

enum worker_command {
    COMMAND_WAKE = 1 << 0,
    COMMAND_DRAIN = 1 << 1,
    COMMAND_STOP = 1 << 2,
    COMMAND_MAKE_ROOM = 1 << 3, /* another worker waits for room */
    COMMAND_ACCEPT = 1 << 4,    /* another worker has made room */
};

/* From any thread. */
void worker_send_command(struct worker *worker, enum worker_command command);

/* --- what the thread does; tests do it themselves -------------------------------------------- */

void worker_set_up(struct worker *worker);
void worker_run_once(struct worker *worker, int32_t max_wait_ms);
void worker_tear_down(struct worker *worker);

#endif
