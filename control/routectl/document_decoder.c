#include "control/routectl/document_decoder.h"

#include "common/duration.h"
#include "control/routectl/document_grpc.h"
#include "control/routectl/document_guess.h"
#include "control/routectl/document_names.h"
#include "control/routectl/document_pairs.h"
#include "control/routectl/document_session.h"
#include "control/routectl/flag_values.h"
#include "control/routectl/message_fields.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 32 };

/* --- places and remarks ----------------------------------------------------------------------- */

struct document_place decoder_place(const struct document_decoder *decoder)
{
    return (struct document_place){decoder->document_path.length, decoder->message_path.length};
}

void decoder_enter(struct document_decoder *decoder, const char *key, const char *field_name)
{
    const char *dot = decoder->document_path.length == 0 ? "" : ".";
    buffer_printf(&decoder->document_path, "%s%s", dot, key);
    dot = decoder->message_path.length == 0 ? "" : ".";
    buffer_printf(&decoder->message_path, "%s%s", dot, field_name);
}

void decoder_enter_item(struct document_decoder *decoder, size_t index)
{
    buffer_printf(&decoder->document_path, "[%zu]", index);
    buffer_printf(&decoder->message_path, "[%zu]", index);
}

void decoder_return(struct document_decoder *decoder, struct document_place place)
{
    decoder->document_path.length = place.document_length;
    decoder->message_path.length = place.message_length;
}

static void remark(struct document_decoder *decoder, enum document_remark kind,
                   const yaml_node_t *node, const char *format, va_list arguments)
{
    char sentence[ERROR_MESSAGE_BYTES];
    struct buffer text = BUFFER_EMPTY;
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    buffer_printf(&text, "%s:%zu:%zu: ", decoder->file, node->start_mark.line + 1,
                  node->start_mark.column + 1);
    if (decoder->document_path.length > 0)
        buffer_printf(&text, "%s: ", buffer_string(&decoder->document_path));
    buffer_append_string(&text, sentence);
    decoder->report(decoder->context, kind, buffer_string(&text));
    buffer_clear(&text);
}

bool decoder_fail(struct document_decoder *decoder, const yaml_node_t *node, const char *format,
                  ...)
{
    va_list arguments;
    va_start(arguments, format);
    remark(decoder, DOCUMENT_ERROR, node, format, arguments);
    va_end(arguments);
    decoder->has_failed = true;
    struct arena *arena = &decoder->draft->arena;
    ARENA_APPEND(arena, decoder->unread, decoder->unread_count,
                 arena_string(arena, decoder->message_path.at, decoder->message_path.length));
    return false;
}

void decoder_complain(struct document_decoder *decoder, const yaml_node_t *node, const char *format,
                      ...)
{
    va_list arguments;
    va_start(arguments, format);
    remark(decoder, DOCUMENT_ERROR, node, format, arguments);
    va_end(arguments);
    decoder->has_failed = true;
}

bool decoder_is_unread(const struct document_decoder *decoder, const char *message_path)
{
    for (size_t i = 0; i < decoder->unread_count; i++) {
        if (draft_is_within(message_path, decoder->unread[i]) ||
            draft_is_within(decoder->unread[i], message_path))
            return true;
    }
    return false;
}

void decoder_note(struct document_decoder *decoder, const yaml_node_t *node, const char *format,
                  ...)
{
    va_list arguments;
    va_start(arguments, format);
    remark(decoder, DOCUMENT_NOTE, node, format, arguments);
    va_end(arguments);
}

void decoder_set_origin(struct document_decoder *decoder, const yaml_node_t *node)
{
    char place[ERROR_MESSAGE_BYTES];
    snprintf(place, sizeof(place), "%s:%zu:%zu:", decoder->file, node->start_mark.line + 1,
             node->start_mark.column + 1);
    draft_set_origin(decoder->draft, place, buffer_string(&decoder->document_path), "%s",
                     buffer_string(&decoder->message_path));
}

/* --- scalars ---------------------------------------------------------------------------------- */

const char *decoder_text(struct document_decoder *decoder, const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE) {
        decoder_fail(decoder, node, "is not a text");
        return NULL;
    }
    const char *text = (const char *)node->data.scalar.value;
    if (strlen(text) != node->data.scalar.length) {
        decoder_fail(decoder, node, "holds a NUL byte");
        return NULL;
    }
    return text;
}

static bool is_plain(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

bool decoder_is_null(const yaml_node_t *node)
{
    if (!is_plain(node))
        return false;
    const char *text = (const char *)node->data.scalar.value;
    return *text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

/* With the words of YAML 1.1, which kubectl reads. */
static void read_bool(struct document_decoder *decoder, const yaml_node_t *node,
                      protobuf_c_boolean *to)
{
    static const char *const yes[] = {"true", "True", "TRUE", "yes", "Yes", "YES",
                                      "on",   "On",   "ON",   "y",   "Y"};
    static const char *const no[] = {"false", "False", "FALSE", "no", "No", "NO",
                                     "off",   "Off",   "OFF",   "n",  "N"};
    const char *text = is_plain(node) ? (const char *)node->data.scalar.value : "";
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *to = strcmp(text, yes[i]) == 0;
            return;
        }
    }
    decoder_fail(decoder, node, "is neither true nor false");
}

bool decoder_number(struct document_decoder *decoder, const yaml_node_t *node, uint32_t *number)
{
    const char *text = decoder_text(decoder, node);
    if (text == NULL)
        return false;
    return flag_number("", text, UINT32_MAX, number, NULL) ||
           decoder_fail(decoder, node, "is not a number from 0 to %" PRIu32, UINT32_MAX);
}

static void read_number(struct document_decoder *decoder, const yaml_node_t *node, uint32_t *to)
{
    if (node->type == YAML_SCALAR_NODE && !is_plain(node))
        decoder_fail(decoder, node, "is a text; a number from 0 to %" PRIu32 " has no quotes",
                     UINT32_MAX);
    else
        decoder_number(decoder, node, to);
}

static void read_enum(struct document_decoder *decoder, const yaml_node_t *node,
                      const ProtobufCEnumDescriptor *descriptor, int *to)
{
    const char *text = decoder_text(decoder, node);
    if (text == NULL)
        return;
    const ProtobufCEnumValue *value = document_find_enum(descriptor, text);
    if (value != NULL) {
        *to = value->value;
        return;
    }

    struct buffer names = BUFFER_EMPTY;
    char name[DOCUMENT_NAME_BYTES];
    for (unsigned i = 0; i < descriptor->n_values; i++) {
        document_enum_name(descriptor, &descriptor->values[i], name);
        if (name[0] != '\0')
            buffer_printf(&names, "%s%s", names.length == 0 ? "" : ", ", name);
    }
    decoder_fail(decoder, node, "'%s' is none of %s", text, buffer_string(&names));
    buffer_clear(&names);
}

static void read_duration(struct document_decoder *decoder, const yaml_node_t *node,
                          DurationMessage **to)
{
    struct error err = {0};
    uint64_t milliseconds;
    const char *text = decoder_text(decoder, node);
    if (text == NULL)
        return;
    if (!duration_parse(text, &milliseconds, &err)) {
        decoder_fail(decoder, node, "%s", err.message);
        return;
    }
    flag_duration("", text, &decoder->draft->arena, to, NULL);
}

/* --- mappings --------------------------------------------------------------------------------- */

bool decoder_may_go_on(struct document_decoder *decoder, const yaml_node_t *node)
{
    if (decoder->values_left > 0) {
        decoder->values_left--;
        return true;
    }
    if (!decoder->is_exhausted)
        decoder_fail(decoder, node, "the document repeats itself too often");
    decoder->is_exhausted = true;
    return false;
}

bool decoder_each_key(struct document_decoder *decoder, const yaml_node_t *node,
                      decoder_visit_fn *visit, void *context)
{
    struct document_pairs pairs;
    if (!document_pairs_gather(&pairs, decoder, node))
        return false;
    for (size_t i = 0; i < pairs.count; i++) {
        const yaml_node_t *key = yaml_document_get_node(decoder->yaml, pairs.at[i]->key);
        const yaml_node_t *value = yaml_document_get_node(decoder->yaml, pairs.at[i]->value);
        if (!decoder_is_null(value))
            visit(decoder, context, (const char *)key->data.scalar.value, key, value);
    }
    return true;
}

/* --- fields ----------------------------------------------------------------------------------- */

static void *field_at(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    return (char *)message + field->offset;
}

/* An endpoint written as a URL instead of a mapping. */
static void read_endpoint_url(struct document_decoder *decoder, const yaml_node_t *node,
                              EndpointMessage **to)
{
    struct error err = {0};
    EndpointMessage *endpoint;
    const struct endpoint_scheme *scheme;
    const char *text = decoder_text(decoder, node);
    if (text == NULL)
        return;
    if (!flag_endpoint("endpoint", text, &decoder->draft->arena, &endpoint, &scheme, &err))
        decoder_fail(decoder, node, "%s", err.message);
    else if (scheme->app_protocol[0] != '\0')
        decoder_fail(decoder, node, "%s is said with 'appProtocol: %s' beside endpoints",
                     scheme->name, scheme->app_protocol);
    else if (scheme->is_tls)
        decoder_fail(decoder, node, "https is said with 'tls: {enabled: true}' beside endpoints");
    else
        *to = endpoint;
}

static ProtobufCMessage *new_message(struct document_decoder *decoder,
                                     const ProtobufCMessageDescriptor *descriptor)
{
    ProtobufCMessage *message = arena_allocate(&decoder->draft->arena, descriptor->sizeof_message);
    protobuf_c_message_init(descriptor, message);
    return message;
}

static ProtobufCMessage *read_new_message(struct document_decoder *decoder, const yaml_node_t *node,
                                          const ProtobufCMessageDescriptor *descriptor)
{
    ProtobufCMessage *message = new_message(decoder, descriptor);
    if (descriptor == &pointsman__v1__endpoint__descriptor && node->type == YAML_SCALAR_NODE) {
        EndpointMessage *endpoint = (EndpointMessage *)message;
        read_endpoint_url(decoder, node, &endpoint);
        return &endpoint->base;
    }
    if (decoder->is_grpc && descriptor == &pointsman__v1__path_match__descriptor) {
        document_grpc_read_method(decoder, node, (PathMatchMessage *)message);
        return message;
    }
    decoder_read_message(decoder, node, message);
    return message;
}

/* One value into `to`, which is as wide as the field's type says. */
static void read_value(struct document_decoder *decoder, const yaml_node_t *node,
                       const ProtobufCFieldDescriptor *field, void *to)
{
    if (!decoder_may_go_on(decoder, node))
        return;
    decoder_set_origin(decoder, node);
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = decoder_text(decoder, node);
        if (text != NULL)
            *(char **)to = arena_string(&decoder->draft->arena, text, strlen(text));
        return;
    }
    case PROTOBUF_C_TYPE_BOOL:
        read_bool(decoder, node, to);
        return;
    case PROTOBUF_C_TYPE_UINT32:
        read_number(decoder, node, to);
        return;
    case PROTOBUF_C_TYPE_ENUM:
        read_enum(decoder, node, field->descriptor, to);
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        if (field->descriptor == &google__protobuf__duration__descriptor)
            read_duration(decoder, node, to);
        else
            *(ProtobufCMessage **)to = read_new_message(decoder, node, field->descriptor);
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
        decoder_fail(decoder, node, "cannot be given in a document");
    }
}

/* A list of strings, numbers or messages, whatever the field holds. */
static void read_list(struct document_decoder *decoder, const yaml_node_t *node,
                      const ProtobufCFieldDescriptor *field, ProtobufCMessage *message)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        decoder_fail(decoder, node, "is not a list");
        return;
    }
    const yaml_node_item_t *start = node->data.sequence.items.start;
    size_t count = (size_t)(node->data.sequence.items.top - start);
    if (decoder->is_exhausted)
        return;
    decoder_set_origin(decoder, node);
    size_t bytes = field_value_bytes(field->type);
    char *items = arena_allocate(&decoder->draft->arena, count * bytes);

    for (size_t i = 0; i < count; i++) {
        struct document_place place = decoder_place(decoder);
        const yaml_node_t *item = yaml_document_get_node(decoder->yaml, start[i]);
        char *to = items + i * bytes;
        if (field->type == PROTOBUF_C_TYPE_STRING)
            *(const char **)to = protobuf_c_empty_string;
        if (field->type == PROTOBUF_C_TYPE_MESSAGE)
            *(ProtobufCMessage **)to = new_message(decoder, field->descriptor);
        decoder_enter_item(decoder, i);
        if (decoder_is_null(item))
            decoder_fail(decoder, item, "is nothing");
        else
            read_value(decoder, item, field, to);
        decoder_return(decoder, place);
    }
    *(size_t *)((char *)message + field->quantifier_offset) = count;
    *(void **)field_at(message, field) = items;
}

/* Marks which field of its oneof is set; false when another is. */
static bool choose(struct document_decoder *decoder, const yaml_node_t *node,
                   const ProtobufCFieldDescriptor *field, ProtobufCMessage *message)
{
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
        return true;
    uint32_t *chosen = (uint32_t *)((char *)message + field->quantifier_offset);
    if (*chosen != 0 && *chosen != field->id)
        return decoder_fail(decoder, node, "excludes another key that is given");
    *chosen = field->id;
    return true;
}

/* Fields that the message itself cannot tell from not given at zero or empty, and that the Gateway
 * API knows no such value of. */
static const struct {
    const ProtobufCMessageDescriptor *descriptor;
    const char *field;
} never_zero[] = {
    {&pointsman__v1__parent_ref__descriptor, "port"},
    {&pointsman__v1__backend_ref__descriptor, "port"},
    {&pointsman__v1__backend_object_reference__descriptor, "port"},
    {&pointsman__v1__request_redirect__descriptor, "port"},
    {&pointsman__v1__request_redirect__descriptor, "status_code"},
    {&pointsman__v1__fraction__descriptor, "denominator"},
    {&pointsman__v1__path_match__descriptor, "value"},
    {&pointsman__v1__cookie_config__descriptor, "name"},
    {&pointsman__v1__cookie_config__descriptor, "path"},
    {&pointsman__v1__route_match__descriptor, "method"},
    {&pointsman__v1__route__descriptor, "rules"},
};

static void check_zero(struct document_decoder *decoder, const yaml_node_t *node,
                       const ProtobufCFieldDescriptor *field, const ProtobufCMessage *message)
{
    if (field_is_set(message, field) ||
        decoder_is_unread(decoder, buffer_string(&decoder->message_path)))
        return;
    for (size_t i = 0; i < sizeof(never_zero) / sizeof(never_zero[0]); i++) {
        if (never_zero[i].descriptor == message->descriptor &&
            strcmp(never_zero[i].field, field->name) == 0)
            decoder_fail(decoder, node, "must not be %s; leave it out",
                         field->type == PROTOBUF_C_TYPE_UINT32 ? "0" : "empty");
    }
}

/* What the Gateway API has and we have not: no mistake of the writer's. NULL: it is not of it. */
static const char *unsupported_because(const char *name)
{
    static const char *const reasons[][2] = {
        {"idleTimeout", "absoluteTimeout limits a session; the Gateway API has dropped this one"},
        {"extensionRef", "it names an object of Kubernetes"},
        {"useDefaultGateways", "there are no Gateways; parentRefs choose listeners"},
        {"ExtensionRef", "it names an object of Kubernetes"},
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (strcmp(reasons[i][0], name) == 0)
            return reasons[i][1];
    }
    return NULL;
}

/* A message being read, and what its "type" says when it has one. */
struct reading {
    ProtobufCMessage *message;
    const yaml_node_t *type_node;
    unsigned required_count; /* of the fields that must be given and may be zero */
    struct document_session_old old_session;
};

static void read_field(struct document_decoder *decoder, void *context, const char *key,
                       const yaml_node_t *key_node, const yaml_node_t *value)
{
    struct reading *reading = context;
    const ProtobufCMessageDescriptor *descriptor = reading->message->descriptor;
    if (document_has_type(descriptor) && strcmp(key, "type") == 0) {
        reading->type_node = value;
        return;
    }
    if (document_session_take_old(&reading->old_session, descriptor, key, value))
        return;

    const ProtobufCFieldDescriptor *field = decoder->is_grpc
                                                ? document_grpc_find_field(descriptor, key)
                                                : document_find_field(descriptor, key);
    if (field == NULL || document_is_outside_spec(descriptor, field)) {
        const char *because = unsupported_because(key);
        if (because == NULL)
            decoder_complain(decoder, key_node, "unknown field '%s'%s", key,
                             document_guess_field(descriptor, decoder->is_grpc, key));
        else
            decoder_complain(decoder, key_node, "'%s' is not supported: %s", key, because);
        return;
    }
    struct document_place place = decoder_place(decoder);
    decoder_enter(decoder, key, field->name);
    reading->required_count += document_is_required(descriptor, field);
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        read_list(decoder, value, field, reading->message);
        if (!decoder->is_grpc) /* there, rules may be an empty list */
            check_zero(decoder, value, field, reading->message);
    } else if (choose(decoder, key_node, field, reading->message)) {
        read_value(decoder, value, field, field_at(reading->message, field));
        check_zero(decoder, value, field, reading->message);
    }
    decoder_return(decoder, place);
}

/* "type: URLRewrite" must go with urlRewrite. */
static void check_type(struct document_decoder *decoder, const yaml_node_t *node,
                       const struct reading *reading)
{
    const ProtobufCMessageDescriptor *descriptor = reading->message->descriptor;
    char name[DOCUMENT_NAME_BYTES];
    char key[DOCUMENT_NAME_BYTES];
    const char *type =
        reading->type_node == NULL ? NULL : decoder_text(decoder, reading->type_node);
    if (type == NULL) {
        if (reading->type_node == NULL)
            decoder_fail(decoder, node, "'type' is missing");
        return;
    }

    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        bool is_given = field_is_set(reading->message, field);
        bool is_named = strcmp(document_type_name(field, name), type) == 0;
        if (is_named && !is_given)
            decoder_fail(decoder, reading->type_node, "'type' is %s, but '%s' is missing", type,
                         document_key(descriptor, field, key));
        if (is_named)
            return;
    }
    const char *because = unsupported_because(type);
    if (because == NULL)
        decoder_fail(decoder, reading->type_node, "unknown type '%s'%s", type,
                     document_guess_type(descriptor, decoder->is_grpc, type));
    else
        decoder_fail(decoder, reading->type_node, "the type %s is not supported: %s", type,
                     because);
}

static void check_required(struct document_decoder *decoder, const yaml_node_t *node,
                           const struct reading *reading)
{
    const ProtobufCMessageDescriptor *descriptor = reading->message->descriptor;
    char key[DOCUMENT_NAME_BYTES];
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        if (document_is_required(descriptor, &descriptor->fields[i]) &&
            reading->required_count == 0)
            decoder_fail(decoder, node, "'%s' is missing",
                         document_key(descriptor, &descriptor->fields[i], key));
    }
}

void decoder_read_message(struct document_decoder *decoder, const yaml_node_t *node,
                          ProtobufCMessage *message)
{
    struct reading reading = {.message = message};
    if (decoder->depth >= MAX_DEPTH) {
        decoder_fail(decoder, node, "is nested too deeply");
        return;
    }
    decoder->depth++;
    if (decoder_each_key(decoder, node, read_field, &reading)) {
        if (document_has_type(message->descriptor))
            check_type(decoder, node, &reading);
        check_required(decoder, node, &reading);
        if (message->descriptor == &pointsman__v1__session_persistence__descriptor)
            document_session_read_old(decoder, &reading.old_session,
                                      (SessionPersistenceMessage *)message);
    }
    decoder->depth--;
}
