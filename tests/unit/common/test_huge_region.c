#include "common/huge_region.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

enum { REGIONS = 3 };

static void each_is_aligned_zeroed_and_found_from_any_place_in_it(void **state)
{
    (void)state;
    char *regions[REGIONS];
    for (int i = 0; i < REGIONS; i++) {
        regions[i] = huge_region_map();
        assert_int_equal((uintptr_t)regions[i] % HUGE_REGION_BYTES, 0);
        for (size_t at = 0; at < HUGE_REGION_BYTES; at += 512)
            assert_int_equal(regions[i][at], 0);
        memset(regions[i], i + 1, HUGE_REGION_BYTES);
    }

    for (int i = 0; i < REGIONS; i++) {
        assert_int_equal(regions[i][0], i + 1);
        assert_int_equal(regions[i][HUGE_REGION_BYTES - 1], i + 1);
        assert_ptr_equal(huge_region_of(regions[i]), regions[i]);
        assert_ptr_equal(huge_region_of(regions[i] + 1), regions[i]);
        assert_ptr_equal(huge_region_of(regions[i] + HUGE_REGION_BYTES - 1), regions[i]);
        huge_region_unmap(regions[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_aligned_zeroed_and_found_from_any_place_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
