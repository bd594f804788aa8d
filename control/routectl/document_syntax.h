/* Document syntax: where in a text libyaml has stopped, and why, for whoever wrote it.
 *
 * libyaml gives most of its problems a mark, but bytes that are no characters an offset alone.
 *
 * Threads: any. */
#ifndef CONTROL_ROUTECTL_DOCUMENT_SYNTAX_H
#define CONTROL_ROUTECTL_DOCUMENT_SYNTAX_H

#include "common/buffer.h"

#include <stddef.h>

#include <yaml.h>

/* A text, or a part of one, and where in the file it begins. */
struct document_text {
    struct slice bytes;
    yaml_mark_t start; /* line and column, from 0; a column is a character */
    size_t offset;     /* in bytes */
};

/* Where it ends. */
yaml_mark_t document_text_end(const struct document_text *text);

/* Appends the problem that the parser, or document_compose with it, has with the text it was given,
 * with the place in front: "FILE:LINE:COLUMN: ". */
void document_syntax_append(struct buffer *to, const char *file, const struct document_text *text,
                            const yaml_parser_t *parser);

#endif
