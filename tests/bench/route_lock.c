/* Route lock: the ways in which routers have guarded their routes, put around this very proxy.
 *
 * The linker wraps three functions of the proxy, which itself knows nothing of it; what
 * BENCH_ROUTE_LOCK names then happens to each request before it is matched:
 *
 *     held      a blocking lock, held until the request has its answer: whoever wants it blocks its
 *               thread; what the same thread wants meanwhile waits in line behind
 *     held-queue  the lock of an async runtime, held as long: who wants it queues up
 *     queue     the same lock, held while the route is copied
 *     mutex     a mutex, held while the route is copied
 *     cache     what the product does: a look at a generation number
 *
 * When the process ends it writes to BENCH_ROUTE_LOCK_REPORT how often a request had to wait and
 * for how long. */
#include "common/buffer.h"
#include "common/clock.h"
#include "proxy/http/exchange.h"
#include "proxy/http/forwarder.h"
#include "proxy/http/request_handler.h"
#include "proxy/http/waiting_line.h"
#include "proxy/http/worker.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum policy { POLICY_HELD, POLICY_HELD_QUEUE, POLICY_QUEUE, POLICY_MUTEX, POLICY_CACHE };

static const char *const policy_names[] = {"held", "held-queue", "queue", "mutex", "cache"};

/* A request that waits. */
struct waiter {
    struct waiter *next;
    struct exchange *exchange;
    struct worker *worker; /* the exchange's */
    uint64_t since_us;
};

struct line {
    struct waiter *first;
    struct waiter *last;
};

static enum policy policy = POLICY_CACHE;

static struct {
    pthread_mutex_t blocking; /* the lock itself with POLICY_HELD and POLICY_MUTEX */

    /* guarded by mutex: everything below */
    pthread_mutex_t mutex;
    struct line line;          /* who wants the lock, in order; with POLICY_HELD unused */
    struct exchange *holder;   /* NULL: nobody, unless it is on its way */
    struct waiter *on_its_way; /* who has been given the lock and does not know yet */
    uint64_t waits;
    uint64_t waited_us;
    uint64_t longest_us;
} lock = {.blocking = PTHREAD_MUTEX_INITIALIZER, .mutex = PTHREAD_MUTEX_INITIALIZER};

/* With POLICY_HELD: what this thread holds the lock for, and who waits behind on the same thread.
 */
static _Thread_local struct exchange *held_here;
static _Thread_local struct line behind;

void __real_request_handler_serve(struct exchange *exchange);
void __real_forwarder_end(struct exchange *exchange);
void __real_waiting_line_on_wake(struct worker *worker);
void __wrap_request_handler_serve(struct exchange *exchange);
void __wrap_forwarder_end(struct exchange *exchange);
void __wrap_waiting_line_on_wake(struct worker *worker);

/* --- lines ----------------------------------------------------------------------------------- */

static void line_add(struct line *line, struct exchange *exchange, uint64_t now_us)
{
    struct waiter *waiter = memory_allocate_zeroed(1, sizeof(*waiter));
    waiter->exchange = exchange;
    waiter->worker = exchange->worker;
    waiter->since_us = now_us;
    if (line->last != NULL)
        line->last->next = waiter;
    else
        line->first = waiter;
    line->last = waiter;
}

static struct waiter *line_take(struct line *line)
{
    struct waiter *waiter = line->first;
    if (waiter == NULL)
        return NULL;
    line->first = waiter->next;
    if (line->first == NULL)
        line->last = NULL;
    return waiter;
}

/* A client that left while it waited. Rare, so the line is simply searched. */
static bool line_forget(struct line *line, const struct exchange *exchange)
{
    for (struct waiter *waiter = line->first; waiter != NULL; waiter = waiter->next) {
        if (waiter->exchange != exchange)
            continue;
        waiter->exchange = NULL;
        return true;
    }
    return false;
}

/* --- what was waited ------------------------------------------------------------------------- */

static void count_wait_locked(uint64_t since_us)
{
    uint64_t waited_us = clock_now_us() - since_us;
    lock.waits++;
    lock.waited_us += waited_us;
    if (waited_us > lock.longest_us)
        lock.longest_us = waited_us;
}

static void count_wait(uint64_t since_us)
{
    pthread_mutex_lock(&lock.mutex);
    count_wait_locked(since_us);
    pthread_mutex_unlock(&lock.mutex);
}

/* Opened at the start: the sandbox lets no file be made later. NULL: none is asked for. */
static FILE *report_file;

static void report(void)
{
    if (report_file == NULL)
        return;
    fprintf(report_file, "%llu %llu %llu\n", (unsigned long long)lock.waits,
            (unsigned long long)lock.waited_us, (unsigned long long)lock.longest_us);
    fclose(report_file);
}

__attribute__((constructor)) static void start(void)
{
    const char *name = getenv("BENCH_ROUTE_LOCK");
    for (size_t i = 0; name != NULL && i < sizeof(policy_names) / sizeof(policy_names[0]); i++) {
        if (strcmp(name, policy_names[i]) == 0)
            policy = (enum policy)i;
    }
    const char *path = getenv("BENCH_ROUTE_LOCK_REPORT");
    report_file = path == NULL ? NULL : fopen(path, "w");
    atexit(report);
}

/* --- a blocking lock, held to the end -------------------------------------------------------- */

static void lock_blocking(void)
{
    if (pthread_mutex_trylock(&lock.blocking) == 0)
        return;
    uint64_t since_us = clock_now_us();
    pthread_mutex_lock(&lock.blocking);
    count_wait(since_us);
}

static void serve_held(struct exchange *exchange)
{
    if (held_here != NULL) {
        line_add(&behind, exchange, clock_now_us());
        return;
    }
    lock_blocking();
    held_here = exchange;
    __real_request_handler_serve(exchange);
}

static void end_held(struct exchange *exchange)
{
    if (held_here != exchange) {
        line_forget(&behind, exchange);
        return;
    }
    held_here = NULL;
    pthread_mutex_unlock(&lock.blocking);
    /* The next of this thread is asked for again from the loop, where other threads had a chance.
     */
    if (behind.first != NULL)
        worker_wake(exchange->worker);
}

static void wake_held(void)
{
    while (held_here == NULL) {
        struct waiter *waiter = line_take(&behind);
        if (waiter == NULL)
            return;
        if (waiter->exchange != NULL) {
            count_wait(waiter->since_us);
            serve_held(waiter->exchange);
        }
        free(waiter);
    }
}

/* --- the lock of an async runtime ------------------------------------------------------------ */

/* Gives the lock to who is first in line, and tells its thread. */
static void pass_on_locked(void)
{
    struct waiter *waiter;
    lock.holder = NULL;
    while ((waiter = line_take(&lock.line)) != NULL && waiter->exchange == NULL)
        free(waiter);
    lock.on_its_way = waiter;
    if (waiter != NULL)
        worker_wake(waiter->worker);
}

static void release_queue_lock(void)
{
    pthread_mutex_lock(&lock.mutex);
    pass_on_locked();
    pthread_mutex_unlock(&lock.mutex);
}

/* Copying the route is copying the table's pointer under its count. */
static void copy_route(struct worker *worker)
{
    struct route_table *table = route_cache_acquire(worker->shared->route_cache);
    route_table_release(&table);
}

static void on_queue_lock(struct exchange *exchange)
{
    if (policy == POLICY_QUEUE) {
        copy_route(exchange->worker);
        release_queue_lock();
    }
    __real_request_handler_serve(exchange);
}

static void serve_queue(struct exchange *exchange)
{
    pthread_mutex_lock(&lock.mutex);
    bool is_free = lock.holder == NULL && lock.on_its_way == NULL;
    if (is_free)
        lock.holder = exchange;
    else
        line_add(&lock.line, exchange, clock_now_us());
    pthread_mutex_unlock(&lock.mutex);
    if (is_free)
        on_queue_lock(exchange);
}

static void end_queue(struct exchange *exchange)
{
    pthread_mutex_lock(&lock.mutex);
    if (lock.holder == exchange)
        pass_on_locked();
    else if (lock.on_its_way != NULL && lock.on_its_way->exchange == exchange)
        lock.on_its_way->exchange = NULL;
    else if (lock.line.first != NULL)
        line_forget(&lock.line, exchange);
    pthread_mutex_unlock(&lock.mutex);
}

static void wake_queue(struct worker *worker)
{
    pthread_mutex_lock(&lock.mutex);
    struct waiter *waiter = lock.on_its_way;
    if (waiter == NULL || waiter->worker != worker) {
        pthread_mutex_unlock(&lock.mutex);
        return;
    }
    lock.on_its_way = NULL;
    struct exchange *exchange = waiter->exchange;
    if (exchange == NULL) {
        pass_on_locked();
    } else {
        lock.holder = exchange;
        count_wait_locked(waiter->since_us);
    }
    pthread_mutex_unlock(&lock.mutex);
    free(waiter);
    if (exchange != NULL)
        on_queue_lock(exchange);
}

/* --- what is wrapped ------------------------------------------------------------------------- */

void __wrap_request_handler_serve(struct exchange *exchange)
{
    switch (policy) {
    case POLICY_HELD:
        serve_held(exchange);
        return;
    case POLICY_HELD_QUEUE:
    case POLICY_QUEUE:
        serve_queue(exchange);
        return;
    case POLICY_MUTEX:
        lock_blocking();
        copy_route(exchange->worker);
        pthread_mutex_unlock(&lock.blocking);
        break;
    case POLICY_CACHE:
        break;
    }
    __real_request_handler_serve(exchange);
}

void __wrap_forwarder_end(struct exchange *exchange)
{
    __real_forwarder_end(exchange);
    if (policy == POLICY_HELD)
        end_held(exchange);
    else if (policy == POLICY_HELD_QUEUE || policy == POLICY_QUEUE)
        end_queue(exchange);
}

void __wrap_waiting_line_on_wake(struct worker *worker)
{
    __real_waiting_line_on_wake(worker);
    if (policy == POLICY_HELD)
        wake_held();
    else if (policy == POLICY_HELD_QUEUE || policy == POLICY_QUEUE)
        wake_queue(worker);
}
