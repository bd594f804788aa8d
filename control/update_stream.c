#include "control/update_stream.h"

#include "proto/feed_protocol.h"
#include "proto/message.h"
#include "proto/route_id.h"

#include <assert.h>
#include <stdlib.h>

enum { OBJECT_OVERHEAD_BYTES = 16 };

void update_stream_begin_snapshot(struct update_stream *stream, uint64_t update_id,
                                  uint32_t protocol, const struct store *store)
{
    struct store_head head = store_head(store);
    *stream = (struct update_stream){.update_id = update_id,
                                     .is_snapshot = true,
                                     .protocol = protocol,
                                     .revision = head.revision,
                                     .digest = head.digest};
}

void update_stream_begin_delta(struct update_stream *stream, uint64_t update_id, uint32_t protocol,
                               uint64_t base_revision, const struct store *store)
{
    struct store_head head = store_head(store);
    *stream = (struct update_stream){.update_id = update_id,
                                     .base_revision = base_revision,
                                     .protocol = protocol,
                                     .revision = head.revision,
                                     .digest = head.digest};
}

/* What one message holds. Names and bytes are in one buffer, which moves while it grows: until it
 * is whole, objects keep offsets. */
struct chunk {
    struct update_stream *stream;
    struct buffer content;
    FeedObjectMessage *objects;
    size_t *name_offsets;
    size_t count;
    size_t capacity;
    size_t bytes;
    bool is_full;
};

static struct slice name_to_send(const struct chunk *chunk, const struct store_object *object)
{
    return chunk->stream->protocol < FEED_PROTOCOL_IDS ? route_id_name(object->name) : object->name;
}

static void append_object(struct chunk *chunk, const struct store_object *object)
{
    if (chunk->count == chunk->capacity) {
        chunk->capacity = chunk->capacity == 0 ? 64 : 2 * chunk->capacity;
        chunk->objects =
            memory_reallocate(chunk->objects, chunk->capacity * sizeof(chunk->objects[0]));
        chunk->name_offsets = memory_reallocate(chunk->name_offsets,
                                                chunk->capacity * sizeof(chunk->name_offsets[0]));
    }
    FeedObjectMessage *message = &chunk->objects[chunk->count];
    pointsman__v1__feed_object__init(message);
    message->kind = object->kind;
    message->deleted = object->is_deleted;
    message->object.len = object->bytes.length;
    chunk->name_offsets[chunk->count++] = chunk->content.length;
    buffer_append_slice(&chunk->content, name_to_send(chunk, object));
    buffer_append_char(&chunk->content, '\0');
    buffer_append_slice(&chunk->content, object->bytes);
}

static bool take_object(void *context, const struct store_object *object)
{
    struct chunk *chunk = context;
    struct update_stream *stream = chunk->stream;
    size_t bytes = object->name.length + object->bytes.length + OBJECT_OVERHEAD_BYTES;
    if (chunk->count > 0 && chunk->bytes + bytes > UPDATE_MESSAGE_BYTES) {
        chunk->is_full = true;
        return false;
    }
    append_object(chunk, object);
    chunk->bytes += bytes;
    stream->sequence = object->sequence;
    return true;
}

static void pack_chunk(struct chunk *chunk, struct buffer *to)
{
    const struct update_stream *stream = chunk->stream;
    FeedObjectMessage **objects = memory_allocate(chunk->count * sizeof(objects[0]));
    for (size_t i = 0; i < chunk->count; i++) {
        char *name = chunk->content.at + chunk->name_offsets[i];
        objects[i] = &chunk->objects[i];
        objects[i]->name = name;
        objects[i]->object.data = (uint8_t *)name + strlen(name) + 1;
    }

    Pointsman__V1__Update update = POINTSMAN__V1__UPDATE__INIT;
    update.update_id = stream->update_id;
    update.snapshot = stream->is_snapshot;
    update.base_revision = stream->base_revision;
    update.revision = stream->revision;
    update.objects = objects;
    update.n_objects = chunk->count;
    update.last = stream->is_finished;
    update.digest = stream->is_finished ? stream->digest : 0;

    Pointsman__V1__WatchResponse response = POINTSMAN__V1__WATCH_RESPONSE__INIT;
    response.event_case = POINTSMAN__V1__WATCH_RESPONSE__EVENT_UPDATE;
    response.update = &update;
    message_pack(&response.base, to);
    free(objects);
}

bool update_stream_next(struct update_stream *stream, struct store *store, struct buffer *to,
                        struct error *err)
{
    assert(!stream->is_finished);
    struct chunk chunk = {.stream = stream};
    bool is_read =
        stream->is_snapshot
            ? store_scan(store, stream->revision, 0, &stream->cursor, take_object, &chunk, err)
            : store_changes(store, stream->base_revision, stream->revision, stream->sequence,
                            take_object, &chunk, err);
    if (is_read) {
        stream->is_finished = stream->is_snapshot ? stream->cursor.is_finished : !chunk.is_full;
        pack_chunk(&chunk, to);
    }
    free(chunk.objects);
    free(chunk.name_offsets);
    buffer_clear(&chunk.content);
    return is_read;
}
