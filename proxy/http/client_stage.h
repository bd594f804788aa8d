/* Client stage: the state of a connection that has no front, before it has one or after it.
 *
 * The protocols of these stages differ in what they wait for: client_opening.h,
 * client_proxy_header.h, client_handshake.h, client_farewell.h. None waits for ever.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_CLIENT_STAGE_H
#define PROXY_HTTP_CLIENT_STAGE_H

#include "common/buffer.h"
#include "proxy/http/timers.h"

#include <stdbool.h>
#include <stdint.h>

struct client_connection;

struct client_stage {
    struct timer timer;     /* its context is the connection */
    struct buffer received; /* has come, but is not all that the stage waits for */
};

/* Makes the stage connection->state; it may last so long. */
void client_stage_start(struct client_connection *connection, uint64_t timeout_ms,
                        void (*on_due)(struct timer *timer));

/* For `on_due`: closes the connection. */
void client_stage_on_due(struct timer *timer);

/* For client_protocol.drain: a client that has begun may go on; with patience, so may one that is
 * about to. Others are closed. */
void client_stage_drain(struct client_connection *connection, bool has_begun);

/* For client_protocol.stop: frees the stage. */
void client_stage_stop(struct client_connection *connection);

#endif
