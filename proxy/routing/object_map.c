#include "proxy/routing/object_map.h"

#include "common/hash.h"

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
    if (free_object != NULL)
        hash_trie_each(map->by_name, free_object, context);
    hash_trie_discard(&map->by_name, &map->store);
    node_store_clear(&map->store);
    object_map_init(map, map->name_of);
}

void *object_map_find(const struct object_map *map, struct slice name)
{
    uint64_t hash = name_hash(name);
    const struct trie_leaf *leaf = hash_trie_leaf(map->by_name, hash);
    for (size_t i = 0; leaf != NULL && i < leaf->node.count; i++) {
        if (leaf->entries[i].hash == hash &&
            slice_equals(map->name_of(leaf->entries[i].value), name))
            return leaf->entries[i].value;
    }
    return NULL;
}

void object_map_add(struct object_map *map, void *object)
{
    hash_trie_add(&map->by_name, &map->store, name_hash(map->name_of(object)), object);
}

void object_map_remove(struct object_map *map, const void *object)
{
    hash_trie_remove(&map->by_name, &map->store, name_hash(map->name_of(object)), object);
}

void object_map_each(const struct object_map *map, void (*visit)(void *context, void *object),
                     void *context)
{
    hash_trie_each(map->by_name, visit, context);
}
