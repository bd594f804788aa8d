#include "proxy/http/conn_pool.h"

#include "common/buffer.h"
#include "proxy/http/upstream_http1.h"
#include "proxy/http/upstream_http2.h"
#include "proxy/http/worker.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct endpoint_list {
    struct upstream_http1 *newest;
    struct upstream_http1 *oldest;
    struct upstream_http1 *settled; /* the newest of those put before `turn` */
    uint64_t turn;
    uint32_t count;
    struct upstream_http2 *http2; /* the newest one */
    SSL_SESSION *session;         /* the newest one; NULL: none */
    uint64_t session_of;          /* the hash of its endpoint: ids are used again */
};

struct conn_pool {
    struct worker *worker;
    struct endpoint_list *lists; /* by endpoint id */
    size_t list_count;
    struct upstream_http1 *newest;
    struct upstream_http1 *oldest;
    size_t count;
    struct timer idle_timer; /* for the oldest */
};

static void start_idle_timer(struct conn_pool *pool)
{
    if (pool->oldest != NULL)
        timer_start_at(&pool->worker->timers, &pool->idle_timer,
                       pool->oldest->pool.since_ms +
                           pool->worker->shared->http.pool_idle_timeout_ms);
}

static void on_idle_due(struct timer *timer)
{
    struct conn_pool *pool = timer->context;
    uint64_t limit_ms = pool->worker->shared->http.pool_idle_timeout_ms;
    while (pool->oldest != NULL &&
           pool->oldest->pool.since_ms + limit_ms <= timers_now_ms(&pool->worker->timers))
        upstream_http1_close(pool->oldest);
    start_idle_timer(pool);
}

struct conn_pool *conn_pool_new(struct worker *worker)
{
    struct conn_pool *pool = memory_allocate_zeroed(1, sizeof(*pool));
    pool->worker = worker;
    timer_init(&pool->idle_timer, on_idle_due, pool);
    return pool;
}

void conn_pool_free(struct conn_pool *pool)
{
    conn_pool_close_all(pool);
    for (size_t i = 0; i < pool->list_count; i++) {
        while (pool->lists[i].http2 != NULL)
            upstream_http2_close(pool->lists[i].http2);
    }
    timer_clear(&pool->worker->timers, &pool->idle_timer);
    for (size_t i = 0; i < pool->list_count; i++)
        SSL_SESSION_free(pool->lists[i].session);
    free(pool->lists);
    free(pool);
}

void conn_pool_close_all(struct conn_pool *pool)
{
    while (pool->oldest != NULL)
        upstream_http1_close(pool->oldest);
    for (size_t i = 0; i < pool->list_count; i++) {
        struct upstream_http2 *each = pool->lists[i].http2;
        for (; each != NULL; each = each->next)
            upstream_http2_retire(each);
    }
}

/* As many of those that still take streams. */
static bool retire_some(struct upstream_http2 *connection, unsigned wanted)
{
    bool has_any = false;
    for (; connection != NULL && wanted > 0; connection = connection->next) {
        if (connection->is_retired)
            continue;
        upstream_http2_retire(connection);
        has_any = true;
        wanted--;
    }
    return has_any;
}

bool conn_pool_give_up_wanted(struct conn_pool *pool)
{
    bool has_any = false;
    for (size_t i = 0; i < pool->list_count; i++) {
        struct endpoint_list *list = &pool->lists[i];
        if (list->http2 != NULL)
            has_any |= retire_some(list->http2,
                                   atomic_load(&list->http2->link.endpoint->wanted_connections));
        if (list->oldest == NULL)
            continue;
        unsigned wanted = atomic_load(&list->oldest->link.endpoint->wanted_connections);
        for (; wanted > 0 && list->oldest != NULL; wanted--) {
            upstream_http1_close(list->oldest);
            has_any = true;
        }
    }
    return has_any;
}

size_t conn_pool_count(const struct conn_pool *pool)
{
    return pool->count;
}

/* Ids are small and those of endpoints that are gone come again, so an array stays short. */
static struct endpoint_list *list_of(struct conn_pool *pool, uint32_t id)
{
    if (id >= pool->list_count) {
        size_t count = pool->list_count == 0 ? 16 : pool->list_count;
        while (count <= id)
            count *= 2;
        pool->lists = memory_reallocate(pool->lists, count * sizeof(pool->lists[0]));
        memset(pool->lists + pool->list_count, 0,
               (count - pool->list_count) * sizeof(pool->lists[0]));
        pool->list_count = count;
    }
    return &pool->lists[id];
}

/* What comes in on a connection that waits, the loop tells; but not within the turn. */
static void settle(const struct conn_pool *pool, struct endpoint_list *list)
{
    if (list->turn == pool->worker->turn)
        return;
    list->turn = pool->worker->turn;
    list->settled = list->newest;
}

struct upstream_http1 *conn_pool_take(struct conn_pool *pool, const struct endpoint *endpoint)
{
    if (endpoint->id >= pool->list_count)
        return NULL;
    struct endpoint_list *list = &pool->lists[endpoint->id];
    settle(pool, list);
    struct upstream_http1 *connection = list->settled;
    if (connection != NULL) {
        conn_pool_remove(pool, connection);
        return connection;
    }
    while ((connection = list->newest) != NULL) {
        if (upstream_link_is_quiet(&connection->link)) {
            conn_pool_remove(pool, connection);
            return connection;
        }
        upstream_http1_close(connection);
    }
    return NULL;
}

void conn_pool_put(struct conn_pool *pool, struct upstream_http1 *connection)
{
    struct endpoint_list *list = list_of(pool, connection->link.endpoint->id);
    settle(pool, list);
    connection->pool = (struct pool_links){
        .older = pool->newest,
        .endpoint_older = list->newest,
        .since_ms = timers_now_ms(&pool->worker->timers),
    };
    if (pool->newest != NULL)
        pool->newest->pool.newer = connection;
    else
        pool->oldest = connection;
    pool->newest = connection;
    if (list->newest != NULL)
        list->newest->pool.endpoint_newer = connection;
    else
        list->oldest = connection;
    list->newest = connection;
    pool->count++;
    list->count++;

    if (list->count > pool->worker->shared->http.pool_max_idle)
        upstream_http1_close(list->oldest);
    if (!timer_is_running(&pool->idle_timer))
        start_idle_timer(pool);
}

void conn_pool_remove(struct conn_pool *pool, struct upstream_http1 *connection)
{
    struct endpoint_list *list = &pool->lists[connection->link.endpoint->id];
    struct pool_links *links = &connection->pool;

    if (list->settled == connection)
        list->settled = links->endpoint_older;
    if (links->newer != NULL)
        links->newer->pool.older = links->older;
    else
        pool->newest = links->older;
    if (links->older != NULL)
        links->older->pool.newer = links->newer;
    else
        pool->oldest = links->newer;
    if (links->endpoint_newer != NULL)
        links->endpoint_newer->pool.endpoint_older = links->endpoint_older;
    else
        list->newest = links->endpoint_older;
    if (links->endpoint_older != NULL)
        links->endpoint_older->pool.endpoint_newer = links->endpoint_newer;
    else
        list->oldest = links->endpoint_newer;
    pool->count--;
    list->count--;
}

/* --- HTTP/2 ---------------------------------------------------------------------------------- */

struct upstream_http2 *conn_pool_first_http2(const struct conn_pool *pool,
                                             const struct endpoint *endpoint)
{
    return endpoint->id < pool->list_count ? pool->lists[endpoint->id].http2 : NULL;
}

void conn_pool_add_http2(struct conn_pool *pool, struct upstream_http2 *connection)
{
    struct endpoint_list *list = list_of(pool, connection->link.endpoint->id);
    connection->next = list->http2;
    if (list->http2 != NULL)
        list->http2->previous = connection;
    list->http2 = connection;
}

void conn_pool_remove_http2(struct conn_pool *pool, struct upstream_http2 *connection)
{
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        pool->lists[connection->link.endpoint->id].http2 = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
}

/* --- TLS sessions ---------------------------------------------------------------------------- */

SSL_SESSION *conn_pool_session(const struct conn_pool *pool, const struct endpoint *endpoint)
{
    if (endpoint->id >= pool->list_count)
        return NULL;
    const struct endpoint_list *list = &pool->lists[endpoint->id];
    return list->session_of == endpoint->hash ? list->session : NULL;
}

void conn_pool_keep_session(struct conn_pool *pool, const struct endpoint *endpoint,
                            SSL_SESSION *session)
{
    struct endpoint_list *list = list_of(pool, endpoint->id);
    SSL_SESSION_free(list->session);
    list->session = session;
    list->session_of = endpoint->hash;
}
