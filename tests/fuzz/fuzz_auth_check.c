/* What an authorization service of the protocol GRPC answers: read, and done to a request and to an
 * answer. Whatever it says, both can be sent, and what is not the service's to say is as it was.
 * The same bytes, as a header and a body, are told in a message that can be read again. */
#include "common/character.h"
#include "proto/envoy/external_auth.pb-c.h"
#include "proto/grpc_wire.h"
#include "proto/message.h"
#include "proxy/routing/auth_check.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { FIELDS = 4, OWN = 2 };

/* The first ones are the proxy's own to say. */
static const struct header before[FIELDS] = {
    {{"x-forwarded-for", 15}, {"192.0.2.1", 9}},
    {{"x-client-cert-subject", 21}, {"CN=a", 4}},
    {{"x-user", 6}, {"evil", 4}},
    {{"x.user", 6}, {"evil", 4}},
};

static struct header_list make_fields(struct arena *arena)
{
    struct header_list fields = {0};
    header_list_move(&fields, FIELDS, arena);
    for (size_t i = 0; i < FIELDS; i++)
        header_list_add(&fields, before[i].name, before[i].value, header_name_id(before[i].name));
    return fields;
}

static void check_field(const struct header *header, enum header_id id)
{
    if (!header_name_is_token(header->name) ||
        character_text_span(header->value.at, header->value.length) != header->value.length ||
        (header_name_traits(id) & HEADER_IS_PER_HOP) != 0)
        abort();
}

static void check_fields(const struct header_list *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (!fields->tags[i].is_dropped)
            check_field(&fields->headers[i], (enum header_id)fields->tags[i].id);
    }
}

static void check_own(const struct header_list *fields, const struct header *own)
{
    size_t count = 0;
    for (size_t i = 0; i < fields->count; i++) {
        if (fields->tags[i].is_dropped || !header_name_reads_as(fields->headers[i].name, own->name))
            continue;
        if (!slice_equals(fields->headers[i].value, own->value))
            abort();
        count++;
    }
    if (count != 1)
        abort();
}

static void check_query(const struct auth_edits *edits, struct arena *arena)
{
    struct request_head head = {.query = SLICE("a=1&b&token=%zz"), .has_query = true};
    if (!auth_edits_have_query(edits))
        return;
    auth_edits_apply_query(edits, &head, arena);
    for (size_t i = 0; i < head.query.length; i++) {
        if (!character_is(head.query.at[i], CHARACTER_TARGET))
            abort();
    }
    if (head.has_query != (head.query.length > 0))
        abort();
}

static void act_on(const struct auth_check_answer *answer, struct arena *arena)
{
    struct header_list request = make_fields(arena);
    struct header_list response = make_fields(arena);
    switch (answer->verdict) {
    case AUTH_CHECK_ALLOWED:
        auth_edits_apply_request(&answer->edits, &request, arena);
        auth_edits_apply_response(&answer->edits.response_headers, &response, arena);
        check_fields(&request);
        check_fields(&response);
        for (size_t i = 0; i < OWN; i++)
            check_own(&request, &before[i]);
        check_query(&answer->edits, arena);
        break;
    case AUTH_CHECK_DENIED:
    case AUTH_CHECK_UNDECIDED:
        if (answer->status != 0 && (answer->status < 200 || answer->status > 599))
            abort();
        auth_edits_apply_response(&answer->headers, &response, arena);
        check_fields(&response);
        break;
    case AUTH_CHECK_BROKEN:
        break;
    }
}

static void tell(struct slice bytes)
{
    struct header header = {SLICE("X-Any"), bytes};
    struct header_tag tag = {0};
    const struct header_list fields = {.headers = &header, .tags = &tag, .count = 1};
    const struct request_head head = {
        .method = SLICE("GET"), .scheme = SLICE("http"), .authority = bytes, .path = SLICE("/")};
    const struct auth_check_question question = {
        .head = &head, .fields = &fields, .id = bytes, .body = bytes};
    struct buffer message = BUFFER_EMPTY;
    auth_check_put_question(&question, &message);
    ProtobufCMessage *read =
        message_unpack(&envoy__service__auth__v3__check_request__descriptor,
                       slice_of(message.at + GRPC_FRAME_BYTES, message.length - GRPC_FRAME_BYTES),
                       MESSAGE_MEMORY_DEFAULT, UNKNOWN_FIELDS_REFUSED, NULL);
    if (read == NULL)
        abort();
    message_free(read);
    buffer_clear(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_of((const char *)data, size);
    struct arena arena = {0};
    struct buffer framed = BUFFER_EMPTY;
    struct auth_check_answer answer = auth_check_read(bytes, &arena);
    if (answer.verdict != AUTH_CHECK_BROKEN && !auth_check_may_go_on(bytes))
        abort();
    act_on(&answer, &arena);

    /* Most bytes are no frame. */
    grpc_frame_begin(&framed);
    buffer_append_slice(&framed, bytes);
    grpc_frame_end(&framed, 0);
    answer = auth_check_read(buffer_slice(&framed), &arena);
    act_on(&answer, &arena);
    buffer_clear(&framed);
    arena_clear(&arena);
    tell(bytes);
    return 0;
}
