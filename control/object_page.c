#include "control/object_page.h"

#include "proto/message.h"

#include <stdio.h>
#include <string.h>

struct reading {
    struct object_page *page;
    const struct object_query *query;
    size_t limit;
    size_t looked_at;
    size_t bytes;
    char last_name[OBJECT_NAME_BYTES];
    bool is_cut;
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
    return message_unpack(descriptor, bytes, MESSAGE_MEMORY_APPLY, false, err);
}

static bool has_label(LabelMessage *const *labels, size_t count, const LabelMessage *wanted)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(labels[i]->key, wanted->key) == 0)
            return strcmp(labels[i]->value, wanted->value) == 0;
    }
    return false;
}

static bool is_selected(const struct object_query *query, const ProtobufCMessage *object)
{
    LabelMessage *const *labels;
    size_t count;
    if (query->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE) {
        labels = ((const RouteMessage *)object)->labels;
        count = ((const RouteMessage *)object)->n_labels;
    } else {
        labels = ((const BackendMessage *)object)->labels;
        count = ((const BackendMessage *)object)->n_labels;
    }
    for (size_t i = 0; i < query->selector_count; i++) {
        if (!has_label(labels, count, query->selector[i]))
            return false;
    }
    return true;
}

static bool is_full(const struct reading *reading)
{
    return reading->page->count == reading->limit || reading->bytes >= PAGE_BYTES_MAX ||
           reading->looked_at == PAGE_LOOKED_AT_MAX;
}

static bool take_object(void *context, const struct store_object *object)
{
    struct reading *reading = context;
    if (is_full(reading)) {
        reading->is_cut = true;
        return false;
    }
    ProtobufCMessage *message = object_unpack(object->kind, object->bytes, reading->err);
    if (message == NULL) {
        reading->has_failed = true;
        return false;
    }

    reading->looked_at++;
    snprintf(reading->last_name, sizeof(reading->last_name), "%.*s", (int)object->name.length,
             object->name.at);
    if (is_selected(reading->query, message)) {
        reading->page->objects[reading->page->count++] = message;
        reading->bytes += object->bytes.length;
    } else {
        message_free(message);
    }
    return true;
}

bool object_page_read(struct object_page *page, struct store *store,
                      const struct object_query *query, struct error *err)
{
    struct reading reading = {.page = page, .query = query, .err = err};
    page->count = 0;
    page->next_token[0] = '\0';
    if (query->page_size > PAGE_SIZE_MAX)
        return error_set(err, ERROR_INVALID, "page_size: at most %d", PAGE_SIZE_MAX);
    if (query->token[0] != '\0' && !object_name_is_valid(query->token))
        return error_set(err, ERROR_INVALID, "page_token: is not from a page before");

    reading.limit = query->page_size == 0 ? PAGE_SIZE_DEFAULT : query->page_size;
    const struct store_position after = {.kind = query->token[0] == '\0' ? 0 : query->kind,
                                         .name = query->token};
    if (!store_scan(store, store_head(store).revision, query->kind, after, take_object, &reading,
                    err) ||
        reading.has_failed)
        return false;
    if (reading.is_cut)
        memcpy(page->next_token, reading.last_name, sizeof(page->next_token));
    return true;
}

void object_page_clear(struct object_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        message_free(page->objects[i]);
    page->count = 0;
}
