#include "control/routectl/json_writer.h"

#include "control/routectl/message_fields.h"

#include <assert.h>
#include <inttypes.h>

enum { INDENT = 2 };

void json_writer_clear(struct json_writer *writer)
{
    buffer_clear(&writer->text);
    *writer = (struct json_writer){0};
}

/* --- text ----------------------------------------------------------------------------------- */

/* The code point at *at, which is valid UTF-8; *at moves behind it. */
static uint32_t next_code_point(const unsigned char **at)
{
    unsigned char first = *(*at)++;
    unsigned more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    uint32_t point = more == 0 ? first : first & (0x3fu >> more);
    for (; more > 0 && (**at & 0xc0) == 0x80; more--)
        point = point << 6 | (*(*at)++ & 0x3fu);
    return point;
}

/* Controls, line breaks and what YAML does not let through. */
static bool needs_escape(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x2028 || point == 0x2029 ||
           point == 0xfeff || point == 0xfffe || point == 0xffff;
}

/* Not common/json.h's, which is for bytes of any kind: what comes here is UTF-8 and stays so. */
void json_append_text(struct buffer *to, const char *text)
{
    buffer_append_char(to, '"');
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        const unsigned char *start = at;
        uint32_t point = next_code_point(&at);
        if (point == '"' || point == '\\')
            buffer_printf(to, "\\%c", (char)point);
        else if (point == '\n')
            buffer_append_string(to, "\\n");
        else if (point == '\t')
            buffer_append_string(to, "\\t");
        else if (needs_escape(point))
            buffer_printf(to, "\\u%04" PRIx32, point);
        else
            buffer_append(to, start, (size_t)(at - start));
    }
    buffer_append_char(to, '"');
}

static void write_line_start(struct json_writer *writer)
{
    if (writer->is_compact)
        return;
    buffer_printf(&writer->text, "\n%*s", (int)(writer->depth * INDENT), "");
}

/* The comma, the new line and the key in front of a value. */
static void write_key(struct json_writer *writer, const char *key)
{
    if (writer->has_item)
        buffer_append_char(&writer->text, ',');
    if (writer->depth > 0)
        write_line_start(writer);
    if (key != NULL) {
        json_append_text(&writer->text, key);
        buffer_append_string(&writer->text, writer->is_compact ? ":" : ": ");
    }
    writer->has_item = true;
}

static void begin(struct json_writer *writer, const char *key, char bracket)
{
    write_key(writer, key);
    buffer_append_char(&writer->text, bracket);
    writer->depth++;
    writer->has_item = false;
}

static void end(struct json_writer *writer, char bracket)
{
    writer->depth--;
    if (writer->has_item)
        write_line_start(writer);
    buffer_append_char(&writer->text, bracket);
    writer->has_item = true;
    if (writer->depth == 0)
        buffer_append_char(&writer->text, '\n');
}

void json_writer_begin_object(struct json_writer *writer, const char *key)
{
    begin(writer, key, '{');
}

void json_writer_end_object(struct json_writer *writer)
{
    end(writer, '}');
}

void json_writer_begin_list(struct json_writer *writer, const char *key)
{
    begin(writer, key, '[');
}

void json_writer_end_list(struct json_writer *writer)
{
    end(writer, ']');
}

void json_writer_string(struct json_writer *writer, const char *key, const char *text)
{
    write_key(writer, key);
    json_append_text(&writer->text, text);
}

void json_writer_literal(struct json_writer *writer, const char *key, const char *text)
{
    write_key(writer, key);
    buffer_append_string(&writer->text, text);
}

void json_writer_bool(struct json_writer *writer, const char *key, bool value)
{
    json_writer_literal(writer, key, value ? "true" : "false");
}

/* --- messages ------------------------------------------------------------------------------- */

/* "backend_request" is "backendRequest"; names in our files are shorter than this. */
enum { KEY_BYTES = 64 };

static void camel_case(const char *name, char key[static KEY_BYTES])
{
    size_t used = 0;
    for (; *name != '\0' && used + 1 < KEY_BYTES; name++) {
        if (*name == '_' && name[1] >= 'a' && name[1] <= 'z')
            key[used++] = (char)(*++name - 'a' + 'A');
        else
            key[used++] = *name;
    }
    key[used] = '\0';
}

static bool is_object(const ProtobufCMessageDescriptor *descriptor)
{
    return descriptor == &pointsman__v1__route__descriptor ||
           descriptor == &pointsman__v1__backend__descriptor;
}

/* Seconds with as many digits behind the point as it takes: none, three or nine. */
static void write_duration(struct buffer *to, const DurationMessage *duration)
{
    buffer_printf(to, "\"%" PRId64, duration->seconds);
    if (duration->nanos % 1000000 != 0)
        buffer_printf(to, ".%09" PRId32, duration->nanos);
    else if (duration->nanos != 0)
        buffer_printf(to, ".%03" PRId32, duration->nanos / 1000000);
    buffer_append_string(to, "s\"");
}

static void write_enum(struct json_writer *writer, const ProtobufCEnumDescriptor *descriptor,
                       int number)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(descriptor, number);
    if (value != NULL)
        json_append_text(&writer->text, value->name);
    else
        buffer_printf(&writer->text, "%d", number); /* from a newer daemon */
}

static void write_message(struct json_writer *writer, const char *key,
                          const ProtobufCMessage *message, bool shows_unset);

/* One value at `at`, which is not a list. */
static void write_value(struct json_writer *writer, const char *key,
                        const ProtobufCFieldDescriptor *field, const void *at, bool shows_unset)
{
    struct buffer *to = &writer->text;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE &&
        field->descriptor != &google__protobuf__duration__descriptor) {
        write_message(writer, key, *(const ProtobufCMessage *const *)at, shows_unset);
        return;
    }

    write_key(writer, key);
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        write_duration(to, *(const DurationMessage *const *)at);
        return;
    case PROTOBUF_C_TYPE_STRING:
        json_append_text(&writer->text, *(const char *const *)at);
        return;
    case PROTOBUF_C_TYPE_BOOL:
        buffer_append_string(to, *(const protobuf_c_boolean *)at ? "true" : "false");
        return;
    case PROTOBUF_C_TYPE_ENUM:
        write_enum(writer, field->descriptor, *(const int *)at);
        return;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        buffer_printf(to, "%" PRIu32, *(const uint32_t *)at);
        return;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        buffer_printf(to, "%" PRId32, *(const int32_t *)at);
        return;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        buffer_printf(to, "\"%" PRIu64 "\"", *(const uint64_t *)at);
        return;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        buffer_printf(to, "\"%" PRId64 "\"", *(const int64_t *)at);
        return;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_BYTES:
        assert(false && "nothing that is shown has such a field");
    }
}

static void write_list(struct json_writer *writer, const char *key,
                       const ProtobufCFieldDescriptor *field, const ProtobufCMessage *message,
                       bool shows_unset)
{
    begin(writer, key, '[');
    for (size_t i = 0; i < field_item_count(message, field); i++)
        write_value(writer, NULL, field, field_item(message, field, i), shows_unset);
    end(writer, ']');
}

/* What is absent, rather than zero or empty, is never shown. */
static bool is_shown(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *message,
                     bool shows_unset)
{
    bool can_be_absent = field->label != PROTOBUF_C_LABEL_REPEATED &&
                         (field->type == PROTOBUF_C_TYPE_MESSAGE ||
                          (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0);
    return field_is_set(message, field) || (shows_unset && !can_be_absent);
}

static void write_fields(struct json_writer *writer, const ProtobufCMessage *message,
                         bool shows_unset)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    char key[KEY_BYTES];
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (!is_shown(field, message, shows_unset))
            continue;
        camel_case(field->name, key);
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            write_list(writer, key, field, message, shows_unset);
        else
            write_value(writer, key, field, field_value(message, field), shows_unset);
    }
}

static void write_message(struct json_writer *writer, const char *key,
                          const ProtobufCMessage *message, bool shows_unset)
{
    begin(writer, key, '{');
    write_fields(writer, message, shows_unset && !is_object(message->descriptor));
    end(writer, '}');
}

void json_writer_message(struct json_writer *writer, const char *key,
                         const ProtobufCMessage *message)
{
    write_message(writer, key, message, true);
}

void json_writer_part(struct json_writer *writer, const ProtobufCMessage *part)
{
    if (part->descriptor == &google__protobuf__duration__descriptor)
        write_duration(&writer->text, (const DurationMessage *)part);
    else
        write_message(writer, NULL, part, false);
}

void json_writer_message_fields(struct json_writer *writer, const ProtobufCMessage *message)
{
    write_fields(writer, message, !is_object(message->descriptor));
}
