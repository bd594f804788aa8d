#include "proxy/routing/auth_check.h"

#include "common/character.h"
#include "common/utf8.h"
#include "proto/envoy/external_auth.pb-c.h"
#include "proto/grpc_wire.h"
#include "proto/message.h"

#include <string.h>

typedef Envoy__Service__Auth__V3__AttributeContext__Peer PeerMessage;
typedef Envoy__Service__Auth__V3__AttributeContext__HttpRequest HttpRequestMessage;
typedef Envoy__Service__Auth__V3__AttributeContext__HttpRequest__HeadersEntry HeadersEntry;
typedef Envoy__Service__Auth__V3__CheckResponse CheckResponseMessage;
typedef Envoy__Service__Auth__V3__OkHttpResponse OkMessage;
typedef Envoy__Service__Auth__V3__DeniedHttpResponse DeniedMessage;
typedef Envoy__Config__Core__V3__HeaderValueOption HeaderOption;

enum { MILLISECONDS = 1000, NANOSECONDS = 1000000 };

/* --- the question --------------------------------------------------------------------------- */

/* A message can hold no other text. */
static char *text_of(struct slice text, struct arena *arena)
{
    char *copy = arena_string(arena, text.at, text.length);
    for (size_t i = 0; i < text.length;) {
        size_t length = copy[i] == '\0' ? 0 : utf8_character_length(copy + i, text.length - i);
        if (length == 0)
            copy[i] = '!';
        i += length == 0 ? 1 : length;
    }
    return copy;
}

static PeerMessage *peer_message(const struct auth_check_peer *peer, struct arena *arena)
{
    PeerMessage *message =
        ARENA_MESSAGE(arena, PeerMessage, envoy__service__auth__v3__attribute_context__peer__init);
    message->principal = text_of(peer->principal, arena);
    if (peer->address.length == 0)
        return message;

    Envoy__Config__Core__V3__Address *address = ARENA_MESSAGE(
        arena, Envoy__Config__Core__V3__Address, envoy__config__core__v3__address__init);
    Envoy__Config__Core__V3__SocketAddress *socket =
        ARENA_MESSAGE(arena, Envoy__Config__Core__V3__SocketAddress,
                      envoy__config__core__v3__socket_address__init);
    socket->address = text_of(peer->address, arena);
    socket->port_specifier_case =
        ENVOY__CONFIG__CORE__V3__SOCKET_ADDRESS__PORT_SPECIFIER_PORT_VALUE;
    socket->port_value = peer->port;
    address->address_case = ENVOY__CONFIG__CORE__V3__ADDRESS__ADDRESS_SOCKET_ADDRESS;
    address->socket_address = socket;
    message->address = address;
    return message;
}

static char *lower_name(struct slice name, struct arena *arena)
{
    char *lower = arena_string(arena, name.at, name.length);
    for (size_t i = 0; i < name.length; i++)
        lower[i] = ascii_lower(lower[i]);
    return lower;
}

static HeadersEntry *find_entry(const HttpRequestMessage *message, const char *name)
{
    for (size_t i = 0; i < message->n_headers; i++) {
        if (strcmp(message->headers[i]->key, name) == 0)
            return message->headers[i];
    }
    return NULL;
}

/* RFC 9110 section 5.3, and RFC 9113 section 8.2.3 for Cookie. */
static void add_header(HttpRequestMessage *message, const struct header *header,
                       struct arena *arena)
{
    char *name = lower_name(header->name, arena);
    char *value = text_of(header->value, arena);
    HeadersEntry *entry = find_entry(message, name);
    if (entry != NULL) {
        const char *joint = strcmp(name, "cookie") == 0 ? "; " : ",";
        entry->value = arena_printf(arena, "%s%s%s", entry->value, joint, value);
        return;
    }
    entry = ARENA_MESSAGE(
        arena, HeadersEntry,
        envoy__service__auth__v3__attribute_context__http_request__headers_entry__init);
    entry->key = name;
    entry->value = value;
    ARENA_APPEND(arena, message->headers, message->n_headers, entry);
}

static char *path_of(const struct request_head *head, struct arena *arena)
{
    char *path = text_of(head->path, arena);
    return head->has_query ? arena_printf(arena, "%s?%s", path, text_of(head->query, arena)) : path;
}

static void set_body(HttpRequestMessage *message, struct slice body, struct arena *arena)
{
    if (body.length == 0)
        return;
    bool is_text = memchr(body.at, '\0', body.length) == NULL && utf8_is_valid(body);
    if (is_text)
        message->body = arena_string(arena, body.at, body.length);
    else
        message->raw_body = (ProtobufCBinaryData){.data = (uint8_t *)body.at, .len = body.length};
}

static HttpRequestMessage *http_message(const struct auth_check_question *question,
                                        struct arena *arena)
{
    const struct request_head *head = question->head;
    HttpRequestMessage *message = ARENA_MESSAGE(
        arena, HttpRequestMessage, envoy__service__auth__v3__attribute_context__http_request__init);
    message->id = text_of(question->id, arena);
    message->method = text_of(head->method, arena);
    message->path = path_of(head, arena);
    message->host = text_of(head->authority, arena);
    message->scheme = text_of(head->scheme, arena);
    message->protocol = text_of(question->protocol, arena);
    message->size = question->size;
    for (size_t i = 0; i < question->fields->count; i++) {
        if (!question->fields->tags[i].is_dropped)
            add_header(message, &question->fields->headers[i], arena);
    }
    set_body(message, question->body, arena);
    return message;
}

void auth_check_put_question(const struct auth_check_question *question, struct buffer *to)
{
    struct arena arena = {0};
    Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Envoy__Service__Auth__V3__AttributeContext__Request request =
        ENVOY__SERVICE__AUTH__V3__ATTRIBUTE_CONTEXT__REQUEST__INIT;
    Envoy__Service__Auth__V3__AttributeContext attributes =
        ENVOY__SERVICE__AUTH__V3__ATTRIBUTE_CONTEXT__INIT;
    Envoy__Service__Auth__V3__CheckRequest check = ENVOY__SERVICE__AUTH__V3__CHECK_REQUEST__INIT;

    time.seconds = (int64_t)(question->received_ms / MILLISECONDS);
    time.nanos = (int32_t)(question->received_ms % MILLISECONDS) * NANOSECONDS;
    request.time = &time;
    request.http = http_message(question, &arena);
    attributes.source = peer_message(&question->source, &arena);
    attributes.destination = peer_message(&question->destination, &arena);
    attributes.request = &request;
    check.attributes = &attributes;

    size_t begun = to->length;
    grpc_frame_begin(to);
    message_pack(&check.base, to);
    grpc_frame_end(to, begun);
    arena_clear(&arena);
}

/* --- the answer ----------------------------------------------------------------------------- */

static struct slice keep(struct slice text, struct arena *arena)
{
    return slice_of(arena_string(arena, text.at, text.length), text.length);
}

static struct slice keep_string(const char *text, struct arena *arena)
{
    return keep(slice_from_string(text), arena);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* RFC 9110 section 5.5. */
static bool is_field_value(struct slice value)
{
    return character_text_span(value.at, value.length) == value.length &&
           (value.length == 0 || (!is_blank(value.at[0]) && !is_blank(value.at[value.length - 1])));
}

/* The service says its value as a text or as bytes; empty is the same as neither. */
static bool read_value(const Envoy__Config__Core__V3__HeaderValue *header, struct slice *value)
{
    const ProtobufCBinaryData *raw = &header->raw_value;
    *value = raw->len > 0 ? slice_of((const char *)raw->data, raw->len)
                          : slice_from_string(header->value);
    return (raw->len == 0 || header->value[0] == '\0') && is_field_value(*value);
}

/* Where `append` is not there it is false to authorization services, whatever it is to others, and
 * an action that is not given looks as the one to append. */
static bool read_action(const HeaderOption *option, enum auth_edit_action *action)
{
    if (option->append != NULL) {
        *action = option->append->value ? AUTH_EDIT_APPEND : AUTH_EDIT_REPLACE;
        return true;
    }
    switch ((int)option->append_action) {
    case ENVOY__CONFIG__CORE__V3__HEADER_VALUE_OPTION__HEADER_APPEND_ACTION__APPEND_IF_EXISTS_OR_ADD:
    case ENVOY__CONFIG__CORE__V3__HEADER_VALUE_OPTION__HEADER_APPEND_ACTION__OVERWRITE_IF_EXISTS_OR_ADD:
        *action = AUTH_EDIT_REPLACE;
        return true;
    case ENVOY__CONFIG__CORE__V3__HEADER_VALUE_OPTION__HEADER_APPEND_ACTION__ADD_IF_ABSENT:
        *action = AUTH_EDIT_ADD_IF_ABSENT;
        return true;
    case ENVOY__CONFIG__CORE__V3__HEADER_VALUE_OPTION__HEADER_APPEND_ACTION__OVERWRITE_IF_EXISTS:
        *action = AUTH_EDIT_REPLACE_IF_PRESENT;
        return true;
    default:
        return false;
    }
}

static bool read_edit(const HeaderOption *option, struct auth_edit *edit, struct arena *arena)
{
    struct slice value;
    if (option->header == NULL || !header_name_is_token(slice_from_string(option->header->key)) ||
        !read_value(option->header, &value) || !read_action(option, &edit->action))
        return false;
    edit->header.name = keep_string(option->header->key, arena);
    edit->header.value = keep(value, arena);
    return true;
}

static bool read_edits(HeaderOption *const *options, size_t count, struct auth_edit_list *list,
                       struct arena *arena)
{
    if (count > AUTH_CHECK_ITEMS_MAX)
        return false;
    struct auth_edit *items = arena_allocate(arena, count * sizeof(*items));
    for (size_t i = 0; i < count; i++) {
        if (!read_edit(options[i], &items[i], arena))
            return false;
    }
    *list = (struct auth_edit_list){.items = items, .count = count};
    return true;
}

static bool read_names(char *const *texts, size_t count, const struct slice **names,
                       size_t *name_count, struct arena *arena)
{
    if (count > AUTH_CHECK_ITEMS_MAX)
        return false;
    struct slice *kept = arena_allocate(arena, count * sizeof(*kept));
    for (size_t i = 0; i < count; i++)
        kept[i] = keep_string(texts[i], arena);
    *names = kept;
    *name_count = count;
    return true;
}

static bool read_parameters(const OkMessage *ok, struct auth_edits *edits, struct arena *arena)
{
    size_t bytes = 0;
    if (ok->n_query_parameters_to_set > AUTH_CHECK_ITEMS_MAX)
        return false;
    struct header *kept = arena_allocate(arena, ok->n_query_parameters_to_set * sizeof(*kept));
    for (size_t i = 0; i < ok->n_query_parameters_to_set; i++) {
        const Envoy__Config__Core__V3__QueryParameter *parameter = ok->query_parameters_to_set[i];
        kept[i].name = keep_string(parameter->key, arena);
        kept[i].value = keep_string(parameter->value, arena);
        bytes += kept[i].name.length + kept[i].value.length;
        if (kept[i].name.length == 0 || bytes > AUTH_CHECK_QUERY_BYTES_MAX)
            return false;
    }
    edits->parameters = kept;
    edits->parameter_count = ok->n_query_parameters_to_set;
    return true;
}

static bool read_ok(const OkMessage *ok, struct auth_edits *edits, struct arena *arena)
{
    return read_edits(ok->headers, ok->n_headers, &edits->request_headers, arena) &&
           read_edits(ok->response_headers_to_add, ok->n_response_headers_to_add,
                      &edits->response_headers, arena) &&
           read_names(ok->headers_to_remove, ok->n_headers_to_remove, &edits->removed_headers,
                      &edits->removed_header_count, arena) &&
           read_parameters(ok, edits, arena) &&
           read_names(ok->query_parameters_to_remove, ok->n_query_parameters_to_remove,
                      &edits->removed_parameters, &edits->removed_parameter_count, arena);
}

static bool read_denied(const DeniedMessage *denied, struct auth_check_answer *answer,
                        struct arena *arena)
{
    int status = denied->status == NULL ? 0 : denied->status->code;
    if (status != 0 && (status < 200 || status > 599))
        return false;
    answer->status = (uint16_t)status;
    answer->body = keep_string(denied->body, arena);
    return read_edits(denied->headers, denied->n_headers, &answer->headers, arena);
}

/* A status that allows beside what is said to who is denied means nothing, nor does neither. */
static bool read_message(const CheckResponseMessage *message, struct auth_check_answer *answer,
                         struct arena *arena)
{
    bool is_allowed = message->status == NULL || message->status->code == 0;
    switch ((int)message->http_response_case) {
    case ENVOY__SERVICE__AUTH__V3__CHECK_RESPONSE__HTTP_RESPONSE_OK_RESPONSE:
        answer->verdict = is_allowed ? AUTH_CHECK_ALLOWED : AUTH_CHECK_DENIED;
        return !is_allowed || read_ok(message->ok_response, &answer->edits, arena);
    case ENVOY__SERVICE__AUTH__V3__CHECK_RESPONSE__HTTP_RESPONSE_DENIED_RESPONSE:
        answer->verdict = AUTH_CHECK_DENIED;
        return !is_allowed && read_denied(message->denied_response, answer, arena);
    case ENVOY__SERVICE__AUTH__V3__CHECK_RESPONSE__HTTP_RESPONSE_ERROR_RESPONSE:
        answer->verdict = AUTH_CHECK_UNDECIDED;
        return !is_allowed && read_denied(message->error_response, answer, arena);
    default:
        answer->verdict = is_allowed ? AUTH_CHECK_ALLOWED : AUTH_CHECK_DENIED;
        return message->status != NULL;
    }
}

bool auth_check_may_go_on(struct slice begun)
{
    struct grpc_frame frame;
    if (!grpc_frame_read(begun, &frame))
        return true;
    return !frame.is_compressed && frame.length <= AUTH_CHECK_ANSWER_BYTES_MAX - GRPC_FRAME_BYTES &&
           begun.length - GRPC_FRAME_BYTES <= frame.length;
}

struct auth_check_answer auth_check_read(struct slice bytes, struct arena *arena)
{
    static const struct auth_check_answer broken = {.verdict = AUTH_CHECK_BROKEN};
    struct grpc_frame frame;
    if (!auth_check_may_go_on(bytes) || !grpc_frame_read(bytes, &frame) ||
        frame.length != bytes.length - GRPC_FRAME_BYTES)
        return broken;

    ProtobufCMessage *message =
        message_unpack(&envoy__service__auth__v3__check_response__descriptor,
                       slice_of(bytes.at + GRPC_FRAME_BYTES, frame.length), MESSAGE_MEMORY_DEFAULT,
                       UNKNOWN_FIELDS_KEPT, NULL);
    if (message == NULL)
        return broken;
    struct auth_check_answer answer = {0};
    bool is_sound = read_message((const CheckResponseMessage *)message, &answer, arena);
    message_free(message);
    return is_sound ? answer : broken;
}
