#include "proxy/http/field_parser.h"

#include "common/character.h"

void field_parser_init(struct field_parser *parser, size_t limit)
{
    *parser = (struct field_parser){.limit = limit};
}

static enum parse_result refuse(struct field_parser *parser, enum refusal refusal)
{
    parser->refusal = refusal;
    return PARSE_REFUSED;
}

enum parse_result field_parser_take_line(struct field_parser *parser, const char *at, size_t length,
                                         size_t line_limit, enum refusal too_long,
                                         struct slice *line)
{
    const char *end = at + length;
    size_t fresh = length - parser->scanned;
    const char *stop = at + parser->scanned + character_text_span(at + parser->scanned, fresh);

    /* A limit that is passed is found before anything behind it, so that the answer does not depend
     * on how much has arrived. */
    size_t position = (size_t)(stop - at);
    parser->scanned = position;
    if (position - parser->line_start > line_limit)
        return refuse(parser, too_long);
    if (position + 2 > parser->limit)
        return refuse(parser, REFUSAL_HEAD_TOO_LARGE);
    if (stop == end)
        return PARSE_MORE;

    if (*stop == '\n')
        return refuse(parser, REFUSAL_BARE_LF);
    if (*stop != '\r')
        return refuse(parser, REFUSAL_CONTROL_CHARACTER);
    if (stop + 1 == end)
        return PARSE_MORE;
    if (stop[1] != '\n')
        return refuse(parser, REFUSAL_BARE_CR);

    *line = slice_of(at + parser->line_start, position - parser->line_start);
    parser->line_start = position + 2;
    parser->scanned = position + 2;
    return PARSE_DONE;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

enum refusal field_parser_split(struct slice line, struct slice *name, struct slice *value)
{
    const char *end = line.at + line.length;
    const char *at = line.at + character_token_span(line.at, line.length);
    if (at == line.at || at == end || *at != ':')
        return is_space(*line.at) ? REFUSAL_FOLDED_FIELD : REFUSAL_FIELD_NAME;
    *name = slice_of(line.at, (size_t)(at - line.at));

    at++;
    while (at < end && is_space(*at))
        at++;
    while (end > at && is_space(end[-1]))
        end--;
    *value = slice_of(at, (size_t)(end - at));
    return REFUSAL_NONE;
}
