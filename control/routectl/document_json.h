/* Document JSON: JSON in the words of YAML, which lacks one of them, and back.
 *
 * JSON writes a character beyond 16 bits as a pair of escapes, "\\uD83D\\uDE00"; YAML has one
 * escape for it. All else of JSON is YAML.
 *
 * Threads: any. */
#ifndef CONTROL_ROUTECTL_DOCUMENT_JSON_H
#define CONTROL_ROUTECTL_DOCUMENT_JSON_H

#include "common/buffer.h"
#include "control/routectl/json_writer.h"

/* The text itself when it is no JSON or has no such pair, else one in `storage`, where everything
 * has kept its line and column. */
struct slice document_json_as_yaml(struct slice text, struct buffer *storage);

/* Takes the first value from `rest` when text of JSON holds several one after the other, which YAML
 * does not know, else all that is left. */
struct slice document_json_take(struct slice *rest);

/* Writes the document that `yaml` is, in the words of documents_write_*, as the next value. */
void document_json_write(struct json_writer *writer, struct slice yaml);

#endif
