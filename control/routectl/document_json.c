#include "control/routectl/document_json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

enum { ESCAPE_BYTES = 6, PAIR_BYTES = 2 * ESCAPE_BYTES };

static bool is_json(struct slice text)
{
    static const struct slice byte_order_mark = SLICE("\xef\xbb\xbf");
    size_t at = slice_has_prefix(text, byte_order_mark) ? byte_order_mark.length : 0;
    while (at < text.length && strchr(" \t\r\n", text.at[at]) != NULL)
        at++;
    return at < text.length && (text.at[at] == '{' || text.at[at] == '[');
}

/* The number of "\\uD83D", or 0. */
static uint32_t read_escape(const char *at)
{
    uint32_t number = 0;
    if (at[0] != '\\' || at[1] != 'u')
        return 0;
    for (size_t i = 2; i < ESCAPE_BYTES; i++) {
        char digit = ascii_lower(at[i]);
        if (digit >= '0' && digit <= '9')
            number = number * 16 + (uint32_t)(digit - '0');
        else if (digit >= 'a' && digit <= 'f')
            number = number * 16 + (uint32_t)(digit - 'a' + 10);
        else
            return 0;
    }
    return number;
}

/* The character of the pair that begins at `at`, or 0. */
static uint32_t read_pair(const char *at, const char *end)
{
    if (end - at < PAIR_BYTES)
        return 0;
    uint32_t high = read_escape(at);
    uint32_t low = read_escape(at + ESCAPE_BYTES);
    if (high < 0xd800 || high > 0xdbff || low < 0xdc00 || low > 0xdfff)
        return 0;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* Copies what stands between quotes, from behind the first on; returns what follows the second. A
 * pair is two bytes longer than what it becomes: as many blanks stand behind the string. */
static const char *copy_string(const char *at, const char *end, struct buffer *to)
{
    size_t blanks = 0;
    while (at < end && *at != '"') {
        uint32_t character = read_pair(at, end);
        size_t taken = *at == '\\' && end - at > 1 ? 2 : 1;
        if (character != 0) {
            buffer_printf(to, "\\U%08" PRIX32, character);
            at += PAIR_BYTES;
            blanks += 2;
            continue;
        }
        buffer_append(to, at, taken);
        at += taken;
    }
    if (at < end)
        buffer_append_char(to, *at++);
    buffer_printf(to, "%*s", (int)blanks, "");
    return at;
}

struct slice document_json_as_yaml(struct slice text, struct buffer *storage)
{
    if (text.length == 0 || !is_json(text) || memmem(text.at, text.length, "\\u", 2) == NULL)
        return text;
    const char *end = text.at + text.length;
    for (const char *at = text.at; at < end;) {
        buffer_append_char(storage, *at);
        at = *at == '"' ? copy_string(at + 1, end, storage) : at + 1;
    }
    return buffer_slice(storage);
}

/* --- several -------------------------------------------------------------------------------- */

static const char *skip_string(const char *at, const char *end)
{
    while (at < end && *at != '"')
        at += *at == '\\' && end - at > 1 ? 2 : 1;
    return at < end ? at + 1 : end;
}

/* The end of the value that begins at `at`, or NULL when it is not whole or no JSON. */
static const char *end_of_value(const char *at, const char *end)
{
    size_t depth = 0;
    while (at < end) {
        char c = *at++;
        if (c == '\'' || c == '#')
            return NULL;
        if (c == '"')
            at = skip_string(at, end);
        else if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            return at;
    }
    return NULL;
}

struct slice document_json_take(struct slice *rest)
{
    struct slice all = *rest;
    *rest = (struct slice){0};
    if (!is_json(all))
        return all;
    const char *end = all.at + all.length;
    const char *next = end_of_value(all.at, end);
    while (next != NULL && next < end && strchr(" \t\r\n", *next) != NULL)
        next++;
    if (next == NULL || next == end || (*next != '{' && *next != '['))
        return all;
    *rest = (struct slice){next, (size_t)(end - next)};
    return (struct slice){all.at, (size_t)(next - all.at)};
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Numbers and truth stand without quotes; a text that stands so begins with none of their digits
 * and is none of their words. */
static bool is_literal(const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;
    return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (strspn(text, "0123456789") == node->data.scalar.length || strcmp(text, "true") == 0 ||
            strcmp(text, "false") == 0);
}

static void write_node(struct json_writer *writer, yaml_document_t *yaml, const char *key,
                       const yaml_node_t *node);

static void write_mapping(struct json_writer *writer, yaml_document_t *yaml, const char *key,
                          const yaml_node_t *node)
{
    const yaml_node_pair_t *end = node->data.mapping.pairs.top;
    json_writer_begin_object(writer, key);
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < end; pair++) {
        const yaml_node_t *name = yaml_document_get_node(yaml, pair->key);
        write_node(writer, yaml, (const char *)name->data.scalar.value,
                   yaml_document_get_node(yaml, pair->value));
    }
    json_writer_end_object(writer);
}

static void write_sequence(struct json_writer *writer, yaml_document_t *yaml, const char *key,
                           const yaml_node_t *node)
{
    const yaml_node_item_t *end = node->data.sequence.items.top;
    json_writer_begin_list(writer, key);
    for (const yaml_node_item_t *item = node->data.sequence.items.start; item < end; item++)
        write_node(writer, yaml, NULL, yaml_document_get_node(yaml, *item));
    json_writer_end_list(writer);
}

static void write_node(struct json_writer *writer, yaml_document_t *yaml, const char *key,
                       const yaml_node_t *node)
{
    switch (node->type) {
    case YAML_MAPPING_NODE:
        write_mapping(writer, yaml, key, node);
        return;
    case YAML_SEQUENCE_NODE:
        write_sequence(writer, yaml, key, node);
        return;
    case YAML_SCALAR_NODE:
        if (is_literal(node))
            json_writer_literal(writer, key, (const char *)node->data.scalar.value);
        else
            json_writer_string(writer, key, (const char *)node->data.scalar.value);
        return;
    case YAML_NO_NODE:
        return;
    }
}

void document_json_write(struct json_writer *writer, struct slice yaml)
{
    yaml_parser_t parser;
    yaml_document_t document;
    if (yaml_parser_initialize(&parser) == 0)
        abort();
    yaml_parser_set_input_string(&parser, (const unsigned char *)yaml.at, yaml.length);
    if (yaml_parser_load(&parser, &document) == 0)
        abort(); /* it is our own writing, or there is no memory left */
    write_node(writer, &document, NULL, yaml_document_get_root_node(&document));
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
}
