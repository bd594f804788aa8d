#include "common/buffer.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>

static void appended_bytes_come_out_in_order(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_EMPTY;

    buffer_append_string(&buffer, "hello ");
    buffer_printf(&buffer, "%s %d", "world", 7);

    assert_string_equal(buffer_string(&buffer), "hello world 7");
    assert_int_equal(buffer.length, 13);
    buffer_clear(&buffer);
}

static void consuming_frees_room_for_more(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_EMPTY;
    char block[100] = {0};

    for (int i = 0; i < 1000; i++) {
        buffer_append(&buffer, block, sizeof(block));
        buffer_consume(&buffer, sizeof(block));
    }

    assert_int_equal(buffer.length, 0);
    assert_true(buffer.capacity <= 256);
    buffer_clear(&buffer);
}

static void content_survives_growth_after_a_partial_consume(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_EMPTY;
    buffer_append_string(&buffer, "abcdef");
    buffer_consume(&buffer, 2);

    char block[5000];
    memset(block, 'x', sizeof(block));
    buffer_append(&buffer, block, sizeof(block));

    assert_int_equal(buffer.length, 5004);
    assert_memory_equal(buffer.at, "cdefxx", 6);
    buffer_clear(&buffer);
}

static void consuming_more_than_there_is_empties_it(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_EMPTY;
    buffer_append_string(&buffer, "abc");

    buffer_consume(&buffer, 10);

    assert_int_equal(buffer.length, 0);
    buffer_append_string(&buffer, "d");
    assert_string_equal(buffer_string(&buffer), "d");
    buffer_clear(&buffer);
}

static void a_copy_of_a_slice_is_a_string(void **state)
{
    (void)state;
    char *some = memory_duplicate_slice(slice_of("shop.internal", 4));
    char *nothing = memory_duplicate_slice(slice_of(NULL, 0));
    assert_string_equal(some, "shop");
    assert_string_equal(nothing, "");
    free(some);
    free(nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appended_bytes_come_out_in_order),
        cmocka_unit_test(consuming_frees_room_for_more),
        cmocka_unit_test(content_survives_growth_after_a_partial_consume),
        cmocka_unit_test(consuming_more_than_there_is_empties_it),
        cmocka_unit_test(a_copy_of_a_slice_is_a_string),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
