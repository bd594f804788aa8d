#include "proto/object_digest.h"
#include "proxy/routing/replica_snapshot.h"
#include "proxy/routing/route_replica.h"
#include "proxy/upstream/endpoint_registry.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/routing/replica_objects.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { ROUTES = 500 };

struct fixture {
    struct endpoint_registry *endpoints;
    struct route_replica *replica;
    struct route_table *table; /* the newest */
    uint64_t digest;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.endpoints = endpoint_registry_new()};
    fixture.replica = route_replica_new(fixture.endpoints);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    route_table_release(&fixture->table);
    route_replica_free(fixture->replica);
    endpoint_registry_free(fixture->endpoints);
    return 0;
}

/* --- helpers -------------------------------------------------------------------------------- */

static struct object route_to(size_t number, const char *backend)
{
    char text[128];
    snprintf(text, sizeof(text), "route-%zu host=h%zu.internal : prefix:/ -> %s", number, number,
             backend);
    return route_object(text);
}

static void stage(struct fixture *fixture, struct object object)
{
    route_replica_stage(fixture->replica, object.kind, slice_from_string(object.name), false,
                        buffer_slice(&object.bytes));
    fixture->digest += object.digest;
    free_objects(&object, 1);
}

static void commit(struct fixture *fixture)
{
    struct error err;
    struct route_table *table;
    if (!route_replica_commit(fixture->replica, "epoch-1",
                              route_replica_revision(fixture->replica) + 1, fixture->digest, false,
                              NULL, NULL, &table, &err))
        fail_msg("%s", err.message);
    route_table_release(&fixture->table);
    fixture->table = table;
}

/* Everything, to this backend at this address. */
static void load(struct fixture *fixture, const char *backend, const char *address)
{
    assert_true(route_replica_begin(fixture->replica, true, 0, NULL));
    fixture->digest = 0;
    for (size_t i = 0; i < ROUTES; i++)
        stage(fixture, route_to(i, backend));
    stage(fixture, backend_object(backend, address, 80));
    commit(fixture);
}

/* Replaces every other route and the backend, and removes the rest. */
static void change_everything(struct fixture *fixture)
{
    assert_true(route_replica_begin(fixture->replica, false,
                                    route_replica_revision(fixture->replica), NULL));
    fixture->digest = 0;
    for (size_t i = 0; i < ROUTES; i += 2) {
        stage(fixture, route_to(i, "other"));
        struct object gone = route_to(i + 1, "shop");
        route_replica_stage(fixture->replica, gone.kind, slice_from_string(gone.name), true,
                            slice_of(NULL, 0));
        free_objects(&gone, 1);
    }
    stage(fixture, backend_object("shop", "10.0.0.2", 80));
    commit(fixture);
    route_replica_collect(fixture->replica);
}

static void add_digest(void *context, Pointsman__V1__ObjectKind kind, struct slice name,
                       struct slice bytes)
{
    *(uint64_t *)context += object_digest(kind, name, bytes);
}

static uint64_t digest_of(const struct replica_snapshot *snapshot)
{
    uint64_t digest = 0;
    replica_snapshot_each(snapshot, add_digest, &digest);
    return digest;
}

/* --- claims --------------------------------------------------------------------------------- */

static void a_snapshot_shows_every_object(void **state)
{
    struct fixture *fixture = *state;
    load(fixture, "shop", "10.0.0.1");

    struct replica_snapshot *snapshot = route_replica_snapshot(fixture->replica);

    assert_true(digest_of(snapshot) == fixture->digest);
    assert_true(replica_snapshot_digest(snapshot) == fixture->digest);
    assert_int_equal(replica_snapshot_revision(snapshot), 1);
    assert_string_equal(replica_snapshot_epoch(snapshot), "epoch-1");
    replica_snapshot_release(&snapshot);
}

static void later_changes_do_not_show(void **state)
{
    struct fixture *fixture = *state;
    load(fixture, "shop", "10.0.0.1");
    uint64_t digest = fixture->digest;
    struct replica_snapshot *snapshot = route_replica_snapshot(fixture->replica);

    change_everything(fixture);

    assert_true(digest_of(snapshot) == digest);
    replica_snapshot_release(&snapshot);
    snapshot = route_replica_snapshot(fixture->replica);
    assert_true(digest_of(snapshot) == fixture->digest);
    replica_snapshot_release(&snapshot);
}

static void a_snapshot_from_control_does_not_show_either(void **state)
{
    struct fixture *fixture = *state;
    load(fixture, "shop", "10.0.0.1");
    uint64_t digest = fixture->digest;
    struct replica_snapshot *snapshot = route_replica_snapshot(fixture->replica);

    load(fixture, "other", "10.0.0.3");
    load(fixture, "shop", "10.0.0.4");

    assert_true(digest_of(snapshot) == digest);
    replica_snapshot_release(&snapshot);
}

static void there_is_one_at_a_time(void **state)
{
    struct fixture *fixture = *state;
    load(fixture, "shop", "10.0.0.1");
    struct replica_snapshot *snapshot = route_replica_snapshot(fixture->replica);

    assert_null(route_replica_snapshot(fixture->replica));

    replica_snapshot_release(&snapshot);
    assert_null(snapshot);
    snapshot = route_replica_snapshot(fixture->replica);
    assert_non_null(snapshot);
    replica_snapshot_release(&snapshot);
}

static void what_holds_nothing_shows_nothing(void **state)
{
    struct fixture *fixture = *state;

    struct replica_snapshot *snapshot = route_replica_snapshot(fixture->replica);

    assert_true(digest_of(snapshot) == 0);
    assert_string_equal(replica_snapshot_epoch(snapshot), "");
    replica_snapshot_release(&snapshot);
}

static void *read_and_release(void *context)
{
    struct replica_snapshot *snapshot = context;
    uint64_t expected = replica_snapshot_digest(snapshot);
    uint64_t found = digest_of(snapshot);
    replica_snapshot_release(&snapshot);
    return expected == found ? NULL : context;
}

static void another_thread_reads_while_everything_changes(void **state)
{
    struct fixture *fixture = *state;
    for (size_t round = 0; round < 5; round++) {
        load(fixture, "shop", "10.0.0.1");
        pthread_t reader;
        struct replica_snapshot *snapshot = route_replica_snapshot(fixture->replica);
        assert_int_equal(pthread_create(&reader, NULL, read_and_release, snapshot), 0);

        change_everything(fixture);

        void *result;
        pthread_join(reader, &result);
        assert_null(result);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_snapshot_shows_every_object),
        TEST(later_changes_do_not_show),
        TEST(a_snapshot_from_control_does_not_show_either),
        TEST(there_is_one_at_a_time),
        TEST(what_holds_nothing_shows_nothing),
        TEST(another_thread_reads_while_everything_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
