#include "proxy/http/exchange.h"

#include "common/buffer.h"
#include "proxy/http/forwarder.h"
#include "proxy/http/mirror.h"
#include "proxy/http/request_handler.h"
#include "proxy/http/worker.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What the buffer of a head may keep of its allocation. */
enum { RETAINED_HEAD_BYTES = 8 * 1024 };

/* --- marks ----------------------------------------------------------------------------------- */

static void unlink_marked(struct exchange *exchange)
{
    struct exchange_queue *queue = &exchange->worker->exchanges;
    if (exchange->previous_marked != NULL)
        exchange->previous_marked->next_marked = exchange->next_marked;
    else
        queue->first_marked = exchange->next_marked;
    if (exchange->next_marked != NULL)
        exchange->next_marked->previous_marked = exchange->previous_marked;
    else
        queue->last_marked = exchange->previous_marked;
    exchange->next_marked = NULL;
    exchange->previous_marked = NULL;
}

static void link_marked(struct exchange *exchange)
{
    struct exchange_queue *queue = &exchange->worker->exchanges;
    exchange->previous_marked = queue->last_marked;
    if (queue->last_marked != NULL)
        queue->last_marked->next_marked = exchange;
    else
        queue->first_marked = exchange;
    queue->last_marked = exchange;
}

void exchange_mark(struct exchange *exchange, enum exchange_event event)
{
    if (exchange->events == 0)
        link_marked(exchange);
    exchange->events = (uint16_t)(exchange->events | event);
}

static void unmark(struct exchange *exchange, unsigned events)
{
    if (exchange->events == 0)
        return;
    exchange->events = (uint16_t)(exchange->events & ~events);
    if (exchange->events == 0)
        unlink_marked(exchange);
}

static void tell_front(struct exchange *exchange, enum exchange_event event)
{
    const struct front_operations *front = exchange->front_operations;
    switch (event) {
    case EXCHANGE_INTERIM_HEAD:
        exchange_mark(exchange, EXCHANGE_RESPONSE_ROOM); /* first: the front may end it */
        front->interim(exchange);
        break;
    case EXCHANGE_RESPONSE_HEAD:
        exchange->response_is_started = true;
        front->head(exchange);
        break;
    case EXCHANGE_RESPONSE_DATA:
        front->data(exchange);
        break;
    case EXCHANGE_RESPONSE_CUT:
        front->abort(exchange);
        break;
    default:
        front->room(exchange);
        break;
    }
}

static void tell(struct exchange *exchange, enum exchange_event event)
{
    switch (event) {
    case EXCHANGE_REQUEST:
        request_handler_serve(exchange);
        break;
    case EXCHANGE_FAILED:
        forwarder_on_failed(exchange);
        break;
    case EXCHANGE_ANSWERED:
        forwarder_on_answered(exchange);
        break;
    case EXCHANGE_INTERIM_HEAD:
    case EXCHANGE_RESPONSE_HEAD:
    case EXCHANGE_RESPONSE_DATA:
    case EXCHANGE_RESPONSE_CUT:
    case EXCHANGE_REQUEST_ROOM:
        tell_front(exchange, event);
        break;
    case EXCHANGE_REQUEST_DATA:
        if (exchange->upstream != NULL)
            exchange->upstream_operations->data(exchange);
        break;
    case EXCHANGE_RESPONSE_ROOM:
        if (exchange->upstream != NULL)
            exchange->upstream_operations->room(exchange);
        break;
    }
}

/* One event at a time: what is told may end the exchange, and then it is not in the list any
 * more. An exchange with several goes on before the others, so that a head and its body leave
 * together. */
void exchanges_flush(struct worker *worker)
{
    struct exchange *exchange;
    while ((exchange = worker->exchanges.first_marked) != NULL) {
        unsigned events = exchange->events;
        enum exchange_event event = events & -events;
        unmark(exchange, event);
        tell(exchange, event);
    }
}

/* --- life ------------------------------------------------------------------------------------ */

static struct exchange *allocate(struct worker *worker)
{
    struct exchange_queue *queue = &worker->exchanges;
    struct exchange *exchange = queue->free;
    if (exchange != NULL) {
        queue->free = exchange->next_marked;
        queue->free_count--;
        if (queue->free_least > queue->free_count)
            queue->free_least = queue->free_count;
        exchange->next_marked = NULL;
        return exchange;
    }
    exchange = line_memory_allocate(&worker->line_memory, sizeof(*exchange));
    exchange->response_window = BODY_PIPE_HIGH_BYTES;
    exchange->worker = worker;
    forwarder_init(exchange);
    return exchange;
}

struct exchange *exchange_new(struct worker *worker, const struct front_operations *operations,
                              void *front)
{
    struct exchange *exchange = allocate(worker);
    exchange->front_operations = operations;
    exchange->front = front;
    exchange->asked = NULL;
    exchange->started_us = worker_now_us(worker);
    return exchange;
}

struct request_area *exchange_read_request(struct exchange *exchange)
{
    exchange->request_area = spares_take(&exchange->worker->exchanges.request_areas);
    return exchange->request_area;
}

static void return_request_area(struct exchange *exchange)
{
    spares_give(&exchange->worker->exchanges.request_areas, exchange->request_area);
    exchange->request_area = NULL;
}

static void own_request_fields(struct exchange *exchange)
{
    struct header_list *fields = &exchange->request.fields;
    const struct header_list read = *fields;
    fields->headers = exchange->request_headers;
    fields->tags = exchange->request_tags;
    fields->capacity = read.count + EXCHANGE_ADDED_HEADERS;
    if (fields->capacity > EXCHANGE_OWN_HEADERS) {
        struct arena *arena = &exchange->arena;
        fields->headers = arena_allocate(arena, fields->capacity * sizeof(*fields->headers));
        fields->tags = arena_allocate(arena, fields->capacity * sizeof(*fields->tags));
    }
    memcpy(fields->headers, read.headers, read.count * sizeof(*read.headers));
    memcpy(fields->tags, read.tags, read.count * sizeof(*read.tags));
    exchange->request.head.headers = fields->headers;
}

void exchange_take_request(struct exchange *exchange)
{
    exchange->request = exchange->request_area->parser.request;
    own_request_fields(exchange);
    return_request_area(exchange);
}

static struct chunked_body *take_chunks(struct exchange *exchange)
{
    struct chunked_body *chunks = spares_take(&exchange->worker->exchanges.chunked_bodies);
    *chunks = (struct chunked_body){0};
    return chunks;
}

void exchange_start_request_chunks(struct exchange *exchange, uint64_t limit_bytes)
{
    if (exchange->request_chunks == NULL)
        exchange->request_chunks = take_chunks(exchange);
    chunked_body_start(exchange->request_chunks, limit_bytes, false);
}

void exchange_start_response_chunks(struct exchange *exchange)
{
    if (exchange->response_chunks == NULL)
        exchange->response_chunks = take_chunks(exchange);
    chunked_body_start(exchange->response_chunks, 0, true);
}

static void return_chunks(struct exchange *exchange, struct chunked_body **chunks)
{
    if (*chunks == NULL)
        return;
    chunked_body_clear(*chunks);
    spares_give(&exchange->worker->exchanges.chunked_bodies, *chunks);
    *chunks = NULL;
}

static struct response_area *response_area(struct exchange *exchange)
{
    if (exchange->response_area == NULL)
        exchange->response_area = spares_take(&exchange->worker->exchanges.response_areas);
    return exchange->response_area;
}

struct header_list exchange_response_fields(struct exchange *exchange, size_t capacity)
{
    struct response_area *area = response_area(exchange);
    return (struct header_list){.headers = area->headers, .tags = area->tags, .capacity = capacity};
}

void exchange_forget_response_fields(struct exchange *exchange)
{
    exchange->response.fields = (struct header_list){0};
    spares_give(&exchange->worker->exchanges.response_areas, exchange->response_area);
    exchange->response_area = NULL;
}

static void free_exchange(struct exchange *exchange)
{
    forwarder_clear(exchange);
    body_pipe_clear(&exchange->request_body);
    body_pipe_clear(&exchange->response_body);
    buffer_clear(&exchange->request_bytes);
    buffer_clear(&exchange->response_bytes);
    buffer_clear(&exchange->notes);
    arena_clear(&exchange->arena);
    line_memory_free(&exchange->worker->line_memory, exchange, sizeof(*exchange));
}

static void recycle_head(struct buffer *bytes)
{
    if (bytes->capacity > RETAINED_HEAD_BYTES)
        buffer_clear(bytes);
    else
        buffer_reset(bytes);
}

/* Makes it as a new one is, except for the request, which is filled in by whoever reads one. It is
 * done here and not when the exchange is taken again, because here its lines are in the cache. */
static void recycle(struct exchange *exchange)
{
    struct exchange_queue *queue = &exchange->worker->exchanges;
    recycle_head(&exchange->request_bytes);
    recycle_head(&exchange->response_bytes);
    return_request_area(exchange);
    spares_give(&queue->response_areas, exchange->response_area);
    exchange->response_area = NULL;
    return_chunks(exchange, &exchange->request_chunks);
    return_chunks(exchange, &exchange->response_chunks);
    arena_clear(&exchange->arena);
    body_pipe_reset(&exchange->request_body);
    read_buffers_return(&exchange->worker->read_buffers, &exchange->response_body.bytes);
    body_pipe_reset(&exchange->response_body);
    exchange->response_body.withheld = 0;
    exchange->response = (struct parsed_response){0};
    exchange->response_window = BODY_PIPE_HIGH_BYTES;
    exchange->response_is_started = false;
    exchange->own_status = 0;
    exchange->response_closes = false;
    exchange->is_mirror = false;
    exchange->is_question = false;
    exchange->is_harmless = false;
    exchange->authorization = AUTHORIZATION_NOT_ASKED;
    exchange->is_grpc = false;
    exchange->is_head_complete = false;
    exchange->is_loop = false;
    exchange->sent_status = 0;
    exchange->sent_bytes = 0;
    exchange->next_marked = queue->free;
    queue->free = exchange;
    queue->free_count++;
    worker_trim_later(exchange->worker);
}

static void free_some(struct exchange_queue *queue, unsigned count)
{
    for (; count > 0; count--) {
        struct exchange *exchange = queue->free;
        queue->free = exchange->next_marked;
        queue->free_count--;
        free_exchange(exchange);
    }
}

bool exchanges_trim(struct worker *worker)
{
    struct exchange_queue *queue = &worker->exchanges;
    free_some(queue, queue->free_least);
    queue->free_least = queue->free_count;
    bool are_left = queue->free_count > 0;
    are_left |= spares_trim(&queue->request_areas);
    are_left |= spares_trim(&queue->response_areas);
    return spares_trim(&queue->chunked_bodies) || are_left;
}

/* A service may merge trailers into the head, and with them who the request is from. */
void exchange_drop_trailers(struct exchange *exchange)
{
    buffer_reset(&exchange->request_body.trailers);
}

void exchange_continue_request(struct exchange *exchange)
{
    if (exchange->authorization != AUTHORIZATION_NOT_ASKED)
        exchange_drop_trailers(exchange);
    if (exchange->mirrors != NULL)
        mirror_request_body(exchange);
    exchange_mark(exchange, EXCHANGE_REQUEST_DATA);
}

void exchange_end(struct exchange *exchange)
{
    mirror_leave(exchange);
    forwarder_end(exchange);
    unmark(exchange, exchange->events);
    recycle(exchange);
}

static void detach_upstream(struct exchange *exchange)
{
    exchange->upstream = NULL;
    exchange->upstream_operations = NULL;
}

void exchange_inform(struct exchange *exchange)
{
    exchange_mark(exchange, EXCHANGE_INTERIM_HEAD);
}

void exchange_answer(struct exchange *exchange)
{
    exchange_mark(exchange, EXCHANGE_ANSWERED);
}

void exchange_complete(struct exchange *exchange)
{
    detach_upstream(exchange);
    exchange_mark(exchange, EXCHANGE_RESPONSE_DATA);
    forwarder_on_complete(exchange);
}

void exchange_fail(struct exchange *exchange, enum upstream_failure failure)
{
    detach_upstream(exchange);
    exchange->forwarding.failure = failure;
    exchange_mark(exchange, EXCHANGE_FAILED);
}

void exchange_cancel_upstream(struct exchange *exchange)
{
    if (exchange->upstream == NULL)
        return;
    exchange->upstream_operations->cancel(exchange);
    detach_upstream(exchange);
}

void exchange_respond(struct exchange *exchange)
{
    exchange_mark(exchange, EXCHANGE_RESPONSE_HEAD);
    exchange_mark(exchange, EXCHANGE_RESPONSE_DATA);
}

void exchange_clear_response(struct exchange *exchange)
{
    assert(!exchange->response_is_started);
    unmark(exchange, EXCHANGE_REQUEST | EXCHANGE_INTERIM_HEAD | EXCHANGE_FAILED |
                         EXCHANGE_ANSWERED | EXCHANGE_RESPONSE_HEAD | EXCHANGE_RESPONSE_DATA);
    body_pipe_reset(&exchange->response_body);
}

void exchanges_init(struct worker *worker)
{
    spares_init(&worker->exchanges.request_areas, sizeof(struct request_area));
    spares_init(&worker->exchanges.response_areas, sizeof(struct response_area));
    spares_init(&worker->exchanges.chunked_bodies, sizeof(struct chunked_body));
}

void exchanges_clear(struct worker *worker)
{
    free_some(&worker->exchanges, worker->exchanges.free_count);
    spares_clear(&worker->exchanges.request_areas);
    spares_clear(&worker->exchanges.response_areas);
    spares_clear(&worker->exchanges.chunked_bodies);
}
