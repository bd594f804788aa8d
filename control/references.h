/* References: which backends a route names.
 *
 * Threads: any. */
#ifndef CONTROL_REFERENCES_H
#define CONTROL_REFERENCES_H

#include "proto/messages.h"

#include <stdbool.h>
#include <stddef.h>

enum { REFERENCE_FIELD_BYTES = 160 };

enum reference_use {
    REFERENCE_FORWARD,
    REFERENCE_MIRROR,       /* gets copies */
    REFERENCE_AUTHORIZATION /* is asked before */
};

struct reference {
    size_t rule;
    size_t backend_ref; /* SIZE_MAX: one of the rule's own filters */
    size_t filter;      /* where it is one of a filter */
    const char *group, *kind;
    uint32_t port;       /* 0: none given */
    const char *backend; /* the full name it means; NULL: a thing of this kind is no Backend */
    enum reference_use use;
    bool needs_http2; /* it is called by gRPC */
};

/* The reference is borrowed until it returns. */
typedef void reference_visit_fn(void *context, const struct reference *reference);

/* Backends of rules and of their filters, those in filters of a single backendRef too. A name may
 * come several times. */
void references_each(const RouteMessage *route, reference_visit_fn *visit, void *context);

/* Its path in the route, "rules[0].backend_refs[1]". */
void reference_field(const struct reference *reference, char field[REFERENCE_FIELD_BYTES]);

struct reference_list {
    char **names;
    size_t count;
};

/* The backends of references_each, and those that serve where these are not there. */
void references_collect(const RouteMessage *route, struct reference_list *list);
/* Copies. */
void reference_list_add(struct reference_list *list, const char *name);
void reference_list_clear(struct reference_list *list);

#endif
