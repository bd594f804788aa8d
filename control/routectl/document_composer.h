/* Document composer: makes documents of libyaml's events.
 *
 * Unlike yaml_parser_load it lets an anchor be defined again: an alias stands for the last node
 * before it that has the anchor (YAML 1.2.2 section 3.2.2.2). Tags mean nothing here and are not
 * kept.
 *
 * Threads: any. */
#ifndef CONTROL_ROUTECTL_DOCUMENT_COMPOSER_H
#define CONTROL_ROUTECTL_DOCUMENT_COMPOSER_H

#include "common/arena.h"

#include <stdbool.h>

#include <yaml.h>

/* Reads the next document, which has no node when there is none; the caller deletes it. False, and
 * there is nothing to delete: parser->error says why. Of YAML_COMPOSER_ERROR, an alias without an
 * anchor, parser->context is the alias's name, which belongs to `arena`. */
bool document_compose(yaml_parser_t *parser, yaml_document_t *document, struct arena *arena);

#endif
