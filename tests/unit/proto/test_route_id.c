#include "common/arena.h"
#include "proto/route_id.h"
#include "tests/unit/cmocka_all.h"

static RouteMessage route_of(const char *name, Pointsman__V1__RouteKind kind)
{
    RouteMessage route = POINTSMAN__V1__ROUTE__INIT;
    route.name = (char *)name;
    route.kind = kind;
    return route;
}

#define HTTP POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_UNSPECIFIED
#define GRPC POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC

static void kind_and_name_are_told_from_the_id(void **state)
{
    (void)state;
    static const struct {
        const char *id, *name;
        Pointsman__V1__RouteKind kind;
    } cases[] = {
        {"api", "api", HTTP},
        {"shop/api", "shop/api", HTTP},
        {"GRPCRoute/api", "api", GRPC},
        {"GRPCRoute/shop/api", "shop/api", GRPC},
        /* A namespace of an HTTPRoute. */
        {"grpcroute/api", "grpcroute/api", HTTP},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const RouteMessage route = route_of(cases[i].name, cases[i].kind);
        struct slice id = slice_from_string(cases[i].id);

        assert_string_equal(route_id_of(&route, &arena), cases[i].id);
        assert_string_equal(route_id_name(id).at, cases[i].name);
        assert_int_equal(route_id_kind(id), cases[i].kind);
    }
    arena_clear(&arena);
}

static void names_come_before_kinds(void **state)
{
    (void)state;
    static const char *const ordered[] = {"a", "GRPCRoute/a", "ab", "b/a", "GRPCRoute/b/a"};
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < 5; j++) {
            int order =
                route_id_compare(slice_from_string(ordered[i]), slice_from_string(ordered[j]));
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kind_and_name_are_told_from_the_id),
        cmocka_unit_test(names_come_before_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
