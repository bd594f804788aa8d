#include "common/clock.h"
#include "proto/feed_protocol.h"
#include "proto/object_digest.h"
#include "proxy/feed_session.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/fake_grpc_client.h"
#include "tests/unit/proxy/fake_replica.h"

#include <stdio.h>
#include <string.h>

enum { HEARTBEAT_MS = 1000 };

/* What the session told its owner. */
struct told {
    size_t words;
    uint64_t head_revision;
    size_t up_to_date;
    size_t tables;
    uint64_t table_revision;
    size_t rejections;
    size_t losses;
    enum error_code loss_code;
    bool needs_snapshot;
    bool is_snapshot;
    size_t objects;  /* of the last update */
    char names[256]; /* theirs: "users orders-deleted " */
};

struct fixture {
    struct event_loop *loop;
    struct identity identity;
    struct route_replica *replica;
    struct feed_session_options options;
    struct feed_session *session;
    struct told told;
    uint64_t now_ms;
};

/* --- the owner ------------------------------------------------------------------------------ */

static void on_word(void *context, uint64_t head_revision)
{
    struct told *told = context;
    told->words++;
    told->head_revision = head_revision;
}

static void on_up_to_date(void *context)
{
    ((struct told *)context)->up_to_date++;
}

static void on_update(void *context, bool is_snapshot)
{
    struct told *told = context;
    told->is_snapshot = is_snapshot;
    told->objects = 0;
    told->names[0] = '\0';
}

static void on_object(void *context, Pointsman__V1__ObjectKind kind, struct slice name,
                      bool deleted, struct slice bytes)
{
    (void)kind;
    (void)bytes;
    struct told *told = context;
    size_t length = strlen(told->names);
    snprintf(told->names + length, sizeof(told->names) - length, "%.*s%s ", (int)name.length,
             name.at, deleted ? "-deleted" : "");
    told->objects++;
}

static void on_table(void *context, struct route_table *table)
{
    struct told *told = context;
    told->tables++;
    told->table_revision = route_table_revision(table);
    route_table_release(&table);
}

static void on_rejected(void *context, const struct error *err)
{
    (void)err;
    ((struct told *)context)->rejections++;
}

static void on_lost(void *context, const struct error *err, bool needs_snapshot)
{
    struct told *told = context;
    told->losses++;
    told->loss_code = err->code;
    told->needs_snapshot = needs_snapshot;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.loop = event_loop_new(), .now_ms = 1000000};
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

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    feed_session_close(fixture->session);
    assert_false(fake_grpc_is_open());
    fake_grpc_reset();
    route_replica_free(fixture->replica);
    event_loop_free(fixture->loop);
    clock_set_for_test(0);
    return 0;
}

static void open_session(struct fixture *fixture)
{
    struct error err;
    fixture->session = feed_session_open(fixture->loop, &fixture->options, &err);
    if (fixture->session == NULL)
        fail_msg("%s", err.message);
}

/* Lets `ms` pass, in steps so that timers fire in their order. */
static void pass(struct fixture *fixture, uint64_t ms)
{
    for (uint64_t end = fixture->now_ms + ms; fixture->now_ms < end;) {
        fixture->now_ms += 100;
        clock_set_for_test(fixture->now_ms);
        event_loop_run_once(fixture->loop, 0);
    }
}

/* --- control -------------------------------------------------------------------------------- */

static void say_welcome_in(Pointsman__V1__WelcomeMode mode, uint32_t protocol)
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

static void say_welcome(Pointsman__V1__WelcomeMode mode)
{
    say_welcome_in(mode, FEED_PROTOCOL_MAX);
}

static void say_heartbeat(uint64_t head_revision)
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

/* An update of one route each; its digest is right unless the test spoils it. */
static Pointsman__V1__Update make_update(bool snapshot, uint64_t base, uint64_t revision)
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

static uint64_t digest_of(const char *name)
{
    return object_digest(POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, slice_from_string(name),
                         slice_of((const char *)object_bytes, sizeof(object_bytes)));
}

static void say_update(Pointsman__V1__Update update, const char *name)
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

static void apply_snapshot(struct fixture *fixture)
{
    open_session(fixture);
    say_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_SNAPSHOT);
    Pointsman__V1__Update update = make_update(true, 0, 41);
    update.digest = digest_of("users");
    say_update(update, "users");
    assert_int_equal(fixture->told.tables, 1);
}

/* --- claims --------------------------------------------------------------------------------- */

static void watch_says_who_and_where_we_are(void **state)
{
    struct fixture *fixture = *state;
    fake_replica_set(fixture->replica, "epoch-1", 40);
    fake_replica_put(fixture->replica, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, "users",
                     SLICE("x"));

    open_session(fixture);

    const Pointsman__V1__WatchRequest *watch = fake_grpc_watch();
    assert_string_equal(watch->proxy_id, "proxy-1");
    assert_string_equal(watch->boot_id, fixture->identity.boot_id);
    assert_string_equal(watch->epoch, "epoch-1");
    assert_int_equal(watch->revision, 40);
    assert_int_equal(watch->digest, route_replica_digest(fixture->replica));
    assert_int_equal(watch->protocol_min, FEED_PROTOCOL_MIN);
    assert_int_equal(watch->protocol_max, FEED_PROTOCOL_MAX);
}

static void watch_for_a_snapshot_says_nothing_is_held(void **state)
{
    struct fixture *fixture = *state;
    fake_replica_set(fixture->replica, "epoch-1", 40);
    fixture->options.wants_snapshot = true;

    open_session(fixture);

    assert_string_equal(fake_grpc_watch()->epoch, "");
    assert_int_equal(fake_grpc_watch()->revision, 0);
}

static void nobody_listening_is_an_error_of_open(void **state)
{
    struct fixture *fixture = *state;
    struct error err;
    fake_grpc_refuse();

    assert_null(feed_session_open(fixture->loop, &fixture->options, &err));

    assert_int_equal(err.code, ERROR_UNAVAILABLE);
    assert_int_equal(fixture->told.losses, 0);
}

static void up_to_date_needs_no_update(void **state)
{
    struct fixture *fixture = *state;
    open_session(fixture);

    say_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_UP_TO_DATE);

    assert_int_equal(fixture->told.up_to_date, 1);
    assert_int_equal(fixture->told.head_revision, 41);
}

static void applied_update_is_reported_after_it_was_published(void **state)
{
    struct fixture *fixture = *state;

    apply_snapshot(fixture);

    assert_int_equal(fixture->told.table_revision, 41);
    const Pointsman__V1__ReportRequest *report = fake_grpc_report();
    assert_int_equal(report->outcome_case, POINTSMAN__V1__REPORT_REQUEST__OUTCOME_APPLIED);
    assert_int_equal(report->update_id, 41);
    assert_int_equal(report->revision, 41);
    assert_string_equal(report->epoch, "epoch-1");
    assert_int_equal(report->digest, digest_of("users"));
    assert_int_equal(report->applied->routes, 1);
}

static void nothing_is_visible_before_the_last_message(void **state)
{
    struct fixture *fixture = *state;
    open_session(fixture);
    say_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_SNAPSHOT);
    Pointsman__V1__Update update = make_update(true, 0, 41);

    update.last = false;
    say_update(update, "users");
    assert_int_equal(fixture->told.tables, 0);

    update.last = true;
    update.digest = digest_of("users") + digest_of("orders");
    say_update(update, "orders");
    assert_int_equal(fixture->told.tables, 1);
    assert_int_equal(fake_replica_count(fixture->replica), 2);
}

static void delta_adds_to_what_is_held(void **state)
{
    struct fixture *fixture = *state;
    apply_snapshot(fixture);

    Pointsman__V1__Update update = make_update(false, 41, 42);
    update.digest = digest_of("users") + digest_of("orders");
    say_update(update, "orders");

    assert_int_equal(fixture->told.table_revision, 42);
    assert_int_equal(fake_replica_count(fixture->replica), 2);
}

static void objects_are_told_update_by_update(void **state)
{
    struct fixture *fixture = *state;
    apply_snapshot(fixture);
    assert_true(fixture->told.is_snapshot);
    assert_int_equal(fixture->told.objects, 1);

    Pointsman__V1__Update update = make_update(false, 41, 42);
    update.last = false;
    say_update(update, "orders");
    update.last = true;
    update.digest = digest_of("users") + digest_of("orders") + digest_of("carts");
    say_update(update, "carts");

    assert_false(fixture->told.is_snapshot);
    assert_int_equal(fixture->told.objects, 2);
}

/* Of control of the version before: of one name there is one route, of either kind. */
static void in_the_first_protocol_a_name_is_of_either_kind(void **state)
{
    struct fixture *fixture = *state;
    open_session(fixture);
    say_welcome_in(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_SNAPSHOT, FEED_PROTOCOL_NAMES);
    Pointsman__V1__Update update = make_update(true, 0, 41);
    update.digest = digest_of("users");
    say_update(update, "users");
    assert_string_equal(fixture->told.names, "users ");

    update = make_update(false, 41, 42);
    update.digest = digest_of("users") + digest_of("orders");
    say_update(update, "orders");

    assert_string_equal(fixture->told.names, "GRPCRoute/orders-deleted orders-deleted orders ");
    assert_int_equal(fixture->told.table_revision, 42);
}

static void only_the_first_table_keeps_going(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.keeps_going = true;
    apply_snapshot(fixture);
    assert_true(fake_replica_kept_going(fixture->replica));

    Pointsman__V1__Update update = make_update(false, 41, 42);
    update.digest = digest_of("users") + digest_of("orders");
    say_update(update, "orders");

    assert_false(fake_replica_kept_going(fixture->replica));
}

static void delta_on_another_base_asks_for_a_snapshot(void **state)
{
    struct fixture *fixture = *state;
    apply_snapshot(fixture);

    say_update(make_update(false, 40, 42), "orders");

    assert_int_equal(fixture->told.losses, 1);
    assert_true(fixture->told.needs_snapshot);
}

static void delta_with_another_digest_asks_for_a_snapshot(void **state)
{
    struct fixture *fixture = *state;
    apply_snapshot(fixture);

    say_update(make_update(false, 41, 42), "orders");

    assert_int_equal(fixture->told.losses, 1);
    assert_true(fixture->told.needs_snapshot);
    assert_int_equal(route_replica_revision(fixture->replica), 41);
}

static void snapshot_with_another_digest_is_rejected_and_no_loop(void **state)
{
    struct fixture *fixture = *state;
    open_session(fixture);
    say_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_SNAPSHOT);

    say_update(make_update(true, 0, 41), "users");

    assert_int_equal(fixture->told.rejections, 1);
    assert_int_equal(fixture->told.losses, 0);
    assert_int_equal(fake_grpc_report()->outcome_case,
                     POINTSMAN__V1__REPORT_REQUEST__OUTCOME_REJECTED);
}

static void rejection_names_the_objects_and_what_is_served(void **state)
{
    struct fixture *fixture = *state;
    apply_snapshot(fixture);
    fake_replica_fail_commit(fixture->replica, ERROR_INVALID, "no such policy");

    say_update(make_update(false, 41, 42), "orders");

    const Pointsman__V1__ReportRequest *report = fake_grpc_report();
    assert_int_equal(report->outcome_case, POINTSMAN__V1__REPORT_REQUEST__OUTCOME_REJECTED);
    assert_int_equal(report->update_id, 42);
    assert_int_equal(report->revision, 41);
    assert_string_equal(report->rejected->message, "no such policy");
    assert_int_equal(report->rejected->n_errors, 1);
    assert_string_equal(report->rejected->errors[0]->name, "users");
    assert_int_equal(fixture->told.rejections, 1);
    assert_int_equal(fixture->told.tables, 1);
}

static void update_after_a_rejection_is_applied(void **state)
{
    struct fixture *fixture = *state;
    apply_snapshot(fixture);
    fake_replica_fail_commit(fixture->replica, ERROR_INVALID, "no such policy");
    say_update(make_update(false, 41, 42), "orders");

    Pointsman__V1__Update update = make_update(false, 41, 43);
    update.digest = digest_of("users") + digest_of("orders");
    say_update(update, "orders");

    assert_int_equal(fixture->told.table_revision, 43);
}

static void signs_of_life_go_out_each_interval(void **state)
{
    struct fixture *fixture = *state;
    open_session(fixture);
    say_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_UP_TO_DATE);

    size_t before = fake_grpc_report_count();
    for (int i = 0; i < 3; i++) {
        pass(fixture, HEARTBEAT_MS);
        say_heartbeat(41);
    }

    assert_int_equal(fake_grpc_report_count(), before + 3);
    assert_int_equal(fake_grpc_report()->outcome_case,
                     POINTSMAN__V1__REPORT_REQUEST__OUTCOME__NOT_SET);
    assert_int_equal(fixture->told.losses, 0);
}

static void three_missed_heartbeats_end_the_session(void **state)
{
    struct fixture *fixture = *state;
    open_session(fixture);
    say_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_UP_TO_DATE);

    pass(fixture, 3 * HEARTBEAT_MS - 100);
    assert_int_equal(fixture->told.losses, 0);
    pass(fixture, 100);

    assert_int_equal(fixture->told.losses, 1);
    assert_int_equal(fixture->told.loss_code, ERROR_TIMEOUT);
    assert_false(fixture->told.needs_snapshot);
}

static void control_that_never_says_welcome_is_given_up(void **state)
{
    struct fixture *fixture = *state;
    open_session(fixture);

    pass(fixture, 5000);

    assert_int_equal(fixture->told.losses, 1);
    assert_int_equal(fixture->told.loss_code, ERROR_TIMEOUT);
}

static void anything_before_welcome_ends_the_session(void **state)
{
    struct fixture *fixture = *state;
    open_session(fixture);

    say_heartbeat(41);

    assert_int_equal(fixture->told.losses, 1);
}

static void welcome_in_another_protocol_ends_the_session(void **state)
{
    struct fixture *fixture = *state;
    open_session(fixture);

    say_welcome_in(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_UP_TO_DATE, FEED_PROTOCOL_MAX + 1);

    assert_int_equal(fixture->told.losses, 1);
    assert_int_equal(fixture->told.up_to_date, 0);
}

static void second_welcome_ends_the_session(void **state)
{
    struct fixture *fixture = *state;
    open_session(fixture);
    say_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_UP_TO_DATE);

    say_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_UP_TO_DATE);

    assert_int_equal(fixture->told.losses, 1);
}

static void garbage_ends_the_session(void **state)
{
    struct fixture *fixture = *state;
    open_session(fixture);

    fake_grpc_say_bytes(SLICE("\xff\xff\xff"));

    assert_int_equal(fixture->told.losses, 1);
}

static void end_of_feed_connection_or_report_is_told_once(void **state)
{
    struct fixture *fixture = *state;
    open_session(fixture);
    say_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_UP_TO_DATE);
    pass(fixture, HEARTBEAT_MS);

    fake_grpc_end_report(GRPC_UNAVAILABLE, "gone");
    fake_grpc_end_watch(GRPC_UNAVAILABLE, "gone");
    fake_grpc_close();

    assert_int_equal(fixture->told.losses, 1);
    assert_int_equal(fixture->told.loss_code, ERROR_UNAVAILABLE);
}

static void lost_session_neither_listens_nor_speaks(void **state)
{
    struct fixture *fixture = *state;
    apply_snapshot(fixture);
    fake_grpc_end_watch(GRPC_UNAVAILABLE, "gone");
    size_t reports = fake_grpc_report_count();

    Pointsman__V1__Update update = make_update(false, 41, 42);
    update.digest = digest_of("users") + digest_of("orders");
    say_update(update, "orders");
    pass(fixture, 10 * HEARTBEAT_MS);

    assert_int_equal(fixture->told.tables, 1);
    assert_int_equal(fake_grpc_report_count(), reports);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(watch_says_who_and_where_we_are),
        TEST(watch_for_a_snapshot_says_nothing_is_held),
        TEST(nobody_listening_is_an_error_of_open),
        TEST(up_to_date_needs_no_update),
        TEST(applied_update_is_reported_after_it_was_published),
        TEST(nothing_is_visible_before_the_last_message),
        TEST(delta_adds_to_what_is_held),
        TEST(objects_are_told_update_by_update),
        TEST(in_the_first_protocol_a_name_is_of_either_kind),
        TEST(only_the_first_table_keeps_going),
        TEST(delta_on_another_base_asks_for_a_snapshot),
        TEST(delta_with_another_digest_asks_for_a_snapshot),
        TEST(snapshot_with_another_digest_is_rejected_and_no_loop),
        TEST(rejection_names_the_objects_and_what_is_served),
        TEST(update_after_a_rejection_is_applied),
        TEST(signs_of_life_go_out_each_interval),
        TEST(three_missed_heartbeats_end_the_session),
        TEST(control_that_never_says_welcome_is_given_up),
        TEST(anything_before_welcome_ends_the_session),
        TEST(welcome_in_another_protocol_ends_the_session),
        TEST(second_welcome_ends_the_session),
        TEST(garbage_ends_the_session),
        TEST(end_of_feed_connection_or_report_is_told_once),
        TEST(lost_session_neither_listens_nor_speaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
