#include "common/hash.h"
#include "tests/unit/cmocka_all.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char text[] = "The quick brown fox jumps over the lazy dog";

static void bytes_in_pieces_hash_as_one(void **state)
{
    (void)state;
    for (size_t first = 0; first < sizeof(text); first++) {
        for (size_t second = first; second < sizeof(text); second++) {
            struct hash_state pieces;
            hash_start(&pieces, 7);
            hash_add(&pieces, text, first);
            hash_add(&pieces, text + first, second - first);
            hash_add(&pieces, text + second, sizeof(text) - second);

            assert_true(hash_value(&pieces) == hash_bytes(text, sizeof(text), 7));
        }
    }
}

static void a_value_on_the_way_is_that_of_the_start(void **state)
{
    (void)state;
    struct hash_state pieces;
    hash_start(&pieces, 0);
    for (size_t i = 0; i < sizeof(text); i++) {
        assert_true(hash_value(&pieces) == hash_bytes(text, i, 0));
        hash_add(&pieces, text + i, 1);
    }
}

static void prefixes_hash_as_the_texts_they_are(void **state)
{
    (void)state;
    static const char path[] = "/api//v1.0/a/long-segment-of-many-bytes/x/";
    for (size_t length = 0; length < sizeof(path); length++) {
        struct hash_prefix prefixes[16];
        uint64_t whole;
        size_t count = hash_prefixes(path, length, '/', 7, prefixes, 16, UINT64_MAX, &whole);

        size_t expected = 0;
        for (size_t i = 0; i < length; i++) {
            if (path[i] != '/')
                continue;
            assert_true(expected < count);
            assert_int_equal(prefixes[expected].length, i);
            assert_true(prefixes[expected].hash == hash_bytes(path, i, 7));
            expected++;
        }
        assert_int_equal(count, expected);
        assert_true(whole == hash_bytes(path, length, 7));
    }
}

static void no_more_prefixes_are_given_than_there_is_room_for(void **state)
{
    (void)state;
    struct hash_prefix prefixes[3] = {{0}};
    uint64_t whole;
    assert_int_equal(hash_prefixes("/a/b/c/d", 8, '/', 7, prefixes, 2, UINT64_MAX, &whole), 2);
    assert_int_equal(prefixes[1].length, 2);
    assert_int_equal(prefixes[2].length, 0);
}

static void prefixes_nobody_wants_are_not_hashed(void **state)
{
    (void)state;
    struct hash_prefix prefixes[70];
    uint64_t whole;
    char path[140];
    for (size_t i = 0; i < sizeof(path); i++)
        path[i] = i % 2 == 0 ? '/' : 'a';

    size_t count = hash_prefixes(path, sizeof(path), '/', 7, prefixes, 70,
                                 UINT64_C(1) << 63 | UINT64_C(1) << 2, &whole);

    assert_int_equal(count, 70);
    for (size_t i = 0; i < count; i++) {
        bool is_wanted = i == 2 || i >= 63;
        assert_int_equal(prefixes[i].length, 2 * i);
        assert_true(prefixes[i].hash == (is_wanted ? hash_bytes(path, 2 * i, 7) : 0));
    }
    assert_true(whole == hash_bytes(path, sizeof(path), 7));
}

static void names_hash_as_they_do_in_lower_case(void **state)
{
    (void)state;
    static const char mixed[] = "X-Forwarded-FOR_[@`{";
    static const char lower[] = "x-forwarded-for_[@`{";

    for (size_t i = 0; i < sizeof(mixed); i++)
        assert_true(hash_lower(mixed, i, 7) == hash_bytes(lower, i, 7));
}

static void seeds_and_keys_hash_apart(void **state)
{
    (void)state;
    assert_true(hash_bytes(text, 5, 1) != hash_bytes(text, 5, 2));
    assert_true(hash_bytes(text, 5, 0) != hash_stable(text, 5));
    assert_true(hash_untrusted(text, 5) != hash_bytes(text, 5, 0));
    assert_true(hash_untrusted(text, 5) != hash_stable(text, 5));
    assert_true(hash_untrusted(text, 5) == hash_untrusted(text, 5));
    assert_true(hash_untrusted(text, 5) != hash_untrusted(text, 6));
}

/* As if the seed stood in the first bytes. */
static void a_seed_is_not_made_up_for_by_the_text(void **state)
{
    (void)state;
    for (uint64_t other = 0; other < 256; other++) {
        char changed[8] = "/a/b/cd";
        changed[0] = (char)(changed[0] ^ (char)other);
        assert_true(hash_bytes("/a/b/cd", 8, 4) != hash_bytes(changed, 8, 4 ^ other) || other == 0);
    }
}

/* Of each bit of a text, how often each bit of its hash changes with it. */
static void every_bit_of_a_text_changes_half_of_its_hash(void **state)
{
    (void)state;
    enum { TEXTS = 1000, BYTES = 19 };
    for (size_t bit = 0; bit < (size_t)BYTES * 8; bit++) {
        unsigned changed[64] = {0};
        for (unsigned i = 0; i < TEXTS; i++) {
            char bytes[BYTES + 1];
            snprintf(bytes, sizeof(bytes), "/api/items/%08u", i);
            uint64_t before = hash_bytes(bytes, BYTES, 4);
            bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
            uint64_t after = hash_bytes(bytes, BYTES, 4);
            for (unsigned j = 0; j < 64; j++)
                changed[j] += (before ^ after) >> j & 1;
        }
        /* Ten standard deviations of a fair coin are 158. */
        for (unsigned j = 0; j < 64; j++)
            assert_in_range(changed[j], TEXTS / 2 - 160, TEXTS / 2 + 160);
    }
}

/* A trie chooses with the low 32 bits and tells apart with the upper 16 (hash_trie.h). */
static void texts_that_are_alike_fill_a_table_evenly(void **state)
{
    (void)state;
    enum { TEXTS = 1 << 16, PLACES = 256 };
    for (unsigned shift = 0; shift < 64; shift += 8) {
        unsigned counts[PLACES] = {0};
        for (unsigned i = 0; i < TEXTS; i++) {
            char name[32];
            int length = snprintf(name, sizeof(name), "tenant-%u", i);
            counts[hash_bytes(name, (size_t)length, 1) >> shift & (PLACES - 1)]++;
        }
        /* Ten standard deviations of what a place gets by chance are 160. */
        for (unsigned i = 0; i < PLACES; i++)
            assert_in_range(counts[i], TEXTS / PLACES - 160, TEXTS / PLACES + 160);
    }
}

static void the_stable_hash_never_changes(void **state)
{
    (void)state;
    assert_true(hash_stable("", 0) == UINT64_C(0x49548bc4b144b85d));
    assert_true(hash_stable(text, strlen(text)) == UINT64_C(0x72f4e7cb42963eaf));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_in_pieces_hash_as_one),
        cmocka_unit_test(a_value_on_the_way_is_that_of_the_start),
        cmocka_unit_test(prefixes_hash_as_the_texts_they_are),
        cmocka_unit_test(no_more_prefixes_are_given_than_there_is_room_for),
        cmocka_unit_test(prefixes_nobody_wants_are_not_hashed),
        cmocka_unit_test(names_hash_as_they_do_in_lower_case),
        cmocka_unit_test(seeds_and_keys_hash_apart),
        cmocka_unit_test(a_seed_is_not_made_up_for_by_the_text),
        cmocka_unit_test(every_bit_of_a_text_changes_half_of_its_hash),
        cmocka_unit_test(texts_that_are_alike_fill_a_table_evenly),
        cmocka_unit_test(the_stable_hash_never_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
