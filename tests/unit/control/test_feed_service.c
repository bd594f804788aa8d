#include "control/commit_group.h"
#include "control/feed_service.h"
#include "control/proxy_registry.h"
#include "control/store.h"
#include "proto/feed_protocol.h"
#include "proto/object_digest.h"
#include "tests/unit/control/feed_fixture.h"

#include <stdio.h>
#include <stdlib.h>

/* --- welcome -------------------------------------------------------------------------------- */

static void new_proxy_gets_a_snapshot(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__WatchRequest request = feed_new_proxy();
    Pointsman__V1__Update update;
    apply_ok(fixture, make_apply(put_backend("b", 1), put_route("a", "b"), NULL));

    struct grpc_call *call = feed_watch(fixture, &request);

    feed_expect_welcome(call, SNAPSHOT, POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_NOTHING_HELD);
    feed_expect_update(call, "a b", &update);
    assert_true(update.snapshot);
    assert_int_equal(update.base_revision, 0);
    assert_int_equal(update.revision, 1);
    assert_int_equal(update.digest, store_head(fixture->services.store).digest);
    fake_call_free(call);
}

static void empty_store_is_a_snapshot_too(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__WatchRequest request = feed_new_proxy();
    Pointsman__V1__Update update;

    struct grpc_call *call = feed_watch(fixture, &request);

    feed_expect_welcome(call, SNAPSHOT, POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_NOTHING_HELD);
    feed_expect_update(call, "", &update);
    assert_true(update.snapshot);
    fake_call_free(call);
}

static void proxy_behind_gets_a_delta_from_its_base(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__WatchRequest request = feed_new_proxy();
    Pointsman__V1__Update update;
    feed_put(fixture, "a", 1);
    request.epoch = (char *)store_epoch(fixture->services.store);
    request.revision = 1;
    request.digest = store_head(fixture->services.store).digest;
    feed_put(fixture, "b", 1);

    struct grpc_call *call = feed_watch(fixture, &request);

    feed_expect_welcome(call, DELTA, POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_BEHIND);
    feed_expect_update(call, "b", &update);
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
    struct grpc_call *call = feed_watch(fixture, request);
    feed_expect_welcome(call, SNAPSHOT, reason);
    feed_expect_update(call, "a", &update);
    assert_true(update.snapshot);
    fake_call_free(call);
}

static void in_doubt_it_is_a_snapshot_with_its_reason(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__WatchRequest request = feed_new_proxy();
    feed_put(fixture, "a", 1);
    feed_put(fixture, "a", 2);

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

static void new_database_takes_no_routes_away_before_its_first_change(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__WatchRequest request = feed_new_proxy();
    Pointsman__V1__Update update;
    request.epoch = (char *)"another";
    request.revision = 7;
    struct grpc_call *call = feed_watch(fixture, &request);
    feed_expect_welcome(call, SNAPSHOT,
                        POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_UNKNOWN_EPOCH);
    feed_expect_nothing(call);

    feed_put(fixture, "a", 1);

    assert_true(fake_call_was_resumed(call));
    feed_expect_update(call, "a", &update);
    assert_true(update.snapshot);
    assert_int_equal(update.revision, 1);
    fake_call_free(call);
}

static void bad_watch_requests_are_refused(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__WatchRequest request = feed_new_proxy();
    request.proxy_id = (char *)"two words";
    feed_watch_is_refused(fixture, &request, GRPC_INVALID_ARGUMENT);
    request = feed_new_proxy();
    request.boot_id = (char *)"";
    feed_watch_is_refused(fixture, &request, GRPC_INVALID_ARGUMENT);
    request = feed_new_proxy();
    request.protocol_min = FEED_PROTOCOL_MAX + 1;
    request.protocol_max = FEED_PROTOCOL_MAX + 2;
    feed_watch_is_refused(fixture, &request, GRPC_UNIMPLEMENTED);
    request.protocol_min = request.protocol_max = 0;
    feed_watch_is_refused(fixture, &request, GRPC_UNIMPLEMENTED);
}

static void the_protocol_that_both_speak_is_chosen(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__WatchRequest request = feed_new_proxy();
    request.protocol_min = 0;
    request.protocol_max = 9;

    struct grpc_call *call = feed_watch(fixture, &request);

    /* The welcome names the highest that we speak. */
    feed_expect_welcome(call, SNAPSHOT, POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_NOTHING_HELD);
    fake_call_free(call);
}

/* A proxy of the version before knows names alone. */
static void in_the_first_protocol_routes_go_by_their_names(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__WatchRequest request = feed_new_proxy();
    MutationMessage *grpc = put_route("a", "b");
    Pointsman__V1__Update update;
    grpc->put_route->kind = POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC;
    apply_ok(fixture, make_apply(grpc, NULL));
    request.protocol_max = FEED_PROTOCOL_NAMES;

    struct grpc_call *call = feed_watch(fixture, &request);

    Pointsman__V1__WatchResponse *response = feed_pull(call);
    assert_int_equal(response->welcome->protocol, FEED_PROTOCOL_NAMES);
    message_free(&response->base);
    feed_expect_update(call, "a", &update);
    feed_report_applied(fixture, &update, update.digest);
    apply_ok(fixture, make_apply(delete_route("GRPCRoute/a"), NULL));
    feed_expect_update(call, "a-deleted", &update);
    fake_call_free(call);
}

/* --- updates -------------------------------------------------------------------------------- */

static void commit_wakes_the_stream_and_leaves_as_a_delta(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__Update update;
    struct grpc_call *call = feed_connected_proxy(fixture);

    feed_put(fixture, "a", 1);

    assert_true(fake_call_was_resumed(call));
    feed_expect_update(call, "a", &update);
    assert_int_equal(update.base_revision, 0);
    assert_int_equal(update.revision, 1);
    feed_report_applied(fixture, &update, update.digest);
    feed_expect_nothing(call);
    assert_int_equal(feed_the_proxy(fixture)->revision, 1);
    assert_true(feed_the_proxy(fixture)->digest_matches);
    assert_int_equal(feed_the_proxy(fixture)->behind_since_ms, 0);
    fake_call_free(call);
}

static void commits_wait_for_the_report_and_leave_as_one(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__Update update;
    struct grpc_call *call = feed_connected_proxy(fixture);
    feed_put(fixture, "a", 1);
    feed_expect_update(call, "a", &update);
    feed_put(fixture, "b", 1);
    feed_put(fixture, "a", 2);
    feed_put(fixture, "b", 2);
    apply_ok(fixture, make_apply(delete_backend("b"), NULL));
    feed_expect_nothing(call);

    feed_report_applied(fixture, &update, update.digest);

    assert_true(fake_call_was_resumed(call));
    assert_int_not_equal(feed_the_proxy(fixture)->behind_since_ms, 0);
    feed_expect_update(call, "a b-deleted", &update);
    assert_int_equal(update.base_revision, 1);
    assert_int_equal(update.revision, 5);
    assert_int_equal(update.digest, store_head(fixture->services.store).digest);
    fake_call_free(call);
}

static void large_snapshot_comes_in_messages_and_stays_at_its_revision(void **state)
{
    struct services_fixture *fixture = *state;
    enum { BACKENDS = 40, LABEL_BYTES = 40 * 1024 };
    Pointsman__V1__WatchRequest request = feed_new_proxy();
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
    struct grpc_call *call = feed_watch(fixture, &request);
    feed_expect_welcome(call, SNAPSHOT, POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_NOTHING_HELD);

    uint64_t digest = 0;
    size_t messages = 0;
    size_t objects = 0;
    bool is_last = false;
    while (!is_last) {
        Pointsman__V1__WatchResponse *response = feed_pull(call);
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
        feed_put(fixture, "meanwhile", (uint32_t)messages);
    }

    assert_int_equal(objects, BACKENDS);
    assert_int_equal(messages, 4);
    assert_int_equal(digest, head.digest);
    fake_call_free(call);
    free(value);
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
        test(new_database_takes_no_routes_away_before_its_first_change),
        test(bad_watch_requests_are_refused),
        test(the_protocol_that_both_speak_is_chosen),
        test(in_the_first_protocol_routes_go_by_their_names),
        test(commit_wakes_the_stream_and_leaves_as_a_delta),
        test(commits_wait_for_the_report_and_leave_as_one),
        test(large_snapshot_comes_in_messages_and_stays_at_its_revision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
