/* What happens to a local copy between two bases. */
#include "common/buffer.h"
#include "common/clock.h"
#include "common/log.h"
#include "proxy/local_copy_format.h"
#include "proxy/local_copy_read.h"
#include "proxy/routing/replica_snapshot.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/journal_fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- claims: appending ---------------------------------------------------------------------- */

static void changes_are_read_back(void **state)
{
    struct journal_fixture *fixture = *state;
    journal_write_base(fixture);

    journal_start(fixture);
    journal_put(fixture, ROUTE, "orders", SLICE("any\0bytes"));
    journal_put(fixture, BACKEND, "orders", SLICE(""));
    journal_put(fixture, ROUTE, "users", SLICE("two"));
    journal_take_away(fixture, ROUTE, "orders");
    journal_put(fixture, ROUTE, "carts", SLICE("bytes"));
    journal_stop(fixture);

    journal_assert_on_disk(fixture);
}

static void an_update_without_objects_moves_the_revision(void **state)
{
    struct journal_fixture *fixture = *state;
    journal_write_base(fixture);

    journal_start(fixture);
    journal_commit(fixture);
    journal_stop(fixture);

    journal_assert_on_disk(fixture);
}

static void the_base_is_not_touched_by_a_change(void **state)
{
    struct journal_fixture *fixture = *state;
    journal_write_base(fixture);
    struct buffer before = journal_read_file(fixture->path);

    journal_put_as_a_group(fixture, "orders");

    struct buffer after = journal_read_file(fixture->path);
    assert_true(slice_equals(buffer_slice(&before), buffer_slice(&after)));
    buffer_clear(&before);
    buffer_clear(&after);
}

static bool orders_is_on_disk(void *context)
{
    struct journal_fixture *fixture = context;
    struct buffer journal = BUFFER_EMPTY;
    if (access(fixture->journal_path, R_OK) == 0)
        journal = journal_read_file(fixture->journal_path);
    bool is_there = memmem(journal.at, journal.length, "orders", 6) != NULL;
    buffer_clear(&journal);
    return is_there;
}

static void a_change_is_on_disk_without_being_asked_for(void **state)
{
    struct journal_fixture *fixture = *state;
    journal_write_base(fixture);
    journal_start(fixture);

    journal_put(fixture, ROUTE, "orders", SLICE("bytes"));

    assert_true(wait_until(orders_is_on_disk, fixture, WAIT_MS));
}

static void what_was_not_applied_is_not_written(void **state)
{
    struct journal_fixture *fixture = *state;
    journal_write_base(fixture);

    journal_start(fixture);
    local_copy_note(fixture->copy, ROUTE, SLICE("rejected"), false, SLICE("bytes"));
    local_copy_forget_notes(fixture->copy);
    journal_put(fixture, ROUTE, "orders", SLICE("bytes"));
    journal_stop(fixture);

    journal_assert_on_disk(fixture);
}

/* --- claims: journals of the version before -------------------------------------------------- */

static void write_as_the_first_version(struct journal_fixture *fixture)
{
    struct buffer journal = journal_read_file(fixture->journal_path);
    struct buffer older = BUFFER_EMPTY;
    buffer_append_string(&older, LOCAL_COPY_JOURNAL_MAGIC);
    put_number(&older, 1, 4);
    put_text(&older, "epoch-1");
    size_t header_bytes = older.length + 8;
    put_checksum(&older);
    buffer_append(&older, journal.at + header_bytes, journal.length - header_bytes);
    journal_write_file(fixture->journal_path, buffer_slice(&older));
    buffer_clear(&older);
    buffer_clear(&journal);
}

/* One of either kind has gone, and one has been replaced by one of the other kind. */
static void make_older_journal(struct journal_fixture *fixture)
{
    journal_write_base(fixture);
    fake_replica_put(fixture->replica, ROUTE, "GRPCRoute/calls", SLICE("gone"));
    fake_replica_put(fixture->replica, ROUTE, "GRPCRoute/both", SLICE("replaced"));
    copy_reading_write(fixture->path, "proxy-1", fixture->replica);
    fake_replica_remove(fixture->replica, ROUTE, "GRPCRoute/calls");
    fake_replica_remove(fixture->replica, ROUTE, "GRPCRoute/both");

    journal_start(fixture);
    local_copy_note(fixture->copy, ROUTE, SLICE("calls"), true, SLICE(""));
    journal_put(fixture, ROUTE, "both", SLICE("new"));
    journal_stop(fixture);
    write_as_the_first_version(fixture);
}

static void in_an_older_journal_a_name_is_of_either_kind(void **state)
{
    struct journal_fixture *fixture = *state;
    make_older_journal(fixture);

    journal_assert_on_disk(fixture);
    assert_int_equal(fake_replica_count(fixture->replica), 2);
}

static void rewrite(struct journal_fixture *fixture);

static void an_older_journal_is_not_gone_on_with(void **state)
{
    struct journal_fixture *fixture = *state;
    make_older_journal(fixture);
    struct buffer before = journal_read_file(fixture->journal_path);

    journal_start(fixture);
    journal_put(fixture, ROUTE, "orders", SLICE("bytes"));
    journal_stop(fixture);
    struct buffer after = journal_read_file(fixture->journal_path);
    journal_start(fixture);
    assert_true(local_copy_wants_snapshot(fixture->copy));
    rewrite(fixture);
    journal_stop(fixture);

    assert_true(slice_equals(buffer_slice(&before), buffer_slice(&after)));
    journal_assert_on_disk(fixture);
    journal_start(fixture);
    assert_false(local_copy_wants_snapshot(fixture->copy));
    buffer_clear(&before);
    buffer_clear(&after);
}

/* --- claims: new bases ---------------------------------------------------------------------- */

static bool wants_snapshot(void *context)
{
    struct journal_fixture *fixture = context;
    return local_copy_wants_snapshot(fixture->copy);
}

static bool snapshot_is_released(void *context)
{
    return !fake_replica_has_snapshot(((struct journal_fixture *)context)->replica);
}

/* After a failure only in a while. */
static void wait_until_wanted_again(struct journal_fixture *fixture)
{
    assert_true(wait_until(snapshot_is_released, fixture, WAIT_MS));
    clock_set_for_test(fixture->now_ms += 60000);
    assert_true(wait_until(wants_snapshot, fixture, WAIT_MS));
}

static void rewrite(struct journal_fixture *fixture)
{
    struct replica_snapshot *snapshot = route_replica_snapshot(fixture->replica);
    assert_non_null(snapshot);
    local_copy_rewrite(fixture->copy, snapshot);
}

static void a_long_journal_asks_for_a_new_base(void **state)
{
    struct journal_fixture *fixture = *state;
    journal_write_base(fixture);
    size_t length = 5 << 20;
    char *large = memory_allocate_zeroed(1, length);
    journal_start(fixture);
    assert_false(local_copy_wants_snapshot(fixture->copy));

    journal_put(fixture, ROUTE, "large", slice_of(large, length));
    assert_true(wait_until(wants_snapshot, fixture, WAIT_MS));
    journal_take_away(fixture, ROUTE, "large");
    rewrite(fixture);
    journal_stop(fixture);

    journal_assert_on_disk(fixture);
    struct buffer journal = journal_read_file(fixture->journal_path);
    assert_true(journal.length < 100);
    buffer_clear(&journal);
    free(large);
}

/* On the copy's thread; the control thread waits. */
static void change_meanwhile(void *context)
{
    struct journal_fixture *fixture = context;
    clock_set_for_test(fixture->now_ms += 2000);
    journal_put(fixture, ROUTE, "meanwhile", SLICE("bytes"));
    atomic_fetch_add(&fixture->snapshots_read, 1);
}

static bool snapshot_was_read(void *context)
{
    return atomic_load(&((struct journal_fixture *)context)->snapshots_read) > 0;
}

static void changes_while_a_base_is_written_are_in_its_journal(void **state)
{
    struct journal_fixture *fixture = *state;
    journal_write_base(fixture);
    journal_start(fixture);
    journal_put(fixture, ROUTE, "before", SLICE("bytes"));
    fake_replica_on_snapshot_read(fixture->replica, change_meanwhile, fixture);

    rewrite(fixture);
    assert_true(wait_until(snapshot_was_read, fixture, WAIT_MS));
    journal_put(fixture, ROUTE, "after", SLICE("bytes"));
    journal_stop(fixture);

    journal_assert_on_disk(fixture);
}

static void what_was_replaced_asks_for_a_new_base(void **state)
{
    struct journal_fixture *fixture = *state;
    journal_write_base(fixture);
    journal_start(fixture);

    fake_replica_set(fixture->replica, "epoch-2", 7);
    local_copy_replace(fixture->copy, 7, route_replica_digest(fixture->replica));
    assert_true(local_copy_wants_snapshot(fixture->copy));
    rewrite(fixture);
    assert_false(local_copy_wants_snapshot(fixture->copy));
    journal_stop(fixture);

    journal_assert_on_disk(fixture);
}

static void change_too_much(void *context)
{
    struct journal_fixture *fixture = context;
    size_t length = 1 << 20;
    char *large = memory_allocate_zeroed(1, length);
    for (size_t i = 0; i < 20; i++)
        journal_put(fixture, ROUTE, "large", slice_of(large, length));
    free(large);
    atomic_fetch_add(&fixture->snapshots_read, 1);
}

static void a_disk_that_does_not_keep_up_costs_no_more_memory_and_asks_for_a_new_base(void **state)
{
    struct journal_fixture *fixture = *state;
    journal_write_base(fixture);
    journal_start(fixture);
    fake_replica_on_snapshot_read(fixture->replica, change_too_much, fixture);
    rewrite(fixture);
    assert_true(wait_until(snapshot_was_read, fixture, WAIT_MS));
    fake_replica_on_snapshot_read(fixture->replica, NULL, NULL);

    journal_put(fixture, ROUTE, "later", SLICE("bytes"));
    wait_until_wanted_again(fixture);
    rewrite(fixture);
    journal_stop(fixture);

    journal_assert_on_disk(fixture);
}

/* --- claims: trouble ------------------------------------------------------------------------ */

static bool is_healthy(void *context)
{
    const struct journal_fixture *fixture = context;
    struct local_copy_health health;
    local_copy_health(fixture->copy, &health);
    return !health.is_failing && health.failures == 1 && health.last_error[0] == '\0';
}

static void a_folder_that_is_gone_is_tried_again(void **state)
{
    struct journal_fixture *fixture = *state;
    char *folder = temp_dir_file(fixture->dir, "later");
    char *path = temp_dir_file(fixture->dir, "later/routes.copy");
    fake_replica_set(fixture->replica, "epoch-1", 1);
    fixture->copy = local_copy_start(path, "proxy-1", NULL, false);
    local_copy_replace(fixture->copy, 1, 0);
    rewrite(fixture);
    assert_false(wants_snapshot(fixture));
    wait_until_wanted_again(fixture);
    struct local_copy_health health;
    local_copy_health(fixture->copy, &health);
    assert_true(health.is_failing);
    assert_int_equal(health.failures, 1);
    assert_non_null(strstr(health.last_error, "later/routes.copy"));

    assert_int_equal(mkdir(folder, 0700), 0);
    journal_put(fixture, ROUTE, "orders", SLICE("bytes"));
    rewrite(fixture);
    assert_true(wait_until(is_healthy, fixture, WAIT_MS));
    journal_stop(fixture);

    struct local_copy_info info;
    assert_int_equal(copy_reading_ok(path, &info), 1);
    free(folder);
    free(path);
}

static void only_one_writes_a_copy(void **state)
{
    struct journal_fixture *fixture = *state;
    journal_write_base(fixture);
    journal_start(fixture);
    struct local_copy *first = fixture->copy;
    journal_put(fixture, ROUTE, "orders", SLICE("bytes"));
    assert_true(wait_until(orders_is_on_disk, fixture, WAIT_MS));

    journal_start(fixture);
    journal_put(fixture, ROUTE, "carts", SLICE("bytes"));
    journal_stop(fixture);
    local_copy_stop(first);

    struct local_copy_info info;
    assert_int_equal(copy_reading_ok(fixture->path, &info), 2);
}

/* As one of two takeovers that come fast: the first process still writes when the second one has to
 * make room for a third. */
static void a_successor_that_is_stopped_before_it_may_write_is_no_failure(void **state)
{
    struct journal_fixture *fixture = *state;
    char *log = temp_dir_file(fixture->dir, "log");
    journal_write_base(fixture);
    journal_start(fixture);
    struct local_copy *first = fixture->copy;
    journal_put(fixture, ROUTE, "orders", SLICE("bytes"));
    assert_true(wait_until(orders_is_on_disk, fixture, WAIT_MS));
    assert_true(log_open(log, NULL));

    fixture->copy = local_copy_start(fixture->path, "proxy-1", NULL, true);
    local_copy_replace(fixture->copy, 1, 0);
    rewrite(fixture);
    journal_put(fixture, ROUTE, "carts", SLICE("bytes"));
    journal_stop(fixture);
    assert_true(log_open(NULL, NULL));

    struct buffer logged = journal_read_file(log);
    assert_int_equal(logged.length, 0);
    local_copy_stop(first);
    struct local_copy_info info;
    assert_int_equal(copy_reading_ok(fixture->path, &info), 2);
    buffer_clear(&logged);
    free(log);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, journal_set_up, journal_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(changes_are_read_back),
        TEST(an_update_without_objects_moves_the_revision),
        TEST(the_base_is_not_touched_by_a_change),
        TEST(a_change_is_on_disk_without_being_asked_for),
        TEST(what_was_not_applied_is_not_written),
        TEST(in_an_older_journal_a_name_is_of_either_kind),
        TEST(an_older_journal_is_not_gone_on_with),
        TEST(a_long_journal_asks_for_a_new_base),
        TEST(changes_while_a_base_is_written_are_in_its_journal),
        TEST(what_was_replaced_asks_for_a_new_base),
        TEST(a_disk_that_does_not_keep_up_costs_no_more_memory_and_asks_for_a_new_base),
        TEST(a_folder_that_is_gone_is_tried_again),
        TEST(only_one_writes_a_copy),
        TEST(a_successor_that_is_stopped_before_it_may_write_is_no_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
