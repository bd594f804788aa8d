/* Filters: what a rule, or one of its backendRefs, changes about requests and responses.
 *
 * Plain data, compiled once from the messages and owned by the route; proxy/routing/filter_apply.h
 * and proxy/routing/cors.h act on it. One allocation with its text, so that routes without filters
 * pay nothing.
 *
 * The order in which a document lists filters is followed where it can be seen, but for mirrors
 * (HTTPRouteRule.filters: "wherever possible, implementations SHOULD"). What a rule says comes
 * before what its backendRef says. A preflight is answered first, as it has no credentials; then an
 * authorization service is asked, and only what it allows may come to a redirect, also to one that
 * is listed in front of it. Headers of requests are edited, and host and path rewritten: neither
 * touches what the other does, for Host is not edited. The service is told what the filters that
 * are listed in front of it have made of the request, and what it adds itself those behind it may
 * edit. Of CORS and
 * ResponseHeaderModifier, the one that is listed last has the last word about a header that both
 * write. A mirror gets a copy of what the service gets, also where it is listed before what changes
 * that: a copy that differs would be of no use to compare the two, and to keep the request as it
 * was would cost each one that is mirrored.
 *
 * Threads: any; immutable. */
#ifndef PROXY_ROUTING_FILTER_H
#define PROXY_ROUTING_FILTER_H

#include "common/slice.h"
#include "proto/messages.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum header_edit_kind { HEADER_SET, HEADER_ADD, HEADER_REMOVE };

struct header_edit {
    enum header_edit_kind kind;
    struct slice name;
    struct slice value; /* not of HEADER_REMOVE */
};

/* No name is in it twice. */
struct header_edits {
    const struct header_edit *items;
    size_t count;
};

enum path_edit_kind { PATH_KEPT, PATH_REPLACED, PATH_PREFIX_REPLACED };

struct path_edit {
    enum path_edit_kind kind;
    /* A prefix has no '/' at its end, and so is empty where it was "/". */
    struct slice replacement;
    size_t prefix_length; /* of the matched prefix, in the same sense */
};

struct url_rewrite {
    struct slice hostname; /* empty: kept */
    struct path_edit path;
};

struct redirect {
    uint16_t status;       /* 0: no redirect */
    uint16_t port;         /* 0: by scheme or listener */
    struct slice scheme;   /* empty: the request's */
    struct slice hostname; /* empty: the request's */
    struct path_edit path;
};

/* Lists are texts, "one, two", as they are sent; empty: none. */
struct cors {
    const struct slice *origins; /* as in proxy/routing/cors.h */
    size_t origin_count;
    bool allows_credentials;
    uint32_t max_age_s;
    struct slice allow_methods;
    struct slice allow_headers;
    struct slice expose_headers;
};

/* A share of the requests, numerator / denominator, is sent there too. */
struct mirror_target {
    uint32_t backend_index; /* as in struct backend_choice */
    uint32_t numerator;
    uint32_t denominator;
};

/* A service is asked before a request goes on: see proxy/routing/external_auth.h. */
struct external_auth {
    uint32_t backend_index;  /* as in struct backend_choice */
    uint32_t max_body_bytes; /* of the body, which is sent along; 0: it is not */
    bool is_grpc;            /* by Envoy's ext_authz; else as HTTP */
    struct slice path;       /* goes in front of the request's, without a '/' at its end */
    const struct slice *allowed_headers; /* with gRPC none are all */
    size_t allowed_header_count;
    const struct slice *answer_headers; /* that are taken over; none: all */
    size_t answer_header_count;
    bool sees_edits;   /* behind the edits of request headers */
    bool sees_rewrite; /* behind the rewrite */
};

struct filter_list {
    struct header_edits request_headers;
    struct header_edits response_headers;
    struct url_rewrite rewrite;
    struct redirect redirect;
    const struct cors *cors; /* NULL: none */
    bool cors_is_last;       /* behind the edits of response headers */
    const struct mirror_target *mirrors;
    size_t mirror_count;
    const struct external_auth *auth; /* NULL: nobody is asked; always so in a backendRef's */
};

/* What the compiled filters have from the rule they stand in. */
struct filter_context {
    struct slice prefix; /* its PathPrefix, canonical and without a '/' at its end */
    /* The index that stands for a backend; called once for each filter that names one, in order. */
    uint32_t (*backend_index)(void *context, const Pointsman__V1__BackendObjectReference *ref);
    void *context;
};

/* Compiles filters that have passed validate_filters. NULL when there are none. Copies. */
struct filter_list *filter_list_new(FilterMessage *const *messages, size_t count,
                                    const struct filter_context *context);
/* Harmless on NULL. */
void filter_list_free(const struct filter_list *filters);

#endif
