#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/store_fixture.h"

#include <stdio.h>
#include <stdlib.h>

static void assert_list(struct store *store, uint64_t revision, const char *expected)
{
    char *list = store_fixture_list(store, revision);
    assert_string_equal(list, expected);
    free(list);
}

static void assert_changes(struct store *store, uint64_t base, uint64_t revision,
                           const char *expected)
{
    char *changes = store_fixture_changes(store, base, revision);
    assert_string_equal(changes, expected);
    free(changes);
}

static void new_database_is_empty_at_revision_0(void **state)
{
    struct store_fixture *fixture = *state;

    struct store_head head = store_head(fixture->store);

    assert_int_equal(head.revision, 0);
    assert_int_equal(head.digest, 0);
    assert_int_equal(strlen(store_epoch(fixture->store)), 32);
    assert_null(store_read_only_reason(fixture->store));
}

static void commits_survive_a_restart_with_epoch_and_digest(void **state)
{
    struct store_fixture *fixture = *state;
    char *epoch = memory_duplicate_string(store_epoch(fixture->store));
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    store_fixture_put(fixture->store, BACKEND, "b", "2");
    struct store_head before = store_head(fixture->store);

    store_fixture_reopen(fixture);

    struct store_head after = store_head(fixture->store);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_int_equal(after.revision, 2);
    assert_int_equal(after.routes, 1);
    assert_int_equal(after.backends, 1);
    assert_string_equal(store_epoch(fixture->store), epoch);
    assert_list(fixture->store, 2, "a=1 b=2");
    free(epoch);
}

static void digest_returns_when_content_does(void **state)
{
    struct store_fixture *fixture = *state;
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    uint64_t digest = store_head(fixture->store).digest;

    store_fixture_put(fixture->store, ROUTE, "a", "2");
    assert_int_not_equal(store_head(fixture->store).digest, digest);
    store_fixture_put(fixture->store, ROUTE, "b", "3");
    store_fixture_delete(fixture->store, ROUTE, "b");
    store_fixture_put(fixture->store, ROUTE, "a", "1");

    assert_int_equal(store_head(fixture->store).digest, digest);
}

static void digest_of_an_earlier_revision_is_known(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    uint64_t first = store_head(fixture->store).digest;
    store_fixture_put(fixture->store, ROUTE, "a", "2");

    uint64_t digest;
    assert_true(store_digest_at(fixture->store, 1, &digest, &err));

    assert_int_equal(digest, first);
    assert_true(store_digest_at(fixture->store, 0, &digest, &err));
    assert_int_equal(digest, 0);
    assert_false(store_digest_at(fixture->store, 3, &digest, &err));
    assert_int_equal(err.code, ERROR_OUT_OF_RANGE);
}

static void get_gives_bytes_and_revisions(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    store_fixture_put(fixture->store, ROUTE, "a", "22");

    struct store_record record = {0};
    assert_true(store_get(fixture->store, ROUTE, "a", &record, &err));

    assert_int_equal(record.created_revision, 1);
    assert_int_equal(record.revision, 2);
    assert_string_equal(buffer_string(&record.bytes), "22");
    store_record_clear(&record);
    assert_false(store_get(fixture->store, BACKEND, "a", &record, &err));
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    assert_string_equal(err.message, "there is no backend 'a'");
}

static void scan_of_the_past_shows_what_was_there(void **state)
{
    struct store_fixture *fixture = *state;
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    store_fixture_put(fixture->store, ROUTE, "b", "1");
    store_fixture_put(fixture->store, BACKEND, "a", "1");
    uint64_t revision = store_head(fixture->store).revision;

    store_fixture_put(fixture->store, ROUTE, "a", "2");
    store_fixture_put(fixture->store, ROUTE, "a", "3");
    store_fixture_delete(fixture->store, ROUTE, "b");
    store_fixture_put(fixture->store, ROUTE, "aa", "new");
    store_fixture_delete(fixture->store, BACKEND, "a");
    store_fixture_put(fixture->store, BACKEND, "a", "again");

    assert_list(fixture->store, revision, "a=1 b=1 a=1");
    assert_list(fixture->store, store_head(fixture->store).revision, "a=3 aa=new a=again");
    assert_list(fixture->store, 0, "");
}

struct page {
    char last[64];
    size_t count;
    size_t limit;
};

static bool take_page(void *context, const struct store_object *object)
{
    struct page *page = context;
    if (page->count == page->limit)
        return false;
    snprintf(page->last, sizeof(page->last), "%.*s", (int)object->name.length, object->name.at);
    page->count++;
    return true;
}

static void scan_goes_on_behind_a_position_and_stays_at_its_revision(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};
    const char *const names[] = {"a", "b", "c", "d", "e"};
    for (size_t i = 0; i < 5; i++)
        store_fixture_put(fixture->store, i < 3 ? ROUTE : BACKEND, names[i], "1");

    struct page page = {.limit = 2};
    char seen[8] = "";
    struct store_cursor cursor = {0};
    while (!cursor.is_finished) {
        page.count = 0;
        assert_true(store_scan(fixture->store, 5, 0, &cursor, take_page, &page, &err));
        strcat(seen, page.last);
        store_fixture_put(fixture->store, ROUTE, "bb", seen);
        store_fixture_put(fixture->store, BACKEND, "zz", seen);
    }

    assert_string_equal(seen, "bde");
}

static void scan_of_one_kind_shows_no_other(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    store_fixture_put(fixture->store, BACKEND, "b", "1");

    struct page routes = {.limit = 10};
    struct page backends = {.limit = 10};
    struct store_cursor of_routes = {0};
    struct store_cursor of_backends = {0};
    assert_true(store_scan(fixture->store, 2, ROUTE, &of_routes, take_page, &routes, &err));
    assert_true(store_scan(fixture->store, 2, BACKEND, &of_backends, take_page, &backends, &err));

    assert_int_equal(routes.count, 1);
    assert_string_equal(routes.last, "a");
    assert_int_equal(backends.count, 1);
    assert_string_equal(backends.last, "b");
}

static void changes_name_each_object_once_as_it_was_at_the_end(void **state)
{
    struct store_fixture *fixture = *state;
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    store_fixture_put(fixture->store, ROUTE, "b", "1");
    store_fixture_put(fixture->store, ROUTE, "a", "2");
    store_fixture_put(fixture->store, ROUTE, "a", "3");
    store_fixture_delete(fixture->store, ROUTE, "b");
    store_fixture_put(fixture->store, ROUTE, "c", "1");

    assert_changes(fixture->store, 0, 6, "a=3 b-deleted c=1");
    assert_changes(fixture->store, 2, 3, "a=2");
    assert_changes(fixture->store, 2, 5, "a=3 b-deleted");
    assert_changes(fixture->store, 6, 6, "");
}

static void open_transaction_shows_in_no_head_and_no_feed(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};
    const struct store_commit commit = {.command = "", .message = "", .request_id = ""};
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    assert_true(store_transaction_begin(fixture->store, &err));
    assert_true(store_commit_begin(fixture->store, &err));
    assert_true(store_fixture_write(fixture->store, ROUTE, "a", "2", NULL, &err));
    assert_true(store_fixture_write(fixture->store, ROUTE, "b", "2", NULL, &err));
    assert_true(store_commit_end(fixture->store, &commit, &err));

    assert_int_equal(store_head(fixture->store).revision, 1);
    assert_list(fixture->store, 1, "a=1");
    assert_changes(fixture->store, 0, 1, "a=1");

    assert_true(store_transaction_end(fixture->store, &err));
    assert_list(fixture->store, 2, "a=2 b=2");
}

static void abandoned_commit_leaves_its_neighbours(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};
    const struct store_commit commit = {.command = "", .message = "", .request_id = ""};
    assert_true(store_transaction_begin(fixture->store, &err));

    assert_true(store_commit_begin(fixture->store, &err));
    assert_true(store_fixture_write(fixture->store, ROUTE, "a", "1", NULL, &err));
    assert_true(store_commit_end(fixture->store, &commit, &err));
    assert_true(store_commit_begin(fixture->store, &err));
    assert_true(store_fixture_write(fixture->store, ROUTE, "b", "1", NULL, &err));
    store_commit_abandon(fixture->store);
    assert_true(store_commit_begin(fixture->store, &err));
    assert_int_equal(store_next_revision(fixture->store), 2);
    assert_true(store_fixture_write(fixture->store, ROUTE, "c", "1", NULL, &err));
    assert_true(store_commit_end(fixture->store, &commit, &err));
    assert_true(store_transaction_end(fixture->store, &err));

    assert_list(fixture->store, 2, "a=1 c=1");
    store_fixture_reopen(fixture);
    assert_list(fixture->store, 2, "a=1 c=1");
}

static void commit_of_nothing_makes_no_revision(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};

    assert_true(store_transaction_begin(fixture->store, &err));
    assert_true(store_commit_begin(fixture->store, &err));
    assert_true(store_commit_end(fixture->store, NULL, &err));
    assert_true(store_transaction_end(fixture->store, &err));

    assert_int_equal(store_head(fixture->store).revision, 0);
}

struct names {
    char text[64];
};

static void append_name(void *context, const char *name)
{
    struct names *names = context;
    strcat(names->text, name);
}

static void references_follow_their_routes(void **state)
{
    struct store_fixture *fixture = *state;
    struct store *store = fixture->store;
    struct error err = {0};
    const struct store_commit commit = {.command = "", .message = "", .request_id = ""};
    assert_true(store_transaction_begin(store, &err));
    assert_true(store_commit_begin(store, &err));
    assert_true(store_fixture_write(store, ROUTE, "a", "1", "x", &err));
    assert_true(store_fixture_write(store, ROUTE, "b", "1", "x", &err));
    assert_true(store_fixture_write(store, ROUTE, "c", "1", "x", &err));
    assert_true(store_fixture_relink(store, ROUTE, "c", "2", "x", "y", &err));
    assert_true(store_fixture_write(store, ROUTE, "d", "1", "x", &err));
    assert_true(store_fixture_relink(store, ROUTE, "d", NULL, "x", NULL, &err));
    assert_true(store_commit_end(store, &commit, &err));

    struct names names = {""};
    uint64_t count;
    assert_true(store_routes_naming(store, "x", 1, append_name, &names, &count, &err));

    assert_int_equal(count, 2);
    assert_string_equal(names.text, "a");
    assert_true(store_routes_naming(store, "y", 9, append_name, &names, &count, &err));
    assert_string_equal(names.text, "ac");
    assert_true(store_transaction_end(store, &err));
}

static void request_is_remembered_with_its_commit(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};
    struct buffer answer = BUFFER_EMPTY;
    uint64_t fingerprint;
    assert_true(store_transaction_begin(fixture->store, &err));
    assert_true(store_commit_begin(fixture->store, &err));
    assert_true(store_remember_request(fixture->store, "kept", 7, SLICE("answer"), &err));
    assert_true(store_commit_end(fixture->store, NULL, &err));
    assert_true(store_commit_begin(fixture->store, &err));
    assert_true(store_remember_request(fixture->store, "dropped", 7, SLICE("answer"), &err));
    store_commit_abandon(fixture->store);
    assert_true(store_transaction_end(fixture->store, &err));

    store_fixture_reopen(fixture);

    assert_true(store_find_request(fixture->store, "kept", &fingerprint, &answer, &err));
    assert_int_equal(fingerprint, 7);
    assert_string_equal(buffer_string(&answer), "answer");
    assert_false(store_find_request(fixture->store, "dropped", &fingerprint, &answer, &err));
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    buffer_clear(&answer);
}

static void compaction_keeps_objects_and_newer_changes(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};
    uint64_t digest;
    for (int i = 0; i < 10; i++)
        store_fixture_put(fixture->store, ROUTE, i % 2 == 0 ? "a" : "b", "1");
    store_fixture_put(fixture->store, ROUTE, "c", "1");

    assert_true(store_transaction_begin(fixture->store, &err));
    assert_true(store_commit_begin(fixture->store, &err));
    assert_true(store_compact(fixture->store, 9, 4, &err));
    assert_true(store_compact(fixture->store, 9, 100, &err));
    assert_true(store_commit_end(fixture->store, NULL, &err));
    assert_true(store_transaction_end(fixture->store, &err));

    assert_int_equal(store_compacted_revision(fixture->store), 9);
    assert_list(fixture->store, 11, "a=1 b=1 c=1");
    assert_changes(fixture->store, 9, 11, "b=1 c=1");
    assert_true(store_digest_at(fixture->store, 9, &digest, &err));
    assert_false(store_digest_at(fixture->store, 8, &digest, &err));
    assert_int_equal(err.code, ERROR_OUT_OF_RANGE);
    store_fixture_reopen(fixture);
    assert_int_equal(store_compacted_revision(fixture->store), 9);
    assert_int_equal(store_fixture_put(fixture->store, ROUTE, "d", "1"), 12);
    assert_changes(fixture->store, 11, 12, "d=1");
}

#define test(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, store_fixture_set_up, store_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(new_database_is_empty_at_revision_0),
        test(commits_survive_a_restart_with_epoch_and_digest),
        test(digest_returns_when_content_does),
        test(digest_of_an_earlier_revision_is_known),
        test(get_gives_bytes_and_revisions),
        test(scan_of_the_past_shows_what_was_there),
        test(scan_goes_on_behind_a_position_and_stays_at_its_revision),
        test(scan_of_one_kind_shows_no_other),
        test(changes_name_each_object_once_as_it_was_at_the_end),
        test(open_transaction_shows_in_no_head_and_no_feed),
        test(abandoned_commit_leaves_its_neighbours),
        test(commit_of_nothing_makes_no_revision),
        test(references_follow_their_routes),
        test(request_is_remembered_with_its_commit),
        test(compaction_keeps_objects_and_newer_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
