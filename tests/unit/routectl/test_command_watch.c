#include "control/routectl/command.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/routectl/fake_client.h"
#include "tests/unit/routectl/verb_runner.h"

#include <string.h>

enum { MESSAGES = 8 };

/* What the daemon sends, made anew by each test. */
static struct event {
    Pointsman__V1__WatchCommitsResponse message;
    Pointsman__V1__Commit commit;
    Pointsman__V1__Change change, *changes[1];
} events[MESSAGES];
static const ProtobufCMessage *messages[MESSAGES];
static size_t message_count;

static struct event *add_event(uint64_t revision)
{
    struct event *event = &events[message_count];
    messages[message_count++] = &event->message.base;
    pointsman__v1__watch_commits_response__init(&event->message);
    event->message.epoch = (char *)"e1";
    event->message.revision = revision;
    return event;
}

static void add_start(uint64_t revision)
{
    add_event(revision);
}

/* One message of a commit; the first of them has the commit. */
static struct event *add_piece(uint64_t revision, const char *name, bool is_first, bool is_last)
{
    struct event *event = add_event(revision);
    pointsman__v1__commit__init(&event->commit);
    pointsman__v1__change__init(&event->change);
    event->commit.revision = revision;
    event->commit.made_ms = UINT64_C(1795414957000);
    event->commit.message = (char *)"why not";
    event->change.kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    event->change.change = POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_CREATED;
    event->change.name = (char *)name;
    event->changes[0] = &event->change;
    event->message.commit = is_first ? &event->commit : NULL;
    event->message.n_changes = 1;
    event->message.changes = event->changes;
    event->message.last = is_last;
    return event;
}

static void add_commit(uint64_t revision, const char *name)
{
    add_piece(revision, name, true, true);
}

/* The daemon sends what was added, then the stream ends so. */
static void send_events(enum grpc_status end)
{
    fake_client_stream(end, messages, message_count);
    message_count = 0;
}

static int reset(void **state)
{
    message_count = 0;
    return verb_runner_reset(state);
}

static const Pointsman__V1__WatchCommitsRequest *watch_request(size_t index)
{
    assert_string_equal(fake_client_path(index), "/pointsman.v1.RouteControl/WatchCommits");
    return (const Pointsman__V1__WatchCommitsRequest *)fake_client_request(index);
}

#define LINE(revision, name)                                                                       \
    revision "  2026-11-23T06:22:37Z    route " name " created  (why not)\n"

/* ---------------------------------------------------------------------------------------------- */

static void each_change_is_a_line(void **state)
{
    (void)state;
    add_start(40);
    add_commit(41, "a");
    add_commit(42, "b");
    send_events(GRPC_OK);
    run("watch --count 2");
    assert_int_equal(ran.code, 0);
    assert_string_equal(ran.out, LINE("41", "a") LINE("42", "b"));
    assert_int_equal(watch_request(0)->start_case,
                     POINTSMAN__V1__WATCH_COMMITS_REQUEST__START__NOT_SET);
    assert_false(watch_request(0)->with_objects);
}

static void it_ends_after_as_many_commits_as_were_asked_for(void **state)
{
    (void)state;
    add_start(40);
    add_commit(41, "a");
    add_commit(42, "b");
    send_events(GRPC_OK);
    run("watch --count 1");
    assert_int_equal(ran.code, 0);
    assert_string_equal(ran.out, LINE("41", "a"));
}

static void a_start_is_a_revision_or_a_time(void **state)
{
    (void)state;
    add_start(0);
    add_commit(1, "a");
    send_events(GRPC_OK);
    run("watch --since 0 --count 1 --diff");
    assert_int_equal(watch_request(0)->start_case,
                     POINTSMAN__V1__WATCH_COMMITS_REQUEST__START_AFTER_REVISION);
    assert_int_equal(watch_request(0)->after_revision, 0);
    assert_true(watch_request(0)->with_objects);

    reset(NULL);
    Pointsman__V1__Commit commit = POINTSMAN__V1__COMMIT__INIT, *commits[] = {&commit};
    Pointsman__V1__ListCommitsResponse list = POINTSMAN__V1__LIST_COMMITS_RESPONSE__INIT;
    commit.revision = 7;
    list.n_commits = 1;
    list.commits = commits;
    fake_client_answer(&list.base);
    add_start(7);
    add_commit(8, "a");
    send_events(GRPC_OK);
    run("watch --since 10m --count 1");
    assert_int_equal(watch_request(1)->after_revision, 7);
}

static void after_a_lost_connection_it_goes_on_where_it_was(void **state)
{
    (void)state;
    add_start(40);
    add_commit(41, "a");
    send_events(GRPC_UNAVAILABLE);
    add_start(41);
    add_commit(42, "b");
    send_events(GRPC_OK);
    run("watch --count 2");
    assert_int_equal(ran.code, 0);
    assert_int_equal(watch_request(1)->after_revision, 41);
    assert_string_equal(watch_request(1)->epoch, "e1");
    assert_string_equal(ran.out, LINE("41", "a") LINE("42", "b"));
    assert_string_equal(ran.err, "");
}

static void nothing_is_lost_that_was_made_before_the_first_commit_came(void **state)
{
    (void)state;
    add_start(40);
    send_events(GRPC_UNAVAILABLE);
    add_start(40);
    add_commit(41, "a");
    send_events(GRPC_OK);
    run("watch --count 1");
    assert_int_equal(watch_request(1)->start_case,
                     POINTSMAN__V1__WATCH_COMMITS_REQUEST__START_AFTER_REVISION);
    assert_int_equal(watch_request(1)->after_revision, 40);
}

static void a_commit_that_was_cut_off_is_shown_once_and_whole(void **state)
{
    (void)state;
    add_start(40);
    add_piece(41, "a", true, false);
    send_events(GRPC_UNAVAILABLE);
    add_start(40);
    add_piece(41, "a", true, false);
    add_piece(41, "b", false, true);
    send_events(GRPC_OK);
    run("watch --count 1");
    assert_int_equal(watch_request(1)->after_revision, 40);
    assert_string_equal(ran.out, LINE("41", "a") LINE("41", "b"));
}

static void in_json_each_commit_is_a_line(void **state)
{
    (void)state;
    add_start(40);
    add_piece(41, "a", true, false);
    add_piece(41, "b", false, true);
    add_commit(42, "c");
    send_events(GRPC_OK);
    run("watch --count 2 -o json");
    const char *end = strchr(ran.out, '\n');
    assert_non_null(end);
    assert_ptr_equal(strchr(end + 1, '\n'), ran.out + strlen(ran.out) - 1);
    assert_has(ran.out, "{\"epoch\":\"e1\",\"revision\":\"41\",\"commit\":{\"revision\":\"41\",");
    assert_has(ran.out, "\"name\":\"a\"}");
    assert_has(ran.out, "\"name\":\"b\"}");
}

static void with_diff_the_objects_are_shown(void **state)
{
    (void)state;
    RouteMessage route = POINTSMAN__V1__ROUTE__INIT;
    Pointsman__V1__Object after = POINTSMAN__V1__OBJECT__INIT;
    route.name = (char *)"a";
    route.revision = 41;
    after.kind_case = POINTSMAN__V1__OBJECT__KIND_ROUTE;
    after.route = &route;
    add_start(40);
    add_piece(41, "a", true, true)->change.after = &after;
    send_events(GRPC_OK);
    run("watch --count 1 --diff");
    assert_has(ran.out, LINE("41", "a") "--- /dev/null\n+++ HTTPRoute a (revision 41)\n");
}

static void what_is_compacted_away_ends_it_with_exit_3(void **state)
{
    (void)state;
    fake_client_stream(GRPC_OUT_OF_RANGE, NULL, 0);
    run("watch --since 1");
    assert_int_equal(ran.code, 3);
    assert_string_equal(ran.err, "routectl: the stream has ended\n");
}

static void another_database_ends_it_with_exit_4(void **state)
{
    (void)state;
    add_start(40);
    send_events(GRPC_UNAVAILABLE);
    fake_client_stream(GRPC_FAILED_PRECONDITION, NULL, 0);
    run("watch");
    assert_int_equal(ran.code, 4);
}

static void nobody_there_is_exit_7(void **state)
{
    (void)state;
    fake_client_refuse();
    run("watch");
    assert_int_equal(ran.code, 7);
    assert_has(ran.err, "is pointsman-control running?");
}

static void a_wrong_start_is_usage(void **state)
{
    (void)state;
    assert_refused("watch --since soon", EXIT_USAGE, "watch: --since: 'soon' is neither a time");
}

#define WATCH_TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WATCH_TEST(each_change_is_a_line),
        WATCH_TEST(it_ends_after_as_many_commits_as_were_asked_for),
        WATCH_TEST(a_start_is_a_revision_or_a_time),
        WATCH_TEST(after_a_lost_connection_it_goes_on_where_it_was),
        WATCH_TEST(nothing_is_lost_that_was_made_before_the_first_commit_came),
        WATCH_TEST(a_commit_that_was_cut_off_is_shown_once_and_whole),
        WATCH_TEST(in_json_each_commit_is_a_line),
        WATCH_TEST(with_diff_the_objects_are_shown),
        WATCH_TEST(what_is_compacted_away_ends_it_with_exit_3),
        WATCH_TEST(another_database_ends_it_with_exit_4),
        WATCH_TEST(nobody_there_is_exit_7),
        WATCH_TEST(a_wrong_start_is_usage),
    };
    return cmocka_run_group_tests(tests, verb_runner_save, verb_runner_reset);
}
