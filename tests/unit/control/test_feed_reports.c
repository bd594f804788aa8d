/* What the feed makes of a proxy's answers, and of their absence. */
#include "control/commit_group.h"
#include "control/feed_service.h"
#include "control/proxy_registry.h"
#include "control/store.h"
#include "proto/object_digest.h"
#include "tests/unit/control/feed_fixture.h"

#include <stdio.h>
#include <stdlib.h>

/* --- rejections ----------------------------------------------------------------------------- */

static void rejected_update_is_not_sent_again_until_something_is_new(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__Update update;
    struct grpc_call *call = feed_connected_proxy(fixture);
    feed_put(fixture, "a", 1);
    feed_expect_update(call, "a", &update);

    feed_report_rejected(fixture, &update);
    feed_expect_nothing(call);
    services_fixture_pass(fixture, 5000);
    message_free((ProtobufCMessage *)feed_pull(call)); /* a heartbeat */
    feed_expect_nothing(call);
    assert_string_equal(feed_the_proxy(fixture)->last_rejection->message, "cannot be built");
    assert_string_equal(feed_the_proxy(fixture)->last_rejection->errors[0]->name, "a");

    feed_put(fixture, "b", 1);
    feed_expect_update(call, "a b", &update);
    assert_int_equal(update.base_revision, 0);
    fake_call_free(call);
}

static void after_a_rejection_offers_come_at_most_once_a_second(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__Update update;
    struct grpc_call *call = feed_connected_proxy(fixture);
    feed_put(fixture, "a", 1);
    feed_expect_update(call, "a", &update);
    feed_report_rejected(fixture, &update);

    feed_put(fixture, "b", 1);
    feed_expect_nothing(call);
    services_fixture_pass(fixture, 999);
    feed_expect_nothing(call);
    services_fixture_pass(fixture, 1);

    assert_true(fake_call_was_resumed(call));
    feed_expect_update(call, "a b", &update);
    feed_report_applied(fixture, &update, update.digest);
    assert_int_equal(feed_the_proxy(fixture)->revision, 2);
    fake_call_free(call);
}

/* --- digests -------------------------------------------------------------------------------- */

static void mismatch_leads_to_one_snapshot_and_then_counts_as_rejection(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__Update update;
    feed_put(fixture, "a", 1);
    struct grpc_call *call = feed_connected_proxy(fixture);
    feed_put(fixture, "b", 1);
    feed_expect_update(call, "b", &update);

    feed_report_applied(fixture, &update, update.digest + 1);
    assert_false(feed_the_proxy(fixture)->digest_matches);
    feed_expect_update(call, "a b", &update);
    assert_true(update.snapshot);

    feed_report_applied(fixture, &update, update.digest + 1);
    feed_expect_nothing(call);
    assert_int_equal(feed_the_proxy(fixture)->last_rejection->revision, 2);
    services_fixture_pass(fixture, 1000);
    feed_expect_nothing(call);
    fake_call_free(call);
}

static void mismatch_in_a_sign_of_life_leads_to_a_snapshot(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__Update update;
    feed_put(fixture, "a", 1);
    struct grpc_call *call = feed_connected_proxy(fixture);
    Pointsman__V1__ReportRequest request = feed_sign_of_life(fixture, 1, 12345);

    assert_int_equal(feed_report(fixture, &request), GRPC_OK);

    feed_expect_update(call, "a", &update);
    assert_true(update.snapshot);
    feed_report_applied(fixture, &update, update.digest);
    assert_true(feed_the_proxy(fixture)->digest_matches);
    fake_call_free(call);
}

static void answer_to_no_update_changes_nothing(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__Update update;
    struct grpc_call *call = feed_connected_proxy(fixture);
    feed_put(fixture, "a", 1);
    feed_expect_update(call, "a", &update);
    update.update_id += 7;

    feed_report_applied(fixture, &update, update.digest);

    assert_int_equal(feed_the_proxy(fixture)->revision, 0);
    feed_expect_nothing(call);
    fake_call_free(call);
}

/* --- heartbeats and boots ------------------------------------------------------------------- */

static void heartbeat_comes_with_each_interval(void **state)
{
    struct services_fixture *fixture = *state;
    struct grpc_call *call = feed_connected_proxy(fixture);

    services_fixture_pass(fixture, 5000);

    assert_true(fake_call_was_resumed(call));
    Pointsman__V1__WatchResponse *response = feed_pull(call);
    assert_int_equal(response->event_case, EVENT_HEARTBEAT);
    message_free(&response->base);
    feed_expect_nothing(call);
    fake_call_free(call);
}

static void three_missed_reports_end_the_stream(void **state)
{
    struct services_fixture *fixture = *state;
    struct grpc_call *call = feed_connected_proxy(fixture);
    services_fixture_pass(fixture, 5000);
    Pointsman__V1__ReportRequest request = feed_sign_of_life(fixture, 0, 0);
    assert_int_equal(feed_report(fixture, &request), GRPC_OK);

    services_fixture_pass(fixture, 5000);
    services_fixture_pass(fixture, 5000);
    assert_false(fake_call_has_ended(call));
    services_fixture_pass(fixture, 5000);

    assert_true(fake_call_has_ended(call));
    assert_int_equal(fake_call_status(call), GRPC_UNAVAILABLE);
    assert_null(feed_the_proxy(fixture)->watcher);
    fake_call_free(call);
}

static void newer_boot_ends_the_older_stream(void **state)
{
    struct services_fixture *fixture = *state;
    struct grpc_call *older = feed_connected_proxy(fixture);
    Pointsman__V1__WatchRequest request = feed_new_proxy();
    request.boot_id = (char *)"boot-2";
    request.boot_time_ms = 200;

    struct grpc_call *newer = feed_watch(fixture, &request);

    assert_true(fake_call_has_ended(older));
    assert_false(fake_call_has_ended(newer));
    Pointsman__V1__ReportRequest late = feed_sign_of_life(fixture, 0, 0);
    assert_int_equal(feed_report(fixture, &late), GRPC_FAILED_PRECONDITION);
    assert_int_equal(proxy_registry_count(fixture->services.proxies), 1);
    fake_call_free(older);
    fake_call_free(newer);
}

static void older_boot_is_refused_while_the_newer_is_connected(void **state)
{
    struct services_fixture *fixture = *state;
    struct grpc_call *newer = feed_connected_proxy(fixture);
    Pointsman__V1__WatchRequest request = feed_new_proxy();
    request.boot_id = (char *)"boot-0";
    request.boot_time_ms = 50;

    feed_watch_is_refused(fixture, &request, GRPC_FAILED_PRECONDITION);

    assert_false(fake_call_has_ended(newer));
    fake_call_free(newer);
    struct grpc_call *older = feed_watch(fixture, &request);
    assert_false(fake_call_has_ended(older));
    fake_call_free(older);
}

static void report_of_another_user_is_denied(void **state)
{
    struct services_fixture *fixture = *state;
    struct grpc_call *call = feed_connected_proxy(fixture);
    Pointsman__V1__ReportRequest request = feed_sign_of_life(fixture, 0, 0);
    struct grpc_call *other = fake_call_new();
    fake_call_set_uid(other, 7);

    feed_service_report(fixture->services.feed, other, &request);

    assert_int_equal(fake_call_status(other), GRPC_PERMISSION_DENIED);
    fake_call_free(other);
    fake_call_free(call);
}

#define test(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, services_fixture_set_up, services_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(rejected_update_is_not_sent_again_until_something_is_new),
        test(after_a_rejection_offers_come_at_most_once_a_second),
        test(mismatch_leads_to_one_snapshot_and_then_counts_as_rejection),
        test(mismatch_in_a_sign_of_life_leads_to_a_snapshot),
        test(answer_to_no_update_changes_nothing),
        test(heartbeat_comes_with_each_interval),
        test(three_missed_reports_end_the_stream),
        test(newer_boot_ends_the_older_stream),
        test(older_boot_is_refused_while_the_newer_is_connected),
        test(report_of_another_user_is_denied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
