#include "proxy/upstream/balancer.h"

#include <stdlib.h>
#include <sys/random.h>

/* --- random numbers: xoroshiro128+ (Blackman and Vigna), seeded through splitmix64 -------------
 */

static uint64_t rotate(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

void balancer_random_init_seeded(struct balancer_random *random, uint64_t seed)
{
    for (size_t i = 0; i < 2; i++) {
        seed += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t mixed = (seed ^ seed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
        random->state[i] = mixed ^ mixed >> 31;
    }
}

void balancer_random_init(struct balancer_random *random)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        abort();
    balancer_random_init_seeded(random, seed);
}

uint64_t balancer_random_next(struct balancer_random *random)
{
    uint64_t first = random->state[0];
    uint64_t second = random->state[1];
    uint64_t result = first + second;
    second ^= first;
    random->state[0] = rotate(first, 24) ^ second ^ second << 16;
    random->state[1] = rotate(second, 37);
    return result;
}

/* 0 to `limit` - 1, by multiplying instead of dividing. */
static uint64_t random_below(struct balancer_random *random, uint64_t limit)
{
    return (uint64_t)((unsigned __int128)balancer_random_next(random) * limit >> 64);
}

/* --- places: each endpoint has as many as its weight --------------------------------------------
 */

static const struct backend_endpoint *at_place(const struct backend *backend, uint64_t place)
{
    if (backend->has_equal_weights)
        return &backend->endpoints[place];

    /* The last endpoint that starts at or before it; those of weight 0 start where their
     * successor does. */
    size_t low = 0;
    size_t high = backend->endpoint_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (backend->endpoints[middle].weight_before <= place)
            low = middle;
        else
            high = middle;
    }
    return &backend->endpoints[low];
}

/* --- one function for each policy ---------------------------------------------------------------
 */

static const struct backend_endpoint *pick_random(struct backend *backend,
                                                  struct balancer_random *random)
{
    return at_place(backend, random_below(random, backend->total_weight));
}

/* Of two chosen at random, the one with less to do for its weight; when they are even, the first:
 * an idle backend is shared by weight. */
static const struct backend_endpoint *pick_least_request(struct backend *backend,
                                                         struct balancer_random *random)
{
    const struct backend_endpoint *first = pick_random(backend, random);
    /* The second from the places that are not the first's. */
    uint64_t other_places = backend->total_weight - first->weight;
    if (other_places == 0)
        return first;
    uint64_t place = random_below(random, other_places);
    const struct backend_endpoint *second =
        at_place(backend, place < first->weight_before ? place : place + first->weight);

    uint64_t first_load = atomic_load_explicit(&first->endpoint->in_flight, memory_order_relaxed);
    uint64_t second_load = atomic_load_explicit(&second->endpoint->in_flight, memory_order_relaxed);
    return first_load * second->weight <= second_load * first->weight ? first : second;
}

static const struct backend_endpoint *pick_round_robin(struct backend *backend,
                                                       struct balancer_random *random)
{
    (void)random;
    uint64_t turn = atomic_fetch_add_explicit(&backend->turn, 1, memory_order_relaxed);
    return at_place(backend, turn * backend->stride % backend->total_weight);
}

typedef const struct backend_endpoint *pick_fn(struct backend *backend,
                                               struct balancer_random *random);

static pick_fn *const policies[] = {
    [POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_LEAST_REQUEST] =
        pick_least_request,
    [POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_ROUND_ROBIN] = pick_round_robin,
    [POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_RANDOM] = pick_random,
};

/* --- when the policy's choice will not do -------------------------------------------------------
 */

static bool is_usable(const struct backend_endpoint *each, const struct endpoint *avoid)
{
    return each->weight > 0 && each->endpoint != avoid && endpoint_is_available(each->endpoint);
}

/* By weight among the usable ones, or NULL. Looks at each, so only after a failure. */
static struct endpoint *pick_usable(const struct backend *backend, const struct endpoint *avoid,
                                    struct balancer_random *random)
{
    uint64_t total = 0;
    for (size_t i = 0; i < backend->endpoint_count; i++) {
        if (is_usable(&backend->endpoints[i], avoid))
            total += backend->endpoints[i].weight;
    }
    if (total == 0)
        return NULL;

    uint64_t place = random_below(random, total);
    for (size_t i = 0; i < backend->endpoint_count; i++) {
        const struct backend_endpoint *each = &backend->endpoints[i];
        if (!is_usable(each, avoid))
            continue;
        if (place < each->weight)
            return each->endpoint;
        place -= each->weight;
    }
    return NULL; /* one became unavailable while we counted */
}

struct endpoint *balancer_pick(struct backend *backend, uint64_t hash_key,
                               const struct endpoint *avoid, struct balancer_random *random)
{
    (void)hash_key; /* for ConsistentHash, which backend_new does not accept yet */
    if (backend->total_weight == 0)
        return NULL;

    const struct backend_endpoint *picked = policies[backend->policy](backend, random);
    if (is_usable(picked, avoid))
        return picked->endpoint;

    struct endpoint *other = pick_usable(backend, avoid, random);
    return other != NULL || avoid == NULL ? other : pick_usable(backend, NULL, random);
}
