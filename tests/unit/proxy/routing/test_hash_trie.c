#include "proxy/routing/hash_trie.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>

enum { VALUES = 20000 };
static char values[VALUES];

static uint64_t mixed(uint64_t number)
{
    number = (number ^ number >> 31) * UINT64_C(0x9e3779b97f4a7c15);
    number = (number ^ number >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return number ^ number >> 32;
}

/* What makes hashes share their places: all bits alike, the low ones, the high ones, or all. */
static uint64_t spread(uint64_t number)
{
    return mixed(number);
}

static uint64_t crowded_low(uint64_t number)
{
    return mixed(number) << 20 | 5;
}

static uint64_t crowded_high(uint64_t number)
{
    return number << 3;
}

static uint64_t few_hashes(uint64_t number)
{
    return mixed(number % 7);
}

typedef uint64_t hash_fn(uint64_t number);
static hash_fn *const hash_fns[] = {spread, crowded_low, crowded_high, few_hashes};
enum { HASH_FNS = sizeof(hash_fns) / sizeof(hash_fns[0]) };

static bool contains(struct hash_trie trie, uint64_t hash, const void *value)
{
    struct trie_spot spot;
    hash_trie_spot(trie, hash, &spot);
    const void *found = trie_spot_first(&spot, hash);
    while (found != NULL && found != value)
        found = trie_spot_next(&spot, hash);
    return found != NULL;
}

static void count_value(void *context, void *value)
{
    (void)value;
    ++*(size_t *)context;
}

static size_t count_values(struct hash_trie trie)
{
    size_t count = 0;
    hash_trie_each(trie, count_value, &count);
    return count;
}

static void every_entry_is_found_until_it_is_removed(void **state)
{
    (void)state;
    for (size_t f = 0; f < HASH_FNS; f++) {
        struct node_store store;
        struct hash_trie trie = {0};
        size_t count = hash_fns[f] == few_hashes ? 500 : VALUES;
        node_store_init(&store);
        for (size_t i = 0; i < count; i++)
            hash_trie_add(&trie, &store, hash_fns[f](i), &values[i]);
        assert_int_equal(count_values(trie), count);

        for (size_t i = 0; i < count; i++) {
            assert_true(contains(trie, hash_fns[f](i), &values[i]));
            hash_trie_remove(&trie, &store, hash_fns[f](i), &values[i]);
            assert_false(contains(trie, hash_fns[f](i), &values[i]));
        }

        assert_true(hash_trie_is_empty(trie));
        assert_int_equal(store.bytes, 0);
        node_store_clear(&store);
    }
}

static void a_replaced_value_takes_the_place_of_the_old_one(void **state)
{
    (void)state;
    struct node_store store;
    struct hash_trie trie = {0};
    node_store_init(&store);
    for (size_t i = 0; i < 1000; i++)
        hash_trie_add(&trie, &store, spread(i), &values[i]);

    hash_trie_replace(&trie, &store, spread(7), &values[7], &values[5000]);

    assert_ptr_equal(hash_trie_find(trie, spread(7)), &values[5000]);
    assert_ptr_equal(hash_trie_find(trie, spread(8)), &values[8]);
    assert_null(hash_trie_find(trie, spread(7) ^ 1));
    hash_trie_discard(&trie, &store);
    node_store_clear(&store);
}

/* Several thousand changes at random, and the trie as it was before them. */
static void a_copy_is_not_touched_by_later_changes(void **state)
{
    (void)state;
    static bool is_in[VALUES];
    static bool was_in[VALUES];
    struct node_store store;
    struct hash_trie trie = {0};
    struct hash_trie copy = {0};
    uint64_t random = 1;
    node_store_init(&store);

    for (int step = 0; step < 60000; step++) {
        random = mixed(random + (uint64_t)step);
        /* First it fills, then it empties. */
        size_t number = random % VALUES;
        bool wanted = random >> 32 & 3 ? step < 30000 : step >= 30000;
        if (is_in[number] != wanted) {
            if (wanted)
                hash_trie_add(&trie, &store, spread(number), &values[number]);
            else
                hash_trie_remove(&trie, &store, spread(number), &values[number]);
            is_in[number] = wanted;
        }
        if (step % 10000 != 9999)
            continue;
        for (size_t i = 0; i < VALUES; i++) {
            assert_int_equal(contains(trie, spread(i), &values[i]), is_in[i]);
            assert_int_equal(contains(copy, spread(i), &values[i]), was_in[i]);
            was_in[i] = is_in[i];
        }
        copy = trie;
        store.version++;
        node_store_collect(&store, store.version - 1);
    }
    hash_trie_discard(&trie, &store);
    node_store_clear(&store);
}

static void filters_tell_most_of_what_is_not_there(void **state)
{
    (void)state;
    struct node_store store;
    struct hash_trie trie = {0};
    node_store_init(&store);
    for (size_t i = 0; i < VALUES; i++)
        hash_trie_add(&trie, &store, spread(i), &values[i]);
    for (size_t i = 0; i < VALUES; i += 2)
        hash_trie_remove(&trie, &store, spread(i), &values[i]);

    size_t looked_for = 0;
    for (size_t i = 0; i < VALUES; i += 2) {
        struct trie_spot spot;
        hash_trie_spot(trie, spread(i), &spot);
        looked_for += trie_spot_may_hold(&spot, spread(i));
    }

    assert_in_range(looked_for, 0, VALUES / 2 / 12);
    hash_trie_discard(&trie, &store);
    node_store_clear(&store);
}

/* What a change copies is at most a branch for each level, and a leaf. */
static void a_change_copies_little(void **state)
{
    (void)state;
    struct node_store store;
    struct hash_trie trie = {0};
    node_store_init(&store);
    for (size_t i = 0; i < VALUES; i++)
        hash_trie_add(&trie, &store, spread(i), &values[i]);
    store.version++;
    size_t before = store.bytes;

    hash_trie_replace(&trie, &store, spread(9), &values[9], &values[9]);

    assert_in_range(store.bytes - before, 1, 9000);
    hash_trie_discard(&trie, &store);
    node_store_clear(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entry_is_found_until_it_is_removed),
        cmocka_unit_test(a_replaced_value_takes_the_place_of_the_old_one),
        cmocka_unit_test(a_copy_is_not_touched_by_later_changes),
        cmocka_unit_test(filters_tell_most_of_what_is_not_there),
        cmocka_unit_test(a_change_copies_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
