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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(value_never_changes),
        cmocka_unit_test(kind_name_and_bytes_all_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
