/* Documents: routes and backends as YAML or JSON, to messages and back.
 *
 * A route is the Gateway API's HTTPRoute or GRPCRoute, a backend is ours (ROUTING: Files). Reading
 * finds all problems at once, those of form and those of meaning, each with file, line, column and
 * field; what the daemon later refuses is told by the same places, for each field remembers its own
 * in the draft. What is written reads back as the same messages.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_DOCUMENTS_H
#define CONTROL_ROUTECTL_DOCUMENTS_H

#include "common/buffer.h"
#include "control/routectl/draft.h"

#include <stdbool.h>

enum document_remark {
    DOCUMENT_NOTE,  /* was left out, and that is fine */
    DOCUMENT_ERROR, /* nothing may be applied */
};

/* `text` is one sentence, "routes.yaml:7:5: spec.rules[0].matches: is not a list". Borrowed until
 * it returns. */
typedef void document_report_fn(void *context, enum document_remark remark, const char *text);

enum document_extent {
    DOCUMENT_NAME,  /* kind and name; what else stands there may be anything */
    DOCUMENT_FORM,  /* every field, whatever it means */
    DOCUMENT_WHOLE, /* with all that the validators of all programs have to say */
};

/* Adds a put mutation to the draft for every document of `text`. False when there was an error.
 * `file` names the text in remarks. */
bool documents_read(const char *file, struct slice text, enum document_extent extent,
                    struct draft *draft, document_report_fn *report, void *context);

/* Append one document, "---" in front. Revisions are left out: they are the daemon's. */
void documents_write_route(struct buffer *to, const RouteMessage *route);
void documents_write_backend(struct buffer *to, const BackendMessage *backend);
/* The same with an annotation that says where the route stands among those that are created with
 * it; 0: none. */
void documents_write_route_in_order(struct buffer *to, const RouteMessage *route, uint32_t order);

#endif
