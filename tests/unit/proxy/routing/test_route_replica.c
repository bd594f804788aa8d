#include "common/buffer.h"
#include "proto/object_digest.h"
#include "proxy/routing/filter.h"
#include "proxy/routing/route_replica.h"
#include "proxy/upstream/backend.h"
#include "proxy/upstream/endpoint_registry.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/routing/replica_objects.h"
#include "tests/unit/proxy/routing/route_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUTE POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE

struct fixture {
    struct endpoint_registry *endpoints;
    struct route_replica *replica;
    struct route_table *table;
    struct error err;
    char problems[1024];
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

static void stage(struct fixture *fixture, const struct object *object)
{
    route_replica_stage(fixture->replica, object->kind, slice_from_string(object->name), false,
                        buffer_slice(&object->bytes));
}

static void stage_removal(struct fixture *fixture, const struct object *object)
{
    route_replica_stage(fixture->replica, object->kind, slice_from_string(object->name), true,
                        slice_of(NULL, 0));
}

static void note(void *context, Pointsman__V1__ObjectKind kind, const char *name, const char *field,
                 const char *message)
{
    struct fixture *fixture = context;
    size_t used = strlen(fixture->problems);
    snprintf(fixture->problems + used, sizeof(fixture->problems) - used, "%d %s %s: %s\n",
             (int)kind, name, field, message);
}

static bool commit(struct fixture *fixture, uint64_t revision, uint64_t digest, bool keep_going)
{
    struct route_table *table = NULL;
    fixture->problems[0] = '\0';
    if (!route_replica_commit(fixture->replica, "epoch-1", revision, digest, keep_going, note,
                              fixture, &table, &fixture->err))
        return false;
    route_table_release(&fixture->table);
    fixture->table = table;
    return true;
}

static const struct rule *find(struct fixture *fixture, const char *text)
{
    struct request_text request;
    request_text_init(&request, text);
    const struct rule *rule = route_table_find(fixture->table, &request.head);
    request_text_clear(&request);
    return rule;
}

static struct backend *backend_of(struct fixture *fixture, const char *text)
{
    const struct rule *rule = find(fixture, text);
    assert_non_null(rule);
    return route_table_backend(fixture->table, rule->choices[0].backend_index);
}

static void begin(struct fixture *fixture, bool is_snapshot)
{
    assert_true(route_replica_begin(fixture->replica, is_snapshot,
                                    is_snapshot ? 0 : route_replica_revision(fixture->replica),
                                    &fixture->err));
}

/* A snapshot of these, committed at revision 1. Returns their digest. */
static uint64_t load_all(struct fixture *fixture, const struct object *objects, size_t count)
{
    uint64_t digest = 0;
    begin(fixture, true);
    for (size_t i = 0; i < count; i++) {
        stage(fixture, &objects[i]);
        digest += objects[i].digest;
    }
    assert_true(commit(fixture, 1, digest, false));
    return digest;
}

/* A snapshot of one route and its backend. */
static void load(struct fixture *fixture, struct object objects[2])
{
    objects[0] = route_object("shop host=shop.internal : prefix:/ -> shop");
    objects[1] = backend_object("shop", "10.0.0.1", 80);
    load_all(fixture, objects, 2);
}

/* --- claims --------------------------------------------------------------------------------- */

static void a_snapshot_makes_a_table(void **state)
{
    struct fixture *fixture = *state;
    struct object objects[2];

    load(fixture, objects);

    assert_string_equal(backend_of(fixture, "GET shop.internal/a")->name.at, "shop");
    assert_int_equal(route_table_revision(fixture->table), 1);
    assert_int_equal(route_table_route_count(fixture->table), 1);
    assert_int_equal(route_table_backend_count(fixture->table), 1);
    assert_string_equal(route_replica_epoch(fixture->replica), "epoch-1");
    free_objects(objects, 2);
}

static void a_delta_changes_what_it_names_alone(void **state)
{
    struct fixture *fixture = *state;
    struct object objects[3];
    load(fixture, objects);
    objects[2] = route_object("cart host=cart.internal : prefix:/ -> shop");

    begin(fixture, false);
    stage(fixture, &objects[2]);
    stage_removal(fixture, &objects[0]);
    assert_true(commit(fixture, 2, objects[1].digest + objects[2].digest, false));

    assert_null(find(fixture, "GET shop.internal/"));
    assert_string_equal(backend_of(fixture, "GET cart.internal/")->name.at, "shop");
    assert_int_equal(route_replica_revision(fixture->replica), 2);
    free_objects(objects, 3);
}

static void a_delta_on_another_base_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct object objects[2];
    load(fixture, objects);

    assert_false(route_replica_begin(fixture->replica, false, 7, &fixture->err));

    assert_int_equal(fixture->err.code, ERROR_CONFLICT);
    free_objects(objects, 2);
}

static void a_commit_without_begin_is_refused(void **state)
{
    struct fixture *fixture = *state;

    assert_false(commit(fixture, 1, 0, false));

    assert_int_equal(fixture->err.code, ERROR_INTERNAL);
}

static void another_digest_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct object objects[3];
    load(fixture, objects);
    objects[2] = route_object("cart host=cart.internal : prefix:/ -> other1");
    uint64_t digest = route_replica_digest(fixture->replica);

    begin(fixture, false);
    stage(fixture, &objects[2]);
    assert_false(commit(fixture, 2, 12345, false));

    assert_int_equal(fixture->err.code, ERROR_CORRUPT);
    assert_int_equal(route_replica_revision(fixture->replica), 1);
    assert_true(route_replica_digest(fixture->replica) == digest);
    begin(fixture, false);
    assert_true(commit(fixture, 2, digest, false));
    assert_null(find(fixture, "GET cart.internal/"));
    free_objects(objects, 3);
}

static void one_object_that_cannot_be_built_keeps_all_out(void **state)
{
    struct fixture *fixture = *state;
    struct object objects[4];
    load(fixture, objects);
    objects[2] = route_object("good host=good.internal : prefix:/ -> shop");
    objects[3] = route_object("bad host=bad.internal : regex:/(a)\\1 | exact:nothing -> shop");

    begin(fixture, false);
    stage(fixture, &objects[2]);
    stage(fixture, &objects[3]);
    assert_false(commit(fixture, 2, 0, false));

    assert_int_equal(fixture->err.code, ERROR_INVALID);
    assert_non_null(strstr(fixture->problems, "bad rules[0].matches[0].path.value: "));
    assert_non_null(strstr(fixture->problems, "bad rules[0].matches[1].path.value: "));
    assert_null(find(fixture, "GET good.internal/"));
    free_objects(objects, 4);
}

static void in_a_first_snapshot_such_an_object_answers_500(void **state)
{
    struct fixture *fixture = *state;
    struct object objects[] = {
        route_object("bad host=bad.internal : prefix:/a method:NOPE | regex:(?=x) -> shop"),
        route_object("good : prefix:/ -> shop"),
        {.kind = ROUTE, .name = "garbage"},
        backend_object("shop", "not an address", 80),
    };
    buffer_append_string(&objects[2].bytes, "\xff\xff");
    objects[2].digest =
        object_digest(ROUTE, slice_from_string("garbage"), buffer_slice(&objects[2].bytes));

    begin(fixture, true);
    uint64_t digest = 0;
    for (size_t i = 0; i < 4; i++) {
        stage(fixture, &objects[i]);
        digest += objects[i].digest;
    }
    assert_true(commit(fixture, 9, digest, true));

    assert_true(find(fixture, "NOPE bad.internal/a")->is_broken);
    assert_false(find(fixture, "GET good.internal/a")->is_broken);
    assert_null(backend_of(fixture, "GET good.internal/a"));
    assert_non_null(strstr(fixture->problems, "1 garbage"));
    assert_non_null(strstr(fixture->problems, "2 shop endpoints[0].address"));
    free_objects(objects, 4);
}

static void an_endpoint_change_leaves_routes_alone(void **state)
{
    struct fixture *fixture = *state;
    struct object objects[3];
    load(fixture, objects);
    const struct rule *before = find(fixture, "GET shop.internal/");
    objects[2] = backend_object("shop", "10.0.0.2", 81);

    begin(fixture, false);
    stage(fixture, &objects[2]);
    assert_true(commit(fixture, 2, objects[0].digest + objects[2].digest, false));

    assert_ptr_equal(find(fixture, "GET shop.internal/"), before);
    assert_string_equal(backend_of(fixture, "GET shop.internal/")->endpoints[0].endpoint->name,
                        "10.0.0.2:81");
    free_objects(objects, 3);
}

static void a_missing_backend_is_an_empty_slot_until_it_comes(void **state)
{
    struct fixture *fixture = *state;
    struct object objects[] = {
        route_object("shop : prefix:/ -> late"),
        backend_object("late", "10.0.0.1", 80),
    };

    begin(fixture, true);
    stage(fixture, &objects[0]);
    assert_true(commit(fixture, 1, objects[0].digest, false));
    assert_null(backend_of(fixture, "GET h/"));
    begin(fixture, false);
    stage(fixture, &objects[1]);
    assert_true(commit(fixture, 2, objects[0].digest + objects[1].digest, false));
    assert_non_null(backend_of(fixture, "GET h/"));
    begin(fixture, false);
    stage_removal(fixture, &objects[1]);
    assert_true(commit(fixture, 3, objects[0].digest, false));

    assert_null(backend_of(fixture, "GET h/"));
    free_objects(objects, 2);
}

static void references_resolve_in_the_namespace_of_the_route(void **state)
{
    struct fixture *fixture = *state;
    struct object objects[] = {
        route_object("team/shop : prefix:/ -> shop"),
        backend_object("shop", "10.0.0.1", 80),
        backend_object("team/shop", "10.0.0.2", 80),
    };

    load_all(fixture, objects, 3);

    assert_string_equal(backend_of(fixture, "GET h/")->name.at, "team/shop");
    free_objects(objects, 3);
}

static void a_backend_without_a_namespace_serves_where_there_is_no_other(void **state)
{
    struct fixture *fixture = *state;
    struct object objects[] = {
        route_object("team/shop : prefix:/ -> users"),
        backend_object("users", "10.0.0.1", 80),
        backend_object("team/users", "10.0.0.2", 80),
    };
    const uint64_t route = objects[0].digest, for_all = objects[1].digest;

    begin(fixture, true);
    stage(fixture, &objects[0]);
    assert_true(commit(fixture, 1, route, false));
    assert_null(backend_of(fixture, "GET h/"));
    begin(fixture, false);
    stage(fixture, &objects[1]);
    assert_true(commit(fixture, 2, route + for_all, false));
    assert_string_equal(backend_of(fixture, "GET h/")->name.at, "users");
    begin(fixture, false);
    stage(fixture, &objects[2]);
    assert_true(commit(fixture, 3, route + for_all + objects[2].digest, false));
    assert_string_equal(backend_of(fixture, "GET h/")->name.at, "team/users");
    begin(fixture, false);
    stage_removal(fixture, &objects[2]);
    assert_true(commit(fixture, 4, route + for_all, false));
    assert_string_equal(backend_of(fixture, "GET h/")->name.at, "users");
    begin(fixture, false);
    stage_removal(fixture, &objects[1]);
    assert_true(commit(fixture, 5, route, false));

    assert_null(backend_of(fixture, "GET h/"));
    free_objects(objects, 3);
}

/* Whichever of the names that share a backend goes first, the others keep it. */
static void routes_of_many_namespaces_share_a_backend(void **state)
{
    enum { ROUTES = 4 };
    struct fixture *fixture = *state;
    struct object objects[] = {
        route_object("a/r host=a : prefix:/ -> users"),
        route_object("b/r host=b : prefix:/ -> users"),
        route_object("c/r host=c : prefix:/ -> users"),
        route_object("r host=r : prefix:/ -> users"),
        backend_object("users", "10.0.0.1", 80),
    };
    static const size_t order[ROUTES] = {1, 3, 0, 2};
    uint64_t digest = load_all(fixture, objects, ROUTES + 1);

    for (size_t i = 0; i < ROUTES; i++) {
        begin(fixture, false);
        stage_removal(fixture, &objects[order[i]]);
        digest -= objects[order[i]].digest;
        assert_true(commit(fixture, 2 + i, digest, false));
        if (i + 1 < ROUTES)
            assert_string_equal(backend_of(fixture, "GET c/")->name.at, "users");
    }

    assert_int_equal(route_table_backend_count(fixture->table), 1);
    free_objects(objects, ROUTES + 1);
}

static void count_visit(void *context, struct backend *backend)
{
    (void)backend;
    ++*(size_t *)context;
}

static size_t backends_of_table(const struct fixture *fixture)
{
    size_t count = 0;
    route_table_each_backend(fixture->table, count_visit, &count);
    return count;
}

/* Commits one object, or its removal, on top of `digest`. */
static void change(struct fixture *fixture, uint64_t revision, const struct object *object,
                   bool is_removed, uint64_t *digest)
{
    begin(fixture, false);
    if (is_removed)
        stage_removal(fixture, object);
    else
        stage(fixture, object);
    *digest += is_removed ? -object->digest : object->digest;
    assert_true(commit(fixture, revision, *digest, false));
}

/* Not one for each namespace: it would be told and counted as often, and take turns of its own. */
static void a_backend_of_many_namespaces_is_one(void **state)
{
    struct fixture *fixture = *state;
    struct object objects[] = {
        route_object("a/r host=a : prefix:/ -> users"),
        route_object("b/r host=b : prefix:/ -> users"),
        route_object("c/r host=c : prefix:/ -> users"),
        backend_object("users", "10.0.0.1", 80),
        backend_object("a/users", "10.0.0.2", 80),
    };
    uint64_t digest = load_all(fixture, objects, 4);
    assert_ptr_equal(backend_of(fixture, "GET a/"), backend_of(fixture, "GET b/"));
    assert_int_equal(backends_of_table(fixture), 1);

    /* One of them gets its own, and loses it again. */
    change(fixture, 2, &objects[4], false, &digest);
    assert_string_equal(backend_of(fixture, "GET a/")->name.at, "a/users");
    assert_ptr_equal(backend_of(fixture, "GET b/"), backend_of(fixture, "GET c/"));
    assert_int_equal(backends_of_table(fixture), 2);
    change(fixture, 3, &objects[4], true, &digest);
    assert_ptr_equal(backend_of(fixture, "GET a/"), backend_of(fixture, "GET b/"));
    assert_int_equal(backends_of_table(fixture), 1);

    /* Whichever was the first goes; then another comes. */
    for (size_t i = 0; i < 2; i++) {
        change(fixture, 4 + 2 * i, &objects[i], true, &digest);
        assert_int_equal(backends_of_table(fixture), 1);
        change(fixture, 5 + 2 * i, &objects[i], false, &digest);
        assert_ptr_equal(backend_of(fixture, "GET a/"), backend_of(fixture, "GET c/"));
        assert_int_equal(backends_of_table(fixture), 1);
    }

    /* It changes. */
    struct backend *before = backend_of(fixture, "GET a/");
    struct object changed = backend_object("users", "10.0.0.3", 80);
    begin(fixture, false);
    stage(fixture, &changed);
    assert_true(commit(fixture, 8, digest - objects[3].digest + changed.digest, false));
    assert_ptr_not_equal(backend_of(fixture, "GET a/"), before);
    assert_ptr_equal(backend_of(fixture, "GET a/"), backend_of(fixture, "GET b/"));
    assert_int_equal(backends_of_table(fixture), 1);
    free_objects(&changed, 1);
    free_objects(objects, 5);
}

/* What is behind another port is another. */
static void of_two_ports_each_has_its_own(void **state)
{
    struct fixture *fixture = *state;
    struct object objects[] = {
        route_object("a/r host=a : prefix:/ -> users:80"),
        route_object("b/r host=b : prefix:/ -> users:81"),
        route_object("c/r host=c : prefix:/ -> users:81"),
        backend_object("users", "10.0.0.1", 0),
    };
    load_all(fixture, objects, 4);

    assert_ptr_not_equal(backend_of(fixture, "GET a/"), backend_of(fixture, "GET b/"));
    assert_ptr_equal(backend_of(fixture, "GET b/"), backend_of(fixture, "GET c/"));
    assert_int_equal(backends_of_table(fixture), 2);
    free_objects(objects, 4);
}

static void the_last_word_on_an_object_counts(void **state)
{
    struct fixture *fixture = *state;
    struct object objects[4];
    load(fixture, objects);
    objects[2] = route_object("cart host=a.internal : prefix:/ -> shop");
    objects[3] = route_object("cart host=b.internal : prefix:/ -> shop");

    begin(fixture, false);
    stage(fixture, &objects[2]);
    stage_removal(fixture, &objects[2]);
    stage_removal(fixture, &objects[2]);
    stage(fixture, &objects[3]);
    stage_removal(fixture, &objects[0]);
    stage_removal(fixture, &objects[0]);
    assert_true(commit(fixture, 2, objects[1].digest + objects[3].digest, false));

    assert_null(find(fixture, "GET a.internal/"));
    assert_non_null(find(fixture, "GET b.internal/"));
    assert_null(find(fixture, "GET shop.internal/"));
    free_objects(objects, 4);
}

static void a_snapshot_drops_what_it_does_not_name_and_keeps_what_is_the_same(void **state)
{
    struct fixture *fixture = *state;
    struct object objects[4];
    load(fixture, objects);
    objects[2] = route_object("old host=old.internal : prefix:/ -> gone");
    objects[3] = backend_object("gone", "10.0.0.9", 80);
    begin(fixture, false);
    stage(fixture, &objects[2]);
    stage(fixture, &objects[3]);
    uint64_t digest = objects[0].digest + objects[1].digest;
    assert_true(commit(fixture, 2, digest + objects[2].digest + objects[3].digest, false));
    const struct rule *before = find(fixture, "GET shop.internal/");

    begin(fixture, true);
    stage(fixture, &objects[0]);
    stage(fixture, &objects[1]);
    assert_true(commit(fixture, 3, digest, false));

    assert_ptr_equal(find(fixture, "GET shop.internal/"), before);
    assert_null(find(fixture, "GET old.internal/"));
    assert_int_equal(route_table_backend_count(fixture->table), 1);
    free_objects(objects, 4);
}

static void an_index_is_reused_only_when_no_table_shows_it(void **state)
{
    struct fixture *fixture = *state;
    struct object objects[3];
    load(fixture, objects);
    struct route_table *before = fixture->table;
    route_table_acquire(before);
    uint32_t index = find(fixture, "GET shop.internal/")->choices[0].backend_index;
    objects[2] = route_object("shop host=shop.internal : prefix:/ -> other");

    begin(fixture, false);
    stage(fixture, &objects[2]);
    assert_true(commit(fixture, 2, objects[1].digest + objects[2].digest, false));

    assert_int_not_equal(find(fixture, "GET shop.internal/")->choices[0].backend_index, index);
    assert_string_equal(route_table_backend(before, index)->name.at, "shop");
    route_table_release(&before);
    free_objects(objects, 3);
}

static void expect_backend_while_named(struct fixture *fixture, const char *route,
                                       uint32_t (*index_in)(const struct filter_list *filters))
{
    struct object objects[5];
    load(fixture, objects);
    objects[2] = route_object(route);
    objects[3] = backend_object("shadow", "10.0.0.2", 80);
    begin(fixture, false);
    stage(fixture, &objects[2]);
    stage(fixture, &objects[3]);
    uint64_t digest = objects[1].digest + objects[3].digest;
    assert_true(commit(fixture, 2, digest + objects[2].digest, false));
    uint32_t index = index_in(find(fixture, "GET shop.internal/")->policy->filters);
    assert_string_equal(route_table_backend(fixture->table, index)->name.at, "shadow");

    objects[4] = route_object("shop host=shop.internal : prefix:/ -> shop");
    begin(fixture, false);
    stage(fixture, &objects[4]);
    assert_true(commit(fixture, 3, digest + objects[4].digest, false));

    assert_null(route_table_backend(fixture->table, index));
    free_objects(objects, 5);
}

static uint32_t mirror_index(const struct filter_list *filters)
{
    return filters->mirrors[0].backend_index;
}

static void the_backend_of_a_mirror_is_there_while_a_route_names_it(void **state)
{
    expect_backend_while_named(*state, "shop host=shop.internal : prefix:/ {mirror:shadow} -> shop",
                               mirror_index);
}

static uint32_t auth_index(const struct filter_list *filters)
{
    return filters->auth->backend_index;
}

static void an_authorization_service_is_there_while_a_route_names_it(void **state)
{
    expect_backend_while_named(*state, "shop host=shop.internal : prefix:/ {auth:shadow} -> shop",
                               auth_index);
}

#define REPLICA_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REPLICA_TEST(a_snapshot_makes_a_table),
        REPLICA_TEST(a_delta_changes_what_it_names_alone),
        REPLICA_TEST(a_delta_on_another_base_is_refused),
        REPLICA_TEST(a_commit_without_begin_is_refused),
        REPLICA_TEST(another_digest_changes_nothing),
        REPLICA_TEST(one_object_that_cannot_be_built_keeps_all_out),
        REPLICA_TEST(in_a_first_snapshot_such_an_object_answers_500),
        REPLICA_TEST(an_endpoint_change_leaves_routes_alone),
        REPLICA_TEST(a_missing_backend_is_an_empty_slot_until_it_comes),
        REPLICA_TEST(references_resolve_in_the_namespace_of_the_route),
        REPLICA_TEST(a_backend_without_a_namespace_serves_where_there_is_no_other),
        REPLICA_TEST(routes_of_many_namespaces_share_a_backend),
        REPLICA_TEST(a_backend_of_many_namespaces_is_one),
        REPLICA_TEST(of_two_ports_each_has_its_own),
        REPLICA_TEST(the_last_word_on_an_object_counts),
        REPLICA_TEST(a_snapshot_drops_what_it_does_not_name_and_keeps_what_is_the_same),
        REPLICA_TEST(an_index_is_reused_only_when_no_table_shows_it),
        REPLICA_TEST(the_backend_of_a_mirror_is_there_while_a_route_names_it),
        REPLICA_TEST(an_authorization_service_is_there_while_a_route_names_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
