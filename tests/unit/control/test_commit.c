#include "control/change_feed.h"
#include "control/commit.h"
#include "control/commit_group.h"
#include "control/control_service.h"
#include "control/packed_route.h"
#include "control/read_service.h"
#include "tests/support/fault_vfs.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/services_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define CREATED POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_CREATED
#define UPDATED POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_UPDATED
#define DELETED POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_DELETED
#define UNCHANGED POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_UNCHANGED

static bool exists(struct services_fixture *fixture, Pointsman__V1__ObjectKind kind,
                   const char *name)
{
    struct store_record record = {0};
    bool is_there = store_get(fixture->services.store, kind, name, &record, NULL);
    store_record_clear(&record);
    return is_there;
}

static void route_and_backend_are_one_revision(void **state)
{
    struct services_fixture *fixture = *state;

    AnswerMessage *answer =
        apply(fixture, make_apply(put_backend("api", 9000), put_route("api", "api"), NULL));

    assert_int_equal(answer->revision, 1);
    assert_string_equal(answer->epoch, store_epoch(fixture->services.store));
    assert_int_equal(answer->n_changes, 2);
    assert_int_equal(answer->changes[0]->change, CREATED);
    assert_int_equal(answer->changes[0]->kind, BACKEND);
    assert_string_equal(answer->changes[1]->name, "api");
    assert_int_equal(answer->n_warnings, 0);
    answer_free(answer);
}

static void stored_bytes_carry_their_revisions(void **state)
{
    struct services_fixture *fixture = *state;
    struct store_record record = {0};
    apply_ok(fixture, make_apply(put_backend("api", 9000), NULL));
    MutationMessage *put = put_backend("api", 9001);
    put->put_backend->revision = 77;
    put->put_backend->created_revision = 77;

    apply_ok(fixture, make_apply(put, NULL));

    assert_true(store_get(fixture->services.store, BACKEND, "api", &record, NULL));
    BackendMessage *backend = (BackendMessage *)message_unpack(&pointsman__v1__backend__descriptor,
                                                               buffer_slice(&record.bytes), 1 << 20,
                                                               UNKNOWN_FIELDS_REFUSED, NULL);
    assert_int_equal(backend->created_revision, 1);
    assert_int_equal(backend->revision, 2);
    assert_int_equal(backend->endpoints[0]->port, 9001);
    message_free(&backend->base);
    store_record_clear(&record);
}

static uint32_t created_order_of(struct services_fixture *fixture, const char *name)
{
    struct store_record record = {0};
    assert_true(store_get(fixture->services.store, ROUTE, name, &record, NULL));
    uint32_t order = packed_route_created_order(buffer_slice(&record.bytes));
    store_record_clear(&record);
    return order;
}

/* DOC-6: so an export that is applied where it came from changes nothing. */
static void order_of_creation_is_kept_from_the_first_put(void **state)
{
    struct services_fixture *fixture = *state;
    MutationMessage *first = put_route("a", "x"), *again = put_route("a", "x");
    first->put_route->created_order = 3;
    again->put_route->created_order = 5;

    uint64_t revision = apply_ok(fixture, make_apply(first, NULL));
    assert_int_equal(created_order_of(fixture, "a"), 3);

    assert_int_equal(apply_ok(fixture, make_apply(again, NULL)), revision);
    assert_int_equal(created_order_of(fixture, "a"), 3);
}

static void unchanged_put_makes_no_revision(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_backend("api", 9000), NULL));

    AnswerMessage *answer = apply(fixture, make_apply(put_backend("api", 9000), NULL));

    assert_int_equal(answer->revision, 1);
    assert_int_equal(answer->changes[0]->change, UNCHANGED);
    answer_free(answer);
}

static void every_bad_item_is_named_at_once(void **state)
{
    struct services_fixture *fixture = *state;
    MutationMessage *nothing = put_route("x", "");
    nothing->operation_case = POINTSMAN__V1__MUTATION__OPERATION__NOT_SET;

    apply_fails(fixture,
                make_apply(put_route("good", ""), put_route("Bad Name", ""), nothing,
                           put_backend("b", 70000), delete_route("also bad"), NULL),
                GRPC_INVALID_ARGUMENT,
                "mutations[2] mutations[1].put_route.name "
                "mutations[3].put_backend.endpoints[0].port mutations[4].delete_route");

    assert_false(exists(fixture, ROUTE, "good"));
}

static void single_put_names_fields_without_mutations(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__PutRouteRequest request = POINTSMAN__V1__PUT_ROUTE_REQUEST__INIT;
    request.route = make_route("Bad Name", "");
    struct grpc_call *call = fake_call_new();

    control_service_put_route(&fixture->services, call, &request.base);

    assert_string_equal(fake_call_bad_fields(call), "route.name");
    fake_call_free(call);
}

static void single_put_without_object_is_invalid(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__PutBackendRequest request = POINTSMAN__V1__PUT_BACKEND_REQUEST__INIT;
    struct grpc_call *call = fake_call_new();

    control_service_put_backend(&fixture->services, call, &request.base);

    assert_int_equal(fake_call_status(call), GRPC_INVALID_ARGUMENT);
    assert_string_equal(fake_call_bad_fields(call), "backend");
    fake_call_free(call);
}

static void object_named_twice_is_an_error(void **state)
{
    struct services_fixture *fixture = *state;

    apply_fails(fixture,
                make_apply(put_route("a", ""), put_backend("a", 1), delete_route("a"), NULL),
                GRPC_INVALID_ARGUMENT, "mutations[2].delete_route");
}

static void empty_apply_is_invalid(void **state)
{
    apply_fails(*state, make_apply(NULL, NULL), GRPC_INVALID_ARGUMENT, "mutations");
}

static void too_many_mutations_are_refused(void **state)
{
    struct services_fixture *fixture = *state;
    size_t count = APPLY_MUTATIONS_MAX + 1;
    MutationMessage **mutations = memory_allocate(count * sizeof(mutations[0]));
    MutationMessage *one = delete_route("a");
    for (size_t i = 0; i < count; i++)
        mutations[i] = one;
    Pointsman__V1__ApplyRequest *request = make_apply(NULL, NULL);
    request->mutations = mutations;
    request->n_mutations = count;

    apply_fails(fixture, request, GRPC_RESOURCE_EXHAUSTED, "mutations");

    free(mutations);
}

static void violations_that_do_not_fit_into_trailers_are_counted(void **state)
{
    struct services_fixture *fixture = *state;
    enum { BAD = 400 };
    MutationMessage *mutations[BAD];
    char name[32];
    for (int i = 0; i < BAD; i++) {
        snprintf(name, sizeof(name), "Bad Name %d", i);
        mutations[i] = delete_route(name);
    }
    Pointsman__V1__ApplyRequest *request = make_apply(NULL, NULL);
    request->mutations = mutations;
    request->n_mutations = BAD;

    struct grpc_call *call = start_apply(fixture, request);

    assert_int_equal(fake_call_status(call), GRPC_INVALID_ARGUMENT);
    assert_non_null(strstr(fake_call_message(call), "(and 399 more)"));
    assert_in_range(strlen(fake_call_bad_fields(call)), 100, 4096);
    fake_call_free(call);
}

static void object_of_more_than_a_mebibyte_is_refused(void **state)
{
    struct services_fixture *fixture = *state;
    enum { ENDPOINTS = 60000 };
    MutationMessage *put = put_backend("big", 1);
    EndpointMessage *endpoint = put->put_backend->endpoints[0];
    EndpointMessage **endpoints = memory_allocate(ENDPOINTS * sizeof(endpoints[0]));
    for (size_t i = 0; i < ENDPOINTS; i++)
        endpoints[i] = endpoint;
    endpoint->address = (char *)"a-name-of-some-length.example.internal";
    put->put_backend->endpoints = endpoints;
    put->put_backend->n_endpoints = ENDPOINTS;

    struct grpc_call *call = start_apply(fixture, make_apply(put, NULL));

    assert_true(fake_call_has_ended(call));
    assert_int_not_equal(fake_call_status(call), GRPC_OK);
    assert_false(exists(fixture, BACKEND, "big"));
    fake_call_free(call);
    free(endpoints);
}

/* --- preconditions -------------------------------------------------------------------------- */

static MutationMessage *with(MutationMessage *mutation, Pointsman__V1__Precondition *precondition)
{
    mutation->precondition = precondition;
    return mutation;
}

static void preconditions_hold_or_fail_the_commit(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__Precondition absent = POINTSMAN__V1__PRECONDITION__INIT;
    absent.kind_case = POINTSMAN__V1__PRECONDITION__KIND_MUST_NOT_EXIST;
    absent.must_not_exist = true;
    Pointsman__V1__Precondition present = POINTSMAN__V1__PRECONDITION__INIT;
    present.kind_case = POINTSMAN__V1__PRECONDITION__KIND_MUST_EXIST;
    present.must_exist = true;
    Pointsman__V1__Precondition at_1 = POINTSMAN__V1__PRECONDITION__INIT;
    at_1.kind_case = POINTSMAN__V1__PRECONDITION__KIND_REVISION_IS;
    at_1.revision_is = 1;

    apply_fails(fixture, make_apply(with(put_backend("a", 1), &present), NULL), GRPC_NOT_FOUND,
                "mutations[0].precondition");
    apply_fails(fixture, make_apply(with(put_backend("a", 1), &at_1), NULL),
                GRPC_FAILED_PRECONDITION, "mutations[0].precondition");
    apply_ok(fixture, make_apply(with(put_backend("a", 1), &absent), NULL));
    apply_fails(fixture, make_apply(with(put_backend("a", 2), &absent), NULL), GRPC_ALREADY_EXISTS,
                "mutations[0].precondition");
    apply_ok(fixture, make_apply(with(put_backend("a", 2), &at_1), NULL));
    apply_fails(fixture, make_apply(with(put_backend("a", 3), &at_1), NULL),
                GRPC_FAILED_PRECONDITION, "mutations[0].precondition");
    apply_ok(fixture, make_apply(with(delete_backend("a"), &present), NULL));
}

static void if_revision_must_be_the_head(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_backend("a", 1), NULL));
    Pointsman__V1__ApplyRequest *request = make_apply(put_backend("a", 2), NULL);

    request->if_revision = 7;
    apply_fails(fixture, request, GRPC_FAILED_PRECONDITION, "if_revision");
    request->if_revision = 1;

    assert_int_equal(apply_ok(fixture, request), 2);
}

/* --- deleting ------------------------------------------------------------------------------- */

static void delete_of_nothing_is_not_found_unless_ignored(void **state)
{
    struct services_fixture *fixture = *state;
    apply_fails(fixture, make_apply(delete_route("a"), NULL), GRPC_NOT_FOUND,
                "mutations[0].delete_route");
    MutationMessage *ignoring = delete_route("a");
    ignoring->ignore_missing = true;

    AnswerMessage *answer = apply(fixture, make_apply(ignoring, NULL));

    assert_int_equal(answer->revision, 0);
    assert_int_equal(answer->changes[0]->change, UNCHANGED);
    answer_free(answer);
}

/* CLI-4 */
static void backend_that_routes_name_stays_unless_forced(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture,
             make_apply(put_backend("b", 1), put_route("r1", "b"), put_route("r2", "b"), NULL));
    struct grpc_call *call = start_apply(fixture, make_apply(delete_backend("b"), NULL));
    assert_int_equal(fake_call_status(call), GRPC_FAILED_PRECONDITION);
    assert_non_null(strstr(fake_call_message(call), "2 routes: r1, r2"));
    fake_call_free(call);

    MutationMessage *forced = delete_backend("b");
    forced->force = true;
    AnswerMessage *answer = apply(fixture, make_apply(forced, NULL));

    assert_int_equal(answer->changes[0]->change, DELETED);
    assert_int_equal(answer->n_warnings, 1);
    answer_free(answer);
}

static void references_of_the_same_batch_count(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_backend("b", 1), put_route("r", "b"), NULL));

    apply_fails(fixture,
                make_apply(delete_backend("b"), put_route("r2", "b"), delete_route("r"), NULL),
                GRPC_FAILED_PRECONDITION, "mutations[0].delete_backend");
    apply_ok(fixture, make_apply(delete_backend("b"), delete_route("r"), NULL));

    assert_int_equal(store_head(fixture->services.store).routes, 0);
    assert_int_equal(store_head(fixture->services.store).backends, 0);
}

static MutationMessage *delete_with_backend(const char *name)
{
    MutationMessage *mutation = delete_route(name);
    mutation->delete_unused_backend = true;
    return mutation;
}

static void unused_backend_goes_with_its_route(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_backend("a", 1), put_route("a", "a"), put_backend("b", 1),
                                 put_route("b", "b"), put_route("other", "b"), NULL));

    AnswerMessage *answer =
        apply(fixture, make_apply(delete_with_backend("a"), delete_with_backend("b"), NULL));

    assert_int_equal(answer_count_changes(answer, DELETED), 3);
    assert_false(exists(fixture, BACKEND, "a"));
    assert_true(exists(fixture, BACKEND, "b"));
    answer_free(answer);
}

static void backend_that_the_batch_puts_is_not_unused(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_backend("a", 1), put_route("a", "a"), NULL));

    apply_ok(fixture, make_apply(delete_with_backend("a"), put_backend("a", 2), NULL));

    assert_true(exists(fixture, BACKEND, "a"));
}

static void missing_route_takes_no_backend_along(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_backend("a", 1), NULL));
    MutationMessage *mutation = delete_with_backend("a");
    mutation->ignore_missing = true;

    apply_ok(fixture, make_apply(mutation, NULL));

    assert_true(exists(fixture, BACKEND, "a"));
}

/* --- warnings ------------------------------------------------------------------------------- */

static void missing_backend_is_a_warning_with_its_field(void **state)
{
    struct services_fixture *fixture = *state;

    AnswerMessage *answer = apply(fixture, make_apply(put_route("a", "gone"), NULL));

    assert_int_equal(answer->revision, 1);
    assert_int_equal(answer->n_warnings, 1);
    assert_string_equal(answer->warnings[0]->name, "a");
    assert_string_equal(answer->warnings[0]->field, "rules[0].backend_refs[0].name");
    assert_non_null(strstr(answer->warnings[0]->message, "no backend 'gone'"));
    answer_free(answer);
}

static void listener_that_no_proxy_has_is_a_warning(void **state)
{
    struct services_fixture *fixture = *state;
    MutationMessage *put = put_route("a", "");
    ParentRefMessage parent = POINTSMAN__V1__PARENT_REF__INIT;
    ParentRefMessage *parents[] = {&parent};
    parent.section_name = (char *)"web";
    put->put_route->n_parent_refs = 1;
    put->put_route->parent_refs = parents;

    AnswerMessage *answer = apply(fixture, make_apply(put, NULL));

    assert_int_equal(answer->n_warnings, 1);
    assert_string_equal(answer->warnings[0]->field, "parent_refs[0]");
    answer_free(answer);
}

/* --- dry run and repeated requests ---------------------------------------------------------- */

static void dry_run_answers_and_changes_nothing(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__ApplyRequest *request = make_apply(put_route("a", "gone"), NULL);
    request->dry_run = true;

    AnswerMessage *answer = apply(fixture, request);

    assert_int_equal(answer->changes[0]->change, CREATED);
    assert_int_equal(answer->n_warnings, 1);
    assert_int_equal(store_head(fixture->services.store).revision, 0);
    assert_false(exists(fixture, ROUTE, "a"));
    answer_free(answer);
}

static void repeated_request_gets_the_first_answer_also_after_a_restart(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__ApplyRequest *request = make_apply(put_route("a", "gone"), NULL);
    request->request_id = (char *)"id-1";
    apply_ok(fixture, request);
    apply_ok(fixture, make_apply(put_route("a", ""), NULL));

    services_fixture_restart(fixture);
    AnswerMessage *answer = apply(fixture, request);

    assert_int_equal(answer->revision, 1);
    assert_int_equal(answer->changes[0]->change, CREATED);
    assert_int_equal(answer->n_warnings, 1);
    assert_int_equal(store_head(fixture->services.store).revision, 2);
    answer_free(answer);
}

static void unchanged_request_is_remembered_too(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_route("a", ""), NULL));
    Pointsman__V1__ApplyRequest *request = make_apply(put_route("a", ""), NULL);
    request->request_id = (char *)"id-1";
    assert_int_equal(apply_ok(fixture, request), 1);
    apply_ok(fixture, make_apply(delete_route("a"), NULL));

    assert_int_equal(apply_ok(fixture, request), 1);

    assert_false(exists(fixture, ROUTE, "a"));
}

static void id_of_another_request_is_refused(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__ApplyRequest *first = make_apply(put_route("a", ""), NULL);
    Pointsman__V1__ApplyRequest *second = make_apply(put_route("b", ""), NULL);
    first->request_id = (char *)"id-1";
    second->request_id = (char *)"id-1";
    apply_ok(fixture, first);

    apply_fails(fixture, second, GRPC_INVALID_ARGUMENT, "request_id");
}

static void failed_request_may_be_repeated(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__ApplyRequest *request = make_apply(delete_route("a"), NULL);
    request->request_id = (char *)"id-1";
    apply_fails(fixture, request, GRPC_NOT_FOUND, "mutations[0].delete_route");
    apply_ok(fixture, make_apply(put_route("a", ""), NULL));

    assert_int_equal(apply_ok(fixture, request), 2);
}

/* --- one turn, one fsync -------------------------------------------------------------------- */

static void calls_of_a_turn_share_a_sync_and_keep_their_revisions(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_route("warm", ""), NULL));
    uint64_t syncs = fault_vfs_sync_count();

    struct grpc_call *first = start_apply(fixture, make_apply(put_route("a", ""), NULL));
    struct grpc_call *bad = start_apply(fixture, make_apply(put_route("No", ""), NULL));
    struct grpc_call *second = start_apply(fixture, make_apply(put_route("b", ""), NULL));
    assert_false(fake_call_has_ended(first));
    commit_group_flush(fixture->services.commits);

    AnswerMessage *answer =
        (AnswerMessage *)fake_call_answer(second, &pointsman__v1__apply_response__descriptor);
    assert_int_equal(answer->revision, 3);
    assert_int_equal(fake_call_status(first), GRPC_OK);
    assert_int_equal(fake_call_status(bad), GRPC_INVALID_ARGUMENT);
    assert_int_equal(fault_vfs_sync_count() - syncs, 1);
    answer_free(answer);
    fake_call_free(first);
    fake_call_free(bad);
    fake_call_free(second);
}

static void read_in_the_same_turn_sees_what_is_durable(void **state)
{
    struct services_fixture *fixture = *state;
    struct grpc_call *put = start_apply(fixture, make_apply(put_route("a", ""), NULL));
    struct grpc_call *get = fake_call_new();
    Pointsman__V1__GetRouteRequest request = POINTSMAN__V1__GET_ROUTE_REQUEST__INIT;
    request.name = (char *)"a";

    read_service_get_route(&fixture->services, get, &request.base);

    assert_true(fake_call_has_ended(put));
    assert_int_equal(fake_call_status(get), GRPC_OK);
    fake_call_free(put);
    fake_call_free(get);
}

static void failing_sync_fails_every_call_of_the_turn(void **state)
{
    struct services_fixture *fixture = *state;
    struct grpc_call *first = start_apply(fixture, make_apply(put_route("a", ""), NULL));
    struct grpc_call *second = start_apply(fixture, make_apply(put_route("b", ""), NULL));

    fault_vfs_fail(FAULT_SYNC_ERROR, 0);
    commit_group_flush(fixture->services.commits);
    fault_vfs_fail(FAULT_NONE, 0);

    assert_int_equal(fake_call_status(first), GRPC_UNAVAILABLE);
    assert_int_equal(fake_call_status(second), GRPC_UNAVAILABLE);
    assert_int_equal(store_head(fixture->services.store).revision, 0);
    assert_false(exists(fixture, ROUTE, "a"));
    assert_int_equal(apply_ok(fixture, make_apply(put_route("a", ""), NULL)), 1);
    fake_call_free(first);
    fake_call_free(second);
}

static void full_disk_fails_a_call_with_its_reason(void **state)
{
    struct services_fixture *fixture = *state;
    fault_vfs_fail(FAULT_DISK_FULL, 0);
    struct grpc_call *call = start_apply(fixture, make_apply(put_route("a", ""), NULL));
    commit_group_flush(fixture->services.commits);
    fault_vfs_fail(FAULT_NONE, 0);

    assert_int_equal(fake_call_status(call), GRPC_UNAVAILABLE);
    assert_non_null(strstr(fake_call_message(call), "full"));
    fake_call_free(call);
}

static void cancelled_call_is_committed_all_the_same(void **state)
{
    struct services_fixture *fixture = *state;
    struct grpc_call *call = start_apply(fixture, make_apply(put_route("a", ""), NULL));

    fake_call_cancel(call);
    commit_group_flush(fixture->services.commits);

    assert_true(exists(fixture, ROUTE, "a"));
    fake_call_free(call);
}

#define test(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, services_fixture_set_up, services_fixture_tear_down)

int main(void)
{
    fault_vfs_install();
    const struct CMUnitTest tests[] = {
        test(route_and_backend_are_one_revision),
        test(stored_bytes_carry_their_revisions),
        test(order_of_creation_is_kept_from_the_first_put),
        test(unchanged_put_makes_no_revision),
        test(every_bad_item_is_named_at_once),
        test(single_put_names_fields_without_mutations),
        test(single_put_without_object_is_invalid),
        test(object_named_twice_is_an_error),
        test(empty_apply_is_invalid),
        test(too_many_mutations_are_refused),
        test(violations_that_do_not_fit_into_trailers_are_counted),
        test(object_of_more_than_a_mebibyte_is_refused),
        test(preconditions_hold_or_fail_the_commit),
        test(if_revision_must_be_the_head),
        test(delete_of_nothing_is_not_found_unless_ignored),
        test(backend_that_routes_name_stays_unless_forced),
        test(references_of_the_same_batch_count),
        test(unused_backend_goes_with_its_route),
        test(backend_that_the_batch_puts_is_not_unused),
        test(missing_route_takes_no_backend_along),
        test(missing_backend_is_a_warning_with_its_field),
        test(listener_that_no_proxy_has_is_a_warning),
        test(dry_run_answers_and_changes_nothing),
        test(repeated_request_gets_the_first_answer_also_after_a_restart),
        test(unchanged_request_is_remembered_too),
        test(id_of_another_request_is_refused),
        test(failed_request_may_be_repeated),
        test(calls_of_a_turn_share_a_sync_and_keep_their_revisions),
        test(read_in_the_same_turn_sees_what_is_durable),
        test(failing_sync_fails_every_call_of_the_turn),
        test(full_disk_fails_a_call_with_its_reason),
        test(cancelled_call_is_committed_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
