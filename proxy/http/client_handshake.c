#include "proxy/http/client_handshake.h"

#include "proxy/http/client_connection.h"
#include "proxy/http/client_farewell.h"
#include "proxy/http/client_stage.h"
#include "proxy/http/front_http1.h"
#include "proxy/http/front_http2.h"
#include "proxy/http/listener.h"
#include "proxy/http/tls_server.h"
#include "proxy/http/worker.h"

#include <string.h>

/* --- when it is over ------------------------------------------------------------------------- */

/* What was agreed on; a client without ALPN speaks HTTP/1.1. */
static const struct client_protocol *protocol_of_alpn(const SSL *ssl)
{
    const unsigned char *chosen;
    unsigned length;
    SSL_get0_alpn_selected(ssl, &chosen, &length);
    bool is_http2 = length == 2 && memcmp(chosen, "h2", 2) == 0;
    return is_http2 ? &front_http2_protocol : &front_http1_protocol;
}

static void succeed(struct client_connection *connection)
{
    struct worker_counters *counters = connection->worker->counters;
    counter_add(&counters->client_tls_handshakes, 1);
    if (SSL_session_reused(connection->ssl))
        counter_add(&counters->client_tls_resumptions, 1);
    if (!tls_server_client_subject(connection->ssl, &connection->client_subject)) {
        client_connection_close(connection);
        return;
    }
    client_connection_turn_over(connection, protocol_of_alpn(connection->ssl), slice_of(NULL, 0));
}

static void say_that_it_is_tls(struct client_connection *connection)
{
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\n"
                                 "content-length: 45\r\nconnection: close\r\n\r\n"
                                 "This port speaks TLS: the URL must be https.\n";
    const struct iovec all = {(void *)(uintptr_t)answer, sizeof(answer) - 1};
    client_connection_send(connection, &all, 1);
}

/* Our alert must reach a client that has sent more already, so it is not closed at once. */
static void fail(struct client_connection *connection)
{
    bool heard_http = tls_server_heard_http();
    counter_add(&connection->worker->counters->refused[DENIAL_TLS_HANDSHAKE], 1);
    tls_server_finish(connection->ssl);
    byte_stream_free(connection->ssl, false);
    connection->ssl = NULL;
    if (heard_http)
        say_that_it_is_tls(connection);
    client_farewell_start(connection);
}

/* --- until then ------------------------------------------------------------------------------ */

static void go_on(struct client_connection *connection);

static void on_writable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct client_connection *connection = socket->data;
    struct worker *worker = connection->worker;
    client_connection_resume_reading(connection);
    go_on(connection);
    exchanges_flush(worker);
}

static void go_on(struct client_connection *connection)
{
    switch (tls_handshake(connection->ssl)) {
    case TLS_DONE:
        succeed(connection);
        return;
    case TLS_WANTS_READ:
        return;
    case TLS_WANTS_WRITE:
        client_connection_stop_reading(connection);
        h2o_socket_notify_write(connection->socket, on_writable);
        return;
    case TLS_FAILED:
        fail(connection);
        return;
    }
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
    struct client_connection *connection = timer->context;
    counter_add(&connection->worker->counters->refused[DENIAL_TLS_TIMEOUT], 1);
    client_connection_close(connection);
}

/* --- as one protocol of a connection --------------------------------------------------------- */

static void start(struct client_connection *connection, struct slice received)
{
    (void)received;
    client_stage_start(connection, connection->worker->shared->http.tls_handshake_timeout_ms,
                       on_due);
    client_connection_set_idle(connection, true); /* as good as that, until there is a request */
}

static void drain(struct client_connection *connection)
{
    BIO *socket = SSL_get_rbio(connection->ssl);
    client_stage_drain(connection, BIO_number_read(socket) > 0);
}

static void stop(struct client_connection *connection)
{
    if (connection->ssl != NULL)
        tls_server_finish(connection->ssl);
    client_stage_stop(connection);
}

static const struct client_protocol client_handshake_protocol = {
    .start = start,
    .on_readable = on_readable,
    .drain = drain,
    .stop = stop,
};

void client_handshake_start(struct client_connection *connection)
{
    client_connection_turn_over(connection, &client_handshake_protocol, slice_of(NULL, 0));
    connection->ssl =
        tls_server_start(listener_tls(connection->listener), client_connection_fd(connection));
    if (connection->ssl == NULL)
        client_connection_close(connection);
}
