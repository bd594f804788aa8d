#include "common/buffer.h"
#include "control/routectl/route_places.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

/* A route of that age, for one hostname (NULL: every host). */
static RouteMessage route_named(const char *name, uint64_t created_revision, char **hostname)
{
    RouteMessage route = POINTSMAN__V1__ROUTE__INIT;
    route.name = (char *)name;
    route.created_revision = created_revision;
    route.n_hostnames = hostname == NULL ? 0 : 1;
    route.hostnames = hostname;
    return route;
}

/* The numbers of the routes, in the order of their names: "a=0 b=1". */
static void assert_places(const RouteMessage *routes, size_t count, const char *expected)
{
    struct placed_route placed[8];
    char text[256] = "";
    for (size_t i = 0; i < count; i++)
        placed[i] = (struct placed_route){.route = &routes[i], .order = 99};
    route_places_find(placed, count);
    for (size_t i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s=%d", i == 0 ? "" : " ",
                 placed[i].route->name, (int)placed[i].order);
    assert_string_equal(text, expected);
}

static void names_in_the_order_of_their_age_need_no_numbers(void **state)
{
    (void)state;
    const RouteMessage routes[] = {route_named("a", 1, NULL), route_named("b", 2, NULL),
                                   route_named("c", 3, NULL)};
    assert_places(routes, 3, "a=0 b=0 c=0");
}

/* DOC-6 */
static void a_younger_route_with_an_earlier_name_has_a_higher_number(void **state)
{
    (void)state;
    const RouteMessage routes[] = {route_named("a", 3, NULL), route_named("b", 1, NULL),
                                   route_named("c", 2, NULL), route_named("d", 4, NULL)};
    assert_places(routes, 4, "a=1 b=0 c=0 d=1");
}

static void among_routes_of_one_commit_the_place_they_have_counts(void **state)
{
    (void)state;
    RouteMessage routes[] = {route_named("a", 1, NULL), route_named("b", 1, NULL)};
    routes[0].created_order = 5;
    assert_places(routes, 2, "a=1 b=0");
}

static void routes_that_serve_no_hostname_together_need_no_numbers(void **state)
{
    (void)state;
    char *one = (char *)"one.example", *two = (char *)"two.example";
    const RouteMessage routes[] = {route_named("a", 3, &one), route_named("b", 2, &two),
                                   route_named("c", 1, NULL)};
    assert_places(routes, 3, "a=0 b=0 c=0");
}

/* b is younger than c on one host, and a than b on the other. */
static void a_route_of_two_hostnames_is_behind_the_youngest_of_either(void **state)
{
    (void)state;
    char *one = (char *)"one.example", *two = (char *)"two.example";
    char *both[] = {one, two};
    RouteMessage routes[] = {route_named("a", 3, &two), route_named("b", 2, both),
                             route_named("c", 1, &one)};
    routes[1].n_hostnames = 2;
    assert_places(routes, 3, "a=2 b=1 c=0");
}

/* More of them than a number can count, each younger than all with later names, two to a host. */
static void any_number_of_routes_keeps_its_order(void **state)
{
    (void)state;
    enum { COUNT = 200000, TEXT_BYTES = 16 };
    RouteMessage *routes = memory_allocate_zeroed(COUNT, sizeof(*routes));
    struct placed_route *placed = memory_allocate_zeroed(COUNT, sizeof(*placed));
    char(*names)[TEXT_BYTES] = memory_allocate_zeroed(COUNT, sizeof(*names));
    char(*hosts)[TEXT_BYTES] = memory_allocate_zeroed(COUNT, sizeof(*hosts));
    char **hostnames = memory_allocate_zeroed(COUNT, sizeof(*hostnames));
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(names[i], TEXT_BYTES, "r%06zu", i);
        snprintf(hosts[i], TEXT_BYTES, "h%zu", i / 2);
        hostnames[i] = hosts[i];
        routes[i] = route_named(names[i], COUNT - i, &hostnames[i]);
        placed[i].route = &routes[i];
    }

    route_places_find(placed, COUNT);

    for (size_t i = 0; i < COUNT; i++) {
        assert_ptr_equal(placed[i].route, &routes[i]);
        assert_int_equal(placed[i].order, i % 2 == 0 ? 1 : 0);
    }
    free(hostnames);
    free(hosts);
    free(names);
    free(placed);
    free(routes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_in_the_order_of_their_age_need_no_numbers),
        cmocka_unit_test(a_younger_route_with_an_earlier_name_has_a_higher_number),
        cmocka_unit_test(among_routes_of_one_commit_the_place_they_have_counts),
        cmocka_unit_test(routes_that_serve_no_hostname_together_need_no_numbers),
        cmocka_unit_test(a_route_of_two_hostnames_is_behind_the_youngest_of_either),
        cmocka_unit_test(any_number_of_routes_keeps_its_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
