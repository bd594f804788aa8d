#include "tests/unit/proxy/journal_fixture.h"

#include "common/clock.h"
#include "proxy/local_copy_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int journal_set_up(void **state)
{
    static struct journal_fixture fixture;
    fixture = (struct journal_fixture){.dir = temp_dir_new(), .now_ms = 1000000};
    fixture.path = temp_dir_file(fixture.dir, "routes.copy");
    fixture.journal_path = temp_dir_file(fixture.dir, "routes.copy.journal");
    fixture.replica = route_replica_new(NULL);
    clock_set_for_test(fixture.now_ms);
    *state = &fixture;
    return 0;
}

int journal_tear_down(void **state)
{
    struct journal_fixture *fixture = *state;
    local_copy_stop(fixture->copy);
    route_replica_free(fixture->replica);
    free(fixture->path);
    free(fixture->journal_path);
    temp_dir_free(fixture->dir);
    clock_set_for_test(0);
    return 0;
}

/* --- helpers -------------------------------------------------------------------------------- */

void journal_start(struct journal_fixture *fixture)
{
    struct local_copy_info info;
    copy_reading_ok(fixture->path, &info);
    fixture->copy = local_copy_start(fixture->path, "proxy-1", &info, false);
}

void journal_stop(struct journal_fixture *fixture)
{
    local_copy_stop(fixture->copy);
    fixture->copy = NULL;
}

void journal_write_base(struct journal_fixture *fixture)
{
    fake_replica_set(fixture->replica, "epoch-1", 1);
    fake_replica_put(fixture->replica, ROUTE, "users", SLICE("one"));
    copy_reading_write(fixture->path, "proxy-1", fixture->replica);
}

void journal_commit(struct journal_fixture *fixture)
{
    uint64_t revision = route_replica_revision(fixture->replica) + 1;
    fake_replica_set(fixture->replica, "epoch-1", revision);
    local_copy_commit(fixture->copy, revision, route_replica_digest(fixture->replica));
}

void journal_put(struct journal_fixture *fixture, Pointsman__V1__ObjectKind kind, const char *name,
                 struct slice bytes)
{
    fake_replica_put(fixture->replica, kind, name, bytes);
    local_copy_note(fixture->copy, kind, slice_from_string(name), false, bytes);
    journal_commit(fixture);
}

void journal_take_away(struct journal_fixture *fixture, Pointsman__V1__ObjectKind kind,
                       const char *name)
{
    fake_replica_remove(fixture->replica, kind, name);
    local_copy_note(fixture->copy, kind, slice_from_string(name), true, slice_of(NULL, 0));
    journal_commit(fixture);
}

void journal_put_as_a_group(struct journal_fixture *fixture, const char *name)
{
    journal_start(fixture);
    journal_put(fixture, ROUTE, name, SLICE("bytes"));
    journal_stop(fixture);
}

void journal_assert_on_disk(struct journal_fixture *fixture)
{
    struct local_copy_info info;
    size_t count = copy_reading_ok(fixture->path, &info);
    assert_int_equal(info.revision, route_replica_revision(fixture->replica));
    assert_int_equal(info.digest, route_replica_digest(fixture->replica));
    assert_int_equal(count, fake_replica_count(fixture->replica));
}

void journal_assert_refused(struct journal_fixture *fixture, enum error_code code)
{
    struct local_copy_info info;
    struct route_replica *replica;
    struct error err = {0};
    assert_false(copy_reading(fixture->path, &info, &replica, &err));
    assert_int_equal(err.code, code);
}

void journal_write_file(const char *path, struct slice content)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(content.at, 1, content.length, file), content.length);
    fclose(file);
}

struct buffer journal_read_file(const char *path)
{
    struct buffer content = BUFFER_EMPTY;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (int byte; (byte = fgetc(file)) != EOF;)
        buffer_append_char(&content, (char)byte);
    fclose(file);
    return content;
}
