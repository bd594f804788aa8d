#include "control/routectl/document_composer.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Nodes are known by the numbers that libyaml gives them, from 1. */

struct anchor {
    const char *name;
    int node;
};

/* A sequence or mapping whose end has not come. */
struct open_node {
    struct open_node *outer;
    int node;
    int key; /* of a mapping, when its value comes next; otherwise 0 */
};

struct composer {
    yaml_parser_t *parser;
    yaml_document_t *document;
    struct arena *arena;
    struct anchor *anchors;
    size_t anchor_count;
    struct open_node *open; /* the innermost */
};

/* The only thing that libyaml's functions for documents fail for is memory. */
static void check(int result)
{
    if (result == 0)
        abort();
}

/* Puts a node into the one that is open. */
static void place(struct composer *composer, int node)
{
    struct open_node *open = composer->open;
    if (open == NULL)
        return;
    const yaml_node_t *parent = yaml_document_get_node(composer->document, open->node);
    if (parent->type == YAML_SEQUENCE_NODE) {
        check(yaml_document_append_sequence_item(composer->document, open->node, node));
    } else if (open->key == 0) {
        open->key = node;
    } else {
        check(yaml_document_append_mapping_pair(composer->document, open->node, open->key, node));
        open->key = 0;
    }
}

/* A node that has come to be. */
static void add(struct composer *composer, int number, const yaml_char_t *anchor,
                const yaml_event_t *event)
{
    check(number);
    yaml_node_t *node = yaml_document_get_node(composer->document, number);
    node->start_mark = event->start_mark;
    if (anchor != NULL) {
        const char *name = arena_printf(composer->arena, "%s", (const char *)anchor);
        const struct anchor named = {.name = name, .node = number};
        ARENA_APPEND(composer->arena, composer->anchors, composer->anchor_count, named);
    }
    place(composer, number);
    if (node->type != YAML_SCALAR_NODE) {
        struct open_node *open = arena_allocate(composer->arena, sizeof(*open));
        open->outer = composer->open;
        open->node = number;
        composer->open = open;
    }
}

static bool follow(struct composer *composer, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    size_t i = composer->anchor_count;
    while (i > 0 && strcmp(composer->anchors[i - 1].name, name) != 0)
        i--;
    if (i > 0) {
        place(composer, composer->anchors[i - 1].node);
        return true;
    }
    composer->parser->error = YAML_COMPOSER_ERROR;
    composer->parser->context = arena_printf(composer->arena, "%s", name);
    composer->parser->problem_mark = event->start_mark;
    return false;
}

/* False at the end of the document, or when there is an error. */
static bool take(struct composer *composer, const yaml_event_t *event)
{
    yaml_document_t *document = composer->document;
    switch (event->type) {
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_START_EVENT:
        return true;
    case YAML_ALIAS_EVENT:
        return follow(composer, event);
    case YAML_SCALAR_EVENT:
        add(composer,
            yaml_document_add_scalar(document, NULL, event->data.scalar.value,
                                     (int)event->data.scalar.length, event->data.scalar.style),
            event->data.scalar.anchor, event);
        return true;
    case YAML_SEQUENCE_START_EVENT:
        add(composer, yaml_document_add_sequence(document, NULL, event->data.sequence_start.style),
            event->data.sequence_start.anchor, event);
        return true;
    case YAML_MAPPING_START_EVENT:
        add(composer, yaml_document_add_mapping(document, NULL, event->data.mapping_start.style),
            event->data.mapping_start.anchor, event);
        return true;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        composer->open = composer->open->outer;
        return true;
    case YAML_DOCUMENT_END_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_NO_EVENT:
        break;
    }
    return false;
}

bool document_compose(yaml_parser_t *parser, yaml_document_t *document, struct arena *arena)
{
    struct composer composer = {.parser = parser, .document = document, .arena = arena};
    check(yaml_document_initialize(document, NULL, NULL, NULL, 0, 0));
    bool goes_on;
    do {
        yaml_event_t event;
        goes_on = yaml_parser_parse(parser, &event) != 0 && take(&composer, &event);
        yaml_event_delete(&event);
    } while (goes_on);
    if (parser->error != YAML_NO_ERROR)
        yaml_document_delete(document);
    return parser->error == YAML_NO_ERROR;
}
