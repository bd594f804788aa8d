#include "proxy/routing/object_map.h"

#include "common/hash.h"

#include <assert.h>

enum { NAME_SEED = 7 };

static uint64_t name_hash(struct slice name)
{
    return hash_bytes(name.at, name.length, NAME_SEED);
}

void object_map_init(struct object_map *map, struct slice (*name_of)(const void *object))
{
    *map = (struct object_map){.name_of = name_of};
    node_store_init(&map->store);
}

void object_map_clear(struct object_map *map, void (*free_object)(void *context, void *object),
                      void *context)
{
    assert(!map->is_frozen);
    if (free_object != NULL)
        hash_trie_each(map->by_name, free_object, context);
    hash_trie_discard(&map->by_name, &map->store);
    node_store_clear(&map->store);
    object_map_init(map, map->name_of);
}

/* Nodes made before a freeze are replaced, not changed, also long after the thaw; then they can go
 * at once. */
static void let_go_of_nodes(struct object_map *map)
{
    if (!map->is_frozen)
        node_store_collect(&map->store, map->store.version);
}

static void *find(const struct object_map *map, struct slice name, uint64_t hash)
{
    struct trie_spot spot;
    hash_trie_spot(map->by_name, hash, &spot);
    void *object = trie_spot_first(&spot, hash);
    while (object != NULL && !slice_equals(map->name_of(object), name))
        object = trie_spot_next(&spot, hash);
    return object;
}

void *object_map_find(const struct object_map *map, struct slice name)
{
    return object_map_is_empty(map) ? NULL : find(map, name, name_hash(name));
}

void *object_map_put(struct object_map *map, void *object)
{
    struct slice name = map->name_of(object);
    uint64_t hash = name_hash(name);
    void *held = find(map, name, hash);
    if (held == NULL)
        hash_trie_add(&map->by_name, &map->store, hash, object);
    else
        hash_trie_replace(&map->by_name, &map->store, hash, held, object);
    let_go_of_nodes(map);
    return held;
}

void *object_map_remove(struct object_map *map, struct slice name)
{
    if (object_map_is_empty(map))
        return NULL;
    uint64_t hash = name_hash(name);
    void *held = find(map, name, hash);
    if (held != NULL)
        hash_trie_remove(&map->by_name, &map->store, hash, held);
    let_go_of_nodes(map);
    return held;
}

void object_map_each(const struct object_map *map, void (*visit)(void *context, void *object),
                     void *context)
{
    hash_trie_each(map->by_name, visit, context);
}

struct hash_trie object_map_freeze(struct object_map *map)
{
    assert(!map->is_frozen);
    map->is_frozen = true;
    map->store.version++;
    return map->by_name;
}

void object_map_thaw(struct object_map *map)
{
    map->is_frozen = false;
    let_go_of_nodes(map);
}
