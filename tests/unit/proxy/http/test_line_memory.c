#include "common/cache_line.h"
#include "common/huge_region.h"
#include "proxy/http/line_memory.h"
#include "tests/unit/cmocka_all.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { BYTES = 3 * CACHE_LINE_BYTES, LARGE_BYTES = 4096 };

/* Under AddressSanitizer the system gives each piece. */
static bool is_from_regions(const struct line_memory *memory)
{
    return memory->regions != NULL;
}

static void pieces_are_zeroed_and_begin_with_a_line(void **state)
{
    (void)state;
    struct line_memory memory = {0};
    char *first = line_memory_allocate(&memory, BYTES);
    memset(first, 1, BYTES);
    line_memory_free(&memory, first, BYTES);

    char *again = line_memory_allocate(&memory, BYTES);

    static const char zeros[BYTES];
    assert_memory_equal(again, zeros, BYTES);
    assert_int_equal((uintptr_t)again % CACHE_LINE_BYTES, 0);
    line_memory_free(&memory, again, BYTES);
    line_memory_clear(&memory);
}

static void the_one_given_back_last_is_lent_first(void **state)
{
    (void)state;
    struct line_memory memory = {0};
    void *one = line_memory_allocate(&memory, BYTES);
    void *two = line_memory_allocate(&memory, BYTES);
    if (is_from_regions(&memory)) {
        line_memory_free(&memory, one, BYTES);
        line_memory_free(&memory, two, BYTES);

        void *third = line_memory_allocate(&memory, BYTES);
        void *fourth = line_memory_allocate(&memory, BYTES);

        assert_ptr_equal(third, two);
        assert_ptr_equal(fourth, one);
    }
    line_memory_free(&memory, one, BYTES);
    line_memory_free(&memory, two, BYTES);
    line_memory_clear(&memory);
}

static void sizes_do_not_share_pieces(void **state)
{
    (void)state;
    struct line_memory memory = {0};
    char *small = line_memory_allocate(&memory, BYTES);
    line_memory_free(&memory, small, BYTES);

    char *large = line_memory_allocate(&memory, LARGE_BYTES);
    small = line_memory_allocate(&memory, BYTES);
    memset(large, 1, LARGE_BYTES);
    memset(small, 2, BYTES);

    assert_int_equal(large[0], 1);
    assert_int_equal(large[LARGE_BYTES - 1], 1);
    line_memory_free(&memory, small, BYTES);
    line_memory_free(&memory, large, LARGE_BYTES);
    line_memory_clear(&memory);
}

/* What is given back in whatever order leaves one region, and no more are made at its edge. */
static void regions_are_given_back_but_one(void **state)
{
    (void)state;
    enum { PIECES = 3 * HUGE_REGION_BYTES / LARGE_BYTES };
    struct line_memory memory = {0};
    static void *pieces[PIECES];
    for (size_t i = 0; i < PIECES; i++)
        pieces[i] = memset(line_memory_allocate(&memory, LARGE_BYTES), (int)i, LARGE_BYTES);
    if (is_from_regions(&memory))
        assert_true(huge_region_of(pieces[0]) != huge_region_of(pieces[PIECES - 1]));
    for (size_t i = 0; i < PIECES; i++)
        assert_int_equal(((const char *)pieces[i])[LARGE_BYTES - 1], (char)i);

    for (size_t i = 0; i < PIECES; i += 2)
        line_memory_free(&memory, pieces[i], LARGE_BYTES);
    for (size_t i = 1; i < PIECES; i += 2)
        line_memory_free(&memory, pieces[i], LARGE_BYTES);
    if (is_from_regions(&memory))
        assert_int_equal(memory.unused_count, 1);

    const struct line_region *kept = memory.regions;
    for (int i = 0; i < 3; i++) {
        line_memory_free(&memory, line_memory_allocate(&memory, LARGE_BYTES), LARGE_BYTES);
        assert_ptr_equal(memory.regions, kept);
    }
    line_memory_clear(&memory);
    assert_null(memory.regions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_and_begin_with_a_line),
        cmocka_unit_test(the_one_given_back_last_is_lent_first),
        cmocka_unit_test(sizes_do_not_share_pieces),
        cmocka_unit_test(regions_are_given_back_but_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
