#include "common/buffer.h"
#include "proxy/http/front_http2.h"
#include "proxy/http/worker.h"

/* To everyone else the exchange is a handshake of HTTP/1: a GET that is answered with 101, and then
 * bytes that go through the pipes as they are until both sides have closed. DATA frames carry them
 * here, and the stream's window is what keeps them from being too many. */

void front_http2_tunnel_hold(struct front_http2_stream *stream)
{
    stream->exchange->request_body.is_ended = true; /* the handshake has no body */
    stream->early = memory_pool_allocate_zeroed(1, sizeof(*stream->early),
                                                &stream->exchange->worker->memory_pool);
    stream->http2.incoming = stream->early;
}

void front_http2_tunnel_drop_early(struct front_http2_stream *stream)
{
    if (stream->early == NULL)
        return;
    if (stream->http2.incoming == stream->early)
        stream->http2.incoming = NULL;
    body_pipe_clear(stream->early);
    memory_pool_free(stream->early, &stream->front->session.worker->memory_pool);
    stream->early = NULL;
}

/* A 200 says it in HTTP/2, and answers no key (RFC 8441 section 5). */
static void translate_switch(struct parsed_response *response)
{
    response->status = 200;
    response->has_content_length = false;
    header_list_drop(&response->fields, HEADER_SEC_WEBSOCKET_ACCEPT);
}

void front_http2_tunnel_start(struct front_http2_stream *stream)
{
    struct exchange *exchange = stream->exchange;
    struct body_pipe *pipe = &exchange->request_body;
    translate_switch(&exchange->response);
    stream->is_tunnel = true;
    body_pipe_append(pipe, body_pipe_waiting(stream->early));
    pipe->is_ended = stream->early->is_ended;
    stream->http2.incoming = pipe;
    front_http2_tunnel_drop_early(stream);
    exchange_mark(exchange, EXCHANGE_REQUEST_DATA);
}
