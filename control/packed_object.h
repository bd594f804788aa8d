/* Packed object: what can be said of a Route or Backend without unpacking it.
 *
 * Bytes that are no message have no fields from there on.
 *
 * Threads: any. */
#ifndef CONTROL_PACKED_OBJECT_H
#define CONTROL_PACKED_OBJECT_H

#include "common/slice.h"
#include "proto/messages.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct packed_field {
    uint64_t number;
    uint64_t value;       /* of a varint; else 0 */
    struct slice content; /* of a length-delimited one; else empty */
    struct slice whole;   /* with its tag */
};

/* Takes the first field off `rest`. False at the end, and when what follows is none; `rest` then
 * has what is left. */
bool packed_field_take(struct slice *rest, struct packed_field *field);

/* Are they the same but for the revision they carry? */
bool packed_object_equals(struct slice a, struct slice b);

/* Does it have every one of these labels? */
bool packed_object_has_labels(struct slice bytes, LabelMessage *const *labels, size_t count);

#endif
