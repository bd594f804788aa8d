/* At the start the local copy is loaded into the replica, not published: control is told what the
 * copy holds and answers with what is missing. Only when control has said nothing `settle_ms` after
 * the start is the copy served as it is, and shown as stale. Loading counts as waiting: with a
 * large copy and nobody on the control socket there is nothing left to wait for. */
#include "proxy/control_client.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "common/mutex.h"
#include "proxy/copy_loader.h"
#include "proxy/feed_session.h"
#include "proxy/routing/replica_snapshot.h"
#include "proxy/routing/route_cache.h"
#include "proxy/routing/route_replica.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    COLLECT_INTERVAL_MS = 1000,
    ANSWER_MS = 500, /* control gets at least this long, once it has been reached */
};

struct control_client {
    /* immutable */
    struct control_client_options options;
    pthread_t thread;

    /* atomic: main asks */
    atomic_bool is_stopping;
    atomic_bool is_leaving_copy;

    struct mutex mutex;
    /* guarded by mutex */
    struct control_client_status status;

    /* control only */
    struct event_loop *loop;
    struct feed_session *session; /* NULL while waiting to connect */
    struct event_timer reconnect;
    struct event_timer settle;
    struct event_timer collect;
    uint64_t backoff_ms;
    struct local_copy *copy;        /* NULL: none is kept */
    struct route_table *copy_table; /* from the local copy, not published; or NULL */
    bool has_published;
    bool is_settled;
    bool needs_snapshot;
    bool is_snapshot; /* the update that is under way */
};

/* --- publishing ----------------------------------------------------------------------------- */

static void settle(struct control_client *client)
{
    if (client->is_settled)
        return;
    client->is_settled = true;
    event_timer_stop(&client->settle);
    client->options.on_settled(client->options.context);
}

/* Takes the caller's reference. */
static void publish(struct control_client *client, struct route_table *table, bool is_stale)
{
    const struct route_replica *replica = client->options.replica;
    uint64_t routes = route_table_route_count(table);
    uint64_t backends = route_table_backend_count(table);

    route_cache_publish(client->options.cache, table);
    client->has_published = true;
    client->options.on_published(client->options.context);

    mutex_lock(&client->mutex);
    struct control_client_status *status = &client->status;
    status->has_table = true;
    status->is_stale = is_stale;
    status->revision = route_replica_revision(replica);
    status->routes = routes;
    status->backends = backends;
    snprintf(status->epoch, sizeof(status->epoch), "%s", route_replica_epoch(replica));
    mutex_unlock(&client->mutex);

    settle(client);
}

static void publish_copy(struct control_client *client, bool is_stale)
{
    if (client->copy_table == NULL)
        return;
    log_info("local_copy_served", "revision=%" PRIu64 " routes=%zu stale=%s",
             route_table_revision(client->copy_table), route_table_route_count(client->copy_table),
             is_stale ? "true" : "false");
    struct route_table *table = client->copy_table;
    client->copy_table = NULL;
    publish(client, table, is_stale);
}

/* --- the local copy ------------------------------------------------------------------------- */

static void show_copy(struct control_client *client)
{
    struct local_copy_health health = {0};
    if (client->copy != NULL)
        local_copy_health(client->copy, &health);
    mutex_lock(&client->mutex);
    client->status.keeps_copy = client->copy != NULL;
    client->status.copy = health;
    mutex_unlock(&client->mutex);
}

/* A snapshot is taken in no time; it is written on the copy's own thread. */
static void give_snapshot(struct control_client *client)
{
    if (client->copy == NULL || !local_copy_wants_snapshot(client->copy))
        return;
    struct replica_snapshot *snapshot = route_replica_snapshot(client->options.replica);
    if (snapshot != NULL)
        local_copy_rewrite(client->copy, snapshot);
}

static void keep_copy(struct control_client *client)
{
    const struct route_replica *replica = client->options.replica;
    if (client->copy == NULL)
        return;
    if (client->is_snapshot)
        local_copy_replace(client->copy, route_replica_revision(replica),
                           route_replica_digest(replica));
    else
        local_copy_commit(client->copy, route_replica_revision(replica),
                          route_replica_digest(replica));
    give_snapshot(client);
}

static void on_copy_object_error(void *context, Pointsman__V1__ObjectKind kind, const char *name,
                                 const char *field, const char *message)
{
    (void)context;
    (void)kind;
    char quoted_name[600], quoted[600];
    log_warn("object_not_built", "source=local_copy name=%s field=%s reason=%s",
             log_quote(quoted_name, sizeof(quoted_name), name), field,
             log_quote(quoted, sizeof(quoted), message));
}

static bool read_copy(struct control_client *client, struct local_copy_info *info,
                      struct error *err)
{
    struct route_replica *replica = client->options.replica;
    return copy_load(replica, client->options.local_copy_path, info, err) &&
           route_replica_commit(replica, info->epoch, info->revision, info->digest, true,
                                on_copy_object_error, NULL, &client->copy_table, err);
}

static void load_copy(struct control_client *client)
{
    const char *path = client->options.local_copy_path;
    if (path == NULL)
        return;

    struct local_copy_info info;
    struct error err;
    uint64_t before_us = clock_now_us();
    bool is_read = read_copy(client, &info, &err);
    if (is_read) {
        log_info("local_copy_read", "path=%s revision=%" PRIu64 " routes=%zu took_ms=%" PRIu64,
                 path, route_table_revision(client->copy_table),
                 route_table_route_count(client->copy_table), (clock_now_us() - before_us) / 1000);
    } else if (err.code == ERROR_NOT_FOUND) {
        log_info("local_copy_missing", "path=%s", path);
    } else {
        log_error("local_copy_refused", "reason=\"%s\"", err.message);
    }
    client->copy = local_copy_start(path, client->options.identity->id, is_read ? &info : NULL,
                                    client->options.has_predecessor);
}

/* --- the session ---------------------------------------------------------------------------- */

static void on_word(void *context, uint64_t head_revision)
{
    struct control_client *client = context;
    mutex_lock(&client->mutex);
    struct control_client_status *status = &client->status;
    if (!status->is_connected) {
        status->is_connected = true;
        status->connected_since_ms = clock_wall_ms();
        status->last_error[0] = '\0';
    }
    status->has_heard = true;
    status->heard_ms = clock_now_ms();
    status->head_revision = head_revision;
    mutex_unlock(&client->mutex);
    client->backoff_ms = client->options.backoff_min_ms;
}

static void on_up_to_date(void *context)
{
    struct control_client *client = context;
    publish_copy(client, false);
    mutex_lock(&client->mutex);
    client->status.is_stale = false;
    mutex_unlock(&client->mutex);
}

static void on_update(void *context, bool is_snapshot)
{
    struct control_client *client = context;
    client->is_snapshot = is_snapshot;
    if (client->copy != NULL)
        local_copy_forget_notes(client->copy);
}

static void on_object(void *context, Pointsman__V1__ObjectKind kind, struct slice name,
                      bool deleted, struct slice bytes)
{
    struct control_client *client = context;
    if (client->copy != NULL && !client->is_snapshot)
        local_copy_note(client->copy, kind, name, deleted, bytes);
}

static void on_table(void *context, struct route_table *table)
{
    struct control_client *client = context;
    route_table_release(&client->copy_table);
    publish(client, table, false);

    mutex_lock(&client->mutex);
    client->status.updates_applied++;
    client->status.last_rejection[0] = '\0';
    mutex_unlock(&client->mutex);

    client->needs_snapshot = false;
    keep_copy(client);
}

static void on_rejected(void *context, const struct error *err)
{
    struct control_client *client = context;
    log_error("update_rejected", "reason=\"%s\"", err->message);

    mutex_lock(&client->mutex);
    client->status.updates_rejected++;
    client->status.is_stale = true;
    snprintf(client->status.last_rejection, sizeof(client->status.last_rejection), "%s",
             err->message);
    mutex_unlock(&client->mutex);

    /* What we have is better than nothing. */
    publish_copy(client, true);
}

static void on_reconnect_due(struct event_timer *timer);

/* Half of the time is certain, half is chance, so that proxies do not come back all at once. */
static void wait_to_reconnect(struct control_client *client)
{
    uint64_t chance;
    if (getrandom(&chance, sizeof(chance), 0) != (ssize_t)sizeof(chance))
        abort();
    uint64_t half_ms = client->backoff_ms / 2;
    event_timer_start(&client->reconnect, client->loop, half_ms + chance % (half_ms + 1),
                      on_reconnect_due, client);
    uint64_t doubled_ms = client->backoff_ms * 2;
    client->backoff_ms =
        doubled_ms < client->options.backoff_max_ms ? doubled_ms : client->options.backoff_max_ms;
}

static void on_lost(void *context, const struct error *err, bool needs_snapshot)
{
    struct control_client *client = context;
    mutex_lock(&client->mutex);
    struct control_client_status *status = &client->status;
    const char *event = status->is_connected ? "control_lost" : "control_unreachable";
    bool is_news = status->is_connected || strcmp(status->last_error, err->message) != 0;
    status->is_connected = false;
    status->is_stale = status->has_table;
    status->connected_since_ms = 0;
    status->reconnects++;
    snprintf(status->last_error, sizeof(status->last_error), "%s", err->message);
    mutex_unlock(&client->mutex);

    if (is_news)
        log_warn(event, "reason=\"%s\"", err->message);
    client->needs_snapshot = client->needs_snapshot || needs_snapshot;
    wait_to_reconnect(client);
}

static void connect_to_control(struct control_client *client)
{
    const struct feed_session_options options = {
        .socket_path = client->options.socket_path,
        .identity = client->options.identity,
        .listeners = client->options.listeners,
        .listener_count = client->options.listener_count,
        .replica = client->options.replica,
        .cache = client->options.cache,
        .wants_snapshot = client->needs_snapshot,
        .keeps_going = !client->has_published,
        .on_word = on_word,
        .on_up_to_date = on_up_to_date,
        .on_update = on_update,
        .on_object = on_object,
        .on_table = on_table,
        .on_rejected = on_rejected,
        .on_lost = on_lost,
        .context = client,
    };
    struct error err;
    client->session = feed_session_open(client->loop, &options, &err);
    if (client->session == NULL)
        on_lost(client, &err, false);
}

static void on_reconnect_due(struct event_timer *timer)
{
    struct control_client *client = timer->context;
    feed_session_close(client->session);
    connect_to_control(client);
}

/* --- the thread ----------------------------------------------------------------------------- */

static void on_settle_due(struct event_timer *timer)
{
    struct control_client *client = timer->context;
    if (client->copy_table == NULL)
        log_warn("no_routes",
                 "control=%s reason=\"control is not there, and there is no local copy\"",
                 client->options.socket_path);
    publish_copy(client, true);
    settle(client);
}

/* Workers let go of old tables when they are woken, a moment after the publish; the copy's thread
 * of a snapshot when it is written. */
static void on_collect_due(struct event_timer *timer)
{
    struct control_client *client = timer->context;
    route_replica_collect(client->options.replica);
    give_snapshot(client);
    show_copy(client);
    event_timer_start(timer, client->loop, COLLECT_INTERVAL_MS, on_collect_due, client);
}

/* What is served, or will be, with the addresses that names have now. */
static void refresh(struct control_client *client)
{
    struct route_table *table = route_replica_refresh(client->options.replica);
    if (table == NULL)
        return;
    if (client->copy_table != NULL) {
        route_table_release(&client->copy_table);
        client->copy_table = table;
    } else if (client->has_published) {
        route_cache_publish(client->options.cache, table);
        client->options.on_published(client->options.context);
    } else {
        route_table_release(&table);
    }
}

static void leave_copy(struct control_client *client)
{
    give_snapshot(client);
    local_copy_stop(client->copy);
    client->copy = NULL;
    show_copy(client);
}

static void on_wake(void *context)
{
    struct control_client *client = context;
    if (atomic_load(&client->is_stopping)) {
        event_loop_stop(client->loop);
        return;
    }
    if (atomic_load(&client->is_leaving_copy))
        leave_copy(client);
    refresh(client);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t time_to_settle_ms(const struct control_client *client, uint64_t started_ms)
{
    uint64_t settle_ms = client->options.settle_ms;
    uint64_t left_ms = settle_ms - smaller(settle_ms, clock_now_ms() - started_ms);
    bool is_reached = client->session != NULL;
    return is_reached && left_ms < ANSWER_MS ? smaller(settle_ms, ANSWER_MS) : left_ms;
}

static void start_following(struct control_client *client)
{
    uint64_t started_ms = clock_now_ms();
    load_copy(client);
    connect_to_control(client);
    event_timer_start(&client->settle, client->loop, time_to_settle_ms(client, started_ms),
                      on_settle_due, client);
    event_timer_start(&client->collect, client->loop, COLLECT_INTERVAL_MS, on_collect_due, client);
}

static void stop_following(struct control_client *client)
{
    feed_session_close(client->session);
    event_timer_stop(&client->reconnect);
    event_timer_stop(&client->settle);
    event_timer_stop(&client->collect);
    leave_copy(client);
    route_table_release(&client->copy_table);
}

static void *follow_control(void *context)
{
    struct control_client *client = context;
    start_following(client);
    event_loop_run(client->loop);
    stop_following(client);
    return NULL;
}

struct control_client *control_client_start(const struct control_client_options *options)
{
    struct control_client *client = memory_allocate_zeroed(1, sizeof(*client));
    client->options = *options;
    client->backoff_ms = options->backoff_min_ms;
    mutex_init(&client->mutex);
    client->loop = event_loop_new();
    event_loop_on_wake(client->loop, on_wake, client);
    if (pthread_create(&client->thread, NULL, follow_control, client) != 0)
        abort();
    return client;
}

void control_client_refresh(struct control_client *client)
{
    event_loop_wake(client->loop);
}

void control_client_leave_copy(struct control_client *client)
{
    atomic_store(&client->is_leaving_copy, true);
    event_loop_wake(client->loop);
}

void control_client_stop(struct control_client *client)
{
    if (client == NULL)
        return;
    atomic_store(&client->is_stopping, true);
    event_loop_wake(client->loop);
    pthread_join(client->thread, NULL);
    event_loop_free(client->loop);
    mutex_clear(&client->mutex);
    free(client);
}

void control_client_status(struct control_client *client, struct control_client_status *status)
{
    mutex_lock(&client->mutex);
    *status = client->status;
    mutex_unlock(&client->mutex);
}
