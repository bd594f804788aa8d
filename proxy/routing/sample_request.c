#include "proxy/routing/sample_request.h"

#include "common/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELD_BYTES = 32 };

/* The text has room for all of the description: it is never moved. */
static struct slice keep(struct sample_request *sample, struct slice text)
{
    char *to = sample->text + sample->text_bytes;
    if (text.length > 0)
        memcpy(to, text.at, text.length);
    sample->text_bytes += text.length;
    return slice_of(to, text.length);
}

/* --- method and URL ------------------------------------------------------------------------- */

static bool read_method(struct sample_request *sample, struct slice method, struct error *err)
{
    if (method.length == 0)
        method = SLICE("GET");
    switch (request_target_check_method(method)) {
    case METHOD_NO_TOKEN:
        return error_set(err, ERROR_INVALID, "method: '%.*s' is not a method", (int)method.length,
                         method.at);
    case METHOD_NOT_ALLOWED:
        return error_set(err, ERROR_INVALID, "method: the proxy refuses CONNECT and TRACE");
    case METHOD_FINE:
        break;
    }
    sample->head.method = keep(sample, method);
    return true;
}

static bool read_authority(struct sample_request *sample, struct slice authority, const char *field,
                           struct error *err)
{
    struct request_head *head = &sample->head;
    head->authority = authority;
    if (!request_target_read_authority(authority, sample->host, &head->host))
        return error_set(err, ERROR_INVALID, "%s: '%.*s' is not a host with or without port", field,
                         (int)authority.length, authority.at);
    return true;
}

/* The path that is sent when the URL has none (RFC 9112 sections 3.2.1 and 3.2.4). */
static struct slice empty_path(const struct request_head *head, struct slice rest)
{
    bool is_asterisk = rest.length == 0 && slice_equals(head->method, SLICE("OPTIONS"));
    return is_asterisk ? SLICE("*") : SLICE("/");
}

static bool read_scheme(struct request_head *head, struct slice url, size_t *length,
                        struct error *err)
{
    static const struct slice schemes[] = {{"http", 4}, {"https", 5}};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        struct slice scheme = schemes[i];
        if (url.length > scheme.length + 3 &&
            slice_equals_ignoring_case(slice_of(url.at, scheme.length), scheme) &&
            memcmp(url.at + scheme.length, "://", 3) == 0) {
            head->scheme = scheme;
            *length = scheme.length + 3;
            return true;
        }
    }
    return error_set(err, ERROR_INVALID,
                     "url: needs a scheme and a host, like http://shop.internal/users/7, or a "
                     "path and a Host header");
}

/* "http://host/path", or a target alone: then a Host header says the rest. */
static bool read_url(struct sample_request *sample, struct slice url, struct error *err)
{
    struct request_head *head = &sample->head;
    size_t start = 0;
    size_t end = 0;
    bool is_target = slice_equals(url, SLICE("*")) || slice_has_prefix(url, SLICE("/"));
    head->scheme = SLICE("http");
    if (!is_target) {
        if (!read_scheme(head, url, &start, err))
            return false;
        end = start;
        while (end < url.length && url.at[end] != '/' && url.at[end] != '?' && url.at[end] != '#')
            end++;
        struct slice authority = keep(sample, slice_of(url.at + start, end - start));
        if (!read_authority(sample, authority, "url", err))
            return false;
    }

    /* The target stands in one piece and becomes canonical in place. */
    struct slice rest = slice_of(url.at + end, url.length - end);
    char *target = sample->text + sample->text_bytes;
    size_t target_length = rest.length;
    if (!is_target && (rest.length == 0 || rest.at[0] != '/'))
        target_length += keep(sample, empty_path(head, rest)).length;
    keep(sample, rest);
    enum target_problem problem = request_target_read(target, target_length, head);
    if (problem != TARGET_FINE)
        return error_set(err, ERROR_INVALID, "url: the proxy refuses it: %s",
                         target_problem_reason(problem));
    return true;
}

/* --- headers -------------------------------------------------------------------------------- */

static bool is_value(struct slice value)
{
    for (size_t i = 0; i < value.length; i++) {
        unsigned char c = (unsigned char)value.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool read_header(struct sample_request *sample, struct header header, const char *field,
                        struct error *err)
{
    if (!header_name_is_token(header.name))
        return error_set(err, ERROR_INVALID, "%s: the name is not a token", field);
    if (!is_value(header.value))
        return error_set(err, ERROR_INVALID, "%s: the value has a control character", field);
    header.name = keep(sample, header.name);
    header.value = keep(sample, header.value);
    enum header_id id = header_name_id(header.name);
    if (!header_name_is_visible(header.name, id, false)) {
        sample->dropped[sample->dropped_count++] = header;
        return true;
    }
    header_list_add(&sample->fields, header.name, header.value, id);
    if (id != HEADER_HOST)
        return true;
    if (sample->has_host)
        return error_set(err, ERROR_INVALID, "%s: is a second Host", field);
    sample->has_host = true;
    return read_authority(sample, header.value, field, err);
}

static bool read_headers(struct sample_request *sample, const struct header *headers, size_t count,
                         struct error *err)
{
    char field[FIELD_BYTES];
    struct header_list *fields = &sample->fields;
    fields->capacity = count + SAMPLE_ADDED_HEADERS;
    fields->headers = memory_allocate(fields->capacity * sizeof(fields->headers[0]));
    fields->tags = memory_allocate(fields->capacity * sizeof(fields->tags[0]));
    sample->dropped = memory_allocate((count + 1) * sizeof(headers[0]));
    for (size_t i = 0; i < count; i++) {
        snprintf(field, sizeof(field), "headers[%zu]", i);
        if (!read_header(sample, headers[i], field, err))
            return false;
    }

    struct request_head *head = &sample->head;
    if (!sample->has_host && head->host.length == 0)
        return error_set(err, ERROR_INVALID, "url: names no host, and no Host header does");
    if (!sample->has_host)
        header_list_add(fields, SLICE("Host"), head->authority, HEADER_HOST);
    if (!header_list_drop_named(fields))
        return error_set(err, ERROR_INVALID,
                         "headers: the proxy refuses a Connection that names a field meant for "
                         "everyone");
    head->headers = fields->headers;
    head->header_count = fields->count;
    return true;
}

static size_t text_size(const struct sample_description *description)
{
    size_t bytes = sizeof("GET") + description->method.length + 1 + description->url.length;
    for (size_t i = 0; i < description->header_count; i++)
        bytes += description->headers[i].name.length + description->headers[i].value.length;
    return bytes;
}

bool sample_request_init(struct sample_request *sample,
                         const struct sample_description *description, struct error *err)
{
    *sample = (struct sample_request){.text = memory_allocate(text_size(description))};
    return read_method(sample, description->method, err) &&
           read_url(sample, description->url, err) &&
           read_headers(sample, description->headers, description->header_count, err);
}

void sample_request_clear(struct sample_request *sample)
{
    free(sample->text);
    free(sample->fields.headers);
    free(sample->fields.tags);
    free(sample->dropped);
    *sample = (struct sample_request){0};
}
