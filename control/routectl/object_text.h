/* Object text: parts of routes and backends in a few words, for tables.
 *
 * Threads: none shared. */
#ifndef CONTROL_ROUTECTL_OBJECT_TEXT_H
#define CONTROL_ROUTECTL_OBJECT_TEXT_H

#include "common/buffer.h"
#include "proto/messages.h"

#include <stddef.h>

/* "route" or "backend". */
const char *object_kind_word(Pointsman__V1__ObjectKind kind);

/* "a=b,c=d" */
void append_labels(struct buffer *to, LabelMessage *const *labels, size_t count);

/* "GET /users version=two ?beta=1". A prefix has a star behind its last slash, a regular
 * expression begins with '~'. */
void append_match(struct buffer *to, const RouteMatchMessage *match);

/* All of a rule's, separated by ", ". */
void append_matches(struct buffer *to, const RouteRuleMessage *rule);

/* "set x=y", "redirect 301 https://...", one for each thing it does, separated by ", ". */
void append_filter(struct buffer *to, const FilterMessage *filter);

/* Where a rule's requests go: its redirect, its backends, or "500". */
void append_targets(struct buffer *to, const RouteRuleMessage *rule);

/* "http://10.0.0.1:9000@2" as --to takes it; `backend`, whose endpoint it is, may be NULL. */
void append_endpoint(struct buffer *to, const EndpointMessage *endpoint,
                     const BackendMessage *backend);

/* "LeastRequest" */
const char *policy_name(const BackendMessage *backend);

#endif
