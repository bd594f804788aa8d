/* A gRPC service for bench_grpc, as cheap as one can be: every message is answered, once it is all
 * there, with one of the same length and `grpc-status: 0`. Any method will do, on HTTP/2 in clear.
 * Its windows are wide, so that it is the proxy under load that decides how fast it goes.
 *
 *     bench_grpc_service PORT */
#include "tests/bench/loopback.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nghttp2/nghttp2.h>

enum { EVENTS = 256, IO_BYTES = 64 * 1024, FRAME_BYTES = 16 * 1024 + 9 };
enum { STREAMS_MAX = 100, STREAM_WINDOW_BYTES = 1 << 20, CONNECTION_WINDOW_BYTES = 1 << 24 };

/* "compressed" and the length of the message; it stands in front of it. */
enum { MESSAGE_HEAD_BYTES = 5 };

struct connection {
    int fd;
    nghttp2_session *session;
    char output[IO_BYTES];
    size_t output_bytes;
    bool is_full; /* the socket, and epoll is asked for room */
};

struct call {
    uint8_t head[MESSAGE_HEAD_BYTES];
    size_t received;
    size_t sent;
};

static int loop;

static void check(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "bench_grpc_service: %s: %s\n", what, nghttp2_strerror(result));
        exit(1);
    }
}

/* --- a call ---------------------------------------------------------------------------------- */

#define FIELD(name, value)                                                                         \
    {                                                                                              \
        (uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, sizeof(value) - 1,                \
            NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE                           \
    }

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    (void)user_data;
    struct call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        loopback_fail("calloc");
    return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, call);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *at,
                   size_t length, void *user_data)
{
    (void)flags;
    (void)user_data;
    struct call *call = nghttp2_session_get_stream_user_data(session, id);
    for (size_t i = 0; i < length && call->received + i < MESSAGE_HEAD_BYTES; i++)
        call->head[call->received + i] = at[i];
    call->received += length;
    return 0;
}

static ssize_t make_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t room,
                         uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    (void)user_data;
    static nghttp2_nv trailer[] = {FIELD("grpc-status", "0")};
    struct call *call = source->ptr;
    size_t left = call->received - call->sent;
    size_t length = left < room ? left : room;
    memset(to, 'x', length);
    for (size_t i = 0; i < length && call->sent + i < MESSAGE_HEAD_BYTES; i++)
        to[i] = call->head[call->sent + i];
    call->sent += length;
    if (call->sent == call->received) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        check(nghttp2_submit_trailer(session, id, trailer, 1), "trailer");
    }
    return (ssize_t)length;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    (void)user_data;
    static nghttp2_nv head[] = {FIELD(":status", "200"), FIELD("content-type", "application/grpc")};
    struct call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (call == NULL || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0 ||
        (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS))
        return 0;
    nghttp2_data_provider body = {.source.ptr = call, .read_callback = make_body};
    check(nghttp2_submit_response(session, frame->hd.stream_id, head, 2, &body), "response");
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *user_data)
{
    (void)error;
    (void)user_data;
    free(nghttp2_session_get_stream_user_data(session, id));
    return 0;
}

/* --- a connection ---------------------------------------------------------------------------- */

static void open_session(struct connection *connection)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES},
    };
    nghttp2_session_callbacks *callbacks;
    check(nghttp2_session_callbacks_new(&callbacks), "callbacks");
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    check(nghttp2_session_server_new(&connection->session, callbacks, connection), "session");
    nghttp2_session_callbacks_del(callbacks);
    check(nghttp2_submit_settings(connection->session, 0, settings, 2), "settings");
    check(nghttp2_session_set_local_window_size(connection->session, 0, 0, CONNECTION_WINDOW_BYTES),
          "window");
}

/* nghttp2 does not tell of the streams that it deletes with a session: their memory is lost, which
 * at the end of a load matters little. */
static void close_connection(struct connection *connection)
{
    nghttp2_session_del(connection->session);
    close(connection->fd);
    free(connection);
}

static void watch(struct connection *connection, int operation, uint32_t events)
{
    loopback_watch(loop, connection->fd, operation, events, (epoll_data_t){.ptr = connection});
}

static void fill(struct connection *connection)
{
    while (connection->output_bytes + FRAME_BYTES <= IO_BYTES) {
        const uint8_t *piece;
        ssize_t length = nghttp2_session_mem_send(connection->session, &piece);
        check((int)length, "mem_send");
        if (length == 0)
            return;
        memcpy(connection->output + connection->output_bytes, piece, (size_t)length);
        connection->output_bytes += (size_t)length;
    }
}

/* False: the connection is over. */
static bool flush(struct connection *connection)
{
    for (;;) {
        fill(connection);
        if (connection->output_bytes == 0)
            break;
        ssize_t sent =
            send(connection->fd, connection->output, connection->output_bytes, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return false;
        if (sent < 0) {
            if (!connection->is_full)
                watch(connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            connection->is_full = true;
            return true;
        }
        connection->output_bytes -= (size_t)sent;
        memmove(connection->output, connection->output + sent, connection->output_bytes);
    }
    if (connection->is_full)
        watch(connection, EPOLL_CTL_MOD, EPOLLIN);
    connection->is_full = false;
    return nghttp2_session_want_read(connection->session) != 0;
}

static bool serve(struct connection *connection)
{
    static uint8_t input[IO_BYTES];
    ssize_t received = recv(connection->fd, input, sizeof(input), 0);
    if (received == 0 || (received < 0 && errno != EAGAIN))
        return false;
    if (received > 0 && nghttp2_session_mem_recv(connection->session, input, (size_t)received) < 0)
        return false;
    return flush(connection);
}

/* --- the program ----------------------------------------------------------------------------- */

static void accept_all(int listener)
{
    int fd;
    while ((fd = loopback_accept(listener)) >= 0) {
        struct connection *connection = calloc(1, sizeof(*connection));
        if (connection == NULL)
            loopback_fail("calloc");
        connection->fd = fd;
        open_session(connection);
        watch(connection, EPOLL_CTL_ADD, EPOLLIN);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: bench_grpc_service PORT\n");
        return 2;
    }
    int listener = loopback_listen(argv[1]);
    loop = epoll_create1(EPOLL_CLOEXEC);
    if (loop < 0)
        loopback_fail("epoll_create1");
    loopback_watch(loop, listener, EPOLL_CTL_ADD, EPOLLIN, (epoll_data_t){.ptr = NULL});
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(loop, events, EVENTS, -1);
        if (count < 0 && errno != EINTR)
            loopback_fail("epoll_wait");
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection == NULL)
                accept_all(listener);
            else if (!serve(connection))
                close_connection(connection);
        }
    }
}
