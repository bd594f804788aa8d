#include "common/buffer.h"
#include "proxy/http/front_http1.h"
#include "proxy/http/worker.h"

/* After a 101 the connection speaks another protocol: bytes go through the pipes as they are until
 * both sides have closed. What waits in a pipe stays below its mark, and a pipe that is empty holds
 * nothing: many tunnels are idle most of their time. */

static struct body_pipe *pipe_of(struct front_http1 *front)
{
    return &front->exchange->request_body;
}

static void take(struct front_http1 *front, struct slice bytes)
{
    body_pipe_append(pipe_of(front), bytes);
    exchange_mark(front->exchange, EXCHANGE_REQUEST_DATA);
}

static void end(struct front_http1 *front)
{
    pipe_of(front)->is_ended = true;
    exchange_mark(front->exchange, EXCHANGE_REQUEST_DATA);
}

/* What came in before the switch. */
static void take_from_input(struct front_http1 *front)
{
    size_t room = body_pipe_room(pipe_of(front));
    size_t length = front->input.length < room ? front->input.length : room;
    if (length > 0) {
        take(front, slice_of(front->input.at, length));
        buffer_consume(&front->input, length);
    }
    if (front->input.length > 0)
        return;
    buffer_clear(&front->input);
    if (front->is_half_closed)
        end(front);
}

void front_http1_start_tunnel(struct front_http1 *front)
{
    front->is_tunnel = true;
    pipe_of(front)->is_ended = false;
    front_http1_resume_tunnel(front);
}

void front_http1_read_tunnel(struct front_http1 *front)
{
    size_t room = body_pipe_room(pipe_of(front));
    if (room == 0 || front->input.length > 0) {
        front_http1_stop_reading(front);
        return;
    }

    bool is_reset;
    char *at = front->worker->scratch;
    size_t least = client_connection_least_read(front->connection);
    ssize_t received = front_http1_receive(front, at, room < least ? least : room, &is_reset);
    if (received < 0)
        return;
    if (is_reset) {
        front_http1_close(front);
        return;
    }
    if (received == 0) {
        front_http1_end_reading(front);
        end(front);
        return;
    }
    take(front, slice_of(at, (size_t)received));
}

void front_http1_resume_tunnel(struct front_http1 *front)
{
    if (pipe_of(front)->is_ended)
        return;
    take_from_input(front);
    if (front->input.length == 0 && body_pipe_room(pipe_of(front)) > 0)
        front_http1_resume_reading(front);
}
