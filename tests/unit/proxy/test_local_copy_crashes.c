/* What a restart, a crash or a kill leaves of a local copy and its journal. */
#include "common/buffer.h"
#include "common/clock.h"
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
#include <sys/stat.h>
#include <unistd.h>

enum { KILL_ROUNDS = 40, UPDATES = 4 };

/* The journal's states: points[i] is where it stands after i groups. */
struct states {
    struct local_copy_info points[UPDATES + 1];
    size_t journal_bytes[UPDATES + 1];
};

static void write_states(struct journal_fixture *fixture, struct states *states)
{
    static const char *const names[UPDATES] = {"a", "b", "c", "d"};
    journal_write_base(fixture);
    for (size_t i = 0; i < UPDATES; i++) {
        copy_reading_ok(fixture->path, &states->points[i]);
        journal_put_as_a_group(fixture, names[i]);
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

/* --- claims: restarts ----------------------------------------------------------------------- */

static void a_journal_is_gone_on_with_over_restarts(void **state)
{
    struct journal_fixture *fixture = *state;
    struct states states;

    write_states(fixture, &states);

    journal_assert_on_disk(fixture);
    for (size_t i = 1; i <= UPDATES; i++)
        assert_true(states.journal_bytes[i] > states.journal_bytes[i - 1]);
}

/* --- claims: crashes ------------------------------------------------------------------------ */

static void journal_cut_off_anywhere_ends_with_its_last_whole_group(void **state)
{
    struct journal_fixture *fixture = *state;
    struct states states;
    write_states(fixture, &states);
    struct buffer journal = journal_read_file(fixture->journal_path);
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
    struct journal_fixture *fixture = *state;
    struct states states;
    write_states(fixture, &states);
    struct buffer journal = journal_read_file(fixture->journal_path);

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
    struct journal_fixture *fixture = *state;
    struct states states;
    write_states(fixture, &states);
    struct buffer journal = journal_read_file(fixture->journal_path);
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
    struct journal_fixture *fixture = *state;
    journal_write_base(fixture);
    journal_put_as_a_group(fixture, "orders");
    struct buffer journal = journal_read_file(fixture->journal_path);
    buffer_append_string(&journal, "the start of a group");
    journal_write_file(fixture->journal_path, buffer_slice(&journal));
    buffer_clear(&journal);

    journal_put_as_a_group(fixture, "carts");

    journal_assert_on_disk(fixture);
}

static void a_missing_group_is_refused(void **state)
{
    struct journal_fixture *fixture = *state;
    struct states states;
    write_states(fixture, &states);
    struct buffer journal = journal_read_file(fixture->journal_path);
    struct buffer without = BUFFER_EMPTY;
    buffer_append(&without, journal.at, states.journal_bytes[1]);
    buffer_append(&without, journal.at + states.journal_bytes[2],
                  journal.length - states.journal_bytes[2]);
    journal_write_file(fixture->journal_path, buffer_slice(&without));

    journal_assert_refused(fixture, ERROR_CORRUPT);
    buffer_clear(&journal);
    buffer_clear(&without);
}

static void a_journal_that_is_none_is_refused(void **state)
{
    struct journal_fixture *fixture = *state;
    journal_write_base(fixture);

    journal_write_file(fixture->journal_path, SLICE("something else entirely"));
    journal_assert_refused(fixture, ERROR_CORRUPT);
    journal_write_file(fixture->journal_path, SLICE(""));
    journal_assert_refused(fixture, ERROR_CORRUPT);
}

static void a_journal_of_a_later_format_is_unsupported(void **state)
{
    struct journal_fixture *fixture = *state;
    journal_write_base(fixture);
    struct buffer journal = journal_read_file(fixture->journal_path);
    journal.at[LOCAL_COPY_MAGIC_BYTES]++;
    journal_write_file(fixture->journal_path, buffer_slice(&journal));
    buffer_clear(&journal);

    journal_assert_refused(fixture, ERROR_UNSUPPORTED);
}

/* As when a proxy dies after the new base is in place and before its journal is. */
static void a_new_base_goes_with_the_journal_that_led_to_it(void **state)
{
    struct journal_fixture *fixture = *state;
    journal_write_base(fixture);
    journal_put_as_a_group(fixture, "orders");
    struct buffer old_journal = journal_read_file(fixture->journal_path);

    copy_reading_write(fixture->path, "proxy-1", fixture->replica);
    journal_write_file(fixture->journal_path, buffer_slice(&old_journal));
    buffer_clear(&old_journal);
    journal_assert_on_disk(fixture);

    journal_put_as_a_group(fixture, "carts");
    journal_assert_on_disk(fixture);
}

static void a_base_is_gone_on_with_from_inside_a_journal(void **state)
{
    struct journal_fixture *fixture = *state;
    journal_write_base(fixture);
    journal_put_as_a_group(fixture, "orders");
    copy_reading_write(fixture->path, "proxy-1", fixture->replica);
    struct buffer later_base = journal_read_file(fixture->path);
    unlink(fixture->journal_path);

    /* The same history with the journal running through. */
    struct route_replica *again = route_replica_new(NULL);
    fake_replica_set(again, "epoch-1", 1);
    fake_replica_put(again, ROUTE, "users", SLICE("one"));
    route_replica_free(fixture->replica);
    fixture->replica = again;
    copy_reading_write(fixture->path, "proxy-1", fixture->replica);
    journal_put_as_a_group(fixture, "orders");
    journal_put_as_a_group(fixture, "carts");
    journal_write_file(fixture->path, buffer_slice(&later_base));
    buffer_clear(&later_base);

    journal_assert_on_disk(fixture);
}

static void a_journal_of_another_base_is_passed_over(void **state)
{
    struct journal_fixture *fixture = *state;
    journal_write_base(fixture);
    journal_put_as_a_group(fixture, "orders");
    struct buffer other = journal_read_file(fixture->journal_path);

    fake_replica_set(fixture->replica, "epoch-1", 90);
    copy_reading_write(fixture->path, "proxy-1", fixture->replica);
    journal_write_file(fixture->journal_path, buffer_slice(&other));
    journal_assert_on_disk(fixture);

    fake_replica_set(fixture->replica, "epoch-2", 1);
    copy_reading_write(fixture->path, "proxy-1", fixture->replica);
    journal_write_file(fixture->journal_path, buffer_slice(&other));
    journal_assert_on_disk(fixture);
    buffer_clear(&other);
}

static void a_base_from_before_there_were_journals_is_gone_on_with(void **state)
{
    struct journal_fixture *fixture = *state;
    journal_write_base(fixture);
    unlink(fixture->journal_path);

    journal_put_as_a_group(fixture, "orders");

    journal_assert_on_disk(fixture);
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
    struct journal_fixture *fixture = *state;
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, journal_set_up, journal_tear_down)

int main(int argc, char **argv)
{
    if (argc > 1)
        return write_for_ever(argv[1]);
    const struct CMUnitTest tests[] = {
        TEST(a_journal_is_gone_on_with_over_restarts),
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
        TEST(a_writer_that_is_killed_leaves_a_whole_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
