#include "proxy/http/worker.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/log.h"
#include "proxy/http/address_set.h"
#include "proxy/http/client_connection.h"
#include "proxy/http/conn_pool.h"
#include "proxy/http/connection_limits.h"
#include "proxy/http/mirror.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* A turn of the loop: epoll, what is ready on sockets, timers. After what was received on a socket,
 * and once more at the end, exchanges_flush tells each end what the others have done. HTTP/2
 * sessions send at the end what all of that has given them to say. */

enum command {
    COMMAND_WAKE = 1,
    COMMAND_DRAIN = 2,
    COMMAND_STOP = 4,
    COMMAND_MAKE_ROOM = 8,
    COMMAND_ACCEPT = 16,
};

/* Connections taken in one turn, so that a flood of them does not starve those that are there. To
 * look for one more than there are costs a system call, so a listener tries no more than have come
 * lately; what it leaves, the next turn tells of. */
enum { ACCEPT_BATCH = 16, FULL_BATCHES_TO_GROW = 4, ACCEPT_PAUSE_MS = 100 };

/* Who has only just come, or been answered, may have a request on its way: it is not closed for
 * another, who waits a moment instead. */
enum { IDLE_AT_LEAST_MS = 10, ROOM_PAUSE_MS = 10 };

/* Those who are in the backlog when draining begins are served. */
enum { DRAIN_BATCH = 4096 };

/* How long a worker that drains patiently waits for a request that may be on its way. */
enum { LAST_REQUEST_MS = 1000 };

/* Memory that is kept for reuse is freed when it was not needed for this long, or up to twice as
 * long. */
enum { TRIM_INTERVAL_MS = 10 * 1000 };

/* Without timers a loop still takes a turn now and then. */
enum { LONGEST_WAIT_MS = 60 * 1000 };

/* Only the first command since the worker last looked costs a system call. */
static void send_command(struct worker *worker, enum command command)
{
    if (atomic_fetch_or(&worker->commands, (unsigned)command) != 0)
        return;
    uint64_t one = 1;
    ssize_t sent = write(worker->wake_fd, &one, sizeof(one));
    (void)sent;
}

/* --- accepting ------------------------------------------------------------------------------- */

static void on_acceptable(h2o_socket_t *socket, const char *error);

static void pause_accepting(struct worker *worker, uint64_t pause_ms)
{
    for (size_t i = 0; i < worker->listener_count; i++) {
        if (worker->listeners[i].socket != NULL)
            h2o_socket_read_stop(worker->listeners[i].socket);
    }
    counter_add(&worker->counters->accept_pauses, 1);
    timer_start(&worker->timers, &worker->accept_timer, pause_ms);
}

static void resume_accepting(struct worker *worker)
{
    for (size_t i = 0; i < worker->listener_count; i++) {
        if (worker->listeners[i].socket != NULL)
            h2o_socket_read_start(worker->listeners[i].socket, on_acceptable);
    }
}

static void on_accept_due(struct timer *timer)
{
    resume_accepting(timer->context);
}

static bool has_idle(struct worker *worker)
{
    const struct client_connection *oldest = worker->idle_oldest;
    return oldest != NULL &&
           timers_now_ms(&worker->timers) - oldest->idle_since_ms >= IDLE_AT_LEAST_MS;
}

/* At the total limit an idle connection makes room for a new one; without an idle one at any worker
 * those who come have to wait in the backlog. */
static bool can_make_room(struct worker *worker)
{
    return connection_limits_has_room(worker->shared->limits) || has_idle(worker);
}

static void close_longest_idle(struct worker *worker)
{
    counter_add(&worker->counters->refused[DENIAL_MADE_ROOM], 1);
    client_connection_close(worker->idle_oldest);
}

/* Of the others, who has an idle one closes it, and says so. */
static void wait_for_room(struct worker *worker)
{
    const struct worker_shared *shared = worker->shared;
    pause_accepting(worker, ROOM_PAUSE_MS);
    atomic_store(&worker->wants_room, true);
    for (unsigned i = 0; i < shared->worker_count; i++) {
        if (i != worker->index)
            send_command(shared->workers[i], COMMAND_MAKE_ROOM);
    }
}

static void make_room_for_others(struct worker *worker)
{
    const struct worker_shared *shared = worker->shared;
    if (!can_make_room(worker))
        return;
    if (!connection_limits_has_room(shared->limits))
        close_longest_idle(worker);
    for (unsigned i = 0; i < shared->worker_count; i++) {
        if (i != worker->index && atomic_exchange(&shared->workers[i]->wants_room, false))
            send_command(shared->workers[i], COMMAND_ACCEPT);
    }
}

bool worker_trusts(const struct worker *worker, const struct sockaddr *address)
{
    const struct address_set *trusted = worker->shared->trusted;
    return trusted != NULL && address_set_has(trusted, address);
}

/* A trusted proxy has the connections of many; where a PROXY header is wanted, it will tell. */
static struct peer_key peer_of(const struct worker *worker, const struct listener *listener,
                               const struct sockaddr *address)
{
    if (listener_spec(listener)->expects_proxy_header || worker_trusts(worker, address))
        return PEER_KEY_NOBODY;
    return peer_key_of(address);
}

/* Who may send a PROXY header, and so say who it is. */
static bool may_connect(const struct listener *listener, const struct sockaddr *address)
{
    const struct listener_spec *spec = listener_spec(listener);
    return !spec->expects_proxy_header || address_set_is_empty(&spec->proxies) ||
           address_set_has(&spec->proxies, address);
}

/* Before anybody is accepted, so that none is for whom there is no place. */
static bool take_place(struct worker *worker)
{
    struct connection_limits *limits = worker->shared->limits;
    if (connection_limits_enter(limits))
        return true;
    if (!has_idle(worker))
        return false;
    connection_limits_enter_beyond(limits);
    return true;
}

static void give_place_back(struct worker *worker)
{
    connection_limits_leave(worker->shared->limits, PEER_KEY_NOBODY);
}

/* Why it is not let in, or DENIAL_COUNT. */
static enum denial judge(struct worker *worker, const struct listener *listener,
                         const struct sockaddr *address, struct peer_key peer)
{
    if (!may_connect(listener, address))
        return DENIAL_PROXY_HEADER;
    if (!connection_limits_introduce(worker->shared->limits, peer))
        return DENIAL_PEER_LIMIT;
    return DENIAL_COUNT;
}

/* Nobody makes room for one who is turned away. */
static void admit(struct worker *worker, const struct listener *listener, int fd,
                  const struct sockaddr *address)
{
    struct peer_key peer = peer_of(worker, listener, address);
    enum denial denial = judge(worker, listener, address, peer);
    if (denial != DENIAL_COUNT) {
        counter_add(&worker->counters->refused[denial], 1);
        give_place_back(worker);
        close(fd);
        return;
    }
    if (connection_limits_are_exceeded(worker->shared->limits) && has_idle(worker))
        close_longest_idle(worker);
    client_connection_accept(worker, listener, fd, address, peer);
}

/* Takes at most `most` connections; returns how many came. */
static int accept_some(struct worker_listener *listener, int most)
{
    struct worker *worker = listener->worker;
    for (int i = 0; i < most; i++) {
        if (!take_place(worker)) {
            wait_for_room(worker);
            return i;
        }
        union {
            struct sockaddr any;
            struct sockaddr_storage storage;
        } address = {0};
        socklen_t length = sizeof(address);
        int fd = accept4(h2o_socket_get_fd(listener->socket), &address.any, &length,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            give_place_back(worker);
            /* Trying again at once would spin until a descriptor comes free. */
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                pause_accepting(worker, ACCEPT_PAUSE_MS);
            return i;
        }
        admit(worker, listener->listener, fd, &address.any);
    }
    return most;
}

static void on_acceptable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct worker_listener *listener = socket->data;
    int taken = accept_some(listener, listener->batch);
    if (taken < listener->batch) {
        listener->batch = taken > 0 ? taken : 1;
        listener->full_batches = 0;
    } else if (++listener->full_batches == FULL_BATCHES_TO_GROW) {
        listener->full_batches = 0;
        listener->batch = listener->batch > ACCEPT_BATCH / 2 ? ACCEPT_BATCH : listener->batch * 2;
    }
}

static void open_listeners(struct worker *worker)
{
    for (size_t i = 0; i < worker->listener_count; i++) {
        struct worker_listener *listener = &worker->listeners[i];
        listener->socket =
            h2o_evloop_socket_create(worker->loop, listener->fd, H2O_SOCKET_FLAG_DONT_READ);
        listener->socket->data = listener;
        listener->batch = 1;
        /* Connections have it from their listener. */
        if (!listener_is_unix(listener->listener)) {
            int on = 1;
            setsockopt(listener->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        }
        h2o_socket_read_start(listener->socket, on_acceptable);
    }
}

static void close_listeners(struct worker *worker)
{
    for (size_t i = 0; i < worker->listener_count; i++) {
        if (worker->listeners[i].socket != NULL)
            h2o_socket_close(worker->listeners[i].socket);
        worker->listeners[i].socket = NULL;
    }
    timer_stop(&worker->accept_timer);
}

/* --- draining -------------------------------------------------------------------------------- */

static void each_connection(struct worker *worker,
                            void (*act)(struct client_connection *connection))
{
    struct client_connection *next;
    for (struct client_connection *one = worker->connections; one != NULL; one = next) {
        next = one->next;
        act(one);
    }
}

void worker_on_connection_closed(struct worker *worker)
{
    if (!worker->is_draining || worker->is_drained || worker->connection_count > 0)
        return;
    worker->is_drained = true;
    conn_pool_close_all(worker->pool);
    if (worker->shared->on_drained != NULL)
        worker->shared->on_drained(worker->shared->on_drained_context);
}

uint64_t worker_patience_ms(const struct worker *worker, uint64_t idle_ms)
{
    return worker->is_patient && idle_ms > LAST_REQUEST_MS ? LAST_REQUEST_MS : idle_ms;
}

static void drain_connection(struct client_connection *connection)
{
    connection->protocol->drain(connection);
}

static void on_drain_due(struct timer *timer)
{
    struct worker *worker = timer->context;
    if (worker->connection_count > 0)
        log_warn("drain_cut", "worker=%u connections=%zu", worker->index, worker->connection_count);
    each_connection(worker, client_connection_close);
}

static void drain(struct worker *worker)
{
    timer_start_at(&worker->timers, &worker->drain_timer, atomic_load(&worker->drain_deadline_ms));
    if (worker->is_draining)
        return;

    worker->is_draining = true;
    worker->is_patient = atomic_load(&worker->drains_patiently);
    for (size_t i = 0; i < worker->listener_count; i++)
        accept_some(&worker->listeners[i], DRAIN_BATCH);
    close_listeners(worker);
    each_connection(worker, drain_connection);
    worker_on_connection_closed(worker);
}

/* --- commands -------------------------------------------------------------------------------- */

static void on_command(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct worker *worker = socket->data;
    uint64_t ignored;
    ssize_t got = read(worker->wake_fd, &ignored, sizeof(ignored));
    (void)got;

    unsigned commands = atomic_exchange(&worker->commands, 0);
    worker_route_table(worker);
    waiting_line_on_wake(worker);
    if (commands & COMMAND_MAKE_ROOM)
        make_room_for_others(worker);
    if (commands & COMMAND_ACCEPT)
        resume_accepting(worker);
    if (commands & COMMAND_DRAIN)
        drain(worker);
    if (commands & COMMAND_STOP)
        worker->is_stopping = true;
}

void worker_wake(struct worker *worker)
{
    send_command(worker, COMMAND_WAKE);
}

void worker_drain(struct worker *worker, uint64_t deadline_ms, bool is_patient)
{
    atomic_store(&worker->drain_deadline_ms, deadline_ms);
    atomic_store(&worker->drains_patiently, is_patient);
    send_command(worker, COMMAND_DRAIN);
}

/* --- memory ---------------------------------------------------------------------------------- */

void worker_trim_later(struct worker *worker)
{
    if (!timer_is_running(&worker->trim_timer))
        timer_start(&worker->timers, &worker->trim_timer, TRIM_INTERVAL_MS);
}

static void on_trim_due(struct timer *timer)
{
    struct worker *worker = timer->context;
    bool are_left = exchanges_trim(worker);
    are_left |= read_buffers_trim(&worker->read_buffers);
    are_left |= memory_pool_trim(&worker->memory_pool);
    if (are_left)
        worker_trim_later(worker);
}

/* --- the loop -------------------------------------------------------------------------------- */

const struct route_table *worker_route_table(struct worker *worker)
{
    uint64_t generation = worker->routes.generation;
    const struct route_table *table = route_cache_view_table(&worker->routes);
    if (worker->routes.generation != generation)
        counter_add(&worker->counters->route_cache_refreshes, 1);
    return table;
}

uint64_t worker_now_us(struct worker *worker)
{
    if (worker->now_us == 0)
        worker->now_us = clock_now_us();
    return worker->now_us;
}

void worker_run_once(struct worker *worker, int32_t max_wait_ms)
{
    int32_t wait_ms = timers_wait_ms(&worker->timers, max_wait_ms);
    timers_begin_turn(&worker->timers);
    worker->turn++;
    worker->now_us = 0;
    h2o_evloop_run(worker->loop, wait_ms);
    timers_run(&worker->timers);
    do
        exchanges_flush(worker);
    while (http2_sessions_flush(worker));
}

/* libh2o's parts are thread-local: everything is made on the thread that runs it. */
void worker_set_up(struct worker *worker)
{
    worker->loop = h2o_evloop_create();
    worker->wake_socket =
        h2o_evloop_socket_create(worker->loop, worker->woken_fd, H2O_SOCKET_FLAG_DONT_READ);
    worker->wake_socket->data = worker;
    h2o_socket_read_start(worker->wake_socket, on_command);

    timers_init(&worker->timers);
    timer_init(&worker->accept_timer, on_accept_due, worker);
    timer_init(&worker->drain_timer, on_drain_due, worker);
    timer_init(&worker->trim_timer, on_trim_due, worker);
    exchanges_init(worker);
    read_buffers_init(&worker->read_buffers);
    memory_pool_init(&worker->memory_pool);
    worker->pool = conn_pool_new(worker);
    waiting_line_init(worker);
    route_cache_view_init(&worker->routes, worker->shared->route_cache);
    balancer_random_init(&worker->random);
    worker->counters = counters_worker(worker->shared->counters, worker->index);
    worker->scratch = memory_allocate(WORKER_SCRATCH_BYTES);
    open_listeners(worker);
}

void worker_tear_down(struct worker *worker)
{
    close_listeners(worker);
    each_connection(worker, client_connection_close);
    mirrors_clear(worker);
    exchanges_clear(worker);
    read_buffers_clear(&worker->read_buffers);
    conn_pool_free(worker->pool);
    memory_pool_clear(&worker->memory_pool);
    line_memory_clear(&worker->line_memory);
    waiting_line_clear(worker);
    route_cache_view_clear(&worker->routes);
    timer_clear(&worker->timers, &worker->accept_timer);
    timer_clear(&worker->timers, &worker->drain_timer);
    timer_clear(&worker->timers, &worker->trim_timer);
    timers_clear(&worker->timers);
    buffer_clear(&worker->log_line);
    free(worker->scratch);

    h2o_socket_close(worker->wake_socket);
    h2o_evloop_run(worker->loop, 0); /* frees sockets that were closed */
    h2o_evloop_destroy(worker->loop);
}

/* --- its share of the sockets ----------------------------------------------------------------- */

/* How many of a listener's sockets this worker accepts on; see listener_fd. */
static unsigned share_of(const struct worker *worker, const struct listener *listener)
{
    unsigned sockets = listener_fd_count(listener);
    unsigned workers = worker->shared->worker_count;
    return sockets <= workers ? 1 : (sockets - worker->index - 1) / workers + 1;
}

/* The descriptor is our own, for libh2o to close. */
static bool add_socket(struct worker *worker, const struct listener *listener, unsigned index,
                       struct error *err)
{
    unsigned at = index % listener_fd_count(listener);
    int fd = fcntl(listener_fd(listener, at), F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return error_set_errno(err, "listener %s", listener_description(listener));
    worker->listeners[worker->listener_count++] = (struct worker_listener){
        .worker = worker,
        .listener = listener,
        .fd = fd,
    };
    return true;
}

static void close_share(struct worker *worker)
{
    for (size_t i = 0; i < worker->listener_count; i++)
        close(worker->listeners[i].fd);
    free(worker->listeners);
}

static bool take_share(struct worker *worker, struct error *err)
{
    const struct worker_shared *shared = worker->shared;
    size_t count = 0;
    for (size_t i = 0; i < shared->listener_count; i++)
        count += share_of(worker, shared->listeners[i]);
    worker->listeners = memory_allocate_zeroed(count, sizeof(worker->listeners[0]));
    for (size_t i = 0; i < shared->listener_count; i++) {
        const struct listener *listener = shared->listeners[i];
        for (unsigned k = 0; k < share_of(worker, listener); k++) {
            if (!add_socket(worker, listener, worker->index + k * shared->worker_count, err)) {
                close_share(worker);
                return false;
            }
        }
    }
    return true;
}

struct worker *worker_new(const struct worker_shared *shared, unsigned index, struct error *err)
{
    struct worker *worker = memory_allocate_zeroed(1, sizeof(*worker));
    worker->index = index;
    worker->shared = shared;
    worker->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    worker->woken_fd = fcntl(worker->wake_fd, F_DUPFD_CLOEXEC, 0);
    if (worker->woken_fd < 0) {
        error_set_errno(err, "worker %u", index);
        goto failed;
    }
    if (take_share(worker, err))
        return worker;

failed:
    if (worker->wake_fd >= 0)
        close(worker->wake_fd);
    if (worker->woken_fd >= 0)
        close(worker->woken_fd);
    free(worker);
    return NULL;
}

/* --- the thread ------------------------------------------------------------------------------ */

/* Nobody cancels a worker. Told so, the C library need not guard each system call against it, which
 * takes two locked instructions a call: with cancelling off, its type means nothing else. */
static void never_cancel(void)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
}

static void *run(void *context)
{
    struct worker *worker = context;
    char name[16];
    snprintf(name, sizeof(name), "worker-%u", worker->index);
    pthread_setname_np(pthread_self(), name);
    never_cancel();
    worker_set_up(worker);
    while (!worker->is_stopping)
        worker_run_once(worker, LONGEST_WAIT_MS);
    worker_tear_down(worker);
    return NULL;
}

void worker_start(struct worker *worker)
{
    if (pthread_create(&worker->thread, NULL, run, worker) != 0)
        abort(); /* as when memory runs out */
    worker->is_started = true;
}

void worker_stop(struct worker *worker)
{
    if (!worker->is_started)
        return;
    send_command(worker, COMMAND_STOP);
    pthread_join(worker->thread, NULL);
    worker->is_started = false;
}

void worker_free(struct worker *worker)
{
    if (worker == NULL)
        return;
    if (worker->loop == NULL) {
        close_share(worker);
        close(worker->woken_fd);
    } else {
        free(worker->listeners);
    }
    close(worker->wake_fd);
    free(worker);
}
