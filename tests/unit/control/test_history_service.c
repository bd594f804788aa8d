#include "common/buffer.h"
#include "common/clock.h"
#include "control/blame_service.h"
#include "control/commit_group.h"
#include "control/commit_stream.h"
#include "control/history_service.h"
#include "control/store.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/services_fixture.h"

#include <stdio.h>
#include <stdlib.h>

/* --- commits -------------------------------------------------------------------------------- */

/* The revisions of a page, "3 2 1"; its token goes to `token`. Borrowed until the next call. */
static const char *list(struct services_fixture *fixture,
                        const Pointsman__V1__ListCommitsRequest *request, char token[32])
{
    static char text[256];
    struct grpc_call *call = fake_call_new();
    history_service_list_commits(&fixture->services, call, &request->base);
    Pointsman__V1__ListCommitsResponse *response =
        (Pointsman__V1__ListCommitsResponse *)fake_call_answer(
            call, &pointsman__v1__list_commits_response__descriptor);
    assert_non_null(response);
    text[0] = '\0';
    for (size_t i = 0; i < response->n_commits; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%d", i == 0 ? "" : " ",
                 (int)response->commits[i]->revision);
    snprintf(token, 32, "%s", response->next_page_token);
    message_free(&response->base);
    fake_call_free(call);
    return text;
}

static void make_history(struct services_fixture *fixture)
{
    apply_ok(fixture, make_apply(put_route("a", ""), put_backend("a", 1), NULL)); /* 1 */
    apply_ok(fixture, make_apply(put_route("b", ""), NULL));                      /* 2 */
    apply_ok(fixture, make_apply(put_route("a", "a"), NULL));                     /* 3 */
    apply_ok(fixture, make_apply(put_backend("a", 2), delete_route("b"), NULL));  /* 4 */
    apply_ok(fixture, make_apply(put_route("b", ""), NULL));                      /* 5 */
}

static void commits_come_newest_first_in_pages(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__ListCommitsRequest request = POINTSMAN__V1__LIST_COMMITS_REQUEST__INIT;
    char token[32];
    make_history(fixture);

    request.page_size = 2;
    assert_string_equal(list(fixture, &request, token), "5 4");
    apply_ok(fixture, make_apply(put_route("c", ""), NULL));
    request.page_token = token;
    assert_string_equal(list(fixture, &request, token), "3 2");
    assert_string_equal(list(fixture, &request, token), "1");

    assert_string_equal(token, "");
}

static void commits_of_one_object_are_those_that_changed_it(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__ListCommitsRequest request = POINTSMAN__V1__LIST_COMMITS_REQUEST__INIT;
    char token[32];
    make_history(fixture);

    request.name = (char *)"a";
    assert_string_equal(list(fixture, &request, token), "4 3 1");
    request.kind = ROUTE;
    assert_string_equal(list(fixture, &request, token), "3 1");
    request.name = (char *)"b";
    request.page_size = 2;
    assert_string_equal(list(fixture, &request, token), "5 4");
    request.page_token = token;
    assert_string_equal(list(fixture, &request, token), "2");
    assert_string_equal(token, "");
}

static void commits_of_a_time_are_those_made_in_it(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__ListCommitsRequest request = POINTSMAN__V1__LIST_COMMITS_REQUEST__INIT;
    char token[32];
    const char *const names[] = {"a", "b", "c", "d"};
    for (uint64_t i = 0; i < 4; i++) {
        clock_set_wall_for_test(1000 * (i + 1));
        apply_ok(fixture, make_apply(put_route(names[i], ""), NULL));
    }
    clock_set_wall_for_test(0);

    request.since_ms = 2000;
    assert_string_equal(list(fixture, &request, token), "4 3 2");
    request.until_ms = 3999;
    assert_string_equal(list(fixture, &request, token), "3 2");
    request.since_ms = 0;
    assert_string_equal(list(fixture, &request, token), "3 2 1");
    request.until_ms = 999;
    assert_string_equal(list(fixture, &request, token), "");
    request.until_ms = 0;
    request.since_ms = 4001;
    assert_string_equal(list(fixture, &request, token), "");
}

static void a_commit_says_who_when_why_and_what(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__ApplyRequest *change =
        make_apply(put_route("a", ""), put_route("b", ""), put_route("c", ""), put_route("d", ""),
                   put_route("e", ""), put_route("f", ""), NULL);
    Pointsman__V1__GetCommitRequest request = POINTSMAN__V1__GET_COMMIT_REQUEST__INIT;
    struct grpc_call *call = fake_call_new();
    change->message = (char *)"why";
    change->request_id = (char *)"id";
    clock_set_wall_for_test(77);
    apply_ok(fixture, change);
    clock_set_wall_for_test(0);

    request.revision = 1;
    history_service_get_commit(&fixture->services, call, &request.base);

    Pointsman__V1__Commit *commit =
        (Pointsman__V1__Commit *)fake_call_answer(call, &pointsman__v1__commit__descriptor);
    assert_non_null(commit);
    assert_int_equal(commit->made_ms, 77);
    assert_int_equal(commit->author->uid, 1000);
    assert_int_equal(commit->author->pid, 42);
    assert_string_equal(commit->author->command, "tester");
    assert_string_equal(commit->message, "why");
    assert_string_equal(commit->request_id, "id");
    assert_int_equal(commit->created, 6);
    assert_int_equal(commit->n_changes, 5);
    assert_string_equal(commit->changes[4]->name, "e");
    message_free(&commit->base);
    fake_call_free(call);
}

/* --- differences ---------------------------------------------------------------------------- */

static void append_side(struct buffer *text, const Pointsman__V1__Object *object)
{
    if (object == NULL)
        buffer_append_char(text, '-');
    else if (object->kind_case == POINTSMAN__V1__OBJECT__KIND_ROUTE)
        buffer_printf(text, "r%d", (int)object->route->revision);
    else
        buffer_printf(text, "b%d", (int)object->backend->endpoints[0]->port);
}

/* The changes of a page, "a:r1>r3". Borrowed until the next call. */
static const char *diff(struct services_fixture *fixture, const Pointsman__V1__DiffRequest *request,
                        char token[32])
{
    static char copy[1024];
    struct buffer text = BUFFER_EMPTY;
    struct grpc_call *call = fake_call_new();
    history_service_diff(&fixture->services, call, &request->base);
    Pointsman__V1__DiffResponse *response = (Pointsman__V1__DiffResponse *)fake_call_answer(
        call, &pointsman__v1__diff_response__descriptor);
    assert_non_null(response);
    for (size_t i = 0; i < response->n_changes; i++) {
        const Pointsman__V1__Change *change = response->changes[i];
        buffer_printf(&text, "%s%s:", i == 0 ? "" : " ", change->name);
        append_side(&text, change->before);
        buffer_append_char(&text, '>');
        append_side(&text, change->after);
    }
    snprintf(copy, sizeof(copy), "%s", buffer_string(&text));
    snprintf(token, 32, "%s", response->next_page_token);
    message_free(&response->base);
    fake_call_free(call);
    buffer_clear(&text);
    return copy;
}

static void difference_has_objects_before_and_after(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__DiffRequest request = POINTSMAN__V1__DIFF_REQUEST__INIT;
    char token[32];
    make_history(fixture);

    request.from_revision = 3;
    request.to_revision = 4;
    assert_string_equal(diff(fixture, &request, token), "a:b1>b2 b:r2>-");
    request.from_revision = 1;
    request.to_revision = 0;
    assert_string_equal(diff(fixture, &request, token), "a:r1>r3 a:b1>b2 b:->r5");
    request.name = (char *)"a";
    request.kind = BACKEND;
    assert_string_equal(diff(fixture, &request, token), "a:b1>b2");
}

static void difference_leaves_out_what_is_as_it_was(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__DiffRequest request = POINTSMAN__V1__DIFF_REQUEST__INIT;
    char token[32];
    apply_ok(fixture, make_apply(put_backend("a", 1), put_backend("b", 1), NULL));
    apply_ok(fixture, make_apply(put_backend("a", 2), put_route("t", ""), NULL));
    apply_ok(fixture,
             make_apply(put_backend("a", 1), put_backend("b", 2), delete_route("t"), NULL));

    request.from_revision = 1;

    assert_string_equal(diff(fixture, &request, token), "b:b1>b2");
}

static void pages_of_a_difference_compare_the_same_revisions(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__DiffRequest request = POINTSMAN__V1__DIFF_REQUEST__INIT;
    char token[32];
    make_history(fixture);

    request.page_size = 1;
    assert_string_equal(diff(fixture, &request, token), "a:->r3");
    apply_ok(fixture, make_apply(put_route("b", "a"), NULL));
    request.page_token = token;
    assert_string_equal(diff(fixture, &request, token), "a:->b2");
    assert_string_equal(diff(fixture, &request, token), "b:->r5");

    assert_string_equal(token, "");
}

static void revisions_that_cannot_be_compared_are_refused(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__DiffRequest request = POINTSMAN__V1__DIFF_REQUEST__INIT;
    const struct {
        uint64_t from;
        uint64_t to;
        const char *token;
        enum grpc_status status;
    } cases[] = {{3, 2, "", GRPC_INVALID_ARGUMENT},
                 {1, 6, "", GRPC_OUT_OF_RANGE},
                 {1, 3, "1:4:2", GRPC_INVALID_ARGUMENT},
                 {1, 3, "1:3:x", GRPC_INVALID_ARGUMENT}};
    make_history(fixture);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct grpc_call *call = fake_call_new();
        request.from_revision = cases[i].from;
        request.to_revision = cases[i].to;
        request.page_token = (char *)cases[i].token;
        history_service_diff(&fixture->services, call, &request.base);
        assert_int_equal(fake_call_status(call), cases[i].status);
        fake_call_free(call);
    }
}

/* --- blame ---------------------------------------------------------------------------------- */

/* "hostnames[0]=1 rules[0]=2". Borrowed until the next call. */
static const char *blame_route(struct services_fixture *fixture, const char *id,
                               uint64_t at_revision)
{
    static char text[512];
    Pointsman__V1__BlameRequest request = POINTSMAN__V1__BLAME_REQUEST__INIT;
    struct grpc_call *call = fake_call_new();
    request.kind = ROUTE;
    request.name = (char *)id;
    request.at_revision = at_revision;
    blame_service_blame(fixture->services.blame, call, &request);
    while (!fake_call_has_ended(call))
        services_fixture_pass(fixture, 1);
    Pointsman__V1__BlameResponse *response = (Pointsman__V1__BlameResponse *)fake_call_answer(
        call, &pointsman__v1__blame_response__descriptor);
    assert_non_null(response);
    text[0] = '\0';
    for (size_t i = 0; i < response->n_parts; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s=%d", i == 0 ? "" : " ",
                 response->parts[i]->field, (int)response->parts[i]->revision);
    for (size_t i = 0; i < response->n_commits; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%d", i == 0 ? "; " : " ",
                 (int)response->commits[i]->revision);
    message_free(&response->base);
    fake_call_free(call);
    return text;
}

static const char *blame(struct services_fixture *fixture, uint64_t at_revision)
{
    return blame_route(fixture, "a", at_revision);
}

static MutationMessage *with_hostnames(MutationMessage *put, char **hostnames, size_t count)
{
    put->put_route->hostnames = hostnames;
    put->put_route->n_hostnames = count;
    return put;
}

static void each_part_is_blamed_on_the_commit_that_brought_it(void **state)
{
    struct services_fixture *fixture = *state;
    char *one[] = {(char *)"one.example"};
    char *two[] = {(char *)"two.example", (char *)"one.example"};
    apply_ok(fixture, make_apply(put_route("a", "x"), NULL));
    apply_ok(fixture, make_apply(with_hostnames(put_route("a", "x"), one, 1), NULL));
    apply_ok(fixture, make_apply(with_hostnames(put_route("a", "x"), two, 2), NULL));
    apply_ok(fixture, make_apply(put_route("other", ""), NULL));
    apply_ok(fixture, make_apply(with_hostnames(put_route("a", "y"), two, 2), NULL));

    assert_string_equal(blame(fixture, 0), "hostnames[0]=3 hostnames[1]=2 rules[0]=5; 5 3 2");
    assert_string_equal(blame(fixture, 2), "hostnames[0]=2 rules[0]=1; 2 1");
}

static void what_never_changes_is_no_part(void **state)
{
    struct services_fixture *fixture = *state;
    MutationMessage *put = put_route("a", "");
    put->put_route->kind = POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC;
    apply_ok(fixture, make_apply(put, NULL));

    assert_string_equal(blame_route(fixture, "GRPCRoute/a", 0), "rules[0]=1; 1");
}

static void part_that_went_and_came_back_is_blamed_on_its_return(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_route("a", "x"), NULL));
    apply_ok(fixture, make_apply(put_route("a", "y"), NULL));
    apply_ok(fixture, make_apply(put_route("a", "x"), NULL));

    assert_string_equal(blame(fixture, 0), "rules[0]=3; 3");
}

static void part_older_than_the_history_is_blamed_on_nobody(void **state)
{
    struct services_fixture *fixture = *state;
    struct store *store = fixture->services.store;
    struct error err = {0};
    char *one[] = {(char *)"one.example"};
    apply_ok(fixture, make_apply(put_route("a", "x"), NULL));
    apply_ok(fixture, make_apply(with_hostnames(put_route("a", "x"), one, 1), NULL));
    assert_true(store_transaction_begin(store, &err) && store_commit_begin(store, &err));
    assert_true(store_compact(store, 1, 10, &err) && store_commit_end(store, NULL, &err));
    assert_true(store_transaction_end(store, &err));

    assert_string_equal(blame(fixture, 0), "hostnames[0]=2 rules[0]=0; 2");
}

/* --- watching ------------------------------------------------------------------------------- */

static struct grpc_call *watch(struct services_fixture *fixture,
                               const Pointsman__V1__WatchCommitsRequest *request)
{
    struct grpc_call *call = fake_call_new();
    commit_streams_add(fixture->services.streams, call, request);
    return call;
}

/* What the stream says next: "3 by tester: a b.", with a full stop when that is all of the commit;
 * "" when there is nothing. Borrowed until the next call. */
static const char *pull(struct grpc_call *call)
{
    static char text[256];
    Pointsman__V1__WatchCommitsResponse *response =
        (Pointsman__V1__WatchCommitsResponse *)fake_call_pull(
            call, &pointsman__v1__watch_commits_response__descriptor);
    text[0] = '\0';
    if (response == NULL)
        return text;
    snprintf(text, sizeof(text), "%d%s%s:", (int)response->revision,
             response->commit == NULL ? "" : " by ",
             response->commit == NULL ? "" : response->commit->author->command);
    for (size_t i = 0; i < response->n_changes && i < 3; i++) {
        strcat(text, " ");
        strcat(text, response->changes[i]->name);
        strcat(text, response->changes[i]->after != NULL ? "!" : "");
    }
    strcat(text, response->last ? "." : "");
    message_free(&response->base);
    return text;
}

static void watcher_is_told_commits_as_they_are_made(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__WatchCommitsRequest request = POINTSMAN__V1__WATCH_COMMITS_REQUEST__INIT;
    apply_ok(fixture, make_apply(put_route("a", ""), NULL));

    struct grpc_call *call = watch(fixture, &request);
    assert_string_equal(pull(call), "1:");
    assert_string_equal(pull(call), "");
    apply_ok(fixture, make_apply(put_route("b", ""), put_route("c", ""), NULL));
    assert_true(fake_call_was_resumed(call));

    assert_string_equal(pull(call), "2 by tester: b c.");
    assert_string_equal(pull(call), "");
    fake_call_cancel(call);
    fake_call_free(call);
}

static void watcher_goes_on_from_a_revision(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__WatchCommitsRequest request = POINTSMAN__V1__WATCH_COMMITS_REQUEST__INIT;
    request.start_case = POINTSMAN__V1__WATCH_COMMITS_REQUEST__START_AFTER_REVISION;
    request.after_revision = 3;
    request.with_objects = true;
    make_history(fixture);

    struct grpc_call *call = watch(fixture, &request);
    assert_string_equal(pull(call), "3:");
    assert_string_equal(pull(call), "4 by tester: a! b.");
    assert_string_equal(pull(call), "5 by tester: b!.");
    assert_string_equal(pull(call), "");
    fake_call_cancel(call);
    fake_call_free(call);
}

static void large_commit_is_told_in_pieces(void **state)
{
    struct services_fixture *fixture = *state;
    enum { COUNT = 1500 };
    Pointsman__V1__WatchCommitsRequest request = POINTSMAN__V1__WATCH_COMMITS_REQUEST__INIT;
    Pointsman__V1__ApplyRequest apply = POINTSMAN__V1__APPLY_REQUEST__INIT;
    static MutationMessage mutations[COUNT];
    static BackendMessage backends[COUNT];
    static MutationMessage *pointers[COUNT];
    static char names[COUNT][16];
    const BackendMessage *one = make_backend("x", 1);
    for (size_t i = 0; i < COUNT; i++) {
        pointsman__v1__mutation__init(&mutations[i]);
        snprintf(names[i], sizeof(names[i]), "b%zu", i);
        backends[i] = *one;
        backends[i].name = names[i];
        mutations[i].operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_BACKEND;
        mutations[i].put_backend = &backends[i];
        pointers[i] = &mutations[i];
    }
    apply.n_mutations = COUNT;
    apply.mutations = pointers;
    struct grpc_call *call = watch(fixture, &request);
    assert_string_equal(pull(call), "0:");

    apply_ok(fixture, &apply);

    assert_string_equal(pull(call), "1 by tester: b0 b1 b2");
    assert_string_equal(pull(call), "1: b1000 b1001 b1002.");
    assert_string_equal(pull(call), "");
    fake_call_cancel(call);
    fake_call_free(call);
}

static void watcher_that_cannot_go_on_is_told_so(void **state)
{
    struct services_fixture *fixture = *state;
    struct store *store = fixture->services.store;
    struct error err = {0};
    Pointsman__V1__WatchCommitsRequest request = POINTSMAN__V1__WATCH_COMMITS_REQUEST__INIT;
    make_history(fixture);
    request.start_case = POINTSMAN__V1__WATCH_COMMITS_REQUEST__START_AFTER_REVISION;
    request.after_revision = 1;

    struct grpc_call *overtaken = watch(fixture, &request);
    assert_string_equal(pull(overtaken), "1:");
    assert_true(store_transaction_begin(store, &err) && store_commit_begin(store, &err));
    assert_true(store_compact(store, 3, 10, &err) && store_commit_end(store, NULL, &err));
    assert_true(store_transaction_end(store, &err));
    assert_string_equal(pull(overtaken), "");
    assert_int_equal(fake_call_status(overtaken), GRPC_OUT_OF_RANGE);
    fake_call_free(overtaken);

    struct grpc_call *late = watch(fixture, &request);
    assert_int_equal(fake_call_status(late), GRPC_OUT_OF_RANGE);
    assert_non_null(strstr(fake_call_message(late), "revision 3"));
    fake_call_free(late);

    request.after_revision = 4;
    request.epoch = (char *)"another";
    struct grpc_call *foreign = watch(fixture, &request);
    assert_int_equal(fake_call_status(foreign), GRPC_FAILED_PRECONDITION);
    fake_call_free(foreign);
}

#define test(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, services_fixture_set_up, services_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(commits_come_newest_first_in_pages),
        test(commits_of_one_object_are_those_that_changed_it),
        test(commits_of_a_time_are_those_made_in_it),
        test(a_commit_says_who_when_why_and_what),
        test(difference_has_objects_before_and_after),
        test(difference_leaves_out_what_is_as_it_was),
        test(pages_of_a_difference_compare_the_same_revisions),
        test(revisions_that_cannot_be_compared_are_refused),
        test(each_part_is_blamed_on_the_commit_that_brought_it),
        test(what_never_changes_is_no_part),
        test(part_that_went_and_came_back_is_blamed_on_its_return),
        test(part_older_than_the_history_is_blamed_on_nobody),
        test(watcher_is_told_commits_as_they_are_made),
        test(watcher_goes_on_from_a_revision),
        test(large_commit_is_told_in_pieces),
        test(watcher_that_cannot_go_on_is_told_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
