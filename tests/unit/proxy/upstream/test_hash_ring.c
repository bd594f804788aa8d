#include "proxy/upstream/backend.h"
#include "proxy/upstream/endpoint_registry.h"
#include "proxy/upstream/hash_ring.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>

enum { ENDPOINTS = 10, KEYS = 50000 };

static struct endpoint_registry *registry;
static struct backend_endpoint endpoints[ENDPOINTS];

static int set_up(void **state)
{
    (void)state;
    registry = endpoint_registry_new();
    for (unsigned i = 0; i < ENDPOINTS; i++) {
        char ip[16];
        snprintf(ip, sizeof(ip), "10.0.0.%u", i + 1);
        struct endpoint_address address;
        endpoint_address_set_ip(&address, ip, 80);
        endpoints[i] = (struct backend_endpoint){
            .endpoint = endpoint_registry_acquire(registry, &address, ENDPOINT_HTTP1, NULL),
            .weight = 1};
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ENDPOINTS; i++)
        endpoint_release(&endpoints[i].endpoint);
    endpoint_registry_free(registry);
    return 0;
}

static void count_keys(const struct hash_ring *ring, size_t counts[ENDPOINTS])
{
    for (size_t i = 0; i < ENDPOINTS; i++)
        counts[i] = 0;
    for (uint64_t key = 0; key < KEYS; key++)
        counts[hash_ring_find(ring, key)]++;
}

static void equal_weights_have_about_equal_shares(void **state)
{
    (void)state;
    struct hash_ring *ring = hash_ring_new(endpoints, ENDPOINTS);

    size_t counts[ENDPOINTS];
    count_keys(ring, counts);

    for (size_t i = 0; i < ENDPOINTS; i++)
        assert_in_range(counts[i], KEYS / ENDPOINTS * 7 / 10, KEYS / ENDPOINTS * 13 / 10);
    hash_ring_release(&ring);
}

static void shares_follow_the_weights(void **state)
{
    (void)state;
    endpoints[0].weight = 0;
    endpoints[1].weight = 11;
    struct hash_ring *ring = hash_ring_new(endpoints, ENDPOINTS);

    size_t counts[ENDPOINTS];
    count_keys(ring, counts);

    assert_int_equal(counts[0], 0);
    /* 11 of 19. */
    assert_in_range(counts[1], KEYS / 19 * 10, KEYS / 19 * 12);
    hash_ring_release(&ring);
}

static void an_endpoint_that_leaves_moves_only_its_own_keys(void **state)
{
    (void)state;
    struct hash_ring *all = hash_ring_new(endpoints, ENDPOINTS);
    /* The last one leaves, so that the others keep their indexes. */
    struct hash_ring *fewer = hash_ring_new(endpoints, ENDPOINTS - 1);

    for (uint64_t key = 0; key < KEYS; key++) {
        size_t before = hash_ring_find(all, key);
        if (before != ENDPOINTS - 1)
            assert_int_equal(hash_ring_find(fewer, key), before);
    }
    hash_ring_release(&all);
    hash_ring_release(&fewer);
}

/* What another proxy, or this one after a restart, would say. */
static void owners_depend_on_addresses_alone(void **state)
{
    (void)state;
    struct hash_ring *ring = hash_ring_new(endpoints, ENDPOINTS);
    struct backend_endpoint turned[ENDPOINTS];
    for (size_t i = 0; i < ENDPOINTS; i++)
        turned[i] = endpoints[ENDPOINTS - 1 - i];
    struct hash_ring *other = hash_ring_new(turned, ENDPOINTS);

    for (uint64_t key = 0; key < KEYS; key++)
        assert_ptr_equal(endpoints[hash_ring_find(ring, key)].endpoint,
                         turned[hash_ring_find(other, key)].endpoint);
    hash_ring_release(&ring);
    hash_ring_release(&other);
}

static void huge_weights_make_no_huge_ring(void **state)
{
    (void)state;
    for (size_t i = 0; i < ENDPOINTS; i++)
        endpoints[i].weight = 999983;
    endpoints[3].weight = 1;
    struct hash_ring *ring = hash_ring_new(endpoints, ENDPOINTS);

    size_t counts[ENDPOINTS];
    count_keys(ring, counts);

    assert_true(counts[3] < KEYS / 1000);
    assert_in_range(counts[0], KEYS / 9 * 8 / 10, KEYS / 9 * 12 / 10);
    hash_ring_release(&ring);
}

static void without_weights_there_is_no_ring(void **state)
{
    (void)state;
    endpoints[0].weight = 0;
    assert_null(hash_ring_new(endpoints, 1));
    assert_null(hash_ring_new(endpoints, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(equal_weights_have_about_equal_shares),
        TEST(shares_follow_the_weights),
        TEST(an_endpoint_that_leaves_moves_only_its_own_keys),
        TEST(owners_depend_on_addresses_alone),
        TEST(huge_weights_make_no_huge_ring),
        TEST(without_weights_there_is_no_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
