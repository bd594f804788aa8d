/* Table fixture: a builder with routes made from text, and who takes a request. */
#ifndef TESTS_UNIT_PROXY_ROUTING_TABLE_FIXTURE_H
#define TESTS_UNIT_PROXY_ROUTING_TABLE_FIXTURE_H

#include "proxy/routing/route_table.h"

struct table_fixture {
    struct route_table_builder *builder;
    struct route **routes; /* what is in, in no order */
    size_t route_count;
    struct route_table *table; /* NULL when something has changed since */
    struct listener_identity listener;
    char answer[512];
};

void table_fixture_init(struct table_fixture *fixture);
void table_fixture_clear(struct table_fixture *fixture);

void table_fixture_add(struct table_fixture *fixture, const char *text);
void table_fixture_add_route(struct table_fixture *fixture, struct route *route);
void table_fixture_remove(struct table_fixture *fixture, const char *name);
struct route_table *table_fixture_table(struct table_fixture *fixture);

/* The route that takes the request, e.g. "shop", with the index of its rule unless it is the
 * first: "shop.1". "none" when there is no rule. Borrowed until the next call. */
const char *table_fixture_find(struct table_fixture *fixture, const char *request);

/* cmocka's set-up and tear-down; the state is a struct table_fixture. */
int table_fixture_set_up(void **state);
int table_fixture_tear_down(void **state);
#define TABLE_TEST(name)                                                                           \
    cmocka_unit_test_setup_teardown(name, table_fixture_set_up, table_fixture_tear_down)

/* That this is what table_fixture_find says. */
void table_fixture_expect(void **state, const char *request, const char *answer);

#endif
