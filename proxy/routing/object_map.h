/* Object map: objects by their names, for what the control thread alone holds.
 *
 * Threads: none shared. */
#ifndef PROXY_ROUTING_OBJECT_MAP_H
#define PROXY_ROUTING_OBJECT_MAP_H

#include "common/slice.h"
#include "proxy/routing/hash_trie.h"

#include <stddef.h>

/* A hash trie that is never published, so all its changes are in place. */
struct object_map {
    struct slice (*name_of)(const void *object);
    struct node_store store;
    struct hash_trie by_name;
};

void object_map_init(struct object_map *map, struct slice (*name_of)(const void *object));
/* Calls `free_object` (or NULL) for each object; the map can be filled again. */
void object_map_clear(struct object_map *map, void (*free_object)(void *context, void *object),
                      void *context);

/* NULL when there is none. */
void *object_map_find(const struct object_map *map, struct slice name);
/* No object of its name is there. The name must last as long as the object is in. */
void object_map_add(struct object_map *map, void *object);
/* The object is there. */
void object_map_remove(struct object_map *map, const void *object);

/* Calls `visit` for each object, in no order; it must not change the map. */
void object_map_each(const struct object_map *map, void (*visit)(void *context, void *object),
                     void *context);

#endif
