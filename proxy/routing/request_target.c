#include "proxy/routing/request_target.h"

#include "common/character.h"
#include "proxy/routing/header_name.h"

#include <arpa/inet.h>

static const char *const reasons[] = {
    [TARGET_FINE] = "",
    [TARGET_FORM] = "the path does not start with '/'",
    [TARGET_CHARACTER] = "a character may not stand in a path or query unescaped",
    [TARGET_ESCAPE] = "a '%' in the path is not followed by two hexadecimal digits",
    [TARGET_NUL] = "the path or query has an escaped NUL",
    [TARGET_OVERLONG] = "the path has a character that is escaped in more bytes than it needs",
    [TARGET_DOT_SEGMENT] = "the path has a segment '.' or '..'",
};

const char *target_problem_reason(enum target_problem problem)
{
    return reasons[problem];
}

enum method_problem request_target_check_method(struct slice method)
{
    if (!header_name_is_token(method))
        return METHOD_NO_TOKEN;

    /* Methods are case-sensitive, but not every server behind us knows. */
    bool is_refused = slice_equals_ignoring_case(method, SLICE("CONNECT")) ||
                      slice_equals_ignoring_case(method, SLICE("TRACE"));
    return is_refused ? METHOD_NOT_ALLOWED : METHOD_FINE;
}

/* --- path ----------------------------------------------------------------------------------- */

static char upper_case_hex(char digit)
{
    return digit >= 'a' ? (char)(digit - 'a' + 'A') : digit;
}

/* Decodes escapes of unreserved characters and writes the others in upper case (RFC 3986 section
 * 6.2.2). Sets *length to what is left. */
static enum target_problem normalize_escapes(char *path, size_t *length)
{
    const char *from = path;
    const char *end = path + *length;
    char *to = path;

    while (from < end) {
        if (*from != '%') {
            *to++ = *from++;
            continue;
        }
        int byte = end - from < 3 ? -1 : character_hex_byte(from + 1);
        if (byte < 0)
            return TARGET_ESCAPE;
        if (byte == 0)
            return TARGET_NUL;
        if (character_is((char)byte, CHARACTER_UNRESERVED)) {
            *to++ = (char)byte;
        } else {
            *to++ = '%';
            *to++ = upper_case_hex(from[1]);
            *to++ = upper_case_hex(from[2]);
        }
        from += 3;
    }
    *length = (size_t)(to - path);
    return TARGET_FINE;
}

/* How long a separator stands at `at`, in a canonical path: '/', or an escaped '/' or '\', which
 * many servers decode before they resolve dot segments. 0: none. */
static size_t separator_length(const char *at, const char *end)
{
    if (*at == '/')
        return 1;
    if (*at == '%' && end - at >= 3 && (memcmp(at, "%2F", 3) == 0 || memcmp(at, "%5C", 3) == 0))
        return 3;
    return 0;
}

/* A segment is what stands between separators, up to a ';', escaped or not: some servers cut
 * parameters off before they resolve dots. */
static bool has_dot_segment(const char *path, size_t length)
{
    const char *end = path + length;
    const char *at = path;

    while (at < end) {
        size_t separator = separator_length(at, end);
        if (separator == 0) {
            at++;
            continue;
        }
        at += separator;

        const char *dots = at;
        while (dots < end && dots - at < 3 && *dots == '.')
            dots++;
        if (dots == at || dots - at > 2)
            continue;
        if (dots == end || *dots == ';' || separator_length(dots, end) > 0 ||
            (end - dots >= 3 && memcmp(dots, "%3B", 3) == 0))
            return true;
    }
    return false;
}

/* A '.', '/' or anything else in more bytes of UTF-8 than it needs, in a canonical path: what is
 * no dot to us would be one to a lenient decoder. */
static bool has_overlong_character(const char *path, size_t length)
{
    const char *end = path + length;
    const char *at = path;

    while (end - at >= 6 && (at = memchr(at, '%', (size_t)(end - at - 5))) != NULL) {
        bool is_followed = at[3] == '%';
        bool is_ascii = memcmp(at, "%C0", 3) == 0 || memcmp(at, "%C1", 3) == 0;
        bool is_short = memcmp(at, "%E0", 3) == 0 && (at[4] == '8' || at[4] == '9');
        bool is_plane_0 = memcmp(at, "%F0", 3) == 0 && at[4] == '8';
        bool continues = memchr("89AB", at[4], 4) != NULL;
        if (is_followed && continues && (is_ascii || is_short || is_plane_0))
            return true;
        at += 3;
    }
    return false;
}

enum target_problem request_target_check_query(struct slice query)
{
    for (size_t i = 0; i < query.length; i++) {
        if (!character_is(query.at[i], CHARACTER_TARGET))
            return TARGET_CHARACTER;
        if (query.at[i] == '%' && query.length - i >= 3 && memcmp(query.at + i, "%00", 3) == 0)
            return TARGET_NUL;
    }
    return TARGET_FINE;
}

/* Most paths hold no escape and no dot where a segment starts: one look at each byte is enough. */
enum target_problem request_target_read(char *target, size_t length, struct request_head *head)
{
    if (length == 1 && target[0] == '*' && slice_equals(head->method, SLICE("OPTIONS"))) {
        head->path = slice_of(target, 1);
        return TARGET_FINE;
    }
    if (length == 0 || target[0] != '/')
        return TARGET_FORM;

    bool has_escape = false;
    bool has_dot = false;
    size_t at = 1;
    for (; at < length && target[at] != '?'; at++) {
        if (character_is(target[at], CHARACTER_PATH))
            continue;
        if (target[at] == '%')
            has_escape = true;
        else if (target[at] == '.')
            has_dot = has_dot || target[at - 1] == '/';
        else
            return TARGET_CHARACTER;
    }

    size_t path_length = at;
    head->has_query = at < length;
    if (head->has_query) {
        head->query = slice_of(target + at + 1, length - at - 1);
        enum target_problem problem = request_target_check_query(head->query);
        if (problem != TARGET_FINE)
            return problem;
    }
    if (has_escape) {
        enum target_problem problem = normalize_escapes(target, &path_length);
        if (problem != TARGET_FINE)
            return problem;
        if (has_overlong_character(target, path_length))
            return TARGET_OVERLONG;
    }
    if ((has_escape || has_dot) && has_dot_segment(target, path_length))
        return TARGET_DOT_SEGMENT;
    head->path = slice_of(target, path_length);
    return TARGET_FINE;
}

/* --- authority ------------------------------------------------------------------------------ */

/* `text` is what stands behind the host: nothing, or ':' and a port. Without zeros in front, which
 * make a number octal to some. */
static bool is_port(struct slice text)
{
    if (text.length == 0)
        return true;
    if (text.at[0] != ':' || text.length < 2 || text.length > 6 || text.at[1] == '0')
        return false;

    unsigned port = 0;
    for (size_t i = 1; i < text.length; i++) {
        if (!character_is(text.at[i], CHARACTER_DIGIT))
            return false;
        port = port * 10 + (unsigned)(text.at[i] - '0');
    }
    return port <= UINT16_MAX;
}

static bool is_ipv6_literal(struct slice text)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr parsed;

    if (text.length < 2 || text.length - 2 >= sizeof(address) || text.at[text.length - 1] != ']')
        return false;
    memcpy(address, text.at + 1, text.length - 2);
    address[text.length - 2] = '\0';
    return inet_pton(AF_INET6, address, &parsed) == 1;
}

/* Labels of letters, digits, '-' and '_', none of them empty; a dot at the end is allowed. IPv4
 * addresses have the same form. */
static bool is_name(struct slice text)
{
    char before = '.';
    for (size_t i = 0; i < text.length; i++) {
        if (!character_is(text.at[i], CHARACTER_HOST) || (text.at[i] == '.' && before == '.'))
            return false;
        before = text.at[i];
    }
    return text.length > 0;
}

bool request_target_read_authority(struct slice authority, char area[REQUEST_HOST_BYTES],
                                   struct slice *host)
{
    struct slice name = authority;
    bool is_literal = authority.length > 0 && authority.at[0] == '[';

    const char *end = authority.length == 0 ? NULL
                      : is_literal          ? memchr(authority.at, ']', authority.length)
                                            : memchr(authority.at, ':', authority.length);
    if (end != NULL)
        name.length = (size_t)(end - authority.at) + (is_literal ? 1 : 0);
    if (is_literal ? !is_ipv6_literal(name) : !is_name(name))
        return false;
    if (!is_port(slice_of(name.at + name.length, authority.length - name.length)))
        return false;

    if (name.at[name.length - 1] == '.')
        name.length--;
    if (name.length > REQUEST_HOST_BYTES)
        return false;
    for (size_t i = 0; i < name.length; i++)
        area[i] = ascii_lower(name.at[i]);
    *host = slice_of(area, name.length);
    return true;
}
