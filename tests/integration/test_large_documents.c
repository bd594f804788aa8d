/* The story of files with more objects than one commit can hold. */
#include "common/buffer.h"
#include "tests/support/check.h"
#include "tests/support/pointsman.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Just more than one commit can hold, the backend included. */
enum { ROUTES = 10000, COMMIT_OBJECTS_MAX = 10000 };

static struct pointsman *pointsman;

static int start(void **state)
{
    (void)state;
    pointsman = pointsman_new(NULL);
    pointsman_start_control(pointsman);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    return 0;
}

#define ROUTECTL(code, out, err, ...)                                                              \
    command_expect(pointsman_routectl(pointsman, __VA_ARGS__, NULL), code, out, err)

/* What a verb prints. Caller frees. */
static char *output_of(const struct pointsman *from, const char *verb)
{
    struct command command = pointsman_routectl(from, verb, NULL);
    assert_int_equal(command.exit_code, 0);
    char *output = memory_duplicate_string(command.out);
    command_clear(&command);
    return output;
}

static size_t count_lines_with(const char *text, const char *part)
{
    size_t count = 0;
    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        count++;
    return count;
}

/* --- the files -------------------------------------------------------------------------------- */

static void append_route(struct buffer *text, const char *name, const char *path)
{
    buffer_printf(text,
                  "---\n{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: "
                  "{name: %s, labels: {team: a}}, spec: {rules: [{matches: [{path: {value: %s}}], "
                  "backendRefs: [{name: s}]}]}}\n",
                  name, path);
}

static void append_backend(struct buffer *text, const char *name, const char *team)
{
    buffer_printf(text,
                  "---\n{apiVersion: pointsman/v1, kind: Backend, metadata: {name: %s, labels: "
                  "{team: %s}}, spec: {endpoints: ['http://10.0.0.1:80']}}\n",
                  name, team);
}

/* Routes r0 to r9999, the last of which has this path, and the backend of all, at the end of the
 * file. Its path; caller frees. */
static char *write_files(const char *last_path)
{
    struct buffer text = BUFFER_EMPTY;
    for (int i = 0; i < ROUTES - 1; i++) {
        char name[16], path[16];
        snprintf(name, sizeof(name), "r%d", i);
        snprintf(path, sizeof(path), "/%d", i);
        append_route(&text, name, path);
    }
    append_route(&text, "last", last_path);
    append_backend(&text, "s", "a");
    char *file = temp_dir_write(pointsman_dir(pointsman), "all.yaml", buffer_string(&text));
    buffer_clear(&text);
    return file;
}

static void apply_all(const char *file)
{
    ROUTECTL(0, "route r7 created\n", "note: 0 objects are as they shall be already", "apply", "-f",
             file, "--in-parts");
}

/* --- stories ---------------------------------------------------------------------------------- */

/* DOC-17 */
static void too_much_for_one_commit_is_refused_unless_it_may_be_several(void **state)
{
    (void)state;
    char *file = write_files("/last");

    ROUTECTL(5, NULL, "10001 objects differ from what is there, too many for one commit", "apply",
             "-f", file);
    ROUTECTL(5, NULL, "--in-parts makes 2 commits of them", "apply", "-f", file, "--dry-run");
    ROUTECTL(5, NULL, "--request-id names one commit, and this takes 2", "apply", "-f", file,
             "--in-parts", "--request-id", "x");
    ROUTECTL(5, NULL, "--confirm-within is for one commit, and this takes 2", "apply", "-f", file,
             "--in-parts", "--confirm-within", "1h");
    ROUTECTL(0, NULL, NULL, "apply", "-f", file, "--in-parts", "--dry-run");
    ROUTECTL(3, NULL, NULL, "show", "1");

    apply_all(file);

    char *list = output_of(pointsman, "list");
    assert_int_equal(count_lines_with(list, "\n") - 1, ROUTES);
    ROUTECTL(0, "+++ HTTPRoute r9998 (revision 2)\n", NULL, "show", "2");
    free(list);
    free(file);
}

/* DOC-17 */
static void what_is_so_already_needs_no_room(void **state)
{
    (void)state;
    char *file = write_files("/last");
    apply_all(file);
    ROUTECTL(0, NULL, "note: 10001 objects are as they shall be already", "apply", "-f", file);
    ROUTECTL(0, NULL, NULL, "diff", "-f", file);
    free(file);

    file = write_files("/other");
    ROUTECTL(1, "/other", NULL, "diff", "-f", file);
    ROUTECTL(4, NULL, "if_revision: the head is revision 2, not 1", "apply", "-f", file,
             "--if-revision", "1");
    ROUTECTL(0, "route last updated\n", "note: 10000 objects are as they shall be already", "apply",
             "-f", file, "--if-revision", "2", "--request-id", "x");
    ROUTECTL(0, "/other", NULL, "get", "last");
    free(file);
}

/* DOC-8 DOC-17 */
static void pruning_is_a_part_of_it(void **state)
{
    (void)state;
    char *file = write_files("/last");
    apply_all(file);
    pointsman_routectl_ok(pointsman, "add", "old", "--path-prefix", "/old", "--label", "team=a",
                          "--to", "http://10.0.0.9", NULL);
    pointsman_routectl_ok(pointsman, "add", "other", "--path-prefix", "/other", "--label", "team=b",
                          "--to", "http://10.0.0.9", NULL);

    ROUTECTL(1, "old", NULL, "diff", "-f", file, "--prune", "--selector", "team=a");
    ROUTECTL(0, "route old removed\n", NULL, "apply", "-f", file, "--prune", "--selector",
             "team=a");

    ROUTECTL(3, NULL, NULL, "get", "old");
    ROUTECTL(0, NULL, NULL, "get", "other");
    ROUTECTL(0, NULL, NULL, "get", "last");
    free(file);
}

/* DOC-8 DOC-17: a file of one object, and more than one commit can hold to be removed. */
static void more_is_pruned_than_one_commit_can_hold(void **state)
{
    (void)state;
    char *file = write_files("/last");
    apply_all(file);
    pointsman_routectl_ok(pointsman, "add", "old", "--path-prefix", "/old", "--label", "team=a",
                          "--to", "http://10.0.0.9", NULL);
    struct buffer text = BUFFER_EMPTY;
    append_backend(&text, "s", "a");
    char *few = temp_dir_write(pointsman_dir(pointsman), "few.yaml", buffer_string(&text));

    ROUTECTL(1, NULL, "would delete 10002 objects, at most 10000", "apply", "-f", few, "--prune",
             "--selector", "team=a");
    ROUTECTL(0, "route old removed\n", "note: 1 objects are as they shall be already", "apply",
             "-f", few, "--prune", "--selector", "team=a", "--in-parts");

    char *list = output_of(pointsman, "list");
    assert_int_equal(count_lines_with(list, "\n"), 1);
    ROUTECTL(0, NULL, NULL, "backend", "get", "s");
    free(list);
    buffer_clear(&text);
    free(few);
    free(file);
}

/* DOC-17: the last part removes a backend that a route of another team names. */
static void what_is_made_before_a_part_that_is_refused_stays(void **state)
{
    (void)state;
    char *file = write_files("/last");
    struct buffer text = BUFFER_EMPTY;
    append_backend(&text, "t", "a");
    char *more = temp_dir_write(pointsman_dir(pointsman), "more.yaml", buffer_string(&text));
    pointsman_routectl_ok(pointsman, "apply", "-f", more, NULL);
    pointsman_routectl_ok(pointsman, "add", "b", "--path-prefix", "/b", "--backend", "t", NULL);

    ROUTECTL(4, NULL,
             "1 of 2 commits are made, up to revision 3; the same command makes the others",
             "apply", "-f", file, "--in-parts", "--prune", "--selector", "team=a");
    pointsman_routectl_ok(pointsman, "remove", "b", NULL);
    ROUTECTL(0, "backend t removed\n", "note: 10000 objects are as they shall be already", "apply",
             "-f", file, "--in-parts", "--prune", "--selector", "team=a");

    ROUTECTL(0, NULL, NULL, "get", "last");
    buffer_clear(&text);
    free(more);
    free(file);
}

/* DOC-12 DOC-17 */
static void files_are_removed_in_parts_too(void **state)
{
    (void)state;
    char *file = write_files("/last");
    apply_all(file);
    pointsman_routectl_ok(pointsman, "remove", "r7", NULL);

    ROUTECTL(5, NULL, "--in-parts makes 2 commits of them", "remove", "-f", file);
    ROUTECTL(0, "backend s removed\n", NULL, "remove", "-f", file, "--in-parts",
             "--ignore-missing");

    char *list = output_of(pointsman, "export");
    assert_string_equal(list, "");
    free(list);
    free(file);
}

/* DOC-6 DOC-17 TIE-1: a route of an earlier name is younger than one in another part. */
static void what_is_exported_makes_the_same_in_parts(void **state)
{
    (void)state;
    char *file = write_files("/last");
    apply_all(file);
    pointsman_routectl_ok(pointsman, "add", "a", "--path-prefix", "/last", "--backend", "s", NULL);
    char *exported = output_of(pointsman, "export");
    char *again = temp_dir_write(pointsman_dir(pointsman), "again.yaml", exported);
    struct pointsman *elsewhere = pointsman_new(NULL);
    pointsman_start_control(elsewhere);

    pointsman_routectl_ok(elsewhere, "apply", "-f", again, "--in-parts", NULL);

    char *second = output_of(elsewhere, "export");
    assert_string_equal(exported, second);
    command_expect(pointsman_routectl(elsewhere, "explain", "GET http://h/last", NULL), 0,
                   "last   1     *     /last/*  takes it\n", NULL);
    pointsman_free(elsewhere);
    free(second);
    free(again);
    free(exported);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(too_much_for_one_commit_is_refused_unless_it_may_be_several,
                                        start, stop),
        cmocka_unit_test_setup_teardown(what_is_so_already_needs_no_room, start, stop),
        cmocka_unit_test_setup_teardown(pruning_is_a_part_of_it, start, stop),
        cmocka_unit_test_setup_teardown(more_is_pruned_than_one_commit_can_hold, start, stop),
        cmocka_unit_test_setup_teardown(what_is_made_before_a_part_that_is_refused_stays, start,
                                        stop),
        cmocka_unit_test_setup_teardown(files_are_removed_in_parts_too, start, stop),
        cmocka_unit_test_setup_teardown(what_is_exported_makes_the_same_in_parts, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
