/* Routes of a host: the names of those that may serve it, without reading all there are.
 *
 * Gathered from the shadow index, which knows the head, and from whoever reads what has changed.
 * Some of them may not be there any more, or serve other hosts by now.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTES_OF_HOST_H
#define CONTROL_ROUTES_OF_HOST_H

#include "common/slice.h"

#include <stdbool.h>
#include <stddef.h>

struct shadow_index;

/* More than half as many routes are too many: it is as well to read them all. */
enum { ROUTES_OF_HOST_MAX = 10000 };

/* Zeroed: none. */
struct routes_of_host {
    char **names;
    size_t count;
    size_t capacity;
    bool is_too_many;
};

/* Adds those of the head. `host` is in lower case, without port. The index must be filled. */
void routes_of_host_find(struct routes_of_host *routes, const struct shadow_index *index,
                         struct slice host);
/* Copies. False when they are too many. */
bool routes_of_host_add(struct routes_of_host *routes, struct slice name);
/* Sorts the names, and leaves each once. */
void routes_of_host_sort(struct routes_of_host *routes);
void routes_of_host_clear(struct routes_of_host *routes);

#endif
