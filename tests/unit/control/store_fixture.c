#include "tests/unit/control/store_fixture.h"

#include "tests/unit/cmocka_all.h"

#include <stdlib.h>

int store_fixture_set_up(void **state)
{
    struct store_fixture *fixture = memory_allocate_zeroed(1, sizeof(*fixture));
    fixture->dir = temp_dir_new();
    fixture->path = temp_dir_file(fixture->dir, "pointsman.db");
    *state = fixture;

    struct error err = {0};
    fixture->store = store_open(fixture->path, &err);
    if (fixture->store == NULL)
        print_error("store_open: %s\n", err.message);
    return fixture->store == NULL ? -1 : 0;
}

int store_fixture_tear_down(void **state)
{
    struct store_fixture *fixture = *state;
    store_close(fixture->store);
    free(fixture->path);
    temp_dir_free(fixture->dir);
    free(fixture);
    return 0;
}

void store_fixture_reopen(struct store_fixture *fixture)
{
    struct error err = {0};
    store_close(fixture->store);
    fixture->store = store_open(fixture->path, &err);
    assert_string_equal(err.message, "");
    assert_non_null(fixture->store);
}

bool store_fixture_write(struct store *store, Pointsman__V1__ObjectKind kind, const char *name,
                         const char *bytes, const char *backend, struct error *err)
{
    return store_fixture_relink(store, kind, name, bytes, NULL, backend, err);
}

bool store_fixture_relink(struct store *store, Pointsman__V1__ObjectKind kind, const char *name,
                          const char *bytes, const char *backend_before, const char *backend,
                          struct error *err)
{
    struct store_record record = {0};
    struct error missing = {0};
    bool is_there = store_get(store, kind, name, &record, &missing);
    if (!is_there && missing.code != ERROR_NOT_FOUND) {
        *err = missing;
        return false;
    }

    struct slice before = buffer_slice(&record.bytes);
    struct slice after = slice_from_string(bytes == NULL ? "" : bytes);
    char *references[] = {(char *)backend};
    char *references_before[] = {(char *)backend_before};
    const struct store_write write = {
        .kind = kind,
        .name = name,
        .created_revision = is_there ? record.created_revision : store_next_revision(store),
        .before = is_there ? &before : NULL,
        .after = bytes == NULL ? NULL : &after,
        .references = references,
        .reference_count = backend == NULL ? 0 : 1,
        .references_before = references_before,
        .reference_before_count = backend_before == NULL ? 0 : 1,
    };
    bool is_written = store_write(store, &write, err);
    store_record_clear(&record);
    return is_written;
}

static bool commit_one(struct store *store, Pointsman__V1__ObjectKind kind, const char *name,
                       const char *bytes, struct error *err)
{
    const struct store_commit commit = {.command = "test", .message = "", .request_id = ""};
    if (!store_transaction_begin(store, err))
        return false;
    if (!store_commit_begin(store, err)) {
        store_transaction_end(store, NULL);
        return false;
    }
    if (!store_fixture_write(store, kind, name, bytes, NULL, err) ||
        !store_commit_end(store, &commit, err)) {
        store_commit_abandon(store);
        store_transaction_end(store, NULL);
        return false;
    }
    return store_transaction_end(store, err);
}

bool store_fixture_try_put(struct store *store, Pointsman__V1__ObjectKind kind, const char *name,
                           const char *bytes, struct error *err)
{
    return commit_one(store, kind, name, bytes, err);
}

uint64_t store_fixture_put(struct store *store, Pointsman__V1__ObjectKind kind, const char *name,
                           const char *bytes)
{
    struct error err = {0};
    commit_one(store, kind, name, bytes, &err);
    assert_string_equal(err.message, "");
    return store_head(store).revision;
}

uint64_t store_fixture_delete(struct store *store, Pointsman__V1__ObjectKind kind, const char *name)
{
    return store_fixture_put(store, kind, name, NULL);
}

static bool append_object(void *context, const struct store_object *object)
{
    struct buffer *text = context;
    if (text->length > 0)
        buffer_append_char(text, ' ');
    buffer_append_slice(text, object->name);
    if (object->is_deleted) {
        buffer_append_string(text, "-deleted");
    } else {
        buffer_append_char(text, '=');
        buffer_append_slice(text, object->bytes);
    }
    return true;
}

static char *take_string(struct buffer *text)
{
    char *string = memory_duplicate_string(buffer_string(text));
    buffer_clear(text);
    return string;
}

char *store_fixture_list(struct store *store, uint64_t revision)
{
    struct buffer text = BUFFER_EMPTY;
    struct error err = {0};
    struct store_cursor cursor = {0};
    while (!cursor.is_finished && err.code == ERROR_NONE)
        store_scan(store, revision, 0, &cursor, append_object, &text, &err);
    assert_string_equal(err.message, "");
    return take_string(&text);
}

char *store_fixture_changes(struct store *store, uint64_t base_revision, uint64_t revision)
{
    struct buffer text = BUFFER_EMPTY;
    struct error err = {0};
    store_changes(store, base_revision, revision, 0, append_object, &text, &err);
    assert_string_equal(err.message, "");
    return take_string(&text);
}
