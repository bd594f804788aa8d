#include "control/routectl/command.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/routectl/fake_client.h"
#include "tests/unit/routectl/verb_runner.h"

#include <string.h>

static void answer_undone(uint64_t confirm_by_ms)
{
    Pointsman__V1__Change change = POINTSMAN__V1__CHANGE__INIT, *changes[] = {&change};
    Pointsman__V1__ApplyResponse response = POINTSMAN__V1__APPLY_RESPONSE__INIT;
    change.kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    change.change = POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_DELETED;
    change.name = (char *)"api";
    response.revision = 42;
    response.confirm_by_ms = confirm_by_ms;
    response.n_changes = 1;
    response.changes = changes;
    fake_client_answer(&response.base);
}

static void answer_waited(void)
{
    static char *applied[] = {(char *)"edge-1"};
    Pointsman__V1__WaitAppliedResponse response = POINTSMAN__V1__WAIT_APPLIED_RESPONSE__INIT;
    response.revision = 42;
    response.n_applied = 1;
    response.applied = applied;
    fake_client_answer(&response.base);
}

static const Pointsman__V1__UndoRequest *undo_request(void)
{
    assert_string_equal(fake_client_path(0), "/pointsman.v1.RouteControl/Undo");
    return (const Pointsman__V1__UndoRequest *)fake_client_request(0);
}

/* --- undo ------------------------------------------------------------------------------------- */

static void undo_is_a_change_that_is_waited_for(void **state)
{
    (void)state;
    answer_undone(0);
    answer_waited();
    run("undo 41 --message sorry");
    assert_int_equal(ran.code, 0);
    assert_int_equal(undo_request()->revision, 41);
    assert_int_equal(undo_request()->last_revision, 0);
    assert_string_equal(undo_request()->message, "sorry");
    assert_int_equal(strlen(undo_request()->request_id), 32);
    assert_false(undo_request()->force);
    assert_null(undo_request()->confirm_within);
    assert_string_equal(ran.out, "route api removed\n");
    assert_string_equal(ran.err, "routectl: revision 42 is live on: edge-1\n");
}

static void undo_takes_every_flag_of_a_change(void **state)
{
    (void)state;
    answer_undone(0);
    run("undo 39 --through 41 --force --if-revision 41 --request-id r-1 --confirm-within 1m30s "
        "--no-wait");
    assert_int_equal(undo_request()->revision, 39);
    assert_int_equal(undo_request()->last_revision, 41);
    assert_true(undo_request()->force);
    assert_int_equal(undo_request()->if_revision, 41);
    assert_string_equal(undo_request()->request_id, "r-1");
    assert_int_equal(undo_request()->confirm_within->seconds, 90);
}

static void a_dry_run_of_undo_shows_what_would_differ(void **state)
{
    (void)state;
    static char *hosts[] = {(char *)"shop.internal"};
    RouteMessage route = POINTSMAN__V1__ROUTE__INIT;
    Pointsman__V1__Object before = POINTSMAN__V1__OBJECT__INIT;
    Pointsman__V1__Change change = POINTSMAN__V1__CHANGE__INIT, *changes[] = {&change};
    Pointsman__V1__ApplyResponse response = POINTSMAN__V1__APPLY_RESPONSE__INIT;
    route.name = (char *)"api";
    route.revision = 41;
    route.n_hostnames = 1;
    route.hostnames = hosts;
    before.kind_case = POINTSMAN__V1__OBJECT__KIND_ROUTE;
    before.route = &route;
    change.kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    change.change = POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_DELETED;
    change.name = (char *)"api";
    change.before = &before;
    response.n_changes = 1;
    response.changes = changes;
    response.changes_without_objects = 2;
    fake_client_answer(&response.base);

    run("undo 41 --dry-run");

    assert_int_equal(ran.code, 0);
    assert_int_equal(fake_client_call_count(), 1);
    assert_true(undo_request()->dry_run);
    assert_has(ran.out, "route api removed (dry run)\n"
                        "--- HTTPRoute api (revision 41)\n+++ /dev/null\n");
    assert_has(ran.out, "\n-  hostnames: [shop.internal]\n");
    assert_string_equal(ran.err, "routectl: note: 2 changes are too large to be shown in full\n");
}

static void what_was_changed_since_is_exit_4(void **state)
{
    (void)state;
    fake_client_fail(GRPC_FAILED_PRECONDITION, "route 'api' was changed at revision 42");
    run("undo 41");
    assert_int_equal(ran.code, 4);
    assert_string_equal(ran.err, "routectl: route 'api' was changed at revision 42\n");
}

static void an_undo_without_an_answer_leaves_a_doubt(void **state)
{
    (void)state;
    fake_client_fail(GRPC_DEADLINE_EXCEEDED, "no answer");
    run("undo 41 --request-id r-1");
    assert_int_equal(ran.code, 7);
    assert_has(ran.err, "--request-id r-1 makes it, unless it is made already");
}

/* --- confirm ---------------------------------------------------------------------------------- */

static void a_change_to_be_confirmed_says_how_and_by_when(void **state)
{
    (void)state;
    answer_undone(UINT64_C(1795414957000));
    run("remove api --confirm-within 60s --no-wait");
    const Pointsman__V1__ApplyRequest *request =
        (const Pointsman__V1__ApplyRequest *)fake_client_request(0);
    assert_int_equal(request->confirm_within->seconds, 60);
    assert_string_equal(ran.err, "routectl: revision 42 is taken back at 2026-11-23T06:22:37Z, "
                                 "unless 'routectl confirm 42' keeps it\n");
}

static void confirm_keeps_a_revision(void **state)
{
    (void)state;
    Pointsman__V1__ConfirmResponse response = POINTSMAN__V1__CONFIRM_RESPONSE__INIT;
    response.revision = 42;
    fake_client_answer(&response.base);
    run("confirm 42");
    assert_int_equal(ran.code, 0);
    assert_string_equal(fake_client_path(0), "/pointsman.v1.RouteControl/Confirm");
    assert_int_equal(((const Pointsman__V1__ConfirmRequest *)fake_client_request(0))->revision, 42);
    assert_string_equal(ran.out, "revision 42 confirmed\n");
}

static void confirming_too_late_is_exit_4(void **state)
{
    (void)state;
    fake_client_fail(GRPC_FAILED_PRECONDITION, "revision 42 was taken back by revision 43");
    run("confirm 42");
    assert_int_equal(ran.code, 4);
    assert_string_equal(ran.out, "");
}

static void wrong_usage_says_what_is_wrong(void **state)
{
    (void)state;
    assert_refused("undo", EXIT_USAGE, "undo: needs REV");
    assert_refused("undo x", EXIT_USAGE, "undo: 'x' is not a revision");
    assert_refused("undo 41 --through 40", EXIT_USAGE, "undo: --through is a revision after");
    assert_refused("undo 41 --confirm-within soon", EXIT_USAGE, "--confirm-within: 'soon' is not");
    assert_refused("confirm", EXIT_USAGE, "confirm: needs REV");
    assert_refused("confirm 0", EXIT_USAGE, "confirm: '0' is not a revision");
}

#define UNDO_TEST(name) cmocka_unit_test_setup(name, verb_runner_reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNDO_TEST(undo_is_a_change_that_is_waited_for),
        UNDO_TEST(undo_takes_every_flag_of_a_change),
        UNDO_TEST(a_dry_run_of_undo_shows_what_would_differ),
        UNDO_TEST(what_was_changed_since_is_exit_4),
        UNDO_TEST(an_undo_without_an_answer_leaves_a_doubt),
        UNDO_TEST(a_change_to_be_confirmed_says_how_and_by_when),
        UNDO_TEST(confirm_keeps_a_revision),
        UNDO_TEST(confirming_too_late_is_exit_4),
        UNDO_TEST(wrong_usage_says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, verb_runner_save, verb_runner_reset);
}
