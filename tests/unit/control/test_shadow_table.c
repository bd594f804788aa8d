#include "common/buffer.h"
#include "common/hash.h"
#include "control/shadow_table.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

static void add(struct shadow_table *table, uint64_t key, const char *text)
{
    struct filed_name name = {.text = slice_from_string(text), .place = SHADOW_NOT_PLACED};
    shadow_table_add(table, key, &name);
}

struct visit {
    struct buffer said;
    size_t left;
};

static bool say(void *context, struct slice name)
{
    struct visit *visit = context;
    buffer_append_slice(&visit->said, name);
    buffer_append_char(&visit->said, ' ');
    return --visit->left > 0;
}

static void expect(const struct shadow_table *table, uint64_t key, size_t limit,
                   const char *expected)
{
    struct visit visit = {.said = BUFFER_EMPTY, .left = limit};
    bool is_whole = shadow_table_visit(table, key, say, &visit);
    assert_string_equal(buffer_string(&visit.said), expected);
    assert_int_equal(is_whole, visit.left > 0);
    buffer_clear(&visit.said);
}

static void the_first_comes_first_and_then_the_newest(void **state)
{
    (void)state;
    struct shadow_table table = {0};
    expect(&table, 7, 10, "");
    add(&table, 7, "a");
    add(&table, 7, "b");
    add(&table, 7, "c");
    add(&table, 8, "d");
    add(&table, 7 + (1 << 20), "e"); /* in the same bucket */

    expect(&table, 7, 10, "a c b ");
    expect(&table, 7, 2, "a c ");
    expect(&table, 8, 10, "d ");
    expect(&table, 7 + (1 << 20), 10, "e ");
    expect(&table, 9, 10, "");
    shadow_table_clear(&table);
    expect(&table, 7, 10, "");
}

static void what_stands_there_is_not_added_again(void **state)
{
    (void)state;
    struct shadow_table table = {0};
    add(&table, 7, "a");
    add(&table, 7, "b");
    add(&table, 7, "a");
    add(&table, 7, "b");

    expect(&table, 7, 10, "a b ");
    assert_int_equal(table.entry_count, 2);
    shadow_table_clear(&table);
}

static void a_name_stands_once_for_all_its_keys(void **state)
{
    (void)state;
    struct shadow_table table = {0};
    struct filed_name name = {.text = SLICE("route"), .place = SHADOW_NOT_PLACED};
    for (uint64_t key = 1; key <= 3; key++)
        shadow_table_add(&table, key, &name);
    size_t bytes = table.name_bytes;
    name.place = SHADOW_NOT_PLACED;
    for (uint64_t key = 1; key <= 4; key++)
        shadow_table_add(&table, key, &name);

    assert_int_equal(bytes, sizeof(uint16_t) + strlen("route"));
    assert_int_equal(table.name_bytes, bytes);
    expect(&table, 4, 10, "route ");
    shadow_table_clear(&table);
}

/* Names of all lengths, so that blocks end in the middle of one. */
static void it_grows_and_finds_everything_in_order(void **state)
{
    (void)state;
    enum { KEYS = 50000, OF_A_KEY = 3 };
    struct shadow_table table = {0};
    char filler[128], text[160], expected[600];
    memset(filler, 'x', sizeof(filler));
    for (uint64_t i = 0; i < (uint64_t)KEYS * OF_A_KEY; i++) {
        const uint64_t key = i % KEYS;
        snprintf(text, sizeof(text), "%u-%.*s", (unsigned)i, (int)(key % 100), filler);
        add(&table, hash_stable(&key, sizeof(key)), text);
    }
    for (uint64_t key = 0; key < KEYS; key++) {
        const int length = (int)(key % 100);
        snprintf(expected, sizeof(expected), "%u-%.*s %u-%.*s %u-%.*s ", (unsigned)key, length,
                 filler, (unsigned)key + 2 * KEYS, length, filler, (unsigned)key + KEYS, length,
                 filler);
        expect(&table, hash_stable(&key, sizeof(key)), OF_A_KEY + 1, expected);
    }

    assert_int_equal(table.entry_count, KEYS * OF_A_KEY);
    assert_int_equal(table.bucket_count, table.entry_count);
    shadow_table_clear(&table);
}

static void what_is_filed_together_stands_as_if_it_came_one_by_one(void **state)
{
    (void)state;
    enum { NAMES = 40, TOGETHER = 100, TIMES = 200 };
    struct shadow_table one_by_one = {0};
    struct shadow_table table = {0};
    char texts[NAMES][8];
    for (size_t i = 0; i < NAMES; i++)
        snprintf(texts[i], sizeof(texts[i]), "n%zu", i);
    for (uint64_t time = 0; time < TIMES; time++) {
        struct filed_name names[NAMES];
        struct shadow_filing filings[TOGETHER];
        for (size_t i = 0; i < NAMES; i++)
            names[i] = (struct filed_name){slice_from_string(texts[i]), SHADOW_NOT_PLACED};
        for (uint64_t i = 0; i < TOGETHER; i++) {
            const uint64_t number = time * 37 + i;
            const uint64_t key = hash_stable(&number, sizeof(number));
            filings[i] = (struct shadow_filing){key, &names[i % NAMES]};
            add(&one_by_one, key, texts[i % NAMES]);
        }
        shadow_table_add_all(&table, filings, TOGETHER);
    }

    assert_int_equal(table.entry_count, one_by_one.entry_count);
    for (uint64_t number = 0; number < TIMES * 37 + TOGETHER; number++) {
        const uint64_t key = hash_stable(&number, sizeof(number));
        struct visit visit = {.said = BUFFER_EMPTY, .left = SIZE_MAX};
        shadow_table_visit(&one_by_one, key, say, &visit);
        expect(&table, key, SIZE_MAX, buffer_string(&visit.said));
        buffer_clear(&visit.said);
    }
    shadow_table_clear(&table);
    shadow_table_clear(&one_by_one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_comes_first_and_then_the_newest),
        cmocka_unit_test(what_stands_there_is_not_added_again),
        cmocka_unit_test(a_name_stands_once_for_all_its_keys),
        cmocka_unit_test(it_grows_and_finds_everything_in_order),
        cmocka_unit_test(what_is_filed_together_stands_as_if_it_came_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
