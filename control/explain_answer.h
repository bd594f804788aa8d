/* Explain answer: what an explanation found, as an ExplainResponse.
 *
 * Threads: main. */
#ifndef CONTROL_EXPLAIN_ANSWER_H
#define CONTROL_EXPLAIN_ANSWER_H

#include "proxy/routing/route_explain.h"
#include "proxy/routing/sample_request.h"

#include <stdbool.h>
#include <stdint.h>

struct grpc_call;
struct proxy_registry;
struct store;

/* The listener the request is taken to come in by. */
struct listener_choice {
    struct listener_identity identity; /* the name lies in `name` */
    char *name;
    bool is_chosen; /* false: any, for nothing says which */
    bool is_known;  /* a connected proxy has it */
};

/* The one called `name`; with "" the only one that connected proxies have. Copies. */
void listener_choice_init(struct listener_choice *choice, const struct proxy_registry *proxies,
                          const char *name);
void listener_choice_clear(struct listener_choice *choice);

struct explain_findings {
    const struct sample_request *sample;
    const struct listener_choice *listener;
    const struct route_explanation *explanation;
    uint64_t revision;
    uint64_t other_host_count; /* routes that were not looked at */
};

/* Ends the call. Backends are those of now. */
void explain_answer_send(struct grpc_call *call, struct store *store,
                         const struct explain_findings *findings);

#endif
