#include "tests/unit/proxy/http/http2_pair.h"

#include "common/buffer.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { QUIET_TURNS = 20 };

/* --- two ends -------------------------------------------------------------------------------- */

struct stream *pair_add_stream(struct end *end)
{
    struct stream *stream = memory_allocate_zeroed(1, sizeof(*stream));
    stream->end = end;
    stream->http2.incoming = &stream->in;
    stream->http2.outgoing = &stream->out;
    if (end->last != NULL)
        end->last->next = stream;
    else
        end->first = stream;
    end->last = stream;
    return stream;
}

static struct end *end_of(struct http2_session *session)
{
    return (struct end *)((char *)session - offsetof(struct end, session));
}

static struct http2_stream *on_opened(struct http2_session *session)
{
    return &pair_add_stream(end_of(session))->http2;
}

static void on_field(struct http2_stream *http2, struct slice name, struct slice value)
{
    struct stream *stream = (struct stream *)http2;
    buffer_printf(&stream->fields, "%.*s=%.*s\n", (int)name.length, name.at, (int)value.length,
                  value.at);
}

static void on_head(struct http2_stream *http2)
{
    ((struct stream *)http2)->heads++;
}

static void on_data(struct http2_stream *http2, size_t length)
{
    (void)http2;
    assert_true(length > 0);
}

static void on_end(struct http2_stream *http2)
{
    ((struct stream *)http2)->has_ended = true;
}

static void on_room(struct http2_stream *http2)
{
    ((struct stream *)http2)->rooms++;
}

static void on_fault(struct http2_stream *http2)
{
    ((struct stream *)http2)->has_fault = true;
}

static void on_closed(struct http2_stream *http2, uint32_t error)
{
    struct stream *stream = (struct stream *)http2;
    stream->is_closed = true;
    stream->error = error;
}

static void on_readable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct end *end = socket->data;
    if (!end->is_over)
        http2_session_receive(&end->session);
}

static void on_writable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct end *end = socket->data;
    if (!end->is_over)
        http2_session_mark(&end->session);
}

static void on_sent(struct http2_session *session, bool is_blocked)
{
    end_of(session)->is_blocked = is_blocked;
}

static void on_over(struct http2_session *session)
{
    struct end *end = end_of(session);
    end->is_over = true;
    http2_session_close(&end->session);
    h2o_socket_close(end->socket);
}

static const struct http2_session_events events = {
    .on_opened = on_opened,
    .on_field = on_field,
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_room = on_room,
    .on_fault = on_fault,
    .on_closed = on_closed,
    .on_writable = on_writable,
    .on_sent = on_sent,
    .on_over = on_over,
};

static void open_end(struct end *end, struct stage *stage, int fd, enum http2_role role)
{
    struct worker *worker = stage->worker;
    end->stage = stage;
    end->socket = h2o_evloop_socket_create(worker->loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    end->socket->data = end;
    h2o_socket_read_start(end->socket, on_readable);
    http2_session_open(&end->session, role, worker, end->socket, NULL, &events, &end->bytes_in,
                       &end->bytes_out);
}

void pair_end(struct end *end)
{
    if (!end->is_over && end->socket != NULL)
        on_over(&end->session);
}

void pair_read(struct pair *pair, bool reads)
{
    if (reads)
        h2o_socket_read_start(pair->client.socket, on_readable);
    else
        h2o_socket_read_stop(pair->client.socket);
}

static void clear_end(struct end *end)
{
    pair_end(end);
    while (end->first != NULL) {
        struct stream *stream = end->first;
        end->first = stream->next;
        buffer_clear(&stream->fields);
        body_pipe_clear(&stream->in);
        body_pipe_clear(&stream->out);
        free(stream);
    }
}

static void open_server(struct pair *pair, int fds[2])
{
    *pair = (struct pair){.stage = stage_new(), .owns_stage = true, .fd = -1};
    stage_start(pair->stage);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    open_end(&pair->server, pair->stage, fds[0], HTTP2_SERVER);
}

void pair_open(struct pair *pair)
{
    int fds[2];
    open_server(pair, fds);
    open_end(&pair->client, pair->stage, fds[1], HTTP2_CLIENT);
}

/* The client is the test itself. */
void pair_open_played(struct pair *pair)
{
    int fds[2];
    open_server(pair, fds);
    pair->fd = fds[1];
}

void pair_connect(struct pair *pair, struct stage *stage)
{
    *pair = (struct pair){.stage = stage, .fd = -1};
    open_end(&pair->client, stage, stage_connect(stage).fd, HTTP2_CLIENT);
}

void pair_close(struct pair *pair)
{
    clear_end(&pair->client);
    clear_end(&pair->server);
    if (pair->fd >= 0)
        close(pair->fd);
    if (pair->owns_stage)
        stage_free(pair->stage);
}

void pair_let_pass(struct pair *pair)
{
    for (int i = 0; i < QUIET_TURNS; i++)
        stage_turn(pair->stage);
}

/* --- what is said ---------------------------------------------------------------------------- */

struct stream *pair_request(struct pair *pair, const char *fields, bool has_body)
{
    struct header head[PAIR_FIELDS_MAX];
    size_t count = 0;
    for (const char *at = fields; *at != '\0';) {
        assert_true(count < PAIR_FIELDS_MAX);
        size_t name = strcspn(at + 1, "=") + 1; /* a pseudo-header field has its colon in front */
        size_t value = strcspn(at + name + 1, "\n");
        head[count++] = (struct header){slice_of(at, name), slice_of(at + name + 1, value)};
        at += name + 1 + value + 1;
    }
    struct stream *stream = pair_add_stream(&pair->client);
    http2_stream_send_head(&pair->client.session, &stream->http2, head, count, NULL, has_body);
    return stream;
}

struct stream *pair_ask(struct pair *pair, bool has_body)
{
    return pair_request(pair, PAIR_HEAD("POST", "/a"), has_body);
}

void pair_answer(struct stream *stream, bool has_body)
{
    static const struct header head[] = {PAIR_FIELD(":status", "200")};
    http2_stream_send_head(stream->http2.session, &stream->http2, head, 1, NULL, has_body);
}

void pair_put(struct stream *stream, const char *text)
{
    body_pipe_append(&stream->out, slice_from_string(text));
    http2_stream_resume(&stream->http2);
}

void pair_finish(struct stream *stream)
{
    stream->out.is_ended = true;
    http2_stream_resume(&stream->http2);
}

struct stream *pair_wait_for_request(struct pair *pair)
{
    PAIR_WAIT(pair, pair->server.last != NULL && pair->server.last->heads == 1);
    return pair->server.last;
}

void pair_put_zeros(struct stream *stream, size_t length)
{
    char *bytes = memory_allocate_zeroed(1, length);
    body_pipe_append(&stream->out, slice_of(bytes, length));
    free(bytes);
    http2_stream_resume(&stream->http2);
}
