#include "proxy/upstream/hash_ring.h"

#include "common/buffer.h"
#include "proxy/upstream/backend.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

/* With 160 points shares are within some 8 % of their weight. Large weights take fewer points for
 * each unit, so that a ring stays in the cache, but never fewer than FEWEST on average. */
enum { POINTS_FOR_WEIGHT_1 = 160, MOST_POINTS = 64 * 1024, FEWEST_POINTS = 64 };

struct point {
    uint32_t place;
    uint32_t index; /* of the endpoint */
};

struct hash_ring {
    atomic_uint references;
    size_t count;
    struct point points[];
};

/* The finalizer of splitmix64: every bit of the result depends on every bit of `bits`. */
static uint64_t mix(uint64_t bits)
{
    bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
    return bits ^ bits >> 31;
}

/* --- making ---------------------------------------------------------------------------------- */

static size_t points_of(const struct backend_endpoint *endpoint, unsigned shift)
{
    uint64_t points = (uint64_t)endpoint->weight * POINTS_FOR_WEIGHT_1 >> shift;
    return endpoint->weight == 0 ? 0 : points == 0 ? 1 : (size_t)points;
}

static size_t all_points(const struct backend_endpoint *endpoints, size_t count, unsigned shift)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += points_of(&endpoints[i], shift);
    return total;
}

static int compare_points(const void *a, const void *b)
{
    const struct point *first = a;
    const struct point *second = b;
    if (first->place != second->place)
        return first->place < second->place ? -1 : 1;
    return first->index < second->index ? -1 : first->index > second->index;
}

/* Halving leaves each endpoint the first half of its points: those that stay do not move. */
static unsigned choose_shift(const struct backend_endpoint *endpoints, size_t count)
{
    size_t most = count * FEWEST_POINTS > MOST_POINTS ? count * FEWEST_POINTS : MOST_POINTS;
    unsigned shift = 0;
    while (all_points(endpoints, count, shift) > most)
        shift++;
    return shift;
}

struct hash_ring *hash_ring_new(const struct backend_endpoint *endpoints, size_t count)
{
    unsigned shift = choose_shift(endpoints, count);
    size_t total = all_points(endpoints, count, shift);
    if (total == 0)
        return NULL;

    struct hash_ring *ring = memory_allocate(sizeof(*ring) + total * sizeof(ring->points[0]));
    atomic_init(&ring->references, 1);
    ring->count = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t identity = endpoints[i].endpoint->name_hash;
        for (size_t left = points_of(&endpoints[i], shift); left > 0; left--)
            ring->points[ring->count++] = (struct point){
                .place = (uint32_t)(mix(identity + left) >> 32),
                .index = (uint32_t)i,
            };
    }
    qsort(ring->points, ring->count, sizeof(ring->points[0]), compare_points);
    return ring;
}

void hash_ring_acquire(struct hash_ring *ring)
{
    atomic_fetch_add_explicit(&ring->references, 1, memory_order_relaxed);
}

void hash_ring_release(struct hash_ring **ring)
{
    struct hash_ring *ours = *ring;
    if (ours == NULL)
        return;
    *ring = NULL;
    if (atomic_fetch_sub_explicit(&ours->references, 1, memory_order_acq_rel) == 1)
        free(ours);
}

/* --- finding --------------------------------------------------------------------------------- */

size_t hash_ring_find(const struct hash_ring *ring, uint64_t key)
{
    uint32_t place = (uint32_t)(mix(key) >> 32);
    size_t low = 0;
    size_t high = ring->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ring->points[middle].place < place)
            low = middle + 1;
        else
            high = middle;
    }
    return ring->points[low < ring->count ? low : 0].index;
}

double hash_ring_rank(const struct backend_endpoint *endpoint, uint64_t key)
{
    /* A number between 0 and 1, neither included; see weighted rendezvous hashing. */
    uint64_t bits = mix(endpoint->endpoint->name_hash ^ mix(key)) >> 12;
    double random = ((double)bits + 0.5) / (double)(UINT64_C(1) << 52);
    return -(double)endpoint->weight / log(random);
}
