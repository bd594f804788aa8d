/* JSON writer: messages by the JSON mapping of protobuf (lowerCamelCase names, 64-bit numbers as
 * strings, enums by name, durations as "1.500s"), indented, or on one line.
 *
 * Of routes and backends, fields that are not set are left out, so that one reads what was given.
 * Everything else shows all its fields, so that a script finds what it looks for; only a message
 * that is absent is left out always.
 *
 * Threads: none shared. */
#ifndef CONTROL_ROUTECTL_JSON_WRITER_H
#define CONTROL_ROUTECTL_JSON_WRITER_H

#include "common/buffer.h"
#include "proto/messages.h"

#include <stdbool.h>

struct json_writer {
    struct buffer text;
    unsigned depth;
    bool has_item;   /* something stands in the open object or list */
    bool is_compact; /* on one line; set before anything is written */
};

void json_writer_clear(struct json_writer *writer);

/* The outermost value, a member of the open object (which has a key), or an item of the open
 * list. */
void json_writer_begin_object(struct json_writer *writer, const char *key);
void json_writer_end_object(struct json_writer *writer);
void json_writer_begin_list(struct json_writer *writer, const char *key);
void json_writer_end_list(struct json_writer *writer);
void json_writer_message(struct json_writer *writer, const char *key,
                         const ProtobufCMessage *message);
void json_writer_bool(struct json_writer *writer, const char *key, bool value);
void json_writer_string(struct json_writer *writer, const char *key, const char *text);
/* What is JSON already: a number, or a word without quotes. */
void json_writer_literal(struct json_writer *writer, const char *key, const char *text);

/* A message that is part of a route or backend, as it stands in there: what is set of it. */
void json_writer_part(struct json_writer *writer, const ProtobufCMessage *part);

/* Appends UTF-8 in double quotes, so that it is the same text to readers of JSON and of YAML. */
void json_append_text(struct buffer *to, const char *text);

/* The fields of a message as members of the open object. */
void json_writer_message_fields(struct json_writer *writer, const ProtobufCMessage *message);

#endif
