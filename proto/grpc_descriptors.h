/* gRPC descriptors: the .proto files as reflection serves them.
 *
 * Read from the FileDescriptorSet that protoc writes at build time and that is linked in; not
 * unpacked, for reflection needs only the names in a file and its bytes.
 *
 * Threads: any. */
#ifndef PROTO_GRPC_DESCRIPTORS_H
#define PROTO_GRPC_DESCRIPTORS_H

#include "common/slice.h"

#include <stdbool.h>
#include <stddef.h>

/* The serialized FileDescriptorProto of "pointsman/v1/route.proto". */
bool grpc_descriptors_find_file(struct slice name, struct slice *file);

/* The file that declares a message, enum, service or method of this full name. */
bool grpc_descriptors_find_symbol(struct slice symbol, struct slice *file);

#endif
