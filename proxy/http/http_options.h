/* HTTP options: every limit and timer of the data plane, with its default.
 *
 * proxy.c fills this from the command line before the workers start; nothing changes it
 * afterwards.
 *
 * Threads: any; immutable once the server has started. */
#ifndef PROXY_HTTP_HTTP_OPTIONS_H
#define PROXY_HTTP_HTTP_OPTIONS_H

#include <stdint.h>

struct http_options {
    /* --- clients -------------------------------------------------------------------------- */
    uint64_t head_timeout_ms;        /* from the first byte of a head (or accept) to its last */
    uint64_t upload_timeout_ms;      /* of a request body; slow progress does not stretch it */
    uint64_t idle_timeout_ms;        /* between requests of one connection */
    uint64_t write_stall_timeout_ms; /* a client that reads nothing of what waits for it */
    uint64_t linger_timeout_ms;      /* how long we read on after a refusal, so that it arrives */
    uint64_t max_body_bytes;         /* 0: no limit */

    /* --- endpoints ------------------------------------------------------------------------ */
    uint64_t request_timeout_ms;       /* where the rule has none; 0: no limit */
    uint64_t upstream_idle_timeout_ms; /* an endpoint that neither reads nor sends */
    uint64_t tunnel_idle_timeout_ms;   /* a WebSocket through which nothing comes either way */
    uint64_t pool_idle_timeout_ms;     /* an unused connection to an endpoint */
    uint64_t pool_max_age_ms;          /* a used one, from its connect */
    uint32_t pool_max_idle;            /* unused connections to one endpoint, in each worker */
    uint64_t max_replay_bytes;         /* of a request body, kept until an answer begins */

    /* --- connections ---------------------------------------------------------------------- */
    uint32_t max_connections;          /* in all; 0: what the file limit allows */
    uint32_t max_connections_per_peer; /* from one address; 0: no limit */
};

/* A read every slow sender manages; faster ones have the upload timeout to themselves. */
enum { UPLOAD_MINIMUM_BYTES_A_SECOND = 1024 };

#define HTTP_OPTIONS_DEFAULT                                                                       \
    ((struct http_options){                                                                        \
        .head_timeout_ms = 10 * 1000,                                                              \
        .upload_timeout_ms = 60 * 1000,                                                            \
        .idle_timeout_ms = 75 * 1000,                                                              \
        .write_stall_timeout_ms = 30 * 1000,                                                       \
        .linger_timeout_ms = 2 * 1000,                                                             \
        .max_body_bytes = 0,                                                                       \
        .request_timeout_ms = 0,                                                                   \
        .upstream_idle_timeout_ms = 60 * 1000,                                                     \
        .tunnel_idle_timeout_ms = 60 * 60 * 1000,                                                  \
        .pool_idle_timeout_ms = 60 * 1000,                                                         \
        .pool_max_age_ms = 60 * 60 * 1000,                                                         \
        .pool_max_idle = 512,                                                                      \
        .max_replay_bytes = 32 * 1024,                                                             \
        .max_connections = 0,                                                                      \
        .max_connections_per_peer = 0,                                                             \
    })

#endif
