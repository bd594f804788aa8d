#include "control/control.h"

#include "common/clock.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "control/backup_service.h"
#include "control/blame_service.h"
#include "control/change_feed.h"
#include "control/checkpointer.h"
#include "control/commit_group.h"
#include "control/commit_stream.h"
#include "control/compactor.h"
#include "control/confirmation.h"
#include "control/explain_service.h"
#include "control/proxy_memory.h"
#include "control/proxy_registry.h"
#include "control/replace_service.h"
#include "control/services.h"
#include "control/shadow_index.h"
#include "control/store.h"
#include "control/wait_list.h"
#include "proto/grpc_server.h"

#include <inttypes.h>
#include <stdlib.h>

enum { LONG_TURN_US = 10000, VERY_LONG_TURN_US = 250000 };

/* In the order they are started; they stop in the reverse. */
struct control {
    struct event_loop *loop;
    uint64_t drain_ms;
    struct authorizer *authorizer;
    struct store *store;
    struct change_feed *changes;
    struct commit_group *commits;
    struct checkpointer *checkpointer;
    struct compactor *compactor;
    struct proxy_registry *proxies;
    struct wait_list *waits;
    struct feed_service *feed;
    struct explain_service *explain;
    struct shadow_index *shadows;
    struct blame_service *blame;
    struct commit_streams *streams;
    struct backup_service *backup;
    struct services services;
    struct replace_service *replaces;
    struct confirmation *confirmation;
    struct grpc_server *server;
    struct event_timer drain_timer;
    bool is_unhealthy; /* as the server has been told */
    bool is_draining;
};

void control_options_init(struct control_options *options)
{
    *options = (struct control_options){
        .database = "/var/lib/pointsman/routes.db",
        .socket = "/run/pointsman/control.sock",
        .socket_mode = 0660,
        .keep_revisions = 10000,
        .drain_ms = 5000,
    };
    feed_service_options_init(&options->feed);
}

static void on_proxy_changed(void *context)
{
    struct control *control = context;
    wait_list_check(control->waits);
    /* That all go while we stop says nothing of them. */
    if (!control->is_draining)
        proxy_memory_keep(control->store, control->proxies);
}

/* A damaged database is served as far as it goes, and said to be unhealthy until a human acts. */
static void say_health(void *context)
{
    struct control *control = context;
    bool is_damaged = store_is_damaged(control->store);
    if (is_damaged == control->is_unhealthy || control->server == NULL)
        return;
    log_error("unhealthy", "reason=\"%s\"", store_read_only_reason(control->store));
    control->is_unhealthy = is_damaged;
    grpc_server_set_serving(control->server, false);
}

static bool start_server(struct control *control, const struct control_options *options,
                         struct error *err)
{
    const struct unix_socket_options socket_options = {
        .path = options->socket,
        .mode = options->socket_mode,
        .group = options->socket_group,
    };
    int listen_fd = unix_socket_listen(&socket_options, err);
    if (listen_fd < 0)
        return false;

    struct grpc_server_limits limits;
    grpc_server_limits_init(&limits);
    limits.is_exempt = services_is_exempt;
    limits.has_reserve = services_has_reserve;
    control->server =
        grpc_server_new(control->loop, listen_fd, &limits, service_methods, &control->services);
    grpc_server_set_serving(control->server, true);
    event_loop_on_turn_end(control->loop, say_health, control);
    say_health(control);
    return true;
}

/* Everybody has waited so long: an operator who looks for what is slow finds it here. */
static void on_long_turn(void *context, uint64_t turn_us)
{
    (void)context;
    if (turn_us >= VERY_LONG_TURN_US)
        log_info("long_turn", "milliseconds=%" PRIu64, turn_us / 1000);
    else
        log_debug("long_turn", "milliseconds=%" PRIu64, turn_us / 1000);
}

struct control *control_start(const struct control_options *options, struct event_loop *loop,
                              struct error *err)
{
    struct control *control = memory_allocate_zeroed(1, sizeof(*control));
    struct feed_service_options feed_options = options->feed;
    feed_options.on_proxy_changed = on_proxy_changed;
    feed_options.context = control;
    control->loop = loop;
    control->drain_ms = options->drain_ms;

    event_loop_on_long_turn(loop, LONG_TURN_US, on_long_turn, control);
    control->authorizer = authorizer_new(&options->roles, err);
    if (control->authorizer == NULL)
        goto failed;
    control->store = store_open(options->database, err);
    if (control->store == NULL)
        goto failed;
    control->changes = change_feed_new();
    /* Before the server: its turn ends after the commits', and sends their answers. */
    control->commits = commit_group_new(loop, control->store, control->changes);
    control->checkpointer = checkpointer_new(loop, control->store);
    control->compactor = compactor_new(loop, control->store, options->keep_revisions);
    control->proxies = proxy_registry_new();
    proxy_memory_restore(control->store, control->proxies);
    control->waits = wait_list_new(loop, control->proxies);
    control->feed =
        feed_service_new(loop, control->store, control->changes, control->proxies, &feed_options);
    control->shadows = shadow_index_new(loop, control->store);
    control->explain =
        explain_service_new(loop, control->store, control->shadows, control->proxies);
    control->blame = blame_service_new(loop, control->store);
    control->streams = commit_streams_new(control->store, control->changes);
    control->backup = backup_service_new(loop, control->store, control->commits);
    control->services = (struct services){
        .authorizer = control->authorizer,
        .store = control->store,
        .commits = control->commits,
        .proxies = control->proxies,
        .feed = control->feed,
        .waits = control->waits,
        .explain = control->explain,
        .shadows = control->shadows,
        .blame = control->blame,
        .streams = control->streams,
        .backup = control->backup,
        .started_wall_ms = clock_wall_ms(),
    };
    control->replaces = control->services.replaces = replace_service_new(loop, &control->services);
    control->confirmation = confirmation_new(loop, control->changes, &control->services);
    if (!start_server(control, options, err))
        goto failed;

    struct store_head head = store_head(control->store);
    log_info("started",
             "version=%s database=%s socket=%s epoch=%s revision=%" PRIu64 " routes=%" PRIu64
             " backends=%" PRIu64,
             POINTSMAN_VERSION, options->database, options->socket, store_epoch(control->store),
             head.revision, head.routes, head.backends);
    return control;

failed:
    control_stop(control);
    return NULL;
}

static void on_drained(void *context)
{
    const struct control *control = context;
    event_loop_stop(control->loop);
}

static void on_drain_time_over(struct event_timer *timer)
{
    log_warn("drain_time_over", "%s", "");
    on_drained(timer->context);
}

void control_drain(struct control *control)
{
    if (control->is_draining)
        return;
    control->is_draining = true;
    log_info("stopping", "%s", "");
    event_timer_start(&control->drain_timer, control->loop, control->drain_ms, on_drain_time_over,
                      control);
    commit_group_flush(control->commits);
    wait_list_finish(control->waits);
    grpc_server_drain(control->server, on_drained, control);
}

void control_stop(struct control *control)
{
    if (control == NULL)
        return;
    event_timer_stop(&control->drain_timer);
    if (control->commits != NULL)
        commit_group_flush(control->commits);
    if (control->server != NULL)
        grpc_server_free(control->server);
    feed_service_free(control->feed);
    confirmation_free(control->confirmation);
    replace_service_free(control->replaces);
    backup_service_free(control->backup);
    commit_streams_free(control->streams);
    blame_service_free(control->blame);
    explain_service_free(control->explain);
    shadow_index_free(control->shadows);
    wait_list_free(control->waits);
    proxy_registry_free(control->proxies);
    compactor_free(control->compactor);
    checkpointer_free(control->checkpointer);
    commit_group_free(control->commits);
    change_feed_free(control->changes);
    store_close(control->store);
    authorizer_free(control->authorizer);
    free(control);
}
