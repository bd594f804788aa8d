#include "proto/wire_check.h"

#include "common/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum wire_type {
    WIRE_VARINT = 0,
    WIRE_64_BIT = 1,
    WIRE_LENGTH = 2,
    WIRE_32_BIT = 5,
};

enum { VARINT_BYTES = 10, PATH_BYTES = 256 };

/* The largest field number of protobuf. */
#define FIELD_NUMBER_MAX ((UINT64_C(1) << 29) - 1)

struct reader {
    const unsigned char *at;
    const unsigned char *end;
};

/* One message under check; a list on the stack, innermost first, which is also the path. */
struct frame {
    const struct frame *parent;
    const ProtobufCMessageDescriptor *descriptor;
    const ProtobufCFieldDescriptor *field; /* at hand; NULL before the first */
    uint64_t seen;                         /* a bit for each field of the descriptor */
    unsigned depth;
    const unsigned char *begin;
    const unsigned char *end_of_field; /* where the field at hand ends, or as far as it was read */
};

struct check {
    bool refuse_unknown;
    struct error *err;
};

/* --- errors --------------------------------------------------------------------------------- */

static bool read_varint(struct reader *reader, uint64_t *value);
static bool read_value(struct reader *reader, unsigned wire_type, struct reader *content);

/* How many of the repeated field at hand there are in front of it: counted anew, so that nothing
 * is kept for messages that are right. */
static unsigned count_before(const struct frame *frame)
{
    struct reader reader = {.at = frame->begin, .end = frame->end_of_field};
    struct reader ignored;
    unsigned count = 0;
    uint64_t tag;
    while (reader.at < reader.end && read_varint(&reader, &tag)) {
        bool is_whole = read_value(&reader, tag & 7, &ignored);
        if (!is_whole || reader.at == reader.end)
            break;
        count += tag >> 3 == frame->field->id;
    }
    return count;
}

static size_t format_path(const struct frame *frame, char *to, size_t to_bytes)
{
    size_t used = frame->parent == NULL ? 0 : format_path(frame->parent, to, to_bytes);
    const ProtobufCFieldDescriptor *field = frame->field;
    if (field == NULL || used >= to_bytes)
        return used;

    const char *dot = used == 0 ? "" : ".";
    int wrote;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        wrote =
            snprintf(to + used, to_bytes - used, "%s%s[%u]", dot, field->name, count_before(frame));
    else
        wrote = snprintf(to + used, to_bytes - used, "%s%s", dot, field->name);
    return used + (wrote < 0 ? 0 : (size_t)wrote);
}

static bool refuse(const struct check *check, const struct frame *frame, const char *what)
{
    char path[PATH_BYTES];
    if (format_path(frame, path, sizeof(path)) == 0)
        snprintf(path, sizeof(path), "%s", frame->descriptor->short_name);
    return error_set(check->err, ERROR_INVALID, "%s: %s", path, what);
}

/* --- reading -------------------------------------------------------------------------------- */

static bool read_varint(struct reader *reader, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < VARINT_BYTES && reader->at < reader->end; i++) {
        unsigned char byte = *reader->at++;
        *value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80)
            return i < VARINT_BYTES - 1 || byte <= 1; /* 64 bits, not 70 */
    }
    return false;
}

static bool read_bytes(struct reader *reader, uint64_t length, struct reader *bytes)
{
    if (length > (uint64_t)(reader->end - reader->at))
        return false;
    *bytes = (struct reader){.at = reader->at, .end = reader->at + length};
    reader->at += length;
    return true;
}

static enum wire_type wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        return WIRE_VARINT;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_64_BIT;
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_32_BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_LENGTH;
    }
    return WIRE_LENGTH;
}

/* Steps over one value. Groups (3, 4) and 6, 7 are nothing that proto3 has. For a length-delimited
 * one `content` is what is inside. */
static bool read_value(struct reader *reader, unsigned wire_type, struct reader *content)
{
    uint64_t number;
    switch (wire_type) {
    case WIRE_VARINT:
        return read_varint(reader, &number);
    case WIRE_64_BIT:
        return read_bytes(reader, 8, content);
    case WIRE_LENGTH:
        return read_varint(reader, &number) && read_bytes(reader, number, content);
    case WIRE_32_BIT:
        return read_bytes(reader, 4, content);
    default:
        return false;
    }
}

/* --- fields --------------------------------------------------------------------------------- */

static bool check_message(const struct check *check, struct frame *frame, struct reader reader);

static bool is_packed_whole(struct reader content, ProtobufCType type)
{
    struct reader ignored;
    while (content.at < content.end) {
        if (!read_value(&content, wire_type_of(type), &ignored))
            return false;
    }
    return true;
}

static bool has_other_of_oneof(const struct frame *frame)
{
    const ProtobufCMessageDescriptor *descriptor = frame->descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *other = &descriptor->fields[i];
        if (other != frame->field && (other->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
            other->quantifier_offset == frame->field->quantifier_offset &&
            (frame->seen >> i & 1) != 0)
            return true;
    }
    return false;
}

/* Two readers may disagree on which of two values counts; no encoder writes both. */
static bool check_count(const struct check *check, struct frame *frame)
{
    const ProtobufCFieldDescriptor *field = frame->field;
    uint64_t bit = UINT64_C(1) << (field - frame->descriptor->fields);
    bool is_repeated = (frame->seen & bit) != 0;
    frame->seen |= bit;
    if (field->label != PROTOBUF_C_LABEL_REPEATED && is_repeated)
        return refuse(check, frame, "is given twice");
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 && has_other_of_oneof(frame))
        return refuse(check, frame, "excludes another field that is given too");
    return true;
}

static bool is_utf8(struct reader text)
{
    return utf8_is_valid(slice_of((const char *)text.at, (size_t)(text.end - text.at)));
}

static bool check_content(const struct check *check, struct frame *frame, struct reader content)
{
    const ProtobufCFieldDescriptor *field = frame->field;
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        if (memchr(content.at, '\0', (size_t)(content.end - content.at)) != NULL)
            return refuse(check, frame, "holds a NUL character");
        return is_utf8(content) || refuse(check, frame, "is not UTF-8");
    case PROTOBUF_C_TYPE_MESSAGE: {
        struct frame inner = {
            .parent = frame, .descriptor = field->descriptor, .depth = frame->depth + 1};
        return check_message(check, &inner, content);
    }
    case PROTOBUF_C_TYPE_BYTES:
        return true;
    default: /* numbers, packed */
        return is_packed_whole(content, field->type) || refuse(check, frame, "is cut short");
    }
}

static bool check_field(const struct check *check, struct frame *frame, struct reader *reader)
{
    uint64_t tag;
    frame->field = NULL;
    if (!read_varint(reader, &tag) || tag >> 3 == 0 || tag >> 3 > FIELD_NUMBER_MAX)
        return refuse(check, frame, "is not a protobuf message");

    unsigned wire_type = tag & 7;
    unsigned number = (unsigned)(tag >> 3);
    frame->field = protobuf_c_message_descriptor_get_field(frame->descriptor, number);
    if (frame->field == NULL && check->refuse_unknown) {
        char what[64];
        snprintf(what, sizeof(what), "unknown field %u", number);
        return refuse(check, frame, what);
    }
    frame->end_of_field = reader->at;
    if (frame->field != NULL && !check_count(check, frame))
        return false;

    struct reader content = {0};
    bool is_whole = read_value(reader, wire_type, &content);
    frame->end_of_field = reader->at;
    if (!is_whole)
        return refuse(check, frame, "is cut short or malformed");
    if (frame->field == NULL)
        return true;

    unsigned expected = wire_type_of(frame->field->type);
    bool is_packed = wire_type == WIRE_LENGTH && frame->field->label == PROTOBUF_C_LABEL_REPEATED;
    if (wire_type != expected && !is_packed)
        return refuse(check, frame, "is of another type");
    return wire_type != WIRE_LENGTH || check_content(check, frame, content);
}

static bool check_message(const struct check *check, struct frame *frame, struct reader reader)
{
    if (frame->depth >= WIRE_CHECK_DEPTH)
        return refuse(check, frame, "is nested too deep");

    frame->begin = reader.at;
    while (reader.at < reader.end) {
        if (!check_field(check, frame, &reader))
            return false;
    }
    return true;
}

bool wire_check(const ProtobufCMessageDescriptor *descriptor, struct slice bytes,
                bool refuse_unknown, struct error *err)
{
    struct check check = {.refuse_unknown = refuse_unknown, .err = err};
    struct frame frame = {.descriptor = descriptor};
    const unsigned char *at = (const unsigned char *)(bytes.at == NULL ? "" : bytes.at);
    return check_message(&check, &frame, (struct reader){.at = at, .end = at + bytes.length});
}
