#include "control/routectl/document_grpc.h"

#include "common/buffer.h"
#include "control/routectl/document_names.h"

#include <stdlib.h>
#include <string.h>

/* --- fields ----------------------------------------------------------------------------------- */

/* Keys of an HTTPRoute that a GRPCRoute has not. */
static const struct {
    const ProtobufCMessageDescriptor *descriptor;
    const char *key;
} http_keys[] = {
    {&pointsman__v1__route_match__descriptor, "path"},
    {&pointsman__v1__route_match__descriptor, "queryParams"},
    {&pointsman__v1__route_rule__descriptor, "timeouts"},
    {&pointsman__v1__route_rule__descriptor, "retry"},
    {&pointsman__v1__filter__descriptor, "requestRedirect"},
    {&pointsman__v1__filter__descriptor, "urlRewrite"},
    {&pointsman__v1__filter__descriptor, "cors"},
    {&pointsman__v1__filter__descriptor, "externalAuth"},
};

const ProtobufCFieldDescriptor *
document_grpc_find_field(const ProtobufCMessageDescriptor *descriptor, const char *key)
{
    for (size_t i = 0; i < sizeof(http_keys) / sizeof(http_keys[0]); i++) {
        if (http_keys[i].descriptor == descriptor && strcmp(http_keys[i].key, key) == 0)
            return NULL;
    }
    bool is_method =
        descriptor == &pointsman__v1__route_match__descriptor && strcmp(key, "method") == 0;
    return document_find_field(descriptor, is_method ? "path" : key);
}

/* --- methods ---------------------------------------------------------------------------------- */

struct method_match {
    const yaml_node_t *type_node;
    const char *type, *service, *method; /* NULL: not given */
};

static bool is_identifier(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bool is_digit = text[i] >= '0' && text[i] <= '9';
        bool is_letter = ascii_lower(text[i]) >= 'a' && ascii_lower(text[i]) <= 'z';
        if (!is_letter && text[i] != '_' && (!is_digit || i == 0))
            return false;
    }
    return length > 0;
}

/* "package.Service": identifiers of protobuf, with dots between them and, maybe, in front. */
static bool is_service(const char *text)
{
    const char *at = *text == '.' ? text + 1 : text;
    for (;;) {
        size_t length = strcspn(at, ".");
        if (!is_identifier(at, length))
            return false;
        if (at[length] == '\0')
            return true;
        at += length + 1;
    }
}

static void read_key(struct document_decoder *decoder, void *context, const char *key,
                     const yaml_node_t *key_node, const yaml_node_t *value)
{
    struct method_match *match = context;
    const char **to = NULL;
    if (strcmp(key, "type") == 0) {
        to = &match->type;
        match->type_node = value;
    } else if (strcmp(key, "service") == 0) {
        to = &match->service;
    } else if (strcmp(key, "method") == 0) {
        to = &match->method;
    } else {
        decoder_complain(decoder, key_node, "unknown field '%s'", key);
        return;
    }
    struct document_place place = decoder_place(decoder);
    decoder_enter(decoder, key, "value");
    *to = decoder_text(decoder, value);
    decoder_return(decoder, place);
}

static bool check_exact(struct document_decoder *decoder, const yaml_node_t *node,
                        const struct method_match *match)
{
    if (match->service != NULL && !is_service(match->service))
        return decoder_fail(decoder, node, "'%s' is not the name of a gRPC service",
                            match->service);
    if (match->method != NULL && !is_identifier(match->method, strlen(match->method)))
        return decoder_fail(decoder, node, "'%s' is not the name of a gRPC method", match->method);
    return true;
}

/* What is wrong with the path is said of the method, all of it. */
static void set_origin_of_value(struct document_decoder *decoder, const yaml_node_t *node)
{
    struct document_place place = decoder_place(decoder);
    decoder_enter(decoder, "", "value");
    decoder->document_path.length = place.document_length;
    decoder_set_origin(decoder, node);
    decoder_return(decoder, place);
}

static bool is_empty(const char *text)
{
    return text == NULL || *text == '\0';
}

static const char *given_or_any(const char *text)
{
    return is_empty(text) ? "[^/]+" : text;
}

void document_grpc_read_method(struct document_decoder *decoder, const yaml_node_t *node,
                               PathMatchMessage *path)
{
    struct method_match match = {0};
    struct arena *arena = &decoder->draft->arena;
    if (!decoder_each_key(decoder, node, read_key, &match) ||
        decoder_is_unread(decoder, buffer_string(&decoder->message_path)))
        return;
    set_origin_of_value(decoder, node);
    if (is_empty(match.service) && is_empty(match.method)) {
        decoder_fail(decoder, node, "needs a 'service' or a 'method'");
        return;
    }

    const char *service = given_or_any(match.service);
    const char *method = given_or_any(match.method);
    if (match.type == NULL || strcmp(match.type, "Exact") == 0) {
        if (!check_exact(decoder, node, &match))
            return;
        if (match.method == NULL) {
            path->type = POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_PATH_PREFIX;
            path->value = arena_printf(arena, "/%s", service);
            return;
        }
        if (match.service == NULL) {
            path->type = POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_GRPC_METHOD;
            path->value = arena_string(arena, method, strlen(method));
            return;
        }
        path->type = POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_EXACT;
        path->value = arena_printf(arena, "/%s/%s", service, method);
    } else if (strcmp(match.type, "RegularExpression") == 0) {
        path->type = POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_REGULAR_EXPRESSION;
        path->value = arena_printf(arena, "/(?:%s)/(?:%s)", service, method);
    } else {
        decoder_fail(decoder, match.type_node, "'%s' is none of Exact, RegularExpression",
                     match.type);
    }
}

/* --- writing ---------------------------------------------------------------------------------- */

static bool is_expression(const PathMatchMessage *path)
{
    return path->type == POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_REGULAR_EXPRESSION;
}

static char *part_of(struct slice part)
{
    return part.length == 0 ? NULL : memory_duplicate_slice(part);
}

struct document_grpc_method document_grpc_method_of(const PathMatchMessage *path)
{
    static const char between[] = ")/(?:";
    const char *value = path->value;
    const size_t length = strlen(value);
    struct slice service = slice_of(value + 1, length - 1);
    struct slice method = slice_of(value, 0);
    if (path->type == POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_GRPC_METHOD) {
        service.length = 0;
        method.length = length;
    } else if (is_expression(path)) {
        const char *middle = strstr(value, between);
        service = slice_of(value + 4, (size_t)(middle - value) - 4);
        method.at = middle + sizeof(between) - 1;
        method.length = length - (size_t)(method.at - value) - 1;
    } else if (path->type == POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_EXACT) {
        const char *slash = strchr(value + 1, '/');
        service.length = (size_t)(slash - value) - 1;
        method = slice_from_string(slash + 1);
    }
    return (struct document_grpc_method){
        .is_expression = is_expression(path),
        .service = part_of(service),
        .method = part_of(method),
    };
}

void document_grpc_method_clear(struct document_grpc_method *method)
{
    free(method->service);
    free(method->method);
    *method = (struct document_grpc_method){0};
}
