/* Front HTTP/1: a client's connection, turned into exchanges, one after the other.
 *
 * front_http1.c reads heads, and what comes behind a request; front_http1_body.c reads bodies;
 * front_http1_write.c writes responses; front_http1_tunnel.c is what a WebSocket makes of it.
 * The next request is looked at when the response to the one before it is complete.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_FRONT_HTTP1_H
#define PROXY_HTTP_FRONT_HTTP1_H

#include "common/cache_line.h"
#include "proxy/http/client_connection.h"
#include "proxy/http/exchange.h"
#include "proxy/http/http1_writer.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct worker;

/* One connection's HTTP/1. The first line is all that a request touches which comes whole, the next
 * two are for its answer. */
struct front_http1 {
    CACHE_LINE_ALIGNED struct client_connection *connection;
    struct worker *worker;     /* the connection's */
    struct exchange *exchange; /* from the first byte of a request to the end of its response */
    struct timer read_timer;   /* head, upload or idle, one at a time */

    struct buffer input;  /* received, but not part of the current request */
    bool is_half_closed;  /* the client will send no more */
    bool body_is_refused; /* no more of it is read */
    bool wants_continue;  /* waits for 100 before it sends the body */
    bool is_tunnel;       /* HTTP is over: bytes go as they are */
    bool is_blocked;      /* the socket takes no more for now: write_timer is running */
    bool is_writing_response;
    bool is_until_close; /* only a reset can tell the client of a broken response */
    bool closes;         /* after this response */
    struct http1_writer writer;

    struct timer write_timer;
    uint64_t body_left; /* of a request's, for BODY_LENGTH */
};

extern const struct client_protocol front_http1_protocol;

/* --- between the files ----------------------------------------------------------------------- */

extern const struct front_operations front_http1_operations;

/* front_http1.c: the connection, with everything of it. */
void front_http1_close(struct front_http1 *front);
/* Received bytes; see client_connection_receive. */
ssize_t front_http1_receive(struct front_http1 *front, char *at, size_t length, bool *is_reset);
/* The client sends no more, but may listen. */
void front_http1_end_reading(struct front_http1 *front);
void front_http1_stop_reading(struct front_http1 *front);
/* Unless the client has closed its side. */
void front_http1_resume_reading(struct front_http1 *front);
void front_http1_start_read_timer(struct front_http1 *front, uint64_t delay_ms);
/* Answers as the refusal says, and closes then. */
void front_http1_refuse(struct front_http1 *front, enum refusal refusal);
/* The response is sent: what comes next. */
void front_http1_next(struct front_http1 *front);

/* front_http1_body.c: the request has a head; its body begins in front->input. */
void front_http1_start_body(struct front_http1 *front);
bool front_http1_is_reading_body(const struct front_http1 *front);
/* The client has closed its side, and with that the rest of the body will never come. */
bool front_http1_has_lost_body(const struct front_http1 *front);
/* The socket is readable. */
void front_http1_read_body(struct front_http1 *front);
/* exchange->request_body is read by someone, or has room. */
void front_http1_resume_body(struct front_http1 *front);

/* front_http1_tunnel.c: the request pipe is open again, for whatever the client sends. */
void front_http1_start_tunnel(struct front_http1 *front);
/* The socket is readable. */
void front_http1_read_tunnel(struct front_http1 *front);
/* The request pipe has room. */
void front_http1_resume_tunnel(struct front_http1 *front);

/* front_http1_write.c: sends what there is of the response; or of a 100, before it. */
void front_http1_send(struct front_http1 *front);

#endif
