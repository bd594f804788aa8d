#include "proto/message_arena.h"

#include "common/buffer.h"
#include "common/round_up.h"
#include "proto/message_parts.h"

#include <stdlib.h>

enum { ALIGNMENT = 16, FIRST_BLOCK_BYTES = 4096, BLOCK_BYTES_MAX = 1 << 20 };

struct message_arena_block {
    struct message_arena_block *older;
    size_t used;
    size_t bytes;
    _Alignas(ALIGNMENT) unsigned char memory[];
};

static struct message_arena_block *add_block(struct message_arena *arena, size_t least_bytes)
{
    size_t bytes = arena->newest == NULL ? FIRST_BLOCK_BYTES : 2 * arena->newest->bytes;
    if (bytes > BLOCK_BYTES_MAX)
        bytes = BLOCK_BYTES_MAX;
    if (bytes < least_bytes)
        bytes = least_bytes;
    struct message_arena_block *block = memory_allocate(sizeof(*block) + bytes);
    block->older = arena->newest;
    block->used = 0;
    block->bytes = bytes;
    arena->newest = block;
    return block;
}

static void *allocate(void *context, size_t bytes)
{
    struct message_arena *arena = context;
    struct message_arena_block *block = arena->newest;
    size_t rounded = round_up(bytes, ALIGNMENT);
    if (block == NULL || block->bytes - block->used < rounded)
        block = add_block(arena, rounded);
    void *memory = &block->memory[block->used];
    block->used += rounded;
    return memory;
}

static void keep(void *context, void *memory)
{
    (void)context;
    (void)memory;
}

ProtobufCMessage *message_arena_unpack(struct message_arena *arena,
                                       const ProtobufCMessageDescriptor *descriptor,
                                       struct slice bytes, size_t max_memory,
                                       enum unknown_fields unknown, struct error *err)
{
    const struct message_memory memory = {.allocate = allocate, .free = keep, .context = arena};
    return message_unpack_with(&memory, descriptor, bytes, max_memory, unknown, err);
}

static void free_blocks(struct message_arena_block *block)
{
    struct message_arena_block *older;
    for (; block != NULL; block = older) {
        older = block->older;
        free(block);
    }
}

void message_arena_reset(struct message_arena *arena)
{
    if (arena->newest == NULL)
        return;
    free_blocks(arena->newest->older);
    arena->newest->older = NULL;
    arena->newest->used = 0;
}

void message_arena_clear(struct message_arena *arena)
{
    free_blocks(arena->newest);
    arena->newest = NULL;
}
