#include "control/routectl/command.h"
#include "control/routectl/session.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/routectl/fake_client.h"
#include "tests/unit/routectl/verb_runner.h"

#include <stdio.h>
#include <string.h>

/* --- answers ---------------------------------------------------------------------------------- */

static void answer_applied_at(uint64_t revision)
{
    Pointsman__V1__Change change = POINTSMAN__V1__CHANGE__INIT, *changes[] = {&change};
    Pointsman__V1__ApplyResponse response = POINTSMAN__V1__APPLY_RESPONSE__INIT;
    change.kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    change.change = POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_CREATED;
    change.name = (char *)"api";
    response.revision = revision;
    response.n_changes = 1;
    response.changes = changes;
    fake_client_answer(&response.base);
}

static void answer_live_on(char *proxy)
{
    char *applied[] = {proxy};
    Pointsman__V1__WaitAppliedResponse response = POINTSMAN__V1__WAIT_APPLIED_RESPONSE__INIT;
    response.revision = 41;
    response.n_applied = proxy == NULL ? 0 : 1;
    response.applied = applied;
    fake_client_answer(&response.base);
}

static const Pointsman__V1__ApplyRequest *applied_request(void)
{
    assert_string_equal(fake_client_path(0), "/pointsman.v1.RouteControl/Apply");
    return (const Pointsman__V1__ApplyRequest *)fake_client_request(0);
}

/* --- changes ---------------------------------------------------------------------------------- */

static void add_commits_once_and_waits_for_that_revision(void **state)
{
    (void)state;
    answer_applied_at(41);
    answer_live_on((char *)"edge-1");

    run("add api --path-prefix /api --to http://127.0.0.1:9000 --wait-timeout 3s --message why");

    assert_int_equal(ran.code, 0);
    assert_int_equal(applied_request()->n_mutations, 2);
    assert_string_equal(applied_request()->message, "why");
    assert_false(applied_request()->dry_run);
    assert_string_equal(fake_client_path(1), "/pointsman.v1.RouteControl/WaitApplied");
    const Pointsman__V1__WaitAppliedRequest *wait =
        (const Pointsman__V1__WaitAppliedRequest *)fake_client_request(1);
    assert_int_equal(wait->revision, 41);
    assert_int_equal(wait->timeout->seconds, 3);
    assert_int_equal(fake_client_connect_count(), 1);
    assert_string_equal(ran.out, "route api created\n");
    assert_string_equal(ran.err, "routectl: revision 41 is live on: edge-1\n");
}

/* The daemon says who is late; it must not be hung up on before. */
static void the_call_lasts_longer_than_the_waiting(void **state)
{
    (void)state;
    answer_live_on(NULL);
    run("wait --timeout 3s");
    assert_true(fake_client_timeout_ms(0) > 3000);
}

static void no_wait_and_dry_run_do_not_wait(void **state)
{
    (void)state;
    answer_applied_at(41);
    run("remove api --no-wait");
    assert_int_equal(ran.code, 0);
    assert_int_equal(fake_client_call_count(), 1);

    verb_runner_reset(NULL);
    answer_applied_at(41);
    run("remove api --dry-run");
    assert_int_equal(ran.code, 0);
    assert_true(applied_request()->dry_run);
    assert_int_equal(fake_client_call_count(), 1);
    assert_string_equal(ran.out, "route api created (dry run)\n");
}

static void without_proxies_there_is_a_note(void **state)
{
    (void)state;
    answer_applied_at(41);
    answer_live_on(NULL);
    run("remove api");
    assert_int_equal(ran.code, 0);
    assert_string_equal(
        ran.err, "routectl: note: no proxy is known, so revision 41 waits for the first one\n");
}

static void proxies_that_lack_it_are_named_with_their_reasons(void **state)
{
    (void)state;
    char *applied[] = {(char *)"a"}, *pending[] = {(char *)"b"}, *gone[] = {(char *)"c"};
    Pointsman__V1__ObjectError error = POINTSMAN__V1__OBJECT_ERROR__INIT, *errors[] = {&error};
    Pointsman__V1__Rejection rejection = POINTSMAN__V1__REJECTION__INIT, *rejected[] = {&rejection};
    Pointsman__V1__WaitAppliedResponse response = POINTSMAN__V1__WAIT_APPLIED_RESPONSE__INIT;
    error.kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    error.name = (char *)"api";
    error.field = (char *)"rules[0]";
    error.message = (char *)"is odd";
    rejection.proxy_id = (char *)"d";
    rejection.revision = 41;
    rejection.message = (char *)"1 object";
    rejection.n_errors = 1;
    rejection.errors = errors;
    response.revision = 41;
    response.n_applied = response.n_pending = response.n_disconnected = response.n_rejected = 1;
    response.applied = applied;
    response.pending = pending;
    response.disconnected = gone;
    response.rejected = rejected;
    answer_applied_at(41);
    fake_client_answer(&response.base);

    run("remove api --timeout 1s");

    assert_int_equal(ran.code, 6);
    assert_string_equal(ran.out, "route api created\n");
    assert_string_equal(ran.err,
                        "routectl: revision 41 is live on: a\n"
                        "routectl: revision 41 is not applied after 1s by: b\n"
                        "routectl: revision 41 is not applied by proxies that are gone: c\n"
                        "routectl: proxy d rejected revision 41: 1 object\n"
                        "routectl:   route api: rules[0]: is odd\n");
}

static void a_daemon_lost_after_the_commit_leaves_it_committed(void **state)
{
    (void)state;
    answer_applied_at(41);
    fake_client_break(false);
    run("remove api --timeout 40ms");
    assert_int_equal(ran.code, 6);
    assert_string_equal(ran.err,
                        "routectl: the connection is lost\n"
                        "routectl: revision 41 is committed; whether it is live is not known\n");
}

static void a_change_without_an_answer_leaves_a_doubt(void **state)
{
    (void)state;
    fake_client_fail(GRPC_DEADLINE_EXCEEDED, "no answer");
    run("remove api --request-id r-1");
    assert_int_equal(ran.code, 7);
    assert_string_equal(ran.err, "routectl: no answer\n"
                                 "routectl: whether the change was committed is not known; the "
                                 "same command with --request-id r-1 makes it, unless it is made "
                                 "already\n");
}

static void a_change_whose_connection_breaks_is_sent_again_with_the_same_id(void **state)
{
    (void)state;
    fake_client_break(true);
    answer_applied_at(41);
    run("remove api --no-wait");
    assert_int_equal(ran.code, 0);
    assert_int_equal(fake_client_call_count(), 2);
    assert_int_equal(fake_client_connect_count(), 2);
    const Pointsman__V1__ApplyRequest *again =
        (const Pointsman__V1__ApplyRequest *)fake_client_request(1);
    assert_int_equal(strlen(applied_request()->request_id), 32);
    assert_string_equal(applied_request()->request_id, again->request_id);
    assert_string_equal(ran.err, "");
}

static void a_change_is_sent_again_once_only(void **state)
{
    (void)state;
    fake_client_break(true);
    fake_client_break(true);
    run("remove api --no-wait");
    assert_int_equal(ran.code, 7);
    assert_int_equal(fake_client_call_count(), 2);
    assert_has(ran.err, "routectl: the connection is lost\nroutectl: whether the change was");
}

static void a_call_that_got_an_answer_is_not_made_again(void **state)
{
    (void)state;
    fake_client_fail(GRPC_UNAVAILABLE, "the database takes no writes");
    run("remove api");
    assert_int_equal(ran.code, 7);
    assert_int_equal(fake_client_call_count(), 1);
}

static void every_change_has_an_id_of_its_own(void **state)
{
    (void)state;
    char first[64];
    answer_applied_at(41);
    run("remove api --no-wait");
    snprintf(first, sizeof(first), "%s", applied_request()->request_id);
    verb_runner_reset(NULL);
    answer_applied_at(42);
    run("remove api --no-wait");
    assert_string_not_equal(applied_request()->request_id, first);
}

static void an_existing_route_is_exit_4_and_tells_of_replace(void **state)
{
    (void)state;
    fake_client_fail(GRPC_ALREADY_EXISTS, "route 'api' exists");
    run("add api --to http://a:1");
    assert_int_equal(ran.code, 4);
    assert_string_equal(ran.err, "routectl: route 'api' exists\n"
                                 "routectl: --replace puts a new one in its place\n");
    assert_string_equal(ran.out, "");
}

static void warnings_go_to_standard_error(void **state)
{
    (void)state;
    Pointsman__V1__Warning warning = POINTSMAN__V1__WARNING__INIT, other = warning;
    Pointsman__V1__Warning *warnings[] = {&warning, &other};
    Pointsman__V1__ApplyResponse response = POINTSMAN__V1__APPLY_RESPONSE__INIT;
    warning.kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    warning.name = (char *)"api";
    warning.field = (char *)"rules[0].backend_refs[0]";
    warning.message = (char *)"no such backend";
    other.kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    other.name = (char *)"other";
    other.field = (char *)"hostnames";
    other.message = (char *)"is odd";
    response.n_warnings = 2;
    response.warnings = warnings;
    fake_client_answer(&response.base);
    run("add api --backend nowhere --no-wait");
    assert_int_equal(ran.code, 0);
    assert_string_equal(ran.err, "routectl: warning: --backend nowhere: no such backend\n"
                                 "routectl: warning: route other: hostnames: is odd\n");
}

static void removing_takes_several_names_in_one_change(void **state)
{
    (void)state;
    answer_applied_at(41);
    run("remove a b --ignore-missing --keep-backend --if-revision 40 --no-wait");
    assert_int_equal(applied_request()->n_mutations, 2);
    assert_int_equal(applied_request()->if_revision, 40);
    const MutationMessage *mutation = applied_request()->mutations[1];
    assert_string_equal(mutation->delete_route, "b");
    assert_true(mutation->ignore_missing);
    assert_false(mutation->delete_unused_backend);

    verb_runner_reset(NULL);
    answer_applied_at(41);
    run("remove a --no-wait");
    assert_true(applied_request()->mutations[0]->delete_unused_backend);

    verb_runner_reset(NULL);
    answer_applied_at(41);
    run("backend remove a --force --no-wait");
    assert_string_equal(applied_request()->mutations[0]->delete_backend, "a");
    assert_true(applied_request()->mutations[0]->force);
}

static void a_change_in_json_holds_the_waiting_too(void **state)
{
    (void)state;
    answer_applied_at(41);
    answer_live_on((char *)"edge-1");
    run("remove api -o json");
    assert_has(ran.out, "  \"revision\": \"41\",\n");
    assert_has(ran.out, "      \"change\": \"CHANGE_KIND_CREATED\",\n");
    assert_has(ran.out, "  \"warnings\": [],\n");
    assert_has(ran.out, "  \"dryRun\": false,\n");
    assert_has(ran.out, "    \"applied\": [\n      \"edge-1\"\n    ],\n");
}

/* --- questions -------------------------------------------------------------------------------- */

static void a_list_is_read_page_by_page(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "c"};
    for (size_t i = 0; i < 3; i++) {
        RouteMessage route = POINTSMAN__V1__ROUTE__INIT, *routes[] = {&route};
        Pointsman__V1__ListRoutesResponse page = POINTSMAN__V1__LIST_ROUTES_RESPONSE__INIT;
        route.name = (char *)names[i];
        page.n_routes = 1;
        page.routes = routes;
        page.revision = 7;
        page.next_page_token = i == 2 ? (char *)"" : (char *)names[i];
        fake_client_answer(&page.base);
    }

    run("list --selector team=x --selector tier=y");

    assert_int_equal(ran.code, 0);
    assert_int_equal(fake_client_call_count(), 3);
    const Pointsman__V1__ListRoutesRequest *request =
        (const Pointsman__V1__ListRoutesRequest *)fake_client_request(2);
    assert_string_equal(request->page_token, "b");
    assert_int_equal(request->n_selector, 2);
    assert_string_equal(request->selector[1]->key, "tier");
    assert_has(ran.out, "\na ");
    assert_has(ran.out, "\nc ");
    assert_string_equal(ran.err, "");
}

static void what_there_was_is_asked_for_by_revision_or_time(void **state)
{
    (void)state;
    RouteMessage route = POINTSMAN__V1__ROUTE__INIT;
    Pointsman__V1__ListBackendsResponse backends = POINTSMAN__V1__LIST_BACKENDS_RESPONSE__INIT;
    fake_client_answer(&route.base);
    run("get a --at 41");
    const Pointsman__V1__GetRouteRequest *get =
        (const Pointsman__V1__GetRouteRequest *)fake_client_request(0);
    assert_int_equal(get->at_revision, 41);
    assert_int_equal(get->at_time_ms, 0);

    verb_runner_reset(NULL);
    fake_client_answer(&backends.base);
    run("backend list --at 2026-11-23T06:22:37Z");
    const Pointsman__V1__ListBackendsRequest *list =
        (const Pointsman__V1__ListBackendsRequest *)fake_client_request(0);
    assert_int_equal(list->at_revision, 0);
    assert_int_equal(list->at_time_ms, UINT64_C(1795414957000));
}

static void an_export_shows_routes_and_backends_of_one_revision(void **state)
{
    (void)state;
    Pointsman__V1__ListRoutesResponse routes = POINTSMAN__V1__LIST_ROUTES_RESPONSE__INIT;
    Pointsman__V1__ListBackendsResponse backends = POINTSMAN__V1__LIST_BACKENDS_RESPONSE__INIT;
    routes.revision = 7;
    fake_client_answer(&routes.base);
    fake_client_answer(&backends.base);
    run("export --at 10m");
    assert_int_equal(ran.code, 0);
    const Pointsman__V1__ListBackendsRequest *list =
        (const Pointsman__V1__ListBackendsRequest *)fake_client_request(1);
    assert_int_equal(list->at_revision, 7);
    assert_int_equal(list->at_time_ms, 0);
}

static void a_list_that_breaks_off_shows_nothing(void **state)
{
    (void)state;
    Pointsman__V1__ListBackendsResponse page = POINTSMAN__V1__LIST_BACKENDS_RESPONSE__INIT;
    page.next_page_token = (char *)"more";
    fake_client_answer(&page.base);
    fake_client_fail(GRPC_UNAVAILABLE, "connection lost");
    run("backend list");
    assert_int_equal(ran.code, 7);
    assert_string_equal(ran.out, "");
}

static void what_is_not_there_is_exit_3(void **state)
{
    (void)state;
    fake_client_fail(GRPC_NOT_FOUND, "no route 'x'");
    run("get x");
    assert_int_equal(ran.code, 3);
    assert_string_equal(((const Pointsman__V1__GetRouteRequest *)fake_client_request(0))->name,
                        "x");
    assert_string_equal(ran.err, "routectl: no route 'x'\n");
}

static void health_is_exit_1_when_it_does_not_serve(void **state)
{
    (void)state;
    Grpc__Health__V1__HealthCheckResponse health = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    health.status = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
    fake_client_answer(&health.base);
    run("health");
    assert_int_equal(ran.code, 0);
    assert_string_equal(ran.out, "serving\n");

    verb_runner_reset(NULL);
    health.status = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
    fake_client_answer(&health.base);
    run("health");
    assert_int_equal(ran.code, 1);
    assert_string_equal(ran.out, "not serving\n");
}

static void status_asks_for_the_daemon_and_the_proxies(void **state)
{
    (void)state;
    Pointsman__V1__GetInfoResponse info = POINTSMAN__V1__GET_INFO_RESPONSE__INIT;
    Pointsman__V1__ListProxiesResponse proxies = POINTSMAN__V1__LIST_PROXIES_RESPONSE__INIT;
    info.epoch = (char *)"e1";
    fake_client_answer(&info.base);
    fake_client_answer(&proxies.base);
    run("status -o json");
    assert_int_equal(ran.code, 0);
    assert_has(ran.out, "    \"epoch\": \"e1\",\n");
    assert_has(ran.out, "  \"proxies\": [],\n");
}

static void nobody_there_is_one_helpful_line_and_exit_7(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "status", "health",   "list",         "get a",
        "wait",   "remove a", "backend list", "add a --to http://b"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        verb_runner_reset(NULL);
        fake_client_refuse();
        char line[128];
        snprintf(line, sizeof(line), "%s --socket /run/x.sock", lines[i]);
        run(line);
        assert_int_equal(ran.code, 7);
        assert_string_equal(ran.out, "");
        assert_has(ran.err, "/run/x.sock");
        assert_has(ran.err, "is pointsman-control running?");
        assert_ptr_equal(strchr(ran.err, '\n'), ran.err + strlen(ran.err) - 1);
    }
}

/* --- usage ------------------------------------------------------------------------------------ */

static void assert_usage(const char *line, const char *message)
{
    assert_refused(line, EXIT_USAGE, message);
}

static void wrong_usage_says_what_is_wrong(void **state)
{
    (void)state;
    assert_usage("lst", "unknown verb 'lst'; did you mean 'list'?");
    assert_usage("backend ad x", "unknown verb 'backend ad'; did you mean 'backend add'?");
    assert_usage("bakend list", "unknown verb 'bakend list'; did you mean 'backend list'?");
    assert_usage("backend", "backend: what about it? add, remove, get or list");
    assert_usage("frobnicate", "unknown verb 'frobnicate'; 'routectl help' lists them");
    assert_usage("add", "add: needs NAME");
    assert_usage("apply", "apply: needs -f FILE");
    assert_usage("diff", "diff: needs -f FILE");
    assert_usage("apply -f /nowhere/a.yaml", "/nowhere/a.yaml: No such file or directory");
    assert_usage("remove", "remove: needs either names or -f FILE");
    assert_usage("remove a -f b", "remove: needs either names or -f FILE");
    assert_usage("export a --selector b=c", "export: either names or --selector");
    assert_usage("get a b", "get: unexpected argument 'b'");
    assert_usage("add a --too x", "unknown option --too; did you mean --to?");
    assert_usage("add a --to x", "--to: 'x' is not an endpoint");
    assert_usage("list -o xml", "-o: 'xml' is none of table, wide, json and yaml");
    assert_usage("remove a --wait --no-wait", "--wait and --no-wait exclude each other");
    assert_usage("wait 1 --revision 2", "wait: either REVISION or --revision");
    assert_usage("get a --at x", "get: --at: 'x' is neither a time such as");
    assert_usage("list --at 0", "list: --at: the first revision is 1");
    assert_usage("export a --at 1.5", "export: --at: '1.5' is neither a time");
    assert_usage("wait x", "wait: 'x' is not a revision");
    assert_usage("list --selector x", "--selector: 'x' is not of the form NAME=VALUE");
    assert_usage("get a --timeout 5", "--timeout: '5' is not a duration");
    assert_usage("help lst", "unknown verb 'lst'; did you mean 'list'?");
}

static void timeout_of_add_is_the_routes(void **state)
{
    (void)state;
    answer_applied_at(41);
    run("add a --to http://b --timeout 30s --no-wait");
    assert_int_equal(
        applied_request()->mutations[1]->put_route->rules[0]->timeouts->request->seconds, 30);
    assert_int_equal(session_options.timeout_ms, 10000);
}

static void every_verb_has_help_with_an_example(void **state)
{
    (void)state;
    for (size_t i = 0; commands[i] != NULL; i++) {
        char line[64], expected[64];
        verb_runner_reset(NULL);
        snprintf(line, sizeof(line), "help %s", commands[i]->name);
        run(line);
        assert_int_equal(ran.code, 0);
        snprintf(expected, sizeof(expected), "Usage: routectl %s", commands[i]->name);
        assert_has(ran.out, expected);
        assert_has(ran.out, "\nExamples:\n  routectl ");
        snprintf(expected, sizeof(expected), "  routectl %s", commands[i]->name);
        assert_has(strstr(ran.out, "Examples:"), expected);
    }
}

static void help_lists_every_verb_and_the_exit_codes(void **state)
{
    (void)state;
    run("help");
    for (size_t i = 0; commands[i] != NULL; i++)
        assert_has(ran.out, commands[i]->summary);
    assert_has(ran.out, "7 the daemon cannot be reached");
    assert_has(ran.out, "POINTSMAN_SOCKET");
}

/* A terminal of 100 columns shows help without breaking lines. */
static void no_line_of_help_is_too_long(void **state)
{
    (void)state;
    for (size_t i = 0; commands[i] != NULL; i++) {
        char line[64];
        verb_runner_reset(NULL);
        snprintf(line, sizeof(line), "help %s", commands[i]->name);
        run(line);
        for (char *at = strtok(ran.out, "\n"); at != NULL; at = strtok(NULL, "\n")) {
            if (strlen(at) > 100)
                fail_msg("%s: %s", commands[i]->name, at);
        }
    }
}

#define COMMAND_TEST(name) cmocka_unit_test_setup(name, verb_runner_reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        COMMAND_TEST(add_commits_once_and_waits_for_that_revision),
        COMMAND_TEST(the_call_lasts_longer_than_the_waiting),
        COMMAND_TEST(no_wait_and_dry_run_do_not_wait),
        COMMAND_TEST(without_proxies_there_is_a_note),
        COMMAND_TEST(proxies_that_lack_it_are_named_with_their_reasons),
        COMMAND_TEST(a_daemon_lost_after_the_commit_leaves_it_committed),
        COMMAND_TEST(a_change_without_an_answer_leaves_a_doubt),
        COMMAND_TEST(a_change_whose_connection_breaks_is_sent_again_with_the_same_id),
        COMMAND_TEST(a_change_is_sent_again_once_only),
        COMMAND_TEST(a_call_that_got_an_answer_is_not_made_again),
        COMMAND_TEST(every_change_has_an_id_of_its_own),
        COMMAND_TEST(an_existing_route_is_exit_4_and_tells_of_replace),
        COMMAND_TEST(warnings_go_to_standard_error),
        COMMAND_TEST(removing_takes_several_names_in_one_change),
        COMMAND_TEST(a_change_in_json_holds_the_waiting_too),
        COMMAND_TEST(a_list_is_read_page_by_page),
        COMMAND_TEST(what_there_was_is_asked_for_by_revision_or_time),
        COMMAND_TEST(an_export_shows_routes_and_backends_of_one_revision),
        COMMAND_TEST(a_list_that_breaks_off_shows_nothing),
        COMMAND_TEST(what_is_not_there_is_exit_3),
        COMMAND_TEST(health_is_exit_1_when_it_does_not_serve),
        COMMAND_TEST(status_asks_for_the_daemon_and_the_proxies),
        COMMAND_TEST(nobody_there_is_one_helpful_line_and_exit_7),
        COMMAND_TEST(wrong_usage_says_what_is_wrong),
        COMMAND_TEST(timeout_of_add_is_the_routes),
        COMMAND_TEST(every_verb_has_help_with_an_example),
        COMMAND_TEST(help_lists_every_verb_and_the_exit_codes),
        COMMAND_TEST(no_line_of_help_is_too_long),
    };
    return cmocka_run_group_tests(tests, verb_runner_save, verb_runner_reset);
}
