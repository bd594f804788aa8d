#include "control/object_page.h"

#include "control/moment.h"
#include "control/mutation.h"
#include "control/packed_object.h"
#include "proto/message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    struct object_page *page;
    const struct object_query *query;
    size_t limit;
    size_t bytes;
    struct error *err;
    bool has_failed;
};

ProtobufCMessage *object_unpack(Pointsman__V1__ObjectKind kind, struct slice bytes,
                                struct error *err)
{
    const ProtobufCMessageDescriptor *descriptor =
        kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE ? &pointsman__v1__route__descriptor
                                                              : &pointsman__v1__backend__descriptor;
    /* What was once taken may be large; fields of a newer version pass through. */
    return message_unpack(descriptor, bytes, MESSAGE_MEMORY_APPLY, UNKNOWN_FIELDS_KEPT, err);
}

static bool is_full(const struct reading *reading)
{
    return reading->page->count == reading->limit || reading->bytes >= PAGE_BYTES_MAX;
}

static bool take_object(void *context, const struct store_object *object)
{
    struct reading *reading = context;
    if (is_full(reading))
        return false;
    if (!packed_object_has_labels(object->bytes, reading->query->selector,
                                  reading->query->selector_count))
        return true;
    ProtobufCMessage *message = object_unpack(object->kind, object->bytes, reading->err);
    if (message == NULL) {
        reading->has_failed = true;
        return false;
    }
    reading->page->objects[reading->page->count++] = message;
    reading->bytes += object->bytes.length;
    return true;
}

/* A token is "REVISION:NAME": where the page before ended. */
static bool read_token(const struct object_query *query, uint64_t *revision,
                       struct store_cursor *cursor, struct error *err)
{
    char *colon;
    errno = 0;
    *revision = strtoull(query->token, &colon, 10);
    if (errno != 0 || colon == query->token || query->token[0] < '0' || query->token[0] > '9' ||
        *colon != ':' || !object_id_is_valid(query->kind, colon + 1))
        return error_set(err, ERROR_INVALID, "page_token: is not from a page before");
    if (query->at_revision != 0 && query->at_revision != *revision)
        return error_set(err, ERROR_INVALID, "page_token: is from a list at revision %" PRIu64,
                         *revision);
    cursor->kind = query->kind;
    snprintf(cursor->name, sizeof(cursor->name), "%s", colon + 1);
    return true;
}

static bool read_objects(struct reading *reading, struct store *store, struct store_cursor *cursor)
{
    for (int i = 0; i < PAGE_SCANS_MAX && !cursor->is_finished && !is_full(reading); i++) {
        if (!store_scan(store, reading->page->revision, reading->query->kind, cursor, take_object,
                        reading, reading->err) ||
            reading->has_failed)
            return false;
    }
    return true;
}

bool object_page_read(struct object_page *page, struct store *store,
                      const struct object_query *query, struct error *err)
{
    struct reading reading = {.page = page, .query = query, .err = err};
    struct store_cursor cursor = {0};
    page->count = 0;
    page->next_token[0] = '\0';
    if (query->page_size > PAGE_SIZE_MAX)
        return error_set(err, ERROR_INVALID, "page_size: at most %d", PAGE_SIZE_MAX);
    if (query->token[0] == '\0'
            ? !moment_resolve(store, query->at_revision, query->at_wall_ms, &page->revision, err)
            : !read_token(query, &page->revision, &cursor, err))
        return false;

    reading.limit = query->page_size == 0 ? PAGE_SIZE_DEFAULT : query->page_size;
    if (!read_objects(&reading, store, &cursor))
        return false;
    if (!cursor.is_finished)
        snprintf(page->next_token, sizeof(page->next_token), "%" PRIu64 ":%s", page->revision,
                 cursor.name);
    return true;
}

void object_page_clear(struct object_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        message_free(page->objects[i]);
    page->count = 0;
}
