#include "proxy/upstream/balancer.h"

#include "proxy/upstream/hash_ring.h"

#include <stdlib.h>
#include <sys/random.h>

/* --- random numbers: xoroshiro128+ (Blackman and Vigna), seeded through splitmix64 ----------- */

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

/* --- places: each endpoint has as many as its weight ----------------------------------------- */

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

/* --- what may be picked ---------------------------------------------------------------------- */

enum panic { PANIC_UNKNOWN, PANIC_NO, PANIC_YES };

/* One pick under way. */
struct pick {
    struct backend *backend;
    const struct balancer_request *request;
    struct balancer_random *random;
    enum panic panic; /* found out when the first unhealthy endpoint is met */
};

/* So few are healthy that they would only fall under what all of them were made for. */
static bool is_panicking(struct pick *pick)
{
    const struct backend *backend = pick->backend;
    if (pick->panic != PANIC_UNKNOWN || backend->panic_percent == 0)
        return pick->panic == PANIC_YES;

    size_t serving = 0;
    size_t healthy = 0;
    for (size_t i = 0; i < backend->endpoint_count; i++) {
        const struct backend_endpoint *each = &backend->endpoints[i];
        serving += each->weight > 0;
        healthy += each->weight > 0 && backend_endpoint_is_healthy(each, pick->request->now_ms);
    }
    bool has_few = (uint64_t)healthy * 100 < (uint64_t)serving * backend->panic_percent;
    pick->panic = has_few ? PANIC_YES : PANIC_NO;
    return has_few;
}

static bool is_tried(const struct endpoint *endpoint, const struct balancer_request *request)
{
    for (size_t i = 0; i < request->tried_count; i++) {
        if (request->tried[i] == endpoint)
            return true;
    }
    return false;
}

/* Whatever its weight. */
static bool may_keep(struct pick *pick, const struct backend_endpoint *each)
{
    return !is_tried(each->endpoint, pick->request) &&
           (backend_endpoint_is_healthy(each, pick->request->now_ms) || is_panicking(pick));
}

static bool may_use(struct pick *pick, const struct backend_endpoint *each)
{
    return each->weight > 0 && may_keep(pick, each);
}

/* Slow start: an endpoint that has just come to serve gets a tenth of its share, then more and
 * more of it. */
enum { WHOLE_SHARE = 1000, FIRST_SHARE = 100 };

static uint64_t share_of(const struct pick *pick, const struct backend_endpoint *each)
{
    uint64_t slow_start_ms = pick->backend->slow_start_ms;
    if (slow_start_ms == 0)
        return WHOLE_SHARE;
    uint64_t now_ms = pick->request->now_ms;
    uint64_t since_ms =
        atomic_load_explicit(&each->endpoint->serving_since_ms, memory_order_relaxed);
    uint64_t age_ms = now_ms > since_ms ? now_ms - since_ms : 0;
    if (age_ms >= slow_start_ms)
        return WHOLE_SHARE;
    uint64_t share = WHOLE_SHARE * age_ms / slow_start_ms;
    return share < FIRST_SHARE ? FIRST_SHARE : share;
}

/* Whether what was drawn by weight is taken. */
static bool will_do(struct pick *pick, const struct backend_endpoint *each)
{
    if (!may_use(pick, each))
        return false;
    uint64_t share = share_of(pick, each);
    return share == WHOLE_SHARE || random_below(pick->random, WHOLE_SHARE) < share;
}

/* --- one function for each policy ---------------------------------------------------------------
 *
 * Each draws without looking at all endpoints. NULL when nothing it drew would do. */

/* As long as one endpoint in two will do, seven draws in eight succeed. */
enum { DRAWS = 3 };

static const struct backend_endpoint *draw_random(struct pick *pick)
{
    for (int i = 0; i < DRAWS; i++) {
        const struct backend_endpoint *drawn =
            at_place(pick->backend, random_below(pick->random, pick->backend->total_weight));
        if (will_do(pick, drawn))
            return drawn;
    }
    return NULL;
}

/* Of two chosen at random, the one with less to do for its weight; when they are even, the first:
 * an idle backend is shared by weight. */
static const struct backend_endpoint *draw_least_request(struct pick *pick)
{
    const struct backend_endpoint *first = draw_random(pick);
    if (first == NULL)
        return NULL;
    /* The second from the places that are not the first's. */
    uint64_t other_places = pick->backend->total_weight - first->weight;
    if (other_places == 0)
        return first;
    uint64_t place = random_below(pick->random, other_places);
    const struct backend_endpoint *second =
        at_place(pick->backend, place < first->weight_before ? place : place + first->weight);
    if (!will_do(pick, second))
        return first;

    uint64_t first_load = atomic_load_explicit(&first->endpoint->in_flight, memory_order_relaxed);
    uint64_t second_load = atomic_load_explicit(&second->endpoint->in_flight, memory_order_relaxed);
    return first_load * second->weight <= second_load * first->weight ? first : second;
}

/* An endpoint that cannot take its turn leaves it to the next one, which keeps its own. */
static const struct backend_endpoint *draw_round_robin(struct pick *pick)
{
    struct backend *backend = pick->backend;
    for (int i = 0; i < 2 * DRAWS; i++) {
        uint64_t turn = atomic_fetch_add_explicit(&backend->turn, 1, memory_order_relaxed);
        const struct backend_endpoint *next =
            at_place(backend, turn * backend->stride % backend->total_weight);
        if (will_do(pick, next))
            return next;
    }
    return NULL;
}

static const struct backend_endpoint *draw_consistent_hash(struct pick *pick)
{
    const struct backend *backend = pick->backend;
    const struct backend_endpoint *owner =
        &backend->endpoints[hash_ring_find(backend->ring, pick->request->hash_key)];
    return may_use(pick, owner) ? owner : NULL;
}

/* --- and one for when it found nothing: these look at each endpoint -------------------------- */

static uint64_t weight_now(struct pick *pick, const struct backend_endpoint *each)
{
    return may_use(pick, each) ? each->weight * share_of(pick, each) : 0;
}

static const struct backend_endpoint *find_by_weight(struct pick *pick)
{
    const struct backend *backend = pick->backend;
    uint64_t total = 0;
    for (size_t i = 0; i < backend->endpoint_count; i++)
        total += weight_now(pick, &backend->endpoints[i]);
    if (total == 0)
        return NULL;

    uint64_t place = random_below(pick->random, total);
    for (size_t i = 0; i < backend->endpoint_count; i++) {
        uint64_t weight = weight_now(pick, &backend->endpoints[i]);
        if (place < weight)
            return &backend->endpoints[i];
        place -= weight;
    }
    return NULL; /* one became unhealthy while we counted */
}

static const struct backend_endpoint *find_by_rank(struct pick *pick)
{
    const struct backend *backend = pick->backend;
    const struct backend_endpoint *best = NULL;
    double best_rank = 0;
    for (size_t i = 0; i < backend->endpoint_count; i++) {
        const struct backend_endpoint *each = &backend->endpoints[i];
        if (!may_use(pick, each))
            continue;
        double rank = hash_ring_rank(each, pick->request->hash_key);
        if (best == NULL || rank > best_rank) {
            best = each;
            best_rank = rank;
        }
    }
    return best;
}

static const struct {
    const struct backend_endpoint *(*draw)(struct pick *pick);
    const struct backend_endpoint *(*find)(struct pick *pick);
} policies[] = {
    [POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_LEAST_REQUEST] =
        {draw_least_request, find_by_weight},
    [POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_ROUND_ROBIN] = {draw_round_robin,
                                                                                 find_by_weight},
    [POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_RANDOM] = {draw_random,
                                                                            find_by_weight},
    [POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_CONSISTENT_HASH] =
        {draw_consistent_hash, find_by_rank},
};

struct endpoint *balancer_pick(struct backend *backend, const struct balancer_request *request,
                               struct balancer_random *random)
{
    if (backend->total_weight == 0)
        return NULL;

    struct pick pick = {.backend = backend, .request = request, .random = random};
    const struct backend_endpoint *picked = policies[backend->policy].draw(&pick);
    if (picked == NULL)
        picked = policies[backend->policy].find(&pick);
    if (picked == NULL && request->tried_count > 0) {
        struct balancer_request anywhere = *request;
        anywhere.tried_count = 0;
        pick.request = &anywhere;
        picked = policies[backend->policy].find(&pick);
    }
    return picked == NULL ? NULL : picked->endpoint;
}

struct endpoint *balancer_keep(struct backend *backend, uint64_t session_id,
                               const struct balancer_request *request)
{
    struct pick pick = {.backend = backend, .request = request};
    const struct backend_endpoint *found = backend_find_session(backend, session_id);
    return found != NULL && may_keep(&pick, found) ? found->endpoint : NULL;
}

bool balancer_any(struct backend *backend, const struct balancer_request *request,
                  struct balancer_random *random, balancer_visit_fn *visit, void *context)
{
    struct pick pick = {.backend = backend, .request = request, .random = random};
    size_t count = backend->endpoint_count;
    uint64_t first = random_below(random, count);
    for (size_t i = 0; i < count; i++) {
        const struct backend_endpoint *each = &backend->endpoints[(first + i) % count];
        if (may_use(&pick, each) && visit(context, each->endpoint))
            return true;
    }
    return false;
}
