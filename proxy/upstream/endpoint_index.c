#include "proxy/upstream/endpoint_index.h"

#include "common/buffer.h"
#include "proxy/upstream/backend.h"

/* A table of places, at least half of them empty, in which an endpoint is at the place that its
 * hash says or behind it. */

enum { WITHOUT_INDEX = 8 };

struct endpoint_index {
    size_t mask;
    uint32_t places[]; /* 0: empty; else one more than where the endpoint is */
};

struct endpoint_index *endpoint_index_new(const struct backend_endpoint *endpoints, size_t count)
{
    if (count <= WITHOUT_INDEX)
        return NULL;
    size_t room = 1;
    while (room < 2 * count)
        room *= 2;
    struct endpoint_index *index =
        memory_allocate_zeroed(1, sizeof(*index) + room * sizeof(index->places[0]));
    index->mask = room - 1;
    for (size_t i = 0; i < count; i++) {
        size_t place = endpoints[i].endpoint->name_hash & index->mask;
        while (index->places[place] != 0)
            place = (place + 1) & index->mask;
        index->places[place] = (uint32_t)i + 1;
    }
    return index;
}

const struct backend_endpoint *endpoint_index_find(const struct endpoint_index *index,
                                                   const struct backend_endpoint *endpoints,
                                                   size_t count, uint64_t name_hash)
{
    if (index == NULL) {
        for (size_t i = 0; i < count; i++) {
            if (endpoints[i].endpoint->name_hash == name_hash)
                return &endpoints[i];
        }
        return NULL;
    }
    size_t place = name_hash & index->mask;
    for (; index->places[place] != 0; place = (place + 1) & index->mask) {
        const struct backend_endpoint *each = &endpoints[index->places[place] - 1];
        if (each->endpoint->name_hash == name_hash)
            return each;
    }
    return NULL;
}
