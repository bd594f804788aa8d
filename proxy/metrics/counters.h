/* Counters: what the proxy counts, cheap enough to do so on every request.
 *
 * Each worker writes its own block, with plain loads and stores and no cache line shared with
 * another worker; readers add the blocks up and may be a few counts behind. Counters that carry
 * a name are in route_metrics.h and backend_metrics.h.
 *
 * Threads: counters_worker's block belongs to one worker; everything else any. */
#ifndef PROXY_METRICS_COUNTERS_H
#define PROXY_METRICS_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* --- one counter ---------------------------------------------------------------------------- */

/* One thread writes, any reads. */
struct counter {
    _Atomic uint64_t value;
};

static inline void counter_add(struct counter *counter, uint64_t amount)
{
    /* With a single writer no locked instruction is needed. */
    uint64_t value = atomic_load_explicit(&counter->value, memory_order_relaxed);
    atomic_store_explicit(&counter->value, value + amount, memory_order_relaxed);
}

static inline uint64_t counter_read(const struct counter *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

/* --- what is counted ------------------------------------------------------------------------ */

/* By the first digit of the status; 0 stands for a request whose client never got a status. */
enum { STATUS_CLASS_COUNT = 6 };

static inline unsigned status_class(unsigned status)
{
    return status >= 100 && status <= 599 ? status / 100 : 0;
}

/* Why the proxy itself refused a request or a connection, or answered instead of a service. */
enum denial {
    DENIAL_BAD_REQUEST,    /* 400: HARDENING's rules on heads, framing, targets */
    DENIAL_METHOD,         /* 405: CONNECT, TRACE */
    DENIAL_BODY_TOO_LARGE, /* 413 */
    DENIAL_URI_TOO_LONG,   /* 414 */
    DENIAL_HEAD_TOO_LARGE, /* 431 */
    DENIAL_EXPECTATION,    /* 417 */
    DENIAL_VERSION,        /* 505 */
    DENIAL_HEAD_TIMEOUT,   /* 408: the head did not arrive in time */
    DENIAL_BODY_TIMEOUT,   /* 408: the body did not */
    DENIAL_NO_TABLE,       /* 503: no routes are known yet */
    DENIAL_NO_ROUTE,       /* 404 */
    DENIAL_NO_BACKEND,     /* 500: missing backend, weight 0, or a rule that could not be built */
    DENIAL_LOOP,           /* 508: the rule has forwarded this request too often */
    DENIAL_NO_ENDPOINT,    /* 503: nothing available to send it to */
    DENIAL_BACKEND_FULL,   /* 503: no endpoint has room, nor room to wait */
    DENIAL_AUTHORIZATION_REFUSED, /* as the authorization service has answered */
    DENIAL_AUTHORIZATION_FAILED,  /* 500, 502, 503, 504: it has not, or not as it must */
    DENIAL_UNSUPPORTED,           /* 501: understood, not built yet */
    DENIAL_PEER_LIMIT,            /* connection closed: too many from one address */
    DENIAL_MADE_ROOM,             /* connection closed: the longest idle one, for another */
    DENIAL_WRITE_STALL,           /* connection closed: the client did not read */
    DENIAL_TLS_HANDSHAKE,         /* connection closed: the handshake failed */
    DENIAL_PROXY_HEADER, /* connection closed: no PROXY header, a wrong one, or not from there */
    DENIAL_TLS_TIMEOUT,  /* connection closed: the handshake did not end in time */
    DENIAL_COUNT
};

/* Room for the rules by which messages are refused: enum refusal of proxy/http/refusal.h. */
enum { COUNTED_RULES = 64 };

/* How a try failed, and so why it may have been repeated. */
enum upstream_failure {
    UPSTREAM_FAILURE_CONNECT,         /* refused or unreachable */
    UPSTREAM_FAILURE_CONNECT_TIMEOUT, /* connecting took too long */
    UPSTREAM_FAILURE_STALE,           /* a reused connection was closed before it answered */
    UPSTREAM_FAILURE_CLOSED,          /* closed or reset before a response head */
    UPSTREAM_FAILURE_TIMEOUT,         /* the try or the request ran out of time */
    UPSTREAM_FAILURE_BAD_RESPONSE,    /* the response breaks HTTP */
    UPSTREAM_FAILURE_TRUNCATED,       /* broken off in the body */
    UPSTREAM_FAILURE_STATUS,          /* answered with a code the route retries */
    UPSTREAM_FAILURE_TLS,             /* the handshake failed, or whom it is with */
    UPSTREAM_FAILURE_WEBSOCKET,       /* it speaks HTTP/2, and takes none over it (RFC 8441) */
    UPSTREAM_FAILURE_COUNT
};

/* worker only to write */
struct worker_counters {
    struct counters *counters; /* immutable: what it is part of */
    unsigned index;            /* immutable: of the worker, from 0 */

    struct counter connections_accepted;
    struct counter connections_closed;    /* accepted - closed: open now */
    struct counter requests;              /* heads that were complete, refused ones included */
    struct counter client_tls_handshakes; /* with clients, complete */
    struct counter
        client_tls_resumptions; /* of these, those that went on with an earlier session */
    struct counter client_bytes_in;
    struct counter client_bytes_out;
    struct counter refused[DENIAL_COUNT];
    struct counter broken_requests[COUNTED_RULES]; /* by the rule they break */
    struct counter broken_responses[COUNTED_RULES];
    struct counter accept_pauses;   /* times that accepting stopped for want of room */
    struct counter replays_dropped; /* request bodies not kept: too many bytes of others were */

    struct counter upstream_connections_opened;
    struct counter upstream_connections_closed;
    struct counter upstream_connections_reused; /* requests sent on a connection used before */
    struct counter tls_handshakes;              /* with endpoints */
    struct counter tls_resumptions; /* of these, those that went on with an earlier session */
    struct counter tunnels_opened;  /* WebSockets; their connections are counted above as well */
    struct counter tunnels_closed;
    struct counter upstream_bytes_in;
    struct counter upstream_bytes_out;

    struct counter waits_started; /* requests for which no endpoint had room */
    struct counter waits_ended;   /* started - ended: waiting now */

    struct counter route_cache_lookups;   /* tables asked for a rule */
    struct counter route_cache_refreshes; /* of those, with a table newer than the last one */

    struct counter mirrors_started; /* copies of requests sent by RequestMirror */
    struct counter mirrors_dropped; /* copies not sent, or not to their end */

    struct counter access_log_dropped; /* lines that found no room */
};

/* --- all of them ---------------------------------------------------------------------------- */

struct counters;

struct counters *counters_new(unsigned worker_count);
/* Routes and backends that were counted must have been released. */
void counters_free(struct counters *counters);

unsigned counters_worker_count(const struct counters *counters);

/* The block of worker `index`, from 0. Borrowed until counters_free. */
struct worker_counters *counters_worker(struct counters *counters, unsigned index);

/* The sum of one field over all workers: counters_sum(c, offsetof(struct worker_counters, f)). */
uint64_t counters_sum(const struct counters *counters, size_t field_offset);

struct named_counters;

/* Where the counters with a name are kept; for route_metrics.c, backend_metrics.c and readers. */
struct named_counters *counters_routes(struct counters *counters);
struct named_counters *counters_backends(struct counters *counters);

#endif
