#include "control/packed_object.h"

/* Of Route and Backend alike. */
enum { LABELS_FIELD = 2, REVISION_FIELD = 15 };

enum { LABEL_KEY_FIELD = 1, LABEL_VALUE_FIELD = 2 };

enum { WIRE_VARINT = 0, WIRE_64_BIT = 1, WIRE_LENGTH = 2, WIRE_32_BIT = 5, VARINT_BITS = 64 };

static bool take_varint(struct slice *rest, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < VARINT_BITS && rest->length > 0; shift += 7) {
        unsigned char byte = (unsigned char)*rest->at;
        rest->at++;
        rest->length--;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

bool packed_field_take(struct slice *rest, struct packed_field *field)
{
    const char *start = rest->at;
    uint64_t tag;
    uint64_t length = 0;
    field->value = 0;
    if (!take_varint(rest, &tag))
        return false;
    switch (tag & 7) {
    case WIRE_VARINT:
        if (!take_varint(rest, &field->value))
            return false;
        break;
    case WIRE_64_BIT:
        length = 8;
        break;
    case WIRE_32_BIT:
        length = 4;
        break;
    case WIRE_LENGTH:
        if (!take_varint(rest, &length))
            return false;
        break;
    default:
        return false;
    }
    if (length > rest->length)
        return false;
    field->number = tag >> 3;
    field->content = slice_of(rest->at, (size_t)length);
    rest->at += length;
    rest->length -= (size_t)length;
    field->whole = slice_of(start, (size_t)(rest->at - start));
    return true;
}

/* The next field that is no revision. */
static bool take_compared(struct slice *rest, struct packed_field *field)
{
    while (packed_field_take(rest, field)) {
        if (field->number != REVISION_FIELD)
            return true;
    }
    return false;
}

bool packed_object_equals(struct slice a, struct slice b)
{
    struct packed_field left;
    struct packed_field right;
    while (take_compared(&a, &left)) {
        if (!take_compared(&b, &right) || !slice_equals(left.whole, right.whole))
            return false;
    }
    return !take_compared(&b, &right) && slice_equals(a, b);
}

static bool is_label(struct slice packed, const LabelMessage *label)
{
    struct slice key = {0};
    struct slice value = {0};
    struct packed_field field;
    while (packed_field_take(&packed, &field)) {
        if (field.number == LABEL_KEY_FIELD)
            key = field.content;
        else if (field.number == LABEL_VALUE_FIELD)
            value = field.content;
    }
    return slice_equals(key, slice_from_string(label->key)) &&
           slice_equals(value, slice_from_string(label->value));
}

static bool has_label(struct slice bytes, const LabelMessage *label)
{
    struct packed_field field;
    while (packed_field_take(&bytes, &field)) {
        if (field.number == LABELS_FIELD && is_label(field.content, label))
            return true;
    }
    return false;
}

bool packed_object_has_labels(struct slice bytes, LabelMessage *const *labels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!has_label(bytes, labels[i]))
            return false;
    }
    return true;
}
