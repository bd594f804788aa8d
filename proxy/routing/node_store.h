/* Node store: the memory of what tables share, and when it may go.
 *
 * Tables form one line: each is made from the newest. A node that is replaced while version V is
 * built can only be seen by tables older than V, so nodes need no counts: what was replaced waits
 * in a queue until the oldest table held is V or newer. Nodes made while V is built are nobody's
 * but the builder's until V is published, and may be changed in place: that is what makes a batch
 * cheap.
 *
 * Threads: the builder's only. */
#ifndef PROXY_ROUTING_NODE_STORE_H
#define PROXY_ROUTING_NODE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What every node starts with. */
struct node {
    uint64_t version : 40; /* of the table it was made for */
    uint64_t shape : 8;    /* its user's */
    uint64_t count : 16;   /* its user's */
};

struct retired {
    uint64_t version;
    void *thing;
    void (*let_go)(void *thing);
};

struct node_store {
    uint64_t version; /* being built */
    size_t bytes;     /* of all nodes, with what the allocator adds */
    struct retired *queue;
    size_t queue_first;
    size_t queue_count;
    size_t queue_capacity; /* a power of two */
};

void node_store_init(struct node_store *store);
/* Lets go of everything retired. Live nodes must have been discarded. */
void node_store_clear(struct node_store *store);

/* A node of the version being built, not zeroed behind its header. */
void *node_store_allocate(struct node_store *store, size_t bytes, unsigned shape, size_t count);

/* Whether the node may be changed in place. */
static inline bool node_store_owns(const struct node_store *store, const struct node *node)
{
    return node->version == store->version;
}

/* The node is no part of the version being built any more. Harmless on NULL. */
void node_store_discard(struct node_store *store, void *node);

/* Calls `let_go` when no table older than the version being built is held. */
void node_store_retire(struct node_store *store, void *thing, void (*let_go)(void *thing));

/* Lets go of what only tables older than `oldest_version` could see. */
void node_store_collect(struct node_store *store, uint64_t oldest_version);

#endif
