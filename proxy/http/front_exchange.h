/* Front exchange: what a front does with an exchange, whatever its protocol.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_FRONT_EXCHANGE_H
#define PROXY_HTTP_FRONT_EXCHANGE_H

#include "proxy/http/exchange.h"

#include <stddef.h>
#include <stdint.h>

struct client_connection;

/* An exchange for a request on this connection, whose head is read into its request area.
 */
struct exchange *front_exchange_new(struct client_connection *connection,
                                    const struct front_operations *operations, void *front);

/* The parser has the whole head: the request is counted, and served. */
void front_exchange_serve(struct exchange *exchange, struct client_connection *connection);

/* Answers as the refusal says. Nothing more of the request is wanted. */
void front_exchange_refuse(struct exchange *exchange, enum refusal refusal);

/* The rest of the head, or else of the body, has not come in time: 408. */
void front_exchange_time_out(struct exchange *exchange);

/* When an upload is late that was due at `due_ms` (TIMER_NEVER: it has just begun, or was held up
 * by us) and of which `length` bytes have come: a client has the whole timeout for anything, and
 * then must keep up a minimum. */
uint64_t front_exchange_upload_due_ms(struct worker *worker, uint64_t due_ms, size_t length);

#endif
