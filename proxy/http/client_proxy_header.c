#include "proxy/http/client_proxy_header.h"

#include "proxy/http/client_connection.h"
#include "proxy/http/client_opening.h"
#include "proxy/http/client_stage.h"
#include "proxy/http/proxy_header.h"
#include "proxy/http/worker.h"

enum progress { PROGRESS_MORE, PROGRESS_DONE, PROGRESS_FAILED };

static void refuse(struct client_connection *connection)
{
    counter_add(&connection->worker->counters->refused[DENIAL_PROXY_HEADER], 1);
    client_connection_close(connection);
}

/* Looks first, and takes what belongs to the header: of one that is not complete, everything. */
static enum progress receive(struct client_connection *connection, struct proxy_header *header)
{
    struct client_stage *stage = connection->state;
    struct buffer *received = &stage->received;
    size_t before = received->length;
    char *at = buffer_reserve(received, PROXY_HEADER_MAX_BYTES);
    int fd = client_connection_fd(connection);
    ssize_t seen = recv(fd, at, PROXY_HEADER_MAX_BYTES, MSG_PEEK);
    if (seen < 0)
        return errno == EAGAIN || errno == EINTR ? PROGRESS_MORE : PROGRESS_FAILED;
    if (seen == 0)
        return PROGRESS_FAILED;

    enum parse_result result =
        proxy_header_parse(slice_of(received->at, before + (size_t)seen), header);
    if (result == PARSE_REFUSED)
        return PROGRESS_FAILED;
    size_t ours = result == PARSE_DONE ? header->length - before : (size_t)seen;
    if (recv(fd, at, ours, 0) != (ssize_t)ours)
        return PROGRESS_FAILED;
    buffer_extend(received, ours);
    counter_add(&connection->worker->counters->client_bytes_in, ours);
    return result == PARSE_DONE ? PROGRESS_DONE : PROGRESS_MORE;
}

static void go_on(struct client_connection *connection)
{
    struct proxy_header header;
    switch (receive(connection, &header)) {
    case PROGRESS_MORE:
        return;
    case PROGRESS_FAILED:
        refuse(connection);
        return;
    case PROGRESS_DONE:
        break;
    }
    if (client_connection_introduce(connection, &header.source.any))
        client_opening_go_on(connection);
    else
        client_connection_close(connection);
}

static void on_readable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct client_connection *connection = socket->data;
    struct worker *worker = connection->worker;
    go_on(connection);
    exchanges_flush(worker);
}

static void on_due(struct timer *timer)
{
    refuse(timer->context);
}

static void start(struct client_connection *connection, struct slice received)
{
    (void)received;
    client_stage_start(connection, connection->worker->shared->http.head_timeout_ms, on_due);
    client_connection_set_idle(connection, true); /* as good as that */
}

static void drain(struct client_connection *connection)
{
    const struct client_stage *stage = connection->state;
    client_stage_drain(connection, stage->received.length > 0);
}

static const struct client_protocol client_proxy_header_protocol = {
    .start = start,
    .on_readable = on_readable,
    .drain = drain,
    .stop = client_stage_stop,
};

void client_proxy_header_start(struct client_connection *connection)
{
    client_connection_turn_over(connection, &client_proxy_header_protocol, slice_of(NULL, 0));
}
