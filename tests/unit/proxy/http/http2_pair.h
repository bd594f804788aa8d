/* HTTP/2 pair: two sessions of one worker on the two ends of a socket, a client and a server; a
 * server alone, whose client the test plays itself; or a client alone, of the stage's worker.
 *
 * Threads: one. */
#ifndef TESTS_UNIT_PROXY_HTTP_HTTP2_PAIR_H
#define TESTS_UNIT_PROXY_HTTP_HTTP2_PAIR_H

#include "proxy/http/http2_session.h"
#include "tests/unit/proxy/http/stage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct end;

/* What became of a stream; kept until the pair is closed. */
struct stream {
    struct http2_stream http2; /* first: see there */
    struct end *end;
    struct stream *next;  /* of the end's, in the order in which they began */
    struct buffer fields; /* "name=value\n" */
    struct body_pipe in;
    struct body_pipe out;
    unsigned heads;
    unsigned rooms;
    bool has_ended;
    bool has_fault;
    bool is_closed;
    uint32_t error; /* it was closed with */
};

struct end {
    struct stage *stage;
    h2o_socket_t *socket;
    struct http2_session session;
    struct stream *first;
    struct stream *last;
    bool is_over;
    bool is_blocked;
    struct counter bytes_in;
    struct counter bytes_out;
};

struct pair {
    struct stage *stage;
    bool owns_stage;
    struct end server;
    struct end client;
    int fd; /* the client's end, when the test plays it itself; or -1 */
};

void pair_open(struct pair *pair);
void pair_open_played(struct pair *pair);
/* The stage stays the test's. */
void pair_connect(struct pair *pair, struct stage *stage);
void pair_close(struct pair *pair);
/* The connection ends, as if that side had closed it. */
void pair_end(struct end *end);

/* The client reads again, or not. */
void pair_read(struct pair *pair, bool reads);

/* Turns until the condition holds. */
#define PAIR_WAIT(pair, condition)                                                                 \
    do {                                                                                           \
        for (int turns_ = 0; !(condition); turns_++) {                                             \
            assert_true(turns_ < PAIR_PATIENCE_TURNS);                                             \
            stage_turn((pair)->stage);                                                             \
        }                                                                                          \
    } while (0)

enum { PAIR_PATIENCE_TURNS = 2000 };

/* A few turns, in which whatever is under way arrives. */
void pair_let_pass(struct pair *pair);

/* A new stream of this end; its head is still to be sent. */
struct stream *pair_add_stream(struct end *end);

/* The client asks: `fields` are "name=value\n", pseudo-header fields first. */
struct stream *pair_request(struct pair *pair, const char *fields, bool has_body);

enum { PAIR_FIELDS_MAX = 128 };

#define PAIR_HEAD(method, path)                                                                    \
    ":method=" method "\n:scheme=http\n:authority=shop\n:path=" path "\n"

/* The client asks, POST /a; the server has the head of its latest request; it answers, 200. */
struct stream *pair_ask(struct pair *pair, bool has_body);
struct stream *pair_wait_for_request(struct pair *pair);
void pair_answer(struct stream *stream, bool has_body);

/* To the body that goes out. */
void pair_put(struct stream *stream, const char *text);
void pair_put_zeros(struct stream *stream, size_t length);
void pair_finish(struct stream *stream);

#define PAIR_FIELD(name_, value_)                                                                  \
    {                                                                                              \
        .name = {name_, sizeof(name_) - 1}, .value = { value_, sizeof(value_) - 1 }                \
    }

#endif
