#include "common/clock.h"
#include "proxy/http/authorization_parts.h"
#include "proxy/http/client_connection.h"
#include "proxy/http/filter_exchange.h"
#include "proxy/http/grpc_reply.h"
#include "proxy/http/response_date.h"
#include "proxy/http/retry.h"
#include "proxy/http/status_reason.h"
#include "proxy/http/tls_server.h"
#include "proxy/http/trailers.h"
#include "proxy/http/worker.h"
#include "proxy/routing/auth_check.h"
#include "proxy/routing/external_auth.h"
#include "proxy/routing/route.h"

#include <string.h>

static const char no_call[] = "The authorization service's answer is not valid gRPC.";

/* --- the question ---------------------------------------------------------------------------- */

static struct slice protocol_of(const struct exchange *request)
{
    if (request->front_operations->is_http2)
        return SLICE("HTTP/2");
    return request->request.minor_version == 0 ? SLICE("HTTP/1.0") : SLICE("HTTP/1.1");
}

static uint64_t received_ms(const struct exchange *request)
{
    uint64_t age_us = worker_now_us(request->worker) - request->started_us;
    return clock_wall_ms() - age_us / 1000;
}

/* A peer on a Unix socket has no address. */
static struct auth_check_peer source_of(const struct exchange *request,
                                        const struct client_connection *connection,
                                        struct arena *arena)
{
    return (struct auth_check_peer){
        .address = connection->peer_port == 0 ? SLICE("") : request->peer_address,
        .port = connection->peer_port,
        .principal = tls_server_client_principal(connection->ssl, arena),
    };
}

/* As a URL has it, an address of IPv6 stands in brackets. */
static struct auth_check_peer destination_of(const struct exchange *request,
                                             const struct client_connection *connection,
                                             struct arena *arena)
{
    struct slice address = client_connection_local_host(connection, arena);
    if (address.length > 2 && address.at[0] == '[')
        address = slice_of(address.at + 1, address.length - 2);
    return (struct auth_check_peer){
        .address = address,
        .port = request->request.head.listener->port,
    };
}

static int64_t size_of(const struct authorization *authorization)
{
    const struct parsed_request *request = &authorization->request->request;
    if (authorization->filter->max_body_bytes > 0)
        return (int64_t)authorization->gathered.total;
    switch (request->framing) {
    case BODY_NONE:
        return 0;
    case BODY_LENGTH:
        return (int64_t)request->content_length;
    case BODY_CHUNKED:
    case BODY_UNTIL_CLOSE:
        break;
    }
    return -1;
}

static void write_message(struct authorization *authorization, struct buffer *message)
{
    struct exchange *request = authorization->request;
    struct arena *arena = &authorization->question->arena;
    const struct filter_list *filters = request->forwarding.rule->policy->filters;
    const struct client_connection *connection = request->front_operations->connection(request);
    const struct header_list told =
        external_auth_fields(filters->auth, &request->request.fields, arena);
    const struct request_head head = external_auth_head(filters, &request->request.head, arena);
    const struct slice *id = header_list_find(&request->request.fields, HEADER_X_REQUEST_ID);
    const struct auth_check_question question = {
        .source = source_of(request, connection, arena),
        .destination = destination_of(request, connection, arena),
        .received_ms = received_ms(request),
        .head = &head,
        .fields = &told,
        .id = id == NULL ? SLICE("") : *id,
        .protocol = protocol_of(request),
        .size = size_of(authorization),
        .body = body_pipe_waiting(&authorization->gathered),
    };
    auth_check_put_question(&question, message);
}

/* All of them: a client may have written one in front of ours. */
static void add_marks(struct header_list *to, const struct header_list *from)
{
    for (size_t i = 0; i < from->count; i++) {
        if (from->tags[i].id == HEADER_CDN_LOOP)
            header_list_add(to, SLICE("cdn-loop"), from->headers[i].value, HEADER_CDN_LOOP);
    }
}

/* The length of its body goes without saying (gRPC over HTTP/2, "Requests"). By where the request
 * has been, a call that leads back to its own rule is known (loop_mark.h). */
static struct parsed_request call_head(const struct exchange *request, struct arena *arena)
{
    struct parsed_request call = {
        .framing = BODY_CHUNKED,
        .minor_version = 1,
        .accepts_trailers = true,
        .head = {.method = SLICE("POST"), .path = AUTH_CHECK_PATH},
    };
    header_list_move(&call.fields, 2 + request->request.fields.count, arena);
    header_list_add(&call.fields, SLICE("content-type"), SLICE("application/grpc"),
                    HEADER_CONTENT_TYPE);
    header_list_add(&call.fields, SLICE("user-agent"), SLICE("pointsman"), HEADER_OTHER);
    add_marks(&call.fields, &request->request.fields);
    call.head.headers = call.fields.headers;
    call.head.header_count = call.fields.count;
    return call;
}

/* A body that was gathered lies in the message once more, until that is answered. */
bool authorization_check_write(struct authorization *authorization)
{
    struct exchange *question = authorization->question;
    struct buffer message = BUFFER_EMPTY;
    question->request = call_head(authorization->request, &question->arena);
    question->is_harmless = true; /* it only asks */
    write_message(authorization, &message);
    bool has_room = authorization->gathered.total == 0 ||
                    retry_count_in_body(authorization->request, message.length);
    if (has_room)
        body_pipe_append(&question->request_body, buffer_slice(&message));
    buffer_clear(&message);
    return has_room;
}

/* --- the answer ------------------------------------------------------------------------------ */

static struct slice find_trailer(struct slice trailers, struct slice wanted)
{
    struct slice name;
    struct slice value;
    while (trailer_next(&trailers, &name, &value)) {
        if (slice_equals(name, wanted))
            return value;
    }
    return SLICE("");
}

static struct slice find_field(const struct header_list *fields, struct slice wanted)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (slice_equals(fields->headers[i].name, wanted))
            return fields->headers[i].value;
    }
    return SLICE("");
}

/* Behind the messages; where there are none, it may stand in the head ("Trailers-Only" in gRPC over
 * HTTP/2). Empty: it has none. */
static struct slice status_of(const struct exchange *question)
{
    const struct body_pipe *body = &question->response_body;
    struct slice status = find_trailer(buffer_slice(&body->trailers), SLICE("grpc-status"));
    return status.length == 0 && body->total == 0
               ? find_field(&question->response.fields, SLICE("grpc-status"))
               : status;
}

/* To a client of HTTP/2 any 2xx would say that its WebSocket is open (RFC 8441 section 5). */
static bool may_be_told(const struct exchange *request, unsigned status)
{
    return !request->request.is_connect || status / 100 != 2;
}

static void respond(struct exchange *request, unsigned status,
                    const struct auth_check_answer *answer)
{
    bool has_length = status != 204 && status != 304;
    bool is_to_head = slice_equals(request->request.head.method, SLICE("HEAD"));
    struct header_list *fields = &request->response.fields;
    request->response = (struct parsed_response){
        .status = (uint16_t)status,
        .reason = status_reason(status),
        .fields =
            exchange_response_fields(request, RESPONSE_HEADERS_DEFAULT + EXCHANGE_ADDED_HEADERS),
        .framing = has_length && !is_to_head ? BODY_LENGTH : BODY_NONE,
        .content_length = answer->body.length,
        .has_content_length = has_length,
        .minor_version = 1,
    };
    if (answer->body.length > 0)
        header_list_add(fields, SLICE("content-type"), SLICE("text/plain; charset=utf-8"),
                        HEADER_CONTENT_TYPE);
    response_date_add(request);
    auth_edits_apply_response(&answer->headers, fields, &request->arena);
    if (request->response.framing == BODY_LENGTH)
        body_pipe_append(&request->response_body, answer->body);
    request->response_body.is_ended = true;
    filter_exchange_response(request);
    exchange_respond(request);
}

/* What the service tells the client. */
static void refuse(struct authorization *authorization, const struct auth_check_answer *answer,
                   bool is_failure)
{
    unsigned status = answer->status != 0 ? answer->status : is_failure ? 503 : 403;
    if (!may_be_told(authorization->request, status))
        return authorization_fail(authorization, 502, no_call);
    struct exchange *request = authorization_end(authorization);
    enum denial denial = is_failure ? DENIAL_AUTHORIZATION_FAILED : DENIAL_AUTHORIZATION_REFUSED;
    counter_add(&request->worker->counters->refused[denial], 1);
    request->authorization = is_failure ? AUTHORIZATION_FAILED : AUTHORIZATION_REFUSED;
    respond(request, status, answer);
}

static void allow(struct authorization *authorization, const struct auth_check_answer *answer)
{
    struct exchange *request = authorization->request;
    struct auth_edits *edits = arena_allocate(&request->arena, sizeof(*edits));
    *edits = answer->edits;
    auth_edits_apply_request(edits, &request->request.fields, &request->arena);
    authorization_allow(authorization, edits);
}

static void judge_message(struct authorization *authorization)
{
    const struct auth_check_answer answer =
        auth_check_read(buffer_slice(&authorization->answer), &authorization->request->arena);
    switch (answer.verdict) {
    case AUTH_CHECK_ALLOWED:
        return allow(authorization, &answer);
    case AUTH_CHECK_DENIED:
        return refuse(authorization, &answer, false);
    case AUTH_CHECK_UNDECIDED:
        return refuse(authorization, &answer, true);
    case AUTH_CHECK_BROKEN:
        break;
    }
    authorization_fail(authorization, 502, no_call);
}

static void judge(struct authorization *authorization)
{
    struct slice status = status_of(authorization->question);
    if (slice_equals(status, SLICE("0")))
        return judge_message(authorization);
    if (status.length == 0)
        return authorization_fail(authorization, 502, no_call);
    if (slice_equals(status, SLICE("4"))) /* DEADLINE_EXCEEDED */
        return authorization_fail(authorization, 504,
                                  "The authorization service did not answer in time.");
    authorization_fail(authorization, 503, "The authorization service has failed.");
}

void authorization_check_on_head(struct authorization *authorization)
{
    const struct parsed_response *answer = &authorization->question->response;
    if (answer->status != 200 || !grpc_reply_is_wanted(&answer->fields))
        return authorization_fail(authorization, 502, no_call);
    authorization->stage = LISTENING;
}

void authorization_check_on_data(struct authorization *authorization)
{
    struct exchange *question = authorization->question;
    struct body_pipe *body = &question->response_body;
    struct slice bytes = body_pipe_waiting(body);
    buffer_append_slice(&authorization->answer, bytes);
    if (!auth_check_may_go_on(buffer_slice(&authorization->answer)))
        return authorization_fail(authorization, 502, no_call);
    if (body->is_ended)
        return judge(authorization);
    body_pipe_take(body, bytes.length);
    exchange_mark(question, EXCHANGE_RESPONSE_ROOM);
}
