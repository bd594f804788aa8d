#include "proxy/http/forwarded_head.h"

#include "common/hex.h"
#include "proxy/http/exchange.h"
#include "proxy/http/via.h"
#include "proxy/http/websocket_accept.h"
#include "proxy/http/worker.h"
#include "proxy/routing/filter_request.h"
#include "proxy/routing/loop_mark.h"

enum { REQUEST_ID_DIGITS = sizeof(((struct exchange *)0)->request_id) };

/* What a trusted peer says stands in front of the peer itself. */
static struct slice forwarded_for(struct exchange *exchange)
{
    const struct header_list *fields = &exchange->request.fields;
    if (!exchange->peer_is_trusted || header_list_find(fields, HEADER_X_FORWARDED_FOR) == NULL)
        return exchange->peer_address;

    struct buffer *notes = &exchange->notes;
    buffer_reset(notes);
    for (size_t i = 0; i < fields->count; i++) {
        if (fields->tags[i].id != HEADER_X_FORWARDED_FOR)
            continue;
        buffer_append_slice(notes, fields->headers[i].value);
        buffer_append_string(notes, ", ");
    }
    /* A Unix socket's peer has no address to add. */
    if (exchange->peer_address.at[0] == 'u')
        notes->length -= 2;
    else
        buffer_append_slice(notes, exchange->peer_address);
    return buffer_slice(notes);
}

static void add_request_id(struct exchange *exchange)
{
    struct header_list *fields = &exchange->request.fields;
    if (header_list_find(fields, HEADER_X_REQUEST_ID) != NULL)
        return;

    for (size_t at = 0; at < REQUEST_ID_DIGITS; at += 16)
        hex_write_word(exchange->request_id + at, balancer_random_next(&exchange->worker->random));
    header_list_add(fields, SLICE("x-request-id"),
                    slice_of(exchange->request_id, REQUEST_ID_DIGITS), HEADER_X_REQUEST_ID);
}

/* Whatever even a trusted peer says of certificates is not of the connection we have verified. */
static void add_certificate(struct exchange *exchange)
{
    struct header_list *fields = &exchange->request.fields;
    if (!exchange->client_is_asked)
        return;
    header_list_drop(fields, HEADER_X_CLIENT_CERT);
    header_list_drop(fields, HEADER_CLIENT_CERT);
    header_list_drop(fields, HEADER_CLIENT_CERT_CHAIN);
    bool has_shown = exchange->client_subject.at != NULL;
    header_list_add(fields, SLICE("x-client-cert-verified"),
                    has_shown ? SLICE("SUCCESS") : SLICE("NONE"), HEADER_X_CLIENT_CERT);
    if (has_shown)
        header_list_add(fields, SLICE("x-client-cert-subject"), exchange->client_subject,
                        HEADER_X_CLIENT_CERT);
}

/* The client has none, as HTTP/2 has no need of it (RFC 8441 section 5). */
static void add_websocket_key(struct exchange *exchange)
{
    if (!exchange->request.is_connect)
        return;
    char *key = arena_allocate(&exchange->arena, WEBSOCKET_KEY_BYTES);
    websocket_key_make(key);
    header_list_add(&exchange->request.fields, SLICE("sec-websocket-key"),
                    slice_of(key, WEBSOCKET_KEY_BYTES), HEADER_SEC_WEBSOCKET_KEY);
}

void forwarded_head_prepare(struct exchange *exchange)
{
    filter_request_add_forwarded(&exchange->request.fields, &exchange->request.head,
                                 forwarded_for(exchange));
    add_certificate(exchange);
    add_request_id(exchange);
    loop_mark_add(&exchange->request.fields, exchange->loop_mark);
    via_add_to_request(exchange);
    add_websocket_key(exchange);
}
