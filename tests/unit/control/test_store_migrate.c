#include "common/buffer.h"
#include "control/store_migrate.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sqlite3.h>

static const struct schema_file two_files[] = {
    {.version = 1, .name = "0001_a", .sql = "CREATE TABLE a (x); INSERT INTO a VALUES (1)"},
    {.version = 2, .name = "0002_b", .sql = "CREATE TABLE b (y); INSERT INTO b VALUES (2)"},
};

static const struct schema_file bad_second[] = {
    {.version = 1, .name = "0001_a", .sql = "CREATE TABLE a (x); INSERT INTO a VALUES (1)"},
    {.version = 2, .name = "0002_bad", .sql = "CREATE TABLE b (y); INSERT INTO c VALUES (2)"},
};

struct fixture {
    struct temp_dir *dir;
    char *path;
    sqlite3 *database;
};

static int set_up(void **state)
{
    struct fixture *fixture = memory_allocate_zeroed(1, sizeof(*fixture));
    fixture->dir = temp_dir_new();
    fixture->path = temp_dir_file(fixture->dir, "test.db");
    *state = fixture;
    return sqlite3_open(fixture->path, &fixture->database) == SQLITE_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    sqlite3_close(fixture->database);
    free(fixture->path);
    temp_dir_free(fixture->dir);
    free(fixture);
    return 0;
}

static int on_number(void *to, int columns, char **values, char **names)
{
    (void)columns;
    (void)names;
    *(int *)to = atoi(values[0]);
    return 0;
}

/* -1 when the statement fails. */
static int number(sqlite3 *database, const char *sql)
{
    int value = -1;
    sqlite3_exec(database, sql, on_number, &value, NULL);
    return value;
}

static void migrate(struct fixture *fixture, const struct schema_file *files, size_t count)
{
    struct error err = {0};
    store_migrate(fixture->database, fixture->path, files, count, &err);
    assert_string_equal(err.message, "");
}

static void new_database_gets_every_file_and_no_backup(void **state)
{
    struct fixture *fixture = *state;

    migrate(fixture, two_files, 2);

    assert_int_equal(number(fixture->database, "PRAGMA user_version"), 2);
    assert_int_equal(number(fixture->database, "SELECT x + y FROM a, b"), 3);
    char *backup = temp_dir_file(fixture->dir, "test.db.before-1");
    assert_int_not_equal(access(backup, F_OK), 0);
    free(backup);
}

static void older_database_is_backed_up_and_gets_the_rest(void **state)
{
    struct fixture *fixture = *state;
    migrate(fixture, two_files, 1);

    migrate(fixture, two_files, 2);

    assert_int_equal(number(fixture->database, "SELECT x + y FROM a, b"), 3);
    char *path = temp_dir_file(fixture->dir, "test.db.before-2");
    sqlite3 *backup;
    assert_int_equal(sqlite3_open_v2(path, &backup, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(number(backup, "PRAGMA user_version"), 1);
    assert_int_equal(number(backup, "SELECT x FROM a"), 1);
    assert_int_equal(number(backup, "SELECT y FROM b"), -1);
    sqlite3_close(backup);
    free(path);
}

static void newest_database_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    migrate(fixture, two_files, 2);

    migrate(fixture, two_files, 2);

    assert_int_equal(number(fixture->database, "SELECT count(*) FROM a"), 1);
}

static void file_that_fails_leaves_the_version_before(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};

    assert_false(store_migrate(fixture->database, fixture->path, bad_second, 2, &err));

    assert_non_null(strstr(err.message, "0002_bad"));
    assert_int_equal(number(fixture->database, "PRAGMA user_version"), 1);
    assert_int_equal(number(fixture->database, "SELECT count(*) FROM a"), 1);
    assert_int_equal(number(fixture->database, "SELECT count(*) FROM b"), -1);
}

static void database_is_left_as_it_is_when_it_cannot_be_backed_up(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    migrate(fixture, two_files, 1);

    assert_false(store_migrate(fixture->database, "/nonexistent/test.db", two_files, 2, &err));

    assert_int_equal(number(fixture->database, "PRAGMA user_version"), 1);
    assert_int_equal(number(fixture->database, "SELECT y FROM b"), -1);
}

static void newer_database_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    migrate(fixture, two_files, 2);

    assert_false(store_migrate(fixture->database, fixture->path, two_files, 1, &err));

    assert_int_equal(err.code, ERROR_UNSUPPORTED);
}

static void released_files_are_numbered_without_gaps(void **state)
{
    (void)state;

    for (size_t i = 0; i < schema_file_count; i++)
        assert_int_equal(schema_files[i].version, i + 1);
}

static void every_released_schema_becomes_the_newest(void **state)
{
    struct fixture *fixture = *state;
    for (size_t released = 1; released < schema_file_count; released++) {
        sqlite3 *database;
        assert_int_equal(sqlite3_open(":memory:", &database), SQLITE_OK);
        struct error err = {0};
        assert_true(store_migrate(database, fixture->path, schema_files, released, &err));

        store_migrate(database, fixture->path, schema_files, schema_file_count, &err);

        assert_string_equal(err.message, "");
        assert_int_equal(number(database, "PRAGMA user_version"), schema_file_count);
        assert_int_equal(number(database, "SELECT revision FROM head"), 0);
        sqlite3_close(database);
    }
}

static void older_commits_get_the_counts_of_their_changes(void **state)
{
    struct fixture *fixture = *state;
    migrate(fixture, schema_files, 3);
    assert_int_equal(
        sqlite3_exec(fixture->database,
                     "INSERT INTO commits VALUES (6, 9, 0, 0, 0, 0, 0, '', '', ''),"
                     " (7, 11, 0, 0, 0, 0, 0, '', '', ''), (8, 14, 0, 0, 0, 0, 0, '', '', '');"
                     "INSERT INTO changes VALUES (10, 7, 1, 'a', NULL, x'01'),"
                     " (11, 7, 1, 'b', NULL, x'01'), (12, 8, 1, 'a', x'01', x'02'),"
                     " (13, 8, 1, 'b', x'01', NULL), (14, 8, 1, 'c', NULL, x'01')",
                     NULL, NULL, NULL),
        SQLITE_OK);

    migrate(fixture, schema_files, schema_file_count);

    const char *counts = "SELECT created * 100 + updated * 10 + deleted FROM commits"
                         " WHERE revision = ";
    char sql[128];
    const int expected[] = {0, 200, 111};
    for (int i = 0; i < 3; i++) {
        snprintf(sql, sizeof(sql), "%s%d", counts, 6 + i);
        assert_int_equal(number(fixture->database, sql), expected[i]);
    }
}

static void references_stay_and_are_searched_by_backend_alone(void **state)
{
    struct fixture *fixture = *state;
    migrate(fixture, schema_files, 4);
    assert_int_equal(sqlite3_exec(fixture->database,
                                  "INSERT INTO backend_references VALUES ('a', 'r'), ('b', 'r')",
                                  NULL, NULL, NULL),
                     SQLITE_OK);

    migrate(fixture, schema_files, schema_file_count);

    assert_int_equal(number(fixture->database, "SELECT count(*) FROM backend_references"), 2);
    assert_int_equal(number(fixture->database, "SELECT count(*) FROM sqlite_schema"
                                               " WHERE name = 'backend_references_of_route'"),
                     0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(new_database_gets_every_file_and_no_backup),
        test(older_database_is_backed_up_and_gets_the_rest),
        test(newest_database_is_left_alone),
        test(file_that_fails_leaves_the_version_before),
        test(database_is_left_as_it_is_when_it_cannot_be_backed_up),
        test(newer_database_is_refused),
        test(every_released_schema_becomes_the_newest),
        test(older_commits_get_the_counts_of_their_changes),
        test(references_stay_and_are_searched_by_backend_alone),
        cmocka_unit_test(released_files_are_numbered_without_gaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
