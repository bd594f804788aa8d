#include "proto/message.h"

#include "proto/message_parts.h"
#include "proto/wire_check.h"

#include <stdlib.h>

/* What an allocation costs beside its bytes. */
enum { ALLOCATION_OVERHEAD = 16 };

struct budget {
    const struct message_memory *memory;
    size_t left;
    bool was_exceeded;
};

/* Nothing is given back on free: the total is bounded, and with it the peak. */
static void *allocate_from_budget(void *allocator_data, size_t bytes)
{
    struct budget *budget = allocator_data;
    if (bytes > budget->left || budget->left - bytes < ALLOCATION_OVERHEAD) {
        budget->was_exceeded = true;
        return NULL;
    }
    budget->left -= bytes + ALLOCATION_OVERHEAD;
    return budget->memory->allocate(budget->memory->context, bytes);
}

static void free_of_budget(void *allocator_data, void *memory)
{
    struct budget *budget = allocator_data;
    budget->memory->free(budget->memory->context, memory);
}

static ProtobufCMessage *unpack_with(const struct message_memory *memory,
                                     const ProtobufCMessageDescriptor *descriptor,
                                     struct slice bytes, size_t max_memory, struct error *err)
{
    struct budget budget = {.memory = memory, .left = max_memory};
    ProtobufCAllocator allocator = {
        .alloc = allocate_from_budget,
        .free = free_of_budget,
        .allocator_data = &budget,
    };
    const uint8_t *at = (const uint8_t *)(bytes.at == NULL ? "" : bytes.at);
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, &allocator, bytes.length, at);
    if (message != NULL)
        return message;

    if (budget.was_exceeded)
        error_set(err, ERROR_LIMIT, "%s: takes more than %zu bytes of memory",
                  descriptor->short_name, max_memory);
    else
        error_set(err, ERROR_INVALID, "%s: is not a protobuf message", descriptor->short_name);
    return NULL;
}

ProtobufCMessage *message_unpack_with(const struct message_memory *memory,
                                      const ProtobufCMessageDescriptor *descriptor,
                                      struct slice bytes, size_t max_memory,
                                      enum unknown_fields unknown, struct error *err)
{
    if (!wire_check(descriptor, bytes, unknown == UNKNOWN_FIELDS_REFUSED, err))
        return NULL;
    return unpack_with(memory, descriptor, bytes, max_memory, err);
}

static void *allocate(void *context, size_t bytes)
{
    (void)context;
    return memory_allocate(bytes);
}

static void give_back(void *context, void *memory)
{
    (void)context;
    free(memory);
}

static const struct message_memory heap = {.allocate = allocate, .free = give_back};

ProtobufCMessage *message_unpack(const ProtobufCMessageDescriptor *descriptor, struct slice bytes,
                                 size_t max_memory, enum unknown_fields unknown, struct error *err)
{
    return message_unpack_with(&heap, descriptor, bytes, max_memory, unknown, err);
}

ProtobufCMessage *message_copy(const ProtobufCMessage *message)
{
    struct buffer packed = BUFFER_EMPTY;
    message_pack(message, &packed);
    ProtobufCMessage *copy =
        unpack_with(&heap, message->descriptor, buffer_slice(&packed), SIZE_MAX, NULL);
    buffer_clear(&packed);
    return copy;
}

void message_free(ProtobufCMessage *message)
{
    /* The default allocator's free is what ours is. */
    if (message != NULL)
        protobuf_c_message_free_unpacked(message, NULL);
}

void message_pack(const ProtobufCMessage *message, struct buffer *to)
{
    size_t bytes = protobuf_c_message_get_packed_size(message);
    protobuf_c_message_pack(message, (uint8_t *)buffer_reserve(to, bytes));
    buffer_extend(to, bytes);
}
