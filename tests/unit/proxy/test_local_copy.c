#include "common/buffer.h"
#include "proxy/local_copy_format.h"
#include "proxy/local_copy_read.h"
#include "proxy/routing/route_replica.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/copy_reading.h"
#include "tests/unit/proxy/fake_replica.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUTE POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE
#define BACKEND POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND

struct fixture {
    struct temp_dir *dir;
    char *path;
    struct route_replica *replica;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture.dir = temp_dir_new();
    fixture.path = temp_dir_file(fixture.dir, "routes.copy");
    fixture.replica = route_replica_new(NULL);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    route_replica_free(fixture->replica);
    free(fixture->path);
    temp_dir_free(fixture->dir);
    return 0;
}

/* --- helpers -------------------------------------------------------------------------------- */

static void hold(struct fixture *fixture, const char *epoch, uint64_t revision, size_t objects)
{
    fake_replica_set(fixture->replica, epoch, revision);
    for (size_t i = 0; i < objects; i++) {
        char name[32];
        snprintf(name, sizeof(name), "object-%zu", i);
        fake_replica_put(fixture->replica, i % 3 == 0 ? BACKEND : ROUTE, name,
                         i % 2 == 0 ? SLICE("any\0bytes") : SLICE(""));
    }
}

static void write_copy(struct fixture *fixture)
{
    copy_reading_write(fixture->path, "proxy-1", fixture->replica);
}

struct seen {
    size_t count;
    uint64_t name_bytes;
    uint64_t object_bytes;
};

static void on_object(void *context, Pointsman__V1__ObjectKind kind, struct slice name,
                      bool deleted, struct slice bytes)
{
    struct seen *seen = context;
    assert_false(deleted);
    assert_true(kind == ROUTE || kind == BACKEND);
    seen->count++;
    seen->name_bytes += name.length;
    seen->object_bytes += bytes.length;
}

static struct buffer read_file(const char *path)
{
    struct buffer content = BUFFER_EMPTY;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t got;
    do {
        got = read(fd, buffer_reserve(&content, 65536), 65536);
        assert_true(got >= 0);
        buffer_extend(&content, (size_t)got);
    } while (got > 0);
    close(fd);
    return content;
}

static bool parse(const struct buffer *content, struct seen *seen, struct local_copy_info *info,
                  struct error *err)
{
    /* A copy of the exact size, so that a sanitizer sees every read behind the end. */
    char *exact = memory_allocate(content->length);
    memcpy(exact, content->at, content->length);
    bool parsed = local_copy_parse(slice_of(exact, content->length), info, on_object, seen, err);
    free(exact);
    return parsed;
}

static void assert_refused(const struct buffer *content, enum error_code code)
{
    struct seen seen = {0};
    struct local_copy_info info;
    struct error err = {0};
    assert_false(parse(content, &seen, &info, &err));
    assert_int_equal(err.code, code);
}

/* --- claims --------------------------------------------------------------------------------- */

static void what_was_written_is_read_back(void **state)
{
    struct fixture *fixture = *state;
    hold(fixture, "epoch-1", 41, 10);

    write_copy(fixture);

    struct seen seen = {0};
    struct local_copy_info info;
    struct error err;
    struct buffer content = read_file(fixture->path);
    if (!parse(&content, &seen, &info, &err))
        fail_msg("%s", err.message);
    buffer_clear(&content);
    assert_string_equal(info.epoch, "epoch-1");
    assert_string_equal(info.proxy_id, "proxy-1");
    assert_int_equal(info.revision, 41);
    assert_int_equal(info.digest, route_replica_digest(fixture->replica));
    assert_int_equal(info.object_count, 10);
    assert_true(info.written_ms > 0);
    assert_int_equal(seen.count, 10);
    assert_int_equal(seen.name_bytes, 10 * strlen("object-0"));
    assert_int_equal(seen.object_bytes, 5 * 9);
}

static void copy_without_objects_is_a_copy(void **state)
{
    struct fixture *fixture = *state;
    hold(fixture, "epoch-1", 7, 0);

    write_copy(fixture);

    struct local_copy_info info;
    size_t count = copy_reading_ok(fixture->path, &info);
    assert_int_equal(info.revision, 7);
    assert_int_equal(count, 0);
}

static void objects_larger_than_a_block_fit(void **state)
{
    struct fixture *fixture = *state;
    size_t length = LOCAL_COPY_BLOCK_BYTES * 3;
    char *large = memory_allocate_zeroed(1, length);
    fake_replica_set(fixture->replica, "epoch-1", 1);
    fake_replica_put(fixture->replica, ROUTE, "small", SLICE("s"));
    fake_replica_put(fixture->replica, ROUTE, "large", slice_of(large, length));
    fake_replica_put(fixture->replica, ROUTE, "after", SLICE("a"));

    write_copy(fixture);

    struct local_copy_info info;
    assert_int_equal(copy_reading_ok(fixture->path, &info), 3);
    assert_true(info.base_bytes > length);
    free(large);
}

static void newer_copy_replaces_the_older(void **state)
{
    struct fixture *fixture = *state;
    hold(fixture, "epoch-1", 1, 3);
    write_copy(fixture);

    hold(fixture, "epoch-1", 2, 5);
    write_copy(fixture);

    struct local_copy_info info;
    size_t count = copy_reading_ok(fixture->path, &info);
    assert_int_equal(info.revision, 2);
    assert_int_equal(count, 5);
}

static void leftover_of_a_crash_is_overwritten(void **state)
{
    struct fixture *fixture = *state;
    free(temp_dir_write(fixture->dir, "routes.copy.new", "half a file"));
    hold(fixture, "epoch-1", 1, 3);

    write_copy(fixture);

    struct local_copy_info info;
    assert_int_equal(copy_reading_ok(fixture->path, &info), 3);
}

static void missing_file_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    struct route_replica *replica;
    struct local_copy_info info;
    struct error err;

    assert_false(copy_reading(fixture->path, &info, &replica, &err));

    assert_int_equal(err.code, ERROR_NOT_FOUND);
}

static void file_cut_off_anywhere_is_refused(void **state)
{
    struct fixture *fixture = *state;
    hold(fixture, "epoch-1", 41, 6);
    write_copy(fixture);
    struct buffer content = read_file(fixture->path);

    size_t whole = content.length;
    for (content.length = 0; content.length < whole; content.length++)
        assert_refused(&content, ERROR_CORRUPT);
    buffer_clear(&content);
}

static void any_flipped_bit_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    hold(fixture, "epoch-1", 41, 6);
    write_copy(fixture);
    struct buffer content = read_file(fixture->path);

    for (size_t bit = 0; bit < content.length * 8; bit++) {
        content.at[bit / 8] = (char)(content.at[bit / 8] ^ 1 << bit % 8);
        struct seen seen = {0};
        struct local_copy_info info;
        assert_false(parse(&content, &seen, &info, NULL));
        content.at[bit / 8] = (char)(content.at[bit / 8] ^ 1 << bit % 8);
    }
    buffer_clear(&content);
}

static void bytes_behind_the_end_are_refused(void **state)
{
    struct fixture *fixture = *state;
    hold(fixture, "epoch-1", 41, 1);
    write_copy(fixture);
    struct buffer content = read_file(fixture->path);

    buffer_append_char(&content, 'x');

    assert_refused(&content, ERROR_CORRUPT);
    buffer_clear(&content);
}

static void format_of_another_version_is_unsupported(void **state)
{
    struct fixture *fixture = *state;
    write_copy(fixture);
    struct buffer content = read_file(fixture->path);

    content.at[LOCAL_COPY_MAGIC_BYTES] = LOCAL_COPY_VERSION + 1;

    assert_refused(&content, ERROR_UNSUPPORTED);
    buffer_clear(&content);
}

static void error_names_the_file(void **state)
{
    struct fixture *fixture = *state;
    free(temp_dir_write(fixture->dir, "routes.copy", "something else entirely"));
    struct route_replica *replica;
    struct local_copy_info info;
    struct error err;

    assert_false(copy_reading(fixture->path, &info, &replica, &err));

    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_non_null(strstr(err.message, fixture->path));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_written_is_read_back),
        TEST(copy_without_objects_is_a_copy),
        TEST(objects_larger_than_a_block_fit),
        TEST(newer_copy_replaces_the_older),
        TEST(leftover_of_a_crash_is_overwritten),
        TEST(missing_file_is_not_found),
        TEST(file_cut_off_anywhere_is_refused),
        TEST(any_flipped_bit_is_noticed),
        TEST(bytes_behind_the_end_are_refused),
        TEST(format_of_another_version_is_unsupported),
        TEST(error_names_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
