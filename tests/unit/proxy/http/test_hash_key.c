#include "proxy/http/hash_key.h"
#include "proxy/upstream/backend.h"
#include "tests/unit/cmocka_all.h"

static const struct header headers[] = {
    {SLICE("Cookie"), SLICE("theme=dark; session=a=b ;lang=en")},
    {SLICE("X-User"), SLICE("7")},
    {SLICE("x-user"), SLICE("8")},
    {SLICE("cookie"), SLICE("late=1")},
};
static const struct request_head head = {.headers = headers, .header_count = 4};

/* The key of `name`; fails the test when there is none. */
static uint64_t key_of(enum backend_hash_on hash_on, struct slice name, struct slice peer)
{
    const struct backend backend = {.hash_on = hash_on, .hash_name = name};
    uint64_t key;
    assert_true(hash_key_of(&backend, &head, peer, &key));
    return key;
}

static bool has_key(enum backend_hash_on hash_on, struct slice name)
{
    const struct backend backend = {.hash_on = hash_on, .hash_name = name};
    uint64_t key;
    return hash_key_of(&backend, &head, SLICE("10.0.0.1"), &key);
}

/* What a peer of that text would hash to: all keys are hashes of their value. */
static uint64_t hash_of(struct slice value)
{
    return key_of(HASH_ON_SOURCE_ADDRESS, SLICE(""), value);
}

static void source_address_is_hashed(void **state)
{
    (void)state;
    assert_int_equal(hash_of(SLICE("10.0.0.1")), hash_of(SLICE("10.0.0.1")));
    assert_int_not_equal(hash_of(SLICE("10.0.0.1")), hash_of(SLICE("10.0.0.2")));
}

static void header_is_found_without_case_and_the_first_counts(void **state)
{
    (void)state;
    assert_int_equal(key_of(HASH_ON_HEADER, SLICE("x-USER"), SLICE("")), hash_of(SLICE("7")));
    assert_false(has_key(HASH_ON_HEADER, SLICE("x-use")));
}

static void cookie_is_found_among_others(void **state)
{
    (void)state;
    struct slice none = SLICE("");
    assert_int_equal(key_of(HASH_ON_COOKIE, SLICE("theme"), none), hash_of(SLICE("dark")));
    assert_int_equal(key_of(HASH_ON_COOKIE, SLICE("session"), none), hash_of(SLICE("a=b")));
    assert_int_equal(key_of(HASH_ON_COOKIE, SLICE("lang"), none), hash_of(SLICE("en")));
    assert_int_equal(key_of(HASH_ON_COOKIE, SLICE("late"), none), hash_of(SLICE("1")));
    assert_false(has_key(HASH_ON_COOKIE, SLICE("dark")));
    assert_false(has_key(HASH_ON_COOKIE, SLICE("Theme")));
    assert_false(has_key(HASH_ON_COOKIE, SLICE("heme")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(source_address_is_hashed),
        cmocka_unit_test(header_is_found_without_case_and_the_first_counts),
        cmocka_unit_test(cookie_is_found_among_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
