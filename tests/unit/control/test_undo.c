#include "common/clock.h"
#include "control/commit_group.h"
#include "control/control_service.h"
#include "control/object_page.h"
#include "control/store_history.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/services_fixture.h"

#include <stdio.h>
#include <stdlib.h>

static Pointsman__V1__UndoRequest undo_of(uint64_t revision)
{
    Pointsman__V1__UndoRequest request = POINTSMAN__V1__UNDO_REQUEST__INIT;
    request.revision = revision;
    return request;
}

static struct grpc_call *start_undo(struct services_fixture *fixture,
                                    const Pointsman__V1__UndoRequest *request)
{
    struct grpc_call *call = fake_call_new();
    control_service_undo(&fixture->services, call, &request->base);
    commit_group_flush(fixture->services.commits);
    assert_true(fake_call_has_ended(call));
    return call;
}

/* The new head. */
static uint64_t undo_ok(struct services_fixture *fixture, const Pointsman__V1__UndoRequest *request)
{
    struct grpc_call *call = start_undo(fixture, request);
    assert_string_equal(fake_call_message(call), "");
    AnswerMessage *answer =
        (AnswerMessage *)fake_call_answer(call, &pointsman__v1__apply_response__descriptor);
    uint64_t revision = answer->revision;
    answer_free(answer);
    fake_call_free(call);
    return revision;
}

static void undo_fails(struct services_fixture *fixture, const Pointsman__V1__UndoRequest *request,
                       enum grpc_status status, const char *fields)
{
    uint64_t head = store_head(fixture->services.store).revision;
    struct grpc_call *call = start_undo(fixture, request);
    assert_string_equal(grpc_status_name(fake_call_status(call)), grpc_status_name(status));
    assert_string_equal(fake_call_bad_fields(call), fields);
    assert_int_equal(store_head(fixture->services.store).revision, head);
    fake_call_free(call);
}

/* The port of a backend's endpoint now; 0: there is no such backend. */
static uint32_t port_of(struct services_fixture *fixture, const char *name)
{
    struct store_record record = {0};
    uint32_t port = 0;
    if (store_get(fixture->services.store, BACKEND, name, &record, NULL)) {
        BackendMessage *backend =
            (BackendMessage *)object_unpack(BACKEND, buffer_slice(&record.bytes), NULL);
        port = backend->endpoints[0]->port;
        message_free(&backend->base);
    }
    store_record_clear(&record);
    return port;
}

static bool keep_commit(void *context, const struct store_logged_commit *commit)
{
    struct store_logged_commit *kept = context;
    *kept = *commit;
    kept->commit.message = memory_duplicate_string(commit->commit.message);
    return false;
}

/* The caller frees its message. */
static struct store_logged_commit commit_at(struct services_fixture *fixture, uint64_t revision)
{
    struct store_logged_commit commit = {0};
    assert_true(
        store_commits(fixture->services.store, revision, revision, keep_commit, &commit, NULL));
    return commit;
}

static void undo_puts_back_what_was_before(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_backend("a", 1), put_backend("b", 1), NULL));
    apply_ok(fixture,
             make_apply(put_backend("a", 2), delete_backend("b"), put_backend("c", 2), NULL));
    apply_ok(fixture, make_apply(put_backend("d", 3), NULL));

    const Pointsman__V1__UndoRequest request = undo_of(2);
    assert_int_equal(undo_ok(fixture, &request), 4);

    assert_int_equal(port_of(fixture, "a"), 1);
    assert_int_equal(port_of(fixture, "b"), 1);
    assert_int_equal(port_of(fixture, "c"), 0);
    assert_int_equal(port_of(fixture, "d"), 3);
    struct store_logged_commit commit = commit_at(fixture, 4);
    assert_int_equal(commit.commit.undoes_first, 2);
    assert_int_equal(commit.commit.undoes_last, 2);
    assert_string_equal(commit.commit.message, "undo of revision 2");
    free((char *)commit.commit.message);
}

static void undo_of_a_removal_gives_back_its_age(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_route("a", ""), NULL));
    apply_ok(fixture, make_apply(put_route("b", ""), NULL));
    apply_ok(fixture, make_apply(delete_route("a"), NULL));

    const Pointsman__V1__UndoRequest request = undo_of(3);
    undo_ok(fixture, &request);

    struct store_record record = {0};
    assert_true(store_get(fixture->services.store, ROUTE, "a", &record, NULL));
    assert_int_equal(record.created_revision, 1);
    assert_int_equal(record.revision, 4);
    store_record_clear(&record);
}

static void undo_of_a_range_is_net_of_what_came_in_it(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_backend("a", 1), NULL));
    apply_ok(fixture, make_apply(put_backend("a", 2), put_backend("t", 1), NULL));
    apply_ok(fixture, make_apply(put_backend("a", 3), delete_backend("t"), NULL));

    Pointsman__V1__UndoRequest request = undo_of(2);
    request.last_revision = 3;
    assert_int_equal(undo_ok(fixture, &request), 4);

    assert_int_equal(port_of(fixture, "a"), 1);
    assert_int_equal(port_of(fixture, "t"), 0);
}

static void object_changed_since_is_named_unless_forced(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_backend("a", 1), put_backend("b", 1), NULL));
    apply_ok(fixture, make_apply(put_backend("a", 2), put_backend("b", 2), NULL));
    apply_ok(fixture, make_apply(put_backend("a", 3), NULL));

    Pointsman__V1__UndoRequest request = undo_of(2);
    undo_fails(fixture, &request, GRPC_FAILED_PRECONDITION, "backend a");
    assert_int_equal(port_of(fixture, "b"), 2);

    request.force = true;
    undo_ok(fixture, &request);
    assert_int_equal(port_of(fixture, "a"), 1);
    assert_int_equal(port_of(fixture, "b"), 1);
}

static void undo_of_an_undo_brings_it_back(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_backend("a", 1), NULL));
    apply_ok(fixture, make_apply(put_backend("a", 2), NULL));

    Pointsman__V1__UndoRequest request = undo_of(2);
    assert_int_equal(undo_ok(fixture, &request), 3);
    assert_int_equal(undo_ok(fixture, &request), 3); /* all is as it shall be already */
    request.revision = 3;
    assert_int_equal(undo_ok(fixture, &request), 4);

    assert_int_equal(port_of(fixture, "a"), 2);
}

static void undo_has_all_the_checks_of_a_commit(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_backend("a", 1), NULL));
    apply_ok(fixture, make_apply(put_route("r", "a"), NULL));

    Pointsman__V1__UndoRequest request = undo_of(1);
    undo_fails(fixture, &request, GRPC_FAILED_PRECONDITION, "backend a");
    request.force = true;
    request.if_revision = 1;
    undo_fails(fixture, &request, GRPC_FAILED_PRECONDITION, "if_revision");
    request.if_revision = 0;
    request.dry_run = true;
    assert_int_equal(undo_ok(fixture, &request), 3);
    assert_int_equal(port_of(fixture, "a"), 1);
    request.dry_run = false;
    assert_int_equal(undo_ok(fixture, &request), 3);
    assert_int_equal(port_of(fixture, "a"), 0);
}

static void revisions_that_cannot_be_undone_are_refused(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_backend("a", 1), NULL));
    apply_ok(fixture, make_apply(put_backend("a", 2), NULL));

    Pointsman__V1__UndoRequest request = undo_of(0);
    undo_fails(fixture, &request, GRPC_INVALID_ARGUMENT, "revision");
    request = undo_of(3);
    undo_fails(fixture, &request, GRPC_OUT_OF_RANGE, "revision");
    request = undo_of(2);
    request.last_revision = 1;
    undo_fails(fixture, &request, GRPC_INVALID_ARGUMENT, "last_revision");
}

static void repeated_undo_gets_the_first_answer(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_backend("a", 1), NULL));
    apply_ok(fixture, make_apply(put_backend("a", 2), NULL));
    Pointsman__V1__UndoRequest request = undo_of(2);
    request.request_id = (char *)"id";
    assert_int_equal(undo_ok(fixture, &request), 3);
    apply_ok(fixture, make_apply(put_backend("a", 4), NULL));

    assert_int_equal(undo_ok(fixture, &request), 3);

    assert_int_equal(port_of(fixture, "a"), 4);
}

/* --- commits that wait to be confirmed ------------------------------------------------------ */

static DurationMessage seconds(int64_t count)
{
    DurationMessage duration = GOOGLE__PROTOBUF__DURATION__INIT;
    duration.seconds = count;
    return duration;
}

static uint64_t apply_within(struct services_fixture *fixture, Pointsman__V1__ApplyRequest *request,
                             int64_t within_seconds)
{
    DurationMessage within = seconds(within_seconds);
    request->confirm_within = &within;
    return apply_ok(fixture, request);
}

static enum grpc_status confirm(struct services_fixture *fixture, uint64_t revision)
{
    Pointsman__V1__ConfirmRequest request = POINTSMAN__V1__CONFIRM_REQUEST__INIT;
    struct grpc_call *call = fake_call_new();
    request.revision = revision;
    control_service_confirm(&fixture->services, call, &request.base);
    commit_group_flush(fixture->services.commits);
    enum grpc_status status = fake_call_status(call);
    fake_call_free(call);
    return status;
}

static Pointsman__V1__ConfirmState state_of(struct services_fixture *fixture, uint64_t revision)
{
    struct store_logged_commit commit = commit_at(fixture, revision);
    free((char *)commit.commit.message);
    return commit.confirm_state;
}

#define PENDING POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_PENDING
#define CONFIRMED POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_CONFIRMED
#define REVERTED POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_REVERTED

static void commit_that_nobody_confirms_is_reverted(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_backend("a", 1), NULL));
    apply_within(fixture, make_apply(put_backend("a", 2), put_backend("b", 2), NULL), 60);
    apply_ok(fixture, make_apply(put_backend("other", 5), NULL));

    services_fixture_pass(fixture, 59000);
    assert_int_equal(port_of(fixture, "a"), 2);
    assert_int_equal(state_of(fixture, 2), PENDING);
    services_fixture_pass(fixture, 1001);

    assert_int_equal(port_of(fixture, "a"), 1);
    assert_int_equal(port_of(fixture, "b"), 0);
    assert_int_equal(port_of(fixture, "other"), 5);
    assert_int_equal(state_of(fixture, 2), REVERTED);
    struct store_logged_commit revert = commit_at(fixture, 4);
    assert_string_equal(revert.commit.message,
                        "revert of revision 2, which nobody has confirmed in time");
    assert_int_equal(revert.commit.undoes_first, 2);
    free((char *)revert.commit.message);
    assert_int_equal(confirm(fixture, 2), GRPC_FAILED_PRECONDITION);
}

static void confirmed_commit_stays(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_backend("a", 1), NULL));
    apply_within(fixture, make_apply(put_backend("a", 2), NULL), 60);

    assert_int_equal(confirm(fixture, 1), GRPC_FAILED_PRECONDITION);
    assert_int_equal(confirm(fixture, 3), GRPC_OUT_OF_RANGE);
    assert_int_equal(confirm(fixture, 2), GRPC_OK);
    assert_int_equal(confirm(fixture, 2), GRPC_OK);
    services_fixture_pass(fixture, 61000);

    assert_int_equal(port_of(fixture, "a"), 2);
    assert_int_equal(state_of(fixture, 2), CONFIRMED);
    assert_int_equal(store_head(fixture->services.store).revision, 2);
}

static void restart_does_not_forget_what_waits(void **state)
{
    struct services_fixture *fixture = *state;
    clock_set_wall_for_test(1000000);
    apply_ok(fixture, make_apply(put_backend("a", 1), NULL));
    apply_within(fixture, make_apply(put_backend("a", 2), NULL), 60);

    clock_set_wall_for_test(1030000);
    services_fixture_restart(fixture);
    services_fixture_pass(fixture, 29000);
    assert_int_equal(port_of(fixture, "a"), 2);
    services_fixture_pass(fixture, 1001);
    assert_int_equal(port_of(fixture, "a"), 1);
    clock_set_wall_for_test(0);
}

static void what_became_due_while_control_was_down_is_reverted_at_its_start(void **state)
{
    struct services_fixture *fixture = *state;
    clock_set_wall_for_test(1000000);
    apply_ok(fixture, make_apply(put_backend("a", 1), NULL));
    apply_within(fixture, make_apply(put_backend("a", 2), NULL), 60);

    clock_set_wall_for_test(2000000);
    services_fixture_restart(fixture);
    services_fixture_pass(fixture, 1);

    assert_int_equal(port_of(fixture, "a"), 1);
    clock_set_wall_for_test(0);
}

static void objects_of_a_waiting_commit_are_held(void **state)
{
    struct services_fixture *fixture = *state;
    DurationMessage within = seconds(60);
    apply_ok(fixture, make_apply(put_backend("a", 1), put_route("gone", ""), NULL));
    apply_within(fixture, make_apply(put_backend("a", 2), delete_route("gone"), NULL), 60);

    apply_fails(fixture, make_apply(put_backend("a", 3), put_backend("b", 1), NULL),
                GRPC_FAILED_PRECONDITION, "mutations[0].put_backend");
    apply_fails(fixture, make_apply(put_route("gone", ""), NULL), GRPC_FAILED_PRECONDITION,
                "mutations[0].put_route");
    Pointsman__V1__ApplyRequest *second = make_apply(put_backend("b", 1), NULL);
    second->confirm_within = &within;
    apply_fails(fixture, second, GRPC_FAILED_PRECONDITION, "confirm_within");

    assert_int_equal(confirm(fixture, 2), GRPC_OK);
    apply_ok(fixture, make_apply(put_backend("a", 3), NULL));
    assert_int_equal(apply_ok(fixture, second), 4);
}

static void undo_of_a_waiting_commit_ends_its_wait(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_backend("a", 1), NULL));
    apply_within(fixture, make_apply(put_backend("a", 2), NULL), 60);

    const Pointsman__V1__UndoRequest request = undo_of(2);
    undo_ok(fixture, &request);

    assert_int_equal(port_of(fixture, "a"), 1);
    assert_int_equal(state_of(fixture, 2), REVERTED);
    apply_ok(fixture, make_apply(put_backend("a", 7), NULL));
    services_fixture_pass(fixture, 61000);
    assert_int_equal(port_of(fixture, "a"), 7);
}

static void revert_goes_through_though_routes_name_what_goes(void **state)
{
    struct services_fixture *fixture = *state;
    apply_within(fixture, make_apply(put_backend("a", 1), NULL), 1);
    apply_ok(fixture, make_apply(put_route("r", "a"), NULL));

    services_fixture_pass(fixture, 1001);

    assert_int_equal(port_of(fixture, "a"), 0);
    assert_int_equal(state_of(fixture, 1), REVERTED);
}

static void time_to_confirm_has_bounds(void **state)
{
    struct services_fixture *fixture = *state;
    const int64_t bad[] = {-1, 0, 86401, INT64_MAX};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        DurationMessage within = seconds(bad[i]);
        Pointsman__V1__ApplyRequest *request = make_apply(put_backend("a", 1), NULL);
        request->confirm_within = &within;
        apply_fails(fixture, request, GRPC_INVALID_ARGUMENT, "confirm_within");
    }
    assert_int_equal(apply_within(fixture, make_apply(put_backend("a", 1), NULL), 86400), 1);
}

#define test(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, services_fixture_set_up, services_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(undo_puts_back_what_was_before),
        test(undo_of_a_removal_gives_back_its_age),
        test(undo_of_a_range_is_net_of_what_came_in_it),
        test(object_changed_since_is_named_unless_forced),
        test(undo_of_an_undo_brings_it_back),
        test(undo_has_all_the_checks_of_a_commit),
        test(revisions_that_cannot_be_undone_are_refused),
        test(repeated_undo_gets_the_first_answer),
        test(commit_that_nobody_confirms_is_reverted),
        test(confirmed_commit_stays),
        test(restart_does_not_forget_what_waits),
        test(what_became_due_while_control_was_down_is_reverted_at_its_start),
        test(objects_of_a_waiting_commit_are_held),
        test(undo_of_a_waiting_commit_ends_its_wait),
        test(revert_goes_through_though_routes_name_what_goes),
        test(time_to_confirm_has_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
