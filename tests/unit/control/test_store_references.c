#include "tests/support/fault_vfs.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/store_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include <sqlite3.h>

enum { BACKENDS = 4, ROUTES = 40, NONE = BACKENDS, TEXT_BYTES = 32 };

static const struct store_commit commit = {.command = "", .message = "", .request_id = ""};

static void begin(struct store *store)
{
    struct error err = {0};
    assert_true(store_transaction_begin(store, &err));
    assert_true(store_commit_begin(store, &err));
}

static void end_commit(struct store *store)
{
    struct error err = {0};
    assert_true(store_commit_end(store, &commit, &err));
}

static void end(struct store *store)
{
    struct error err = {0};
    end_commit(store);
    assert_true(store_transaction_end(store, &err));
}

static void append_name(void *context, const char *name)
{
    strcat(context, name);
}

/* In the open transaction. Good until the next call. */
static const char *naming(struct store *store, const char *backend)
{
    static char text[ROUTES * TEXT_BYTES];
    struct error err = {0};
    uint64_t count;
    text[0] = '\0';
    assert_true(store_routes_naming(store, backend, ROUTES, append_name, text, &count, &err));
    return text;
}

static void put(struct store *store, const char *route, const char *bytes, const char *before,
                const char *backend)
{
    struct error err = {0};
    assert_true(store_fixture_relink(store, ROUTE, route, bytes, before, backend, &err));
}

static void expect(struct store *store, const char *backend, const char *routes)
{
    struct error err = {0};
    assert_true(store_transaction_begin(store, &err));
    assert_string_equal(naming(store, backend), routes);
    assert_true(store_transaction_end(store, &err));
}

/* --- what a commit does --------------------------------------------------------------------- */

static void last_word_of_many_commits_counts(void **state)
{
    struct store_fixture *fixture = *state;
    begin(fixture->store);
    put(fixture->store, "a", "1", NULL, "x");
    put(fixture->store, "b", "1", NULL, "x");
    end(fixture->store);
    begin(fixture->store);
    put(fixture->store, "a", "2", "x", "y");
    put(fixture->store, "a", "3", "y", "x");
    put(fixture->store, "b", "2", "x", "y");
    end(fixture->store);

    store_fixture_reopen(fixture);

    expect(fixture->store, "x", "a");
    expect(fixture->store, "y", "b");
}

static void commits_of_one_transaction_follow_each_other(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};
    begin(fixture->store);
    put(fixture->store, "a", "1", NULL, "x");
    end_commit(fixture->store);
    assert_true(store_commit_begin(fixture->store, &err));
    assert_string_equal(naming(fixture->store, "x"), "a");
    put(fixture->store, "b", "1", NULL, "x");
    end_commit(fixture->store);
    assert_true(store_commit_begin(fixture->store, &err));
    put(fixture->store, "a", "2", "x", NULL);
    end(fixture->store);

    store_fixture_reopen(fixture);

    expect(fixture->store, "x", "b");
}

static void abandoned_commit_leaves_references_as_they_were(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};
    begin(fixture->store);
    put(fixture->store, "a", "1", NULL, "x");
    end(fixture->store);
    begin(fixture->store);
    put(fixture->store, "b", "1", NULL, "x");
    put(fixture->store, "a", "2", "x", NULL);
    assert_string_equal(naming(fixture->store, "x"), "b");
    put(fixture->store, "c", "1", NULL, "x");
    store_commit_abandon(fixture->store);
    assert_true(store_commit_begin(fixture->store, &err));
    assert_string_equal(naming(fixture->store, "x"), "a");
    put(fixture->store, "d", "1", NULL, "x");
    end(fixture->store);

    expect(fixture->store, "x", "ad");
    store_fixture_reopen(fixture);
    expect(fixture->store, "x", "ad");
}

/* --- the log -------------------------------------------------------------------------------- */

static void close_store(struct store_fixture *fixture)
{
    store_close(fixture->store);
    fixture->store = NULL;
}

static void run(sqlite3 *database, const char *sql)
{
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* With nobody else at it. */
static sqlite3 *open_database(const char *path)
{
    sqlite3 *database = NULL;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    run(database, "PRAGMA locking_mode = EXCLUSIVE");
    return database;
}

static long long read_number(const char *path, const char *sql)
{
    sqlite3 *database = open_database(path);
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    long long number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return number;
}

static void put_many(struct store *store, size_t first, size_t count)
{
    begin(store);
    for (size_t i = first; i < first + count; i++) {
        char route[TEXT_BYTES];
        char backend[TEXT_BYTES];
        snprintf(route, sizeof(route), "r%zu", i);
        snprintf(backend, sizeof(backend), "b%zu", i % 10);
        put(store, route, "1", NULL, backend);
    }
    end(store);
}

static void expect_sorted(struct store_fixture *fixture, long long count, bool is_all)
{
    close_store(fixture);
    assert_int_equal(read_number(fixture->path, "SELECT count(*) FROM backend_references"), count);
    assert_int_equal(read_number(fixture->path, "SELECT count(*) FROM reference_log") == 0, is_all);
    store_fixture_reopen(fixture);
}

static void batches_wait_for_each_other(void **state)
{
    struct store_fixture *fixture = *state;
    for (size_t i = 0; i < 4; i++) {
        put_many(fixture->store, i * 1000, 1000);
        expect_sorted(fixture, i < 3 ? 0 : 4000, i == 3);
    }
    put_many(fixture->store, 4000, 4095);
    expect_sorted(fixture, 4000, false);
    put_many(fixture->store, 8095, 1024);
    expect_sorted(fixture, 9119, true);
}

static void small_commits_wait_for_fewer(void **state)
{
    struct store_fixture *fixture = *state;
    for (size_t i = 0; i < 63; i++)
        put_many(fixture->store, i, 1);
    expect_sorted(fixture, 0, false);
    store_fixture_put(fixture->store, ROUTE, "names-no-backend", "1");
    expect_sorted(fixture, 0, false);
    put_many(fixture->store, 63, 1);
    expect_sorted(fixture, 64, true);
}

static void cut_log_is_damage(void **state)
{
    struct store_fixture *fixture = *state;
    put_many(fixture->store, 0, 1);
    close_store(fixture);
    sqlite3 *database = open_database(fixture->path);
    run(database, "UPDATE reference_log SET entries = substr(entries, 1, length(entries) - 1)");
    sqlite3_close(database);

    struct error err = {0};
    fixture->store = store_open(fixture->path, &err);

    assert_non_null(fixture->store);
    assert_true(store_is_damaged(fixture->store));
    assert_non_null(strstr(store_read_only_reason(fixture->store), "log of references"));
}

/* --- against a plain model ------------------------------------------------------------------ */

struct model {
    size_t backend_of[ROUTES]; /* NONE: there is no such route */
    unsigned versions;
};

static const char *backend_name(size_t backend)
{
    static const char *const names[] = {"ba", "b", "bb", "c"};
    return backend == NONE ? NULL : names[backend];
}

static void check_model(struct store *store, const struct model *model)
{
    for (size_t backend = 0; backend < BACKENDS; backend++) {
        char expected[ROUTES * TEXT_BYTES] = "";
        for (size_t route = 0; route < ROUTES; route++) {
            char name[TEXT_BYTES];
            snprintf(name, sizeof(name), "r%02zu ", route);
            if (model->backend_of[route] == backend)
                strcat(expected, name);
        }
        assert_string_equal(naming(store, backend_name(backend)), expected);
    }
}

static void change_some(struct store *store, struct model *model)
{
    for (size_t left = (size_t)rand() % 12 + 1; left > 0; left--) {
        char name[TEXT_BYTES];
        char bytes[TEXT_BYTES];
        size_t route = (size_t)rand() % ROUTES;
        size_t before = model->backend_of[route];
        size_t after = (size_t)rand() % (BACKENDS + 1);
        if (before == NONE && after == NONE)
            continue;
        snprintf(name, sizeof(name), "r%02zu ", route);
        snprintf(bytes, sizeof(bytes), "%u", model->versions++);
        put(store, name, after == NONE ? NULL : bytes, backend_name(before), backend_name(after));
        model->backend_of[route] = after;
    }
}

/* Perhaps asks in the middle of it, perhaps takes it back. */
static void make_commit(struct store *store, struct model *model)
{
    struct error err = {0};
    struct model before = *model;
    assert_true(store_commit_begin(store, &err));
    change_some(store, model);
    if (rand() % 50 == 0)
        check_model(store, model);
    change_some(store, model);
    if (rand() % 4 != 0) {
        end_commit(store);
        return;
    }
    store_commit_abandon(store);
    *model = before;
}

static void make_transaction(struct store_fixture *fixture, struct model *model)
{
    struct error err = {0};
    struct model before = *model;
    assert_true(store_transaction_begin(fixture->store, &err));
    for (int left = rand() % 12; left >= 0; left--)
        make_commit(fixture->store, model);
    bool shall_fail = rand() % 10 == 0;
    fault_vfs_fail(shall_fail ? FAULT_DISK_FULL : FAULT_NONE, (uint64_t)(rand() % 4));
    if (!store_transaction_end(fixture->store, &err)) {
        assert_true(shall_fail);
        *model = before;
    }
    fault_vfs_fail(FAULT_NONE, 0);
}

static void references_are_those_of_a_plain_model(void **state)
{
    struct store_fixture *fixture = *state;
    struct model model = {.versions = 1};
    for (size_t i = 0; i < ROUTES; i++)
        model.backend_of[i] = NONE;
    srand(20261130);
    for (int step = 0; step < 300; step++) {
        make_transaction(fixture, &model);
        if (rand() % 20 == 0)
            store_fixture_reopen(fixture);
    }
    begin(fixture->store);
    check_model(fixture->store, &model);
    store_commit_abandon(fixture->store);
    store_transaction_end(fixture->store, NULL);
}

#define test(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, store_fixture_set_up, store_fixture_tear_down)

int main(void)
{
    fault_vfs_install();
    const struct CMUnitTest tests[] = {
        test(last_word_of_many_commits_counts),
        test(commits_of_one_transaction_follow_each_other),
        test(abandoned_commit_leaves_references_as_they_were),
        test(batches_wait_for_each_other),
        test(small_commits_wait_for_fewer),
        test(cut_log_is_damage),
        test(references_are_those_of_a_plain_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
