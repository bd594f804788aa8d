/* Object diff: a route or backend before and after a change, as a unified diff of its documents.
 *
 * Threads: any. */
#ifndef CONTROL_ROUTECTL_OBJECT_DIFF_H
#define CONTROL_ROUTECTL_OBJECT_DIFF_H

#include "common/buffer.h"
#include "proto/messages.h"

#include <stdbool.h>

/* Appends the diff of a change that has its object before and after, whichever is not absent.
 * `origin` is where the new one is from; NULL: from its revision. */
void object_diff(struct buffer *to, const Pointsman__V1__Change *change, const char *origin,
                 bool has_colour);

#endif
