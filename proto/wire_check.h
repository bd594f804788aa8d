/* Wire check: is this a well-formed message of that type? Asked before protobuf-c sees it.
 *
 * protobuf-c cuts strings at an embedded NUL, takes any bytes for UTF-8, keeps unknown fields and
 * merges what is given twice. Once unpacked that cannot be seen any more, so the bytes themselves
 * are walked, guided by the descriptors.
 *
 * Threads: any. */
#ifndef PROTO_WIRE_CHECK_H
#define PROTO_WIRE_CHECK_H

#include "common/error.h"
#include "common/slice.h"

#include <protobuf-c/protobuf-c.h>

/* More than any message of ours has, nested in each other or in one. A test holds them to it. */
enum { WIRE_CHECK_DEPTH = 16, WIRE_CHECK_FIELDS = 64 };

/* At every depth: tags, wire types and lengths are right; strings are UTF-8 without NUL; a
 * singular field is there at most once, and at most one of a oneof; and, when `refuse_unknown`, no
 * field is unknown. The error starts with the field's path,
 * "mutations[3].put_route.rules[0].name: ...". */
bool wire_check(const ProtobufCMessageDescriptor *descriptor, struct slice bytes,
                bool refuse_unknown, struct error *err);

#endif
