#include "proto/object_digest.h"
#include "tests/unit/cmocka_all.h"

/* Stored in databases and local copies, and compared between versions: a change here breaks them.
 */
static void value_never_changes(void **state)
{
    (void)state;

    uint64_t digest =
        object_digest(POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, SLICE("api"), SLICE("bytes"));

    assert_int_equal(digest, UINT64_C(0x20d84de6ebc91e65));
}

static void kind_name_and_bytes_all_count(void **state)
{
    (void)state;
    uint64_t digest =
        object_digest(POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, SLICE("api"), SLICE("bytes"));

    assert_int_not_equal(digest, object_digest(POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND,
                                               SLICE("api"), SLICE("bytes")));
    assert_int_not_equal(digest, object_digest(POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
                                               SLICE("apib"), SLICE("ytes")));
    assert_int_not_equal(digest, object_digest(POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
                                               SLICE("api"), SLICE("bytez")));
}

/* Proxies of earlier versions, and what they keep, have names alone. */
static void the_id_of_a_route_counts_as_its_name(void **state)
{
    (void)state;
    const Pointsman__V1__ObjectKind route = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;

    assert_int_equal(object_digest(route, SLICE("GRPCRoute/api"), SLICE("bytes")),
                     object_digest(route, SLICE("api"), SLICE("bytes")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(value_never_changes),
        cmocka_unit_test(kind_name_and_bytes_all_count),
        cmocka_unit_test(the_id_of_a_route_counts_as_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
