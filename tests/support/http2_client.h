/* HTTP/2 client: a connection with many requests at a time, and exactly what came of each.
 *
 * It takes whatever comes while somebody waits, acknowledges SETTINGS and PING, and gives all of
 * its window back at once. Fields are "name: value\n", those of trailers behind those of the head.
 *
 * Threads: one owns a client. */
#ifndef TESTS_SUPPORT_HTTP2_CLIENT_H
#define TESTS_SUPPORT_HTTP2_CLIENT_H

#include "common/buffer.h"
#include "tests/support/http2_frames.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_connection;

struct http2_reply {
    uint32_t stream;
    struct http2_reply *next;
    struct buffer fields;
    struct buffer body;
    bool has_head;
    bool has_ended; /* all of it came, or it was reset */
    bool was_reset;
    uint32_t error; /* of the reset */
};

struct http2_client {
    struct http_connection *connection;
    struct http2_coder coder;
    struct buffer received;
    struct http2_reply *replies;
    uint32_t next_stream;
    unsigned goaways;
    uint32_t last_stream; /* of the latest */
    uint32_t goaway_error;
    bool has_settings;
    bool takes_connect; /* SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 section 3) */
    bool holds_acks;    /* set by the test: no PING is acknowledged */
    bool is_over;       /* the connection has ended */
};

/* To 127.0.0.1:`port`, with preface and SETTINGS; NULL when refused. */
struct http2_client *http2_client_open(int port);
/* Harmless on NULL. */
void http2_client_close(struct http2_client *client);

/* A request with these fields, on the next stream. Borrowed until the client is closed. */
struct http2_reply *http2_client_ask(struct http2_client *client, const char *fields, bool is_end);

#define HTTP2_CLIENT_GET(host, path)                                                               \
    ":method: GET\n:scheme: http\n:authority: " host "\n:path: " path "\n"

/* Puts bytes into frames of at most 16 KiB; the window is not looked at. */
void http2_client_send(struct http2_client *client, const struct http2_reply *reply,
                       struct slice bytes, bool is_end);
/* What was put there with http2_put_*; empties it. */
void http2_client_send_frames(struct http2_client *client, struct buffer *frames);

/* Until the condition, which is one of the above, holds. False when the connection ended, or too
 * much time passed, without that. */
#define HTTP2_CLIENT_WAIT(client, condition)                                                       \
    ({                                                                                             \
        while (!(condition) && http2_client_take_some(client))                                     \
            ;                                                                                      \
        (condition);                                                                               \
    })
/* Takes what comes next. False when nothing comes any more. */
bool http2_client_take_some(struct http2_client *client);

/* ":status" of the final head; 0: there is none yet. */
int http2_reply_status(struct http2_reply *reply);
bool http2_reply_has_field(struct http2_reply *reply, const char *line);

#endif
