#include "common/duration.h"
#include "control/routectl/document_grpc.h"
#include "control/routectl/document_names.h"
#include "control/routectl/documents.h"
#include "control/routectl/json_writer.h"
#include "control/routectl/message_fields.h"
#include "proto/object_kind.h"
#include "proxy/routing/grpc_validate.h"
#include "proxy/routing/validation.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Block style, as people write it: a key to a line, "- " in front of an item's first key, lists of
 * scalars in brackets. */

struct writer {
    struct buffer *to;
    size_t indent;
    bool has_dash; /* the next key stands behind the dash of its item */
    bool is_grpc;  /* a GRPCRoute */
};

/* --- text ------------------------------------------------------------------------------------- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Can it stand without quotes, and be nothing but a text to any reader of YAML? */
static bool is_plain_safe(const char *text)
{
    static const char *const others[] = {"true", "false", "null", "yes", "no",
                                         "on",   "off",   "y",    "n"};
    if (!is_letter(*text) && *text != '/')
        return false;
    for (const char *at = text; *at != '\0'; at++) {
        bool is_digit = *at >= '0' && *at <= '9';
        if (!is_letter(*at) && !is_digit && strchr("/_.-", *at) == NULL)
            return false;
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (strcasecmp(others[i], text) == 0)
            return false;
    }
    return true;
}

static void write_text(struct buffer *to, const char *text)
{
    if (is_plain_safe(text))
        buffer_append_string(to, text);
    else
        json_append_text(to, text);
}

/* --- messages --------------------------------------------------------------------------------- */

static void write_key(struct writer *writer, const char *key)
{
    size_t blanks = writer->has_dash ? writer->indent - 2 : writer->indent;
    buffer_printf(writer->to, "%*s%s%s:", (int)blanks, "", writer->has_dash ? "- " : "", key);
    writer->has_dash = false;
}

static bool is_mapping(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_MESSAGE &&
           field->descriptor != &google__protobuf__duration__descriptor;
}

static void write_scalar(struct buffer *to, const ProtobufCFieldDescriptor *field, const void *at)
{
    char name[DOCUMENT_NAME_BYTES];
    char duration[DURATION_BYTES];
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        write_text(to, *(const char *const *)at);
        return;
    case PROTOBUF_C_TYPE_BOOL:
        buffer_append_string(to, *(const protobuf_c_boolean *)at ? "true" : "false");
        return;
    case PROTOBUF_C_TYPE_UINT32:
        buffer_printf(to, "%" PRIu32, *(const uint32_t *)at);
        return;
    case PROTOBUF_C_TYPE_ENUM: {
        const ProtobufCEnumValue *value =
            protobuf_c_enum_descriptor_get_value(field->descriptor, *(const int *)at);
        if (value != NULL)
            buffer_append_string(to, document_enum_name(field->descriptor, value, name));
        return;
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        buffer_append_string(
            to,
            duration_format(duration_milliseconds(*(const DurationMessage *const *)at), duration));
        return;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_BYTES:
        return; /* no field of a document has such a type */
    }
}

static void write_fields(struct writer *writer, const ProtobufCMessage *message);

/* The message under a key or as an item: its fields, or "{}" when it has none. */
static void write_message(struct writer *writer, const ProtobufCMessage *message)
{
    size_t before = writer->to->length;
    writer->indent += 2;
    write_fields(writer, message);
    writer->indent -= 2;
    if (writer->to->length > before)
        return;
    if (writer->has_dash)
        buffer_printf(writer->to, "%*s- {}\n", (int)writer->indent, "");
    writer->has_dash = false;
}

static bool has_fields(const ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        if (field_is_set(message, &message->descriptor->fields[i]) ||
            document_is_required(message->descriptor, &message->descriptor->fields[i]))
            return true;
    }
    return false;
}

static void write_list(struct writer *writer, const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field)
{
    size_t count = field_item_count(message, field);
    if (is_mapping(field)) {
        buffer_append_char(writer->to, '\n');
        for (size_t i = 0; i < count; i++) {
            writer->has_dash = true;
            write_message(writer, *(const ProtobufCMessage *const *)field_item(message, field, i));
        }
        return;
    }
    buffer_append_string(writer->to, " [");
    for (size_t i = 0; i < count; i++) {
        buffer_append_string(writer->to, i == 0 ? "" : ", ");
        write_scalar(writer->to, field, field_item(message, field, i));
    }
    buffer_append_string(writer->to, "]\n");
}

static bool is_grpc_path(const struct writer *writer, const ProtobufCMessage *message,
                         const ProtobufCFieldDescriptor *field)
{
    return writer->is_grpc && message->descriptor == &pointsman__v1__route_match__descriptor &&
           strcmp(field->name, "path") == 0 &&
           grpc_path_is_method(((const RouteMatchMessage *)message)->path);
}

static void write_text_field(struct writer *writer, const char *key, const char *text)
{
    write_key(writer, key);
    buffer_append_char(writer->to, ' ');
    write_text(writer->to, text);
    buffer_append_char(writer->to, '\n');
}

static void write_grpc_method(struct writer *writer, const PathMatchMessage *path)
{
    struct document_grpc_method method = document_grpc_method_of(path);
    write_key(writer, "method");
    buffer_append_char(writer->to, '\n');
    writer->indent += 2;
    if (method.is_expression)
        write_text_field(writer, "type", "RegularExpression");
    if (method.service != NULL)
        write_text_field(writer, "service", method.service);
    if (method.method != NULL)
        write_text_field(writer, "method", method.method);
    writer->indent -= 2;
    document_grpc_method_clear(&method);
}

static void write_field(struct writer *writer, const ProtobufCMessage *message,
                        const ProtobufCFieldDescriptor *field)
{
    if (is_grpc_path(writer, message, field)) {
        write_grpc_method(writer, ((const RouteMatchMessage *)message)->path);
        return;
    }
    char key[DOCUMENT_NAME_BYTES];
    const void *value = field_value(message, field);
    write_key(writer, document_key(message->descriptor, field, key));
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        write_list(writer, message, field);
    } else if (is_mapping(field)) {
        const ProtobufCMessage *inner = *(const ProtobufCMessage *const *)value;
        buffer_append_string(writer->to, has_fields(inner) ? "\n" : " {}\n");
        write_message(writer, inner);
    } else {
        buffer_append_char(writer->to, ' ');
        write_scalar(writer->to, field, value);
        buffer_append_char(writer->to, '\n');
    }
}

static void write_fields(struct writer *writer, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    char type[DOCUMENT_NAME_BYTES];
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        bool is_given = field_is_set(message, field) || document_is_required(descriptor, field);
        if (!is_given || document_is_outside_spec(descriptor, field))
            continue;
        if (document_has_type(descriptor)) {
            write_key(writer, "type");
            buffer_printf(writer->to, " %s\n", document_type_name(field, type));
        }
        write_field(writer, message, field);
    }
}

/* --- documents -------------------------------------------------------------------------------- */

static void write_document(struct buffer *to, const char *api_version, const char *kind,
                           const char *name, LabelMessage *const *labels, size_t label_count,
                           uint32_t created_order, const ProtobufCMessage *message)
{
    const char *slash = strchr(name, '/');
    buffer_printf(to, "---\napiVersion: %s\nkind: %s\nmetadata:\n  name: ", api_version, kind);
    write_text(to, slash == NULL ? name : slash + 1);
    if (slash != NULL) {
        buffer_append_string(to, "\n  namespace: ");
        char *namespace_name = memory_duplicate_slice(slice_of(name, (size_t)(slash - name)));
        write_text(to, namespace_name);
        free(namespace_name);
    }
    buffer_append_char(to, '\n');
    if (label_count > 0)
        buffer_append_string(to, "  labels:\n");
    for (size_t i = 0; i < label_count; i++) {
        buffer_append_string(to, "    ");
        write_text(to, labels[i]->key);
        buffer_append_string(to, ": ");
        write_text(to, labels[i]->value);
        buffer_append_char(to, '\n');
    }

    if (created_order > 0)
        buffer_printf(to, "  annotations: {%s: \"%" PRIu32 "\"}\n", DOCUMENT_CREATED_ORDER,
                      created_order);

    struct writer writer = {.to = to, .is_grpc = strcmp(kind, GRPC_ROUTE_KIND) == 0};
    buffer_append_string(to, "spec:");
    size_t before = to->length;
    buffer_append_char(to, '\n');
    write_message(&writer, message);
    if (to->length == before + 1) {
        to->length = before;
        buffer_append_string(to, " {}\n");
    }
}

void documents_write_route(struct buffer *to, const RouteMessage *route)
{
    documents_write_route_in_order(to, route, 0);
}

void documents_write_route_in_order(struct buffer *to, const RouteMessage *route, uint32_t order)
{
    write_document(to, "gateway.networking.k8s.io/v1", route_kind_name(route->kind), route->name,
                   route->labels, route->n_labels, order, &route->base);
}

void documents_write_backend(struct buffer *to, const BackendMessage *backend)
{
    write_document(to, "pointsman/v1", BACKEND_KIND, backend->name, backend->labels,
                   backend->n_labels, 0, &backend->base);
}
