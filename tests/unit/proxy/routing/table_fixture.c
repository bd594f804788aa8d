#include "tests/unit/proxy/routing/table_fixture.h"

#include "common/buffer.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/routing/route_text.h"

#include <stdio.h>
#include <stdlib.h>

void table_fixture_init(struct table_fixture *fixture)
{
    *fixture = (struct table_fixture){
        .builder = route_table_builder_new(),
        .listener = {.name = SLICE("default"), .port = 8080},
    };
}

void table_fixture_clear(struct table_fixture *fixture)
{
    route_table_release(&fixture->table);
    route_table_builder_free(fixture->builder);
    for (size_t i = 0; i < fixture->route_count; i++)
        route_release(&fixture->routes[i]);
    free(fixture->routes);
}

void table_fixture_add_route(struct table_fixture *fixture, struct route *route)
{
    fixture->routes =
        memory_reallocate(fixture->routes, (fixture->route_count + 1) * sizeof(fixture->routes[0]));
    fixture->routes[fixture->route_count++] = route;
    route_table_builder_add(fixture->builder, route);
    route_table_release(&fixture->table);
}

void table_fixture_add(struct table_fixture *fixture, const char *text)
{
    table_fixture_add_route(fixture, route_text_compile(text));
}

void table_fixture_remove(struct table_fixture *fixture, const char *name)
{
    size_t i = 0;
    while (!slice_equals(route_id(fixture->routes[i]), slice_from_string(name)))
        i++;
    route_table_builder_remove(fixture->builder, fixture->routes[i]);
    fixture->routes[i] = fixture->routes[--fixture->route_count];
    route_table_release(&fixture->table);
}

struct route_table *table_fixture_table(struct table_fixture *fixture)
{
    if (fixture->table == NULL)
        fixture->table = route_table_builder_publish(fixture->builder, 1, 0);
    return fixture->table;
}

const char *table_fixture_find(struct table_fixture *fixture, const char *text)
{
    struct request_text request;
    request_text_init(&request, text);
    request.head.listener = &fixture->listener;
    const struct rule *rule = route_table_find(table_fixture_table(fixture), &request.head);
    if (rule == NULL) {
        snprintf(fixture->answer, sizeof(fixture->answer), "none");
    } else {
        struct slice name = rule_route_id(rule);
        int length =
            snprintf(fixture->answer, sizeof(fixture->answer), "%.*s", (int)name.length, name.at);
        if (rule->index > 0)
            snprintf(fixture->answer + length, sizeof(fixture->answer) - (size_t)length, ".%u",
                     rule->index);
    }
    request_text_clear(&request);
    return fixture->answer;
}

int table_fixture_set_up(void **state)
{
    static struct table_fixture fixture;
    table_fixture_init(&fixture);
    *state = &fixture;
    return 0;
}

int table_fixture_tear_down(void **state)
{
    table_fixture_clear(*state);
    return 0;
}

void table_fixture_expect(void **state, const char *request, const char *answer)
{
    assert_string_equal(table_fixture_find(*state, request), answer);
}
