#include "tests/unit/proxy/feed_stage.h"

#include "common/clock.h"
#include "proto/feed_protocol.h"
#include "proto/object_digest.h"

#include <stdio.h>
#include <string.h>

/* --- the owner ------------------------------------------------------------------------------ */

static void on_word(void *context, uint64_t head_revision)
{
    struct feed_told *told = context;
    told->words++;
    told->head_revision = head_revision;
}

static void on_up_to_date(void *context)
{
    ((struct feed_told *)context)->up_to_date++;
}

static void on_update(void *context, bool is_snapshot)
{
    struct feed_told *told = context;
    told->is_snapshot = is_snapshot;
    told->objects = 0;
    told->names[0] = '\0';
}

static void on_object(void *context, Pointsman__V1__ObjectKind kind, struct slice name,
                      bool deleted, struct slice bytes)
{
    (void)kind;
    (void)bytes;
    struct feed_told *told = context;
    size_t length = strlen(told->names);
    snprintf(told->names + length, sizeof(told->names) - length, "%.*s%s ", (int)name.length,
             name.at, deleted ? "-deleted" : "");
    told->objects++;
}

static void on_table(void *context, struct route_table *table)
{
    struct feed_told *told = context;
    told->tables++;
    told->table_revision = route_table_revision(table);
    route_table_release(&table);
}

static void on_rejected(void *context, const struct error *err)
{
    (void)err;
    ((struct feed_told *)context)->rejections++;
}

static void on_lost(void *context, const struct error *err, bool needs_snapshot)
{
    struct feed_told *told = context;
    told->losses++;
    told->loss_code = err->code;
    told->needs_snapshot = needs_snapshot;
}

int feed_stage_set_up(void **state)
{
    static struct feed_stage fixture;
    fixture = (struct feed_stage){.loop = event_loop_new(), .now_ms = 1000000};
    clock_set_for_test(fixture.now_ms);
    fixture.replica = route_replica_new(NULL);
    assert_true(identity_init(&fixture.identity, "proxy-1", NULL, NULL));
    fixture.options = (struct feed_session_options){
        .socket_path = "control.sock",
        .identity = &fixture.identity,
        .replica = fixture.replica,
        .on_word = on_word,
        .on_up_to_date = on_up_to_date,
        .on_update = on_update,
        .on_object = on_object,
        .on_table = on_table,
        .on_rejected = on_rejected,
        .on_lost = on_lost,
        .context = &fixture.told,
    };
    *state = &fixture;
    return 0;
}

int feed_stage_tear_down(void **state)
{
    struct feed_stage *fixture = *state;
    feed_session_close(fixture->session);
    assert_false(fake_grpc_is_open());
    fake_grpc_reset();
    route_replica_free(fixture->replica);
    event_loop_free(fixture->loop);
    clock_set_for_test(0);
    return 0;
}

void feed_stage_open(struct feed_stage *fixture)
{
    struct error err;
    fixture->session = feed_session_open(fixture->loop, &fixture->options, &err);
    if (fixture->session == NULL)
        fail_msg("%s", err.message);
}

/* Lets `ms` feed_stage_pass, in steps so that timers fire in their order. */
void feed_stage_pass(struct feed_stage *fixture, uint64_t ms)
{
    for (uint64_t end = fixture->now_ms + ms; fixture->now_ms < end;) {
        fixture->now_ms += 100;
        clock_set_for_test(fixture->now_ms);
        event_loop_run_once(fixture->loop, 0);
    }
}

/* --- control -------------------------------------------------------------------------------- */

void feed_stage_welcome_in(Pointsman__V1__WelcomeMode mode, uint32_t protocol)
{
    Pointsman__V1__Welcome welcome;
    pointsman__v1__welcome__init(&welcome);
    welcome.mode = mode;
    welcome.epoch = (char *)"epoch-1";
    welcome.head_revision = 41;
    welcome.heartbeat_interval_ms = HEARTBEAT_MS;
    welcome.protocol = protocol;
    Pointsman__V1__WatchResponse response;
    pointsman__v1__watch_response__init(&response);
    response.event_case = POINTSMAN__V1__WATCH_RESPONSE__EVENT_WELCOME;
    response.welcome = &welcome;
    fake_grpc_say(&response);
}

void feed_stage_welcome(Pointsman__V1__WelcomeMode mode)
{
    feed_stage_welcome_in(mode, FEED_PROTOCOL_MAX);
}

void feed_stage_heartbeat(uint64_t head_revision)
{
    Pointsman__V1__Heartbeat heartbeat;
    pointsman__v1__heartbeat__init(&heartbeat);
    heartbeat.head_revision = head_revision;
    Pointsman__V1__WatchResponse response;
    pointsman__v1__watch_response__init(&response);
    response.event_case = POINTSMAN__V1__WATCH_RESPONSE__EVENT_HEARTBEAT;
    response.heartbeat = &heartbeat;
    fake_grpc_say(&response);
}

Pointsman__V1__Update feed_stage_make_update(bool snapshot, uint64_t base, uint64_t revision)
{
    Pointsman__V1__Update update;
    pointsman__v1__update__init(&update);
    update.update_id = revision;
    update.snapshot = snapshot;
    update.base_revision = base;
    update.revision = revision;
    update.last = true;
    return update;
}

static const uint8_t object_bytes[] = "bytes";

uint64_t feed_stage_digest_of(const char *name)
{
    return object_digest(POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, slice_from_string(name),
                         slice_of((const char *)object_bytes, sizeof(object_bytes)));
}

void feed_stage_say_update(Pointsman__V1__Update update, const char *name)
{
    FeedObjectMessage object;
    pointsman__v1__feed_object__init(&object);
    object.kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    object.name = (char *)name;
    object.object.data = (uint8_t *)object_bytes;
    object.object.len = sizeof(object_bytes);
    FeedObjectMessage *objects[] = {&object};
    update.objects = objects;
    update.n_objects = 1;

    Pointsman__V1__WatchResponse response;
    pointsman__v1__watch_response__init(&response);
    response.event_case = POINTSMAN__V1__WATCH_RESPONSE__EVENT_UPDATE;
    response.update = &update;
    fake_grpc_say(&response);
}

void feed_stage_apply_snapshot(struct feed_stage *fixture)
{
    feed_stage_open(fixture);
    feed_stage_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_SNAPSHOT);
    Pointsman__V1__Update update = feed_stage_make_update(true, 0, 41);
    update.digest = feed_stage_digest_of("users");
    feed_stage_say_update(update, "users");
    assert_int_equal(fixture->told.tables, 1);
}
