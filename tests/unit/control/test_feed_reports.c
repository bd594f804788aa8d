/* What the feed makes of a proxy's answers, and of their absence. */
#include "control/commit_group.h"
#include "control/feed_service.h"
#include "control/proxy_registry.h"
#include "control/read_service.h"
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

/* --- several starts of a proxy --------------------------------------------------------------- */

static struct grpc_call *watch_as(struct services_fixture *fixture, const char *boot_id)
{
    Pointsman__V1__WatchRequest request = feed_new_proxy();
    request.boot_id = (char *)boot_id;
    return feed_watch(fixture, &request);
}

static size_t proxy_count(const struct services_fixture *fixture)
{
    return proxy_registry_count(fixture->services.proxies);
}

/* One takes over from the other, and both serve meanwhile. */
static void two_starts_of_a_proxy_are_both_followed(void **state)
{
    struct services_fixture *fixture = *state;
    struct grpc_call *older = feed_connected_proxy(fixture);

    struct grpc_call *newer = watch_as(fixture, "boot-2");

    assert_false(fake_call_has_ended(older));
    assert_false(fake_call_has_ended(newer));
    assert_int_equal(proxy_count(fixture), 2);
    Pointsman__V1__ReportRequest of_older = feed_sign_of_life(fixture, 0, 0);
    assert_int_equal(feed_report(fixture, &of_older), GRPC_OK);
    fake_call_free(older);
    fake_call_free(newer);
}

static void both_starts_of_a_proxy_are_waited_for(void **state)
{
    struct services_fixture *fixture = *state;
    struct grpc_call *older = feed_connected_proxy(fixture);
    struct grpc_call *newer = watch_as(fixture, "boot-2");
    feed_put(fixture, "a", 80);
    Pointsman__V1__WaitAppliedRequest request = POINTSMAN__V1__WAIT_APPLIED_REQUEST__INIT;
    struct grpc_call *wait = fake_call_new();
    read_service_wait_applied(&fixture->services, wait, &request.base);

    struct proxy *of_newer = proxy_registry_find(fixture->services.proxies, "p1", "boot-2");
    of_newer->revision = 1;
    of_newer->digest_matches = true;
    services_fixture_pass(fixture, 1000);
    assert_false(fake_call_has_ended(wait));
    feed_the_proxy(fixture)->revision = 1;
    services_fixture_pass(fixture, 1000);

    assert_true(fake_call_has_ended(wait));
    assert_int_equal(fake_call_status(wait), GRPC_OK);
    fake_call_free(wait);
    fake_call_free(older);
    fake_call_free(newer);
}

static void a_start_that_goes_is_forgotten_while_another_is_there(void **state)
{
    struct services_fixture *fixture = *state;
    struct grpc_call *older = feed_connected_proxy(fixture);
    struct grpc_call *newer = watch_as(fixture, "boot-2");

    fake_call_cancel(older);
    assert_int_equal(proxy_count(fixture), 1);
    assert_null(feed_the_proxy(fixture));
    fake_call_cancel(newer);

    const struct proxy *lost = proxy_registry_find(fixture->services.proxies, "p1", "boot-2");
    assert_int_equal(proxy_count(fixture), 1);
    assert_null(lost->watcher);
    fake_call_free(older);
    fake_call_free(newer);
}

static void a_new_start_takes_the_place_of_one_that_was_lost(void **state)
{
    struct services_fixture *fixture = *state;
    struct grpc_call *older = feed_connected_proxy(fixture);
    fake_call_cancel(older);

    struct grpc_call *newer = watch_as(fixture, "boot-2");

    assert_int_equal(proxy_count(fixture), 1);
    assert_null(feed_the_proxy(fixture));
    Pointsman__V1__ReportRequest late = feed_sign_of_life(fixture, 0, 0);
    assert_int_equal(feed_report(fixture, &late), GRPC_FAILED_PRECONDITION);
    fake_call_free(older);
    fake_call_free(newer);
}

static void another_stream_of_one_start_ends_the_one_before(void **state)
{
    struct services_fixture *fixture = *state;
    struct grpc_call *before = feed_connected_proxy(fixture);

    struct grpc_call *after = watch_as(fixture, "boot-1");

    assert_true(fake_call_has_ended(before));
    assert_int_equal(fake_call_status(before), GRPC_UNAVAILABLE);
    assert_false(fake_call_has_ended(after));
    assert_int_equal(proxy_count(fixture), 1);
    fake_call_free(before);
    fake_call_free(after);
}

/* --- who may speak --------------------------------------------------------------------------- */

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
        test(two_starts_of_a_proxy_are_both_followed),
        test(both_starts_of_a_proxy_are_waited_for),
        test(a_start_that_goes_is_forgotten_while_another_is_there),
        test(a_new_start_takes_the_place_of_one_that_was_lost),
        test(another_stream_of_one_start_ends_the_one_before),
        test(report_of_another_user_is_denied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
