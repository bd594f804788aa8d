#include "control/watcher.h"

#include "common/clock.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "control/update_stream.h"
#include "proto/feed_protocol.h"
#include "proto/grpc_server.h"
#include "proto/message.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MISSED_HEARTBEATS = 3 };

enum delivery {
    DELIVERY_NONE,       /* nothing is under way */
    DELIVERY_SENDING,    /* messages are left */
    DELIVERY_UNANSWERED, /* sent; the report has not come */
};

struct watcher {
    const struct watcher_environment *environment;
    struct proxy *proxy;
    struct grpc_call *call;
    struct change_listener listener;
    struct event_timer heartbeat_timer;
    struct event_timer pause_timer;
    uint64_t last_report_ms;

    Pointsman__V1__Welcome welcome;
    bool is_welcomed;
    bool is_heartbeat_due;

    /* what the proxy holds */
    bool needs_snapshot;
    bool has_foreign_routes; /* of another database */
    uint64_t base_revision;
    uint64_t base_digest;

    enum delivery delivery;
    struct update_stream update;
    uint64_t next_update_id;
    uint64_t changed_ms; /* when the head first moved after the update was begun; 0: it did not */

    bool is_rejected; /* nothing is offered up to this revision, or before the pause is over */
    uint64_t rejected_revision;
    bool has_mismatched; /* a snapshot was called for; if that mismatches too, it is a rejection */
};

/* --- its life ------------------------------------------------------------------------------- */

static void tell_change(const struct watcher *watcher)
{
    const struct feed_service_options *options = &watcher->environment->options;
    if (options->on_proxy_changed != NULL)
        options->on_proxy_changed(options->context);
}

static void watcher_free(struct watcher *watcher)
{
    struct proxy *proxy = watcher->proxy;
    change_feed_remove(watcher->environment->feed, &watcher->listener);
    event_timer_stop(&watcher->heartbeat_timer);
    event_timer_stop(&watcher->pause_timer);
    log_info("proxy_disconnected", "proxy=%s revision=%" PRIu64, proxy->id, proxy->revision);
    proxy_registry_lose(watcher->environment->registry, proxy);
    tell_change(watcher);
    free(watcher);
}

static void on_call_end(void *context)
{
    watcher_free(context);
}

void watcher_end(struct watcher *watcher, enum error_code code, const char *message)
{
    struct error err;
    error_set(&err, code, "%s", message);
    grpc_call_fail_error(watcher->call, &err);
    watcher_free(watcher);
}

/* --- what to offer -------------------------------------------------------------------------- */

/* A database in which there has never been a change knows nothing that is better than what the
 * proxy has: as a rule the one before is lost, or the path is wrong, and an empty snapshot would
 * end all service. The first change, a restored backup or all that is applied again, tells. */
static bool knows_nothing(const struct watcher *watcher)
{
    return watcher->has_foreign_routes && store_head(watcher->environment->store).revision == 0;
}

static bool has_offer(const struct watcher *watcher)
{
    uint64_t head = store_head(watcher->environment->store).revision;
    if (watcher->delivery != DELIVERY_NONE || knows_nothing(watcher))
        return false;
    if (watcher->is_rejected)
        return head > watcher->rejected_revision && watcher->pause_timer.loop == NULL;
    return watcher->needs_snapshot || head > watcher->base_revision;
}

static void begin_update(struct watcher *watcher)
{
    const struct store *store = watcher->environment->store;
    uint64_t id = watcher->next_update_id++;
    uint32_t protocol = watcher->welcome.protocol;
    if (watcher->needs_snapshot || watcher->base_revision < store_compacted_revision(store))
        update_stream_begin_snapshot(&watcher->update, id, protocol, store);
    else
        update_stream_begin_delta(&watcher->update, id, protocol, watcher->base_revision, store);
    watcher->delivery = DELIVERY_SENDING;
    watcher->is_rejected = false;
    watcher->changed_ms = 0;
}

static void pack_welcome(struct watcher *watcher, struct buffer *to)
{
    Pointsman__V1__WatchResponse response = POINTSMAN__V1__WATCH_RESPONSE__INIT;
    response.event_case = POINTSMAN__V1__WATCH_RESPONSE__EVENT_WELCOME;
    response.welcome = &watcher->welcome;
    message_pack(&response.base, to);
    watcher->is_welcomed = true;
}

static void pack_heartbeat(struct watcher *watcher, struct buffer *to)
{
    Pointsman__V1__Heartbeat heartbeat = POINTSMAN__V1__HEARTBEAT__INIT;
    heartbeat.head_revision = store_head(watcher->environment->store).revision;
    Pointsman__V1__WatchResponse response = POINTSMAN__V1__WATCH_RESPONSE__INIT;
    response.event_case = POINTSMAN__V1__WATCH_RESPONSE__EVENT_HEARTBEAT;
    response.heartbeat = &heartbeat;
    message_pack(&response.base, to);
    watcher->is_heartbeat_due = false;
}

static enum grpc_pull pull_update(struct watcher *watcher, struct buffer *to)
{
    struct error err = {0};
    if (!update_stream_next(&watcher->update, watcher->environment->store, to, &err)) {
        /* Whatever it is, a new stream starts from what the proxy has. */
        error_prefix(&err, "reading the update: ");
        log_warn("update_failed", "proxy=%s reason=\"%s\"", watcher->proxy->id, err.message);
        watcher_end(watcher, ERROR_UNAVAILABLE, err.message);
        return GRPC_PULL_WAIT;
    }
    if (watcher->update.is_finished)
        watcher->delivery = DELIVERY_UNANSWERED;
    return GRPC_PULL_MESSAGE;
}

static enum grpc_pull pull(void *context, struct buffer *to)
{
    struct watcher *watcher = context;
    if (!watcher->is_welcomed) {
        pack_welcome(watcher, to);
        return GRPC_PULL_MESSAGE;
    }
    if (watcher->is_heartbeat_due) {
        pack_heartbeat(watcher, to);
        return GRPC_PULL_MESSAGE;
    }
    if (has_offer(watcher))
        begin_update(watcher);
    return watcher->delivery == DELIVERY_SENDING ? pull_update(watcher, to) : GRPC_PULL_WAIT;
}

static void on_change(struct change_listener *listener)
{
    struct watcher *watcher =
        (struct watcher *)((char *)listener - offsetof(struct watcher, listener));
    uint64_t now_ms = clock_now_ms();
    if (watcher->changed_ms == 0)
        watcher->changed_ms = now_ms;
    if (watcher->proxy->behind_since_ms == 0)
        watcher->proxy->behind_since_ms = now_ms;
    grpc_call_resume(watcher->call);
}

static void on_pause_over(struct event_timer *timer)
{
    const struct watcher *watcher = timer->context;
    grpc_call_resume(watcher->call);
}

static void on_heartbeat_due(struct event_timer *timer)
{
    struct watcher *watcher = timer->context;
    uint64_t interval_ms = watcher->environment->options.heartbeat_interval_ms;
    if (clock_now_ms() - watcher->last_report_ms >= MISSED_HEARTBEATS * interval_ms) {
        log_warn("proxy_silent", "proxy=%s", watcher->proxy->id);
        watcher_end(watcher, ERROR_UNAVAILABLE, "no report for three heartbeats");
        return;
    }
    watcher->is_heartbeat_due = true;
    event_timer_start(timer, watcher->environment->loop, interval_ms, on_heartbeat_due, watcher);
    grpc_call_resume(watcher->call);
}

/* --- what the proxy says -------------------------------------------------------------------- */

static void catch_up(struct watcher *watcher, uint64_t revision, uint64_t digest)
{
    struct proxy *proxy = watcher->proxy;
    bool is_at_head = revision == store_head(watcher->environment->store).revision;
    watcher->base_revision = revision;
    watcher->base_digest = digest;
    watcher->needs_snapshot = false;
    watcher->has_mismatched = false;
    proxy->revision = revision;
    proxy->digest_matches = true;
    proxy->behind_since_ms = is_at_head ? 0 : watcher->changed_ms;
}

static void reject(struct watcher *watcher, const char *message,
                   Pointsman__V1__ObjectError *const *errors, size_t error_count)
{
    const struct watcher_environment *environment = watcher->environment;
    uint64_t revision = watcher->update.revision;
    char quoted[ERROR_MESSAGE_BYTES];
    log_warn("update_rejected", "proxy=%s revision=%" PRIu64 " objects=%zu reason=%s",
             watcher->proxy->id, revision, error_count, log_quote(quoted, sizeof(quoted), message));
    proxy_set_rejection(watcher->proxy, revision, message, errors, error_count);
    watcher->is_rejected = true;
    watcher->rejected_revision = revision;
    event_timer_start(&watcher->pause_timer, environment->loop,
                      environment->options.rejection_pause_ms, on_pause_over, watcher);
}

/* The proxy's content is not what it should be at its revision. */
static void mismatch(struct watcher *watcher, uint64_t revision)
{
    watcher->proxy->digest_matches = false;
    watcher->needs_snapshot = true;
    log_warn("digest_mismatch", "proxy=%s revision=%" PRIu64, watcher->proxy->id, revision);
    if (watcher->has_mismatched)
        reject(watcher, "its digest differs after a snapshot", NULL, 0);
    watcher->has_mismatched = true;
}

static void on_applied(struct watcher *watcher, const Pointsman__V1__ReportRequest *report)
{
    const struct update_stream *update = &watcher->update;
    proxy_set_applied(watcher->proxy, report->applied);
    if (report->revision == update->revision && report->digest == update->digest) {
        catch_up(watcher, update->revision, update->digest);
        log_debug("update_applied", "proxy=%s revision=%" PRIu64 " build_us=%" PRIu64,
                  watcher->proxy->id, update->revision, report->applied->build_us);
        return;
    }
    watcher->has_mismatched = watcher->has_mismatched || update->is_snapshot;
    mismatch(watcher, report->revision);
}

static void on_sign_of_life(struct watcher *watcher, const Pointsman__V1__ReportRequest *report)
{
    proxy_set_endpoints_out(watcher->proxy, report->endpoints_out);
    bool is_comparable = watcher->delivery == DELIVERY_NONE && !watcher->needs_snapshot &&
                         report->revision == watcher->base_revision &&
                         strcmp(report->epoch, store_epoch(watcher->environment->store)) == 0;
    if (is_comparable && report->digest != watcher->base_digest)
        mismatch(watcher, report->revision);
}

void watcher_report(struct watcher *watcher, const Pointsman__V1__ReportRequest *report)
{
    watcher->last_report_ms = clock_now_ms();
    watcher->proxy->last_seen_wall_ms = clock_wall_ms();

    bool is_answer =
        watcher->delivery == DELIVERY_UNANSWERED && report->update_id == watcher->update.update_id;
    switch (report->outcome_case) {
    case POINTSMAN__V1__REPORT_REQUEST__OUTCOME_APPLIED:
        if (!is_answer)
            return;
        watcher->delivery = DELIVERY_NONE;
        on_applied(watcher, report);
        break;
    case POINTSMAN__V1__REPORT_REQUEST__OUTCOME_REJECTED:
        if (!is_answer)
            return;
        watcher->delivery = DELIVERY_NONE;
        reject(watcher, report->rejected->message, report->rejected->errors,
               report->rejected->n_errors);
        break;
    case POINTSMAN__V1__REPORT_REQUEST__OUTCOME__NOT_SET:
    case _POINTSMAN__V1__REPORT_REQUEST__OUTCOME__CASE_IS_INT_SIZE:
        on_sign_of_life(watcher, report);
        break;
    }
    tell_change(watcher);
    grpc_call_resume(watcher->call);
}

/* --- the start ------------------------------------------------------------------------------ */

/* Why the proxy needs a snapshot, or that it does not: SAME or BEHIND. */
static Pointsman__V1__WelcomeReason judge(struct store *store,
                                          const Pointsman__V1__WatchRequest *request)
{
    uint64_t digest;
    uint64_t head = store_head(store).revision;
    if (request->epoch[0] == '\0')
        return POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_NOTHING_HELD;
    if (strcmp(request->epoch, store_epoch(store)) != 0)
        return POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_UNKNOWN_EPOCH;
    if (request->revision > head)
        return POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_REVISION_AHEAD;
    if (!store_digest_at(store, request->revision, &digest, NULL))
        return POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_COMPACTED;
    if (digest != request->digest)
        return POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_DIGEST_DIFFERS;
    return request->revision == head ? POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_SAME
                                     : POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_BEHIND;
}

static Pointsman__V1__WelcomeMode mode_for(Pointsman__V1__WelcomeReason reason)
{
    if (reason == POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_SAME)
        return POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_UP_TO_DATE;
    if (reason == POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_BEHIND)
        return POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_DELTA;
    return POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_SNAPSHOT;
}

static const char *reason_name(Pointsman__V1__WelcomeReason reason)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &pointsman__v1__welcome_reason__descriptor, (int)reason);
    return value->name + strlen("WELCOME_REASON_");
}

void watcher_start(const struct watcher_environment *environment, struct proxy *proxy,
                   struct grpc_call *call, const Pointsman__V1__WatchRequest *request)
{
    struct watcher *watcher = memory_allocate_zeroed(1, sizeof(*watcher));
    struct store *store = environment->store;
    Pointsman__V1__WelcomeReason reason = judge(store, request);
    watcher->environment = environment;
    watcher->proxy = proxy;
    watcher->call = call;
    watcher->last_report_ms = clock_now_ms();
    watcher->next_update_id = 1;

    pointsman__v1__welcome__init(&watcher->welcome);
    watcher->welcome.reason = reason;
    watcher->welcome.mode = mode_for(reason);
    watcher->welcome.epoch = (char *)store_epoch(store);
    watcher->welcome.head_revision = store_head(store).revision;
    watcher->welcome.heartbeat_interval_ms = (uint32_t)environment->options.heartbeat_interval_ms;
    watcher->welcome.protocol = FEED_PROTOCOL_MAX;
    if (watcher->welcome.protocol > request->protocol_max)
        watcher->welcome.protocol = request->protocol_max;

    proxy->watcher = watcher;
    proxy->connected_since_wall_ms = clock_wall_ms();
    proxy->last_seen_wall_ms = proxy->connected_since_wall_ms;
    watcher->has_foreign_routes =
        reason == POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_UNKNOWN_EPOCH &&
        request->revision > 0;
    watcher->needs_snapshot =
        watcher->welcome.mode == POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_SNAPSHOT;
    if (watcher->needs_snapshot) {
        /* Too old to be compared, but ours: should it reject the snapshot, that is where it stays.
         */
        bool is_known = reason == POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_COMPACTED;
        proxy->revision = is_known ? request->revision : 0;
        proxy->digest_matches = false;
    } else {
        catch_up(watcher, request->revision, request->digest);
    }
    if (reason != POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_SAME)
        proxy->behind_since_ms = watcher->last_report_ms;

    change_feed_add(environment->feed, &watcher->listener, on_change);
    event_timer_start(&watcher->heartbeat_timer, environment->loop,
                      environment->options.heartbeat_interval_ms, on_heartbeat_due, watcher);
    log_info("proxy_connected", "proxy=%s version=%s revision=%" PRIu64 " reason=%s", proxy->id,
             proxy->version, request->revision, reason_name(reason));
    if (knows_nothing(watcher))
        log_warn("proxy_keeps_its_routes",
                 "proxy=%s revision=%" PRIu64
                 " reason=\"they are of another database, and this one is new\""
                 " advice=\"restore a backup, or apply what there is to be\"",
                 proxy->id, request->revision);
    grpc_call_on_end(call, on_call_end, watcher);
    grpc_call_stream(call, pull, watcher);
    tell_change(watcher);
}
