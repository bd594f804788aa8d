/* Authorization check: the one call of an ExternalAuth with the protocol GRPC, as bytes: Envoy's
 * ext_authz, envoy.service.auth.v3.Authorization/Check, one message each way in gRPC's frames.
 *
 * A service is told of the request in fields; headers are those it may have (external_auth_fields),
 * each once, its values joined, in lower case. Bytes that are no UTF-8 are '!' in texts. A body
 * that is text, UTF-8 without NUL, is told as such, else as bytes.
 *
 * Of an answer all counts, or nothing: one that holds a header which no message may have, or more
 * of anything than below, is broken. What this version does not know in it does not count.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_AUTH_CHECK_H
#define PROXY_ROUTING_AUTH_CHECK_H

#include "common/buffer.h"
#include "proxy/routing/auth_edits.h"

#include <stdint.h>

#define AUTH_CHECK_PATH SLICE("/envoy.service.auth.v3.Authorization/Check")

enum {
    AUTH_CHECK_ANSWER_BYTES_MAX = 64 * 1024, /* with its frame */
    AUTH_CHECK_ITEMS_MAX = 128,              /* of each list in it */
    AUTH_CHECK_QUERY_BYTES_MAX = 8 * 1024,   /* names and values of parameters */
};

struct auth_check_peer {
    struct slice address; /* of IP, as text; empty: it has none */
    uint16_t port;
    struct slice principal; /* empty: not known */
};

/* Everything is borrowed. */
struct auth_check_question {
    struct auth_check_peer source;
    struct auth_check_peer destination;
    uint64_t received_ms; /* since 1970 */
    const struct request_head *head;
    const struct header_list *fields; /* to be told, but for those that are dropped */
    struct slice id;
    struct slice protocol; /* "HTTP/1.1" */
    int64_t size;          /* of the body; -1: not known */
    struct slice body;     /* empty: it is not told */
};

/* Appends the body of the call. */
void auth_check_put_question(const struct auth_check_question *question, struct buffer *to);

enum auth_check_verdict {
    AUTH_CHECK_ALLOWED,
    AUTH_CHECK_DENIED,
    AUTH_CHECK_UNDECIDED, /* the service says that it has failed */
    AUTH_CHECK_BROKEN,    /* no answer to rely on */
};

struct auth_check_answer {
    enum auth_check_verdict verdict;
    struct auth_edits edits; /* ALLOWED */
    /* DENIED, and UNDECIDED: what the client is told. */
    uint16_t status; /* 200 to 599; 0: the service gives none */
    struct auth_edit_list headers;
    struct slice body;
};

/* Whether the body of an answer that begins so can come to be one. */
bool auth_check_may_go_on(struct slice begun);

/* What the whole body of an answer says that ended with grpc-status 0. Texts are the arena's. */
struct auth_check_answer auth_check_read(struct slice bytes, struct arena *arena);

#endif
