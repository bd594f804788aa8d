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

/* Packed routes: the kind is field 6. */
#define HTTP "x'0a0161'"
#define GRPC "x'0a01613001'"

static void check(struct fixture *fixture, const char *sql, int expected)
{
    int value = number(fixture->database, sql);
    if (value != expected)
        fail_msg("%s: %d, not %d", sql, value, expected);
}

static void grpc_routes_get_ids_and_all_else_stays(void **state)
{
    struct fixture *fixture = *state;
    migrate(fixture, schema_files, 6);
    assert_int_equal(
        sqlite3_exec(fixture->database,
                     "INSERT INTO objects VALUES (1, 'a', 1, 1, " GRPC "),"
                     " (1, 'n/b', 1, 1, " HTTP "), (2, 'a', 1, 1, " GRPC ");"
                     "INSERT INTO changes VALUES (1, 1, 1, 'a', NULL, " HTTP "),"
                     " (2, 2, 1, 'a', " HTTP ", NULL), (3, 3, 1, 'a', NULL, " GRPC "),"
                     " (4, 4, 1, 'n/c', NULL, " GRPC "), (5, 5, 1, 'n/c', " GRPC ", NULL),"
                     " (6, 6, 2, 'a', NULL, " GRPC ");"
                     "INSERT INTO backend_references VALUES ('x', 'a'), ('x', 'n/b'), ('y', 'a')",
                     NULL, NULL, NULL),
        SQLITE_OK);

    migrate(fixture, schema_files, schema_file_count);

    check(fixture, "SELECT count(*) FROM objects", 3);
    check(fixture, "SELECT count(*) FROM objects WHERE kind = 1 AND name = 'GRPCRoute/a'", 1);
    check(fixture, "SELECT count(*) FROM objects WHERE kind = 1 AND name = 'n/b'", 1);
    check(fixture, "SELECT count(*) FROM objects WHERE kind = 2 AND name = 'a'", 1);
    check(fixture, "SELECT sum(sequence) FROM changes WHERE name = 'GRPCRoute/a'", 3);
    check(fixture, "SELECT sum(sequence) FROM changes WHERE name = 'a'", 1 + 2 + 6);
    check(fixture, "SELECT sum(sequence) FROM changes WHERE name = 'GRPCRoute/n/c'", 4 + 5);
    check(fixture, "SELECT count(*) FROM backend_references WHERE route = 'GRPCRoute/a'", 2);
    check(fixture, "SELECT count(*) FROM backend_references WHERE route = 'n/b'", 1);
    check(fixture, "SELECT count(*) FROM backend_references", 3);
    check(fixture, "SELECT compacted_revision FROM head", 0);
}

/* "+x", "a"; "-x", "n/b"; "+y", "gone", each ended by a 0, and what is damaged. */
static void the_log_of_references_gets_ids_too(void **state)
{
    struct fixture *fixture = *state;
    migrate(fixture, schema_files, 6);
    assert_int_equal(sqlite3_exec(fixture->database,
                                  "INSERT INTO objects VALUES (1, 'a', 1, 1, " GRPC "),"
                                  " (1, 'n/b', 1, 1, " HTTP ");"
                                  "INSERT INTO reference_log VALUES (1, x'2b78006100"
                                  "2d78006e2f62002b7900676f6e6500'), (2, x'2b7800'), (3, x'')",
                                  NULL, NULL, NULL),
                     SQLITE_OK);

    migrate(fixture, schema_files, schema_file_count);

    check(fixture,
          "SELECT hex(entries) = '2B7800' || hex('GRPCRoute/a') ||"
          " '00' || '2D78006E2F6200' || '2B7900676F6E6500' FROM reference_log WHERE revision = 1",
          1);
    check(fixture, "SELECT entries = x'2b7800' FROM reference_log WHERE revision = 2", 1);
    check(fixture, "SELECT entries = x'' FROM reference_log WHERE revision = 3", 1);
}

/* The history cannot say it of two routes at once. */
static void a_change_of_the_kind_is_where_the_history_begins(void **state)
{
    struct fixture *fixture = *state;
    migrate(fixture, schema_files, 6);
    assert_int_equal(sqlite3_exec(fixture->database,
                                  "UPDATE head SET revision = 9, compacted_revision = 2;"
                                  "INSERT INTO changes VALUES (1, 5, 1, 'a', " GRPC ", " HTTP "),"
                                  " (2, 6, 1, 'a', " HTTP ", " HTTP ")",
                                  NULL, NULL, NULL),
                     SQLITE_OK);

    migrate(fixture, schema_files, schema_file_count);

    check(fixture, "SELECT compacted_revision FROM head", 5);
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
        test(grpc_routes_get_ids_and_all_else_stays),
        test(the_log_of_references_gets_ids_too),
        test(a_change_of_the_kind_is_where_the_history_begins),
        cmocka_unit_test(released_files_are_numbered_without_gaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
