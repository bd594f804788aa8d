#include "proxy/http/field_parser.h"

#include "common/character.h"

#include <endian.h>
#include <stdint.h>

void field_parser_init(struct field_parser *parser, size_t limit)
{
    *parser = (struct field_parser){.limit = limit};
}

/* The first byte from `at` to `end` that is a control character but not a tab, or `end`. Most of
 * a head is read by this, so it takes eight bytes at a time. */
static const char *find_control(const char *at, const char *end)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t highs = ones * 0x80;

    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        word = le64toh(word);
        uint64_t delete = word ^ (ones * 0x7f);
        /* Bytes below 0x20 and bytes equal to 0x7f get their high bit. A borrow may mark others
         * behind such a byte too, but the first mark is true. */
        uint64_t marks = (((word - ones * 0x20) & ~word) | ((delete - ones) & ~delete)) & highs;
        if (marks == 0) {
            at += 8;
            continue;
        }
        at += __builtin_ctzll(marks) / 8;
        if (*at != '\t')
            return at;
        at++;
    }
    while (at < end && (((unsigned char)*at >= 0x20 && *at != 0x7f) || *at == '\t'))
        at++;
    return at;
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
    const char *stop = find_control(at + parser->scanned, end);

    /* Limits come before what stands behind them, so that the answer does not depend on how much
     * has arrived. */
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
    const char *at = line.at;
    const char *end = line.at + line.length;

    while (at < end && character_is(*at, CHARACTER_TOKEN))
        at++;
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
