/* An HTTPRoute and a GRPCRoute of one name are two routes. */
#include "control/commit_group.h"
#include "control/control_service.h"
#include "control/history_service.h"
#include "control/read_service.h"
#include "control/store.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/services_fixture.h"

#include <stdio.h>
#include <string.h>

static MutationMessage *put_grpc_route(const char *name, const char *backend)
{
    MutationMessage *mutation = put_route(name, backend);
    mutation->put_route->kind = POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC;
    return mutation;
}

/* "web GRPCRoute/web b-deleted" */
static void expect_changes(struct services_fixture *fixture,
                           const Pointsman__V1__ApplyRequest *request, const char *changes)
{
    AnswerMessage *answer = apply(fixture, request);
    struct buffer text = BUFFER_EMPTY;
    for (size_t i = 0; i < answer->n_changes; i++) {
        const Pointsman__V1__Change *change = answer->changes[i];
        buffer_printf(&text, "%s%s%s", i == 0 ? "" : " ", change->name,
                      change->change == POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_DELETED ? "-deleted"
                                                                                        : "");
    }
    assert_string_equal(buffer_string(&text), changes);
    buffer_clear(&text);
    answer_free(answer);
}

static void expect_routes(struct services_fixture *fixture, const char *ids)
{
    struct buffer text = BUFFER_EMPTY;
    Pointsman__V1__ListRoutesRequest request = POINTSMAN__V1__LIST_ROUTES_REQUEST__INIT;
    char token[64] = "";
    request.page_size = 1; /* so that every id is in a token */
    do {
        struct grpc_call *call = fake_call_new();
        request.page_token = token;
        read_service_list_routes(&fixture->services, call, &request.base);
        Pointsman__V1__ListRoutesResponse *response =
            (Pointsman__V1__ListRoutesResponse *)fake_call_answer(
                call, &pointsman__v1__list_routes_response__descriptor);
        assert_non_null(response);
        for (size_t i = 0; i < response->n_routes; i++)
            buffer_printf(&text, "%s%s%s", text.length == 0 ? "" : " ", response->routes[i]->name,
                          response->routes[i]->kind == POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC
                              ? "(gRPC)"
                              : "");
        snprintf(token, sizeof(token), "%s", response->next_page_token);
        message_free(&response->base);
        fake_call_free(call);
    } while (token[0] != '\0');
    assert_string_equal(buffer_string(&text), ids);
    buffer_clear(&text);
}

/* --- tests ---------------------------------------------------------------------------------- */

/* DOC-16 */
static void neither_kind_replaces_the_other(void **state)
{
    struct services_fixture *fixture = *state;
    expect_changes(fixture, make_apply(put_route("web", "b"), put_grpc_route("web", "b"), NULL),
                   "web GRPCRoute/web");
    expect_changes(fixture, make_apply(put_grpc_route("s/a", "b"), put_route("s/a", "b"), NULL),
                   "GRPCRoute/s/a s/a");

    expect_routes(fixture, "s/a(gRPC) web(gRPC) s/a web");
    assert_int_equal(store_head(fixture->services.store).routes, 4);
    services_fixture_restart(fixture);
    expect_routes(fixture, "s/a(gRPC) web(gRPC) s/a web");
}

static void a_delete_is_of_the_kind_that_it_names(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_route("web", "b"), put_grpc_route("web", "b"), NULL));

    expect_changes(fixture, make_apply(delete_route("GRPCRoute/web"), NULL),
                   "GRPCRoute/web-deleted");
    expect_routes(fixture, "web");
    apply_fails(fixture, make_apply(delete_route("GRPCRoute/web"), NULL), GRPC_NOT_FOUND,
                "mutations[0].delete_route");
    apply_ok(fixture, make_apply(put_grpc_route("web", "b"), delete_route("web"), NULL));
    expect_routes(fixture, "web(gRPC)");
}

static void what_is_no_id_is_refused(void **state)
{
    struct services_fixture *fixture = *state;
    static const char *const texts[] = {"GRPCRoute/", "grpcroute/a/b", "HTTPRoute/a",
                                        "GRPCRoute/GRPCRoute/a"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        apply_fails(fixture, make_apply(delete_route(texts[i]), NULL), GRPC_INVALID_ARGUMENT,
                    "mutations[0].delete_route");
    apply_fails(fixture, make_apply(put_route("GRPCRoute/a", "b"), NULL), GRPC_INVALID_ARGUMENT,
                "mutations[0].put_route.name");
    apply_fails(fixture, make_apply(delete_backend("GRPCRoute/a"), NULL), GRPC_INVALID_ARGUMENT,
                "mutations[0].delete_backend");
}

/* Whoever knows it from when both kinds shared their names. */
static void what_is_meant_may_be_the_grpc_route(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__GetRouteRequest request = POINTSMAN__V1__GET_ROUTE_REQUEST__INIT;
    struct grpc_call *get = fake_call_new();
    request.name = (char *)"s/web";
    apply_ok(fixture, make_apply(put_grpc_route("s/web", "b"), NULL));

    struct grpc_call *call = start_apply(fixture, make_apply(delete_route("s/web"), NULL));
    read_service_get_route(&fixture->services, get, &request.base);

    assert_int_equal(fake_call_status(call), GRPC_NOT_FOUND);
    assert_non_null(strstr(fake_call_message(call), "'s/web'; there is 'GRPCRoute/s/web'"));
    assert_int_equal(fake_call_status(get), GRPC_NOT_FOUND);
    assert_non_null(strstr(fake_call_message(get), "; there is 'GRPCRoute/s/web'"));
    fake_call_free(call);
    fake_call_free(get);
}

static void a_route_is_named_once_in_a_commit(void **state)
{
    struct services_fixture *fixture = *state;
    apply_fails(fixture,
                make_apply(put_route("web", "b"), put_grpc_route("web", "b"),
                           delete_route("GRPCRoute/web"), NULL),
                GRPC_INVALID_ARGUMENT, "mutations[2].delete_route");
}

static void a_precondition_is_of_the_kind(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__Precondition absent = POINTSMAN__V1__PRECONDITION__INIT;
    absent.kind_case = POINTSMAN__V1__PRECONDITION__KIND_MUST_NOT_EXIST;
    absent.must_not_exist = true;
    apply_ok(fixture, make_apply(put_route("web", "b"), NULL));

    MutationMessage *grpc = put_grpc_route("web", "b");
    grpc->precondition = &absent;

    apply_ok(fixture, make_apply(grpc, NULL));
    apply_fails(fixture, make_apply(grpc, NULL), GRPC_ALREADY_EXISTS, "mutations[0].precondition");
}

/* Both name it: it goes with the second alone. */
static void a_backend_of_the_name_is_that_of_both(void **state)
{
    struct services_fixture *fixture = *state;
    MutationMessage *http = delete_route("web"), *grpc = delete_route("GRPCRoute/web");
    http->delete_unused_backend = grpc->delete_unused_backend = true;
    apply_ok(fixture, make_apply(put_backend("web", 1), put_route("web", "web"),
                                 put_grpc_route("web", "web"), NULL));

    struct grpc_call *call = start_apply(fixture, make_apply(delete_backend("web"), NULL));
    assert_int_equal(fake_call_status(call), GRPC_FAILED_PRECONDITION);
    assert_non_null(strstr(fake_call_message(call), "named by 2 routes: GRPCRoute/web, web"));
    fake_call_free(call);
    expect_changes(fixture, make_apply(http, NULL), "web-deleted");
    expect_changes(fixture, make_apply(grpc, NULL), "GRPCRoute/web-deleted web-deleted");
}

static void a_warning_names_the_kind(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_backend("b", 1), put_route("web", "b"), NULL));

    AnswerMessage *answer = apply(fixture, make_apply(put_grpc_route("web", "none"), NULL));

    assert_int_equal(answer->n_warnings, 2);
    assert_string_equal(answer->warnings[0]->name, "GRPCRoute/web");
    assert_string_equal(answer->warnings[0]->field, "rules[0].backend_refs[0].name");
    assert_string_equal(answer->warnings[1]->name, "GRPCRoute/web");
    assert_non_null(strstr(answer->warnings[1]->message, "route 'web'"));
    answer_free(answer);
}

/* Of what has the label, just the GRPCRoute is not named. */
static void what_replaces_all_keeps_the_kinds_it_names(void **state)
{
    struct services_fixture *fixture = *state;
    LabelMessage label = POINTSMAN__V1__LABEL__INIT, *labels[] = {&label};
    MutationMessage *http = put_route("web", "b"), *grpc = put_grpc_route("web", "b");
    label.key = (char *)"team";
    label.value = (char *)"a";
    http->put_route->labels = grpc->put_route->labels = labels;
    http->put_route->n_labels = grpc->put_route->n_labels = 1;
    apply_ok(fixture, make_apply(http, grpc, NULL));
    Pointsman__V1__ApplyRequest *request = make_apply(http, NULL);
    request->replace_all = labels;
    request->n_replace_all = 1;

    struct grpc_call *call = start_apply(fixture, request);

    assert_string_equal(fake_call_message(call), "");
    fake_call_free(call);
    expect_routes(fixture, "web");
}

static void undo(struct services_fixture *fixture, uint64_t first, uint64_t last)
{
    Pointsman__V1__UndoRequest request = POINTSMAN__V1__UNDO_REQUEST__INIT;
    struct grpc_call *call = fake_call_new();
    request.revision = first;
    request.last_revision = last;
    control_service_undo(&fixture->services, call, &request.base);
    commit_group_flush(fixture->services.commits);
    assert_string_equal(fake_call_message(call), "");
    fake_call_free(call);
}

static void undo_is_of_the_kinds_that_were_changed(void **state)
{
    struct services_fixture *fixture = *state;
    uint64_t first = apply_ok(fixture, make_apply(put_route("web", "b"), NULL));
    apply_ok(fixture, make_apply(delete_route("web"), NULL));
    uint64_t last = apply_ok(fixture, make_apply(put_grpc_route("web", "b"), NULL));

    undo(fixture, last, 0);
    expect_routes(fixture, "");
    undo(fixture, first + 1, last + 1);
    expect_routes(fixture, "web");
}

static void expect_commits_of(struct services_fixture *fixture, const char *id, size_t count)
{
    Pointsman__V1__ListCommitsRequest request = POINTSMAN__V1__LIST_COMMITS_REQUEST__INIT;
    struct grpc_call *call = fake_call_new();
    request.name = (char *)id;
    history_service_list_commits(&fixture->services, call, &request.base);
    Pointsman__V1__ListCommitsResponse *response =
        (Pointsman__V1__ListCommitsResponse *)fake_call_answer(
            call, &pointsman__v1__list_commits_response__descriptor);
    assert_non_null(response);
    assert_int_equal(response->n_commits, count);
    message_free(&response->base);
    fake_call_free(call);
}

static void each_kind_has_a_history_of_its_own(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_route("web", "b"), NULL));
    apply_ok(fixture, make_apply(put_grpc_route("web", "b"), NULL));
    apply_ok(fixture, make_apply(put_grpc_route("web", "c"), NULL));

    expect_commits_of(fixture, "web", 1);
    expect_commits_of(fixture, "GRPCRoute/web", 2);
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, services_fixture_set_up, services_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(neither_kind_replaces_the_other),
        TEST(a_delete_is_of_the_kind_that_it_names),
        TEST(what_is_no_id_is_refused),
        TEST(what_is_meant_may_be_the_grpc_route),
        TEST(a_route_is_named_once_in_a_commit),
        TEST(a_precondition_is_of_the_kind),
        TEST(a_backend_of_the_name_is_that_of_both),
        TEST(a_warning_names_the_kind),
        TEST(what_replaces_all_keeps_the_kinds_it_names),
        TEST(undo_is_of_the_kinds_that_were_changed),
        TEST(each_kind_has_a_history_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
