/* At the start the local copy is loaded into the replica, not published: control is told what the
 * copy holds and answers with what is missing. Only when control says nothing for `settle_ms` is
 * the copy served as it is, and shown as stale. */
#include "proxy/control_client.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "common/mutex.h"
#include "proxy/feed_session.h"
#include "proxy/local_copy.h"
#include "proxy/routing/route_cache.h"
#include "proxy/routing/route_replica.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    COPY_INTERVAL_MS = 1000,
    COPY_RETRY_MS = 10000, /* after a failure */
    COPY_MAX_SHARE = 100,  /* writing takes at most one part in this many of the thread's time */
    COLLECT_INTERVAL_MS = 1000,
};

struct control_client {
    /* immutable */
    struct control_client_options options;
    pthread_t thread;

    /* atomic: main asks */
    atomic_bool is_stopping;

    struct mutex mutex;
    /* guarded by mutex */
    struct control_client_status status;

    /* control only */
    struct event_loop *loop;
    struct feed_session *session; /* NULL while waiting to connect */
    struct event_timer reconnect;
    struct event_timer settle;
    struct event_timer write_copy;
    struct event_timer collect;
    uint64_t backoff_ms;
    uint64_t copy_not_before_ms;
    struct local_copy *copy;        /* NULL: none is kept */
    struct route_table *copy_table; /* from the local copy, not published; or NULL */
    bool has_published;
    bool is_settled;
    bool needs_snapshot;
    bool is_copy_behind;  /* something was applied since the copy was last written */
    bool has_copy_failed; /* failures are logged once */
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

static void on_copy_due(struct event_timer *timer);

/* At most one a second, and none while the last one waits for the disk. */
static void schedule_copy(struct control_client *client)
{
    if (client->copy == NULL || client->write_copy.loop != NULL)
        return;
    uint64_t now_ms = clock_now_ms();
    uint64_t delay_ms =
        client->copy_not_before_ms > now_ms ? client->copy_not_before_ms - now_ms : 0;
    event_timer_start(&client->write_copy, client->loop, delay_ms, on_copy_due, client);
}

static void write_copy(struct control_client *client)
{
    struct error err;
    uint64_t before_ms = clock_now_ms();
    bool is_written = local_copy_write(client->copy, client->options.replica, &err);
    if (!is_written && !client->has_copy_failed)
        log_error("local_copy_failed", "reason=\"%s\"", err.message);
    client->has_copy_failed = !is_written;
    client->is_copy_behind = !is_written;

    uint64_t now_ms = clock_now_ms();
    uint64_t pause_ms = (now_ms - before_ms) * COPY_MAX_SHARE;
    uint64_t least_ms = is_written ? COPY_INTERVAL_MS : COPY_RETRY_MS;
    client->copy_not_before_ms = now_ms + (pause_ms > least_ms ? pause_ms : least_ms);
}

static void on_copy_due(struct event_timer *timer)
{
    struct control_client *client = timer->context;
    if (local_copy_is_idle(client->copy))
        write_copy(client);
    else
        client->copy_not_before_ms = clock_now_ms() + COPY_INTERVAL_MS;
    if (client->is_copy_behind)
        schedule_copy(client);
}

static void stage_object(void *context, Pointsman__V1__ObjectKind kind, struct slice name,
                         struct slice bytes)
{
    route_replica_stage(context, kind, name, false, bytes);
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

static bool read_copy(struct control_client *client, struct error *err)
{
    struct route_replica *replica = client->options.replica;
    struct local_copy_info info;
    return route_replica_begin(replica, true, 0, err) &&
           local_copy_read(client->options.local_copy_path, &info, stage_object, replica, err) &&
           route_replica_commit(replica, info.epoch, info.revision, info.digest, true,
                                on_copy_object_error, NULL, &client->copy_table, err);
}

static void load_copy(struct control_client *client)
{
    const char *path = client->options.local_copy_path;
    if (path == NULL)
        return;

    struct error err;
    uint64_t before_us = clock_now_us();
    if (read_copy(client, &err)) {
        log_info("local_copy_read", "path=%s revision=%" PRIu64 " routes=%zu took_ms=%" PRIu64,
                 path, route_table_revision(client->copy_table),
                 route_table_route_count(client->copy_table), (clock_now_us() - before_us) / 1000);
    } else if (err.code == ERROR_NOT_FOUND) {
        log_info("local_copy_missing", "path=%s", path);
    } else {
        log_error("local_copy_refused", "reason=\"%s\"", err.message);
    }
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
    client->is_copy_behind = true;
    schedule_copy(client);
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
        .wants_snapshot = client->needs_snapshot,
        .keeps_going = !client->has_published,
        .on_word = on_word,
        .on_up_to_date = on_up_to_date,
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

/* Workers let go of old tables when they are woken, a moment after the publish. */
static void on_collect_due(struct event_timer *timer)
{
    struct control_client *client = timer->context;
    route_replica_collect(client->options.replica);
    event_timer_start(timer, client->loop, COLLECT_INTERVAL_MS, on_collect_due, client);
}

static void on_wake(void *context)
{
    struct control_client *client = context;
    if (atomic_load(&client->is_stopping))
        event_loop_stop(client->loop);
}

static void start_following(struct control_client *client)
{
    load_copy(client);
    if (client->options.local_copy_path != NULL)
        client->copy =
            local_copy_start(client->options.local_copy_path, client->options.identity->id);
    event_timer_start(&client->settle, client->loop, client->options.settle_ms, on_settle_due,
                      client);
    event_timer_start(&client->collect, client->loop, COLLECT_INTERVAL_MS, on_collect_due, client);
    connect_to_control(client);
}

static void stop_following(struct control_client *client)
{
    feed_session_close(client->session);
    event_timer_stop(&client->reconnect);
    event_timer_stop(&client->settle);
    event_timer_stop(&client->write_copy);
    event_timer_stop(&client->collect);
    if (client->is_copy_behind && client->copy != NULL)
        write_copy(client);
    local_copy_stop(client->copy);
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
