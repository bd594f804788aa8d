#include "common/buffer.h"
#include "common/clock.h"
#include "proto/object_digest.h"
#include "proxy/control_client.h"
#include "proxy/routing/route_cache.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/copy_reading.h"
#include "tests/unit/proxy/fake_grpc_client.h"
#include "tests/unit/proxy/fake_replica.h"

#include <stdlib.h>
#include <string.h>

#define ROUTE POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE

struct fixture {
    struct temp_dir *dir;
    char *copy_path;
    struct identity identity;
    struct route_cache *cache;
    struct route_replica *replica;
    struct control_client_options options;
    struct control_client *client;
    atomic_uint published;
    atomic_uint settled;
};

static void on_published(void *context)
{
    atomic_fetch_add(&((struct fixture *)context)->published, 1);
}

static void on_settled(void *context)
{
    atomic_fetch_add(&((struct fixture *)context)->settled, 1);
}

static int set_up(void **state)
{
    struct fixture *fixture = memory_allocate_zeroed(1, sizeof(*fixture));
    fixture->dir = temp_dir_new();
    fixture->copy_path = temp_dir_file(fixture->dir, "routes.copy");
    assert_true(identity_init(&fixture->identity, "proxy-1", NULL, NULL));
    fixture->cache = route_cache_new();
    fixture->replica = route_replica_new(NULL);
    fixture->options = CONTROL_CLIENT_OPTIONS_DEFAULT;
    fixture->options.socket_path = "control.sock";
    fixture->options.local_copy_path = fixture->copy_path;
    fixture->options.identity = &fixture->identity;
    fixture->options.replica = fixture->replica;
    fixture->options.cache = fixture->cache;
    fixture->options.settle_ms = 50;
    fixture->options.backoff_min_ms = 5;
    fixture->options.backoff_max_ms = 20;
    fixture->options.on_published = on_published;
    fixture->options.on_settled = on_settled;
    fixture->options.context = fixture;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    control_client_stop(fixture->client);
    fake_grpc_reset();
    route_cache_free(fixture->cache);
    route_replica_free(fixture->replica);
    free(fixture->copy_path);
    temp_dir_free(fixture->dir);
    free(fixture);
    return 0;
}

/* --- helpers -------------------------------------------------------------------------------- */

static struct control_client_status status_of(struct fixture *fixture)
{
    struct control_client_status status;
    control_client_status(fixture->client, &status);
    return status;
}

static bool is_settled(void *context)
{
    return atomic_load(&((struct fixture *)context)->settled) > 0;
}

static bool has_reconnected(void *context)
{
    return status_of(context).reconnects >= 5;
}

static bool has_applied(void *context)
{
    return status_of(context).updates_applied > 0;
}

static bool has_rejected(void *context)
{
    return status_of(context).updates_rejected > 0;
}

static bool is_confirmed(void *context)
{
    struct control_client_status status = status_of(context);
    return status.has_table && !status.is_stale;
}

static void start(struct fixture *fixture, bool (*until)(void *context))
{
    fixture->client = control_client_start(&fixture->options);
    assert_true(wait_until(until, fixture, WAIT_MS));
}

static void stop(struct fixture *fixture)
{
    control_client_stop(fixture->client);
    fixture->client = NULL;
}

/* As an earlier run left it. */
static void leave_copy(struct fixture *fixture, uint64_t revision)
{
    struct route_replica *earlier = route_replica_new(NULL);
    fake_replica_set(earlier, "epoch-1", revision);
    fake_replica_put(earlier, ROUTE, "users", SLICE("bytes"));
    copy_reading_write(fixture->copy_path, "proxy-1", earlier);
    route_replica_free(earlier);
}

static void script_welcome(Pointsman__V1__WelcomeMode mode)
{
    Pointsman__V1__Welcome welcome;
    pointsman__v1__welcome__init(&welcome);
    welcome.mode = mode;
    welcome.epoch = (char *)"epoch-1";
    welcome.head_revision = 41;
    welcome.heartbeat_interval_ms = 10000;
    welcome.protocol = 1;
    Pointsman__V1__WatchResponse response;
    pointsman__v1__watch_response__init(&response);
    response.event_case = POINTSMAN__V1__WATCH_RESPONSE__EVENT_WELCOME;
    response.welcome = &welcome;
    fake_grpc_script(&response);
}

static void script_snapshot(uint64_t revision)
{
    FeedObjectMessage object;
    pointsman__v1__feed_object__init(&object);
    object.kind = ROUTE;
    object.name = (char *)"orders";
    object.object.data = (uint8_t *)"bytes";
    object.object.len = 5;
    FeedObjectMessage *objects[] = {&object};
    Pointsman__V1__Update update;
    pointsman__v1__update__init(&update);
    update.update_id = 1;
    update.snapshot = true;
    update.revision = revision;
    update.last = true;
    update.digest = object_digest(ROUTE, SLICE("orders"), SLICE("bytes"));
    update.objects = objects;
    update.n_objects = 1;
    Pointsman__V1__WatchResponse response;
    pointsman__v1__watch_response__init(&response);
    response.event_case = POINTSMAN__V1__WATCH_RESPONSE__EVENT_UPDATE;
    response.update = &update;
    fake_grpc_script(&response);
}

static uint64_t revision_on_disk(struct fixture *fixture)
{
    struct local_copy_info info;
    copy_reading_ok(fixture->copy_path, &info);
    return info.revision;
}

static void assert_no_table(struct fixture *fixture)
{
    assert_null(route_cache_acquire(fixture->cache));
    assert_false(status_of(fixture).has_table);
}

/* --- claims: without control ---------------------------------------------------------------- */

static void without_control_and_copy_there_is_no_table(void **state)
{
    struct fixture *fixture = *state;
    fake_grpc_refuse();

    start(fixture, is_settled);

    assert_no_table(fixture);
    assert_int_equal(atomic_load(&fixture->published), 0);
}

static void without_control_the_copy_is_served_as_stale(void **state)
{
    struct fixture *fixture = *state;
    fake_grpc_refuse();
    leave_copy(fixture, 40);

    start(fixture, is_settled);

    struct control_client_status status = status_of(fixture);
    assert_true(status.has_table);
    assert_true(status.is_stale);
    assert_false(status.has_heard);
    assert_int_equal(status.revision, 40);
    assert_int_equal(status.routes, 1);
    assert_string_equal(status.epoch, "epoch-1");
    assert_int_equal(atomic_load(&fixture->published), 1);
}

static void damaged_copy_is_not_served(void **state)
{
    struct fixture *fixture = *state;
    fake_grpc_refuse();
    free(temp_dir_write(fixture->dir, "routes.copy", "pointsmn, or so it seems"));

    start(fixture, is_settled);

    assert_no_table(fixture);
}

static void copy_with_another_digest_is_not_served(void **state)
{
    struct fixture *fixture = *state;
    fake_grpc_refuse();
    leave_copy(fixture, 40);
    fake_replica_fail_commit(fixture->replica, ERROR_CORRUPT, "the digest differs");

    start(fixture, is_settled);

    assert_no_table(fixture);
}

static void connecting_is_tried_again_and_again(void **state)
{
    struct fixture *fixture = *state;
    fake_grpc_refuse();

    start(fixture, has_reconnected);

    assert_string_equal(status_of(fixture).last_error, "nobody listens on control.sock");
}

/* --- claims: with control ------------------------------------------------------------------- */

static void snapshot_is_published_and_settles_the_start(void **state)
{
    struct fixture *fixture = *state;
    script_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_SNAPSHOT);
    script_snapshot(41);

    start(fixture, has_applied);

    struct control_client_status status = status_of(fixture);
    assert_true(status.is_connected);
    assert_false(status.is_stale);
    assert_true(status.has_heard);
    assert_int_equal(status.revision, 41);
    assert_string_equal(status.last_error, "");
    assert_int_equal(atomic_load(&fixture->settled), 1);
}

static void applied_update_reaches_the_disk(void **state)
{
    struct fixture *fixture = *state;
    script_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_SNAPSHOT);
    script_snapshot(41);
    start(fixture, has_applied);

    stop(fixture);

    assert_int_equal(revision_on_disk(fixture), 41);
}

static void copy_that_control_confirms_is_not_stale(void **state)
{
    struct fixture *fixture = *state;
    leave_copy(fixture, 41);
    script_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_UP_TO_DATE);

    start(fixture, is_confirmed);

    assert_int_equal(status_of(fixture).revision, 41);
    assert_int_equal(fake_grpc_watch()->revision, 41);
    assert_string_equal(fake_grpc_watch()->epoch, "epoch-1");
}

static void newer_snapshot_is_served_instead_of_the_copy(void **state)
{
    struct fixture *fixture = *state;
    leave_copy(fixture, 40);
    script_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_SNAPSHOT);
    script_snapshot(41);

    start(fixture, has_applied);

    assert_int_equal(atomic_load(&fixture->published), 1);
    assert_int_equal(status_of(fixture).revision, 41);
}

static void lost_feed_leaves_routes_that_may_be_stale(void **state)
{
    struct fixture *fixture = *state;
    script_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_SNAPSHOT);
    script_snapshot(41);
    fake_grpc_script_end();

    start(fixture, has_reconnected);
    stop(fixture);

    /* It asked again, from where it stood. */
    assert_int_equal(fake_grpc_watch()->revision, 41);
    struct route_table *table = route_cache_acquire(fixture->cache);
    assert_int_equal(route_table_revision(table), 41);
    route_table_release(&table);
}

static void rejected_update_is_shown_and_the_copy_is_served(void **state)
{
    struct fixture *fixture = *state;
    leave_copy(fixture, 40);
    script_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_SNAPSHOT);
    script_snapshot(41);
    /* The copy is committed first, so the failure must wait for the second commit. */
    fake_replica_fail_second_commit(fixture->replica, ERROR_INVALID, "no such policy");

    start(fixture, has_rejected);
    assert_true(wait_until(is_settled, fixture, WAIT_MS));

    struct control_client_status status = status_of(fixture);
    assert_string_equal(status.last_rejection, "no such policy");
    assert_true(status.is_stale);
    assert_int_equal(status.revision, 40);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_control_and_copy_there_is_no_table),
        TEST(without_control_the_copy_is_served_as_stale),
        TEST(damaged_copy_is_not_served),
        TEST(copy_with_another_digest_is_not_served),
        TEST(connecting_is_tried_again_and_again),
        TEST(snapshot_is_published_and_settles_the_start),
        TEST(applied_update_reaches_the_disk),
        TEST(copy_that_control_confirms_is_not_stale),
        TEST(newer_snapshot_is_served_instead_of_the_copy),
        TEST(lost_feed_leaves_routes_that_may_be_stale),
        TEST(rejected_update_is_shown_and_the_copy_is_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
