/* HTTPRoutes and GRPCRoutes share their names, and neither replaces the other. */
#include "control/commit_group.h"
#include "control/control_service.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/services_fixture.h"

#include <string.h>

static MutationMessage *put_grpc_route(const char *name, const char *backend)
{
    MutationMessage *mutation = put_route(name, backend);
    mutation->put_route->kind = POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC;
    return mutation;
}

static void expect_refused(struct services_fixture *fixture, MutationMessage *mutation,
                           const char *why)
{
    struct grpc_call *call = start_apply(fixture, make_apply(mutation, NULL));
    assert_int_equal(fake_call_status(call), GRPC_ALREADY_EXISTS);
    if (strstr(fake_call_message(call), why) == NULL)
        fail_msg("wanted '%s', got '%s'", why, fake_call_message(call));
    fake_call_free(call);
}

/* DOC-16 */
static void neither_kind_replaces_the_other(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_route("web", "b"), put_grpc_route("calls", "b"), NULL));

    expect_refused(fixture, put_grpc_route("web", "b"),
                   "'web' is of kind HTTPRoute, which one of kind GRPCRoute does not replace");
    expect_refused(fixture, put_route("calls", "b"),
                   "'calls' is of kind GRPCRoute, which one of kind HTTPRoute does not replace");
    apply_fails(fixture, make_apply(put_route("calls", "b"), NULL), GRPC_ALREADY_EXISTS,
                "mutations[0].put_route.name");
    apply_ok(fixture, make_apply(put_route("web", "c"), put_grpc_route("calls", "c"), NULL));
}

static void what_was_removed_leaves_its_name(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_route("web", "b"), NULL));
    apply_ok(fixture, make_apply(delete_route("web"), NULL));

    apply_ok(fixture, make_apply(put_grpc_route("web", "b"), NULL));
}

/* Undo brings back what was there, whatever has the name by now. */
static void undo_brings_back_the_other_kind(void **state)
{
    struct services_fixture *fixture = *state;
    uint64_t first = apply_ok(fixture, make_apply(put_route("web", "b"), NULL));
    apply_ok(fixture, make_apply(delete_route("web"), NULL));
    uint64_t last = apply_ok(fixture, make_apply(put_grpc_route("web", "b"), NULL));
    Pointsman__V1__UndoRequest request = POINTSMAN__V1__UNDO_REQUEST__INIT;
    struct grpc_call *call = fake_call_new();
    request.revision = first + 1;
    request.last_revision = last;

    control_service_undo(&fixture->services, call, &request.base);
    commit_group_flush(fixture->services.commits);

    assert_string_equal(fake_call_message(call), "");
    fake_call_free(call);

    expect_refused(fixture, put_grpc_route("web", "b"), "'web' is of kind HTTPRoute");
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, services_fixture_set_up, services_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(neither_kind_replaces_the_other),
        TEST(what_was_removed_leaves_its_name),
        TEST(undo_brings_back_the_other_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
