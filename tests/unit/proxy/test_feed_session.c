/* What a session makes of the updates that control sends. */
#include "proto/feed_protocol.h"
#include "proto/object_digest.h"
#include "tests/unit/proxy/feed_stage.h"

#include <string.h>

static void watch_says_who_and_where_we_are(void **state)
{
    struct feed_stage *fixture = *state;
    fake_replica_set(fixture->replica, "epoch-1", 40);
    fake_replica_put(fixture->replica, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, "users",
                     SLICE("x"));

    feed_stage_open(fixture);

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
    struct feed_stage *fixture = *state;
    fake_replica_set(fixture->replica, "epoch-1", 40);
    fixture->options.wants_snapshot = true;

    feed_stage_open(fixture);

    assert_string_equal(fake_grpc_watch()->epoch, "");
    assert_int_equal(fake_grpc_watch()->revision, 0);
}

static void nobody_listening_is_an_error_of_open(void **state)
{
    struct feed_stage *fixture = *state;
    struct error err;
    fake_grpc_refuse();

    assert_null(feed_session_open(fixture->loop, &fixture->options, &err));

    assert_int_equal(err.code, ERROR_UNAVAILABLE);
    assert_int_equal(fixture->told.losses, 0);
}

static void up_to_date_needs_no_update(void **state)
{
    struct feed_stage *fixture = *state;
    feed_stage_open(fixture);

    feed_stage_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_UP_TO_DATE);

    assert_int_equal(fixture->told.up_to_date, 1);
    assert_int_equal(fixture->told.head_revision, 41);
}

static void applied_update_is_reported_after_it_was_published(void **state)
{
    struct feed_stage *fixture = *state;

    feed_stage_apply_snapshot(fixture);

    assert_int_equal(fixture->told.table_revision, 41);
    const Pointsman__V1__ReportRequest *report = fake_grpc_report();
    assert_int_equal(report->outcome_case, POINTSMAN__V1__REPORT_REQUEST__OUTCOME_APPLIED);
    assert_int_equal(report->update_id, 41);
    assert_int_equal(report->revision, 41);
    assert_string_equal(report->epoch, "epoch-1");
    assert_int_equal(report->digest, feed_stage_digest_of("users"));
    assert_int_equal(report->applied->routes, 1);
}

static void nothing_is_visible_before_the_last_message(void **state)
{
    struct feed_stage *fixture = *state;
    feed_stage_open(fixture);
    feed_stage_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_SNAPSHOT);
    Pointsman__V1__Update update = feed_stage_make_update(true, 0, 41);

    update.last = false;
    feed_stage_say_update(update, "users");
    assert_int_equal(fixture->told.tables, 0);

    update.last = true;
    update.digest = feed_stage_digest_of("users") + feed_stage_digest_of("orders");
    feed_stage_say_update(update, "orders");
    assert_int_equal(fixture->told.tables, 1);
    assert_int_equal(fake_replica_count(fixture->replica), 2);
}

static void delta_adds_to_what_is_held(void **state)
{
    struct feed_stage *fixture = *state;
    feed_stage_apply_snapshot(fixture);

    Pointsman__V1__Update update = feed_stage_make_update(false, 41, 42);
    update.digest = feed_stage_digest_of("users") + feed_stage_digest_of("orders");
    feed_stage_say_update(update, "orders");

    assert_int_equal(fixture->told.table_revision, 42);
    assert_int_equal(fake_replica_count(fixture->replica), 2);
}

static void objects_are_told_update_by_update(void **state)
{
    struct feed_stage *fixture = *state;
    feed_stage_apply_snapshot(fixture);
    assert_true(fixture->told.is_snapshot);
    assert_int_equal(fixture->told.objects, 1);

    Pointsman__V1__Update update = feed_stage_make_update(false, 41, 42);
    update.last = false;
    feed_stage_say_update(update, "orders");
    update.last = true;
    update.digest = feed_stage_digest_of("users") + feed_stage_digest_of("orders") +
                    feed_stage_digest_of("carts");
    feed_stage_say_update(update, "carts");

    assert_false(fixture->told.is_snapshot);
    assert_int_equal(fixture->told.objects, 2);
}

/* Of control of the version before: of one name there is one route, of either kind. */
static void in_the_first_protocol_a_name_is_of_either_kind(void **state)
{
    struct feed_stage *fixture = *state;
    feed_stage_open(fixture);
    feed_stage_welcome_in(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_SNAPSHOT, FEED_PROTOCOL_NAMES);
    Pointsman__V1__Update update = feed_stage_make_update(true, 0, 41);
    update.digest = feed_stage_digest_of("users");
    feed_stage_say_update(update, "users");
    assert_string_equal(fixture->told.names, "users ");

    update = feed_stage_make_update(false, 41, 42);
    update.digest = feed_stage_digest_of("users") + feed_stage_digest_of("orders");
    feed_stage_say_update(update, "orders");

    assert_string_equal(fixture->told.names, "GRPCRoute/orders-deleted orders-deleted orders ");
    assert_int_equal(fixture->told.table_revision, 42);
}

static void only_the_first_table_keeps_going(void **state)
{
    struct feed_stage *fixture = *state;
    fixture->options.keeps_going = true;
    feed_stage_apply_snapshot(fixture);
    assert_true(fake_replica_kept_going(fixture->replica));

    Pointsman__V1__Update update = feed_stage_make_update(false, 41, 42);
    update.digest = feed_stage_digest_of("users") + feed_stage_digest_of("orders");
    feed_stage_say_update(update, "orders");

    assert_false(fake_replica_kept_going(fixture->replica));
}

static void delta_on_another_base_asks_for_a_snapshot(void **state)
{
    struct feed_stage *fixture = *state;
    feed_stage_apply_snapshot(fixture);

    feed_stage_say_update(feed_stage_make_update(false, 40, 42), "orders");

    assert_int_equal(fixture->told.losses, 1);
    assert_true(fixture->told.needs_snapshot);
}

static void delta_with_another_digest_asks_for_a_snapshot(void **state)
{
    struct feed_stage *fixture = *state;
    feed_stage_apply_snapshot(fixture);

    feed_stage_say_update(feed_stage_make_update(false, 41, 42), "orders");

    assert_int_equal(fixture->told.losses, 1);
    assert_true(fixture->told.needs_snapshot);
    assert_int_equal(route_replica_revision(fixture->replica), 41);
}

static void snapshot_with_another_digest_is_rejected_and_no_loop(void **state)
{
    struct feed_stage *fixture = *state;
    feed_stage_open(fixture);
    feed_stage_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_SNAPSHOT);

    feed_stage_say_update(feed_stage_make_update(true, 0, 41), "users");

    assert_int_equal(fixture->told.rejections, 1);
    assert_int_equal(fixture->told.losses, 0);
    assert_int_equal(fake_grpc_report()->outcome_case,
                     POINTSMAN__V1__REPORT_REQUEST__OUTCOME_REJECTED);
}

static void rejection_names_the_objects_and_what_is_served(void **state)
{
    struct feed_stage *fixture = *state;
    feed_stage_apply_snapshot(fixture);
    fake_replica_fail_commit(fixture->replica, ERROR_INVALID, "no such policy");

    feed_stage_say_update(feed_stage_make_update(false, 41, 42), "orders");

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
    struct feed_stage *fixture = *state;
    feed_stage_apply_snapshot(fixture);
    fake_replica_fail_commit(fixture->replica, ERROR_INVALID, "no such policy");
    feed_stage_say_update(feed_stage_make_update(false, 41, 42), "orders");

    Pointsman__V1__Update update = feed_stage_make_update(false, 41, 43);
    update.digest = feed_stage_digest_of("users") + feed_stage_digest_of("orders");
    feed_stage_say_update(update, "orders");

    assert_int_equal(fixture->told.table_revision, 43);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, feed_stage_set_up, feed_stage_tear_down)

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
