#include "proxy/routing/path_value.h"

#include "common/character.h"
#include "common/hex.h"

#include <stdbool.h>
#include <stdint.h>

/* The byte that the three characters of an escape stand for, or -1. */
static int escaped_byte(struct slice value, size_t at)
{
    return value.length - at < 3 ? -1 : character_hex_byte(value.at + at + 1);
}

static const char *character_problem(struct slice value)
{
    for (size_t i = 0; i < value.length; i++) {
        char c = value.at[i];
        if (c == '#')
            return "must not contain '#'";
        if (c == '%') {
            int byte = escaped_byte(value, i);
            if (byte < 0)
                return "must not contain '%' but as an escape, e.g. %20";
            if (byte == '/')
                return "must not contain an escaped '/' (%2f)";
            if (byte == 0)
                return "must not contain %00";
            i += 2;
        } else if (!character_is(c, CHARACTER_UNRESERVED) &&
                   (c == '\0' || strchr("/!$&'()*+,;=:@", c) == NULL)) {
            return "must have only characters of a path; escape others, e.g. %20";
        }
    }
    return NULL;
}

/* "." and ".." as segments, also when their dots are escaped. */
static bool has_dot_segment(struct slice value)
{
    size_t dots = 0;
    bool only_dots = true;
    for (size_t i = 0; i <= value.length; i++) {
        if (i == value.length || value.at[i] == '/') {
            if (only_dots && (dots == 1 || dots == 2))
                return true;
            dots = 0;
            only_dots = true;
        } else if (value.at[i] == '.') {
            dots++;
        } else if (value.at[i] == '%' && escaped_byte(value, i) == '.') {
            dots++;
            i += 2;
        } else {
            only_dots = false;
        }
    }
    return false;
}

const char *path_value_problem(struct slice value)
{
    if (value.length == 0 || value.at[0] != '/')
        return "must start with '/'";
    for (size_t i = 1; i < value.length; i++) {
        if (value.at[i] == '/' && value.at[i - 1] == '/')
            return "must not contain '//'";
    }
    if (has_dot_segment(value))
        return "must not contain '/./' or '/../', nor end so";
    return character_problem(value);
}

size_t path_value_canonicalize(struct slice value, char *to)
{
    size_t length = 0;
    for (size_t i = 0; i < value.length; i++) {
        int byte = value.at[i] == '%' ? escaped_byte(value, i) : -1;
        if (byte < 0) {
            to[length++] = value.at[i];
            continue;
        }
        if (character_is((char)byte, CHARACTER_UNRESERVED)) {
            to[length++] = (char)byte;
        } else {
            hex_write_escape(to + length, (unsigned char)byte);
            length += PERCENT_ESCAPE_BYTES;
        }
        i += 2;
    }
    return length;
}

struct slice path_value_prefix(struct slice value)
{
    if (value.length > 0 && value.at[value.length - 1] == '/')
        value.length--;
    return value;
}

struct slice path_grpc_method(struct slice path)
{
    static const struct slice none = SLICE("");
    if (path.length < 4 || path.at[0] != '/')
        return none;
    const char *end = path.at + path.length;
    const char *slash = memchr(path.at + 1, '/', path.length - 1);
    if (slash == NULL || slash == path.at + 1)
        return none;
    struct slice method = slice_of(slash + 1, (size_t)(end - slash) - 1);
    bool is_last = method.length > 0 && memchr(method.at, '/', method.length) == NULL;
    return is_last ? method : none;
}
