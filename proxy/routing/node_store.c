#include "proxy/routing/node_store.h"

#include "common/buffer.h"
#include "proxy/routing/slab.h"

#include <assert.h>
#include <stdlib.h>

enum { FIRST_QUEUE_CAPACITY = 64 };

void node_store_init(struct node_store *store)
{
    *store = (struct node_store){.version = 1};
}

static void free_node(struct node_store *store, void *node)
{
    store->bytes -= slab_usable_bytes(node);
    slab_free(node);
}

static void let_first_go(struct node_store *store)
{
    struct retired *first = &store->queue[store->queue_first];
    store->queue_first = (store->queue_first + 1) & (store->queue_capacity - 1);
    store->queue_count--;
    if (first->let_go == NULL)
        free_node(store, first->thing);
    else
        first->let_go(first->thing);
}

void node_store_clear(struct node_store *store)
{
    while (store->queue_count > 0)
        let_first_go(store);
    assert(store->bytes == 0);
    free(store->queue);
    *store = (struct node_store){0};
}

void *node_store_allocate(struct node_store *store, size_t bytes, unsigned shape, size_t count)
{
    assert(count <= UINT16_MAX);
    struct node *node = slab_allocate(bytes);
    store->bytes += slab_usable_bytes(node);
    *node = (struct node){
        .version = store->version & ((UINT64_C(1) << 40) - 1),
        .shape = (uint8_t)shape,
        .count = (uint16_t)count,
    };
    return node;
}

static void enqueue(struct node_store *store, struct retired retired)
{
    if (store->queue_count == store->queue_capacity) {
        size_t capacity =
            store->queue_capacity == 0 ? FIRST_QUEUE_CAPACITY : 2 * store->queue_capacity;
        struct retired *queue = memory_allocate(capacity * sizeof(*queue));
        for (size_t i = 0; i < store->queue_count; i++)
            queue[i] = store->queue[(store->queue_first + i) & (store->queue_capacity - 1)];
        free(store->queue);
        store->queue = queue;
        store->queue_first = 0;
        store->queue_capacity = capacity;
    }
    size_t last = (store->queue_first + store->queue_count) & (store->queue_capacity - 1);
    store->queue[last] = retired;
    store->queue_count++;
}

void node_store_discard(struct node_store *store, void *node)
{
    if (node == NULL)
        return;
    if (node_store_owns(store, node))
        free_node(store, node);
    else
        enqueue(store, (struct retired){.version = store->version, .thing = node});
}

void node_store_retire(struct node_store *store, void *thing, void (*let_go)(void *thing))
{
    enqueue(store, (struct retired){.version = store->version, .thing = thing, .let_go = let_go});
}

void node_store_collect(struct node_store *store, uint64_t oldest_version)
{
    while (store->queue_count > 0 && store->queue[store->queue_first].version <= oldest_version)
        let_first_go(store);
}
