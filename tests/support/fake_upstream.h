/* Fake upstream: an HTTP/1.1 service that behaves as the story wants, also badly.
 *
 * A connection follows the next script in line; without one it answers every request. What it
 * answers by default shows what arrived: 200, X-Served-By with its name, and the request itself,
 * head and body, as the body.
 *
 * Threads: one tells the story; acceptor and connections have their own. */
#ifndef TESTS_SUPPORT_FAKE_UPSTREAM_H
#define TESTS_SUPPORT_FAKE_UPSTREAM_H

#include "tests/support/http_message.h"

#include <stddef.h>
#include <stdint.h>

struct fake_upstream;

/* Listens on a free port of 127.0.0.1. Copies the name. */
struct fake_upstream *fake_upstream_start(const char *name);
/* At another address of loopback, on that port. */
struct fake_upstream *fake_upstream_start_at(const char *name, const char *ip, int port);
struct fake_upstream *fake_upstream_start_unix(const char *name, const char *path);
/* The same with TLS: PEM files of its certificate and key. "https://127.0.0.1:PORT". */
struct fake_upstream *fake_upstream_start_tls(const char *name, const char *certificate,
                                              const char *key);
/* Ends its connections. Harmless on NULL. */
void fake_upstream_free(struct fake_upstream *upstream);

int fake_upstream_port(const struct fake_upstream *upstream);
/* "http://127.0.0.1:PORT". Borrowed until it is freed. */
const char *fake_upstream_url(const struct fake_upstream *upstream);

/* --- what it does --------------------------------------------------------------------------- */

/* From the next request on, exactly these bytes; NULL: the default again. Copies. */
void fake_upstream_answer(struct fake_upstream *upstream, const char *bytes);

enum fake_action {
    FAKE_CLOSE = 0,    /* ends the connection, and the script */
    FAKE_RESET,        /* ends it with a reset */
    FAKE_READ_HEAD,    /* waits for a request head */
    FAKE_READ_REQUEST, /* waits for the whole request, and records it */
    FAKE_SEND,         /* sends `text`, `repeat` times (0: once) */
    FAKE_HOLD,         /* waits for fake_upstream_release */
    FAKE_READ_TO_END,  /* waits until the other side closes */
    FAKE_ECHO,         /* sends back whatever comes, until the other side closes */
    FAKE_SERVE,        /* as without a script from here on */
};

struct fake_step {
    enum fake_action action;
    const char *text;
    size_t text_length; /* 0: up to its terminator */
    size_t repeat;
    unsigned pause_ms; /* between repetitions */
};

/* What the next connection does that has no script yet. Ends with FAKE_CLOSE, FAKE_RESET or
 * FAKE_SERVE. Borrowed until the upstream is freed. */
void fake_upstream_script(struct fake_upstream *upstream, const struct fake_step *steps);
/* Forgets the scripts that no connection has come for. */
void fake_upstream_forget_scripts(struct fake_upstream *upstream);

/* Lets every FAKE_HOLD go on, those to come too. */
void fake_upstream_release(struct fake_upstream *upstream);

/* Refuses connections from now on, keeping the port for itself; connections that stand stay. */
void fake_upstream_refuse(struct fake_upstream *upstream);
/* Takes connections again. */
void fake_upstream_accept(struct fake_upstream *upstream);
/* Ends the connections that stand, idle or not. */
void fake_upstream_drop_connections(struct fake_upstream *upstream);

/* --- what it saw ---------------------------------------------------------------------------- */

size_t fake_upstream_connection_count(struct fake_upstream *upstream);
/* Of the first hundred thousand: what comes behind them is answered, and not kept. */
size_t fake_upstream_request_count(struct fake_upstream *upstream);

/* How many connections resumed a TLS session, and the name the last one asked for ("" for none; at
 * most 255 bytes, copied). */
size_t fake_upstream_resumed_count(struct fake_upstream *upstream);
void fake_upstream_server_name(struct fake_upstream *upstream, char name[256]);

/* Waits until `count` requests or connections have come. */
bool fake_upstream_wait_requests(struct fake_upstream *upstream, size_t count, uint64_t timeout_ms);
bool fake_upstream_wait_connections(struct fake_upstream *upstream, size_t count,
                                    uint64_t timeout_ms);

/* The request with this index. Borrowed until the upstream is freed. */
const struct http_message *fake_upstream_request(struct fake_upstream *upstream, size_t index);

#endif
