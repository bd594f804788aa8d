#include "proxy/http/client_farewell.h"

#include "proxy/http/client_connection.h"
#include "proxy/http/client_stage.h"
#include "proxy/http/worker.h"

static void on_writable(h2o_socket_t *socket, const char *error);

static void finish_sending(struct client_connection *connection)
{
    if (!client_connection_finish_sending(connection))
        h2o_socket_notify_write(connection->socket, on_writable);
}

static void on_writable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    finish_sending(socket->data);
}

static void start(struct client_connection *connection, struct slice received)
{
    (void)received;
    client_stage_start(connection, connection->worker->shared->http.linger_timeout_ms,
                       client_stage_on_due);
    finish_sending(connection);
}

static void on_readable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct client_connection *connection = socket->data;
    struct worker *worker = connection->worker;
    bool is_reset;
    if (client_connection_receive(connection, worker->scratch, WORKER_SCRATCH_BYTES, &is_reset) ==
        0)
        client_connection_close(connection);
    exchanges_flush(worker);
}

/* It is on its way out. */
static void drain(struct client_connection *connection)
{
    (void)connection;
}

static const struct client_protocol client_farewell_protocol = {
    .start = start,
    .on_readable = on_readable,
    .drain = drain,
    .stop = client_stage_stop,
};

void client_farewell_start(struct client_connection *connection)
{
    client_connection_turn_over(connection, &client_farewell_protocol, slice_of(NULL, 0));
}
