#include "proxy/routing/cors.h"

#include "proxy/routing/filter_apply.h"

#include <string.h>

/* --- origins -------------------------------------------------------------------------------- */

/* scheme://host[:port] (RFC 6454 section 6.2); the host is empty in what is not of this form, as
 * "null" is not. */
struct origin {
    struct slice scheme;
    struct slice host;
    struct slice port; /* the scheme's own when none is given */
};

static struct slice default_port(struct slice scheme)
{
    if (slice_equals_ignoring_case(scheme, SLICE("http")))
        return SLICE("80");
    if (slice_equals_ignoring_case(scheme, SLICE("https")))
        return SLICE("443");
    return SLICE("");
}

/* What ends a host in a URL, or stands in front of one: behind it, anything could be written. */
static bool has_more_than_host(struct slice authority)
{
    for (size_t i = 0; i < authority.length; i++) {
        if (memchr("/?#@\\ ,", authority.at[i], 7) != NULL)
            return true;
    }
    return false;
}

static struct origin parse_origin(struct slice text)
{
    struct origin origin = {0};
    const char *separator = memmem(text.at, text.length, "://", 3);
    if (separator == NULL)
        return origin;
    origin.scheme = slice_of(text.at, (size_t)(separator - text.at));
    const char *end = text.at + text.length;
    const char *host = separator + 3;
    if (has_more_than_host(slice_of(host, (size_t)(end - host))))
        return origin;

    /* The colons of an IPv6 address stand in brackets. */
    const char *host_end = memrchr(host, ']', (size_t)(end - host));
    const char *after = host_end == NULL ? host : host_end;
    const char *colon = memchr(after, ':', (size_t)(end - after));
    origin.host = slice_of(host, (size_t)((colon == NULL ? end : colon) - host));
    origin.port = colon == NULL ? default_port(origin.scheme)
                                : slice_of(colon + 1, (size_t)(end - colon - 1));
    return origin;
}

/* "*" is every host; "*.b" is what ends with ".b" and has something in front of it. */
static bool matches_host(struct slice pattern, struct slice host)
{
    if (pattern.length == 0 || pattern.at[0] != '*')
        return slice_equals_ignoring_case(pattern, host);
    struct slice suffix = slice_of(pattern.at + 1, pattern.length - 1);
    return host.length > suffix.length &&
           slice_equals_ignoring_case(
               slice_of(host.at + host.length - suffix.length, suffix.length), suffix);
}

static bool matches_origin(struct slice pattern, const struct origin *origin)
{
    if (slice_equals(pattern, SLICE("*")))
        return true;
    struct origin allowed = parse_origin(pattern);
    return origin->host.length > 0 && slice_equals_ignoring_case(allowed.scheme, origin->scheme) &&
           slice_equals(allowed.port, origin->port) && matches_host(allowed.host, origin->host);
}

bool cors_allows_origin(const struct cors *cors, struct slice text)
{
    struct origin origin = parse_origin(text);
    for (size_t i = 0; i < cors->origin_count; i++) {
        if (matches_origin(cors->origins[i], &origin))
            return true;
    }
    return false;
}

/* --- headers -------------------------------------------------------------------------------- */

struct answer {
    struct header *headers;
    size_t count;
};

static void put(struct answer *answer, struct slice name, struct slice value)
{
    answer->headers[answer->count++] = (struct header){.name = name, .value = value};
}

/* A list as it was given; what "*" in it stands for is what was asked. */
static void put_list(struct answer *answer, struct slice name, struct slice list,
                     struct slice asked)
{
    struct slice value = slice_equals(list, SLICE("*")) ? asked : list;
    if (value.length > 0)
        put(answer, name, value);
}

/* The value of the first header of that name; empty when there is none. */
static struct slice header_value(const struct request_head *head, struct slice name)
{
    for (size_t i = 0; i < head->header_count; i++) {
        if (slice_equals_ignoring_case(head->headers[i].name, name))
            return head->headers[i].value;
    }
    return SLICE("");
}

static void put_permission(struct answer *answer, const struct cors *cors, struct slice origin)
{
    put(answer, SLICE("access-control-allow-origin"), origin);
    if (cors->allows_credentials)
        put(answer, SLICE("access-control-allow-credentials"), SLICE("true"));
    /* Which headers there will be, nobody knows yet: with credentials "*" is not sent. */
    if (!cors->allows_credentials || !slice_equals(cors->expose_headers, SLICE("*")))
        put_list(answer, SLICE("access-control-expose-headers"), cors->expose_headers, SLICE("*"));
}

bool cors_is_preflight(const struct request_head *head)
{
    return slice_equals(head->method, SLICE("OPTIONS")) &&
           header_value(head, SLICE("origin")).length > 0 &&
           header_value(head, SLICE("access-control-request-method")).length > 0;
}

size_t cors_preflight_headers(const struct cors *cors, const struct request_head *head,
                              struct header headers[CORS_MAX_HEADERS], struct arena *arena)
{
    struct answer answer = {.headers = headers};
    struct slice origin = header_value(head, SLICE("origin"));
    struct slice method = header_value(head, SLICE("access-control-request-method"));
    struct slice names = header_value(head, SLICE("access-control-request-headers"));

    put(&answer, SLICE("vary"),
        SLICE("origin, access-control-request-method, access-control-request-headers"));
    if (!cors_allows_origin(cors, origin))
        return answer.count;
    put_permission(&answer, cors, origin);
    put_list(&answer, SLICE("access-control-allow-methods"), cors->allow_methods, method);
    if (names.length > 0)
        put_list(&answer, SLICE("access-control-allow-headers"), cors->allow_headers, names);
    put(&answer, SLICE("access-control-max-age"),
        slice_from_string(arena_printf(arena, "%u", cors->max_age_s)));
    return answer.count;
}

static const struct header_edit removals[] = {
    {.kind = HEADER_REMOVE, .name = {"access-control-allow-origin", 27}},
    {.kind = HEADER_REMOVE, .name = {"access-control-allow-credentials", 32}},
    {.kind = HEADER_REMOVE, .name = {"access-control-expose-headers", 29}},
    {.kind = HEADER_ADD, .name = {"vary", 4}, .value = {"origin", 6}},
};
static const struct header_edits take_over = {removals, sizeof(removals) / sizeof(removals[0])};

size_t cors_response_headers(const struct cors *cors, const struct request_head *head,
                             struct header *headers, size_t count, struct arena *arena)
{
    count = header_edits_apply(&take_over, headers, count, arena);
    struct answer answer = {.headers = headers, .count = count};
    struct slice origin = header_value(head, SLICE("origin"));
    if (origin.length > 0 && cors_allows_origin(cors, origin))
        put_permission(&answer, cors, origin);
    return answer.count;
}
