/* Health probe: one check under way, over and over.
 *
 * Threads: health. */
#ifndef PROXY_HTTP_HEALTH_PROBE_H
#define PROXY_HTTP_HEALTH_PROBE_H

#include "common/buffer.h"
#include "common/event_loop.h"
#include "proxy/http/response_parser.h"
#include "proxy/http/tls_client.h"
#include "proxy/upstream/balancer.h"
#include "proxy/upstream/health_check.h"

#include <stdbool.h>

/* What all probes share. */
struct probes {
    struct event_loop *loop;
    struct balancer_random random;
    unsigned running; /* connections open now */
};

struct probe_http2;

/* One question to an endpoint; NULL in its probe while it waits for its next time. */
struct probe_run {
    int fd;
    SSL *ssl; /* NULL: a clear connection */
    bool is_connected;
    bool is_secured; /* or need not be */
    struct event_watch watch;
    struct buffer request;
    struct buffer response;
    struct probe_http2 *http2; /* NULL: it speaks HTTP/1, with the parser */
    struct response_parser parser;
    struct header headers[RESPONSE_HEADERS_DEFAULT];
    struct header_tag tags[RESPONSE_HEADERS_DEFAULT];
};

struct health_probe {
    struct probes *probes;
    struct health_check *check; /* taken */
    struct health_probe *next;
    struct event_timer timer; /* the next time; while it runs, its timeout */
    uint64_t started_ms;
    struct probe_run *run;
    bool is_decided;  /* by a first result */
    unsigned against; /* results in a row that contradict what counts now */
};

/* Starts asking. Takes what was taken from the registry. */
struct health_probe *health_probe_start(struct probes *probes, struct health_check *check);

/* Stops asking, and puts the check down. */
void health_probe_stop(struct health_probe *probe);

#endif
