/* Document names: how the fields and enums of messages are called in documents.
 *
 * The messages mirror the Gateway API field for field, so names follow by rule: "backend_refs" is
 * "backendRefs", PATH_MATCH_TYPE_PATH_PREFIX is "PathPrefix". The few that do not are listed here.
 *
 * Threads: any. */
#ifndef CONTROL_ROUTECTL_DOCUMENT_NAMES_H
#define CONTROL_ROUTECTL_DOCUMENT_NAMES_H

#include "proto/messages.h"

#include <stdbool.h>

enum { DOCUMENT_NAME_BYTES = 64 };

/* Writes the key of a field. Returns `to`. */
const char *document_key(const ProtobufCMessageDescriptor *descriptor,
                         const ProtobufCFieldDescriptor *field,
                         char to[static DOCUMENT_NAME_BYTES]);

/* The field with this key; NULL when there is none. */
const ProtobufCFieldDescriptor *document_find_field(const ProtobufCMessageDescriptor *descriptor,
                                                    const char *key);

/* Of a route or a backend: does the field stand elsewhere than in "spec", in "metadata" or with the
 * daemon? */
bool document_is_outside_spec(const ProtobufCMessageDescriptor *descriptor,
                              const ProtobufCFieldDescriptor *field);

/* The annotation in "metadata" that is a route's created_order. */
#define DOCUMENT_CREATED_ORDER "pointsman/created-order"

/* Must it be given, also where it is zero? */
bool document_is_required(const ProtobufCMessageDescriptor *descriptor,
                          const ProtobufCFieldDescriptor *field);

/* Writes the name of an enum's value; "" for the unspecified one. Returns `to`. */
const char *document_enum_name(const ProtobufCEnumDescriptor *descriptor,
                               const ProtobufCEnumValue *value,
                               char to[static DOCUMENT_NAME_BYTES]);

/* The value of this name; NULL when there is none. */
const ProtobufCEnumValue *document_find_enum(const ProtobufCEnumDescriptor *descriptor,
                                             const char *name);

/* Filters and path changes say with "type" which one of their other keys they hold: "URLRewrite"
 * for urlRewrite. */
bool document_has_type(const ProtobufCMessageDescriptor *descriptor);
const char *document_type_name(const ProtobufCFieldDescriptor *field,
                               char to[static DOCUMENT_NAME_BYTES]);

#endif
