#include "common/clock.h"
#include "proxy/upstream/balancer.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/upstream/backend_maker.h"

#include <stdlib.h>

#define LEAST_REQUEST POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_LEAST_REQUEST
#define ROUND_ROBIN POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_ROUND_ROBIN
#define CONSISTENT_HASH POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_CONSISTENT_HASH
#define RANDOM POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_RANDOM

static const Pointsman__V1__LoadBalancingPolicy all_policies[] = {LEAST_REQUEST, ROUND_ROBIN,
                                                                  RANDOM};
enum { POLICY_COUNT = 3, PICKS = 60000 };

static struct endpoint_registry *registry;
static struct balancer_random dice;

static int set_up(void **state)
{
    (void)state;
    registry = endpoint_registry_new();
    balancer_random_init_seeded(&dice, 42);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    endpoint_registry_free(registry);
    return 0;
}

/* A backend with an endpoint for each weight, up to the first 'end'. */
enum { END = UINT16_MAX };

static struct backend *make(Pointsman__V1__LoadBalancingPolicy policy, const uint32_t *weights)
{
    static const char *const ips[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"};
    struct backend_maker maker;
    maker_init(&maker);
    maker_set_policy(&maker, policy);
    for (size_t i = 0; weights[i] != END; i++)
        maker_add_weighted(&maker, ips[i], weights[i]);
    struct backend *backend = backend_new(&maker.message, 0, NULL, registry, NULL);
    assert_non_null(backend);
    return backend;
}

static struct endpoint *pick(struct backend *backend, const struct endpoint *tried)
{
    const struct balancer_request request = {
        .now_ms = clock_now_ms(), .tried = &tried, .tried_count = tried != NULL};
    return balancer_pick(backend, &request, &dice);
}

static size_t pick_index(struct backend *backend, const struct endpoint *tried)
{
    const struct endpoint *picked = pick(backend, tried);
    assert_non_null(picked);
    for (size_t i = 0; i < backend->endpoint_count; i++) {
        if (backend->endpoints[i].endpoint == picked)
            return i;
    }
    fail_msg("picked an endpoint of another backend");
    return 0;
}

static void count_picks(struct backend *backend, const struct endpoint *tried, size_t counts[4])
{
    for (size_t i = 0; i < 4; i++)
        counts[i] = 0;
    for (size_t i = 0; i < PICKS; i++)
        counts[pick_index(backend, tried)]++;
}

/* Within 3 % of all picks; with 60,000 of them and a fixed seed that is far from the edge. */
static void assert_share(size_t count, double share)
{
    assert_in_range(count + 1, (size_t)(PICKS * (share - 0.03 < 0 ? 0 : share - 0.03)) + 1,
                    (size_t)(PICKS * (share + 0.03)) + 1);
}

static void every_policy_follows_the_weights(void **state)
{
    (void)state;
    for (size_t policy = 0; policy < POLICY_COUNT; policy++) {
        struct backend *backend = make(all_policies[policy], (uint32_t[]){1, 0, 2, 3, END});

        size_t counts[4];
        count_picks(backend, NULL, counts);

        assert_share(counts[0], 1.0 / 6);
        assert_int_equal(counts[1], 0);
        assert_share(counts[2], 2.0 / 6);
        assert_share(counts[3], 3.0 / 6);
        backend_release(&backend);
    }
}

static void every_policy_spreads_equal_weights_evenly(void **state)
{
    (void)state;
    for (size_t policy = 0; policy < POLICY_COUNT; policy++) {
        struct backend *backend = make(all_policies[policy], (uint32_t[]){5, 5, 5, 5, END});

        size_t counts[4];
        count_picks(backend, NULL, counts);

        for (size_t i = 0; i < 4; i++)
            assert_share(counts[i], 0.25);
        backend_release(&backend);
    }
}

static void nothing_is_picked_when_all_weights_are_zero(void **state)
{
    (void)state;
    for (size_t policy = 0; policy < POLICY_COUNT; policy++) {
        struct backend *backend = make(all_policies[policy], (uint32_t[]){0, 0, END});
        struct backend *empty = make(all_policies[policy], (uint32_t[]){END});

        assert_null(pick(backend, NULL));
        assert_null(pick(empty, NULL));
        backend_release(&backend);
        backend_release(&empty);
    }
}

static void ejected_endpoint_gets_nothing_and_the_rest_keep_their_shares(void **state)
{
    (void)state;
    for (size_t policy = 0; policy < POLICY_COUNT; policy++) {
        struct backend *backend = make(all_policies[policy], (uint32_t[]){1, 3, 4, END});
        endpoint_eject(backend->endpoints[2].endpoint, UINT64_MAX);

        size_t counts[4];
        count_picks(backend, NULL, counts);

        assert_int_equal(counts[2], 0);
        assert_share(counts[0], 0.25);
        assert_share(counts[1], 0.75);
        backend_release(&backend);
    }
}

static void nothing_is_picked_when_all_are_ejected(void **state)
{
    (void)state;
    for (size_t policy = 0; policy < POLICY_COUNT; policy++) {
        struct backend *backend = make(all_policies[policy], (uint32_t[]){1, 1, END});
        endpoint_eject(backend->endpoints[0].endpoint, UINT64_MAX);
        endpoint_eject(backend->endpoints[1].endpoint, UINT64_MAX);

        assert_null(pick(backend, NULL));
        backend_release(&backend);
    }
}

static void tried_endpoint_is_taken_only_when_alone(void **state)
{
    (void)state;
    for (size_t policy = 0; policy < POLICY_COUNT; policy++) {
        struct backend *backend = make(all_policies[policy], (uint32_t[]){1, 1, END});
        struct endpoint *first = backend->endpoints[0].endpoint;

        for (size_t i = 0; i < 100; i++)
            assert_int_equal(pick_index(backend, first), 1);

        endpoint_eject(backend->endpoints[1].endpoint, UINT64_MAX);
        assert_int_equal(pick_index(backend, first), 0);
        backend_release(&backend);
    }
}

static void round_robin_with_equal_weights_takes_turns(void **state)
{
    (void)state;
    struct backend *backend = make(ROUND_ROBIN, (uint32_t[]){7, 7, 7, END});

    for (size_t i = 0; i < 12; i++)
        assert_int_equal(pick_index(backend, NULL), i % 3);
    backend_release(&backend);
}

static void round_robin_is_exact_in_each_round_and_never_in_bursts(void **state)
{
    (void)state;
    struct backend *backend = make(ROUND_ROBIN, (uint32_t[]){5, 3, 2, END});

    for (size_t round = 0; round < 5; round++) {
        size_t counts[4] = {0};
        size_t longest = 0, run = 0, last = 4;
        for (size_t i = 0; i < 10; i++) {
            size_t picked = pick_index(backend, NULL);
            run = picked == last ? run + 1 : 1;
            longest = run > longest ? run : longest;
            last = picked;
            counts[picked]++;
        }
        assert_int_equal(counts[0], 5);
        assert_int_equal(counts[1], 3);
        assert_int_equal(counts[2], 2);
        assert_true(longest <= 2);
    }
    backend_release(&backend);
}

static void least_request_of_two_takes_the_less_busy(void **state)
{
    (void)state;
    struct backend *backend = make(LEAST_REQUEST, (uint32_t[]){1, 1, END});
    endpoint_request_start(backend->endpoints[0].endpoint, 0);

    for (size_t i = 0; i < 100; i++)
        assert_int_equal(pick_index(backend, NULL), 1);

    endpoint_request_ended(backend->endpoints[0].endpoint);
    backend_release(&backend);
}

static void least_request_counts_load_for_the_weight(void **state)
{
    (void)state;
    struct backend *backend = make(LEAST_REQUEST, (uint32_t[]){1, 3, END});
    /* 1 for weight 1 is more than 2 for weight 3. */
    endpoint_request_start(backend->endpoints[0].endpoint, 0);
    endpoint_request_start(backend->endpoints[1].endpoint, 0);
    endpoint_request_start(backend->endpoints[1].endpoint, 0);

    for (size_t i = 0; i < 100; i++)
        assert_int_equal(pick_index(backend, NULL), 1);

    endpoint_request_ended(backend->endpoints[0].endpoint);
    endpoint_request_ended(backend->endpoints[1].endpoint);
    endpoint_request_ended(backend->endpoints[1].endpoint);
    backend_release(&backend);
}

/* Requests that never end: of the two a pick compares the emptier grows, so all stay level. */
static void least_request_keeps_four_endpoints_level(void **state)
{
    (void)state;
    struct backend *backend = make(LEAST_REQUEST, (uint32_t[]){1, 1, 1, 1, END});

    for (size_t i = 0; i < 4000; i++)
        endpoint_request_start(pick(backend, NULL), 0);

    for (size_t i = 0; i < 4; i++)
        assert_in_range(atomic_load(&backend->endpoints[i].endpoint->in_flight), 995, 1005);
    backend_release(&backend);
}

static void every_endpoint_tried_is_avoided(void **state)
{
    (void)state;
    for (size_t policy = 0; policy < POLICY_COUNT; policy++) {
        struct backend *backend = make(all_policies[policy], (uint32_t[]){1, 1, 1, 1, END});
        const struct endpoint *tried[] = {backend->endpoints[0].endpoint,
                                          backend->endpoints[3].endpoint,
                                          backend->endpoints[1].endpoint};
        const struct balancer_request request = {
            .now_ms = clock_now_ms(), .tried = tried, .tried_count = 3};

        for (size_t i = 0; i < 100; i++)
            assert_ptr_equal(balancer_pick(backend, &request, &dice),
                             backend->endpoints[2].endpoint);
        backend_release(&backend);
    }
}

/* --- slow start ------------------------------------------------------------------------------ */

static struct backend *make_with_newcomer(Pointsman__V1__LoadBalancingPolicy policy,
                                          uint64_t age_ms)
{
    struct backend *backend = make(policy, (uint32_t[]){1, 1, END});
    backend->slow_start_ms = 10000;
    uint64_t now_ms = clock_now_ms();
    atomic_store(&backend->endpoints[0].endpoint->serving_since_ms, now_ms - 20000);
    atomic_store(&backend->endpoints[1].endpoint->serving_since_ms, now_ms - age_ms);
    return backend;
}

static void newcomer_starts_with_a_tenth_of_its_share(void **state)
{
    (void)state;
    clock_set_for_test(1000000);
    for (size_t policy = 0; policy < POLICY_COUNT; policy++) {
        struct backend *backend = make_with_newcomer(all_policies[policy], 0);

        size_t counts[4];
        count_picks(backend, NULL, counts);

        assert_share(counts[1], 0.1 / 1.1);
        backend_release(&backend);
    }
    clock_set_for_test(0);
}

static void newcomer_gets_more_with_time_and_all_in_the_end(void **state)
{
    (void)state;
    clock_set_for_test(1000000);
    for (size_t policy = 0; policy < POLICY_COUNT; policy++) {
        struct backend *half = make_with_newcomer(all_policies[policy], 5000);
        size_t counts[4];
        count_picks(half, NULL, counts);
        assert_share(counts[1], 0.5 / 1.5);
        backend_release(&half);

        struct backend *whole = make_with_newcomer(all_policies[policy], 10000);
        count_picks(whole, NULL, counts);
        assert_share(counts[1], 0.5);
        backend_release(&whole);
    }
    clock_set_for_test(0);
}

static void newcomers_alone_share_as_ever(void **state)
{
    (void)state;
    clock_set_for_test(1000000);
    for (size_t policy = 0; policy < POLICY_COUNT; policy++) {
        struct backend *backend = make_with_newcomer(all_policies[policy], 0);
        atomic_store(&backend->endpoints[0].endpoint->serving_since_ms, clock_now_ms());

        size_t counts[4];
        count_picks(backend, NULL, counts);

        assert_share(counts[0], 0.5);
        backend_release(&backend);
    }
    clock_set_for_test(0);
}

/* --- consistent hash ------------------------------------------------------------------------- */

static size_t owner_of(struct backend *backend, uint64_t key)
{
    const struct balancer_request request = {.hash_key = key, .now_ms = clock_now_ms()};
    const struct endpoint *picked = balancer_pick(backend, &request, &dice);
    for (size_t i = 0; i < backend->endpoint_count; i++) {
        if (backend->endpoints[i].endpoint == picked)
            return i;
    }
    fail_msg("no owner");
    return 0;
}

static void a_key_stays_with_its_endpoint(void **state)
{
    (void)state;
    struct backend *backend = make(CONSISTENT_HASH, (uint32_t[]){1, 1, 1, END});

    for (uint64_t key = 0; key < 100; key++) {
        size_t owner = owner_of(backend, key);
        for (int i = 0; i < 5; i++)
            assert_int_equal(owner_of(backend, key), owner);
    }
    backend_release(&backend);
}

static void only_keys_of_an_ejected_endpoint_move_and_to_all_others(void **state)
{
    (void)state;
    enum { KEYS = 30000 };
    struct backend *backend = make(CONSISTENT_HASH, (uint32_t[]){1, 1, 1, 1, END});
    uint8_t *owners = malloc(KEYS);
    assert_non_null(owners);
    for (uint64_t key = 0; key < KEYS; key++)
        owners[key] = (uint8_t)owner_of(backend, key);

    endpoint_eject(backend->endpoints[2].endpoint, UINT64_MAX);

    size_t moved[4] = {0};
    for (uint64_t key = 0; key < KEYS; key++) {
        size_t owner = owner_of(backend, key);
        if (owners[key] == 2)
            moved[owner]++;
        else
            assert_int_equal(owner, owners[key]);
    }
    size_t all_moved = moved[0] + moved[1] + moved[3];
    assert_int_equal(moved[2], 0);
    assert_true(moved[0] > all_moved / 4 && moved[1] > all_moved / 4 && moved[3] > all_moved / 4);
    free(owners);
    backend_release(&backend);
}

static void nothing_is_hashed_to_endpoints_without_weight(void **state)
{
    (void)state;
    struct backend *backend = make(CONSISTENT_HASH, (uint32_t[]){0, 1, 0, END});
    struct backend *none = make(CONSISTENT_HASH, (uint32_t[]){0, END});

    for (uint64_t key = 0; key < 1000; key++)
        assert_int_equal(owner_of(backend, key), 1);
    assert_null(pick(none, NULL));
    backend_release(&backend);
    backend_release(&none);
}

/* --- panic ----------------------------------------------------------------------------------- */

static void below_the_panic_share_all_are_used_as_if_healthy(void **state)
{
    (void)state;
    for (size_t policy = 0; policy < POLICY_COUNT; policy++) {
        struct backend *backend = make(all_policies[policy], (uint32_t[]){1, 1, 1, 1, END});
        backend->panic_percent = 50;
        size_t counts[4];

        endpoint_eject(backend->endpoints[0].endpoint, UINT64_MAX);
        endpoint_eject(backend->endpoints[1].endpoint, UINT64_MAX);
        count_picks(backend, NULL, counts);
        assert_int_equal(counts[0] + counts[1], 0);

        endpoint_eject(backend->endpoints[2].endpoint, UINT64_MAX);
        count_picks(backend, NULL, counts);
        for (size_t i = 0; i < 4; i++)
            assert_share(counts[i], 0.25);

        endpoint_eject(backend->endpoints[3].endpoint, UINT64_MAX);
        assert_non_null(pick(backend, NULL));
        backend_release(&backend);
    }
}

/* --- sessions ------------------------------------------------------------------------------- */

/* The index of the endpoint that a session at the one of this index is kept at; -1: none. */
static int keep(struct backend *backend, size_t index, const struct endpoint *tried)
{
    const struct balancer_request request = {
        .now_ms = clock_now_ms(), .tried = &tried, .tried_count = tried != NULL};
    const struct endpoint *endpoint = backend->endpoints[index].endpoint;
    const struct endpoint *kept =
        balancer_keep(backend, backend_session_id(backend, endpoint), &request);
    for (size_t i = 0; i < backend->endpoint_count; i++) {
        if (backend->endpoints[i].endpoint == kept)
            return (int)i;
    }
    return -1;
}

/* SESSION-1 */
static void a_session_is_kept_whatever_the_weights(void **state)
{
    (void)state;
    for (size_t policy = 0; policy < POLICY_COUNT; policy++) {
        struct backend *backend = make(all_policies[policy], (uint32_t[]){1, 0, 100, END});
        struct backend *draining = make(all_policies[policy], (uint32_t[]){0, 0, END});

        for (int i = 0; i < 3; i++)
            assert_int_equal(keep(backend, (size_t)i, NULL), i);
        assert_int_equal(keep(draining, 1, NULL), 1);
        backend_release(&backend);
        backend_release(&draining);
    }
}

/* SESSION-8 */
static void a_session_is_not_kept_where_it_may_not_go(void **state)
{
    (void)state;
    struct backend *backend = make(ROUND_ROBIN, (uint32_t[]){1, 1, 1, END});
    endpoint_eject(backend->endpoints[0].endpoint, UINT64_MAX);

    assert_int_equal(keep(backend, 0, NULL), -1);
    assert_int_equal(keep(backend, 1, backend->endpoints[1].endpoint), -1);
    assert_int_equal(keep(backend, 1, backend->endpoints[2].endpoint), 1);

    backend->panic_percent = 90;
    assert_int_equal(keep(backend, 0, NULL), 0);
    backend_release(&backend);
}

static void a_session_of_another_backend_or_endpoint_is_not_kept(void **state)
{
    (void)state;
    const struct balancer_request request = {.now_ms = clock_now_ms()};
    struct backend *backend = make(ROUND_ROBIN, (uint32_t[]){1, 1, END});
    struct backend_maker maker;
    maker_init(&maker);
    maker.message.name = (char *)"carts";
    maker_add(&maker, "10.0.0.1", 80);
    struct backend *other = backend_new(&maker.message, 0, NULL, registry, NULL);
    struct endpoint *endpoint = backend->endpoints[0].endpoint;
    assert_ptr_equal(other->endpoints[0].endpoint, endpoint);

    assert_null(balancer_keep(backend, backend_session_id(other, endpoint), &request));
    assert_null(balancer_keep(backend, 0, &request));
    assert_ptr_equal(balancer_keep(other, backend_session_id(other, endpoint), &request), endpoint);
    backend_release(&backend);
    backend_release(&other);
}

static void same_seed_gives_the_same_numbers(void **state)
{
    (void)state;
    struct balancer_random first, second, other;
    balancer_random_init_seeded(&first, 7);
    balancer_random_init_seeded(&second, 7);
    balancer_random_init(&other);

    assert_int_equal(balancer_random_next(&first), balancer_random_next(&second));
    assert_int_not_equal(balancer_random_next(&first), balancer_random_next(&other));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_policy_follows_the_weights),
        TEST(every_policy_spreads_equal_weights_evenly),
        TEST(nothing_is_picked_when_all_weights_are_zero),
        TEST(ejected_endpoint_gets_nothing_and_the_rest_keep_their_shares),
        TEST(nothing_is_picked_when_all_are_ejected),
        TEST(tried_endpoint_is_taken_only_when_alone),
        TEST(round_robin_with_equal_weights_takes_turns),
        TEST(round_robin_is_exact_in_each_round_and_never_in_bursts),
        TEST(least_request_of_two_takes_the_less_busy),
        TEST(least_request_counts_load_for_the_weight),
        TEST(least_request_keeps_four_endpoints_level),
        TEST(every_endpoint_tried_is_avoided),
        TEST(newcomer_starts_with_a_tenth_of_its_share),
        TEST(newcomer_gets_more_with_time_and_all_in_the_end),
        TEST(newcomers_alone_share_as_ever),
        TEST(a_key_stays_with_its_endpoint),
        TEST(only_keys_of_an_ejected_endpoint_move_and_to_all_others),
        TEST(nothing_is_hashed_to_endpoints_without_weight),
        TEST(below_the_panic_share_all_are_used_as_if_healthy),
        TEST(a_session_is_kept_whatever_the_weights),
        TEST(a_session_is_not_kept_where_it_may_not_go),
        TEST(a_session_of_another_backend_or_endpoint_is_not_kept),
        TEST(same_seed_gives_the_same_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
