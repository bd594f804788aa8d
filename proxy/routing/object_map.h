/* Object map: objects by their names, for what the control thread alone changes.
 *
 * A hash trie. Changes are in place, but for what a frozen copy of it still shows.
 *
 * Threads: none shared, but a frozen trie may be read by any. */
#ifndef PROXY_ROUTING_OBJECT_MAP_H
#define PROXY_ROUTING_OBJECT_MAP_H

#include "common/slice.h"
#include "proxy/routing/hash_trie.h"

#include <stdbool.h>
#include <stddef.h>

struct object_map {
    struct slice (*name_of)(const void *object);
    struct node_store store;
    struct hash_trie by_name;
    bool is_frozen;
};

void object_map_init(struct object_map *map, struct slice (*name_of)(const void *object));
/* Calls `free_object` (or NULL) for each object; the map can be filled again. It is not frozen. */
void object_map_clear(struct object_map *map, void (*free_object)(void *context, void *object),
                      void *context);

static inline bool object_map_is_empty(const struct object_map *map)
{
    return hash_trie_is_empty(map->by_name);
}

/* NULL when there is none. */
void *object_map_find(const struct object_map *map, struct slice name);
/* Puts an object. Returns the one of its name that was there, or NULL. The name must last as long
 * as the object is in. */
void *object_map_put(struct object_map *map, void *object);
/* Returns what was removed, or NULL when there is none of this name. */
void *object_map_remove(struct object_map *map, struct slice name);

/* Calls `visit` for each object, in no order; it must not change the map. */
void object_map_each(const struct object_map *map, void (*visit)(void *context, void *object),
                     void *context);

/* Everything the map holds now, as a trie that stays as it is until object_map_thaw, whatever is
 * put and removed meanwhile. One at a time. That the objects last is the caller's business. */
struct hash_trie object_map_freeze(struct object_map *map);
void object_map_thaw(struct object_map *map);

#endif
