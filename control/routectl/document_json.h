/* Document JSON: JSON in the words of YAML, which lacks one of them.
 *
 * JSON writes a character beyond 16 bits as a pair of escapes, "\\uD83D\\uDE00"; YAML has one
 * escape for it. All else of JSON is YAML.
 *
 * Threads: any. */
#ifndef CONTROL_ROUTECTL_DOCUMENT_JSON_H
#define CONTROL_ROUTECTL_DOCUMENT_JSON_H

#include "common/buffer.h"

/* The text itself when it is no JSON or has no such pair, else one in `storage`, where everything
 * has kept its line and column. */
struct slice document_json_as_yaml(struct slice text, struct buffer *storage);

#endif
