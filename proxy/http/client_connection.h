/* Client connection: one socket that a client has opened, clear or secured, and the protocol that
 * is spoken on it just now.
 *
 * What every protocol needs is in here: bytes in and out, whose connection it is, its places in the
 * worker's lists, how it is closed and counted. Protocols take turns: the first ones find out what
 * the client speaks, the last one waits until it has heard everything.
 *
 *     accept ──▶ client_proxy_header ──▶ client_opening or client_handshake
 *            ──▶ front_http1 or front_http2 ──▶ client_farewell
 *
 * The worker knows nothing but this.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_CLIENT_CONNECTION_H
#define PROXY_HTTP_CLIENT_CONNECTION_H

#include "common/arena.h"
#include "common/cache_line.h"
#include "common/slice.h"
#include "proxy/http/byte_stream.h"
#include "proxy/http/connection_limits.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <h2o.h>

struct client_connection;
struct listener;
struct worker;

/* What can be spoken on a connection. */
struct client_protocol {
    /* Speaks it from now on: sets connection->state. `received` has come already, and may be
     * empty; borrowed until the call returns. The socket is being read. Whoever calls this tells
     * the exchanges (exchanges_flush) when it is done. */
    void (*start)(struct client_connection *connection, struct slice received);
    /* The socket is readable. Its data is the connection. */
    void (*on_readable)(h2o_socket_t *socket, const char *error);
    /* The worker is draining: closes it when nothing is under way, or else as soon as that is. */
    void (*drain)(struct client_connection *connection);
    /* Forgets connection->state, whatever it is doing: the connection is being closed, or goes to
     * another protocol. */
    void (*stop)(struct client_connection *connection);
};

/* Each request touches the first two lines, an answer as a rule only these. */
struct client_connection {
    CACHE_LINE_ALIGNED struct worker *worker;
    const struct client_protocol *protocol;
    void *state; /* the protocol's */
    h2o_socket_t *socket;
    SSL *ssl;               /* NULL: a clear connection */
    int fd;                 /* the socket's */
    bool peer_is_trusted;   /* what it says of the client before it is believed */
    bool is_paused;         /* not reading the socket */
    bool is_idle;           /* nothing is under way: may be closed for another */
    bool is_watched;        /* see hangup_watch.h */
    uint64_t accepted_ms;   /* on clock_now_ms */
    uint64_t request_count; /* that its protocols have taken from it */

    const struct listener *listener;
    struct client_connection *idle_newer;
    struct client_connection *idle_older;
    uint64_t idle_since_ms; /* as timers_now_ms */
    char *client_subject;   /* of its verified certificate; NULL: it has shown none */
    char peer_text[INET6_ADDRSTRLEN];
    uint16_t peer_port; /* 0: it has none */

    struct peer_key peer;           /* as it was counted */
    struct client_connection *next; /* of all of the worker's */
    struct client_connection *previous;
};

/* A connection that was accepted and admitted as `peer`. Takes the descriptor; reads, and opens
 * it. */
void client_connection_accept(struct worker *worker, const struct listener *listener, int fd,
                              const struct sockaddr *address, struct peer_key peer);

/* A PROXY header has said that the connection comes from `address` (AF_UNSPEC: it does not say).
 * False when that peer has too many; then the connection is to be closed. */
bool client_connection_introduce(struct client_connection *connection,
                                 const struct sockaddr *address);

/* The address that was connected to, as a URL has it; empty on a Unix socket. In `arena`. Where a
 * PROXY header names another one, it is ours all the same. */
struct slice client_connection_local_host(const struct client_connection *connection,
                                          struct arena *arena);

/* Closes it, whatever it is doing, and frees it. */
void client_connection_close(struct client_connection *connection);

/* From one protocol to another; the state of the first is gone then. See `start`. */
void client_connection_turn_over(struct client_connection *connection,
                                 const struct client_protocol *protocol, struct slice received);

/* Whether it has had its share of requests or of time: what is under way is its last. */
bool client_connection_is_spent(const struct client_connection *connection);

/* Whether it is one of those that are closed to make room. */
void client_connection_set_idle(struct client_connection *connection, bool is_idle);

/* --- bytes ----------------------------------------------------------------------------------- */

static inline int client_connection_fd(const struct client_connection *connection)
{
    return connection->fd;
}

/* The least a read must have room for. */
static inline size_t client_connection_least_read(const struct client_connection *connection)
{
    return byte_stream_least_read(connection->ssl);
}

/* Received bytes, counted. -1: nothing for now; 0: the end, or, with `*is_reset`, the connection is
 * broken. */
ssize_t client_connection_receive(struct client_connection *connection, char *at, size_t length,
                                  bool *is_reset);

/* Whether there are bytes that were not received yet, as far as the kernel knows. */
bool client_connection_has_input(const struct client_connection *connection);

/* Whether it is known that nobody is at the other end any more. Of a client that sends no more
 * (`receive` has returned 0) that may be so, or it may be waiting for its answer: TCP tells the two
 * apart only when something was sent to it, or when it resets the connection. */
bool client_connection_is_gone(const struct client_connection *connection);

void client_connection_stop_reading(struct client_connection *connection);
/* Harmless when it is being read. */
void client_connection_resume_reading(struct client_connection *connection);

/* As byte_stream_send; counting is the caller's. */
ssize_t client_connection_send(struct client_connection *connection, const struct iovec *vector,
                               int count);

/* We send no more. False when that could not be said yet: to be tried again when the socket is
 * writable. */
bool client_connection_finish_sending(struct client_connection *connection);

/* Ends it with a reset: only that tells a client that what it got is not everything. */
void client_connection_reset(struct client_connection *connection);

#endif
