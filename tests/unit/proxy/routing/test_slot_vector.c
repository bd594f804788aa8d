#include "proxy/routing/slot_vector.h"
#include "tests/unit/cmocka_all.h"

static int values[3];

static void what_was_set_is_found_at_any_index(void **state)
{
    (void)state;
    struct node_store store;
    struct slot_vector vector = {0};
    node_store_init(&store);

    slot_vector_set(&vector, &store, 70000, &values[0]);
    slot_vector_set(&vector, &store, 0, &values[1]);
    slot_vector_set(&vector, &store, 20000000, &values[2]);

    assert_ptr_equal(slot_vector_get(&vector, 70000), &values[0]);
    assert_ptr_equal(slot_vector_get(&vector, 0), &values[1]);
    assert_ptr_equal(slot_vector_get(&vector, 20000000), &values[2]);
    assert_null(slot_vector_get(&vector, 1));
    assert_null(slot_vector_get(&vector, 70001));
    assert_null(slot_vector_get(&vector, UINT32_MAX));
    slot_vector_discard(&vector, &store);
    node_store_clear(&store);
}

static void a_copy_is_not_touched_by_later_changes(void **state)
{
    (void)state;
    struct node_store store;
    struct slot_vector vector = {0};
    node_store_init(&store);
    slot_vector_set(&vector, &store, 3, &values[0]);
    struct slot_vector before = vector;
    store.version++;

    slot_vector_set(&vector, &store, 3, &values[1]);
    slot_vector_set(&vector, &store, 100, &values[2]);

    assert_ptr_equal(slot_vector_get(&before, 3), &values[0]);
    assert_null(slot_vector_get(&before, 100));
    assert_ptr_equal(slot_vector_get(&vector, 3), &values[1]);
    slot_vector_discard(&vector, &store);
    node_store_clear(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_set_is_found_at_any_index),
        cmocka_unit_test(a_copy_is_not_touched_by_later_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
