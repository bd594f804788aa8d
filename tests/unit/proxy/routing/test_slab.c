#include "proxy/routing/slab.h"
#include "tests/unit/cmocka_all.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const size_t sizes[] = {1, 16, 17, 240, 512, 513, 2048, 2049, 4096, 4097, 100000};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]), PIECES = 200 };

static void pieces_of_all_sizes_are_aligned_and_apart(void **state)
{
    (void)state;
    static unsigned char *pieces[SIZES][PIECES];
    for (size_t i = 0; i < SIZES; i++) {
        for (size_t j = 0; j < PIECES; j++) {
            pieces[i][j] = slab_allocate(sizes[i]);
            memset(pieces[i][j], (int)(i + j), sizes[i]);
        }
    }

    for (size_t i = 0; i < SIZES; i++) {
        for (size_t j = 0; j < PIECES; j++) {
            assert_int_equal((uintptr_t)pieces[i][j] % 16, 0);
            assert_true(slab_usable_bytes(pieces[i][j]) >= sizes[i]);
            assert_int_equal(pieces[i][j][0], (unsigned char)(i + j));
            assert_int_equal(pieces[i][j][sizes[i] - 1], (unsigned char)(i + j));
            slab_free(pieces[i][j]);
        }
    }
}

static void what_was_freed_is_given_out_again(void **state)
{
    (void)state;
    void *first = slab_allocate(240);
    void *neighbour = slab_allocate(240);
    slab_free(first);

    void *second = slab_allocate(230);
    assert_ptr_equal(second, first);

    slab_free(second);
    slab_free(neighbour);
    slab_free(NULL);
}

static void regions_without_pieces_are_given_back(void **state)
{
    (void)state;
    enum { MANY = 100000, BYTES = 256 };
    size_t before = slab_mapped_bytes();
    void **pieces = malloc(MANY * sizeof(void *));
    for (size_t i = 0; i < MANY; i++) {
        pieces[i] = slab_allocate(BYTES);
        memset(pieces[i], 1, BYTES);
    }
    assert_true(slab_mapped_bytes() >= (size_t)MANY * BYTES);

    for (size_t i = 0; i < MANY; i += 2)
        slab_free(pieces[i]);
    for (size_t i = 1; i < MANY; i += 2)
        slab_free(pieces[i]);

    assert_true(slab_mapped_bytes() <= before + (4 << 20));
    free(pieces);
}

/* The pages whose memory went back to the kernel are as good as new. */
static void a_region_that_was_nearly_empty_fills_again(void **state)
{
    (void)state;
    enum { MANY = 8000, BYTES = 512 };
    static unsigned char *pieces[MANY];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < MANY; i++) {
            pieces[i] = slab_allocate(BYTES);
            memset(pieces[i], (int)i, BYTES);
        }
        for (size_t i = 0; i < MANY; i++) {
            assert_int_equal(pieces[i][BYTES - 1], (unsigned char)i);
            if (i % 1000 != 0)
                slab_free(pieces[i]);
        }
        for (size_t i = 0; i < MANY; i += 1000)
            slab_free(pieces[i]);
    }
}

static void *free_piece(void *piece)
{
    slab_free(piece);
    return NULL;
}

static void any_thread_may_free(void **state)
{
    (void)state;
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, free_piece, slab_allocate(100 + i));
    for (size_t i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);

    void *piece = slab_allocate(100);
    assert_non_null(piece);
    slab_free(piece);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_all_sizes_are_aligned_and_apart),
        cmocka_unit_test(what_was_freed_is_given_out_again),
        cmocka_unit_test(regions_without_pieces_are_given_back),
        cmocka_unit_test(a_region_that_was_nearly_empty_fills_again),
        cmocka_unit_test(any_thread_may_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
