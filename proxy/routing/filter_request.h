/* Filter request: what the filters of a rule, and then those of the backendRef that was chosen,
 * make of a request: an answer, or the head that is forwarded.
 *
 * The proxy sends it, and explain shows it. Filters may be NULL: none.
 *
 * Threads: none shared. */
#ifndef PROXY_ROUTING_FILTER_REQUEST_H
#define PROXY_ROUTING_FILTER_REQUEST_H

#include "common/arena.h"
#include "proxy/routing/cors.h"
#include "proxy/routing/filter.h"
#include "proxy/routing/header_list.h"
#include "proxy/routing/request_head.h"

#include <stdbool.h>
#include <stddef.h>

/* Without a body. Its texts are constants, the filters', the head's, or the arena's. */
struct filter_answer {
    uint16_t status;
    struct header headers[CORS_MAX_HEADERS];
    size_t header_count;
};

/* Whether these filters answer, so that nothing is to be forwarded: a browser that asks for
 * permission, which comes first, or a redirect. */
bool filter_request_preflight(const struct filter_list *filters, const struct request_head *head,
                              struct filter_answer *answer, struct arena *arena);
bool filter_request_redirect(const struct filter_list *filters, const struct request_head *head,
                             struct filter_answer *answer, struct arena *arena);

/* Adds what a service is told of the client: X-Forwarded-For with `chain`, X-Forwarded-Proto and
 * -Host unless a trusted peer has said them. There is room for three more. */
void filter_request_add_forwarded(struct header_list *fields, const struct request_head *head,
                                  struct slice chain);

/* Edits the headers that an authorization service is asked about, and moves them where there is
 * room for that: by the edits of the rule that stand in front of the question. */
void filter_request_edit_asked(const struct filter_list *rule, struct header_list *fields,
                               struct arena *arena);

/* The same for all other edits. */
void filter_request_edit_headers(const struct filter_list *rule, const struct filter_list *choice,
                                 struct header_list *fields, struct arena *arena);

/* How the URL is rewritten. Both prefixes are of the path that was matched, so only one of two
 * rewrites can be applied: the backendRef has the last word. */
struct url_rewrite filter_request_rewrite(const struct filter_list *rule,
                                          const struct filter_list *choice);

/* Completes the headers of a response to `head`, and moves them where there is room for that. The
 * edits come last: what someone sets by name is meant. */
void filter_request_edit_response(const struct filter_list *rule, const struct filter_list *choice,
                                  const struct request_head *head, struct header_list *fields,
                                  struct arena *arena);

#endif
