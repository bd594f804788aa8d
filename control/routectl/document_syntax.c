#include "control/routectl/document_syntax.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* --- walking through a text ------------------------------------------------------------------- */

/* One of a text, or a line break of two. */
struct character {
    uint32_t code;
    size_t bytes;
};

static bool is_utf16(yaml_encoding_t encoding)
{
    return encoding == YAML_UTF16LE_ENCODING || encoding == YAML_UTF16BE_ENCODING;
}

static uint8_t byte_at(struct slice text, size_t index)
{
    return index < text.length ? (uint8_t)text.at[index] : 0;
}

/* Of a pair of surrogates the first alone, which tells it from all else. */
static struct character utf16_character(struct slice text, bool is_big_endian)
{
    uint32_t low = byte_at(text, is_big_endian ? 1 : 0);
    uint32_t high = byte_at(text, is_big_endian ? 0 : 1);
    uint32_t unit = high << 8 | low;
    bool is_pair = (unit & 0xfc00) == 0xd800;
    return (struct character){.code = unit, .bytes = is_pair ? 4 : 2};
}

/* Bytes that are no character count as one each. */
static struct character utf8_character(struct slice text)
{
    uint8_t first = byte_at(text, 0);
    size_t bytes = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 1;
    uint32_t code = bytes == 1 ? first : first & (0x7fU >> bytes);
    for (size_t i = 1; i < bytes; i++)
        code = code << 6 | (byte_at(text, i) & 0x3f);
    return (struct character){.code = code, .bytes = bytes};
}

/* The text is not empty. */
static struct character one_character(struct slice text, yaml_encoding_t encoding)
{
    return is_utf16(encoding) ? utf16_character(text, encoding == YAML_UTF16BE_ENCODING)
                              : utf8_character(text);
}

static struct slice behind(struct slice text, size_t bytes)
{
    return bytes < text.length ? slice_of(text.at + bytes, text.length - bytes) : SLICE("");
}

static struct character next_character(struct slice text, yaml_encoding_t encoding)
{
    struct character next = one_character(text, encoding);
    struct slice rest = behind(text, next.bytes);
    bool is_two =
        next.code == '\r' && rest.length > 0 && one_character(rest, encoding).code == '\n';
    next.bytes += is_two ? next.bytes : 0;
    return next;
}

/* As libyaml counts lines. */
static bool is_break(uint32_t code)
{
    return code == '\n' || code == '\r' || code == 0x85 || code == 0x2028 || code == 0x2029;
}

static size_t byte_order_mark(struct slice text, yaml_encoding_t encoding)
{
    if (is_utf16(encoding))
        return 2;
    return slice_has_prefix(text, SLICE("\xef\xbb\xbf")) ? 3 : 0;
}

/* Moves the mark, where `text` begins, over the first `bytes` of it. */
static void pass(struct slice text, yaml_encoding_t encoding, size_t bytes, yaml_mark_t *mark)
{
    struct slice rest = text;
    if (mark->line == 0 && mark->column == 0)
        rest = behind(text, byte_order_mark(text, encoding));
    while (rest.length > 0 && (size_t)(rest.at - text.at) < bytes) {
        struct character next = next_character(rest, encoding);
        mark->line += is_break(next.code);
        mark->column = is_break(next.code) ? 0 : mark->column + 1;
        rest = behind(rest, next.bytes);
    }
}

yaml_mark_t document_text_end(const struct document_text *text)
{
    yaml_mark_t mark = text->start;
    pass(text->bytes, YAML_UTF8_ENCODING, text->bytes.length, &mark);
    return mark;
}

/* --- problems --------------------------------------------------------------------------------- */

/* What a terse problem of libyaml's most often comes from. */
static const char *hint_of(const char *problem)
{
    static const struct {
        const char *problem, *hint;
    } hints[] = {
        {"found invalid Unicode character escape code",
         "; half of a surrogate pair is no character, and only JSON has pairs: write the character "
         "itself or \\U0001F600, at most \\U0010FFFF"},
        {"did not find expected key",
         "; keys of one mapping begin in the same column, and an item's '-' no further left than "
         "those of its list"},
        {"did not find expected '-' indicator", "; items of one list begin in the same column"},
        {"mapping values are not allowed in this context",
         "; keys of one mapping begin in the same column, and a text with ': ' needs quotes"},
        {"found character that cannot start any token",
         "; tabs do not indent, and a text that begins so needs quotes"},
    };
    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
        if (strcmp(problem, hints[i].problem) == 0)
            return hints[i].hint;
    }
    return "";
}

static void append_place(struct buffer *to, const char *file, const yaml_mark_t *mark)
{
    buffer_printf(to, "%s:%zu:%zu: ", file, mark->line + 1, mark->column + 1);
}

/* Bytes that are no characters, or characters that may not be. */
static void append_unreadable(struct buffer *to, const char *file, const struct document_text *text,
                              const yaml_parser_t *parser)
{
    yaml_mark_t mark = text->start;
    pass(text->bytes, parser->encoding, parser->problem_offset - text->offset, &mark);
    append_place(to, file, &mark);
    buffer_append_string(to, parser->problem);
    bool is_byte = strstr(parser->problem, "UTF-8") != NULL;
    if (parser->problem_value >= 0)
        buffer_printf(to, is_byte ? ": 0x%02X" : ": U+%04X", (unsigned)parser->problem_value);
    if (is_byte)
        buffer_append_string(to, "; documents are written in UTF-8");
}

static void append_problem(struct buffer *to, const char *file, const yaml_parser_t *parser)
{
    append_place(to, file, &parser->problem_mark);
    buffer_append_string(to, parser->problem);
    if (parser->context != NULL)
        buffer_printf(to, " (%s", parser->context);
    if (parser->context != NULL && parser->context_mark.line != parser->problem_mark.line)
        buffer_printf(to, ", which begins in line %zu", parser->context_mark.line + 1);
    if (parser->context != NULL)
        buffer_append_char(to, ')');
    buffer_append_string(to, hint_of(parser->problem));
}

void document_syntax_append(struct buffer *to, const char *file, const struct document_text *text,
                            const yaml_parser_t *parser)
{
    switch (parser->error) {
    case YAML_READER_ERROR:
        append_unreadable(to, file, text, parser);
        return;
    case YAML_COMPOSER_ERROR:
        append_place(to, file, &parser->problem_mark);
        buffer_printf(to, "the alias '*%s' names no anchor that stands before it in the document",
                      parser->context);
        return;
    case YAML_SCANNER_ERROR:
    case YAML_PARSER_ERROR:
        append_problem(to, file, parser);
        return;
    case YAML_MEMORY_ERROR:
    case YAML_NO_ERROR:
    case YAML_WRITER_ERROR:
    case YAML_EMITTER_ERROR:
        abort(); /* the only one of them that comes from reading is that there is no memory */
    }
}
