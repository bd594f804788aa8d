/* Table shapes: routes and requests for benchmarks of the route table.
 *
 * Route `number` of a shape and the request that it takes; numbers from `count` on are requests
 * nobody takes. A request is the text a client sends, read by the proxy's own parser, so that a
 * lookup sees the head that the handler sees.
 *
 * Threads: none shared. */
#ifndef TESTS_BENCH_TABLE_SHAPES_H
#define TESTS_BENCH_TABLE_SHAPES_H

#include "common/buffer.h"
#include "proxy/http/request_parser.h"
#include "proxy/routing/route.h"

#include <stdbool.h>

enum { ASK_TEXT_BYTES = 40, BENCH_HEADERS = 16, BENCH_REQUEST_BYTES = 1024 };

/* What a route asks for, and a request has. */
struct ask {
    char host[ASK_TEXT_BYTES];
    char path[ASK_TEXT_BYTES];   /* a prefix, or an expression */
    char tenant[ASK_TEXT_BYTES]; /* of a header; empty: none */
    bool is_regex;               /* of the path, or of the header where there is one */
    bool is_any_first;           /* the expression takes any first segment of the path */
    bool is_any_service;         /* a GRPCRoute, for the last segment of the path */
};

struct shape {
    const char *name;
    void (*ask)(struct ask *ask, unsigned number);
    bool is_scanned; /* other ways to do it walk a list: fewer routes and lookups */
};

extern const struct shape shape_hosts;       /* many hosts with four paths each */
extern const struct shape shape_paths;       /* one host with many paths */
extern const struct shape shape_headers;     /* one path with many values of a header */
extern const struct shape shape_expressions; /* one host with many expressions for the path */
extern const struct shape shape_segments;    /* the same, whose first segment is any */
extern const struct shape shape_regexes;     /* one path with many expressions for a header */
extern const struct shape shape_calls;       /* one host with many gRPC methods of any service */

void shape_route_name(char name[ASK_TEXT_BYTES], unsigned number);
/* The name of the backend it refers to, one of 4,000. */
void shape_backend_name(char name[ASK_TEXT_BYTES], unsigned number);

/* The serialized form of a route named after `number` that asks for this. */
void shape_pack_route(const struct ask *ask, unsigned number, uint64_t revision, struct buffer *to);
/* The same compiled. Caller releases. */
struct route *shape_new_route(const struct ask *ask, unsigned number, uint64_t revision);

struct bench_request {
    char text[BENCH_REQUEST_BYTES];
    struct header headers[BENCH_HEADERS];
    struct header_tag tags[BENCH_HEADERS];
    char host[REQUEST_HOST_BYTES];
    struct request_parser parser;
};

void bench_request_init(struct bench_request *request, const struct ask *ask);

static inline const struct request_head *bench_request_head(const struct bench_request *request)
{
    return &request->parser.request.head;
}

#endif
