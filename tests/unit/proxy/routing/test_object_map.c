#include "proxy/routing/object_map.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>

enum { MANY = 2000 };

struct named {
    char name[16];
    unsigned value;
};

static struct slice name_of(const void *object)
{
    return slice_from_string(((const struct named *)object)->name);
}

static struct named objects[2][MANY];
static struct object_map map;

/* Two objects of each name: one to be there, one to replace it. */
static int set_up(void **state)
{
    (void)state;
    object_map_init(&map, name_of);
    for (unsigned i = 0; i < MANY; i++) {
        for (unsigned j = 0; j < 2; j++) {
            snprintf(objects[j][i].name, sizeof(objects[j][i].name), "object-%u", i);
            objects[j][i].value = j + 1;
        }
        assert_null(object_map_put(&map, &objects[0][i]));
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    object_map_clear(&map, NULL, NULL);
    return 0;
}

static void add_value(void *context, void *object)
{
    *(unsigned *)context += ((const struct named *)object)->value;
}

static unsigned sum_of(struct hash_trie trie)
{
    unsigned sum = 0;
    hash_trie_each(trie, add_value, &sum);
    return sum;
}

static void put_returns_what_it_replaced(void **state)
{
    (void)state;

    assert_ptr_equal(object_map_put(&map, &objects[1][7]), &objects[0][7]);

    assert_ptr_equal(object_map_find(&map, SLICE("object-7")), &objects[1][7]);
}

static void remove_returns_what_was_there(void **state)
{
    (void)state;

    assert_ptr_equal(object_map_remove(&map, SLICE("object-7")), &objects[0][7]);

    assert_null(object_map_remove(&map, SLICE("object-7")));
    assert_null(object_map_find(&map, SLICE("object-7")));
}

static void a_frozen_trie_stays_as_it_was(void **state)
{
    (void)state;
    struct hash_trie frozen = object_map_freeze(&map);

    for (unsigned i = 0; i < MANY; i += 2) {
        object_map_put(&map, &objects[1][i]);
        object_map_remove(&map, name_of(&objects[0][i + 1]));
    }

    assert_int_equal(sum_of(frozen), MANY);
    assert_int_equal(sum_of(map.by_name), MANY / 2 * 2);
    object_map_thaw(&map);
}

static void after_the_thaw_nothing_is_kept(void **state)
{
    (void)state;
    object_map_freeze(&map);
    for (unsigned i = 0; i < MANY; i += 2)
        object_map_put(&map, &objects[1][i]);

    object_map_thaw(&map);
    assert_int_equal(map.store.queue_count, 0);
    for (unsigned i = 0; i < MANY; i++)
        object_map_put(&map, &objects[1][i]);

    assert_int_equal(map.store.queue_count, 0);
}

static void it_can_be_frozen_again_and_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        struct hash_trie frozen = object_map_freeze(&map);
        object_map_put(&map, &objects[1][i]);
        if (i % 200 == 0)
            assert_int_equal(sum_of(frozen), MANY + i);
        object_map_thaw(&map);
    }
    assert_int_equal(sum_of(map.by_name), 2 * MANY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(put_returns_what_it_replaced),     TEST(remove_returns_what_was_there),
        TEST(a_frozen_trie_stays_as_it_was),    TEST(after_the_thaw_nothing_is_kept),
        TEST(it_can_be_frozen_again_and_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
