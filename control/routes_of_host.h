/* Routes of a host: the names of those that may serve it, without reading all there are.
 *
 * From the shadow index, so some of them may not be there any more, or serve other hosts by now.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTES_OF_HOST_H
#define CONTROL_ROUTES_OF_HOST_H

#include "common/slice.h"

#include <stdbool.h>
#include <stddef.h>

struct shadow_index;

/* Beyond it, it is as well to read them all. */
enum { ROUTES_OF_HOST_MAX = 500 };

struct routes_of_host {
    char *names[ROUTES_OF_HOST_MAX]; /* sorted, each once */
    size_t count;
};

/* `host` is in lower case, without port. False when they are too many, or the index does not know
 * all routes yet. To be cleared in any case. */
bool routes_of_host_find(struct routes_of_host *routes, const struct shadow_index *index,
                         struct slice host);
void routes_of_host_clear(struct routes_of_host *routes);

#endif
