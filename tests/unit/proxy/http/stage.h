/* Stage: a worker whose turns the test runs itself, between a client and an endpoint that the test
 * plays, over real sockets. Nothing happens in parallel and nothing sleeps: waiting for something
 * means running turns until it is there.
 *
 * Threads: one. */
#ifndef TESTS_UNIT_PROXY_HTTP_STAGE_H
#define TESTS_UNIT_PROXY_HTTP_STAGE_H

#include "proxy/http/worker.h"
#include "tests/unit/proxy/http/one_route.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct front_http1;

enum { STAGE_ENDPOINTS = 2 };

/* The wall clock stands still. This is the Date of an answer whose endpoint has sent none. */
#define STAGE_WALL_MS UINT64_C(784111777000)
#define STAGE_DATE_VALUE "Sun, 06 Nov 1994 08:49:37 GMT"
#define STAGE_DATE "date: " STAGE_DATE_VALUE "\r\n"

struct stage {
    struct one_route route;
    struct counters *counters;
    _Atomic uint64_t replay_bytes;
    struct worker_shared shared; /* .http may be changed before stage_start */
    struct listener *listener;
    struct worker *worker;
    int endpoint_fds[STAGE_ENDPOINTS]; /* listening */
    uint16_t endpoint_ports[STAGE_ENDPOINTS];
    size_t endpoint_count; /* 1 unless changed before stage_start */
    bool has_no_table;     /* set before stage_start: nothing is published */
    uint64_t now_ms;       /* the frozen clock */
};

/* Somebody we play: a client, or an endpoint that was connected to. */
struct player {
    struct stage *stage;
    int fd;
    struct buffer received;
    bool has_ended;
    bool was_reset;
};

struct stage *stage_new(void);
void stage_start(struct stage *stage);
void stage_free(struct stage *stage);

/* The same as cmocka's fixtures: *state is the stage. */
int stage_set_up(void **state);
int stage_set_up_and_start(void **state);
int stage_tear_down(void **state);

void stage_turn(struct stage *stage);
/* Time passes, and what is due happens. */
void stage_advance(struct stage *stage, uint64_t milliseconds);

struct player stage_connect(struct stage *stage);
/* Of the client that connected last, once it has sent something. */
struct front_http1 *stage_front(struct stage *stage);
/* The next connection to endpoint `index`. */
struct player stage_accept(struct stage *stage, size_t index);
/* Sends `request` from `client`; the endpoint that gets it, the first, has read its head. */
struct player stage_forward(struct stage *stage, struct player *client, const char *request);
/* The same with a request and its answer; the endpoint's connection waits in the pool then. */
struct player stage_warm_up(struct stage *stage, struct player *client);
/* The client gets an answer of the proxy's own with this status line, and nothing behind it; so
 * many connections of clients are open then. */
void stage_expect_own_answer(struct stage *stage, struct player *client, const char *status_line,
                             unsigned connection_count);
/* Whether somebody is waiting to be accepted there, after a few turns. */
bool stage_has_connection(struct stage *stage, size_t index);
/* From now on connections to endpoint `index` are refused. */
void stage_stop_endpoint(struct stage *stage, size_t index);

void player_send(struct player *player, const char *text);
/* Sends what it can of `length` bytes; returns how many. */
size_t player_send_some(struct player *player, const char *bytes, size_t length);
/* Waits until what was received contains `text`; forgets everything up to its end. */
void player_expect(struct player *player, const char *text);
/* Waits until `length` bytes are there. */
void player_expect_bytes(struct player *player, size_t length);
/* Waits for the end; everything must have been expected before. */
void player_expect_end(struct player *player);
void player_expect_reset(struct player *player);
/* Waits for an end of either kind, whatever came before it. */
void player_expect_gone(struct player *player);
/* Nothing comes in some turns. */
void player_expect_nothing(struct player *player);
/* Reads what is there. */
void player_read(struct player *player);
void player_forget(struct player *player);
void player_finish_sending(struct player *player);
/* The same from the client that connected last, and the proxy has noticed. */
void stage_finish_sending(struct stage *stage, struct player *client);
void player_close(struct player *player);
void player_reset(struct player *player);
void players_close(struct player *client, struct player *endpoint);

#endif
