/* Slot vector: a persistent array of pointers, by small index.
 *
 * Threads: any may read a published one; the builder's alone changes one. */
#ifndef PROXY_ROUTING_SLOT_VECTOR_H
#define PROXY_ROUTING_SLOT_VECTOR_H

#include "proxy/routing/node_store.h"

#include <stdint.h>

struct slot_vector {
    struct node *root; /* NULL: empty */
    unsigned height;   /* levels below the root */
};

/* NULL where nothing was set. */
void *slot_vector_get(const struct slot_vector *vector, uint32_t index);
void slot_vector_set(struct slot_vector *vector, struct node_store *store, uint32_t index,
                     void *value);

/* Calls `visit` for each value that is not NULL. */
void slot_vector_each(const struct slot_vector *vector, void (*visit)(void *context, void *value),
                      void *context);
void slot_vector_discard(struct slot_vector *vector, struct node_store *store);

#endif
