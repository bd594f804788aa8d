#include "tests/support/fault_vfs.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/store_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

static char big_object[100 * 1024];

static void close_store(struct store_fixture *fixture)
{
    store_close(fixture->store);
    fixture->store = NULL;
}

static void assert_nothing_changed(struct store_fixture *fixture, struct store_head before)
{
    struct store_head now = store_head(fixture->store);
    assert_memory_equal(&now, &before, sizeof(now));
    char *list = store_fixture_list(fixture->store, before.revision);
    assert_string_equal(list, "a=1");
    free(list);
}

/* Fails a commit with `fault` after ever more operations, until one goes through. */
static void check_every_failure(struct store_fixture *fixture, enum fault fault, const char *reason)
{
    struct error err = {0};
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    struct store_head before = store_head(fixture->store);
    memset(big_object, 'x', sizeof(big_object) - 1);

    uint64_t after = 0;
    bool is_committed = false;
    for (; !is_committed; after++) {
        fault_vfs_fail(fault, after);
        err = (struct error){0};
        is_committed = store_fixture_try_put(fixture->store, ROUTE, "b", big_object, &err);
        fault_vfs_fail(FAULT_NONE, 0);
        if (!is_committed) {
            assert_int_equal(err.code, ERROR_READ_ONLY);
            assert_non_null(strstr(err.message, reason));
            assert_non_null(strstr(store_read_only_reason(fixture->store), reason));
            assert_nothing_changed(fixture, before);
        }
    }

    assert_true(after > 1);
    assert_null(store_read_only_reason(fixture->store));
    assert_int_equal(store_head(fixture->store).revision, 2);
    store_fixture_reopen(fixture);
    assert_int_equal(store_head(fixture->store).revision, 2);
    assert_false(store_is_damaged(fixture->store));
}

static void full_disk_fails_the_write_and_changes_nothing(void **state)
{
    check_every_failure(*state, FAULT_DISK_FULL, "full");
}

static void write_error_fails_the_write_and_changes_nothing(void **state)
{
    check_every_failure(*state, FAULT_WRITE_ERROR, "I/O error");
}

static void sync_error_fails_the_write_and_changes_nothing(void **state)
{
    check_every_failure(*state, FAULT_SYNC_ERROR, "I/O error");
}

static void lost_transaction_fails_every_commit_in_it(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};
    const struct store_commit commit = {.command = "", .message = "", .request_id = ""};
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    struct store_head before = store_head(fixture->store);
    assert_true(store_transaction_begin(fixture->store, &err));
    assert_true(store_commit_begin(fixture->store, &err));
    assert_true(store_fixture_write(fixture->store, ROUTE, "b", "1", NULL, &err));
    assert_true(store_commit_end(fixture->store, &commit, &err));

    fault_vfs_fail(FAULT_DISK_FULL, 0);
    bool is_durable = store_transaction_end(fixture->store, &err);
    fault_vfs_fail(FAULT_NONE, 0);

    assert_false(is_durable);
    assert_int_equal(err.code, ERROR_READ_ONLY);
    assert_nothing_changed(fixture, before);
    assert_int_equal(store_fixture_put(fixture->store, ROUTE, "b", "2"), 2);
}

static void one_sync_makes_a_transaction_of_many_commits_durable(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};
    const struct store_commit commit = {.command = "", .message = "", .request_id = ""};
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    uint64_t before = fault_vfs_sync_count();

    assert_true(store_transaction_begin(fixture->store, &err));
    for (int i = 0; i < 50; i++) {
        char name[16];
        snprintf(name, sizeof(name), "r%d", i);
        assert_true(store_commit_begin(fixture->store, &err));
        assert_true(store_fixture_write(fixture->store, ROUTE, name, "1", NULL, &err));
        assert_true(store_commit_end(fixture->store, &commit, &err));
    }
    assert_true(store_transaction_end(fixture->store, &err));

    assert_int_equal(fault_vfs_sync_count() - before, 1);
    assert_int_equal(store_head(fixture->store).revision, 51);
}

static void read_error_is_said_and_passes(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};
    struct store_record record = {0};
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    store_fixture_reopen(fixture);

    /* A fresh connection has read a page or two; this one is not among them. */
    memset(big_object, 'x', sizeof(big_object) - 1);
    store_fixture_put(fixture->store, ROUTE, "big", big_object);
    close_store(fixture);
    fault_vfs_fail(FAULT_READ_ERROR, 0);
    fixture->store = store_open(fixture->path, &err);
    fault_vfs_fail(FAULT_NONE, 0);

    assert_null(fixture->store);
    assert_int_equal(err.code, ERROR_READ_ONLY);
    fixture->store = store_open(fixture->path, &err);
    assert_non_null(fixture->store);
    assert_true(store_get(fixture->store, ROUTE, "big", &record, &err));
    store_record_clear(&record);
}

/* --- in its place --------------------------------------------------------------------------- */

/* What is acknowledged then would be in a file that has no name any more. */
static void expect_out_of_place(struct store_fixture *fixture, const char *file)
{
    struct error err = {0};
    assert_false(store_fixture_try_put(fixture->store, ROUTE, "b", "1", &err));
    assert_int_equal(err.code, ERROR_READ_ONLY);
    assert_non_null(strstr(err.message, file));
    assert_non_null(strstr(err.message, "was moved, replaced or removed"));
    assert_string_equal(store_read_only_reason(fixture->store), err.message);
    char *list = store_fixture_list(fixture->store, 1);
    assert_string_equal(list, "a=1");
    free(list);
}

static void moved_file_takes_no_writes_until_it_is_back(void **state)
{
    struct store_fixture *fixture = *state;
    char *elsewhere = temp_dir_file(fixture->dir, "elsewhere.db");
    store_fixture_put(fixture->store, ROUTE, "a", "1");

    assert_int_equal(rename(fixture->path, elsewhere), 0);

    expect_out_of_place(fixture, fixture->path);
    assert_int_equal(rename(elsewhere, fixture->path), 0);
    assert_int_equal(store_fixture_put(fixture->store, ROUTE, "b", "2"), 2);
    assert_null(store_read_only_reason(fixture->store));
    free(elsewhere);
}

static void replaced_file_takes_no_writes(void **state)
{
    struct store_fixture *fixture = *state;
    char *other = temp_dir_file(fixture->dir, "other.db");
    struct error err = {0};
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    store_close(store_open(other, &err));

    assert_int_equal(rename(other, fixture->path), 0);

    expect_out_of_place(fixture, fixture->path);
    free(other);
}

static void log_that_is_gone_takes_no_writes(void **state)
{
    struct store_fixture *fixture = *state;
    char *log = memory_allocate(strlen(fixture->path) + sizeof("-wal"));
    struct error err = {0};
    sprintf(log, "%s-wal", fixture->path);
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    assert_true(store_checkpoint(fixture->store, &err));

    assert_int_equal(unlink(log), 0);

    expect_out_of_place(fixture, log);
    free(log);
}

/* --- at start ------------------------------------------------------------------------------- */

static void second_process_is_refused(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};

    struct store *second = store_open(fixture->path, &err);

    assert_null(second);
    assert_int_equal(err.code, ERROR_IN_USE);
    assert_non_null(strstr(err.message, "another pointsman-control uses"));
}

static void execute(const char *path, const char *sql)
{
    sqlite3 *database;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

static void expect_refusal(struct store_fixture *fixture, enum error_code code, const char *text)
{
    struct error err = {0};
    fixture->store = store_open(fixture->path, &err);
    assert_null(fixture->store);
    assert_int_equal(err.code, code);
    assert_non_null(strstr(err.message, text));
}

static void newer_schema_is_refused(void **state)
{
    struct store_fixture *fixture = *state;
    close_store(fixture);
    execute(fixture->path, "PRAGMA user_version = 99");

    expect_refusal(fixture, ERROR_UNSUPPORTED, "schema 99");
}

static void foreign_database_is_refused(void **state)
{
    struct store_fixture *fixture = *state;
    close_store(fixture);
    execute(fixture->path, "PRAGMA application_id = 7");

    expect_refusal(fixture, ERROR_INVALID, "another program's database");
}

static void folder_that_is_not_there_is_named(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};

    assert_null(store_open("/nonexistent-folder/pointsman.db", &err));

    assert_int_equal(err.code, ERROR_SYSTEM);
    assert_non_null(strstr(err.message, "/nonexistent-folder/pointsman.db"));
    assert_non_null(fixture->store);
}

static void write_at(const char *path, off_t offset, const char *bytes, size_t length)
{
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, length, offset), (ssize_t)length);
    close(fd);
}

static off_t size_of(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

static void open_damaged(struct store_fixture *fixture)
{
    struct error err = {0};
    fixture->store = store_open(fixture->path, &err);
    assert_string_equal(err.message, "");
    assert_non_null(fixture->store);
    assert_true(store_is_damaged(fixture->store));
    assert_non_null(store_read_only_reason(fixture->store));
    assert_false(store_fixture_try_put(fixture->store, ROUTE, "x", "1", &err));
    assert_int_equal(err.code, ERROR_READ_ONLY);
}

static void empty_file_is_damage_not_a_new_start(void **state)
{
    struct store_fixture *fixture = *state;
    close_store(fixture);
    assert_int_equal(truncate(fixture->path, 0), 0);

    open_damaged(fixture);

    assert_string_equal(store_epoch(fixture->store), "");
    close_store(fixture);
    assert_int_equal(size_of(fixture->path), 0);
}

static void garbage_is_kept_as_it_is(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};
    struct store_record record = {0};
    close_store(fixture);
    assert_int_equal(truncate(fixture->path, 0), 0);
    memset(big_object, 'x', sizeof(big_object) - 1);
    write_at(fixture->path, 0, big_object, sizeof(big_object));

    open_damaged(fixture);

    assert_false(store_get(fixture->store, ROUTE, "a", &record, &err));
    assert_int_equal(err.code, ERROR_CORRUPT);
    close_store(fixture);
    assert_int_equal(size_of(fixture->path), sizeof(big_object));
}

static void damaged_page_stops_writes_and_not_reads(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};
    struct store_record record = {0};
    memset(big_object, 'x', sizeof(big_object) - 1);
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    store_fixture_put(fixture->store, ROUTE, "big", big_object);
    close_store(fixture);
    off_t size = size_of(fixture->path);
    write_at(fixture->path, size - 8192, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);

    open_damaged(fixture);

    assert_int_equal(store_head(fixture->store).revision, 2);
    assert_true(store_get(fixture->store, ROUTE, "a", &record, &err));
    assert_string_equal(buffer_string(&record.bytes), "1");
    store_record_clear(&record);
}

static void flipped_byte_in_an_object_is_damage(void **state)
{
    struct store_fixture *fixture = *state;
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    close_store(fixture);
    execute(fixture->path, "UPDATE objects SET bytes = x'32'");

    open_damaged(fixture);

    assert_non_null(strstr(store_read_only_reason(fixture->store), "digest"));
}

static void kill_while_making_leaves_no_half_database(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};
    close_store(fixture);
    char *unfinished = memory_allocate(strlen(fixture->path) + 5);
    sprintf(unfinished, "%s.new", fixture->path);
    assert_int_equal(rename(fixture->path, unfinished), 0);
    assert_int_equal(truncate(unfinished, 4096), 0);

    fixture->store = store_open(fixture->path, &err);

    assert_non_null(fixture->store);
    assert_false(store_is_damaged(fixture->store));
    assert_int_not_equal(access(unfinished, F_OK), 0);
    free(unfinished);
}

#define test(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, store_fixture_set_up, store_fixture_tear_down)

int main(void)
{
    fault_vfs_install();
    const struct CMUnitTest tests[] = {
        test(full_disk_fails_the_write_and_changes_nothing),
        test(write_error_fails_the_write_and_changes_nothing),
        test(sync_error_fails_the_write_and_changes_nothing),
        test(lost_transaction_fails_every_commit_in_it),
        test(one_sync_makes_a_transaction_of_many_commits_durable),
        test(read_error_is_said_and_passes),
        test(moved_file_takes_no_writes_until_it_is_back),
        test(replaced_file_takes_no_writes),
        test(log_that_is_gone_takes_no_writes),
        test(second_process_is_refused),
        test(newer_schema_is_refused),
        test(foreign_database_is_refused),
        test(folder_that_is_not_there_is_named),
        test(empty_file_is_damage_not_a_new_start),
        test(garbage_is_kept_as_it_is),
        test(damaged_page_stops_writes_and_not_reads),
        test(flipped_byte_in_an_object_is_damage),
        test(kill_while_making_leaves_no_half_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
