/* Exchange: one request and its response, between a client and an endpoint.
 *
 * A *front* speaks to the client and an *upstream* to the endpoint; each knows only the exchange:
 * a request head and body, a response head and body. Whoever produces appends and marks what
 * happened, and the other side is told from exchanges_flush, when neither end is in the middle of
 * something. So neither can free what the other is using, and everything that decides
 * (request_handler, forwarder) works on exchanges and never sees a socket.
 *
 *     front ──REQUEST──▶ request_handler ──▶ forwarder ──start──▶ upstream
 *           ◀─head,data─ forwarder ◀──RESPONSE_HEAD, RESPONSE_DATA, FAILED──
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_EXCHANGE_H
#define PROXY_HTTP_EXCHANGE_H

#include "common/arena.h"
#include "common/cache_line.h"
#include "proxy/http/body_pipe.h"
#include "proxy/http/chunked_body.h"
#include "proxy/http/request_parser.h"
#include "proxy/http/response_parser.h"
#include "proxy/http/spares.h"
#include "proxy/http/timers.h"
#include "proxy/metrics/counters.h"
#include "proxy/routing/loop_mark.h"
#include "proxy/upstream/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct auth_edits;
struct backend;
struct backend_choice;
struct backend_counts;
struct client_connection;
struct exchange;
struct mirror;
struct rule;
struct worker;

/* The client's side. All are called from exchanges_flush. */
struct front_operations {
    /* exchange->response is complete; its body follows through `data`, at once or later. */
    void (*head)(struct exchange *exchange);
    /* exchange->response is an informational head (1xx, neither 100 nor 101), gone after the call;
     * what becomes of the request is still open. */
    void (*interim)(struct exchange *exchange);
    /* There are bytes in exchange->response_body, or its end. */
    void (*data)(struct exchange *exchange);
    /* The response will never be complete: end it so that the client can tell. */
    void (*abort)(struct exchange *exchange);
    /* exchange->request_body is being read, or has room again. */
    void (*room)(struct exchange *exchange);
    /* Whether the client is known to be gone, so that no answer can reach it. Not from
     * exchanges_flush, but right away: who begins a try late asks before. NULL: the exchange ends
     * when its client goes. */
    bool (*is_gone)(const struct exchange *exchange);
    /* The connection that the request has come on, also right away; NULL: a client has none. */
    const struct client_connection *(*connection)(const struct exchange *exchange);
    bool is_http2; /* so the client speaks */
};

/* The endpoint's side. All but `cancel` are called from exchanges_flush. */
struct upstream_operations {
    /* There are bytes in exchange->request_body, or its end. */
    void (*data)(struct exchange *exchange);
    /* exchange->response_body has room again, or an informational head was passed on. */
    void (*room)(struct exchange *exchange);
    /* Forget the exchange; nothing of its answer may reach another. Never called by the upstream
     * itself, so nothing of it is on the stack. */
    void (*cancel)(struct exchange *exchange);
};

/* What has happened and is still to be told; told in this order. */
enum exchange_event {
    EXCHANGE_REQUEST = 1 << 0,       /* a complete head: to the request handler */
    EXCHANGE_INTERIM_HEAD = 1 << 1,  /* an informational one: to the front */
    EXCHANGE_FAILED = 1 << 2,        /* the try has failed: to the forwarder */
    EXCHANGE_ANSWERED = 1 << 3,      /* a complete response head: to the forwarder */
    EXCHANGE_RESPONSE_HEAD = 1 << 4, /* the head to send: to the front */
    EXCHANGE_RESPONSE_DATA = 1 << 5, /* to the front */
    EXCHANGE_RESPONSE_CUT = 1 << 6,  /* to the front */
    EXCHANGE_REQUEST_DATA = 1 << 7,  /* to the upstream */
    EXCHANGE_RESPONSE_ROOM = 1 << 8, /* to the upstream */
    EXCHANGE_REQUEST_ROOM = 1 << 9,  /* to the front */
};

/* Room for what we add to a message: X-Forwarded-* and the like. */
enum { EXCHANGE_ADDED_HEADERS = 9 };

/* What has come of asking an authorization service about it. */
enum authorization_state {
    AUTHORIZATION_NOT_ASKED, /* no filter of its rule wants that, or it did not come so far */
    AUTHORIZATION_OPEN,      /* not answered yet */
    AUTHORIZATION_GIVEN,
    AUTHORIZATION_REFUSED,
    AUTHORIZATION_FAILED,
};

/* Where a client's token leads. */
struct session_place {
    const struct endpoint *endpoint; /* of the exchange's backend */
    uint64_t began_ms;               /* since 1970 */
};

/* Where the forwarder stands with an exchange; its own. In the order in which it is touched: the
 * first three lines by whatever happens. */
struct forwarding {
    /* --- the try --- */
    const struct rule *rule;             /* held; NULL when none was found */
    const struct backend_choice *choice; /* the backendRef; part of the rule */
    struct backend *backend;             /* held */
    struct endpoint *endpoint;     /* of the current or the last try; borrowed from the backend */
    struct backend_counts *counts; /* this worker's of the backend, while counted as running */
    uint64_t try_started_us;
    uint64_t try_deadline_ms; /* TIMER_NEVER: none */
    bool is_trying;           /* counted in the endpoint as running */
    bool is_connected;        /* the current try is past its connect */
    bool is_request_sent;     /* in the current try, some of it at least */
    bool is_tunnel;           /* answered with a 101 */
    bool is_backing_off;      /* between two tries: backoff_timer is running */
    bool wants_fresh;         /* the next try is on no connection of the pool */
    bool was_reset;           /* its stream of HTTP/2, by the endpoint: see reset_error */
    bool lacks_connection;    /* why there was no room: else too many requests */
    struct timer try_timer;   /* connecting, or an endpoint that does nothing */
    struct timer request_timer;

    /* --- the tries before it, and what must be undone at the end --- */
    struct endpoint *waits_at;   /* where it is counted; NULL while it is not in the line */
    uint64_t replay_bytes;       /* counted as kept for another try */
    const char *tls_error;       /* of the last handshake that failed; NULL: none has */
    const char *websocket_error; /* why none could be asked for; NULL: nothing is known */
    unsigned tries;
    unsigned retries;              /* by the rule's stanza */
    enum upstream_failure failure; /* with EXCHANGE_FAILED */
    bool has_retried_stale;
    bool has_retried_connect;
    bool is_in_budget; /* counted as repeated */
    bool waits_for_connection;

    /* --- choosing an endpoint --- */
    const struct endpoint **tried; /* in vain; in the exchange's arena */
    uint32_t tried_count;
    uint32_t reset_error;                /* with was_reset; RFC 9113 section 7 */
    uint64_t hash_key;                   /* for ConsistentHash */
    const struct session_place *session; /* in the exchange's arena; NULL: the client has none */

    /* --- what few requests come to --- */
    struct timer backoff_timer;
    struct exchange *line_next; /* the waiting line's */
    struct exchange *line_previous;
    uint64_t timeout_told_ms; /* the grpc-timeout counts from then; as timers_now_ms */
};

/* What a request's head is read with and into, while it is read. */
struct request_area {
    struct request_parser parser;
    struct header headers[REQUEST_HEADERS_MAX];
    struct header_tag tags[REQUEST_HEADERS_MAX];
};

/* Fields of a request that fit into its exchange, those that are added included; more lie in its
 * arena. */
enum { EXCHANGE_OWN_HEADERS = 40 };

/* Where a response's fields lie. An exchange has one only from the first byte of its answer on: as
 * most answers are complete at once, a few areas, which stay in the CPU's cache, serve everyone. */
struct response_area {
    struct response_parser parser; /* the upstream's, if it speaks HTTP/1 */
    struct header headers[RESPONSE_HEADERS_DEFAULT + EXCHANGE_ADDED_HEADERS];
    struct header_tag tags[RESPONSE_HEADERS_DEFAULT + EXCHANGE_ADDED_HEADERS];
};

/* Its order is that of use. With many connections an exchange has left the CPU's cache when the
 * answer to its request comes, so each line of it is waited for: what every step touches comes
 * first, then what an answer does, and behind that what is over when the request is on its way. */
struct exchange {
    CACHE_LINE_ALIGNED struct worker *worker;

    /* --- what is still to be told --- */
    struct exchange *next_marked; /* or the next one that is free */
    struct exchange *previous_marked;

    /* --- who is at the ends --- */
    const struct front_operations *front_operations;
    void *front;
    const struct upstream_operations *upstream_operations; /* NULL while there is none */
    void *upstream;

    /* --- what has become of it --- */
    uint16_t events;       /* enum exchange_event */
    bool is_mirror;        /* a copy of another's request: not counted, not logged */
    bool is_question;      /* to an authorization service, about another's request: the same */
    bool is_harmless;      /* sent twice, whatever its method says */
    uint8_t authorization; /* enum authorization_state */
    bool is_grpc;          /* the client speaks it: see grpc_reply.h */
    bool peer_is_trusted;
    bool client_is_asked;     /* for a certificate */
    bool is_head_complete;    /* `request` is filled in, as far as it could be understood */
    bool response_is_started; /* its head was given to the front: no second answer */
    bool is_loop;             /* its rule has forwarded it before: refused */

    struct forwarding forwarding;
    struct buffer notes; /* X-Forwarded-For; before it is made, that of an earlier request */

    /* --- the bodies and the response --- */
    CACHE_LINE_ALIGNED struct body_pipe request_body;
    struct parsed_response response;
    struct body_pipe response_body;
    size_t response_window; /* so many bytes of it an endpoint of HTTP/2 may send unasked */
    struct mirror *mirrors; /* copies of the request that are to be made, or not complete yet */

    /* --- memory, and what is given back at the end --- */
    struct buffer request_bytes;          /* the head as it came in */
    struct arena arena;                   /* what filters have made */
    struct request_area *request_area;    /* NULL but while the head is being read */
    struct response_area *response_area;  /* NULL before there is a response */
    struct chunked_body *request_chunks;  /* NULL: that body is not chunked */
    struct chunked_body *response_chunks; /* the same */
    struct buffer response_bytes;         /* a head that did not come as lines */

    /* --- for the access log --- */
    uint64_t sent_bytes;  /* to the client, heads included */
    unsigned sent_status; /* 0: the client got none */
    unsigned own_status;  /* the proxy answers itself, or has cut an answer; 0: neither */
    bool response_closes; /* the client's connection ends with this response */

    /* --- the request; the answer looks at its beginning --- */
    CACHE_LINE_ALIGNED struct parsed_request request;
    const struct request_head *asked; /* as it came in, when filters have rewritten it; or NULL */
    const struct auth_edits *auth_edits; /* with AUTHORIZATION_GIVEN: see auth_edits.h; or NULL */
    uint64_t started_us;
    struct slice peer_address;   /* of the connection, as text; borrowed from the front */
    struct slice client_address; /* behind trusted peers; else the same */
    struct slice client_subject; /* of the certificate it has shown; .at is NULL: none */

    /* --- its texts and fields: as many as it has, of each only the first are touched --- */
    char request_id[32]; /* before it is made, that of an earlier request */
    char loop_mark[LOOP_MARK_LENGTH];
    char host[REQUEST_HOST_BYTES];
    struct header_tag request_tags[EXCHANGE_OWN_HEADERS];
    CACHE_LINE_ALIGNED struct header request_headers[EXCHANGE_OWN_HEADERS];
};

/* A front makes one for each request and ends it, answered or not. An upstream that is still
 * busy with it is cancelled then. */
struct exchange *exchange_new(struct worker *worker, const struct front_operations *operations,
                              void *front);
void exchange_end(struct exchange *exchange);

/* For a front that is going to read the head: exchange->request_area is there. */
struct request_area *exchange_read_request(struct exchange *exchange);
/* The head is read: what the parser has made of it goes to exchange->request, and the request area
 * is given back. */
void exchange_take_request(struct exchange *exchange);

/* For whoever reads a chunked body: the decoder is there, ready for the first byte. `limit_bytes`
 * of payload, 0: no limit. */
void exchange_start_request_chunks(struct exchange *exchange, uint64_t limit_bytes);
void exchange_start_response_chunks(struct exchange *exchange);

/* For a front: it has copied the fields of exchange->response, its final head. */
void exchange_forget_response_fields(struct exchange *exchange);

/* Of a request that an authorization service is asked about no trailers are passed on. */
void exchange_drop_trailers(struct exchange *exchange);

/* For a front: it has appended to exchange->request_body, or ended it. */
void exchange_continue_request(struct exchange *exchange);

/* Notes what has happened; whoever it concerns is told before the turn ends. */
void exchange_mark(struct exchange *exchange, enum exchange_event event);

/* --- for an upstream, which lets go of the exchange with the last two ------------------------ */

/* exchange->response is an informational head. What came behind it waits until `room` is called. */
void exchange_inform(struct exchange *exchange);

/* The head in exchange->response is complete. Its body follows with EXCHANGE_RESPONSE_DATA. */
void exchange_answer(struct exchange *exchange);

/* exchange->response_body is ended. */
void exchange_complete(struct exchange *exchange);

/* The try has failed. */
void exchange_fail(struct exchange *exchange, enum upstream_failure failure);

/* Fields for a response: none yet, room for `capacity` and what we add. */
struct header_list exchange_response_fields(struct exchange *exchange, size_t capacity);

/* --- for who decides ------------------------------------------------------------------------- */

/* Sends exchange->response, and what is in its body, to the client. */
void exchange_respond(struct exchange *exchange);

/* Takes the exchange away from its upstream, if there is one. */
void exchange_cancel_upstream(struct exchange *exchange);

/* Forgets the answer so far, to make room for another. The client must not have got any of it. */
void exchange_clear_response(struct exchange *exchange);

/* --- a worker's exchanges -------------------------------------------------------------------- */

struct exchange_queue {
    struct exchange *first_marked;
    struct exchange *last_marked;
    struct exchange *free;
    unsigned free_count;
    unsigned free_least; /* since the last trim */
    struct spares request_areas;
    struct spares response_areas;
    struct spares chunked_bodies;
};

void exchanges_init(struct worker *worker);
/* Every exchange must have ended. */
void exchanges_clear(struct worker *worker);
/* As spares_trim: exchanges are kept for reuse in the same way, with their buffers. */
bool exchanges_trim(struct worker *worker);

/* Tells everyone what was marked, until nothing is. At the end of a callback that has received
 * something, while that is still in the CPU's cache, and at the end of each turn of the loop. */
void exchanges_flush(struct worker *worker);

#endif
