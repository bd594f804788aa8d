/* Shared names: changes as they were told before routes had ids (proto/route_id.h). Routes of both
 * kinds went by their names, and of one name there was one.
 *
 * Feed protocol 1 and the first journals of local copies have them so.
 *
 * Threads: any. */
#ifndef PROXY_SHARED_NAMES_H
#define PROXY_SHARED_NAMES_H

#include "common/slice.h"
#include "proto/messages.h"

#include <stdbool.h>

/* One object that has changed. */
typedef void object_change_fn(void *context, Pointsman__V1__ObjectKind kind, struct slice name,
                              bool deleted, struct slice bytes);

/* Tells a change by ids: what a route's name may have stood for before goes, then comes the change
 * itself. */
void shared_name_change(Pointsman__V1__ObjectKind kind, struct slice name, bool deleted,
                        struct slice bytes, object_change_fn *tell, void *context);

#endif
