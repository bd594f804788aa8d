#include "proxy/http/read_buffers.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

static void the_buffer_given_back_last_is_lent_first(void **state)
{
    (void)state;
    struct read_buffers buffers;
    read_buffers_init(&buffers);
    struct buffer one = BUFFER_EMPTY;
    struct buffer two = BUFFER_EMPTY;
    read_buffers_lend(&buffers, &one);
    read_buffers_lend(&buffers, &two);
    const char *memory_of_two = two.at;
    buffer_append_string(&two, "an answer");

    read_buffers_return(&buffers, &one);
    read_buffers_return(&buffers, &two);
    struct buffer next = BUFFER_EMPTY;
    read_buffers_lend(&buffers, &next);

    assert_ptr_equal(next.at, memory_of_two);
    assert_int_equal(next.length, 0);
    assert_null(two.at);
    buffer_clear(&next);
    read_buffers_clear(&buffers);
}

static void a_buffer_that_has_memory_keeps_it(void **state)
{
    (void)state;
    struct read_buffers buffers;
    read_buffers_init(&buffers);
    struct buffer buffer = BUFFER_EMPTY;
    buffer_append_string(&buffer, "the first half");

    read_buffers_lend(&buffers, &buffer);

    assert_string_equal(buffer_string(&buffer), "the first half");
    read_buffers_return(&buffers, &buffer);
    read_buffers_clear(&buffers);
}

static void an_empty_buffer_is_exchanged_for_a_large_one(void **state)
{
    (void)state;
    struct read_buffers buffers;
    read_buffers_init(&buffers);
    struct buffer buffer = BUFFER_EMPTY;
    read_buffers_lend(&buffers, &buffer);
    const char *small = buffer.at;

    read_buffers_lend_large(&buffers, &buffer);

    assert_int_equal(buffer.capacity, LARGE_READ_BUFFER_BYTES);
    assert_ptr_equal(buffers.sizes[READ_BUFFER_USUAL].first, small);
    const char *large = buffer.at;
    read_buffers_return(&buffers, &buffer);
    read_buffers_lend_large(&buffers, &buffer);
    assert_ptr_equal(buffer.at, large);
    read_buffers_return(&buffers, &buffer);
    read_buffers_clear(&buffers);
}

static void memory_of_another_size_is_not_kept(void **state)
{
    (void)state;
    struct read_buffers buffers;
    read_buffers_init(&buffers);
    struct buffer buffer = BUFFER_EMPTY;
    buffer_reserve(&buffer, 2 * READ_BUFFER_BYTES);

    read_buffers_return(&buffers, &buffer);

    assert_false(read_buffers_trim(&buffers));
    assert_null(buffer.at);
}

static void what_nobody_needs_is_freed_with_time(void **state)
{
    (void)state;
    struct read_buffers buffers;
    read_buffers_init(&buffers);
    static const size_t needed[] = {SMALL_BUFFER_BYTES, HEAD_BUFFER_BYTES, READ_BUFFER_BYTES,
                                    LARGE_READ_BUFFER_BYTES};
    for (size_t i = 0; i < 4; i++) {
        struct buffer buffer = BUFFER_EMPTY;
        read_buffers_lend_room(&buffers, &buffer, needed[i]);
        read_buffers_return(&buffers, &buffer);

        assert_int_equal(read_buffers_trim(&buffers), spares_are_kept(needed[i]));
        assert_false(read_buffers_trim(&buffers));
    }
}

static void a_buffer_for_heads_comes_back_to_those_for_heads(void **state)
{
    (void)state;
    struct read_buffers buffers;
    read_buffers_init(&buffers);
    struct buffer buffer = BUFFER_EMPTY;
    read_buffers_lend_for_head(&buffers, &buffer);
    assert_int_equal(buffer.capacity, HEAD_BUFFER_BYTES);
    const char *memory = buffer.at;

    read_buffers_return(&buffers, &buffer);
    struct buffer body = BUFFER_EMPTY;
    read_buffers_lend(&buffers, &body);
    read_buffers_lend_for_head(&buffers, &buffer);

    assert_int_equal(body.capacity, READ_BUFFER_BYTES);
    assert_ptr_equal(buffer.at, memory);
    read_buffers_return(&buffers, &buffer);
    read_buffers_return(&buffers, &body);
    read_buffers_clear(&buffers);
}

static void a_buffer_that_needs_room_gets_the_smallest_that_is_enough(void **state)
{
    (void)state;
    static const size_t more[] = {SMALL_BUFFER_BYTES, HEAD_BUFFER_BYTES - SMALL_BUFFER_BYTES, 1,
                                  READ_BUFFER_BYTES};
    static const size_t capacity[] = {SMALL_BUFFER_BYTES, HEAD_BUFFER_BYTES, READ_BUFFER_BYTES,
                                      LARGE_READ_BUFFER_BYTES};
    struct read_buffers buffers;
    read_buffers_init(&buffers);
    struct buffer buffer = BUFFER_EMPTY;
    size_t length = 0;
    for (size_t i = 0; i < 4; i++) {
        read_buffers_lend_room(&buffers, &buffer, more[i]);

        assert_int_equal(buffer.capacity, capacity[i]);
        assert_int_equal(buffer.length, length);
        for (; length > 0; length--)
            assert_int_equal(buffer.at[length - 1], 'x');
        length = buffer.length + more[i];
        memset(buffer_reserve(&buffer, more[i]), 'x', more[i]);
        buffer_extend(&buffer, more[i]);
    }

    size_t kept = 0;
    for (int size = 0; size < READ_BUFFER_SIZES; size++)
        kept += buffers.sizes[size].count;
    assert_int_equal(kept, spares_are_kept(SMALL_BUFFER_BYTES) ? 3 : 2);
    read_buffers_return(&buffers, &buffer);
    read_buffers_clear(&buffers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_for_heads_comes_back_to_those_for_heads),
        cmocka_unit_test(the_buffer_given_back_last_is_lent_first),
        cmocka_unit_test(a_buffer_that_has_memory_keeps_it),
        cmocka_unit_test(a_buffer_that_needs_room_gets_the_smallest_that_is_enough),
        cmocka_unit_test(an_empty_buffer_is_exchanged_for_a_large_one),
        cmocka_unit_test(memory_of_another_size_is_not_kept),
        cmocka_unit_test(what_nobody_needs_is_freed_with_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
