#include "control/routectl/command.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/routectl/fake_client.h"
#include "tests/unit/routectl/verb_runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 2026-11-23T06:22:37Z */
static const uint64_t made_ms = UINT64_C(1795414957000);

/* --- answers ---------------------------------------------------------------------------------- */

/* "route users updated" at revision 41, by a user without a name. */
static Pointsman__V1__Commit *make_commit(uint64_t revision)
{
    static Pointsman__V1__Author author;
    static Pointsman__V1__Change change, *changes[] = {&change};
    static Pointsman__V1__Commit commits[4];
    Pointsman__V1__Commit *commit = &commits[revision % 4];
    pointsman__v1__author__init(&author);
    pointsman__v1__change__init(&change);
    pointsman__v1__commit__init(commit);
    author.uid = 4294967290u;
    author.gid = 7;
    author.pid = 4242;
    author.command = (char *)"routectl add users";
    change.kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    change.change = POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_UPDATED;
    change.name = (char *)"users";
    commit->revision = revision;
    commit->made_ms = made_ms;
    commit->author = &author;
    commit->message = (char *)"as asked";
    commit->updated = 1;
    commit->n_changes = 1;
    commit->changes = changes;
    return commit;
}

static void answer_commits(Pointsman__V1__Commit *first, Pointsman__V1__Commit *second,
                           const char *next_page_token, uint64_t compacted_revision)
{
    Pointsman__V1__Commit *commits[] = {first, second};
    Pointsman__V1__ListCommitsResponse list = POINTSMAN__V1__LIST_COMMITS_RESPONSE__INIT;
    list.commits = commits;
    list.n_commits = first == NULL ? 0 : second == NULL ? 1 : 2;
    list.next_page_token = (char *)next_page_token;
    list.compacted_revision = compacted_revision;
    fake_client_answer(&list.base);
}

/* The route users, whose host changed. */
static void answer_difference(const char *next_page_token)
{
    static char *old_hosts[] = {(char *)"old.internal"}, *new_hosts[] = {(char *)"new.internal"};
    RouteMessage old_route = POINTSMAN__V1__ROUTE__INIT, new_route = old_route;
    Pointsman__V1__Object before = POINTSMAN__V1__OBJECT__INIT, after = before;
    Pointsman__V1__Change change = POINTSMAN__V1__CHANGE__INIT, *changes[] = {&change};
    Pointsman__V1__DiffResponse diff = POINTSMAN__V1__DIFF_RESPONSE__INIT;
    old_route.name = new_route.name = (char *)"users";
    old_route.n_hostnames = new_route.n_hostnames = 1;
    old_route.hostnames = old_hosts;
    new_route.hostnames = new_hosts;
    old_route.revision = 3;
    new_route.revision = 41;
    before.kind_case = after.kind_case = POINTSMAN__V1__OBJECT__KIND_ROUTE;
    before.route = &old_route;
    after.route = &new_route;
    change.kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    change.change = POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_UPDATED;
    change.name = (char *)"users";
    change.before = &before;
    change.after = &after;
    diff.n_changes = 1;
    diff.changes = changes;
    diff.from_revision = 40;
    diff.to_revision = 41;
    diff.next_page_token = (char *)next_page_token;
    fake_client_answer(&diff.base);
}

static const Pointsman__V1__ListCommitsRequest *list_request(size_t index)
{
    assert_string_equal(fake_client_path(index), "/pointsman.v1.RouteControl/ListCommits");
    return (const Pointsman__V1__ListCommitsRequest *)fake_client_request(index);
}

static const Pointsman__V1__DiffRequest *diff_request(size_t index)
{
    assert_string_equal(fake_client_path(index), "/pointsman.v1.RouteControl/Diff");
    return (const Pointsman__V1__DiffRequest *)fake_client_request(index);
}

/* --- history ---------------------------------------------------------------------------------- */

static void a_line_of_the_history_says_who_what_when_and_why(void **state)
{
    (void)state;
    answer_commits(make_commit(41), make_commit(3), "", 0);
    run("history");
    assert_int_equal(ran.code, 0);
    assert_string_equal(
        ran.out, "REVISION  MADE                  BY          CHANGES              MESSAGE\n"
                 "41        2026-11-23T06:22:37Z  4294967290  route users updated  as asked\n"
                 "3         2026-11-23T06:22:37Z  4294967290  route users updated  as asked\n");
    assert_string_equal(ran.err, "");
    assert_int_equal(list_request(0)->page_size, 20);
}

static void wide_history_shows_the_command(void **state)
{
    (void)state;
    answer_commits(make_commit(41), NULL, "", 0);
    run("history -o wide");
    assert_has(ran.out, "  4294967290  7    4242  routectl add users  ");
}

static void many_changes_of_a_commit_are_counted(void **state)
{
    (void)state;
    Pointsman__V1__Commit *commit = make_commit(41);
    commit->created = 5;
    answer_commits(commit, NULL, "", 0);
    run("history");
    assert_has(ran.out, "  route users updated (+5)  ");
}

static void what_became_of_a_commit_stands_behind_its_message(void **state)
{
    (void)state;
    Pointsman__V1__Commit *waiting = make_commit(41), *reverted = make_commit(40);
    waiting->confirm_state = POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_PENDING;
    waiting->confirm_by_ms = made_ms + 60000;
    reverted->confirm_state = POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_REVERTED;
    reverted->message = (char *)"";
    answer_commits(waiting, reverted, "", 0);
    run("history");
    assert_has(ran.out, "  as asked [waits to be confirmed by 2026-11-23T06:23:37Z]\n");
    assert_has(ran.out, "  [not confirmed, taken back]\n");
}

static void the_history_of_a_name_and_a_time_is_asked_for(void **state)
{
    (void)state;
    answer_commits(make_commit(41), NULL, "", 0);
    run("history users --since 2026-11-23T06:22:37Z --until 2026-11-23T07:22:37+01:00");
    assert_string_equal(list_request(0)->name, "users");
    assert_int_equal(list_request(0)->since_ms, made_ms);
    assert_int_equal(list_request(0)->until_ms, made_ms);
}

static void history_is_read_page_by_page_up_to_the_limit(void **state)
{
    (void)state;
    answer_commits(make_commit(41), make_commit(40), "older", 0);
    answer_commits(make_commit(39), NULL, "yet-older", 0);
    run("history --limit 3");
    assert_int_equal(ran.code, 0);
    assert_int_equal(fake_client_call_count(), 2);
    assert_int_equal(list_request(0)->page_size, 3);
    assert_int_equal(list_request(1)->page_size, 1);
    assert_string_equal(list_request(1)->page_token, "older");
    assert_has(ran.out, "\n39 ");
    assert_string_equal(ran.err, "routectl: note: there are older ones; --limit 0 shows all\n");
}

static void what_is_not_kept_any_more_is_said(void **state)
{
    (void)state;
    answer_commits(make_commit(41), NULL, "", 40);
    run("history --limit 0");
    assert_string_equal(ran.err,
                        "routectl: note: commits up to revision 40 are not kept any more\n");
}

static void history_in_json_is_one_answer(void **state)
{
    (void)state;
    answer_commits(make_commit(41), NULL, "older", 0);
    answer_commits(make_commit(40), NULL, "", 0);
    run("history --limit 0 -o json");
    assert_has(ran.out, "      \"revision\": \"41\",\n");
    assert_has(ran.out, "      \"revision\": \"40\",\n");
    assert_has(ran.out, "      \"confirmState\": \"CONFIRM_STATE_UNSPECIFIED\",\n");
}

/* --- show and diff ---------------------------------------------------------------------------- */

static void a_commit_is_shown_with_what_it_changed(void **state)
{
    (void)state;
    Pointsman__V1__Commit *commit = make_commit(41);
    commit->request_id = (char *)"r-1";
    commit->undoes_first = 38;
    commit->undoes_last = 39;
    fake_client_answer(&commit->base);
    answer_difference("");
    run("show 41");
    assert_int_equal(ran.code, 0);
    assert_int_equal(diff_request(1)->from_revision, 40);
    assert_int_equal(diff_request(1)->to_revision, 41);
    assert_has(ran.out, "revision    41\nmade        2026-11-23T06:22:37Z, ");
    assert_has(ran.out, "\nby          4294967290 (uid 4294967290, gid 7, pid 4242): routectl add "
                        "users\nmessage     as asked\nrequest     r-1\nundoes      38 to 39\n"
                        "changes     0 created, 1 updated, 0 removed\n\n"
                        "--- HTTPRoute users (revision 3)\n+++ HTTPRoute users (revision 41)\n");
    assert_has(ran.out, "\n-  hostnames: [old.internal]\n+  hostnames: [new.internal]\n");
}

static void a_commit_in_json_has_its_objects(void **state)
{
    (void)state;
    fake_client_answer(&make_commit(41)->base);
    answer_difference("");
    run("show 41 -o json");
    assert_has(ran.out, "\"message\": \"as asked\"");
    assert_has(ran.out, "\"old.internal\"");
}

static void the_difference_of_two_revisions_exits_with_1(void **state)
{
    (void)state;
    answer_difference("more");
    answer_difference("");
    run("diff 3..41");
    assert_int_equal(ran.code, 1);
    assert_int_equal(diff_request(0)->from_revision, 3);
    assert_int_equal(diff_request(0)->to_revision, 41);
    assert_string_equal(diff_request(1)->page_token, "more");
    const char *second = strstr(ran.out + 1, "--- HTTPRoute users");
    assert_non_null(second);
    assert_ptr_equal(strstr(ran.out, "--- HTTPRoute users"), ran.out);
}

static void revisions_with_nothing_between_exit_with_0(void **state)
{
    (void)state;
    Pointsman__V1__DiffResponse diff = POINTSMAN__V1__DIFF_RESPONSE__INIT;
    fake_client_answer(&diff.base);
    run("diff 0..");
    assert_int_equal(ran.code, 0);
    assert_string_equal(ran.out, "");
    assert_int_equal(diff_request(0)->from_revision, 0);
    assert_int_equal(diff_request(0)->to_revision, 0);
}

static void a_difference_from_a_time_begins_at_the_revision_of_then(void **state)
{
    (void)state;
    answer_commits(make_commit(3), NULL, "more", 0);
    answer_difference("");
    run("diff 2026-11-23T06:22:37Z..41");
    assert_int_equal(list_request(0)->until_ms, made_ms);
    assert_int_equal(list_request(0)->page_size, 1);
    assert_int_equal(diff_request(1)->from_revision, 3);

    verb_runner_reset(NULL);
    answer_commits(NULL, NULL, "", 0);
    answer_difference("");
    run("diff 2026-11-23T06:22:37Z..");
    assert_int_equal(diff_request(1)->from_revision, 0);
}

static void a_revision_that_is_not_kept_is_exit_3(void **state)
{
    (void)state;
    fake_client_fail(GRPC_OUT_OF_RANGE, "revisions before 12 are not kept");
    run("diff 3..41");
    assert_int_equal(ran.code, 3);
    assert_string_equal(ran.err, "routectl: revisions before 12 are not kept\n");

    verb_runner_reset(NULL);
    fake_client_fail(GRPC_OUT_OF_RANGE, "revisions before 12 are not kept");
    run("show 3");
    assert_int_equal(ran.code, 3);
}

/* 1 says that something differs. */
static void an_error_of_diff_is_never_exit_1(void **state)
{
    (void)state;
    fake_client_fail(GRPC_INTERNAL, "odd");
    run("diff 3..41");
    assert_int_equal(ran.code, 2);
}

static void a_difference_in_json_has_both_objects(void **state)
{
    (void)state;
    answer_difference("");
    run("diff 3..41 -o json");
    assert_int_equal(ran.code, 1);
    assert_has(ran.out, "\"before\": {");
    assert_has(ran.out, "\"new.internal\"");
}

/* --- files ------------------------------------------------------------------------------------ */

static const char document[] = "apiVersion: gateway.networking.k8s.io/v1\n"
                               "kind: HTTPRoute\n"
                               "metadata: {name: users}\n"
                               "spec: {hostnames: [new.internal]}\n";

static RouteMessage *make_route(const char *host)
{
    static char *hosts[1];
    static RouteMessage route;
    pointsman__v1__route__init(&route);
    hosts[0] = (char *)host;
    route.name = (char *)"users";
    route.revision = 3;
    route.n_hostnames = 1;
    route.hostnames = hosts;
    return &route;
}

/* To a dry run that would update the route; `before` is NULL when the answer has no objects. */
static void answer_dry_run(RouteMessage *before_route, RouteMessage *after_route)
{
    Pointsman__V1__Object before = POINTSMAN__V1__OBJECT__INIT, after = before;
    Pointsman__V1__Change change = POINTSMAN__V1__CHANGE__INIT, *changes[] = {&change};
    Pointsman__V1__ApplyResponse response = POINTSMAN__V1__APPLY_RESPONSE__INIT;
    before.kind_case = after.kind_case = POINTSMAN__V1__OBJECT__KIND_ROUTE;
    before.route = before_route;
    after.route = after_route;
    change.kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    change.change = POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_UPDATED;
    change.name = (char *)"users";
    change.before = before_route == NULL ? NULL : &before;
    change.after = before_route == NULL ? NULL : &after;
    response.n_changes = 1;
    response.changes = changes;
    fake_client_answer(&response.base);
}

/* `diff -f` of the document. */
static void run_diff_of_file(const char *flags)
{
    struct temp_dir *dir = temp_dir_new();
    char *path = temp_dir_write(dir, "users.yaml", document);
    char line[512];
    snprintf(line, sizeof(line), "diff -f %s %s", path, flags);
    run(line);
    free(path);
    temp_dir_free(dir);
}

static void files_are_compared_with_what_the_dry_run_answers(void **state)
{
    (void)state;
    RouteMessage after = *make_route("new.internal");
    char *hosts[] = {(char *)"new.internal"};
    after.hostnames = hosts;
    answer_dry_run(make_route("old.internal"), &after);
    run_diff_of_file("");
    assert_int_equal(ran.code, 1);
    assert_int_equal(fake_client_call_count(), 1);
    assert_has(ran.out, "--- HTTPRoute users (revision 3)\n+++ HTTPRoute users (/");
    assert_has(ran.out, "/users.yaml:3");
    assert_has(ran.out, "\n-  hostnames: [old.internal]\n+  hostnames: [new.internal]\n");
}

/* An answer that would be too large has no objects. */
static void what_the_dry_run_leaves_out_is_asked_for(void **state)
{
    (void)state;
    answer_dry_run(NULL, NULL);
    fake_client_answer(&make_route("old.internal")->base);
    run_diff_of_file("");
    assert_int_equal(ran.code, 1);
    assert_string_equal(fake_client_path(1), "/pointsman.v1.RouteControl/GetRoute");
    assert_has(ran.out, "\n-  hostnames: [old.internal]\n+  hostnames: [new.internal]\n");

    verb_runner_reset(NULL);
    answer_dry_run(NULL, NULL);
    fake_client_answer(&make_route("old.internal")->base);
    run_diff_of_file("-o json");
    assert_has(ran.out, "\"old.internal\"");
    assert_has(ran.out, "\"new.internal\"");
}

/* --- blame ------------------------------------------------------------------------------------ */

static void answer_blame(void)
{
    static char *hosts[] = {(char *)"shop.internal"};
    PathMatchMessage path = POINTSMAN__V1__PATH_MATCH__INIT;
    RouteMatchMessage match = POINTSMAN__V1__ROUTE_MATCH__INIT, *matches[] = {&match};
    BackendRefMessage ref = POINTSMAN__V1__BACKEND_REF__INIT, *refs[] = {&ref};
    RouteRuleMessage rule = POINTSMAN__V1__ROUTE_RULE__INIT, *rules[] = {&rule};
    LabelMessage label = POINTSMAN__V1__LABEL__INIT, *labels[] = {&label};
    RouteMessage route = POINTSMAN__V1__ROUTE__INIT;
    Pointsman__V1__Object object = POINTSMAN__V1__OBJECT__INIT;
    Pointsman__V1__BlamedPart parts[3], *list[] = {&parts[0], &parts[1], &parts[2]};
    Pointsman__V1__Commit *commits[] = {make_commit(41)};
    Pointsman__V1__BlameResponse blame = POINTSMAN__V1__BLAME_RESPONSE__INIT;
    path.value = (char *)"/users";
    match.path = &path;
    ref.name = (char *)"v1";
    rule.n_matches = rule.n_backend_refs = 1;
    rule.matches = matches;
    rule.backend_refs = refs;
    label.key = (char *)"team";
    label.value = (char *)"a";
    route.n_labels = route.n_hostnames = route.n_rules = 1;
    route.labels = labels;
    route.hostnames = hosts;
    route.rules = rules;
    object.kind_case = POINTSMAN__V1__OBJECT__KIND_ROUTE;
    object.route = &route;
    for (size_t i = 0; i < 3; i++)
        pointsman__v1__blamed_part__init(&parts[i]);
    parts[0].field = (char *)"labels[0]";
    parts[0].revision = 41;
    parts[1].field = (char *)"hostnames[0]";
    parts[2].field = (char *)"rules[0]";
    parts[2].revision = 41;
    blame.object = &object;
    blame.n_parts = 3;
    blame.parts = list;
    blame.n_commits = 1;
    blame.commits = commits;
    fake_client_answer(&blame.base);
}

static void blame_names_the_commit_of_each_part(void **state)
{
    (void)state;
    answer_blame();
    run("blame users --at 40");
    assert_int_equal(ran.code, 0);
    const Pointsman__V1__BlameRequest *request =
        (const Pointsman__V1__BlameRequest *)fake_client_request(0);
    assert_int_equal(request->kind, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE);
    assert_string_equal(request->name, "users");
    assert_int_equal(request->at_revision, 40);
    assert_string_equal(
        ran.out,
        "REVISION  MADE                  BY          MESSAGE   PART          VALUE\n"
        "41        2026-11-23T06:22:37Z  4294967290  as asked  labels[0]     team=a\n"
        "older     -                     -           -         hostnames[0]  shop.internal\n"
        "41        2026-11-23T06:22:37Z  4294967290  as asked  rules[0]      /users/* to v1\n");
}

static void a_backend_is_blamed_as_a_backend(void **state)
{
    (void)state;
    answer_blame();
    run("backend blame users --at 2026-11-23T06:22:37Z");
    const Pointsman__V1__BlameRequest *request =
        (const Pointsman__V1__BlameRequest *)fake_client_request(0);
    assert_int_equal(request->kind, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND);
    assert_int_equal(request->at_time_ms, made_ms);
}

/* --- usage ------------------------------------------------------------------------------------ */

static void wrong_revisions_and_times_are_usage(void **state)
{
    (void)state;
    assert_refused("show", EXIT_USAGE, "show: needs REV");
    assert_refused("show 0", EXIT_USAGE, "show: '0' is not a revision");
    assert_refused("show 41x", EXIT_USAGE, "show: '41x' is not a revision");
    assert_refused("show 99999999999999999999", EXIT_USAGE, "is not a revision");
    assert_refused("diff 41", EXIT_USAGE, "diff: '41' is not REV..REV");
    assert_refused("diff x..41", EXIT_USAGE, "diff: from: 'x' is neither a time");
    assert_refused("diff 3..x", EXIT_USAGE, "diff: to: 'x' is neither a time");
    assert_refused("diff 3..4 -f a.yaml", EXIT_USAGE, "diff: either REV..REV or -f FILE");
    assert_refused("history --since 41", EXIT_USAGE, "history: --since: '41' is not a time");
    assert_refused("history --until yesterday", EXIT_USAGE, "--until: 'yesterday' is neither");
    assert_refused("blame", EXIT_USAGE, "blame: needs NAME");
    assert_refused("blame a --at 0", EXIT_USAGE, "blame: --at: the first revision is 1");
    assert_refused("backend blame a --at soon", EXIT_USAGE, "backend blame: --at: 'soon' is");
}

#define HISTORY_TEST(name) cmocka_unit_test_setup(name, verb_runner_reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HISTORY_TEST(a_line_of_the_history_says_who_what_when_and_why),
        HISTORY_TEST(wide_history_shows_the_command),
        HISTORY_TEST(many_changes_of_a_commit_are_counted),
        HISTORY_TEST(what_became_of_a_commit_stands_behind_its_message),
        HISTORY_TEST(the_history_of_a_name_and_a_time_is_asked_for),
        HISTORY_TEST(history_is_read_page_by_page_up_to_the_limit),
        HISTORY_TEST(what_is_not_kept_any_more_is_said),
        HISTORY_TEST(history_in_json_is_one_answer),
        HISTORY_TEST(a_commit_is_shown_with_what_it_changed),
        HISTORY_TEST(a_commit_in_json_has_its_objects),
        HISTORY_TEST(the_difference_of_two_revisions_exits_with_1),
        HISTORY_TEST(revisions_with_nothing_between_exit_with_0),
        HISTORY_TEST(a_difference_from_a_time_begins_at_the_revision_of_then),
        HISTORY_TEST(a_revision_that_is_not_kept_is_exit_3),
        HISTORY_TEST(an_error_of_diff_is_never_exit_1),
        HISTORY_TEST(a_difference_in_json_has_both_objects),
        HISTORY_TEST(files_are_compared_with_what_the_dry_run_answers),
        HISTORY_TEST(what_the_dry_run_leaves_out_is_asked_for),
        HISTORY_TEST(blame_names_the_commit_of_each_part),
        HISTORY_TEST(a_backend_is_blamed_as_a_backend),
        HISTORY_TEST(wrong_revisions_and_times_are_usage),
    };
    return cmocka_run_group_tests(tests, verb_runner_save, verb_runner_reset);
}
