#include "control/commit_group.h"
#include "control/feed_service.h"
#include "control/proxy_registry.h"
#include "control/store.h"
#include "proto/object_digest.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/services_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define SNAPSHOT POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_SNAPSHOT
#define DELTA POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_DELTA
#define UP_TO_DATE POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_UP_TO_DATE

#define EVENT_WELCOME POINTSMAN__V1__WATCH_RESPONSE__EVENT_WELCOME
#define EVENT_UPDATE POINTSMAN__V1__WATCH_RESPONSE__EVENT_UPDATE
#define EVENT_HEARTBEAT POINTSMAN__V1__WATCH_RESPONSE__EVENT_HEARTBEAT

/* --- a proxy -------------------------------------------------------------------------------- */

static struct grpc_call *watch(struct services_fixture *fixture,
                               Pointsman__V1__WatchRequest *request)
{
    struct grpc_call *call = fake_call_new();
    feed_service_watch(fixture->services.feed, call, request);
    return call;
}

static Pointsman__V1__WatchRequest new_proxy(void)
{
    Pointsman__V1__WatchRequest request = POINTSMAN__V1__WATCH_REQUEST__INIT;
    request.proxy_id = (char *)"p1";
    request.boot_id = (char *)"boot-1";
    request.boot_time_ms = 100;
    request.version = (char *)"0.1.0";
    request.protocol_min = 1;
    request.protocol_max = 1;
    return request;
}

static Pointsman__V1__WatchResponse *pull(struct grpc_call *call)
{
    return (Pointsman__V1__WatchResponse *)fake_call_pull(
        call, &pointsman__v1__watch_response__descriptor);
}

static void expect_welcome(struct grpc_call *call, Pointsman__V1__WelcomeMode mode,
                           Pointsman__V1__WelcomeReason reason)
{
    Pointsman__V1__WatchResponse *response = pull(call);
    assert_non_null(response);
    assert_int_equal(response->event_case, EVENT_WELCOME);
    assert_int_equal(response->welcome->mode, mode);
    assert_int_equal(response->welcome->reason, reason);
    assert_int_equal(response->welcome->protocol, 1);
    message_free(&response->base);
}

static void expect_nothing(struct grpc_call *call)
{
    assert_null(pull(call));
    assert_false(fake_call_has_ended(call));
}

/* An update of one message. Its objects as "api b-deleted"; its head goes to `*update`. */
static void expect_update(struct grpc_call *call, const char *objects,
                          Pointsman__V1__Update *update)
{
    Pointsman__V1__WatchResponse *response = pull(call);
    struct buffer names = BUFFER_EMPTY;
    assert_non_null(response);
    assert_int_equal(response->event_case, EVENT_UPDATE);
    assert_true(response->update->last);
    for (size_t i = 0; i < response->update->n_objects; i++)
        buffer_printf(&names, "%s%s%s", i == 0 ? "" : " ", response->update->objects[i]->name,
                      response->update->objects[i]->deleted ? "-deleted" : "");
    assert_string_equal(buffer_string(&names), objects);
    buffer_clear(&names);
    *update = *response->update;
    message_free(&response->base);
}

static enum grpc_status report(struct services_fixture *fixture,
                               const Pointsman__V1__ReportRequest *request)
{
    struct grpc_call *call = fake_call_new();
    feed_service_report(fixture->services.feed, call, request);
    assert_true(fake_call_has_ended(call));
    enum grpc_status status = fake_call_status(call);
    fake_call_free(call);
    return status;
}

static Pointsman__V1__ReportRequest sign_of_life(struct services_fixture *fixture,
                                                 uint64_t revision, uint64_t digest)
{
    Pointsman__V1__ReportRequest request = POINTSMAN__V1__REPORT_REQUEST__INIT;
    request.proxy_id = (char *)"p1";
    request.boot_id = (char *)"boot-1";
    request.epoch = (char *)store_epoch(fixture->services.store);
    request.revision = revision;
    request.digest = digest;
    return request;
}

static void report_applied(struct services_fixture *fixture, const Pointsman__V1__Update *update,
                           uint64_t digest)
{
    Pointsman__V1__ReportRequest request = sign_of_life(fixture, update->revision, digest);
    Pointsman__V1__Applied applied = POINTSMAN__V1__APPLIED__INIT;
    request.update_id = update->update_id;
    request.outcome_case = POINTSMAN__V1__REPORT_REQUEST__OUTCOME_APPLIED;
    request.applied = &applied;
    assert_int_equal(report(fixture, &request), GRPC_OK);
}

static void report_rejected(struct services_fixture *fixture, const Pointsman__V1__Update *update)
{
    Pointsman__V1__ReportRequest request = sign_of_life(fixture, update->base_revision, 0);
    Pointsman__V1__Rejected rejected = POINTSMAN__V1__REJECTED__INIT;
    Pointsman__V1__ObjectError object = POINTSMAN__V1__OBJECT_ERROR__INIT;
    Pointsman__V1__ObjectError *objects[] = {&object};
    object.name = (char *)"a";
    rejected.message = (char *)"cannot be built";
    rejected.n_errors = 1;
    rejected.errors = objects;
    request.update_id = update->update_id;
    request.outcome_case = POINTSMAN__V1__REPORT_REQUEST__OUTCOME_REJECTED;
    request.rejected = &rejected;
    assert_int_equal(report(fixture, &request), GRPC_OK);
}

/* A proxy that has applied what there is. */
static struct grpc_call *connected_proxy(struct services_fixture *fixture)
{
    Pointsman__V1__WatchRequest request = new_proxy();
    struct store_head head = store_head(fixture->services.store);
    request.epoch = (char *)store_epoch(fixture->services.store);
    request.revision = head.revision;
    request.digest = head.digest;
    struct grpc_call *call = watch(fixture, &request);
    expect_welcome(call, UP_TO_DATE, POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_SAME);
    expect_nothing(call);
    return call;
}

static struct proxy *the_proxy(struct services_fixture *fixture)
{
    return proxy_registry_find(fixture->services.proxies, "p1");
}

static void put(struct services_fixture *fixture, const char *name, uint32_t port)
{
    apply_ok(fixture, make_apply(put_backend(name, port), NULL));
}

/* --- welcome -------------------------------------------------------------------------------- */

static void new_proxy_gets_a_snapshot(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__WatchRequest request = new_proxy();
    Pointsman__V1__Update update;
    apply_ok(fixture, make_apply(put_backend("b", 1), put_route("a", "b"), NULL));

    struct grpc_call *call = watch(fixture, &request);

    expect_welcome(call, SNAPSHOT, POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_NOTHING_HELD);
    expect_update(call, "a b", &update);
    assert_true(update.snapshot);
    assert_int_equal(update.base_revision, 0);
    assert_int_equal(update.revision, 1);
    assert_int_equal(update.digest, store_head(fixture->services.store).digest);
    fake_call_free(call);
}

static void empty_store_is_a_snapshot_too(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__WatchRequest request = new_proxy();
    Pointsman__V1__Update update;

    struct grpc_call *call = watch(fixture, &request);

    expect_welcome(call, SNAPSHOT, POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_NOTHING_HELD);
    expect_update(call, "", &update);
    assert_true(update.snapshot);
    fake_call_free(call);
}

static void proxy_behind_gets_a_delta_from_its_base(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__WatchRequest request = new_proxy();
    Pointsman__V1__Update update;
    put(fixture, "a", 1);
    request.epoch = (char *)store_epoch(fixture->services.store);
    request.revision = 1;
    request.digest = store_head(fixture->services.store).digest;
    put(fixture, "b", 1);

    struct grpc_call *call = watch(fixture, &request);

    expect_welcome(call, DELTA, POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_BEHIND);
    expect_update(call, "b", &update);
    assert_false(update.snapshot);
    assert_int_equal(update.base_revision, 1);
    assert_int_equal(update.revision, 2);
    fake_call_free(call);
}

static void expect_snapshot_because(struct services_fixture *fixture,
                                    Pointsman__V1__WatchRequest *request,
                                    Pointsman__V1__WelcomeReason reason)
{
    Pointsman__V1__Update update;
    struct grpc_call *call = watch(fixture, request);
    expect_welcome(call, SNAPSHOT, reason);
    expect_update(call, "a", &update);
    assert_true(update.snapshot);
    fake_call_free(call);
}

static void in_doubt_it_is_a_snapshot_with_its_reason(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__WatchRequest request = new_proxy();
    put(fixture, "a", 1);
    put(fixture, "a", 2);

    request.epoch = (char *)"another";
    request.revision = 2;
    expect_snapshot_because(fixture, &request,
                            POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_UNKNOWN_EPOCH);
    request.epoch = (char *)store_epoch(fixture->services.store);
    request.revision = 3;
    expect_snapshot_because(fixture, &request,
                            POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_REVISION_AHEAD);
    request.revision = 2;
    request.digest = 5;
    expect_snapshot_because(fixture, &request,
                            POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_DIGEST_DIFFERS);
    assert_int_equal(proxy_registry_at(fixture->services.proxies, 0)->revision, 0);

    struct store *store = fixture->services.store;
    assert_true(store_transaction_begin(store, NULL));
    assert_true(store_commit_begin(store, NULL));
    assert_true(store_compact(store, 2, 10, NULL));
    assert_true(store_commit_end(store, NULL, NULL));
    assert_true(store_transaction_end(store, NULL));
    request.revision = 1;
    expect_snapshot_because(fixture, &request,
                            POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_COMPACTED);
    assert_int_equal(proxy_registry_at(fixture->services.proxies, 0)->revision, 1);
}

static void watch_is_refused(struct services_fixture *fixture, Pointsman__V1__WatchRequest *request,
                             enum grpc_status status)
{
    struct grpc_call *call = watch(fixture, request);
    assert_true(fake_call_has_ended(call));
    assert_int_equal(fake_call_status(call), status);
    fake_call_free(call);
}

static void bad_watch_requests_are_refused(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__WatchRequest request = new_proxy();
    request.proxy_id = (char *)"two words";
    watch_is_refused(fixture, &request, GRPC_INVALID_ARGUMENT);
    request = new_proxy();
    request.boot_id = (char *)"";
    watch_is_refused(fixture, &request, GRPC_INVALID_ARGUMENT);
    request = new_proxy();
    request.protocol_min = 2;
    request.protocol_max = 3;
    watch_is_refused(fixture, &request, GRPC_UNIMPLEMENTED);
    request.protocol_min = request.protocol_max = 0;
    watch_is_refused(fixture, &request, GRPC_UNIMPLEMENTED);
}

static void the_protocol_that_both_speak_is_chosen(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__WatchRequest request = new_proxy();
    request.protocol_min = 0;
    request.protocol_max = 9;

    struct grpc_call *call = watch(fixture, &request);

    /* The welcome names protocol 1. */
    expect_welcome(call, SNAPSHOT, POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_NOTHING_HELD);
    fake_call_free(call);
}

/* --- updates -------------------------------------------------------------------------------- */

static void commit_wakes_the_stream_and_leaves_as_a_delta(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__Update update;
    struct grpc_call *call = connected_proxy(fixture);

    put(fixture, "a", 1);

    assert_true(fake_call_was_resumed(call));
    expect_update(call, "a", &update);
    assert_int_equal(update.base_revision, 0);
    assert_int_equal(update.revision, 1);
    report_applied(fixture, &update, update.digest);
    expect_nothing(call);
    assert_int_equal(the_proxy(fixture)->revision, 1);
    assert_true(the_proxy(fixture)->digest_matches);
    assert_int_equal(the_proxy(fixture)->behind_since_ms, 0);
    fake_call_free(call);
}

static void commits_wait_for_the_report_and_leave_as_one(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__Update update;
    struct grpc_call *call = connected_proxy(fixture);
    put(fixture, "a", 1);
    expect_update(call, "a", &update);
    put(fixture, "b", 1);
    put(fixture, "a", 2);
    put(fixture, "b", 2);
    apply_ok(fixture, make_apply(delete_backend("b"), NULL));
    expect_nothing(call);

    report_applied(fixture, &update, update.digest);

    assert_true(fake_call_was_resumed(call));
    assert_int_not_equal(the_proxy(fixture)->behind_since_ms, 0);
    expect_update(call, "a b-deleted", &update);
    assert_int_equal(update.base_revision, 1);
    assert_int_equal(update.revision, 5);
    assert_int_equal(update.digest, store_head(fixture->services.store).digest);
    fake_call_free(call);
}

static void large_snapshot_comes_in_messages_and_stays_at_its_revision(void **state)
{
    struct services_fixture *fixture = *state;
    enum { BACKENDS = 40, LABEL_BYTES = 40 * 1024 };
    Pointsman__V1__WatchRequest request = new_proxy();
    char *value = memory_allocate_zeroed(LABEL_BYTES, 1);
    memset(value, '\'', LABEL_BYTES - 1);
    for (int i = 0; i < BACKENDS; i++) {
        char name[16];
        MutationMessage *mutation;
        snprintf(name, sizeof(name), "b%02d", i);
        mutation = put_backend(name, 1);
        mutation->put_backend->load_balancing = NULL;
        mutation->put_backend->endpoints[0]->address = value;
        /* Straight into the store: no validator would take it. */
        struct buffer bytes = BUFFER_EMPTY;
        message_pack(&mutation->put_backend->base, &bytes);
        struct slice after = buffer_slice(&bytes);
        const struct store_write write = {
            .kind = BACKEND, .name = name, .created_revision = 1, .after = &after};
        const struct store_commit commit = {.command = "", .message = "", .request_id = ""};
        struct store *store = fixture->services.store;
        assert_true(store_transaction_begin(store, NULL));
        assert_true(store_commit_begin(store, NULL));
        assert_true(store_write(store, &write, NULL));
        assert_true(store_commit_end(store, &commit, NULL));
        assert_true(store_transaction_end(store, NULL));
        buffer_clear(&bytes);
    }
    struct store_head head = store_head(fixture->services.store);
    struct grpc_call *call = watch(fixture, &request);
    expect_welcome(call, SNAPSHOT, POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_NOTHING_HELD);

    uint64_t digest = 0;
    size_t messages = 0;
    size_t objects = 0;
    bool is_last = false;
    while (!is_last) {
        Pointsman__V1__WatchResponse *response = pull(call);
        assert_non_null(response);
        assert_int_equal(response->update->revision, head.revision);
        for (size_t i = 0; i < response->update->n_objects; i++, objects++) {
            const FeedObjectMessage *object = response->update->objects[i];
            digest +=
                object_digest(object->kind, slice_from_string(object->name),
                              slice_of((const char *)object->object.data, object->object.len));
        }
        is_last = response->update->last;
        messages++;
        message_free(&response->base);
        put(fixture, "meanwhile", (uint32_t)messages);
    }

    assert_int_equal(objects, BACKENDS);
    assert_int_equal(messages, 4);
    assert_int_equal(digest, head.digest);
    fake_call_free(call);
    free(value);
}

/* --- rejections ----------------------------------------------------------------------------- */

static void rejected_update_is_not_sent_again_until_something_is_new(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__Update update;
    struct grpc_call *call = connected_proxy(fixture);
    put(fixture, "a", 1);
    expect_update(call, "a", &update);

    report_rejected(fixture, &update);
    expect_nothing(call);
    services_fixture_pass(fixture, 5000);
    message_free((ProtobufCMessage *)pull(call)); /* a heartbeat */
    expect_nothing(call);
    assert_string_equal(the_proxy(fixture)->last_rejection->message, "cannot be built");
    assert_string_equal(the_proxy(fixture)->last_rejection->errors[0]->name, "a");

    put(fixture, "b", 1);
    expect_update(call, "a b", &update);
    assert_int_equal(update.base_revision, 0);
    fake_call_free(call);
}

static void after_a_rejection_offers_come_at_most_once_a_second(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__Update update;
    struct grpc_call *call = connected_proxy(fixture);
    put(fixture, "a", 1);
    expect_update(call, "a", &update);
    report_rejected(fixture, &update);

    put(fixture, "b", 1);
    expect_nothing(call);
    services_fixture_pass(fixture, 999);
    expect_nothing(call);
    services_fixture_pass(fixture, 1);

    assert_true(fake_call_was_resumed(call));
    expect_update(call, "a b", &update);
    report_applied(fixture, &update, update.digest);
    assert_int_equal(the_proxy(fixture)->revision, 2);
    fake_call_free(call);
}

/* --- digests -------------------------------------------------------------------------------- */

static void mismatch_leads_to_one_snapshot_and_then_counts_as_rejection(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__Update update;
    put(fixture, "a", 1);
    struct grpc_call *call = connected_proxy(fixture);
    put(fixture, "b", 1);
    expect_update(call, "b", &update);

    report_applied(fixture, &update, update.digest + 1);
    assert_false(the_proxy(fixture)->digest_matches);
    expect_update(call, "a b", &update);
    assert_true(update.snapshot);

    report_applied(fixture, &update, update.digest + 1);
    expect_nothing(call);
    assert_int_equal(the_proxy(fixture)->last_rejection->revision, 2);
    services_fixture_pass(fixture, 1000);
    expect_nothing(call);
    fake_call_free(call);
}

static void mismatch_in_a_sign_of_life_leads_to_a_snapshot(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__Update update;
    put(fixture, "a", 1);
    struct grpc_call *call = connected_proxy(fixture);
    Pointsman__V1__ReportRequest request = sign_of_life(fixture, 1, 12345);

    assert_int_equal(report(fixture, &request), GRPC_OK);

    expect_update(call, "a", &update);
    assert_true(update.snapshot);
    report_applied(fixture, &update, update.digest);
    assert_true(the_proxy(fixture)->digest_matches);
    fake_call_free(call);
}

static void answer_to_no_update_changes_nothing(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__Update update;
    struct grpc_call *call = connected_proxy(fixture);
    put(fixture, "a", 1);
    expect_update(call, "a", &update);
    update.update_id += 7;

    report_applied(fixture, &update, update.digest);

    assert_int_equal(the_proxy(fixture)->revision, 0);
    expect_nothing(call);
    fake_call_free(call);
}

/* --- heartbeats and boots ------------------------------------------------------------------- */

static void heartbeat_comes_with_each_interval(void **state)
{
    struct services_fixture *fixture = *state;
    struct grpc_call *call = connected_proxy(fixture);

    services_fixture_pass(fixture, 5000);

    assert_true(fake_call_was_resumed(call));
    Pointsman__V1__WatchResponse *response = pull(call);
    assert_int_equal(response->event_case, EVENT_HEARTBEAT);
    message_free(&response->base);
    expect_nothing(call);
    fake_call_free(call);
}

static void three_missed_reports_end_the_stream(void **state)
{
    struct services_fixture *fixture = *state;
    struct grpc_call *call = connected_proxy(fixture);
    services_fixture_pass(fixture, 5000);
    Pointsman__V1__ReportRequest request = sign_of_life(fixture, 0, 0);
    assert_int_equal(report(fixture, &request), GRPC_OK);

    services_fixture_pass(fixture, 5000);
    services_fixture_pass(fixture, 5000);
    assert_false(fake_call_has_ended(call));
    services_fixture_pass(fixture, 5000);

    assert_true(fake_call_has_ended(call));
    assert_int_equal(fake_call_status(call), GRPC_UNAVAILABLE);
    assert_null(the_proxy(fixture)->watcher);
    fake_call_free(call);
}

static void newer_boot_ends_the_older_stream(void **state)
{
    struct services_fixture *fixture = *state;
    struct grpc_call *older = connected_proxy(fixture);
    Pointsman__V1__WatchRequest request = new_proxy();
    request.boot_id = (char *)"boot-2";
    request.boot_time_ms = 200;

    struct grpc_call *newer = watch(fixture, &request);

    assert_true(fake_call_has_ended(older));
    assert_false(fake_call_has_ended(newer));
    Pointsman__V1__ReportRequest late = sign_of_life(fixture, 0, 0);
    assert_int_equal(report(fixture, &late), GRPC_FAILED_PRECONDITION);
    assert_int_equal(proxy_registry_count(fixture->services.proxies), 1);
    fake_call_free(older);
    fake_call_free(newer);
}

static void older_boot_is_refused_while_the_newer_is_connected(void **state)
{
    struct services_fixture *fixture = *state;
    struct grpc_call *newer = connected_proxy(fixture);
    Pointsman__V1__WatchRequest request = new_proxy();
    request.boot_id = (char *)"boot-0";
    request.boot_time_ms = 50;

    watch_is_refused(fixture, &request, GRPC_FAILED_PRECONDITION);

    assert_false(fake_call_has_ended(newer));
    fake_call_free(newer);
    struct grpc_call *older = watch(fixture, &request);
    assert_false(fake_call_has_ended(older));
    fake_call_free(older);
}

static void report_of_another_user_is_denied(void **state)
{
    struct services_fixture *fixture = *state;
    struct grpc_call *call = connected_proxy(fixture);
    Pointsman__V1__ReportRequest request = sign_of_life(fixture, 0, 0);
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
        test(new_proxy_gets_a_snapshot),
        test(empty_store_is_a_snapshot_too),
        test(proxy_behind_gets_a_delta_from_its_base),
        test(in_doubt_it_is_a_snapshot_with_its_reason),
        test(bad_watch_requests_are_refused),
        test(the_protocol_that_both_speak_is_chosen),
        test(commit_wakes_the_stream_and_leaves_as_a_delta),
        test(commits_wait_for_the_report_and_leave_as_one),
        test(large_snapshot_comes_in_messages_and_stays_at_its_revision),
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
