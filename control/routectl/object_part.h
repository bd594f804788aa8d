/* Object part: one part of a route or backend by its name, in a few words.
 *
 * Threads: any. */
#ifndef CONTROL_ROUTECTL_OBJECT_PART_H
#define CONTROL_ROUTECTL_OBJECT_PART_H

#include "common/buffer.h"
#include "proto/messages.h"

/* Appends what stands in a field of the object, or in one item of it: "rules[2]" of a route is
 * "GET /users to users-v1:8080". Nothing when there is no such part. */
void append_object_part(struct buffer *to, const Pointsman__V1__Object *object, const char *field);

#endif
