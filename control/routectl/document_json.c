#include "control/routectl/document_json.h"

#include <inttypes.h>
#include <string.h>

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
