/* Message fields: a message's fields by their descriptors, for what is written of any message.
 *
 * Threads: any. */
#ifndef CONTROL_ROUTECTL_MESSAGE_FIELDS_H
#define CONTROL_ROUTECTL_MESSAGE_FIELDS_H

#include "proto/messages.h"

#include <stdbool.h>
#include <stddef.h>

/* How wide a value of this type is; a string or a message is a pointer. */
size_t field_value_bytes(ProtobufCType type);

/* The value of a field that is not repeated. */
const void *field_value(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);

/* Items of a repeated field. */
size_t field_item_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);
const void *field_item(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                       size_t index);

/* Does proto3 know it as given? A list with items, a chosen member of a oneof, a message that is
 * there, anything else that is not zero or empty. */
bool field_is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);

#endif
