/* References: which backends a route names.
 *
 * Threads: any. */
#ifndef CONTROL_REFERENCES_H
#define CONTROL_REFERENCES_H

#include "proto/messages.h"

#include <stddef.h>

/* `field` is the path of the reference's name in the route, `backend` the full name it means.
 * Borrowed until it returns. */
typedef void reference_visit_fn(void *context, const char *field, const char *backend);

/* Backends of rules and of mirrors, those in filters of a single backendRef too. A name may come
 * several times. */
void references_each(const RouteMessage *route, reference_visit_fn *visit, void *context);

struct reference_list {
    char **names;
    size_t count;
};

/* The names of references_each. */
void references_collect(const RouteMessage *route, struct reference_list *list);
void reference_list_clear(struct reference_list *list);

#endif
