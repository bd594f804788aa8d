#include "proxy/routing/slot_vector.h"

#include <stddef.h>
#include <string.h>

enum { LEVEL_BITS = 6, WIDTH = 1 << LEVEL_BITS };

/* The lowest level holds values, the others nodes. */
struct slots {
    struct node node;
    void *slots[WIDTH];
};

static bool reaches(const struct slot_vector *vector, uint32_t index)
{
    return vector->root != NULL && (uint64_t)index >> (LEVEL_BITS * (vector->height + 1)) == 0;
}

static size_t place(uint32_t index, unsigned height)
{
    return index >> (LEVEL_BITS * height) & (WIDTH - 1);
}

void *slot_vector_get(const struct slot_vector *vector, uint32_t index)
{
    if (!reaches(vector, index))
        return NULL;
    void *at = vector->root;
    for (unsigned height = vector->height + 1; at != NULL && height > 0; height--)
        at = ((struct slots *)at)->slots[place(index, height - 1)];
    return at;
}

static struct slots *own_slots(struct node_store *store, struct slots *old)
{
    if (old != NULL && node_store_owns(store, &old->node))
        return old;
    struct slots *slots = node_store_allocate(store, sizeof(*slots), 0, 0);
    if (old == NULL)
        memset(slots->slots, 0, sizeof(slots->slots));
    else
        memcpy(slots->slots, old->slots, sizeof(slots->slots));
    node_store_discard(store, old);
    return slots;
}

void slot_vector_set(struct slot_vector *vector, struct node_store *store, uint32_t index,
                     void *value)
{
    while (vector->root != NULL && !reaches(vector, index)) {
        struct slots *higher = own_slots(store, NULL);
        higher->slots[0] = vector->root;
        vector->root = &higher->node;
        vector->height++;
    }
    if (vector->root == NULL) {
        vector->height = 0;
        while ((uint64_t)index >> (LEVEL_BITS * (vector->height + 1)) != 0)
            vector->height++;
    }

    struct slots *slots = own_slots(store, (struct slots *)vector->root);
    vector->root = &slots->node;
    for (unsigned height = vector->height; height > 0; height--) {
        void **below = &slots->slots[place(index, height)];
        slots = own_slots(store, *below);
        *below = slots;
    }
    slots->slots[place(index, 0)] = value;
}

static void each_below(struct slots *slots, unsigned height,
                       void (*visit)(void *context, void *value), void *context)
{
    for (size_t i = 0; i < WIDTH; i++) {
        if (slots->slots[i] == NULL)
            continue;
        if (height == 0)
            visit(context, slots->slots[i]);
        else
            each_below(slots->slots[i], height - 1, visit, context);
    }
}

void slot_vector_each(const struct slot_vector *vector, void (*visit)(void *context, void *value),
                      void *context)
{
    if (vector->root != NULL)
        each_below((struct slots *)vector->root, vector->height, visit, context);
}

static void discard_below(struct node_store *store, struct slots *slots, unsigned height)
{
    for (size_t i = 0; height > 0 && i < WIDTH; i++) {
        if (slots->slots[i] != NULL)
            discard_below(store, slots->slots[i], height - 1);
    }
    node_store_discard(store, slots);
}

void slot_vector_discard(struct slot_vector *vector, struct node_store *store)
{
    if (vector->root != NULL)
        discard_below(store, (struct slots *)vector->root, vector->height);
    *vector = (struct slot_vector){0};
}
