/* A backend that is removed: which routes would lose it. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/services_fixture.h"

static MutationMessage *force(MutationMessage *deletion)
{
    deletion->force = true;
    return deletion;
}

static void it_may_go_where_every_namespace_has_its_own(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_backend("users", 1), put_backend("a/users", 2),
                                 put_backend("b/users", 3), put_route("a/r", "users"),
                                 put_route("b/r", "users"), NULL));

    AnswerMessage *answer = apply(fixture, make_apply(delete_backend("users"), NULL));

    assert_int_equal(answer->n_warnings, 0);
    answer_free(answer);
}

static void it_stays_for_routes_that_have_no_other(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_backend("users", 1), put_backend("a/users", 2),
                                 put_route("a/r", "users"), put_route("b/r", "users"),
                                 put_route("c/r", "users"), NULL));

    struct grpc_call *call = start_apply(fixture, make_apply(delete_backend("users"), NULL));

    assert_int_equal(fake_call_status(call), GRPC_FAILED_PRECONDITION);
    assert_non_null(strstr(fake_call_message(call), "named by 2 routes: b/r, c/r"));
    fake_call_free(call);
}

static void it_stays_for_a_route_without_a_namespace(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_backend("users", 1), put_backend("a/users", 2),
                                 put_route("a/r", "users"), put_route("r", "users"), NULL));

    apply_fails(fixture, make_apply(delete_backend("users"), NULL), GRPC_FAILED_PRECONDITION,
                "mutations[0].delete_backend");
    AnswerMessage *answer = apply(fixture, make_apply(force(delete_backend("users")), NULL));
    assert_int_equal(answer->n_warnings, 1);
    assert_string_equal(answer->warnings[0]->message, "1 routes still name it: r");
    answer_free(answer);
}

/* What the commit does besides counts: the backend that would serve instead goes too. */
static void both_at_once_may_not_go(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_backend("users", 1), put_backend("a/users", 2),
                                 put_route("a/r", "users"), NULL));

    apply_fails(fixture, make_apply(delete_backend("users"), delete_backend("a/users"), NULL),
                GRPC_FAILED_PRECONDITION,
                "mutations[0].delete_backend mutations[1].delete_backend");
    apply_ok(fixture, make_apply(delete_backend("users"), delete_backend("a/users"),
                                 delete_route("a/r"), NULL));
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, services_fixture_set_up, services_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_may_go_where_every_namespace_has_its_own),
        TEST(it_stays_for_routes_that_have_no_other),
        TEST(it_stays_for_a_route_without_a_namespace),
        TEST(both_at_once_may_not_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
