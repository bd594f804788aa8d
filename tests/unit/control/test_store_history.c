#include "common/clock.h"
#include "control/store_history.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/store_fixture.h"

#include <stdio.h>
#include <stdlib.h>

/* --- commits -------------------------------------------------------------------------------- */

static bool describe_commit(void *context, const struct store_logged_commit *commit)
{
    buffer_printf(context, "%s%d:+%d~%d-%d", ((struct buffer *)context)->length > 0 ? " " : "",
                  (int)commit->revision, (int)commit->created, (int)commit->updated,
                  (int)commit->deleted);
    return true;
}

static void commits_are_told_newest_first_with_what_they_changed(void **state)
{
    struct store_fixture *fixture = *state;
    struct buffer text = BUFFER_EMPTY;
    struct error err = {0};
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    store_fixture_put(fixture->store, ROUTE, "a", "2");
    store_fixture_delete(fixture->store, ROUTE, "a");

    assert_true(store_commits(fixture->store, 3, 1, describe_commit, &text, &err));
    assert_string_equal(buffer_string(&text), "3:+0~0-1 2:+0~1-0 1:+1~0-0");

    buffer_reset(&text);
    assert_true(store_commits(fixture->store, 2, 2, describe_commit, &text, &err));
    assert_string_equal(buffer_string(&text), "2:+0~1-0");
    assert_false(store_commits(fixture->store, 4, 1, describe_commit, &text, &err));
    assert_int_equal(err.code, ERROR_OUT_OF_RANGE);
    buffer_clear(&text);
}

static void commit(struct store *store, const struct store_commit *commit,
                   Pointsman__V1__ConfirmState end_pending)
{
    struct error err = {0};
    assert_true(store_transaction_begin(store, &err) && store_commit_begin(store, &err));
    if (end_pending != 0)
        assert_true(store_end_pending(store, end_pending, &err));
    if (commit != NULL)
        assert_true(store_fixture_write(store, ROUTE, "p", commit->message, NULL, &err));
    assert_true(store_commit_end(store, commit, &err) && store_transaction_end(store, &err));
}

static bool keep_state(void *context, const struct store_logged_commit *commit)
{
    *(Pointsman__V1__ConfirmState *)context = commit->confirm_state;
    return true;
}

static void pending_commit_is_known_over_a_restart_until_it_is_ended(void **state)
{
    struct store_fixture *fixture = *state;
    const struct store_commit pending = {
        .command = "test", .message = "1", .request_id = "", .confirm_by_wall_ms = 77};
    Pointsman__V1__ConfirmState state_of_1;
    struct error err = {0};
    uint64_t by_ms;
    commit(fixture->store, &pending, 0);
    store_fixture_put(fixture->store, ROUTE, "other", "1");

    store_fixture_reopen(fixture);

    assert_int_equal(store_pending(fixture->store, &by_ms), 1);
    assert_int_equal(by_ms, 77);
    assert_true(store_commits(fixture->store, 1, 1, keep_state, &state_of_1, &err));
    assert_int_equal(state_of_1, POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_PENDING);

    commit(fixture->store, NULL, POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_CONFIRMED);
    store_fixture_reopen(fixture);

    assert_int_equal(store_pending(fixture->store, &by_ms), 0);
    assert_int_equal(store_head(fixture->store).revision, 2);
    assert_true(store_commits(fixture->store, 1, 1, keep_state, &state_of_1, &err));
    assert_int_equal(state_of_1, POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_CONFIRMED);
}

static void abandoned_commit_is_not_pending(void **state)
{
    struct store_fixture *fixture = *state;
    const struct store_commit pending = {
        .command = "test", .message = "1", .request_id = "", .confirm_by_wall_ms = 77};
    struct error err = {0};
    uint64_t by_ms;
    commit(fixture->store, &pending, 0);

    assert_true(store_transaction_begin(fixture->store, &err));
    assert_true(store_commit_begin(fixture->store, &err));
    assert_true(store_end_pending(fixture->store,
                                  POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_REVERTED, &err));
    assert_int_equal(store_pending(fixture->store, &by_ms), 0);
    store_commit_abandon(fixture->store);
    assert_true(store_transaction_end(fixture->store, &err));

    assert_int_equal(store_pending(fixture->store, &by_ms), 1);
}

/* --- times ---------------------------------------------------------------------------------- */

static void put_at(struct store *store, uint64_t wall_ms)
{
    clock_set_wall_for_test(wall_ms);
    store_fixture_put(store, ROUTE, "a", "x");
}

static uint64_t revision_at(struct store *store, uint64_t wall_ms)
{
    struct error err = {0};
    uint64_t revision = UINT64_MAX;
    store_revision_at(store, wall_ms, &revision, &err);
    assert_string_equal(err.message, "");
    return revision;
}

static void a_time_stands_for_the_newest_revision_made_by_then(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};
    uint64_t revision;
    for (uint64_t i = 1; i <= 7; i++)
        put_at(fixture->store, 1000 * ((i + 1) / 2)); /* 1 and 2 at 1 s, 3 and 4 at 2 s, ... */

    assert_int_equal(revision_at(fixture->store, 999), 0);
    assert_int_equal(revision_at(fixture->store, 1000), 2);
    assert_int_equal(revision_at(fixture->store, 2999), 4);
    assert_int_equal(revision_at(fixture->store, 4000), 7);
    assert_int_equal(revision_at(fixture->store, UINT64_MAX), 7);

    assert_true(store_transaction_begin(fixture->store, &err));
    assert_true(store_commit_begin(fixture->store, &err));
    assert_true(store_compact(fixture->store, 3, 100, &err));
    assert_true(store_commit_end(fixture->store, NULL, &err));
    assert_true(store_transaction_end(fixture->store, &err));
    assert_int_equal(revision_at(fixture->store, 2000), 4);
    assert_false(store_revision_at(fixture->store, 1999, &revision, &err));
    assert_int_equal(err.code, ERROR_OUT_OF_RANGE);
    clock_set_wall_for_test(0);
}

/* --- objects -------------------------------------------------------------------------------- */

static void assert_object_at(struct store *store, uint64_t revision, const char *name,
                             const char *expected)
{
    struct buffer bytes = BUFFER_EMPTY;
    struct error err = {0};
    bool is_there = store_get_at(store, revision, ROUTE, name, &bytes, &err);
    assert_int_equal(err.code, is_there ? ERROR_NONE : ERROR_NOT_FOUND);
    assert_string_equal(is_there ? buffer_string(&bytes) : "-", expected);
    buffer_clear(&bytes);
}

static void object_is_what_it_was_at_a_revision(void **state)
{
    struct store_fixture *fixture = *state;
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    store_fixture_put(fixture->store, ROUTE, "b", "1");
    store_fixture_put(fixture->store, ROUTE, "a", "2");
    store_fixture_delete(fixture->store, ROUTE, "a");
    store_fixture_put(fixture->store, ROUTE, "a", "3");

    assert_object_at(fixture->store, 0, "a", "-");
    assert_object_at(fixture->store, 1, "a", "1");
    assert_object_at(fixture->store, 2, "a", "1");
    assert_object_at(fixture->store, 3, "a", "2");
    assert_object_at(fixture->store, 4, "a", "-");
    assert_object_at(fixture->store, 5, "a", "3");
    assert_object_at(fixture->store, 1, "b", "-");
    assert_object_at(fixture->store, 5, "b", "1");
    assert_object_at(fixture->store, 5, "c", "-");
}

static bool describe_change(void *context, const struct store_change *change)
{
    struct buffer *text = context;
    buffer_printf(text, "%s%.*s@%d:", text->length > 0 ? " " : "", (int)change->name.length,
                  change->name.at, (int)change->revision);
    buffer_append_slice(text, change->was_there ? change->before : SLICE("-"));
    buffer_append_char(text, '>');
    buffer_append_slice(text, change->is_there ? change->after : SLICE("-"));
    return true;
}

static void an_objects_changes_are_told_newest_first(void **state)
{
    struct store_fixture *fixture = *state;
    struct buffer text = BUFFER_EMPTY;
    struct error err = {0};
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    store_fixture_put(fixture->store, BACKEND, "a", "other");
    store_fixture_put(fixture->store, ROUTE, "a", "2");
    store_fixture_delete(fixture->store, ROUTE, "a");

    assert_true(store_object_changes(fixture->store, ROUTE, "a", 4, 1, STORE_OBJECTS,
                                     describe_change, &text, &err));
    assert_string_equal(buffer_string(&text), "a@4:2>- a@3:1>2 a@1:->1");
    buffer_reset(&text);
    assert_true(store_object_changes(fixture->store, ROUTE, "a", 3, 2, STORE_OBJECTS,
                                     describe_change, &text, &err));
    assert_string_equal(buffer_string(&text), "a@3:1>2");
    buffer_clear(&text);
}

static void names_alone_say_what_was_there(void **state)
{
    struct store_fixture *fixture = *state;
    struct buffer text = BUFFER_EMPTY;
    struct error err = {0};
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    store_fixture_put(fixture->store, ROUTE, "a", "2");
    store_fixture_delete(fixture->store, ROUTE, "a");

    assert_true(store_object_changes(fixture->store, ROUTE, "a", 3, 1, STORE_NAMES, describe_change,
                                     &text, &err));
    assert_string_equal(buffer_string(&text), "a@3:>- a@2:> a@1:->");
    buffer_reset(&text);
    assert_true(
        store_commit_changes(fixture->store, 2, 0, STORE_NAMES, describe_change, &text, &err));
    assert_true(
        store_commit_changes(fixture->store, 3, 0, STORE_OBJECTS, describe_change, &text, &err));
    assert_string_equal(buffer_string(&text), "a@2:> a@3:2>-");
    buffer_clear(&text);
}

/* --- differences ---------------------------------------------------------------------------- */

static void assert_diff(struct store *store, uint64_t from, uint64_t to, const char *expected)
{
    struct buffer text = BUFFER_EMPTY;
    struct error err = {0};
    struct store_diff_cursor cursor = {0};
    while (!cursor.is_finished)
        assert_true(store_diff(store, from, to, &cursor, describe_change, &text, &err));
    assert_string_equal(buffer_string(&text), expected);
    buffer_clear(&text);
}

static void difference_is_net_of_what_came_in_between(void **state)
{
    struct store_fixture *fixture = *state;
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    store_fixture_put(fixture->store, ROUTE, "b", "1");
    store_fixture_put(fixture->store, ROUTE, "a", "2");
    store_fixture_put(fixture->store, ROUTE, "c", "1");
    store_fixture_put(fixture->store, ROUTE, "a", "3");
    store_fixture_delete(fixture->store, ROUTE, "c");
    store_fixture_delete(fixture->store, ROUTE, "b");

    assert_diff(fixture->store, 2, 5, "c@4:->1 a@5:1>3");
    assert_diff(fixture->store, 1, 7, "a@5:1>3 c@6:->- b@7:->-");
    assert_diff(fixture->store, 2, 3, "a@3:1>2");
    assert_diff(fixture->store, 4, 4, "");
}

static bool take_two(void *context, const struct store_change *change)
{
    struct buffer *text = context;
    size_t spaces = 0;
    for (size_t i = 0; i < text->length; i++)
        spaces += text->at[i] == ' ';
    return spaces < 1 && describe_change(context, change);
}

static void difference_goes_on_where_its_visitor_left(void **state)
{
    struct store_fixture *fixture = *state;
    struct buffer text = BUFFER_EMPTY;
    struct error err = {0};
    struct store_diff_cursor cursor = {0};
    const char *const names[] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < 4; i++)
        store_fixture_put(fixture->store, ROUTE, names[i], "1");

    assert_true(store_diff(fixture->store, 0, 4, &cursor, take_two, &text, &err));
    assert_string_equal(buffer_string(&text), "a@1:->1 b@2:->1");
    assert_false(cursor.is_finished);
    store_fixture_put(fixture->store, ROUTE, "c", "2");
    buffer_reset(&text);
    assert_true(store_diff(fixture->store, 0, 4, &cursor, take_two, &text, &err));

    assert_string_equal(buffer_string(&text), "c@3:->1 d@4:->1");
    assert_true(cursor.is_finished);
    buffer_clear(&text);
}

/* --- the past, in pieces -------------------------------------------------------------------- */

static bool count_object(void *context, const struct store_object *object)
{
    (void)object;
    ++*(size_t *)context;
    return true;
}

/* One commit that puts or deletes so many routes. */
static void write_many(struct store *store, int count, const char *bytes)
{
    const struct store_commit commit = {.command = "test", .message = "", .request_id = ""};
    struct error err = {0};
    char name[16];
    assert_true(store_transaction_begin(store, &err) && store_commit_begin(store, &err));
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "r%05d", i);
        assert_true(store_fixture_write(store, ROUTE, name, bytes, NULL, &err));
    }
    assert_true(store_commit_end(store, &commit, &err) && store_transaction_end(store, &err));
}

static void scan_of_the_past_ends_its_piece_also_where_there_was_nothing(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};
    struct store_cursor cursor = {0};
    size_t count = 0;
    size_t pieces = 0;
    store_fixture_put(fixture->store, ROUTE, "z", "1");
    write_many(fixture->store, 2 * STORE_SCAN_NAMES + 1, "1");
    write_many(fixture->store, STORE_SCAN_NAMES, NULL);

    for (; !cursor.is_finished; pieces++)
        assert_true(store_scan(fixture->store, 1, 0, &cursor, count_object, &count, &err));

    assert_int_equal(count, 1);
    assert_int_equal(pieces, 3);
}

static void compaction_ends_its_piece_after_a_large_commit(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};
    write_many(fixture->store, STORE_COMPACT_CHANGES + 1, "1");
    for (int i = 0; i < 5; i++)
        store_fixture_put(fixture->store, ROUTE, "a", "x");
    uint64_t compacted[2];

    for (size_t i = 0; i < 2; i++) {
        assert_true(store_transaction_begin(fixture->store, &err));
        assert_true(store_commit_begin(fixture->store, &err));
        assert_true(store_compact(fixture->store, 5, 100, &err));
        assert_true(store_commit_end(fixture->store, NULL, &err));
        assert_true(store_transaction_end(fixture->store, &err));
        compacted[i] = store_compacted_revision(fixture->store);
    }

    assert_int_equal(compacted[0], 1);
    assert_int_equal(compacted[1], 5);
    assert_false(store_commits(fixture->store, 6, 5, describe_commit, NULL, &err));
    assert_string_equal(err.message,
                        "the history is gone up to revision 5, the oldest that can be read");
}

#define test(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, store_fixture_set_up, store_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(commits_are_told_newest_first_with_what_they_changed),
        test(pending_commit_is_known_over_a_restart_until_it_is_ended),
        test(abandoned_commit_is_not_pending),
        test(a_time_stands_for_the_newest_revision_made_by_then),
        test(object_is_what_it_was_at_a_revision),
        test(an_objects_changes_are_told_newest_first),
        test(names_alone_say_what_was_there),
        test(difference_is_net_of_what_came_in_between),
        test(difference_goes_on_where_its_visitor_left),
        test(scan_of_the_past_ends_its_piece_also_where_there_was_nothing),
        test(compaction_ends_its_piece_after_a_large_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
