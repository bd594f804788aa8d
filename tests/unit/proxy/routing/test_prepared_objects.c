#include "proxy/routing/filter.h"
#include "proxy/routing/prepared_objects.h"
#include "proxy/routing/route_replica.h"
#include "proxy/upstream/backend.h"
#include "proxy/upstream/endpoint_registry.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/routing/replica_objects.h"
#include "tests/unit/proxy/routing/route_text.h"

#include <stdio.h>
#include <string.h>

struct fixture {
    struct endpoint_registry *endpoints;
    struct route_replica *replica;
    struct route_table *table;
    struct prepared_objects prepared;
    uint64_t digest;
    struct error err;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.endpoints = endpoint_registry_new()};
    fixture.replica = route_replica_new(fixture.endpoints);
    assert_true(route_replica_begin(fixture.replica, true, 0, NULL));
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    prepared_objects_clear(&fixture->prepared);
    route_table_release(&fixture->table);
    route_replica_free(fixture->replica);
    endpoint_registry_free(fixture->endpoints);
    return 0;
}

/* --- helpers -------------------------------------------------------------------------------- */

static void prepare(struct fixture *fixture, struct object object)
{
    prepared_objects_add(&fixture->prepared, object.kind, slice_from_string(object.name),
                         buffer_slice(&object.bytes));
    fixture->digest += object.digest;
    free_objects(&object, 1);
}

static bool commit(struct fixture *fixture)
{
    return route_replica_commit(fixture->replica, "epoch-1", 1, fixture->digest, false, NULL, NULL,
                                &fixture->table, &fixture->err);
}

static const struct rule *find(struct fixture *fixture, const char *text)
{
    struct request_text request;
    request_text_init(&request, text);
    const struct rule *rule = route_table_find(fixture->table, &request.head);
    request_text_clear(&request);
    return rule;
}

static void assert_goes_to(struct fixture *fixture, uint32_t backend_index, const char *name)
{
    struct backend *backend = route_table_backend(fixture->table, backend_index);
    assert_non_null(backend);
    assert_string_equal(backend->name.at, name);
}

/* --- claims --------------------------------------------------------------------------------- */

static void references_are_bound_when_they_are_staged(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture, route_object("a host=a.internal : prefix:/ -> one,two"));
    prepare(fixture,
            route_object("b host=b.internal : prefix:/ {mirror:two auth:three} -> three,one"));
    prepare(fixture, backend_object("one", "10.0.0.1", 80));
    prepare(fixture, backend_object("two", "10.0.0.2", 80));
    prepare(fixture, backend_object("three", "10.0.0.3", 80));

    route_replica_stage_prepared(fixture->replica, &fixture->prepared);
    assert_true(commit(fixture));

    assert_int_equal(fixture->prepared.count, 0);
    const struct rule *a = find(fixture, "GET a.internal/");
    const struct rule *b = find(fixture, "GET b.internal/");
    assert_goes_to(fixture, a->choices[0].backend_index, "one");
    assert_goes_to(fixture, a->choices[1].backend_index, "two");
    assert_goes_to(fixture, b->choices[0].backend_index, "three");
    assert_goes_to(fixture, b->choices[1].backend_index, "one");
    assert_goes_to(fixture, b->policy->filters->mirrors[0].backend_index, "two");
    assert_goes_to(fixture, b->policy->filters->auth->backend_index, "three");
}

static void several_lists_make_one_update(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture, route_object("a host=a.internal : prefix:/ -> one"));
    route_replica_stage_prepared(fixture->replica, &fixture->prepared);
    prepare(fixture, route_object("b host=b.internal : prefix:/ -> two"));
    prepare(fixture, backend_object("two", "10.0.0.2", 80));
    route_replica_stage_prepared(fixture->replica, &fixture->prepared);

    assert_true(commit(fixture));

    assert_int_equal(route_table_route_count(fixture->table), 2);
    assert_goes_to(fixture, find(fixture, "GET b.internal/")->choices[0].backend_index, "two");
}

static void assert_taken_by(struct fixture *fixture, const char *text, const char *id)
{
    const struct rule *rule = find(fixture, text);
    assert_non_null(rule);
    assert_true(slice_equals(rule_route_id(rule), slice_from_string(id)));
}

/* Also when the GRPCRoute comes under its name alone, as an earlier version sends it. */
static void both_kinds_of_one_name_are_two_routes(void **state)
{
    struct fixture *fixture = *state;
    struct object grpc = route_object("b host=h grpc : prefix:/s");
    snprintf(grpc.name, sizeof(grpc.name), "GRPCRoute/b");
    prepare(fixture, route_object("a host=h grpc : prefix:/r"));
    prepare(fixture, route_object("a host=h : prefix:/"));
    prepare(fixture, route_object("b host=h : prefix:/b"));
    prepare(fixture, grpc);

    route_replica_stage_prepared(fixture->replica, &fixture->prepared);
    assert_true(commit(fixture));

    assert_int_equal(route_table_route_count(fixture->table), 4);
    assert_taken_by(fixture, "POST h/r/Get", "GRPCRoute/a");
    assert_taken_by(fixture, "GET h/", "a");
    assert_taken_by(fixture, "GET h/b", "b");
    assert_taken_by(fixture, "POST h/s/Get", "GRPCRoute/b");
}

static void an_id_of_the_other_kind_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct object object = route_object("a : prefix:/");
    snprintf(object.name, sizeof(object.name), "GRPCRoute/a");
    prepare(fixture, object);

    route_replica_stage_prepared(fixture->replica, &fixture->prepared);

    assert_false(commit(fixture));
    assert_non_null(strstr(fixture->err.message, "GRPCRoute/a"));
}

static void problems_come_out_at_the_commit(void **state)
{
    struct fixture *fixture = *state;
    prepared_objects_add(&fixture->prepared, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
                         SLICE("bad"), SLICE("no message"));

    route_replica_stage_prepared(fixture->replica, &fixture->prepared);

    assert_false(commit(fixture));
    assert_int_equal(fixture->err.code, ERROR_INVALID);
    assert_int_equal(strncmp(fixture->err.message, "bad: ", 5), 0);
}

/* A first snapshot is in the table's builder before it is committed. */
static void a_refused_first_snapshot_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture, route_object("a host=a.internal : prefix:/ -> one"));
    prepare(fixture, route_object("a host=a.internal : prefix:/again -> two"));
    route_replica_stage_prepared(fixture->replica, &fixture->prepared);
    fixture->digest = 7;
    assert_false(commit(fixture));
    assert_int_equal(fixture->err.code, ERROR_CORRUPT);

    fixture->digest = 0;
    assert_true(route_replica_begin(fixture->replica, true, 0, NULL));
    prepare(fixture, route_object("b host=b.internal : prefix:/ -> one"));
    route_replica_stage_prepared(fixture->replica, &fixture->prepared);
    assert_true(commit(fixture));

    assert_int_equal(route_table_route_count(fixture->table), 1);
    assert_null(find(fixture, "GET a.internal/"));
    assert_non_null(find(fixture, "GET b.internal/"));
}

static void what_is_not_staged_is_let_go(void **state)
{
    struct fixture *fixture = *state;

    prepare(fixture, route_object("a host=a.internal : regex:/a+ -> one"));
    prepare(fixture, backend_object("one", "10.0.0.1", 80));

    /* The sanitizer would see what tear_down leaves. */
    assert_int_equal(fixture->prepared.count, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(references_are_bound_when_they_are_staged),
        TEST(several_lists_make_one_update),
        TEST(both_kinds_of_one_name_are_two_routes),
        TEST(an_id_of_the_other_kind_is_refused),
        TEST(problems_come_out_at_the_commit),
        TEST(a_refused_first_snapshot_leaves_nothing),
        TEST(what_is_not_staged_is_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
