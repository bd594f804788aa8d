#include "proxy/http/http2_request.h"

#include <string.h>

static void add(struct http2_request *made, struct slice name, struct slice value)
{
    made->own[made->own_count++] = (struct header){name, value};
}

/* Where the query still lies behind its path, both are there already. */
static struct slice path_and_query(const struct request_head *head, struct arena *arena)
{
    if (!head->has_query)
        return head->path;
    size_t length = head->path.length + 1 + head->query.length;
    const char *end = head->path.at + head->path.length;
    if (end + 1 == head->query.at && *end == '?')
        return slice_of(head->path.at, length);

    char *joined = arena_allocate(arena, length);
    memcpy(joined, head->path.at, head->path.length);
    joined[head->path.length] = '?';
    if (head->query.length > 0)
        memcpy(joined + head->path.length + 1, head->query.at, head->query.length);
    return slice_of(joined, length);
}

void http2_request_make(struct http2_request *made, const struct parsed_request *request,
                        bool is_secured, struct slice authority, struct arena *arena)
{
    const struct request_head *head = &request->head;
    made->own_count = 0;
    add(made, SLICE(":method"), request->wants_websocket ? SLICE("CONNECT") : head->method);
    if (request->wants_websocket)
        add(made, SLICE(":protocol"), SLICE("websocket"));
    add(made, SLICE(":scheme"), is_secured ? SLICE("https") : SLICE("http"));
    add(made, SLICE(":authority"), head->authority.length > 0 ? head->authority : authority);
    add(made, SLICE(":path"), path_and_query(head, arena));
    if (request->accepts_trailers) /* the only thing TE may say here */
        add(made, SLICE("te"), SLICE("trailers"));
    if (request->framing == BODY_LENGTH)
        add(made, SLICE("content-length"), decimal_write(made->digits, request->content_length));
    made->has_body = request->wants_websocket || request->framing == BODY_CHUNKED ||
                     (request->framing == BODY_LENGTH && request->content_length > 0);
}
