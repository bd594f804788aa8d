#include "proxy/http/worker.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/log.h"
#include "proxy/http/address_set.h"
#include "proxy/http/client_connection.h"
#include "proxy/http/conn_pool.h"
#include "proxy/http/mirror.h"
#include "proxy/http/worker_accept.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A turn of the loop: epoll, what is ready on sockets, timers. After what was received on a socket,
 * and once more at the end, exchanges_flush tells each end what the others have done. HTTP/2
 * sessions send at the end what all of that has given them to say. */

/* How long a worker that drains patiently waits for a request that may be on its way. */
enum { LAST_REQUEST_MS = 1000 };

/* Memory that is kept for reuse is freed when it was not needed for this long, or up to twice as
 * long. */
enum { TRIM_INTERVAL_MS = 10 * 1000 };

/* Without timers a loop still takes a turn now and then. */
enum { LONGEST_WAIT_MS = 60 * 1000 };

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

bool worker_trusts(const struct worker *worker, const struct sockaddr *address)
{
    const struct address_set *trusted = worker->shared->trusted;
    return trusted != NULL && address_set_has(trusted, address);
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
    worker_accept_backlog(worker);
    worker_close_listeners(worker);
    each_connection(worker, drain_connection);
    worker_on_connection_closed(worker);
}

/* --- commands -------------------------------------------------------------------------------- */

/* Only the first command since the worker last looked costs a system call. */
void worker_send_command(struct worker *worker, enum worker_command command)
{
    if (atomic_fetch_or(&worker->commands, (unsigned)command) != 0)
        return;
    uint64_t one = 1;
    ssize_t sent = write(worker->wake_fd, &one, sizeof(one));
    (void)sent;
}

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
        worker_make_room_for_others(worker);
    if (commands & COMMAND_ACCEPT)
        worker_resume_accepting(worker);
    if (commands & COMMAND_DRAIN)
        drain(worker);
    if (commands & COMMAND_STOP)
        worker->is_stopping = true;
}

void worker_wake(struct worker *worker)
{
    worker_send_command(worker, COMMAND_WAKE);
}

void worker_drain(struct worker *worker, uint64_t deadline_ms, bool is_patient)
{
    atomic_store(&worker->drain_deadline_ms, deadline_ms);
    atomic_store(&worker->drains_patiently, is_patient);
    worker_send_command(worker, COMMAND_DRAIN);
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
    hangup_watch_start(worker);

    timers_init(&worker->timers);
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
    worker_open_listeners(worker);
}

void worker_tear_down(struct worker *worker)
{
    worker_close_listeners(worker);
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

    hangup_watch_stop(worker);
    h2o_socket_close(worker->wake_socket);
    h2o_evloop_run(worker->loop, 0); /* frees sockets that were closed */
    h2o_evloop_destroy(worker->loop);
}

struct worker *worker_new(const struct worker_shared *shared, unsigned index, struct error *err)
{
    struct worker *worker = memory_allocate_zeroed(1, sizeof(*worker));
    worker->index = index;
    worker->shared = shared;
    worker->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    worker->woken_fd = fcntl(worker->wake_fd, F_DUPFD_CLOEXEC, 0);
    if (worker->woken_fd < 0 || !hangup_watch_open(&worker->hangups)) {
        error_set_errno(err, "worker %u", index);
        goto failed;
    }
    if (worker_take_share(worker, err))
        return worker;
    hangup_watch_close(&worker->hangups);

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
    worker_send_command(worker, COMMAND_STOP);
    pthread_join(worker->thread, NULL);
    worker->is_started = false;
}

void worker_free(struct worker *worker)
{
    if (worker == NULL)
        return;
    if (worker->loop == NULL) {
        worker_close_share(worker);
        hangup_watch_close(&worker->hangups);
        close(worker->woken_fd);
    } else {
        free(worker->listeners);
    }
    close(worker->wake_fd);
    free(worker);
}
