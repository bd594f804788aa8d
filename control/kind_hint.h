/* Kind hint: what may be meant by the name of an HTTPRoute that is not there.
 *
 * Threads: main. */
#ifndef CONTROL_KIND_HINT_H
#define CONTROL_KIND_HINT_H

#include "control/store.h"

#include <stdbool.h>

enum { KIND_HINT_BYTES = STORE_NAME_BYTES + 32 };

/* "; there is 'GRPCRoute/shop/api'", or "" when there is none of this name. */
void kind_hint(struct store *store, Pointsman__V1__ObjectKind kind, const char *id,
               char to[static KIND_HINT_BYTES]);

/* Adds it to the error when that is ERROR_NOT_FOUND, said of this object. */
void kind_hint_add(struct store *store, Pointsman__V1__ObjectKind kind, const char *id,
                   struct error *err);

#endif
