/* Authorization call: a stage whose second endpoint is an authorization service that is called by
 * gRPC, while the client and the first endpoint speak HTTP/1.
 *
 * Threads: one. */
#ifndef TESTS_UNIT_PROXY_HTTP_AUTHORIZATION_CALL_H
#define TESTS_UNIT_PROXY_HTTP_AUTHORIZATION_CALL_H

#include "proto/envoy/external_auth.pb-c.h"
#include "tests/unit/proxy/http/authorization_stage.h"
#include "tests/unit/proxy/http/http2_endpoint.h"

typedef Envoy__Service__Auth__V3__CheckRequest CheckRequest;
typedef Envoy__Service__Auth__V3__CheckResponse CheckResponse;
typedef Envoy__Service__Auth__V3__OkHttpResponse OkResponse;
typedef Envoy__Service__Auth__V3__DeniedHttpResponse DeniedResponse;
typedef Envoy__Service__Auth__V3__AttributeContext__HttpRequest CheckedRequest;
typedef Envoy__Config__Core__V3__HeaderValueOption HeaderOption;

/* cmocka's fixture: *state is the stage, not started; "auth:gate auth-grpc" are the filters. */
int call_set_up(void **state);

struct call {
    struct stage *stage;
    struct player client;
    struct http2_endpoint gate;
    uint32_t stream;
    CheckRequest *message;
    const CheckedRequest *http; /* in it */
};

/* The client asks, and the gate has read all of the call. */
struct call call_begin(struct stage *stage, const char *request);
/* The gate has read the next call on its connection, about what `client` has asked then. */
void call_read(struct call *call);
void call_end(struct call *call);

/* What the call tells of a header; "none": nothing. */
const char *call_header(const struct call *call, const char *name);

/* The head of an answer; then bytes, and trailers with this grpc-status. */
void call_answer_head(struct call *call);
void call_answer_bytes(struct call *call, struct slice bytes, const char *grpc_status);
/* A message in its frame, with all around it. */
void call_answer(struct call *call, const CheckResponse *response);
/* One that allows, and says nothing else. */
void call_allow(struct call *call);

/* --- answers --------------------------------------------------------------------------------- */

enum { ANSWER_HEADERS_MAX = 8 };

struct answer {
    Google__Rpc__Status status;
    OkResponse ok;
    Envoy__Type__V3__HttpStatus http_status;
    DeniedResponse denied;
    Envoy__Config__Core__V3__HeaderValue values[ANSWER_HEADERS_MAX];
    HeaderOption options[ANSWER_HEADERS_MAX];
    HeaderOption *headers[ANSWER_HEADERS_MAX];
    size_t count;
    CheckResponse message;
};

/* Allows. Not to be copied. */
void answer_init(struct answer *answer);
/* Denies, with this status of HTTP (0: none) and body. */
void answer_init_denied(struct answer *answer, int status, const char *body);
/* The next header; in which list `headers` go is the test's to say. */
void answer_add(struct answer *answer, const char *name, const char *value);

#endif
