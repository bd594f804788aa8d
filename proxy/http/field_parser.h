/* Field parser: the lines of a head or a trailer section, strictly.
 *
 * A line ends in CRLF and holds no control character but the tab. Each byte is looked at once
 * for that, however it arrives; a line is taken apart when it is complete. Positions are offsets,
 * so the buffer may move between calls.
 *
 * Threads: none shared. */
#ifndef PROXY_HTTP_FIELD_PARSER_H
#define PROXY_HTTP_FIELD_PARSER_H

#include "common/slice.h"
#include "proxy/http/refusal.h"

#include <stddef.h>

enum parse_result {
    PARSE_MORE, /* call again when there are more bytes */
    PARSE_DONE,
    PARSE_REFUSED,
};

struct field_parser {
    size_t line_start; /* the first byte of the line being read */
    size_t scanned;    /* up to here the line holds no control character */
    size_t limit;      /* lines must end within so many bytes of the start */
    enum refusal refusal;
};

void field_parser_init(struct field_parser *parser, size_t limit);

/* Takes the next line: DONE gives it without its CRLF. `at` is where the first line started and
 * holds `length` bytes. A line of more than `line_limit` bytes is refused as `too_long`, lines
 * that are too many bytes together as REFUSAL_HEAD_TOO_LARGE. */
enum parse_result field_parser_take_line(struct field_parser *parser, const char *at, size_t length,
                                         size_t line_limit, enum refusal too_long,
                                         struct slice *line);

/* Takes a field line apart (RFC 9112 section 5): the value comes without surrounding spaces. */
enum refusal field_parser_split(struct slice line, struct slice *name, struct slice *value);

#endif
