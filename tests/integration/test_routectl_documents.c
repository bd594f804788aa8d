/* The story of routes in files: applied, compared, edited, pruned, and taken elsewhere. */
#include "tests/support/check.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/unit/cmocka_all.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct pointsman *pointsman;
static struct fake_upstream *one, *two;

static int start_all(void **state)
{
    (void)state;
    one = fake_upstream_start("one");
    two = fake_upstream_start("two");
    pointsman = pointsman_start(NULL);
    return 0;
}

static int start_control_alone(void **state)
{
    (void)state;
    one = fake_upstream_start("one");
    two = fake_upstream_start("two");
    pointsman = pointsman_new(NULL);
    pointsman_start_control(pointsman);
    return 0;
}

static int stop_all(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(one);
    fake_upstream_free(two);
    return 0;
}

/* --- telling it ------------------------------------------------------------------------------- */

/* Runs routectl; it must end with `code`, and say exactly `out` and, somewhere, `err` (NULL:
 * anything). */
#define ROUTECTL(code, out, err, ...)                                                              \
    expect(code, out, err, pointsman_routectl(pointsman, __VA_ARGS__, NULL))

static void expect(int code, const char *out, const char *err, struct command command)
{
    if (command.exit_code != code)
        fail_msg("exit code %d, not %d:\n%s%s", command.exit_code, code, command.out, command.err);
    if (out != NULL)
        assert_string_equal(command.out, out);
    if (err != NULL && strstr(command.err, err) == NULL)
        fail_msg("'%s' is not on standard error:\n%s", err, command.err);
    command_clear(&command);
}

/* Writes a file into the story's folder; its path is good until the end of the process. */
static const char *file(const char *name, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static const char *file(const char *name, const char *format, ...)
{
    static char *paths[8];
    static size_t next;
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    char **path = &paths[next++ % (sizeof(paths) / sizeof(paths[0]))];
    free(*path);
    *path = temp_dir_write(pointsman_dir(pointsman), name, text);
    return *path;
}

static const char *folder(const char *name)
{
    static char *path;
    free(path);
    path = temp_dir_file(pointsman_dir(pointsman), name);
    CHECK(mkdir(path, 0700) == 0, "mkdir %s", path);
    return path;
}

#define ROUTE(name, path, backend)                                                                 \
    "---\n"                                                                                        \
    "apiVersion: gateway.networking.k8s.io/v1\n"                                                   \
    "kind: HTTPRoute\n"                                                                            \
    "metadata: {name: " name ", labels: {team: accounts}}\n"                                       \
    "spec:\n"                                                                                      \
    "  hostnames: [shop.internal]\n"                                                               \
    "  rules:\n"                                                                                   \
    "  - matches: [{path: {type: PathPrefix, value: " path "}}]\n"                                 \
    "    backendRefs: [{group: '', kind: Service, name: " backend ", port: 80}]\n"
#define BACKEND(name)                                                                              \
    "---\n"                                                                                        \
    "apiVersion: pointsman/v1\n"                                                                   \
    "kind: Backend\n"                                                                              \
    "metadata: {name: " name ", labels: {team: accounts}}\n"                                       \
    "spec: {endpoints: ['%s']}\n"

static void expect_answer(const char *path, const char *expected)
{
    http_get_expect(pointsman_port(pointsman), "shop.internal", path, expected);
}

/* --- apply and diff --------------------------------------------------------------------------- */

/* DOC-1 DOC-14 */
static void a_folder_is_applied_and_traffic_follows_it(void **state)
{
    (void)state;
    const char *all = folder("routes");
    file("routes/a.yaml", ROUTE("users", "/users", "users"));
    file("routes/b.yml", BACKEND("users"), fake_upstream_url(one));
    file("routes/ignored.txt", "not a document: [");
    ROUTECTL(1, NULL, "", "diff", "-f", all);
    expect_answer("/users", "404");

    ROUTECTL(0, "route users created\nbackend users created\n", "is live on", "apply", "-f", all);
    expect_answer("/users", "one");
    ROUTECTL(0, "", "", "diff", "-f", all);
    ROUTECTL(0, "route users unchanged\nbackend users unchanged\n", NULL, "apply", "-f", all);

    file("routes/b.yml", BACKEND("users"), fake_upstream_url(two));
    ROUTECTL(0, "route users unchanged\nbackend users updated\n", NULL, "apply", "-f", all);
    expect_answer("/users", "two");
}

static void a_folder_stands_for_all_below_it(void **state)
{
    (void)state;
    const char *all = folder("routes");
    char *below = temp_dir_file(pointsman_dir(pointsman), "routes/b");
    char *hidden = temp_dir_file(pointsman_dir(pointsman), "routes/.git");
    assert_int_equal(mkdir(below, 0700) | mkdir(hidden, 0700), 0);
    file("routes/b/b.yaml", BACKEND("b"), "http://10.0.0.1:80");
    file("routes/c.yaml", BACKEND("c"), "http://10.0.0.1:80");
    file("routes/.git/d.yaml", "not a document: [");

    ROUTECTL(0, "backend b created\nbackend c created\n", NULL, "apply", "-f", all);

    ROUTECTL(5, "", "there are no documents in what -f names", "apply", "-f",
             file("empty", "# nothing\n"));
    free(below);
    free(hidden);
}

/* DOC-9 */
static void a_folder_is_not_applied_in_part(void **state)
{
    (void)state;
    const char *all = folder("routes");
    char *link = temp_dir_file(pointsman_dir(pointsman), "routes/a.yaml");
    file("routes/b.yaml", BACKEND("b"), "http://10.0.0.1:80");
    assert_int_equal(symlink("nowhere.yaml", link), 0);

    ROUTECTL(2, "", "a.yaml: points to nothing", "apply", "-f", all);

    ROUTECTL(0, "", "", "export");
    free(link);
}

/* DOC-7 */
static void a_difference_is_shown_line_by_line(void **state)
{
    (void)state;
    const char *path = file("a.yaml", ROUTE("users", "/users", "users"));
    ROUTECTL(0, NULL, "there is no backend 'users'", "apply", "-f", path);
    path = file("a.yaml", ROUTE("users", "/people", "users"));
    char expected[1024];
    snprintf(expected, sizeof(expected),
             "--- HTTPRoute users (revision 1)\n"
             "+++ HTTPRoute users (%s:4:18)\n"
             "@@ -10,7 +10,7 @@\n"
             "   - matches:\n"
             "     - path:\n"
             "         type: PathPrefix\n"
             "-        value: /users\n"
             "+        value: /people\n"
             "     backendRefs:\n"
             "     - kind: Service\n"
             "       name: users\n",
             path);

    ROUTECTL(1, expected, "there is no backend 'users'", "diff", "-f", path);
}

/* As the Gateway API has it: the route is taken, and the share answers 500. */
static void a_reference_to_what_is_unknown_here_is_a_warning(void **state)
{
    (void)state;
    const char *path = file("a.yaml", "apiVersion: gateway.networking.k8s.io/v1\n"
                                      "kind: HTTPRoute\n"
                                      "metadata: {name: a}\n"
                                      "spec:\n"
                                      "  rules:\n"
                                      "  - backendRefs: [{group: x.io, kind: Bucket, name: a}]\n");
    char expected[512];
    snprintf(expected, sizeof(expected),
             "warning: %s:6:39: spec.rules[0].backendRefs[0].kind: 'Bucket' of group 'x.io' is not "
             "known: its share of requests answers 500\n",
             path);
    ROUTECTL(0, "route a created\n", expected, "apply", "-f", path);
    expect_answer("/", "500");
}

/* DOC-1 */
static void documents_may_come_by_standard_input(void **state)
{
    (void)state;
    char *program = pointsman_program("routectl");
    const char *path = file("a.json",
                            "{\"apiVersion\": \"pointsman/v1\", \"kind\": \"Backend\",\n"
                            "\t\"metadata\": {\"name\": \"b\"},\n"
                            "\t\"spec\": {\"endpoints\": [\"%s\"]}}\n",
                            fake_upstream_url(one));
    char line[1024];
    snprintf(line, sizeof(line), "%s --socket %s apply -f - < %s", program,
             pointsman_socket(pointsman), path);
    const char *const arguments[] = {"sh", "-c", line, NULL};
    expect(0, "backend b created\n", NULL, command_run(arguments, NULL));
    free(program);
}

/* DOC-5 */
static void all_mistakes_are_told_at_once_with_their_places(void **state)
{
    (void)state;
    const char *all = folder("routes");
    file("routes/a.yaml", ROUTE("users", "users", "users"));
    file("routes/b.yaml", "apiVersion: pointsman/v1\n"
                          "kind: Backend\n"
                          "metadata: {name: Users}\n"
                          "spec:\n"
                          "  endpoint: []\n");
    file("routes/c.json", "{\"apiVersion\": \"v1\", \"kind\": \"Service\"}");
    char expected[1024];
    snprintf(
        expected, sizeof(expected),
        "routectl: %s/a.yaml:8:48: spec.rules[0].matches[0].path.value: must start with '/'\n"
        "routectl: %s/b.yaml:5:3: spec: unknown field 'endpoint'; did you mean "
        "'endpoints'?\n"
        "routectl: %s/b.yaml:3:18: metadata.name: must be NAME or NAMESPACE/NAME, each of "
        "lower-case letters, digits, '-' and '.', at most 253 characters\n"
        "routectl: %s/c.json:1:30: unknown kind 'Service' of apiVersion 'v1'; what a Service is "
        "there, a Backend of 'pointsman/v1' is here\n",
        all, all, all, all);

    ROUTECTL(5, "", expected, "apply", "-f", all);
    ROUTECTL(5, "", expected, "diff", "-f", all);
    ROUTECTL(0, "", NULL, "export");
}

/* DOC-4 */
static void one_object_in_two_files_is_refused(void **state)
{
    (void)state;
    const char *first = file("a.yaml", ROUTE("users", "/a", "users"));
    const char *second = file("b.yaml", ROUTE("users", "/b", "users"));
    ROUTECTL(5, "", "HTTPRoute 'users' is given twice; first at ", "apply", "-f", first, "-f",
             second);
}

/* --- prune and remove ------------------------------------------------------------------------- */

/* DOC-8 */
static void pruning_removes_what_the_files_no_longer_name(void **state)
{
    (void)state;
    const char *url = fake_upstream_url(one);
    const char *path =
        file("a.yaml", ROUTE("a", "/a", "s") ROUTE("b", "/b", "s") BACKEND("s"), url);
    pointsman_routectl_ok(pointsman, "apply", "-f", path, NULL);
    pointsman_routectl_ok(pointsman, "add", "other", "--path-prefix", "/other", "--to", url, NULL);
    path = file("a.yaml", ROUTE("a", "/a", "s") BACKEND("s"), url);

    ROUTECTL(2, "", "--prune needs --selector", "apply", "-f", path, "--prune");
    ROUTECTL(1, NULL, NULL, "diff", "-f", path, "--prune", "--selector", "team=accounts");
    expect_answer("/b", "one");
    ROUTECTL(0, "route a unchanged\nbackend s unchanged\nroute b removed\n", "is live on", "apply",
             "-f", path, "--prune", "--selector", "team=accounts");

    expect_answer("/a", "one");
    expect_answer("/b", "404");
    expect_answer("/other", "one");
    ROUTECTL(0, "", NULL, "diff", "-f", path, "--prune", "--selector", "team=accounts");
}

static void pruning_a_backend_in_use_changes_nothing(void **state)
{
    (void)state;
    const char *url = fake_upstream_url(one);
    const char *path = file("a.yaml", ROUTE("a", "/a", "s") BACKEND("s"), url);
    pointsman_routectl_ok(pointsman, "apply", "-f", path, NULL);
    path = file("a.yaml", ROUTE("a", "/new", "s"));

    ROUTECTL(4, "", "backend 's' is named by 1 routes: a", "apply", "-f", path, "--prune",
             "--selector", "team=accounts");

    expect_answer("/a", "one");
    expect_answer("/new", "404");
}

/* DOC-12 */
static void removing_by_file_takes_just_what_it_names(void **state)
{
    (void)state;
    const char *url = fake_upstream_url(one);
    const char *route = file("a.yaml", ROUTE("a", "/a", "a"));
    const char *backend = file("b.yaml", BACKEND("a"), url);
    pointsman_routectl_ok(pointsman, "apply", "-f", route, "-f", backend, NULL);

    ROUTECTL(0, "route a removed\n", NULL, "remove", "-f", route);
    expect_answer("/a", "404");
    ROUTECTL(3, "", "there is no route 'a'", "delete", "-f", route);
    ROUTECTL(0, "route a unchanged\nbackend a removed\n", NULL, "delete", "-f", route, "-f",
             backend, "--ignore-missing");
}

/* --- export ----------------------------------------------------------------------------------- */

/* Exports from one Pointsman and applies to another, in which the same is exported then. */
static void assert_export_makes_the_same(const char *file_name, const char *format)
{
    struct command first = pointsman_routectl(pointsman, "export", "-o", format, NULL);
    char *path = temp_dir_write(pointsman_dir(pointsman), file_name, first.out);
    struct pointsman *elsewhere = pointsman_new(NULL);
    pointsman_start_control(elsewhere);

    pointsman_routectl_ok(elsewhere, "apply", "-f", path, NULL);

    struct command second = pointsman_routectl(elsewhere, "export", "-o", format, NULL);
    assert_true(strlen(first.out) > 100);
    assert_string_equal(first.out, second.out);
    ROUTECTL(0, "", NULL, "diff", "-f", path);
    pointsman_free(elsewhere);
    command_clear(&first);
    command_clear(&second);
    free(path);
}

/* DOC-6 */
static void what_is_exported_makes_the_same_objects_elsewhere(void **state)
{
    (void)state;
    const char *url = fake_upstream_url(one);
    pointsman_routectl_ok(pointsman, "apply", "-f",
                          file("a.yaml", ROUTE("a", "/a", "s") BACKEND("s"), url), NULL);
    pointsman_routectl_ok(pointsman, "apply", "-f",
                          file("calls.yaml", "apiVersion: gateway.networking.k8s.io/v1\n"
                                             "kind: GRPCRoute\n"
                                             "metadata: {name: calls, namespace: shop}\n"
                                             "spec:\n"
                                             "  rules:\n"
                                             "  - matches:\n"
                                             "    - method: {service: shop.Users, method: Get}\n"
                                             "    - method: {method: Get}\n"
                                             "    - method: {service: shop.Users}\n"
                                             "    backendRefs: [{name: s, port: 80}]\n"),
                          NULL);
    pointsman_routectl_ok(pointsman, "add", "shop/b", "--host", "*.shop.internal", "--method",
                          "GET", "--header", "x=a: b", "--path-exact", "/b", "--to", url,
                          "--timeout", "1500ms", NULL);
    assert_export_makes_the_same("all.yaml", "yaml");
    assert_export_makes_the_same("all.json", "json");
}

/* DOC-6 TIE-1: where all routes are made by one commit, names alone would make another one win. */
static void what_is_exported_has_the_same_winners_elsewhere(void **state)
{
    (void)state;
    const char *const names[] = {"c", "a", "d", "b"}; /* in the order of their age */
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        pointsman_routectl_ok(pointsman, "add", names[i], "--path-prefix", "/", "--to",
                              fake_upstream_url(one), NULL);
    struct command first = pointsman_routectl(pointsman, "export", NULL);
    struct command named = pointsman_routectl(pointsman, "export", "a", "b", "c", "d", NULL);
    assert_string_equal(first.out, named.out);
    char *path = temp_dir_write(pointsman_dir(pointsman), "all.yaml", first.out);
    struct pointsman *elsewhere = pointsman_new(NULL);
    pointsman_start_control(elsewhere);
    pointsman_routectl_ok(elsewhere, "apply", "-f", path, NULL);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct command told = pointsman_routectl(elsewhere, "explain", "GET http://h/", NULL);
        char winner[32];
        snprintf(winner, sizeof(winner), "to          %s,", names[i]);
        CHECK(strstr(told.out, winner) != NULL, "not %s:\n%s%s", winner, told.out, told.err);
        command_clear(&told);
        pointsman_routectl_ok(elsewhere, "remove", names[i], NULL);
    }

    ROUTECTL(0, "", NULL, "diff", "-f", path);
    pointsman_free(elsewhere);
    command_clear(&first);
    command_clear(&named);
    free(path);
}

static void export_takes_names_or_labels(void **state)
{
    (void)state;
    static const char backend[] = "---\n"
                                  "apiVersion: pointsman/v1\n"
                                  "kind: Backend\n"
                                  "metadata:\n"
                                  "  name: b\n"
                                  "spec:\n"
                                  "  endpoints:\n"
                                  "  - address: \"10.0.0.1\"\n"
                                  "    port: 80\n";
    pointsman_routectl_ok(pointsman, "backend", "add", "b", "--to", "http://10.0.0.1:80", NULL);
    ROUTECTL(0, backend, "", "export", "b");
    ROUTECTL(0, backend, "", "backend", "get", "b", "-o", "yaml");
    ROUTECTL(0, "", "", "export", "--selector", "a=b");
    ROUTECTL(3, "", "there is no route and no backend 'x'", "export", "b", "x");
}

/* --- edit ------------------------------------------------------------------------------------- */

/* `script` is run by sh with the file as $1. */
static void set_editor(const char *script)
{
    char editor[512];
    snprintf(editor, sizeof(editor), "sh %s", file("editor", "set -eu\n%s", script));
    setenv("EDITOR", editor, 1);
    unsetenv("VISUAL");
    setenv("TMPDIR", temp_dir_path(pointsman_dir(pointsman)), 1);
}

static void add_a(void)
{
    pointsman_routectl_ok(pointsman, "add", "a", "--path-prefix", "/a", "--to",
                          fake_upstream_url(one), NULL);
}

static void what_is_edited_is_live(void **state)
{
    (void)state;
    add_a();
    set_editor("sed -i 's|value: /a|value: /b|' \"$1\"\n");

    ROUTECTL(0, "route a updated\nbackend a unchanged\n", "is live on", "edit", "a");

    expect_answer("/a", "404");
    expect_answer("/b", "one");
    ROUTECTL(0, "", "nothing was changed", "edit", "a");
    ROUTECTL(3, "", "there is no route and no backend 'x'", "edit", "x");
}

/* The second time the editor sees what was wrong, by the line where it is now. */
static void a_mistake_comes_back_as_a_comment(void **state)
{
    (void)state;
    add_a();
    set_editor("if grep -q '^# line' \"$1\"\n"
               "then\n"
               "    line=$(sed -n 's/^# line \\([0-9]*\\):3: spec: unknown field .rulez.; did you "
               "mean .rules...*$/\\1/p' \"$1\")\n"
               "    [ \"$(sed -n \"${line}p\" \"$1\")\" = '  rulez:' ]\n"
               "    sed -i 's|^  rulez:|  rules:|; s|value: /a|value: /c|' \"$1\"\n"
               "else\n"
               "    sed -i 's|^  rules:|  rulez:|' \"$1\"\n"
               "fi\n");

    ROUTECTL(0, "route a updated\nbackend a unchanged\n", "is live on", "edit", "a");

    expect_answer("/c", "one");
}

static void the_same_mistake_again_keeps_the_file(void **state)
{
    (void)state;
    add_a();
    set_editor("sed -i 's|value: /a|value: a|' \"$1\"\n");

    struct command command = pointsman_routectl(pointsman, "edit", "a", NULL);

    static const char kept[] = "what you wrote is kept in ";
    assert_int_equal(command.exit_code, 5);
    assert_non_null(strstr(command.err, "path.value: must start with '/'"));
    char *path = strstr(command.err, kept);
    assert_non_null(path);
    path += strlen(kept);
    path[strcspn(path, "\n")] = '\0';
    ROUTECTL(5, "", "path.value: must start with '/'", "apply", "-f", path);
    expect_answer("/a", "one");
    command_clear(&command);
}

static void what_somebody_else_changed_is_not_overwritten(void **state)
{
    (void)state;
    add_a();
    char *program = pointsman_program("routectl");
    char script[1024];
    snprintf(script, sizeof(script),
             "%s --socket %s add a --replace --path-prefix /theirs --to %s >&2\n"
             "sed -i 's|value: /a|value: /ours|' \"$1\"\n",
             program, pointsman_socket(pointsman), fake_upstream_url(one));
    set_editor(script);

    ROUTECTL(4, "", "what you wrote is kept in ", "edit", "a");

    expect_answer("/theirs", "one");
    expect_answer("/ours", "404");
    free(program);
}

static void an_editor_that_fails_changes_nothing(void **state)
{
    (void)state;
    add_a();
    set_editor("echo x > \"$1\"; exit 1\n");
    ROUTECTL(1, "", "failed; the file is kept in ", "edit", "a");
    expect_answer("/a", "one");
}

static void only_what_is_edited_may_be_in_the_file(void **state)
{
    (void)state;
    add_a();
    set_editor("sed -i 's|name: a|name: z|' \"$1\"\n");
    ROUTECTL(5, "", "'z' is not what is edited", "edit", "a");
    ROUTECTL(3, "", NULL, "get", "z");
}

int main(void)
{
#define WITH_ALL(name) cmocka_unit_test_setup_teardown(name, start_all, stop_all)
#define WITH_CONTROL(name) cmocka_unit_test_setup_teardown(name, start_control_alone, stop_all)
    const struct CMUnitTest tests[] = {
        WITH_ALL(a_folder_is_applied_and_traffic_follows_it),
        WITH_CONTROL(a_folder_stands_for_all_below_it),
        WITH_CONTROL(a_folder_is_not_applied_in_part),
        WITH_CONTROL(a_difference_is_shown_line_by_line),
        WITH_ALL(a_reference_to_what_is_unknown_here_is_a_warning),
        WITH_CONTROL(documents_may_come_by_standard_input),
        WITH_CONTROL(all_mistakes_are_told_at_once_with_their_places),
        WITH_CONTROL(one_object_in_two_files_is_refused),
        WITH_ALL(pruning_removes_what_the_files_no_longer_name),
        WITH_ALL(pruning_a_backend_in_use_changes_nothing),
        WITH_ALL(removing_by_file_takes_just_what_it_names),
        WITH_ALL(what_is_exported_makes_the_same_objects_elsewhere),
        WITH_CONTROL(what_is_exported_has_the_same_winners_elsewhere),
        WITH_CONTROL(export_takes_names_or_labels),
        WITH_ALL(what_is_edited_is_live),
        WITH_ALL(a_mistake_comes_back_as_a_comment),
        WITH_ALL(the_same_mistake_again_keeps_the_file),
        WITH_ALL(what_somebody_else_changed_is_not_overwritten),
        WITH_ALL(an_editor_that_fails_changes_nothing),
        WITH_ALL(only_what_is_edited_may_be_in_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
