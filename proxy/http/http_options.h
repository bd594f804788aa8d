/* HTTP options: every limit and timer of the data plane, with its default.
 *
 * proxy.c fills this from the command line before the workers start; nothing changes it
 * afterwards.
 *
 * Threads: any; immutable once the server has started. */
#ifndef PROXY_HTTP_HTTP_OPTIONS_H
#define PROXY_HTTP_HTTP_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* What a limit protects stands beside it, and the default is as low as ordinary use allows. */
struct http_options {
    /* --- clients -------------------------------------------------------------------------- */
    /* Of a handshake, from accept. Two round trips and a signature, on slow lines and machines. */
    uint64_t tls_handshake_timeout_ms;
    /* From the first byte of a head (or accept) to its last. One packet holds most; a slow line
     * with a hundred headers still needs only seconds. */
    uint64_t head_timeout_ms;
    /* Of a request body; slow progress does not stretch it below UPLOAD_MINIMUM_BYTES_A_SECOND. */
    uint64_t upload_timeout_ms;
    /* Between requests of one connection. Longer than the 60 s after which load balancers and
     * browsers commonly let go, so that it is they who do. */
    uint64_t idle_timeout_ms;
    /* A client that reads nothing of what waits for it: it holds up to 1 MB and an endpoint. */
    uint64_t write_stall_timeout_ms;
    /* A client of HTTP/1 that sends no more while it waits for an answer is taken to be gone: its
     * request is given up. Most that do so are; but TCP does not tell them from those that only
     * have nothing else to ask (`printf ... | nc -N`), who would get no answer, so as a rule it
     * goes on until something tells: a reset, or that what is sent to it does not arrive. For one
     * that is known to be gone no try is begun in any case. */
    bool aborts_on_close;
    /* How long we read on after the last answer, so that it arrives: a few round trips. */
    uint64_t linger_timeout_ms;
    /* A connection is closed with the first answer after this; 0: never. Clients come back and
     * find their place anew, among workers, proxies and addresses that have changed. */
    uint64_t connection_max_age_ms;
    /* The same after so many requests; 0: no limit. A connection costs no more the longer it is
     * used, so only those who must spread busy clients sooner need it. */
    uint64_t connection_max_requests;
    /* 414, 431: what browsers and services have agreed on, with room; what has come of a head is
     * kept until it is complete. */
    uint64_t max_request_line_bytes;
    uint64_t max_head_bytes;
    uint32_t max_headers; /* at most REQUEST_HEADERS_MAX */
    /* 0: no limit, since bodies are passed on as they come and take no memory. */
    uint64_t max_body_bytes;

    /* --- endpoints ------------------------------------------------------------------------ */
    uint64_t request_timeout_ms;       /* where the rule has none; 0: no limit */
    uint64_t upstream_idle_timeout_ms; /* an endpoint that neither reads nor sends */
    uint64_t tunnel_idle_timeout_ms;   /* a WebSocket through which nothing comes either way */
    uint64_t pool_idle_timeout_ms;     /* an unused connection to an endpoint */
    uint64_t pool_max_age_ms;          /* a used one, from its connect */
    uint32_t pool_max_idle;            /* unused connections to one endpoint, in each worker */
    uint64_t max_replay_bytes;         /* of a request body, kept until an answer begins */
    /* The same, of all requests together: beyond it a body is not kept, and its request not
     * repeated once some of it was sent. Two thousand bodies of the greatest size. */
    uint64_t max_replay_total_bytes;

    /* --- connections ---------------------------------------------------------------------- */
    uint32_t max_connections;          /* in all; 0: what the file limit allows */
    uint32_t max_connections_per_peer; /* from one address; 0: no limit, for a proxy in front */
};

/* A read every slow sender manages; faster ones have the upload timeout to themselves. */
enum { UPLOAD_MINIMUM_BYTES_A_SECOND = 1024 };

#define HTTP_OPTIONS_DEFAULT                                                                       \
    ((struct http_options){                                                                        \
        .tls_handshake_timeout_ms = 10 * 1000,                                                     \
        .head_timeout_ms = 10 * 1000,                                                              \
        .upload_timeout_ms = 60 * 1000,                                                            \
        .idle_timeout_ms = 75 * 1000,                                                              \
        .write_stall_timeout_ms = 30 * 1000,                                                       \
        .linger_timeout_ms = 2 * 1000,                                                             \
        .connection_max_age_ms = 60 * 60 * 1000,                                                   \
        .connection_max_requests = 0,                                                              \
        .max_request_line_bytes = 16 * 1024,                                                       \
        .max_head_bytes = 64 * 1024,                                                               \
        .max_headers = 100,                                                                        \
        .max_body_bytes = 0,                                                                       \
        .request_timeout_ms = 0,                                                                   \
        .upstream_idle_timeout_ms = 60 * 1000,                                                     \
        .tunnel_idle_timeout_ms = 60 * 60 * 1000,                                                  \
        .pool_idle_timeout_ms = 60 * 1000,                                                         \
        .pool_max_age_ms = 60 * 60 * 1000,                                                         \
        .pool_max_idle = 512,                                                                      \
        .max_replay_bytes = 32 * 1024,                                                             \
        .max_replay_total_bytes = 64 * 1024 * 1024,                                                \
        .max_connections = 0,                                                                      \
        .max_connections_per_peer = 0,                                                             \
    })

#endif
