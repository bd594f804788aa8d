#include "control/routectl/object_part.h"

#include "control/routectl/json_writer.h"
#include "control/routectl/message_fields.h"
#include "control/routectl/object_text.h"

#include <stdlib.h>
#include <string.h>

enum { FIELD_NAME_BYTES = 64 };

static const ProtobufCMessage *message_of(const Pointsman__V1__Object *object)
{
    switch (object->kind_case) {
    case POINTSMAN__V1__OBJECT__KIND_ROUTE:
        return &object->route->base;
    case POINTSMAN__V1__OBJECT__KIND_BACKEND:
        return &object->backend->base;
    case POINTSMAN__V1__OBJECT__KIND__NOT_SET:
    case _POINTSMAN__V1__OBJECT__KIND__CASE_IS_INT_SIZE:
        break;
    }
    return NULL;
}

/* The value of "rules[2]" or "timeouts"; NULL when there is none. */
static const void *find_value(const ProtobufCMessage *message, const char *part,
                              const ProtobufCFieldDescriptor **field)
{
    char name[FIELD_NAME_BYTES];
    size_t length = strcspn(part, "[");
    if (length >= sizeof(name))
        return NULL;
    memcpy(name, part, length);
    name[length] = '\0';

    *field = protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
    if (*field == NULL || !field_is_set(message, *field))
        return NULL;
    if ((*field)->label != PROTOBUF_C_LABEL_REPEATED)
        return field_value(message, *field);
    size_t index = part[length] == '[' ? strtoul(part + length + 1, NULL, 10) : 0;
    return index < field_item_count(message, *field) ? field_item(message, *field, index) : NULL;
}

static void append_rule(struct buffer *to, const RouteRuleMessage *rule)
{
    append_matches(to, rule);
    buffer_append_string(to, " to ");
    append_targets(to, rule);
}

static void append_message(struct buffer *to, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    if (type == &pointsman__v1__route_rule__descriptor) {
        append_rule(to, (const RouteRuleMessage *)message);
    } else if (type == &pointsman__v1__label__descriptor) {
        LabelMessage *label = (LabelMessage *)message;
        append_labels(to, &label, 1);
    } else if (type == &pointsman__v1__endpoint__descriptor) {
        append_endpoint(to, (const EndpointMessage *)message, NULL);
    } else {
        struct json_writer writer = {.is_compact = true};
        json_writer_part(&writer, message);
        buffer_append(to, writer.text.at, strcspn(buffer_string(&writer.text), "\n"));
        json_writer_clear(&writer);
    }
}

void append_object_part(struct buffer *to, const Pointsman__V1__Object *object, const char *field)
{
    const ProtobufCFieldDescriptor *descriptor;
    const ProtobufCMessage *message = object == NULL ? NULL : message_of(object);
    const void *value = message == NULL ? NULL : find_value(message, field, &descriptor);
    if (value == NULL)
        return;
    if (descriptor->type == PROTOBUF_C_TYPE_STRING)
        buffer_append_string(to, *(const char *const *)value);
    else if (descriptor->type == PROTOBUF_C_TYPE_MESSAGE)
        append_message(to, *(const ProtobufCMessage *const *)value);
}
