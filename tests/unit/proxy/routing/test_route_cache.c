#include "proxy/routing/route_cache.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/routing/route_text.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

static void before_the_first_publish_there_is_no_table(void **state)
{
    (void)state;
    struct route_cache *cache = route_cache_new();
    struct route_cache_view view;
    route_cache_view_init(&view, cache);

    assert_null(route_cache_acquire(cache));
    assert_null(route_cache_view_table(&view));

    route_cache_view_clear(&view);
    route_cache_free(cache);
}

static void a_view_follows_the_next_publish(void **state)
{
    (void)state;
    struct route_table_builder *builder = route_table_builder_new();
    struct route_cache *cache = route_cache_new();
    struct route_cache_view view;
    route_cache_view_init(&view, cache);

    route_cache_publish(cache, route_table_builder_publish(builder, 1, 0));
    assert_int_equal(route_table_revision(route_cache_view_table(&view)), 1);
    route_cache_publish(cache, route_table_builder_publish(builder, 2, 0));
    assert_int_equal(route_table_revision(route_cache_view_table(&view)), 2);

    route_cache_view_clear(&view);
    route_cache_free(cache);
    route_table_builder_free(builder);
}

static void an_old_table_goes_when_the_last_view_lets_go(void **state)
{
    (void)state;
    struct route_table_builder *builder = route_table_builder_new();
    struct route_cache *cache = route_cache_new();
    struct route_cache_view views[2];
    route_cache_publish(cache, route_table_builder_publish(builder, 1, 0));
    route_cache_view_init(&views[0], cache);
    route_cache_view_init(&views[1], cache);

    route_cache_publish(cache, route_table_builder_publish(builder, 2, 0));
    route_cache_view_table(&views[0]);
    assert_int_equal(route_table_builder_collect(builder), 1);
    route_cache_view_table(&views[1]);
    assert_int_equal(route_table_builder_collect(builder), 0);

    route_cache_view_clear(&views[0]);
    route_cache_view_clear(&views[1]);
    route_cache_free(cache);
    route_table_builder_free(builder);
}

/* --- many threads --------------------------------------------------------------------------- */

enum { READERS = 4, PUBLISHES = 5000 };

struct race {
    struct route_cache *cache;
    _Atomic uint64_t published; /* the newest revision that publish has returned for */
    _Atomic bool is_over;
    _Atomic uint64_t looks;
    _Atomic uint64_t older; /* looks that saw what they must not see */
};

static void *read_tables(void *context)
{
    struct race *race = context;
    struct route_cache_view view;
    route_cache_view_init(&view, race->cache);
    while (!atomic_load(&race->is_over)) {
        uint64_t published = atomic_load(&race->published);
        struct route_table *table = route_cache_view_table(&view);
        uint64_t seen = table == NULL ? 0 : route_table_revision(table);
        if (seen < published)
            atomic_fetch_add(&race->older, 1);
        atomic_fetch_add(&race->looks, 1);
    }
    route_cache_view_clear(&view);
    return NULL;
}

static void no_view_sees_a_table_older_than_one_published_before_it_looked(void **state)
{
    (void)state;
    struct route_table_builder *builder = route_table_builder_new();
    struct race race = {.cache = route_cache_new()};
    pthread_t readers[READERS];
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_tables, &race), 0);

    for (uint64_t revision = 1; revision <= PUBLISHES; revision++) {
        route_cache_publish(race.cache, route_table_builder_publish(builder, revision, 0));
        atomic_store(&race.published, revision);
    }
    while (atomic_load(&race.looks) < PUBLISHES)
        ;
    atomic_store(&race.is_over, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);

    assert_int_equal(atomic_load(&race.older), 0);
    assert_int_equal(route_table_builder_collect(builder), 0);
    route_cache_free(race.cache);
    route_table_builder_free(builder);
}

/* --- lookups while routes change ------------------------------------------------------------ */

enum { ROUTES = 64, ROUNDS = 150 };

static void *look_routes_up(void *context)
{
    struct race *race = context;
    struct route_cache_view view;
    struct request_text requests[2];
    request_text_init(&requests[0], "GET h/a/7 tenant: t9");
    request_text_init(&requests[1], "GET always/x");
    route_cache_view_init(&view, race->cache);
    while (!atomic_load(&race->is_over)) {
        struct route_table *table = route_cache_view_table(&view);
        const struct rule *rule = route_table_find(table, &requests[0].head);
        if (rule != NULL) {
            rule_acquire(rule);
            table = route_cache_view_table(&view);
            atomic_fetch_add(&race->older, rule_route_id(rule).at[0] != 'r');
            rule_release(&rule);
        }
        atomic_fetch_add(&race->older, route_table_find(table, &requests[1].head) == NULL);
        atomic_fetch_add(&race->looks, 1);
    }
    route_cache_view_clear(&view);
    request_text_clear(&requests[0]);
    request_text_clear(&requests[1]);
    return NULL;
}

static struct route *make_route(unsigned number)
{
    char text[64];
    snprintf(text, sizeof(text), "r%u host=h : prefix:/a header:tenant=t%u | regex:/b%u", number,
             number, number);
    return route_text_compile(text);
}

static void lookups_go_on_while_routes_change(void **state)
{
    (void)state;
    struct route_table_builder *builder = route_table_builder_new();
    struct race race = {.cache = route_cache_new()};
    struct route *always = route_text_compile("always host=always : prefix:/");
    struct route *routes[ROUTES] = {NULL};
    pthread_t readers[READERS];
    route_table_builder_add(builder, always);
    route_cache_publish(race.cache, route_table_builder_publish(builder, 1, 0));
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, look_routes_up, &race), 0);

    for (unsigned i = 0; i < ROUNDS * ROUTES / 8; i++) {
        unsigned number = i * 37 % ROUTES;
        if (routes[number] != NULL)
            route_table_builder_remove(builder, routes[number]);
        routes[number] = routes[number] == NULL || i % 3 == 0 ? make_route(number) : NULL;
        if (routes[number] != NULL)
            route_table_builder_add(builder, routes[number]);
        route_cache_publish(race.cache, route_table_builder_publish(builder, i + 2, 0));
    }
    while (atomic_load(&race.looks) < ROUNDS)
        ;
    atomic_store(&race.is_over, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);

    assert_int_equal(atomic_load(&race.older), 0);
    route_cache_free(race.cache);
    route_table_builder_free(builder);
    for (unsigned i = 0; i < ROUTES; i++)
        route_release(&routes[i]);
    route_release(&always);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_the_first_publish_there_is_no_table),
        cmocka_unit_test(a_view_follows_the_next_publish),
        cmocka_unit_test(an_old_table_goes_when_the_last_view_lets_go),
        cmocka_unit_test(no_view_sees_a_table_older_than_one_published_before_it_looked),
        cmocka_unit_test(lookups_go_on_while_routes_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
