#include "proxy/http/memory_pool.h"
#include "tests/unit/cmocka_all.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

static void the_piece_given_back_last_is_lent_first(void **state)
{
    (void)state;
    if (!spares_are_kept(100))
        skip();
    struct memory_pool pool;
    memory_pool_init(&pool);
    void *first = memory_pool_allocate(100, &pool);
    void *second = memory_pool_allocate(100, &pool);
    memory_pool_free(first, &pool);
    memory_pool_free(second, &pool);

    assert_ptr_equal(memory_pool_allocate(100, &pool), second);
    assert_ptr_equal(memory_pool_allocate(100, &pool), first);

    memory_pool_free(first, &pool);
    memory_pool_free(second, &pool);
    memory_pool_clear(&pool);
}

static void every_size_is_lent_whole_and_aligned(void **state)
{
    (void)state;
    enum { MOST = 5000 };
    struct memory_pool pool;
    memory_pool_init(&pool);
    static char *lent[MOST];
    for (size_t bytes = 0; bytes < MOST; bytes++) {
        lent[bytes] = memory_pool_allocate(bytes, &pool);
        assert_int_equal((uintptr_t)lent[bytes] % alignof(max_align_t), 0);
        memset(lent[bytes], (int)(bytes % 251), bytes);
    }

    for (size_t bytes = 0; bytes < MOST; bytes++) {
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal((unsigned char)lent[bytes][i], bytes % 251);
        memory_pool_free(lent[bytes], &pool);
    }
    memory_pool_clear(&pool);
}

static void a_burst_is_given_back_when_it_is_over(void **state)
{
    (void)state;
    enum { BURST = 4000 };
    struct memory_pool pool;
    memory_pool_init(&pool);
    static void *lent[BURST];
    for (unsigned i = 0; i < BURST; i++)
        lent[i] = memory_pool_allocate(i % 1200, &pool);
    for (unsigned i = 0; i < BURST; i++)
        memory_pool_free(lent[i], &pool);

    assert_int_equal(memory_pool_trim(&pool), spares_are_kept(100));
    assert_false(memory_pool_trim(&pool));
}

static void what_grows_keeps_what_it_holds(void **state)
{
    (void)state;
    struct memory_pool pool;
    memory_pool_init(&pool);
    char *text = memory_pool_reallocate(NULL, 1, &pool);
    text[0] = 'x';
    for (size_t bytes = 2; bytes < 10000; bytes += bytes / 2) {
        text = memory_pool_reallocate(text, bytes, &pool);
        for (size_t i = 0; i < bytes / 2; i++)
            assert_int_equal(text[i], 'x');
        memset(text, 'x', bytes);
    }
    memory_pool_free(text, &pool);
    memory_pool_free(NULL, &pool);
    memory_pool_clear(&pool);
}

static void what_is_lent_as_zeros_is_zero_again(void **state)
{
    (void)state;
    struct memory_pool pool;
    memory_pool_init(&pool);
    char *used = memory_pool_allocate(300, &pool);
    memset(used, 'x', 300);
    memory_pool_free(used, &pool);

    char *zeroed = memory_pool_allocate_zeroed(100, 3, &pool);

    for (size_t i = 0; i < 300; i++)
        assert_int_equal(zeroed[i], 0);
    memory_pool_free(zeroed, &pool);
    memory_pool_clear(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_piece_given_back_last_is_lent_first),
        cmocka_unit_test(every_size_is_lent_whole_and_aligned),
        cmocka_unit_test(a_burst_is_given_back_when_it_is_over),
        cmocka_unit_test(what_grows_keeps_what_it_holds),
        cmocka_unit_test(what_is_lent_as_zeros_is_zero_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
