#include "proxy/http/client_opening.h"

#include "proxy/http/client_connection.h"
#include "proxy/http/client_handshake.h"
#include "proxy/http/client_proxy_header.h"
#include "proxy/http/client_stage.h"
#include "proxy/http/front_http1.h"
#include "proxy/http/front_http2.h"
#include "proxy/http/listener.h"
#include "proxy/http/worker.h"

#include <string.h>

/* Most heads fit into one read. */
enum { FIRST_READ_BYTES = 4 * 1024 };

static const struct client_protocol client_opening_protocol;

static const char preface[] = HTTP2_PREFACE;
enum { PREFACE_BYTES = sizeof(preface) - 1 };

/* What a client speaks whose first bytes these are; NULL as long as they do not tell. */
static const struct client_protocol *protocol_of_bytes(const struct client_connection *connection,
                                                       struct slice received)
{
    size_t length = received.length < PREFACE_BYTES ? received.length : PREFACE_BYTES;
    if (listener_spec(connection->listener)->is_http2_off ||
        memcmp(received.at, preface, length) != 0)
        return &front_http1_protocol;
    return length < PREFACE_BYTES ? NULL : &front_http2_protocol;
}

/* What it sends first, most often in one read. False when the client is gone. */
static bool receive(struct client_connection *connection)
{
    struct client_stage *stage = connection->state;
    size_t before = stage->received.length; /* of the preface of HTTP/2 */
    bool is_reset;
    char *at = connection->worker->scratch;
    memcpy(at, preface, before);
    ssize_t received =
        client_connection_receive(connection, at + before, FIRST_READ_BYTES, &is_reset);
    if (received <= 0)
        return received < 0;
    struct slice bytes = slice_of(at, before + (size_t)received);
    const struct client_protocol *protocol = protocol_of_bytes(connection, bytes);
    if (protocol == NULL)
        buffer_append(&stage->received, at + before, (size_t)received);
    else
        client_connection_turn_over(connection, protocol, bytes);
    return true;
}

static void on_readable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct client_connection *connection = socket->data;
    struct worker *worker = connection->worker;
    if (!receive(connection))
        client_connection_close(connection);
    exchanges_flush(worker);
}

/* A request that has reached us already is not turned away; with patience, nor one that is on its
 * way. */
static void drain(struct client_connection *connection)
{
    struct worker *worker = connection->worker;
    if (worker->is_patient) {
        struct client_stage *stage = connection->state;
        timer_start(&worker->timers, &stage->timer,
                    worker_patience_ms(worker, worker->shared->http.head_timeout_ms));
        return;
    }
    if (!receive(connection) || connection->protocol == &client_opening_protocol)
        client_connection_close(connection);
}

static void start(struct client_connection *connection, struct slice received)
{
    (void)received;
    client_stage_start(connection, connection->worker->shared->http.head_timeout_ms,
                       client_stage_on_due);
    /* A client that has said nothing yet is as good as idle: many must not keep others out. */
    client_connection_set_idle(connection, true);
}

static const struct client_protocol client_opening_protocol = {
    .start = start,
    .on_readable = on_readable,
    .drain = drain,
    .stop = client_stage_stop,
};

void client_opening_start(struct client_connection *connection)
{
    if (listener_spec(connection->listener)->expects_proxy_header)
        client_proxy_header_start(connection);
    else
        client_opening_go_on(connection);
}

void client_opening_go_on(struct client_connection *connection)
{
    if (listener_tls(connection->listener) != NULL)
        client_handshake_start(connection);
    else
        client_connection_turn_over(connection, &client_opening_protocol, slice_of(NULL, 0));
}
