#include "common/buffer.h"
#include "control/store_backup.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/store_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void write_file(const char *path, struct slice bytes)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.at, 1, bytes.length, file), bytes.length);
    assert_int_equal(fclose(file), 0);
}

/* Many objects, so that a backup takes several steps. */
static void put_many(struct store *store, const char *letter)
{
    const struct store_commit commit = {.command = "test", .message = "", .request_id = ""};
    struct error err = {0};
    char name[16];
    static char bytes[2000];
    memset(bytes, letter[0], sizeof(bytes) - 1);
    assert_true(store_transaction_begin(store, &err) && store_commit_begin(store, &err));
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "r%04d", i);
        assert_true(store_fixture_write(store, ROUTE, name, bytes, NULL, &err));
    }
    assert_true(store_commit_end(store, &commit, &err) && store_transaction_end(store, &err));
}

/* Finishes a backup into a file; returns its path, to be freed. */
static char *finish(struct store_fixture *fixture, struct store_backup *backup)
{
    struct error err = {0};
    struct buffer bytes = BUFFER_EMPTY;
    bool is_finished = false;
    size_t before;
    while (!is_finished)
        assert_true(store_backup_step(backup, &is_finished, &err));
    do {
        before = bytes.length;
        assert_true(store_backup_read(backup, 100000, &bytes, &err));
    } while (bytes.length > before);
    assert_int_equal(bytes.length, store_backup_bytes(backup));
    char *path = temp_dir_file(fixture->dir, "copy");
    write_file(path, buffer_slice(&bytes));
    buffer_clear(&bytes);
    store_backup_free(backup);
    return path;
}

static struct store_backup *begin(struct store_fixture *fixture)
{
    struct error err = {0};
    struct store_backup *backup = store_backup_new(fixture->store, &err);
    assert_string_equal(err.message, "");
    assert_non_null(backup);
    return backup;
}

static void assert_restored(struct store_fixture *fixture, const char *path,
                            struct store_restored *restored)
{
    struct error err = {0};
    store_close(fixture->store);
    fixture->store = NULL;
    assert_true(store_restore(fixture->path, path, restored, &err));
    assert_string_equal(err.message, "");
    fixture->store = store_open(fixture->path, &err);
    assert_string_equal(err.message, "");
    assert_false(store_is_damaged(fixture->store));
}

static bool is_there(struct store *store, const char *name)
{
    struct store_record record = {0};
    bool found = store_get(store, ROUTE, name, &record, NULL);
    store_record_clear(&record);
    return found;
}

static void backup_has_what_was_committed_while_it_was_made(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};
    bool is_finished;
    struct store_restored restored;
    put_many(fixture->store, "a");

    struct store_backup *backup = begin(fixture);
    assert_true(store_backup_step(backup, &is_finished, &err));
    assert_false(is_finished);
    put_many(fixture->store, "b");
    store_fixture_put(fixture->store, ROUTE, "late", "1");
    char *path = finish(fixture, backup);
    store_fixture_put(fixture->store, ROUTE, "too-late", "1");

    assert_restored(fixture, path, &restored);
    assert_int_equal(restored.revision, 3);
    assert_int_equal(store_head(fixture->store).revision, 3);
    assert_true(is_there(fixture->store, "late"));
    assert_false(is_there(fixture->store, "too-late"));
    buffer_clear(&restored.old_path);
    free(path);
}

static void restored_database_has_a_new_epoch_and_its_history(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_restored restored;
    char *epoch = memory_duplicate_string(store_epoch(fixture->store));
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    store_fixture_put(fixture->store, ROUTE, "a", "2");
    char *path = finish(fixture, begin(fixture));

    assert_restored(fixture, path, &restored);

    assert_string_not_equal(store_epoch(fixture->store), epoch);
    assert_string_equal(store_epoch(fixture->store), restored.epoch);
    char *then = store_fixture_list(fixture->store, 1);
    assert_string_equal(then, "a=1");
    free(then);
    buffer_clear(&restored.old_path);
    free(path);
    free(epoch);
}

static void database_before_a_restore_is_kept(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_restored restored;
    struct error err = {0};
    store_fixture_put(fixture->store, ROUTE, "old", "1");
    char *path = finish(fixture, begin(fixture));
    store_fixture_put(fixture->store, ROUTE, "new", "1");

    assert_restored(fixture, path, &restored);

    assert_false(is_there(fixture->store, "new"));
    struct store *old = store_open(buffer_string(&restored.old_path), &err);
    assert_string_equal(err.message, "");
    assert_true(is_there(old, "new"));
    store_close(old);
    buffer_clear(&restored.old_path);
    free(path);
}

static void restore_makes_a_database_where_there_is_none(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_restored restored;
    struct error err = {0};
    store_fixture_put(fixture->store, ROUTE, "a", "1");
    char *path = finish(fixture, begin(fixture));
    char *elsewhere = temp_dir_file(fixture->dir, "elsewhere.db");

    assert_true(store_restore(elsewhere, path, &restored, &err));

    assert_int_equal(restored.old_path.length, 0);
    struct store *store = store_open(elsewhere, &err);
    assert_true(is_there(store, "a"));
    store_close(store);
    free(elsewhere);
    free(path);
}

static void nothing_is_restored_while_a_daemon_runs(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_restored restored;
    struct error err = {0};
    char *path = finish(fixture, begin(fixture));

    assert_false(store_restore(fixture->path, path, &restored, &err));

    assert_int_equal(err.code, ERROR_IN_USE);
    free(path);
}

static void what_is_no_whole_backup_is_not_restored(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_restored restored;
    put_many(fixture->store, "a");
    char *path = finish(fixture, begin(fixture));
    store_fixture_put(fixture->store, ROUTE, "here", "1");
    store_close(fixture->store);
    fixture->store = NULL;

    static const struct {
        off_t length; /* -1: not there */
        off_t flip;   /* a byte that is changed, the first of a page; 0: none */
    } cases[] = {{-1, 0}, {0, 0}, {100000, 0}, {0x7fffffff, 60 * 8192}};
    struct error err;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *broken = temp_dir_file(fixture->dir, "broken");
        char command[512];
        snprintf(command, sizeof(command), "cp '%s' '%s'", path, broken);
        assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
        if (cases[i].length < 0)
            assert_int_equal(unlink(broken), 0);
        else if (cases[i].flip == 0)
            assert_int_equal(truncate(broken, cases[i].length), 0);
        else {
            int fd = open(broken, O_WRONLY | O_CLOEXEC);
            assert_int_equal(pwrite(fd, "\377", 1, cases[i].flip), 1);
            close(fd);
        }
        memset(&err, 0, sizeof(err));
        assert_false(store_restore(fixture->path, broken, &restored, &err));
        assert_non_null(strstr(err.message, "broken"));
        free(broken);
    }

    memset(&err, 0, sizeof(err));
    fixture->store = store_open(fixture->path, &err);
    assert_true(is_there(fixture->store, "here"));
    free(path);
}

static size_t count_files(const struct store_fixture *fixture)
{
    char *folder = memory_duplicate_string(fixture->path);
    *strrchr(folder, '/') = '\0';
    DIR *directory = opendir(folder);
    size_t count = 0;
    for (const struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
        count += entry->d_name[0] != '.';
    closedir(directory);
    free(folder);
    return count;
}

static void nothing_is_left_of_a_backup(void **state)
{
    struct store_fixture *fixture = *state;
    struct error err = {0};
    bool is_finished;
    put_many(fixture->store, "a");
    size_t before = count_files(fixture);

    struct store_backup *given_up = begin(fixture);
    assert_true(store_backup_step(given_up, &is_finished, &err));
    assert_int_equal(count_files(fixture), before + 1);
    store_backup_free(given_up);
    assert_int_equal(count_files(fixture), before);

    char *path = finish(fixture, begin(fixture));
    assert_int_equal(count_files(fixture), before + 1); /* the one we wrote */
    free(path);
}

#define test(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, store_fixture_set_up, store_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(backup_has_what_was_committed_while_it_was_made),
        test(restored_database_has_a_new_epoch_and_its_history),
        test(database_before_a_restore_is_kept),
        test(restore_makes_a_database_where_there_is_none),
        test(nothing_is_restored_while_a_daemon_runs),
        test(what_is_no_whole_backup_is_not_restored),
        test(nothing_is_left_of_a_backup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
