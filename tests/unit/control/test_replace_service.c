#include "control/commit_group.h"
#include "control/replace_service.h"
#include "control/store.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/services_fixture.h"

#include <stdio.h>

static LabelMessage team_x;
static LabelMessage *labels[] = {&team_x};

static int set_up(void **state)
{
    pointsman__v1__label__init(&team_x);
    team_x.key = (char *)"team";
    team_x.value = (char *)"x";
    return services_fixture_set_up(state);
}

static MutationMessage *of_team(MutationMessage *put)
{
    if (put->operation_case == POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE) {
        put->put_route->labels = labels;
        put->put_route->n_labels = 1;
    } else {
        put->put_backend->labels = labels;
        put->put_backend->n_labels = 1;
    }
    return put;
}

static Pointsman__V1__ApplyRequest *replacing(Pointsman__V1__ApplyRequest *request)
{
    request->replace_all = labels;
    request->n_replace_all = 1;
    return request;
}

static bool exists(struct services_fixture *fixture, Pointsman__V1__ObjectKind kind,
                   const char *name)
{
    struct store_record record = {0};
    bool is_there = store_get(fixture->services.store, kind, name, &record, NULL);
    store_record_clear(&record);
    return is_there;
}

static void what_has_the_labels_and_is_not_named_goes_in_the_same_commit(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(of_team(put_route("a", "x")), of_team(put_route("b", "y")),
                                 of_team(put_backend("x", 1)), of_team(put_backend("y", 1)),
                                 put_route("foreign", ""), NULL));

    assert_int_equal(apply_ok(fixture, replacing(make_apply(of_team(put_route("a", "x")),
                                                            of_team(put_backend("x", 2)),
                                                            of_team(put_route("c", "x")), NULL))),
                     2);

    assert_true(exists(fixture, ROUTE, "a") && exists(fixture, ROUTE, "c"));
    assert_false(exists(fixture, ROUTE, "b"));
    assert_false(exists(fixture, BACKEND, "y"));
    assert_true(exists(fixture, ROUTE, "foreign"));
}

static void nothing_named_leaves_nothing_with_the_labels(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(of_team(put_route("a", "")), put_route("foreign", ""), NULL));

    apply_ok(fixture, replacing(make_apply(NULL, NULL)));

    assert_false(exists(fixture, ROUTE, "a"));
    assert_true(exists(fixture, ROUTE, "foreign"));
}

static void backend_that_others_name_keeps_all_from_being_replaced(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(of_team(put_backend("x", 1)), of_team(put_route("a", "")),
                                 put_route("foreign", "x"), NULL));

    apply_fails(fixture, replacing(make_apply(of_team(put_route("c", "")), NULL)),
                GRPC_FAILED_PRECONDITION, "backend x");

    assert_true(exists(fixture, ROUTE, "a"));
    assert_false(exists(fixture, ROUTE, "c"));
}

static void dry_run_shows_what_would_go(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(of_team(put_route("a", "")), NULL));
    Pointsman__V1__ApplyRequest *request = replacing(make_apply(put_route("b", ""), NULL));
    request->dry_run = true;

    AnswerMessage *answer = apply(fixture, request);

    assert_int_equal(answer->n_changes, 2);
    assert_string_equal(answer->changes[0]->name, "b");
    assert_null(answer->changes[0]->before);
    assert_non_null(answer->changes[0]->after);
    assert_string_equal(answer->changes[1]->name, "a");
    assert_int_equal(answer->changes[1]->change, POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_DELETED);
    assert_string_equal(answer->changes[1]->before->route->name, "a");
    assert_int_equal(answer->n_warnings, 1);
    assert_string_equal(answer->warnings[0]->field, "labels");
    answer_free(answer);
    assert_true(exists(fixture, ROUTE, "a"));
}

/* More than is read in one piece, so that others commit in between. */
static void put_many(struct services_fixture *fixture)
{
    enum { COUNT = 6000 };
    static MutationMessage mutations[COUNT];
    static MutationMessage *pointers[COUNT];
    static RouteMessage routes[COUNT];
    static char names[COUNT][16];
    Pointsman__V1__ApplyRequest request = POINTSMAN__V1__APPLY_REQUEST__INIT;
    const RouteMessage *one = make_route("one", "");
    for (size_t i = 0; i < COUNT; i++) {
        routes[i] = *one;
        snprintf(names[i], sizeof(names[i]), "m%05zu", i);
        routes[i].name = names[i];
        pointsman__v1__mutation__init(&mutations[i]);
        mutations[i].operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE;
        mutations[i].put_route = &routes[i];
        pointers[i] = &mutations[i];
    }
    request.n_mutations = COUNT;
    request.mutations = pointers;
    apply_ok(fixture, &request);
}

static void commits_made_while_it_reads_count(void **state)
{
    struct services_fixture *fixture = *state;
    put_many(fixture);
    apply_ok(fixture, make_apply(of_team(put_route("a", "")), of_team(put_route("b", "")), NULL));

    struct grpc_call *call =
        start_apply(fixture, replacing(make_apply(of_team(put_route("c", "")), NULL)));
    assert_false(fake_call_has_ended(call));
    apply_ok(fixture,
             make_apply(put_route("a", ""), of_team(put_route("d", "")), delete_route("b"), NULL));
    for (int i = 0; i < 100 && !fake_call_has_ended(call); i++)
        services_fixture_pass(fixture, 1);

    assert_int_equal(fake_call_status(call), GRPC_OK);
    assert_true(exists(fixture, ROUTE, "a")); /* lost the label meanwhile */
    assert_false(exists(fixture, ROUTE, "d"));
    assert_true(exists(fixture, ROUTE, "c"));
    fake_call_free(call);
}

static void cancelled_replacement_changes_nothing(void **state)
{
    struct services_fixture *fixture = *state;
    put_many(fixture);
    apply_ok(fixture, make_apply(of_team(put_route("a", "")), NULL));

    struct grpc_call *call = start_apply(fixture, replacing(make_apply(NULL, NULL)));
    assert_false(fake_call_has_ended(call));
    fake_call_cancel(call);
    for (int i = 0; i < 10; i++)
        services_fixture_pass(fixture, 1);

    assert_true(exists(fixture, ROUTE, "a"));
    fake_call_free(call);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, services_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(what_has_the_labels_and_is_not_named_goes_in_the_same_commit),
        test(nothing_named_leaves_nothing_with_the_labels),
        test(backend_that_others_name_keeps_all_from_being_replaced),
        test(dry_run_shows_what_would_go),
        test(commits_made_while_it_reads_count),
        test(cancelled_replacement_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
