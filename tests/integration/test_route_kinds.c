/* The story of an HTTPRoute and a GRPCRoute of one name, through everything that names routes; and
 * of what the version kept that gave both kinds the same names. */
#include "common/buffer.h"
#include "control/store_migrate.h"
#include "tests/support/check.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

static struct pointsman *pointsman;
static struct fake_upstream *one, *two;

static int set_up(void **state)
{
    (void)state;
    one = fake_upstream_start("one");
    two = fake_upstream_start("two");
    pointsman = pointsman_new(NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(one);
    fake_upstream_free(two);
    return 0;
}

/* --- telling it ------------------------------------------------------------------------------- */

/* Runs routectl; it must end with `code` and say `out` and `err` somewhere (NULL: anything). */
#define ROUTECTL(code, out, err, ...)                                                              \
    command_expect(pointsman_routectl(pointsman, __VA_ARGS__, NULL), code, out, err)

/* What it says. Caller frees. */
static char *output_of(const char *verb)
{
    struct command command = pointsman_routectl(pointsman, verb, NULL);
    assert_int_equal(command.exit_code, 0);
    char *output = memory_duplicate_string(command.out);
    command_clear(&command);
    return output;
}

/* Writes a file into the story's folder. Caller frees its path. */
static char *file(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

static char *file(const char *name, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return temp_dir_write(pointsman_dir(pointsman), name, text);
}

static void expect_answer(const char *path, const char *expected)
{
    http_get_expect(pointsman_port(pointsman), "shop.internal", path, expected);
}

#define HTTP_ROUTE                                                                                 \
    "---\n"                                                                                        \
    "apiVersion: gateway.networking.k8s.io/v1\n"                                                   \
    "kind: HTTPRoute\n"                                                                            \
    "metadata: {name: api, namespace: shop, labels: {team: a}}\n"                                  \
    "spec: {hostnames: [shop.internal], rules: [{backendRefs: [{name: one, port: 80}]}]}\n"
#define GRPC_ROUTE                                                                                 \
    "---\n"                                                                                        \
    "apiVersion: gateway.networking.k8s.io/v1\n"                                                   \
    "kind: GRPCRoute\n"                                                                            \
    "metadata: {name: api, namespace: shop, labels: {team: a}}\n"                                  \
    "spec:\n"                                                                                      \
    "  hostnames: [shop.internal]\n"                                                               \
    "  rules: [{matches: [{method: {service: users}}], backendRefs: [{name: two, port: 80}]}]\n"
#define BACKENDS                                                                                   \
    "---\n"                                                                                        \
    "{apiVersion: pointsman/v1, kind: Backend, metadata: {name: one}, spec: {endpoints: "          \
    "['%s']}}\n"                                                                                   \
    "---\n"                                                                                        \
    "{apiVersion: pointsman/v1, kind: Backend, metadata: {name: two}, spec: {endpoints: "          \
    "['%s']}}\n"

static char *apply_both(void)
{
    char *path = file("both.yaml", HTTP_ROUTE GRPC_ROUTE BACKENDS, fake_upstream_url(one),
                      fake_upstream_url(two));
    ROUTECTL(0,
             "route shop/api created\nroute GRPCRoute/shop/api created\n"
             "backend one created\nbackend two created\n",
             NULL, "apply", "-f", path);
    return path;
}

static void expect_both_served(void)
{
    expect_answer("/x", "one");
    expect_answer("/users/Get", "two");
}

static void start_both(void)
{
    pointsman_start_control(pointsman);
    pointsman_start_proxy(pointsman);
    pointsman_wait_ready(pointsman);
}

/* --- both kinds ------------------------------------------------------------------------------- */

/* DOC-16 */
static void both_are_served_and_told_apart(void **state)
{
    (void)state;
    start_both();
    free(apply_both());

    expect_both_served();
    ROUTECTL(0, "\nGRPCRoute/shop/api  shop.internal  /users/*", NULL, "list");
    ROUTECTL(0, "\nshop/api            shop.internal  /*", NULL, "list");
    ROUTECTL(0, "kind        HTTPRoute\n", NULL, "get", "shop/api");
    ROUTECTL(0, "kind        GRPCRoute\n", NULL, "get", "GRPCRoute/shop/api");
    ROUTECTL(3, NULL, NULL, "get", "GRPCRoute/api");
    ROUTECTL(0, "\nGRPCRoute/shop/api  1     shop.internal  /users/*  takes it\n", NULL, "explain",
             "POST http://shop.internal/users/Get");
    ROUTECTL(0, "\nshop/api            1     shop.internal  /*        takes it\n", NULL, "explain",
             "GET http://shop.internal/x");
    assert_true(pointsman_page_has(pointsman, "/metrics", "route=\"GRPCRoute/shop/api\""));
    assert_true(pointsman_page_has(pointsman, "/metrics", "route=\"shop/api\""));
}

/* DOC-6 DOC-7 */
static void export_and_apply_are_the_identity(void **state)
{
    (void)state;
    pointsman_start_control(pointsman);
    free(apply_both());
    char *exported = output_of("export");
    char *path = file("exported.yaml", "%s", exported);

    ROUTECTL(0, NULL, NULL, "diff", "-f", path);
    ROUTECTL(0,
             "route shop/api removed\nroute GRPCRoute/shop/api removed\n"
             "backend one removed\nbackend two removed\n",
             NULL, "delete", "-f", path);
    char *nothing = output_of("export");
    assert_string_equal(nothing, "");
    ROUTECTL(0, NULL, NULL, "apply", "-f", path);

    char *again = output_of("export");
    assert_string_equal(again, exported);
    ROUTECTL(0, "kind: GRPCRoute\n", NULL, "export", "GRPCRoute/shop/api");
    ROUTECTL(0, "kind: HTTPRoute\n", NULL, "export", "shop/api");
    free(again);
    free(nothing);
    free(path);
    free(exported);
}

static void each_is_removed_and_brought_back_alone(void **state)
{
    (void)state;
    start_both();
    char *path = apply_both();

    ROUTECTL(0, "route GRPCRoute/shop/api removed\n", "is live on", "remove", "GRPCRoute/shop/api");
    expect_answer("/users/Get", "one");
    ROUTECTL(0, "route GRPCRoute/shop/api removed", NULL, "history", "GRPCRoute/shop/api");
    ROUTECTL(1, NULL, NULL, "diff", "-f", path);
    ROUTECTL(0, "route GRPCRoute/shop/api created\n", "is live on", "undo", "2");
    expect_both_served();
    ROUTECTL(0, "route shop/api removed\n", "is live on", "remove", "shop/api");
    expect_answer("/x", "404");
    expect_answer("/users/Get", "two");
    ROUTECTL(0, "rules[0]      /users/* to two:80\n", NULL, "blame", "GRPCRoute/shop/api");
    ROUTECTL(3, "", "; there is 'GRPCRoute/shop/api'", "blame", "shop/api");
    ROUTECTL(3, "", "; there is 'GRPCRoute/shop/api'", "export", "shop/api");
    ROUTECTL(3, "", "; there is 'GRPCRoute/shop/api'", "edit", "shop/api");
    ROUTECTL(0, "+++ GRPCRoute shop/api (revision 3)\n", NULL, "show", "3");
    free(path);
}

/* DOC-8 */
static void pruning_takes_the_kind_that_is_not_named(void **state)
{
    (void)state;
    pointsman_start_control(pointsman);
    free(apply_both());
    char *path = file("http.yaml", HTTP_ROUTE);

    ROUTECTL(0, "route shop/api unchanged\nroute GRPCRoute/shop/api removed\n", NULL, "apply", "-f",
             path, "--prune", "--selector", "team=a");
    free(path);
}

static void the_one_that_is_edited_is_changed(void **state)
{
    (void)state;
    pointsman_start_control(pointsman);
    free(apply_both());
    char *script = file("editor", "sed -i 's|service: users|service: people|' \"$1\"\n");
    char editor[512];
    snprintf(editor, sizeof(editor), "sh %s", script);
    setenv("EDITOR", editor, 1);
    unsetenv("VISUAL");
    setenv("TMPDIR", temp_dir_path(pointsman_dir(pointsman)), 1);

    ROUTECTL(0, "route GRPCRoute/shop/api updated\n", NULL, "edit", "GRPCRoute/shop/api");
    ROUTECTL(0, NULL, "nothing was changed", "edit", "shop/api");

    ROUTECTL(0, "/people/*", NULL, "get", "GRPCRoute/shop/api");
    free(script);
}

static void a_warning_says_which_one_never_wins(void **state)
{
    (void)state;
    pointsman_start_control(pointsman);
    char *path = file("both.yaml", "%s",
                      HTTP_ROUTE "---\n"
                                 "apiVersion: gateway.networking.k8s.io/v1\n"
                                 "kind: GRPCRoute\n"
                                 "metadata: {name: api, namespace: shop}\n"
                                 "spec: {hostnames: [shop.internal], rules: [{}]}\n");

    ROUTECTL(0, NULL, "no request reaches it: rules[0] of route 'shop/api' always wins", "apply",
             "-f", path, "--dry-run");
    free(path);
}

static void both_are_there_after_restarts(void **state)
{
    (void)state;
    start_both();
    free(apply_both());

    pointsman_kill_control(pointsman);
    pointsman_start_control(pointsman);
    ROUTECTL(0, "route GRPCRoute/shop/api removed\n", "is live on", "remove", "GRPCRoute/shop/api");
    ROUTECTL(0, "route GRPCRoute/shop/api created\n", "is live on", "undo", "2");
    /* What control does not know any more is in the copy. */
    pointsman_stop_proxy(pointsman);
    pointsman_stop_control(pointsman);
    pointsman_start_proxy(pointsman);
    pointsman_wait_ready(pointsman);

    expect_both_served();
}

/* --- the version before ------------------------------------------------------------------------
 */

/* What it kept, in route_kinds/: an HTTPRoute shop/web, a GRPCRoute shop/calls that was updated,
 * and a GRPCRoute shop/gone that was removed again. The local copy has both changes in its journal.
 */

static char *path_in_folder(const char *name)
{
    return temp_dir_file(pointsman_dir(pointsman), name);
}

static void put_database(void)
{
    enum { SCHEMA = 6 };
    sqlite3 *database;
    struct error err = {0};
    char *sql = temp_dir_read(ROUTE_KINDS_DATA "/schema_6.sql");
    char *path = path_in_folder("routes.db");
    CHECK(sql != NULL && sqlite3_open(path, &database) == SQLITE_OK &&
              store_migrate(database, path, schema_files, SCHEMA, &err) &&
              sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK,
          "making %s", path);
    sqlite3_close(database);
    free(path);
    free(sql);
}

static void put_file(const char *name, const char *hex_path)
{
    char *hex = temp_dir_read(hex_path);
    char *path = path_in_folder(name);
    FILE *to = fopen(path, "w");
    CHECK(hex != NULL && to != NULL, "making %s of %s", path, hex_path);
    unsigned byte;
    for (const char *at = hex; sscanf(at, " %2x", &byte) == 1; at += strspn(at, "\n") + 2)
        fputc((int)byte, to);
    fclose(to);
    free(path);
    free(hex);
}

static void put_local_copy(void)
{
    put_file("local-copy", ROUTE_KINDS_DATA "/copy_1.hex");
    put_file("local-copy.journal", ROUTE_KINDS_DATA "/copy_1_journal.hex");
}

#define API                                                                                        \
    "{apiVersion: pointsman/v1, kind: Backend, metadata: {name: api, namespace: shop}, spec: "     \
    "{endpoints: ['%s']}}\n"                                                                       \
    "---\n"                                                                                        \
    "{apiVersion: pointsman/v1, kind: Backend, metadata: {name: late}, spec: {endpoints: "         \
    "['%s']}}\n"

static void its_database_goes_on(void **state)
{
    (void)state;
    put_database();
    start_both();

    ROUTECTL(0, "\nGRPCRoute/shop/calls  shop.internal  /people/*  api:80, late\n", NULL, "list");
    ROUTECTL(0, "/users/*", NULL, "get", "GRPCRoute/shop/calls", "--at", "1");
    ROUTECTL(0, "\n3 ", NULL, "history", "GRPCRoute/shop/calls");
    ROUTECTL(0, "route GRPCRoute/shop/gone created\n", "is live on", "undo", "2");
    ROUTECTL(4, NULL, "backend 'shop/api' is named by 2 routes: GRPCRoute/shop/calls, shop/web",
             "backend", "remove", "shop/api");
    char *path = file("api.yaml", API, fake_upstream_url(one), fake_upstream_url(one));
    ROUTECTL(0, NULL, "is live on", "apply", "-f", path);
    /* A reference that was not sorted yet when the version before was stopped. */
    ROUTECTL(4, NULL, "backend 'late' is named by 1 routes: GRPCRoute/shop/calls", "backend",
             "remove", "late");
    expect_answer("/people/Get", "one");
    free(path);
}

static bool proxy_is_connected(void *context)
{
    (void)context;
    char *status = output_of("status");
    bool is_connected = strstr(status, "  connected  ") != NULL;
    free(status);
    return is_connected;
}

static void its_local_copy_goes_on(void **state)
{
    (void)state;
    put_local_copy();
    pointsman_start_proxy(pointsman);
    pointsman_wait_ready(pointsman);

    /* No service is there yet, so what a rule takes is not 404. */
    assert_in_range(http_get_status(pointsman_port(pointsman), "shop.internal", "/people/Get"), 500,
                    503);
    expect_answer("/x", "503");
    expect_answer("/gone/Get", "503"); /* that of shop/web: shop/gone itself would answer 500 */
    assert_int_equal(http_get_status(pointsman_port(pointsman), "other.internal", "/x"), 404);

    put_database();
    pointsman_start_control(pointsman);
    assert_true(wait_until(proxy_is_connected, NULL, WAIT_MS));
    char *path = file("api.yaml", API, fake_upstream_url(one), fake_upstream_url(one));
    ROUTECTL(0, NULL, "is live on", "apply", "-f", path);
    expect_answer("/people/Get", "one");
    ROUTECTL(0, NULL, "is live on", "remove", "shop/web");
    expect_answer("/people/Get", "one");
    expect_answer("/users/Get", "404");
    ROUTECTL(0, NULL, "is live on", "remove", "GRPCRoute/shop/calls");
    expect_answer("/people/Get", "404");
    free(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_are_served_and_told_apart),
        TEST(export_and_apply_are_the_identity),
        TEST(each_is_removed_and_brought_back_alone),
        TEST(pruning_takes_the_kind_that_is_not_named),
        TEST(the_one_that_is_edited_is_changed),
        TEST(a_warning_says_which_one_never_wins),
        TEST(both_are_there_after_restarts),
        TEST(its_database_goes_on),
        TEST(its_local_copy_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
