/* The story of routes through the command line: the real programs, and every exit code. */
#include "control/routectl/draft.h"
#include "proto/grpc_client.h"
#include "tests/support/check.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/unit/cmocka_all.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pointsman *pointsman;
static struct fake_upstream *upstream;

static const char *const proxy_arguments[] = {"--id", "edge-1", NULL};

static int start_all(void **state)
{
    (void)state;
    struct pointsman_options options = {.proxy_arguments = proxy_arguments};
    upstream = fake_upstream_start("users");
    pointsman = pointsman_start(&options);
    return 0;
}

static int start_control_alone(void **state)
{
    (void)state;
    upstream = fake_upstream_start("users");
    pointsman = pointsman_new(NULL);
    pointsman_start_control(pointsman);
    return 0;
}

static int start_nothing(void **state)
{
    (void)state;
    upstream = NULL;
    pointsman = pointsman_new(NULL);
    return 0;
}

static int stop_all(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(upstream);
    return 0;
}

/* Runs routectl; it must end with `code` and say `out` and `err` somewhere (NULL: anything). */
#define ROUTECTL(code, out, err, ...)                                                              \
    command_expect(pointsman_routectl(pointsman, __VA_ARGS__, NULL), code, out, err)

static int get(const char *path)
{
    return http_get_status(pointsman_port(pointsman), "shop.internal", path);
}

/* --- the story -------------------------------------------------------------------------------- */

static void a_route_is_live_when_add_returns_and_gone_when_remove_does(void **state)
{
    (void)state;
    const char *url = fake_upstream_url(upstream);
    assert_int_equal(get("/users/7"), 404);

    ROUTECTL(0, "route users created\n", "is live on: edge-1", "add", "users", "--host",
             "shop.internal", "--path-prefix", "/users", "--to", url, "--label", "team=accounts");
    assert_int_equal(get("/users/7"), 200);
    assert_int_equal(get("/other"), 404);

    ROUTECTL(0, "users  shop.internal  /users/*  users\n", NULL, "list");
    ROUTECTL(0, "  match     /users/*\n", NULL, "get", "users");
    ROUTECTL(0, url, NULL, "backend", "list");
    ROUTECTL(0, "edge-1  connected", NULL, "status");

    ROUTECTL(0, "backend users removed\n", "is live on: edge-1", "remove", "users");
    assert_int_equal(get("/users/7"), 404);
    ROUTECTL(3, "", "users", "get", "users");
    ROUTECTL(3, "", "users", "backend", "get", "users");
}

static void a_backend_that_others_name_outlives_its_route(void **state)
{
    (void)state;
    const char *url = fake_upstream_url(upstream);
    ROUTECTL(0, NULL, NULL, "add", "a", "--path-prefix", "/a", "--to", url);
    ROUTECTL(0, NULL, NULL, "add", "b", "--path-prefix", "/b", "--backend", "a");

    ROUTECTL(0, "route a removed\n", NULL, "remove", "a");

    assert_int_equal(get("/a"), 404);
    assert_int_equal(get("/b"), 200);
    ROUTECTL(4, "", "a", "backend", "remove", "a");
    ROUTECTL(0, "backend a removed\n", NULL, "backend", "remove", "a", "--force");
    assert_int_equal(get("/b"), 500);
}

/* CLI-3 */
static void an_existing_name_is_kept_unless_it_is_replaced(void **state)
{
    (void)state;
    const char *url = fake_upstream_url(upstream);
    ROUTECTL(0, NULL, NULL, "add", "a", "--path-prefix", "/a", "--to", url);

    ROUTECTL(4, "", "--replace", "add", "a", "--path-prefix", "/b", "--to", url);
    assert_int_equal(get("/b"), 404);

    ROUTECTL(0, "route a updated\n", NULL, "add", "a", "--path-prefix", "/b", "--to", url,
             "--replace");
    assert_int_equal(get("/a"), 404);
    assert_int_equal(get("/b"), 200);
}

/* DOC-13 */
static void a_dry_run_changes_nothing(void **state)
{
    (void)state;
    const char *url = fake_upstream_url(upstream);
    ROUTECTL(0, "route a created (dry run)\n", "", "add", "a", "--to", url, "--dry-run");
    ROUTECTL(3, "", NULL, "get", "a");
    ROUTECTL(5, "", "--path-prefix", "add", "a", "--path-prefix", "a", "--to", url, "--dry-run");
}

static void a_missing_backend_is_a_warning_and_answers_500(void **state)
{
    (void)state;
    ROUTECTL(0, "route a created\n", "warning: --backend nowhere: ", "add", "a", "--path-prefix",
             "/a", "--backend", "nowhere");
    assert_int_equal(get("/a"), 500);
}

/* --- refusals --------------------------------------------------------------------------------- */

static void what_is_invalid_is_told_by_its_flag(void **state)
{
    (void)state;
    const char *url = fake_upstream_url(upstream);
    ROUTECTL(5, "", "routectl: --path-prefix /a//b: ", "add", "a", "--path-prefix", "/a//b", "--to",
             url);
    ROUTECTL(5, "", "routectl: --host not_dns: ", "add", "a", "--host", "not_dns", "--to", url);
    ROUTECTL(5, "", "routectl: NAME Bad: ", "add", "Bad", "--to", url);
    ROUTECTL(5, "", "routectl: --backend-timeout 9s: ", "add", "a", "--to", url, "--timeout", "5s",
             "--backend-timeout", "9s");
}

static void all_that_is_invalid_is_told_at_once(void **state)
{
    (void)state;
    struct command command =
        pointsman_routectl(pointsman, "add", "a", "--host", "x_y", "--path-exact", "no-slash",
                           "--to", fake_upstream_url(upstream), NULL);
    assert_non_null(strstr(command.err, "routectl: --host x_y: "));
    assert_non_null(strstr(command.err, "routectl: --path-exact no-slash: "));
    command_expect(command, 5, "", NULL);
}

static void what_is_not_there_is_exit_3(void **state)
{
    (void)state;
    ROUTECTL(3, "", "nobody", "get", "nobody");
    ROUTECTL(3, "", "nobody", "remove", "nobody");
    ROUTECTL(3, "", "nobody", "backend", "remove", "nobody");
    ROUTECTL(0, NULL, NULL, "remove", "nobody", "--ignore-missing");
}

static void a_revision_that_has_passed_is_exit_4(void **state)
{
    (void)state;
    const char *url = fake_upstream_url(upstream);
    ROUTECTL(0, NULL, NULL, "add", "a", "--to", url);
    ROUTECTL(0, NULL, NULL, "add", "b", "--to", url);
    ROUTECTL(4, "", "", "remove", "a", "--if-revision", "1");
    ROUTECTL(0, NULL, NULL, "get", "a");
}

static void several_removals_are_all_or_nothing(void **state)
{
    (void)state;
    ROUTECTL(0, NULL, NULL, "add", "a", "--to", fake_upstream_url(upstream));
    ROUTECTL(3, "", "nobody", "remove", "a", "nobody");
    ROUTECTL(0, NULL, NULL, "get", "a");
}

/* CLI-1 */
static void wrong_usage_is_exit_2(void **state)
{
    (void)state;
    ROUTECTL(2, "", "did you mean 'list'?", "lst");
    ROUTECTL(2, "", "did you mean --to?", "add", "a", "--too", "x");
    ROUTECTL(2, "", "'routectl help add' says how", "add");
    ROUTECTL(2, "", "-o: 'xml' is none of", "list", "-o", "xml");
    ROUTECTL(0, "Usage: routectl add NAME", "", "help", "add");
    ROUTECTL(0, "Usage: routectl add NAME", "", "add", "--help");
    ROUTECTL(0, "routectl " POINTSMAN_VERSION "\n", "", "--version");
    ROUTECTL(0, "Usage: routectl", "", "--help");
}

/* --- proxies that do not follow --------------------------------------------------------------- */

static void a_proxy_that_hangs_is_named_and_waited_for(void **state)
{
    (void)state;
    const char *url = fake_upstream_url(upstream);
    process_signal(pointsman_proxy(pointsman), SIGSTOP);

    ROUTECTL(6, "route a created\n", "edge-1", "add", "a", "--path-prefix", "/a", "--to", url,
             "--wait-timeout", "300ms");
    ROUTECTL(6, "edge-1", "edge-1", "wait", "--timeout", "300ms");
    ROUTECTL(0, "route b created\n", "", "add", "b", "--path-prefix", "/b", "--to", url,
             "--no-wait");

    process_signal(pointsman_proxy(pointsman), SIGCONT);
    ROUTECTL(0, "edge-1  applied\n", "is live on: edge-1", "wait");
    assert_int_equal(get("/a"), 200);
    assert_int_equal(get("/b"), 200);
}

static void a_proxy_just_lost_counts_as_missing(void **state)
{
    (void)state;
    pointsman_kill_proxy(pointsman);
    ROUTECTL(6, "route a created\n", "edge-1", "add", "a", "--to", fake_upstream_url(upstream),
             "--wait-timeout", "300ms");
    ROUTECTL(0, "edge-1  disconnected", NULL, "status");
}

static void without_any_proxy_there_is_a_note(void **state)
{
    (void)state;
    ROUTECTL(0, "route a created\n", "note: no proxy is known", "add", "a", "--to",
             fake_upstream_url(upstream));
    ROUTECTL(0, NULL, "note: no proxy is known", "wait");
}

/* --- the daemon ------------------------------------------------------------------------------- */

static void nobody_there_is_one_helpful_line_and_exit_7(void **state)
{
    (void)state;
    struct command command = pointsman_routectl(pointsman, "list", NULL);
    assert_int_equal(command.exit_code, 7);
    assert_string_equal(command.out, "");
    assert_non_null(strstr(command.err, pointsman_socket(pointsman)));
    assert_non_null(strstr(command.err, "is pointsman-control running?"));
    assert_ptr_equal(strchr(command.err, '\n'), command.err + strlen(command.err) - 1);
    command_clear(&command);
    ROUTECTL(7, "", NULL, "health");
}

static void a_daemon_that_hangs_is_exit_7_in_time(void **state)
{
    (void)state;
    process_signal(pointsman_control(pointsman), SIGSTOP);
    ROUTECTL(7, "", NULL, "list", "--timeout", "300ms");
    ROUTECTL(7, "", "whether the change was committed is not known", "remove", "a", "--timeout",
             "300ms");
    process_signal(pointsman_control(pointsman), SIGCONT);
    ROUTECTL(0, "serving\n", "", "health");
}

static void the_socket_may_be_named_by_the_environment(void **state)
{
    (void)state;
    char *program = pointsman_program("routectl");
    char variable[256];
    snprintf(variable, sizeof(variable), "POINTSMAN_SOCKET=%s", pointsman_socket(pointsman));
    const char *const arguments[] = {program, "health", NULL};
    const char *const environment[] = {variable, NULL};
    command_expect(command_run(arguments, environment), 0, "serving\n", "");
    free(program);
}

/* --- results ---------------------------------------------------------------------------------- */

/* Runs a line of shell with $R for routectl and its socket. */
static struct command shell(const char *line)
{
    char *program = pointsman_program("routectl");
    char variable[512];
    snprintf(variable, sizeof(variable), "R=%s --socket %s", program, pointsman_socket(pointsman));
    const char *const arguments[] = {"sh", "-c", line, NULL};
    const char *const environment[] = {variable, NULL};
    struct command command = command_run(arguments, environment);
    free(program);
    return command;
}

/* CLI-2 */
static void json_is_json(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "$R add a --header 'x=\"\\' --to http://127.0.0.1:1 -o json",
        "$R list -o json",
        "$R get a -o json",
        "$R backend list -o json",
        "$R backend get a -o json",
        "$R status -o json",
        "$R wait -o json",
        "$R health -o json",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char line[256];
        snprintf(line, sizeof(line), "%s | python3 -m json.tool", lines[i]);
        command_expect(shell(line), 0, "{\n", NULL);
    }
}

static void output_that_is_lost_is_a_failure(void **state)
{
    (void)state;
    command_expect(shell("$R list > /dev/full"), 1, "", "standard output could not be written");
}

/* Routes named r0000, r0001, ... in one change. */
static void add_many(size_t count)
{
    struct draft draft;
    struct error err = {0};
    struct grpc_result result = {0};
    draft_init(&draft);
    for (size_t i = 0; i < count; i++) {
        MutationMessage *mutation = draft_add_mutation(&draft);
        RouteMessage *route = ARENA_MESSAGE(&draft.arena, RouteMessage, pointsman__v1__route__init);
        LabelMessage *label = ARENA_MESSAGE(&draft.arena, LabelMessage, pointsman__v1__label__init);
        RouteRuleMessage *rule =
            ARENA_MESSAGE(&draft.arena, RouteRuleMessage, pointsman__v1__route_rule__init);
        mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE;
        mutation->put_route = route;
        route->name = arena_printf(&draft.arena, "r%04zu", i);
        label->key = arena_string(&draft.arena, "half", 4);
        label->value = arena_string(&draft.arena, i % 2 == 0 ? "0" : "1", 1);
        ARENA_APPEND(&draft.arena, route->labels, route->n_labels, label);
        ARENA_APPEND(&draft.arena, route->rules, route->n_rules, rule);
    }
    struct grpc_client *client = grpc_client_connect(pointsman_socket(pointsman), &err);
    CHECK(client != NULL, "%s", err.message);
    ProtobufCMessage *response =
        grpc_client_call(client, "/pointsman.v1.RouteControl/Apply", &draft.request.base,
                         &pointsman__v1__apply_response__descriptor, 30000, &result);
    CHECK(response != NULL, "%s", result.message);
    message_free(response);
    grpc_result_clear(&result);
    grpc_client_free(client);
    draft_clear(&draft);
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

static void a_list_goes_through_all_pages(void **state)
{
    (void)state;
    enum { ROUTES = 1203 };
    add_many(ROUTES);

    struct command command = pointsman_routectl(pointsman, "list", NULL);
    assert_int_equal(command.exit_code, 0);
    assert_int_equal(count_lines(command.out), ROUTES + 1);
    assert_non_null(strstr(command.out, "\nr0000 "));
    assert_non_null(strstr(command.out, "\nr1202 "));
    command_clear(&command);

    command = pointsman_routectl(pointsman, "list", "--selector", "half=1", NULL);
    assert_int_equal(count_lines(command.out), ROUTES / 2 + 1);
    assert_null(strstr(command.out, "\nr0000 "));
    assert_non_null(strstr(command.out, "\nr0001 "));
    command_clear(&command);
}

int main(void)
{
#define WITH_ALL(name) cmocka_unit_test_setup_teardown(name, start_all, stop_all)
#define WITH_CONTROL(name) cmocka_unit_test_setup_teardown(name, start_control_alone, stop_all)
#define WITH_NOTHING(name) cmocka_unit_test_setup_teardown(name, start_nothing, stop_all)
    const struct CMUnitTest tests[] = {
        WITH_ALL(a_route_is_live_when_add_returns_and_gone_when_remove_does),
        WITH_ALL(a_backend_that_others_name_outlives_its_route),
        WITH_ALL(an_existing_name_is_kept_unless_it_is_replaced),
        WITH_CONTROL(a_dry_run_changes_nothing),
        WITH_ALL(a_missing_backend_is_a_warning_and_answers_500),
        WITH_CONTROL(what_is_invalid_is_told_by_its_flag),
        WITH_CONTROL(all_that_is_invalid_is_told_at_once),
        WITH_CONTROL(what_is_not_there_is_exit_3),
        WITH_CONTROL(a_revision_that_has_passed_is_exit_4),
        WITH_CONTROL(several_removals_are_all_or_nothing),
        WITH_CONTROL(wrong_usage_is_exit_2),
        WITH_ALL(a_proxy_that_hangs_is_named_and_waited_for),
        WITH_ALL(a_proxy_just_lost_counts_as_missing),
        WITH_CONTROL(without_any_proxy_there_is_a_note),
        WITH_NOTHING(nobody_there_is_one_helpful_line_and_exit_7),
        WITH_CONTROL(a_daemon_that_hangs_is_exit_7_in_time),
        WITH_CONTROL(the_socket_may_be_named_by_the_environment),
        WITH_CONTROL(json_is_json),
        WITH_CONTROL(output_that_is_lost_is_a_failure),
        WITH_CONTROL(a_list_goes_through_all_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
