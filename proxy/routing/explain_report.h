/* Explain report: an explanation as the ExplainResponse that control answers with and routectl
 * shows, with what becomes of the request.
 *
 * Threads: any, one at a time. */
#ifndef PROXY_ROUTING_EXPLAIN_REPORT_H
#define PROXY_ROUTING_EXPLAIN_REPORT_H

#include "common/arena.h"
#include "common/buffer.h"
#include "proto/messages.h"
#include "proxy/routing/route_explain.h"
#include "proxy/routing/sample_request.h"

/* The backend of that full name; the report frees it with message_free. NULL: there is none. */
typedef BackendMessage *explain_find_backend_fn(void *context, const char *full_name);

/* What it is made of; borrowed while it is made, texts until it is cleared. */
struct explain_facts {
    const struct sample_request *sample;
    const struct route_explanation *explanation;
    uint64_t revision;
    const char *listener; /* "": any, for nothing says which */
    const char
        *epoch; /* of the database; NULL: there is none, and tokens of sessions say nothing */
    explain_find_backend_fn *find_backend;
    void *context;
};

struct explain_report {
    Pointsman__V1__ExplainResponse response;
    struct arena arena; /* owns what the response points to, but for what is in `messages` */
    ProtobufCMessage **messages;
    size_t message_count;
    size_t considered_count; /* of matches that are described, taken or not */
    size_t behind_count;
};

void explain_report_init(struct explain_report *report, const struct explain_facts *facts);

/* The same in pieces, so that whoever has others to serve can do so in between: all but the lists
 * of matches first, then at most `count` of these. True when all of it is there. */
void explain_report_start(struct explain_report *report, const struct explain_facts *facts);
bool explain_report_go_on(struct explain_report *report, const struct explain_facts *facts,
                          size_t count);

/* Appends what the response holds, packed, and empties it. What is taken one after the other is the
 * packed response, in which what comes more than once goes on. */
void explain_report_take(struct explain_report *report, struct buffer *to);

void explain_report_clear(struct explain_report *report);

/* For people. */
void explain_report_add_note(struct explain_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
