#include "proxy/http/authorization.h"

#include "proxy/http/authorization_parts.h"
#include "proxy/http/filter_exchange.h"
#include "proxy/http/forwarder.h"
#include "proxy/http/local_reply.h"
#include "proxy/http/request_handler.h"
#include "proxy/http/response_date.h"
#include "proxy/http/retry.h"
#include "proxy/http/via.h"
#include "proxy/http/worker.h"
#include "proxy/routing/external_auth.h"
#include "proxy/routing/filter_request.h"
#include "proxy/routing/route.h"
#include "proxy/routing/route_table.h"
#include "proxy/upstream/backend.h"

/* What an answer that allows the request may say beside that: it is read, so that the connection
 * can be used again, and thrown away. */
enum { ALLOWING_BODY_BYTES = 64 * 1024 };

/* --- what comes of it ------------------------------------------------------------------------ */

struct exchange *authorization_end(struct authorization *authorization)
{
    struct exchange *request = authorization->request;
    exchange_cancel_upstream(request);
    return request;
}

static const char *sentence_of(unsigned status)
{
    switch (status) {
    case 502:
        return "The authorization service's answer is not valid HTTP.";
    case 504:
        return "The authorization service did not answer in time.";
    default:
        return "The authorization service is not available.";
    }
}

static void reply_failed(struct exchange *request, unsigned status, const char *sentence)
{
    counter_add(&request->worker->counters->refused[DENIAL_AUTHORIZATION_FAILED], 1);
    request->authorization = AUTHORIZATION_FAILED;
    local_reply(request, status, sentence);
}

void authorization_fail(struct authorization *authorization, unsigned status, const char *sentence)
{
    reply_failed(authorization_end(authorization), status, sentence);
}

static void fail(struct authorization *authorization, unsigned status)
{
    authorization_fail(authorization, status, sentence_of(status));
}

static void refuse_body(struct authorization *authorization)
{
    struct exchange *request = authorization_end(authorization);
    counter_add(&request->worker->counters->refused[DENIAL_BODY_TOO_LARGE], 1);
    request->authorization = AUTHORIZATION_REFUSED;
    local_reply(request, 413, "The request's body is longer than its authorization allows.");
}

/* As HTTP the question has the body itself, and keeps it. */
static struct body_pipe *gathered_body(struct authorization *authorization)
{
    return authorization->filter->is_grpc ? &authorization->gathered
                                          : &authorization->question->request_body;
}

static void give_body_back(struct authorization *authorization)
{
    exchange_cancel_upstream(authorization->question);
    body_pipe_give(gathered_body(authorization), &authorization->request->request_body);
}

void authorization_allow(struct authorization *authorization, const struct auth_edits *edits)
{
    if (authorization->filter->max_body_bytes > 0)
        give_body_back(authorization);
    struct exchange *request = authorization_end(authorization);
    exchange_drop_trailers(request);
    request->authorization = AUTHORIZATION_GIVEN;
    request->auth_edits = edits;
    request_handler_go_on(request);
}

/* --- the answer ------------------------------------------------------------------------------ */

/* The only answer that allows anything: one of the service's, complete when it ends. */
static bool allows(const struct exchange *question)
{
    return question->own_status == 0 && question->response.status == 200;
}

static void take_allowing_body(struct authorization *authorization)
{
    struct exchange *question = authorization->question;
    struct body_pipe *body = &question->response_body;
    if (body->total > ALLOWING_BODY_BYTES)
        return fail(authorization, 502);
    if (body->is_ended)
        return authorization_allow(authorization, NULL);
    body_pipe_take(body, body_pipe_waiting(body).length);
    exchange_mark(question, EXCHANGE_RESPONSE_ROOM);
}

/* From pipe to pipe, as the client reads. */
static void pass_on_body(struct authorization *authorization)
{
    struct exchange *question = authorization->question;
    struct exchange *request = authorization->request;
    struct body_pipe *from = &question->response_body;
    struct body_pipe *to = &request->response_body;
    struct slice bytes = body_pipe_waiting(from);
    if (bytes.length > body_pipe_room(to))
        bytes.length = body_pipe_room(to);
    if (bytes.length > 0) {
        body_pipe_append(to, bytes);
        body_pipe_take(from, bytes.length);
        exchange_mark(question, EXCHANGE_RESPONSE_ROOM);
        exchange_mark(request, EXCHANGE_RESPONSE_DATA);
    }
    if (!from->is_ended || body_pipe_waiting(from).length > 0)
        return;
    buffer_append_slice(&to->trailers, buffer_slice(&from->trailers));
    to->is_ended = true;
    exchange_mark(request, EXCHANGE_RESPONSE_DATA);
    authorization_end(authorization);
}

/* As what an endpoint has answered is passed on. */
static void pass_on_head(struct authorization *authorization)
{
    struct exchange *request = authorization->request;
    struct arena *arena = &request->arena;
    const struct parsed_response *answer = &authorization->question->response;
    struct header_list copied = header_list_copy(&answer->fields, arena);

    request->response = *answer;
    request->response.reason =
        slice_from_string(arena_string(arena, answer->reason.at, answer->reason.length));
    request->response.fields =
        exchange_response_fields(request, RESPONSE_HEADERS_DEFAULT + EXCHANGE_ADDED_HEADERS);
    for (size_t i = 0; i < copied.count; i++) {
        if (!copied.tags[i].is_dropped)
            header_list_add(&request->response.fields, copied.headers[i].name,
                            copied.headers[i].value, copied.tags[i].id);
    }
    response_date_add(request);
    via_add_to_response(request);
    filter_exchange_response(request);
    exchange_respond(request);
}

/* To a client of HTTP/2 any 2xx would say that its WebSocket is open (RFC 8441 section 5). */
static void refuse(struct authorization *authorization)
{
    struct exchange *request = authorization->request;
    if (request->request.is_connect && authorization->question->response.status / 100 == 2)
        return fail(authorization, 502);
    counter_add(&request->worker->counters->refused[DENIAL_AUTHORIZATION_REFUSED], 1);
    request->authorization = AUTHORIZATION_REFUSED;
    authorization->stage = REFUSING;
    pass_on_head(authorization);
}

/* --- what the question tells its front ------------------------------------------------------- */

/* The data follow, if only their end. */
static void on_head(struct exchange *question)
{
    struct authorization *authorization = question->front;
    struct exchange *request = authorization->request;
    if (question->own_status != 0) {
        fail(authorization, question->own_status);
    } else if (authorization->filter->is_grpc) {
        authorization_check_on_head(authorization);
    } else if (allows(question)) {
        authorization->stage = ALLOWING;
        external_auth_take(authorization->filter, &question->response.fields,
                           &request->request.fields, &request->arena);
    } else {
        refuse(authorization);
    }
}

static void on_interim(struct exchange *question)
{
    (void)question;
}

static void on_data(struct exchange *question)
{
    struct authorization *authorization = question->front;
    if (authorization->stage == ALLOWING)
        take_allowing_body(authorization);
    else if (authorization->stage == REFUSING)
        pass_on_body(authorization);
    else if (authorization->stage == LISTENING)
        authorization_check_on_data(authorization);
}

/* What the client has got of it is seen to be broken. */
static void on_abort(struct exchange *question)
{
    struct authorization *authorization = question->front;
    unsigned status = question->own_status == 0 ? 503 : question->own_status;
    if (authorization->stage != REFUSING)
        return fail(authorization, status);
    struct exchange *request = authorization_end(authorization);
    local_reply(request, status, sentence_of(status));
}

/* Its body is complete before it begins. */
static void on_room(struct exchange *question)
{
    (void)question;
}

static bool is_gone(const struct exchange *question)
{
    const struct authorization *authorization = question->front;
    const struct exchange *request = authorization->request;
    const struct front_operations *front = request->front_operations;
    return front->is_gone != NULL && front->is_gone(request);
}

static const struct front_operations front_operations = {
    .head = on_head,
    .interim = on_interim,
    .data = on_data,
    .abort = on_abort,
    .room = on_room,
    .is_gone = is_gone,
};

/* --- asking ---------------------------------------------------------------------------------- */

static const struct filter_list *filters_of(const struct exchange *request)
{
    return request->forwarding.rule->policy->filters;
}

static void write_question(struct authorization *authorization)
{
    struct exchange *request = authorization->request;
    struct exchange *question = authorization->question;
    struct parsed_request *asked = &question->request;
    const struct filter_list *filters = filters_of(request);
    struct arena *arena = &question->arena;

    *asked = (struct parsed_request){
        .framing = BODY_LENGTH,
        .content_length = question->request_body.total,
        .minor_version = 1,
        .head = external_auth_head(filters, &request->request.head, arena),
        .fields = external_auth_fields(filters->auth, &request->request.fields, arena),
    };
    asked->head.headers = asked->fields.headers;
    asked->head.header_count = asked->fields.count;
}

static void ask(struct authorization *authorization)
{
    struct exchange *request = authorization->request;
    struct exchange *question = authorization->question;
    authorization->stage = ASKING;
    filter_request_edit_asked(filters_of(request), &request->request.fields, &request->arena);
    if (!authorization->filter->is_grpc)
        write_question(authorization);
    else if (!authorization_check_write(authorization))
        return fail(authorization, 503);
    question->request_body.is_ended = true;
    question->request_body.keep_limit = SIZE_MAX;
    forwarder_start(question);
}

static void gather(struct authorization *authorization)
{
    struct exchange *request = authorization->request;
    struct body_pipe *from = &request->request_body;
    struct body_pipe *to = gathered_body(authorization);
    struct slice bytes = body_pipe_waiting(from);
    if (to->total + bytes.length > authorization->filter->max_body_bytes)
        return refuse_body(authorization);
    if (bytes.length > 0 && !retry_count_in_body(request, bytes.length))
        return fail(authorization, 503);
    body_pipe_append(to, bytes);
    if (body_pipe_take(from, bytes.length))
        exchange_mark(request, EXCHANGE_REQUEST_ROOM);
    if (from->is_ended)
        ask(authorization);
}

/* The client may have to be told to send it. */
static void start_gathering(struct authorization *authorization)
{
    const struct parsed_request *request = &authorization->request->request;
    if (request->framing == BODY_LENGTH &&
        request->content_length > authorization->filter->max_body_bytes)
        return refuse_body(authorization);
    exchange_mark(authorization->request, EXCHANGE_REQUEST_ROOM);
    gather(authorization);
}

/* --- what the request tells its upstream ----------------------------------------------------- */

static void on_request_data(struct exchange *request)
{
    struct authorization *authorization = request->upstream;
    if (authorization->stage == GATHERING)
        gather(authorization);
}

static void on_response_room(struct exchange *request)
{
    struct authorization *authorization = request->upstream;
    if (authorization->stage == REFUSING)
        pass_on_body(authorization);
}

static void on_cancel(struct exchange *request)
{
    struct authorization *authorization = request->upstream;
    exchange_end(authorization->question);
    body_pipe_clear(&authorization->gathered);
    buffer_clear(&authorization->answer);
}

static const struct upstream_operations upstream_operations = {
    .data = on_request_data,
    .room = on_response_room,
    .cancel = on_cancel,
};

/* --- the beginning --------------------------------------------------------------------------- */

static struct authorization *start(struct exchange *request, struct backend *backend)
{
    struct authorization *authorization = arena_allocate(&request->arena, sizeof(*authorization));
    authorization->request = request;
    authorization->filter = filters_of(request)->auth;
    authorization->question = exchange_new(request->worker, &front_operations, authorization);
    authorization->question->is_question = true;
    authorization->question->client_address = request->client_address;
    forwarder_set_backend(authorization->question, NULL, backend);
    request->upstream = authorization;
    request->upstream_operations = &upstream_operations;
    return authorization;
}

void authorization_ask(struct exchange *exchange, const struct route_table *table)
{
    const struct external_auth *filter = filters_of(exchange)->auth;
    struct backend *backend = route_table_backend(table, filter->backend_index);
    if (backend == NULL)
        return reply_failed(exchange, 500, "The route's authorization service does not exist.");
    if (filter->is_grpc && backend->endpoint_count > 0 && !backend_speaks_http2(backend))
        return reply_failed(exchange, 500, "The authorization service does not speak HTTP/2.");

    exchange->authorization = AUTHORIZATION_OPEN;
    forwarder_start_clock(exchange);
    struct authorization *authorization = start(exchange, backend);
    if (filter->max_body_bytes > 0)
        start_gathering(authorization);
    else
        ask(authorization);
}
