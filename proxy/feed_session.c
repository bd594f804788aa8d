/* Control speaks first (Welcome), then in updates and heartbeats. Silence for three heartbeat
 * intervals, a message we do not understand, or a lost connection end the session. Our own signs
 * of life are reports without an outcome, one for each interval.
 *
 * An update whose digest differs from ours ends the session and asks for a snapshot next; when
 * that happens with a snapshot it is reported as rejected, and the old table stays. */
#include "proxy/feed_session.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/log.h"
#include "proto/feed_protocol.h"
#include "proto/grpc_client.h"
#include "proxy/backend_report.h"
#include "proxy/routing/route_cache.h"
#include "proxy/shared_names.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    FIRST_WORD_MS = 5000, /* for the Welcome, when no interval is known yet */
    MISSED_HEARTBEATS = 3,
    REPORT_TIMEOUT_MS = 5000,
    REPORTED_ERRORS_MAX = 100,
    MESSAGE_MAX = 4 << 20,
    HEARTBEAT_MIN_MS = 50,
};

#define METHOD_WATCH "/pointsman.v1.RouteFeed/Watch"
#define METHOD_REPORT "/pointsman.v1.RouteFeed/Report"

/* With more than these, looking at the endpoints of each would keep updates waiting. */
enum { REPORTED_BACKENDS_MAX = 100000 };

/* Objects that could not be built, as a report lists them. */
struct error_list {
    Pointsman__V1__ObjectError *items[REPORTED_ERRORS_MAX];
    size_t count;
    size_t total;
};

struct feed_session {
    struct feed_session_options options;
    struct event_loop *loop;
    struct grpc_client *client;
    struct event_timer silence;   /* since control's last word */
    struct event_timer heartbeat; /* to our next sign of life */
    uint64_t heartbeat_ms;        /* 0 before the Welcome */
    uint32_t protocol;            /* proto/feed_protocol.h */
    char *epoch;                  /* control's; NULL before the Welcome */
    bool is_lost;

    uint64_t update_id; /* of the update being staged; 0: none */
    bool is_snapshot;
    bool keeps_going;
};

/* --- the end -------------------------------------------------------------------------------- */

static void lose(struct feed_session *session, const struct error *err, bool needs_snapshot)
{
    if (session->is_lost)
        return;
    session->is_lost = true;
    event_timer_stop(&session->silence);
    event_timer_stop(&session->heartbeat);
    session->options.on_lost(session->options.context, err, needs_snapshot);
}

static void lose_because(struct feed_session *session, enum error_code code, const char *message)
{
    struct error err;
    error_set(&err, code, "%s", message);
    lose(session, &err, false);
}

static void on_silence(struct event_timer *timer)
{
    lose_because(timer->context, ERROR_TIMEOUT, "control has fallen silent");
}

static void listen_on(struct feed_session *session)
{
    uint64_t patience_ms =
        session->heartbeat_ms == 0 ? FIRST_WORD_MS : session->heartbeat_ms * MISSED_HEARTBEATS;
    event_timer_start(&session->silence, session->loop, patience_ms, on_silence, session);
}

/* --- reports -------------------------------------------------------------------------------- */

static void on_report_message(void *context, struct slice bytes)
{
    (void)context;
    (void)bytes;
}

static void on_report_end(void *context, const struct grpc_result *result)
{
    struct feed_session *session = context;
    if (result->status == GRPC_OK)
        return;
    struct error err;
    error_set(&err, grpc_status_to_error(result->status), "a report failed: %s", result->message);
    lose(session, &err, false);
}

/* Fills in who and where we are, and sends it. */
static void send_report(struct feed_session *session, Pointsman__V1__ReportRequest *report)
{
    const struct feed_session_options *options = &session->options;
    report->proxy_id = (char *)options->identity->id;
    report->boot_id = (char *)options->identity->boot_id;
    report->epoch = (char *)route_replica_epoch(options->replica);
    report->revision = route_replica_revision(options->replica);
    report->digest = route_replica_digest(options->replica);

    const struct grpc_client_call_handlers handlers = {
        .on_message = on_report_message, .on_end = on_report_end, .context = session};
    grpc_client_start(session->client, METHOD_REPORT, &report->base, MESSAGE_MAX, REPORT_TIMEOUT_MS,
                      &handlers);
}

static void on_heartbeat_due(struct event_timer *timer)
{
    struct feed_session *session = timer->context;
    Pointsman__V1__ReportRequest sign_of_life;
    pointsman__v1__report_request__init(&sign_of_life);
    struct endpoints_out out;
    struct route_cache *cache = session->options.cache;
    struct route_table *table = cache == NULL ? NULL : route_cache_acquire(cache);
    if (table != NULL && route_table_backend_count(table) <= REPORTED_BACKENDS_MAX) {
        backend_report_fill(&out, table);
        sign_of_life.endpoints_out = &out.message;
    }
    send_report(session, &sign_of_life);
    route_table_release(&table);
    event_timer_start(timer, session->loop, session->heartbeat_ms, on_heartbeat_due, session);
}

static void report_applied(struct feed_session *session, Pointsman__V1__Applied *applied)
{
    Pointsman__V1__ReportRequest report;
    pointsman__v1__report_request__init(&report);
    report.update_id = session->update_id;
    report.outcome_case = POINTSMAN__V1__REPORT_REQUEST__OUTCOME_APPLIED;
    report.applied = applied;
    send_report(session, &report);
}

static void report_rejected(struct feed_session *session, const struct error *err,
                            struct error_list *errors)
{
    Pointsman__V1__Rejected rejected;
    pointsman__v1__rejected__init(&rejected);
    rejected.message = (char *)err->message;
    rejected.errors = errors->items;
    rejected.n_errors = errors->count;

    Pointsman__V1__ReportRequest report;
    pointsman__v1__report_request__init(&report);
    report.update_id = session->update_id;
    report.outcome_case = POINTSMAN__V1__REPORT_REQUEST__OUTCOME_REJECTED;
    report.rejected = &rejected;
    send_report(session, &report);
}

/* --- objects that could not be built -------------------------------------------------------- */

static void on_object_error(void *context, Pointsman__V1__ObjectKind kind, const char *name,
                            const char *field, const char *message)
{
    struct error_list *errors = context;
    errors->total++;
    if (errors->count == REPORTED_ERRORS_MAX)
        return;

    Pointsman__V1__ObjectError *item = memory_allocate(sizeof(*item));
    pointsman__v1__object_error__init(item);
    item->kind = kind;
    item->name = memory_duplicate_string(name);
    item->field = memory_duplicate_string(field);
    item->message = memory_duplicate_string(message);
    errors->items[errors->count++] = item;
}

static void error_list_clear(struct error_list *errors)
{
    for (size_t i = 0; i < errors->count; i++)
        pointsman__v1__object_error__free_unpacked(errors->items[i], NULL);
    *errors = (struct error_list){.count = 0};
}

static void log_object_errors(const struct error_list *errors)
{
    char name[600], message[600];
    for (size_t i = 0; i < errors->count; i++) {
        const Pointsman__V1__ObjectError *item = errors->items[i];
        log_warn("object_not_built", "kind=%s name=%s field=%s reason=%s",
                 item->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE ? "route" : "backend",
                 log_quote(name, sizeof(name), item->name), item->field,
                 log_quote(message, sizeof(message), item->message));
    }
}

/* --- updates -------------------------------------------------------------------------------- */

static void publish(struct feed_session *session, struct route_table *table, uint64_t build_us,
                    struct error_list *errors)
{
    Pointsman__V1__Applied applied;
    pointsman__v1__applied__init(&applied);
    applied.build_us = build_us;
    applied.routes = route_table_route_count(table);
    applied.backends = route_table_backend_count(table);
    applied.errors = errors->items;
    applied.n_errors = errors->count;

    uint64_t before_us = clock_now_us();
    session->options.on_table(session->options.context, table);
    applied.swap_us = clock_now_us() - before_us;

    session->keeps_going = false;
    log_debug("update_applied",
              "revision=%" PRIu64 " routes=%" PRIu64 " build_us=%" PRIu64 " swap_us=%" PRIu64,
              route_replica_revision(session->options.replica), applied.routes, build_us,
              applied.swap_us);
    report_applied(session, &applied);
}

static void reject(struct feed_session *session, const struct error *err, struct error_list *errors)
{
    /* Two ways of losing count of each other; starting over mends both. With a snapshot it
     * would not: that is a rejection. */
    if ((err->code == ERROR_CORRUPT || err->code == ERROR_CONFLICT) && !session->is_snapshot) {
        lose(session, err, true);
        return;
    }
    session->options.on_rejected(session->options.context, err);
    report_rejected(session, err, errors);
}

static void commit(struct feed_session *session, const Pointsman__V1__Update *update)
{
    struct error_list errors = {.count = 0};
    struct error err = {0};
    struct route_table *table = NULL;

    uint64_t before_us = clock_now_us();
    bool committed = route_replica_commit(session->options.replica, session->epoch,
                                          update->revision, update->digest, session->keeps_going,
                                          on_object_error, &errors, &table, &err);
    uint64_t build_us = clock_now_us() - before_us;

    log_object_errors(&errors);
    if (committed)
        publish(session, table, build_us, &errors);
    else
        reject(session, &err, &errors);
    error_list_clear(&errors);
}

static void start_update(struct feed_session *session, const Pointsman__V1__Update *update)
{
    struct error err = {0};
    session->update_id = update->update_id;
    session->is_snapshot = update->snapshot;
    session->options.on_update(session->options.context, update->snapshot);
    if (!route_replica_begin(session->options.replica, update->snapshot, update->base_revision,
                             &err))
        lose(session, &err, true);
}

static void stage_change(void *context, Pointsman__V1__ObjectKind kind, struct slice name,
                         bool deleted, struct slice bytes)
{
    const struct feed_session_options *options = &((struct feed_session *)context)->options;
    route_replica_stage(options->replica, kind, name, deleted, bytes);
    options->on_object(options->context, kind, name, deleted, bytes);
}

static void stage(struct feed_session *session, const FeedObjectMessage *object)
{
    struct slice name = slice_from_string(object->name);
    struct slice bytes = slice_of((const char *)object->object.data, object->object.len);
    if (session->protocol < FEED_PROTOCOL_IDS && !session->is_snapshot)
        shared_name_change(object->kind, name, object->deleted, bytes, stage_change, session);
    else
        stage_change(session, object->kind, name, object->deleted, bytes);
}

static void on_update(struct feed_session *session, const Pointsman__V1__Update *update)
{
    if (session->update_id != update->update_id)
        start_update(session, update);
    if (session->is_lost)
        return;

    for (size_t i = 0; i < update->n_objects; i++)
        stage(session, update->objects[i]);
    if (update->last) {
        commit(session, update);
        session->update_id = 0;
    }
}

/* --- what control says ---------------------------------------------------------------------- */

static const char *enum_name(const ProtobufCEnumDescriptor *descriptor, int number)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(descriptor, number);
    return value == NULL ? "unknown" : value->name;
}

static void on_welcome(struct feed_session *session, const Pointsman__V1__Welcome *welcome)
{
    if (welcome->protocol < FEED_PROTOCOL_MIN || welcome->protocol > FEED_PROTOCOL_MAX ||
        welcome->heartbeat_interval_ms < HEARTBEAT_MIN_MS) {
        lose_because(session, ERROR_UNSUPPORTED, "control speaks a protocol we do not");
        return;
    }
    session->epoch = memory_duplicate_string(welcome->epoch);
    session->heartbeat_ms = welcome->heartbeat_interval_ms;
    session->protocol = welcome->protocol;
    log_info("control_connected", "mode=%s reason=%s head_revision=%" PRIu64,
             enum_name(&pointsman__v1__welcome_mode__descriptor, (int)welcome->mode),
             enum_name(&pointsman__v1__welcome_reason__descriptor, (int)welcome->reason),
             welcome->head_revision);

    event_timer_start(&session->heartbeat, session->loop, session->heartbeat_ms, on_heartbeat_due,
                      session);
    session->options.on_word(session->options.context, welcome->head_revision);
    if (welcome->mode == POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_UP_TO_DATE)
        session->options.on_up_to_date(session->options.context);
}

static void on_event(struct feed_session *session, const Pointsman__V1__WatchResponse *response)
{
    bool is_welcome = response->event_case == POINTSMAN__V1__WATCH_RESPONSE__EVENT_WELCOME;
    if (is_welcome != (session->epoch == NULL)) {
        lose_because(session, ERROR_INVALID, "control must say welcome first, and once");
        return;
    }
    switch (response->event_case) {
    case POINTSMAN__V1__WATCH_RESPONSE__EVENT_WELCOME:
        on_welcome(session, response->welcome);
        break;
    case POINTSMAN__V1__WATCH_RESPONSE__EVENT_UPDATE:
        session->options.on_word(session->options.context, response->update->revision);
        on_update(session, response->update);
        break;
    case POINTSMAN__V1__WATCH_RESPONSE__EVENT_HEARTBEAT:
        session->options.on_word(session->options.context, response->heartbeat->head_revision);
        break;
    default: /* of a later version: a sign of life all the same */
        break;
    }
}

static void on_watch_message(void *context, struct slice bytes)
{
    struct feed_session *session = context;
    struct error err = {0};
    if (session->is_lost)
        return;

    ProtobufCMessage *message = message_unpack(&pointsman__v1__watch_response__descriptor, bytes,
                                               MESSAGE_MEMORY_APPLY, UNKNOWN_FIELDS_KEPT, &err);
    if (message == NULL) {
        error_prefix(&err, "control sent what we cannot read: ");
        lose(session, &err, false);
        return;
    }
    on_event(session, (const Pointsman__V1__WatchResponse *)message);
    message_free(message);
    if (!session->is_lost)
        listen_on(session);
}

static void on_watch_end(void *context, const struct grpc_result *result)
{
    struct feed_session *session = context;
    struct error err;
    error_set(&err,
              result->status == GRPC_OK ? ERROR_UNAVAILABLE : grpc_status_to_error(result->status),
              "control ended the feed: %s", result->message);
    lose(session, &err, false);
}

static void on_connection_closed(void *context)
{
    lose_because(context, ERROR_UNAVAILABLE, "the connection to control was closed");
}

/* --- open and close ------------------------------------------------------------------------- */

static void start_watch(struct feed_session *session)
{
    const struct feed_session_options *options = &session->options;
    Pointsman__V1__WatchRequest request;
    pointsman__v1__watch_request__init(&request);
    request.proxy_id = (char *)options->identity->id;
    request.boot_id = (char *)options->identity->boot_id;
    request.listeners = options->listeners;
    request.n_listeners = options->listener_count;
    request.version = (char *)POINTSMAN_VERSION;
    request.protocol_min = FEED_PROTOCOL_MIN;
    request.protocol_max = FEED_PROTOCOL_MAX;
    if (!options->wants_snapshot) {
        request.epoch = (char *)route_replica_epoch(options->replica);
        request.revision = route_replica_revision(options->replica);
        request.digest = route_replica_digest(options->replica);
    }

    const struct grpc_client_call_handlers handlers = {
        .on_message = on_watch_message, .on_end = on_watch_end, .context = session};
    grpc_client_start(session->client, METHOD_WATCH, &request.base, MESSAGE_MAX, 0, &handlers);
}

struct feed_session *feed_session_open(struct event_loop *loop,
                                       const struct feed_session_options *options,
                                       struct error *err)
{
    struct feed_session *session = memory_allocate_zeroed(1, sizeof(*session));
    session->options = *options;
    session->loop = loop;
    session->keeps_going = options->keeps_going;
    session->client =
        grpc_client_open(loop, options->socket_path, on_connection_closed, session, err);
    if (session->client == NULL) {
        free(session);
        return NULL;
    }
    listen_on(session);
    start_watch(session);
    return session;
}

void feed_session_close(struct feed_session *session)
{
    if (session == NULL)
        return;
    event_timer_stop(&session->silence);
    event_timer_stop(&session->heartbeat);
    grpc_client_free(session->client);
    free(session->epoch);
    free(session);
}
