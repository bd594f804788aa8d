/* What happens to a local copy between two bases. */
#include "common/buffer.h"
#include "common/clock.h"
#include "proxy/local_copy_format.h"
#include "proxy/local_copy_read.h"
#include "proxy/routing/replica_snapshot.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/copy_reading.h"
#include "tests/unit/proxy/fake_replica.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUTE POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE
#define BACKEND POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND

enum { KILL_ROUNDS = 40, UPDATES = 4 };

/* A proxy's control thread, as far as the copy sees it. */
struct fixture {
    struct temp_dir *dir;
    char *path;
    char *journal_path;
    struct route_replica *replica;
    struct local_copy *copy;
    uint64_t now_ms;
    atomic_uint snapshots_read;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.dir = temp_dir_new(), .now_ms = 1000000};
    fixture.path = temp_dir_file(fixture.dir, "routes.copy");
    fixture.journal_path = temp_dir_file(fixture.dir, "routes.copy.journal");
    fixture.replica = route_replica_new(NULL);
    clock_set_for_test(fixture.now_ms);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    local_copy_stop(fixture->copy);
    route_replica_free(fixture->replica);
    free(fixture->path);
    free(fixture->journal_path);
    temp_dir_free(fixture->dir);
    clock_set_for_test(0);
    return 0;
}

/* --- helpers -------------------------------------------------------------------------------- */

/* Goes on with what is on disk, as a start does. */
static void start(struct fixture *fixture)
{
    struct local_copy_info info;
    copy_reading_ok(fixture->path, &info);
    fixture->copy = local_copy_start(fixture->path, "proxy-1", &info, false);
}

static void stop(struct fixture *fixture)
{
    local_copy_stop(fixture->copy);
    fixture->copy = NULL;
}

/* The base: "users" at revision 1. */
static void write_base(struct fixture *fixture)
{
    fake_replica_set(fixture->replica, "epoch-1", 1);
    fake_replica_put(fixture->replica, ROUTE, "users", SLICE("one"));
    copy_reading_write(fixture->path, "proxy-1", fixture->replica);
}

static void commit(struct fixture *fixture)
{
    uint64_t revision = route_replica_revision(fixture->replica) + 1;
    fake_replica_set(fixture->replica, "epoch-1", revision);
    local_copy_commit(fixture->copy, revision, route_replica_digest(fixture->replica));
}

static void put(struct fixture *fixture, Pointsman__V1__ObjectKind kind, const char *name,
                struct slice bytes)
{
    fake_replica_put(fixture->replica, kind, name, bytes);
    local_copy_note(fixture->copy, kind, slice_from_string(name), false, bytes);
    commit(fixture);
}

static void take_away(struct fixture *fixture, Pointsman__V1__ObjectKind kind, const char *name)
{
    fake_replica_remove(fixture->replica, kind, name);
    local_copy_note(fixture->copy, kind, slice_from_string(name), true, slice_of(NULL, 0));
    commit(fixture);
}

/* Each update is a group of its own when the copy is stopped in between. */
static void put_as_a_group(struct fixture *fixture, const char *name)
{
    start(fixture);
    put(fixture, ROUTE, name, SLICE("bytes"));
    stop(fixture);
}

static void assert_on_disk(struct fixture *fixture)
{
    struct local_copy_info info;
    size_t count = copy_reading_ok(fixture->path, &info);
    assert_int_equal(info.revision, route_replica_revision(fixture->replica));
    assert_int_equal(info.digest, route_replica_digest(fixture->replica));
    assert_int_equal(count, fake_replica_count(fixture->replica));
}

static void assert_refused(struct fixture *fixture, enum error_code code)
{
    struct local_copy_info info;
    struct route_replica *replica;
    struct error err = {0};
    assert_false(copy_reading(fixture->path, &info, &replica, &err));
    assert_int_equal(err.code, code);
}

static void write_file(const char *path, struct slice content)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(content.at, 1, content.length, file), content.length);
    fclose(file);
}

static struct buffer read_file(const char *path)
{
    struct buffer content = BUFFER_EMPTY;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (int byte; (byte = fgetc(file)) != EOF;)
        buffer_append_char(&content, (char)byte);
    fclose(file);
    return content;
}

/* The journal's states: points[i] is where it stands after i groups. */
struct states {
    struct local_copy_info points[UPDATES + 1];
    size_t journal_bytes[UPDATES + 1];
};

static void write_states(struct fixture *fixture, struct states *states)
{
    static const char *const names[UPDATES] = {"a", "b", "c", "d"};
    write_base(fixture);
    for (size_t i = 0; i < UPDATES; i++) {
        copy_reading_ok(fixture->path, &states->points[i]);
        put_as_a_group(fixture, names[i]);
    }
    copy_reading_ok(fixture->path, &states->points[UPDATES]);
    for (size_t i = 0; i <= UPDATES; i++)
        states->journal_bytes[i] = states->points[i].journal_bytes;
}

static void ignore(void *context, Pointsman__V1__ObjectKind kind, struct slice name, bool deleted,
                   struct slice bytes)
{
    (void)context;
    (void)kind;
    (void)name;
    (void)deleted;
    (void)bytes;
}

/* Reads a journal behind the base; a copy of the exact size, so that a sanitizer sees every read
 * behind the end. */
static bool parse(const struct states *states, struct slice journal, struct local_copy_info *info)
{
    char *exact = memory_allocate(journal.length);
    memcpy(exact, journal.at, journal.length);
    *info = states->points[0];
    struct error err;
    bool parsed =
        local_copy_parse_journal(slice_of(exact, journal.length), info, ignore, NULL, &err);
    free(exact);
    return parsed;
}

static size_t state_of(const struct states *states, const struct local_copy_info *info)
{
    size_t i = 0;
    while (states->points[i].revision != info->revision ||
           states->points[i].digest != info->digest) {
        i++;
        assert_true(i <= UPDATES);
    }
    return i;
}

/* --- claims: appending ---------------------------------------------------------------------- */

static void changes_are_read_back(void **state)
{
    struct fixture *fixture = *state;
    write_base(fixture);

    start(fixture);
    put(fixture, ROUTE, "orders", SLICE("any\0bytes"));
    put(fixture, BACKEND, "orders", SLICE(""));
    put(fixture, ROUTE, "users", SLICE("two"));
    take_away(fixture, ROUTE, "orders");
    put(fixture, ROUTE, "carts", SLICE("bytes"));
    stop(fixture);

    assert_on_disk(fixture);
}

static void an_update_without_objects_moves_the_revision(void **state)
{
    struct fixture *fixture = *state;
    write_base(fixture);

    start(fixture);
    commit(fixture);
    stop(fixture);

    assert_on_disk(fixture);
}

static void the_base_is_not_touched_by_a_change(void **state)
{
    struct fixture *fixture = *state;
    write_base(fixture);
    struct buffer before = read_file(fixture->path);

    put_as_a_group(fixture, "orders");

    struct buffer after = read_file(fixture->path);
    assert_true(slice_equals(buffer_slice(&before), buffer_slice(&after)));
    buffer_clear(&before);
    buffer_clear(&after);
}

static void a_journal_is_gone_on_with_over_restarts(void **state)
{
    struct fixture *fixture = *state;
    struct states states;

    write_states(fixture, &states);

    assert_on_disk(fixture);
    for (size_t i = 1; i <= UPDATES; i++)
        assert_true(states.journal_bytes[i] > states.journal_bytes[i - 1]);
}

static bool orders_is_on_disk(void *context)
{
    struct fixture *fixture = context;
    struct buffer journal = BUFFER_EMPTY;
    if (access(fixture->journal_path, R_OK) == 0)
        journal = read_file(fixture->journal_path);
    bool is_there = memmem(journal.at, journal.length, "orders", 6) != NULL;
    buffer_clear(&journal);
    return is_there;
}

static void a_change_is_on_disk_without_being_asked_for(void **state)
{
    struct fixture *fixture = *state;
    write_base(fixture);
    start(fixture);

    put(fixture, ROUTE, "orders", SLICE("bytes"));

    assert_true(wait_until(orders_is_on_disk, fixture, WAIT_MS));
}

static void what_was_not_applied_is_not_written(void **state)
{
    struct fixture *fixture = *state;
    write_base(fixture);

    start(fixture);
    local_copy_note(fixture->copy, ROUTE, SLICE("rejected"), false, SLICE("bytes"));
    local_copy_forget_notes(fixture->copy);
    put(fixture, ROUTE, "orders", SLICE("bytes"));
    stop(fixture);

    assert_on_disk(fixture);
}

/* --- claims: crashes ------------------------------------------------------------------------ */

static void journal_cut_off_anywhere_ends_with_its_last_whole_group(void **state)
{
    struct fixture *fixture = *state;
    struct states states;
    write_states(fixture, &states);
    struct buffer journal = read_file(fixture->journal_path);
    size_t header_bytes =
        journal.length - (states.journal_bytes[UPDATES] - states.journal_bytes[1]);
    header_bytes -= states.journal_bytes[2] - states.journal_bytes[1];

    for (size_t length = 1; length <= journal.length; length++) {
        struct local_copy_info info;
        bool parsed = parse(&states, slice_of(journal.at, length), &info);
        assert_int_equal(parsed, length >= header_bytes);
        size_t groups = UPDATES;
        while (groups > 0 && states.journal_bytes[groups] > length)
            groups--;
        if (parsed)
            assert_int_equal(state_of(&states, &info), groups);
    }
    buffer_clear(&journal);
}

static void flipped_bits_never_make_up_a_state(void **state)
{
    struct fixture *fixture = *state;
    struct states states;
    write_states(fixture, &states);
    struct buffer journal = read_file(fixture->journal_path);

    for (size_t bit = 0; bit < journal.length * 8; bit++) {
        journal.at[bit / 8] = (char)(journal.at[bit / 8] ^ 1 << bit % 8);
        struct local_copy_info info;
        if (parse(&states, buffer_slice(&journal), &info)) {
            /* Only in the last group can it be the work of a crash. */
            assert_true(bit / 8 >= states.journal_bytes[UPDATES - 1]);
            assert_int_equal(state_of(&states, &info), UPDATES - 1);
        }
        journal.at[bit / 8] = (char)(journal.at[bit / 8] ^ 1 << bit % 8);
    }
    buffer_clear(&journal);
}

static void a_tail_that_never_reached_the_disk_is_cut(void **state)
{
    struct fixture *fixture = *state;
    struct states states;
    write_states(fixture, &states);
    struct buffer journal = read_file(fixture->journal_path);
    memset(journal.at + states.journal_bytes[UPDATES - 1], 0,
           journal.length - states.journal_bytes[UPDATES - 1]);

    struct local_copy_info info;
    assert_true(parse(&states, buffer_slice(&journal), &info));

    assert_int_equal(state_of(&states, &info), UPDATES - 1);
    assert_int_equal(info.journal_bytes, states.journal_bytes[UPDATES - 1]);
    buffer_clear(&journal);
}

static void changes_go_on_behind_a_tail_that_was_cut(void **state)
{
    struct fixture *fixture = *state;
    write_base(fixture);
    put_as_a_group(fixture, "orders");
    struct buffer journal = read_file(fixture->journal_path);
    buffer_append_string(&journal, "the start of a group");
    write_file(fixture->journal_path, buffer_slice(&journal));
    buffer_clear(&journal);

    put_as_a_group(fixture, "carts");

    assert_on_disk(fixture);
}

static void a_missing_group_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct states states;
    write_states(fixture, &states);
    struct buffer journal = read_file(fixture->journal_path);
    struct buffer without = BUFFER_EMPTY;
    buffer_append(&without, journal.at, states.journal_bytes[1]);
    buffer_append(&without, journal.at + states.journal_bytes[2],
                  journal.length - states.journal_bytes[2]);
    write_file(fixture->journal_path, buffer_slice(&without));

    assert_refused(fixture, ERROR_CORRUPT);
    buffer_clear(&journal);
    buffer_clear(&without);
}

static void a_journal_that_is_none_is_refused(void **state)
{
    struct fixture *fixture = *state;
    write_base(fixture);

    write_file(fixture->journal_path, SLICE("something else entirely"));
    assert_refused(fixture, ERROR_CORRUPT);
    write_file(fixture->journal_path, SLICE(""));
    assert_refused(fixture, ERROR_CORRUPT);
}

static void a_journal_of_a_later_format_is_unsupported(void **state)
{
    struct fixture *fixture = *state;
    write_base(fixture);
    struct buffer journal = read_file(fixture->journal_path);
    journal.at[LOCAL_COPY_MAGIC_BYTES]++;
    write_file(fixture->journal_path, buffer_slice(&journal));
    buffer_clear(&journal);

    assert_refused(fixture, ERROR_UNSUPPORTED);
}

/* As when a proxy dies after the new base is in place and before its journal is. */
static void a_new_base_goes_with_the_journal_that_led_to_it(void **state)
{
    struct fixture *fixture = *state;
    write_base(fixture);
    put_as_a_group(fixture, "orders");
    struct buffer old_journal = read_file(fixture->journal_path);

    copy_reading_write(fixture->path, "proxy-1", fixture->replica);
    write_file(fixture->journal_path, buffer_slice(&old_journal));
    buffer_clear(&old_journal);
    assert_on_disk(fixture);

    put_as_a_group(fixture, "carts");
    assert_on_disk(fixture);
}

static void a_base_is_gone_on_with_from_inside_a_journal(void **state)
{
    struct fixture *fixture = *state;
    write_base(fixture);
    put_as_a_group(fixture, "orders");
    copy_reading_write(fixture->path, "proxy-1", fixture->replica);
    struct buffer later_base = read_file(fixture->path);
    unlink(fixture->journal_path);

    /* The same history with the journal running through. */
    struct route_replica *again = route_replica_new(NULL);
    fake_replica_set(again, "epoch-1", 1);
    fake_replica_put(again, ROUTE, "users", SLICE("one"));
    route_replica_free(fixture->replica);
    fixture->replica = again;
    copy_reading_write(fixture->path, "proxy-1", fixture->replica);
    put_as_a_group(fixture, "orders");
    put_as_a_group(fixture, "carts");
    write_file(fixture->path, buffer_slice(&later_base));
    buffer_clear(&later_base);

    assert_on_disk(fixture);
}

static void a_journal_of_another_base_is_passed_over(void **state)
{
    struct fixture *fixture = *state;
    write_base(fixture);
    put_as_a_group(fixture, "orders");
    struct buffer other = read_file(fixture->journal_path);

    fake_replica_set(fixture->replica, "epoch-1", 90);
    copy_reading_write(fixture->path, "proxy-1", fixture->replica);
    write_file(fixture->journal_path, buffer_slice(&other));
    assert_on_disk(fixture);

    fake_replica_set(fixture->replica, "epoch-2", 1);
    copy_reading_write(fixture->path, "proxy-1", fixture->replica);
    write_file(fixture->journal_path, buffer_slice(&other));
    assert_on_disk(fixture);
    buffer_clear(&other);
}

static void a_base_from_before_there_were_journals_is_gone_on_with(void **state)
{
    struct fixture *fixture = *state;
    write_base(fixture);
    unlink(fixture->journal_path);

    put_as_a_group(fixture, "orders");

    assert_on_disk(fixture);
}

/* --- claims: new bases ---------------------------------------------------------------------- */

static bool wants_snapshot(void *context)
{
    struct fixture *fixture = context;
    return local_copy_wants_snapshot(fixture->copy);
}

static bool snapshot_is_released(void *context)
{
    return !fake_replica_has_snapshot(((struct fixture *)context)->replica);
}

/* After a failure only in a while. */
static void wait_until_wanted_again(struct fixture *fixture)
{
    assert_true(wait_until(snapshot_is_released, fixture, WAIT_MS));
    clock_set_for_test(fixture->now_ms += 60000);
    assert_true(wait_until(wants_snapshot, fixture, WAIT_MS));
}

static void rewrite(struct fixture *fixture)
{
    struct replica_snapshot *snapshot = route_replica_snapshot(fixture->replica);
    assert_non_null(snapshot);
    local_copy_rewrite(fixture->copy, snapshot);
}

static void a_long_journal_asks_for_a_new_base(void **state)
{
    struct fixture *fixture = *state;
    write_base(fixture);
    size_t length = 5 << 20;
    char *large = memory_allocate_zeroed(1, length);
    start(fixture);
    assert_false(local_copy_wants_snapshot(fixture->copy));

    put(fixture, ROUTE, "large", slice_of(large, length));
    assert_true(wait_until(wants_snapshot, fixture, WAIT_MS));
    take_away(fixture, ROUTE, "large");
    rewrite(fixture);
    stop(fixture);

    assert_on_disk(fixture);
    struct buffer journal = read_file(fixture->journal_path);
    assert_true(journal.length < 100);
    buffer_clear(&journal);
    free(large);
}

/* On the copy's thread; the control thread waits. */
static void change_meanwhile(void *context)
{
    struct fixture *fixture = context;
    clock_set_for_test(fixture->now_ms += 2000);
    put(fixture, ROUTE, "meanwhile", SLICE("bytes"));
    atomic_fetch_add(&fixture->snapshots_read, 1);
}

static bool snapshot_was_read(void *context)
{
    return atomic_load(&((struct fixture *)context)->snapshots_read) > 0;
}

static void changes_while_a_base_is_written_are_in_its_journal(void **state)
{
    struct fixture *fixture = *state;
    write_base(fixture);
    start(fixture);
    put(fixture, ROUTE, "before", SLICE("bytes"));
    fake_replica_on_snapshot_read(fixture->replica, change_meanwhile, fixture);

    rewrite(fixture);
    assert_true(wait_until(snapshot_was_read, fixture, WAIT_MS));
    put(fixture, ROUTE, "after", SLICE("bytes"));
    stop(fixture);

    assert_on_disk(fixture);
}

static void what_was_replaced_asks_for_a_new_base(void **state)
{
    struct fixture *fixture = *state;
    write_base(fixture);
    start(fixture);

    fake_replica_set(fixture->replica, "epoch-2", 7);
    local_copy_replace(fixture->copy, 7, route_replica_digest(fixture->replica));
    assert_true(local_copy_wants_snapshot(fixture->copy));
    rewrite(fixture);
    assert_false(local_copy_wants_snapshot(fixture->copy));
    stop(fixture);

    assert_on_disk(fixture);
}

static void change_too_much(void *context)
{
    struct fixture *fixture = context;
    size_t length = 1 << 20;
    char *large = memory_allocate_zeroed(1, length);
    for (size_t i = 0; i < 20; i++)
        put(fixture, ROUTE, "large", slice_of(large, length));
    free(large);
    atomic_fetch_add(&fixture->snapshots_read, 1);
}

static void a_disk_that_does_not_keep_up_costs_no_more_memory_and_asks_for_a_new_base(void **state)
{
    struct fixture *fixture = *state;
    write_base(fixture);
    start(fixture);
    fake_replica_on_snapshot_read(fixture->replica, change_too_much, fixture);
    rewrite(fixture);
    assert_true(wait_until(snapshot_was_read, fixture, WAIT_MS));
    fake_replica_on_snapshot_read(fixture->replica, NULL, NULL);

    put(fixture, ROUTE, "later", SLICE("bytes"));
    wait_until_wanted_again(fixture);
    rewrite(fixture);
    stop(fixture);

    assert_on_disk(fixture);
}

/* --- claims: trouble ------------------------------------------------------------------------ */

static void a_folder_that_is_gone_is_tried_again(void **state)
{
    struct fixture *fixture = *state;
    char *folder = temp_dir_file(fixture->dir, "later");
    char *path = temp_dir_file(fixture->dir, "later/routes.copy");
    fake_replica_set(fixture->replica, "epoch-1", 1);
    fixture->copy = local_copy_start(path, "proxy-1", NULL, false);
    local_copy_replace(fixture->copy, 1, 0);
    rewrite(fixture);
    assert_false(wants_snapshot(fixture));
    wait_until_wanted_again(fixture);

    assert_int_equal(mkdir(folder, 0700), 0);
    put(fixture, ROUTE, "orders", SLICE("bytes"));
    rewrite(fixture);
    stop(fixture);

    struct local_copy_info info;
    assert_int_equal(copy_reading_ok(path, &info), 1);
    free(folder);
    free(path);
}

static void only_one_writes_a_copy(void **state)
{
    struct fixture *fixture = *state;
    write_base(fixture);
    start(fixture);
    struct local_copy *first = fixture->copy;
    put(fixture, ROUTE, "orders", SLICE("bytes"));
    assert_true(wait_until(orders_is_on_disk, fixture, WAIT_MS));

    start(fixture);
    put(fixture, ROUTE, "carts", SLICE("bytes"));
    stop(fixture);
    local_copy_stop(first);

    struct local_copy_info info;
    assert_int_equal(copy_reading_ok(fixture->path, &info), 2);
}

/* --- claims: kill --------------------------------------------------------------------------- */

/* Another process, which is killed: it writes as fast as it can, each update a put and each tenth
 * a new base, until then. Revision N holds N objects. */
static int write_for_ever(const char *path)
{
    uint64_t now_ms = 1000000;
    struct route_replica *replica = route_replica_new(NULL);
    fake_replica_set(replica, "epoch-1", 0);
    copy_reading_write(path, "proxy-1", replica);
    struct local_copy_info info;
    copy_reading_ok(path, &info);
    struct local_copy *copy = local_copy_start(path, "proxy-1", &info, false);
    puts("writing");
    fflush(stdout);
    for (uint64_t revision = 1;; revision++) {
        char name[16];
        bool starts_over = revision % 60 == 0;
        for (size_t i = 0; starts_over && i < 59; i++) {
            snprintf(name, sizeof(name), "%zu", i + 1);
            fake_replica_remove(replica, ROUTE, name);
            local_copy_note(copy, ROUTE, slice_from_string(name), true, slice_of(NULL, 0));
        }
        snprintf(name, sizeof(name), "%d", (int)(revision % 60));
        fake_replica_put(replica, ROUTE, name, SLICE("bytes of a route"));
        fake_replica_set(replica, "epoch-1", revision);
        local_copy_note(copy, ROUTE, slice_from_string(name), false, SLICE("bytes of a route"));
        local_copy_commit(copy, revision, route_replica_digest(replica));
        clock_set_for_test(now_ms += 1000);
        if (revision % 10 == 0) {
            struct replica_snapshot *snapshot = route_replica_snapshot(replica);
            if (snapshot != NULL)
                local_copy_rewrite(copy, snapshot);
        }
        usleep(50);
    }
}

static void a_writer_that_is_killed_leaves_a_whole_copy(void **state)
{
    struct fixture *fixture = *state;
    uint64_t furthest = 0;
    clock_set_for_test(0);
    for (unsigned round = 0; round < KILL_ROUNDS; round++) {
        const char *const arguments[] = {"/proc/self/exe", fixture->path, NULL};
        struct process *writer = process_start(arguments, NULL);
        char *line = process_find_line(writer, PROCESS_STDOUT, "writing", WAIT_MS);
        assert_non_null(line);
        free(line);
        usleep(round * 500);
        process_kill(writer);
        process_free(writer);

        struct local_copy_info info;
        size_t count = copy_reading_ok(fixture->path, &info);
        assert_true(info.revision == 0 ? count == 0 : count >= 1);
        furthest = info.revision > furthest ? info.revision : furthest;
    }
    assert_true(furthest > 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    if (argc > 1)
        return write_for_ever(argv[1]);
    const struct CMUnitTest tests[] = {
        TEST(changes_are_read_back),
        TEST(an_update_without_objects_moves_the_revision),
        TEST(the_base_is_not_touched_by_a_change),
        TEST(a_journal_is_gone_on_with_over_restarts),
        TEST(a_change_is_on_disk_without_being_asked_for),
        TEST(what_was_not_applied_is_not_written),
        TEST(journal_cut_off_anywhere_ends_with_its_last_whole_group),
        TEST(flipped_bits_never_make_up_a_state),
        TEST(a_tail_that_never_reached_the_disk_is_cut),
        TEST(changes_go_on_behind_a_tail_that_was_cut),
        TEST(a_missing_group_is_refused),
        TEST(a_journal_that_is_none_is_refused),
        TEST(a_journal_of_a_later_format_is_unsupported),
        TEST(a_new_base_goes_with_the_journal_that_led_to_it),
        TEST(a_base_is_gone_on_with_from_inside_a_journal),
        TEST(a_journal_of_another_base_is_passed_over),
        TEST(a_base_from_before_there_were_journals_is_gone_on_with),
        TEST(a_long_journal_asks_for_a_new_base),
        TEST(changes_while_a_base_is_written_are_in_its_journal),
        TEST(what_was_replaced_asks_for_a_new_base),
        TEST(a_disk_that_does_not_keep_up_costs_no_more_memory_and_asks_for_a_new_base),
        TEST(a_folder_that_is_gone_is_tried_again),
        TEST(only_one_writes_a_copy),
        TEST(a_writer_that_is_killed_leaves_a_whole_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
