#include "control/routectl/flag_values.h"

#include "common/clock.h"
#include "common/duration.h"
#include "control/routectl/time_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PORT = 65535 };

/* --- plain values --------------------------------------------------------------------------- */

static bool parse_number(struct slice text, uint32_t max, uint32_t *number)
{
    uint64_t sum = 0;
    if (text.length == 0)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        sum = sum * 10 + (uint64_t)(text.at[i] - '0');
        if (sum > max)
            return false;
    }
    *number = (uint32_t)sum;
    return true;
}

bool flag_number(const char *flag, const char *text, uint32_t max, uint32_t *number,
                 struct error *err)
{
    if (!parse_number(slice_from_string(text), max, number))
        return error_set(err, ERROR_INVALID, "%s: '%s' is not a number from 0 to %" PRIu32, flag,
                         text, max);
    return true;
}

static bool is_number(const char *text)
{
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static bool parse_revision(const char *flag, const char *text, uint64_t min, uint64_t *revision,
                           struct error *err)
{
    errno = 0;
    *revision = is_number(text) ? strtoull(text, NULL, 10) : 0;
    if (!is_number(text) || errno != 0 || *revision < min)
        return error_set(err, ERROR_INVALID, "%s: '%s' is not a revision", flag, text);
    return true;
}

bool flag_revision(const char *flag, const char *text, uint64_t *revision, struct error *err)
{
    return parse_revision(flag, text, 1, revision, err);
}

bool flag_moment(const char *flag, const char *text, struct flag_moment *moment, struct error *err)
{
    *moment = (struct flag_moment){0};
    if (is_number(text))
        return parse_revision(flag, text, 0, &moment->revision, err);
    if (!time_text_parse(text, clock_wall_ms(), &moment->time_ms, err))
        return error_prefix(err, "%s: ", flag);
    if (moment->time_ms == 0)
        moment->time_ms = 1; /* 0 would be no time */
    return true;
}

bool flag_duration(const char *flag, const char *text, struct arena *arena,
                   DurationMessage **duration, struct error *err)
{
    uint64_t milliseconds;
    *duration = NULL;
    if (text == NULL)
        return true;
    if (!duration_parse(text, &milliseconds, err))
        return error_prefix(err, "%s: ", flag);

    *duration = ARENA_MESSAGE(arena, DurationMessage, google__protobuf__duration__init);
    (*duration)->seconds = (int64_t)(milliseconds / 1000);
    (*duration)->nanos = (int32_t)(milliseconds % 1000) * 1000000;
    return true;
}

bool flag_pair(const char *flag, const char *text, struct arena *arena, char **name, char **value,
               struct error *err)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return error_set(err, ERROR_INVALID, "%s: '%s' is not of the form NAME=VALUE", flag, text);
    *name = arena_string(arena, text, (size_t)(equals - text));
    *value = arena_string(arena, equals + 1, strlen(equals + 1));
    return true;
}

bool flag_labels(const char *flag, const struct option_list *items, struct arena *arena,
                 LabelMessage ***labels, size_t *label_count, struct error *err)
{
    for (size_t i = 0; i < items->count; i++) {
        LabelMessage *label = ARENA_MESSAGE(arena, LabelMessage, pointsman__v1__label__init);
        if (!flag_pair(flag, items->items[i], arena, &label->key, &label->value, err))
            return false;
        ARENA_APPEND(arena, *labels, *label_count, label);
    }
    return true;
}

/* --- references ----------------------------------------------------------------------------- */

bool flag_reference(const char *flag, const char *text, struct arena *arena,
                    struct flag_reference *reference, struct error *err)
{
    struct slice name = slice_from_string(text);
    struct slice namespace_name = {.at = ""};
    *reference = (struct flag_reference){0};

    const char *at_sign = strchr(text, '@');
    if (at_sign != NULL) {
        name.length = (size_t)(at_sign - text);
        reference->share = at_sign + 1;
    }
    const char *colon = memchr(name.at, ':', name.length);
    if (colon != NULL) {
        struct slice port = slice_of(colon + 1, name.length - (size_t)(colon + 1 - name.at));
        if (!parse_number(port, MAX_PORT, &reference->port) || reference->port == 0)
            return error_set(err, ERROR_INVALID, "%s: '%s': the port is not a number from 1 to %d",
                             flag, text, MAX_PORT);
        name.length = (size_t)(colon - name.at);
    }
    const char *slash = memchr(name.at, '/', name.length);
    if (slash != NULL) {
        namespace_name = slice_of(name.at, (size_t)(slash - name.at));
        name = slice_of(slash + 1, name.length - namespace_name.length - 1);
    }
    if (name.length == 0)
        return error_set(err, ERROR_INVALID, "%s: '%s' names no backend", flag, text);

    reference->namespace_name = arena_string(arena, namespace_name.at, namespace_name.length);
    reference->name = arena_string(arena, name.at, name.length);
    return true;
}

/* --- endpoints ------------------------------------------------------------------------------ */

/* Cuts "@WEIGHT" off the end of *url. False when what follows the last '@' is no weight, which in
 * a Unix path is a part of the path. */
static bool cut_weight(struct slice *url, uint32_t *weight)
{
    const char *at_sign = memrchr(url->at, '@', url->length);
    if (at_sign == NULL)
        return false;
    size_t before = (size_t)(at_sign - url->at);
    if (!parse_number(slice_of(at_sign + 1, url->length - before - 1), UINT32_MAX, weight))
        return false;
    url->length = before;
    return true;
}

/* "10.0.0.1:9000", "[::1]:80", "users.internal" */
static bool parse_authority(struct slice authority, uint32_t default_port, struct slice *host,
                            uint32_t *port)
{
    const char *end = authority.at + authority.length;
    const char *behind; /* the host and its brackets */
    if (authority.length > 0 && authority.at[0] == '[') {
        const char *bracket = memchr(authority.at, ']', authority.length);
        if (bracket == NULL)
            return false;
        *host = slice_of(authority.at + 1, (size_t)(bracket - authority.at) - 1);
        behind = bracket + 1;
    } else {
        const char *colon = memchr(authority.at, ':', authority.length);
        behind = colon == NULL ? end : colon;
        *host = slice_of(authority.at, (size_t)(behind - authority.at));
    }

    *port = default_port;
    if (behind == end)
        return host->length > 0;
    return host->length > 0 && *behind == ':' && *port != 0 &&
           parse_number(slice_of(behind + 1, (size_t)(end - behind) - 1), MAX_PORT, port) &&
           *port > 0;
}

static bool fail_endpoint(const char *flag, const char *text, struct error *err)
{
    return error_set(err, ERROR_INVALID,
                     "%s: '%s' is not an endpoint such as http://10.0.0.1:9000, h2c://[::1]:80 or "
                     "unix:/run/a.sock, with @WEIGHT behind it or not",
                     flag, text);
}

bool flag_endpoint(const char *flag, const char *text, struct arena *arena,
                   EndpointMessage **endpoint, const struct endpoint_scheme **scheme,
                   struct error *err)
{
    struct slice url = slice_from_string(text);
    EndpointMessage *made = ARENA_MESSAGE(arena, EndpointMessage, pointsman__v1__endpoint__init);
    if (cut_weight(&url, &made->weight))
        made->weight_presence_case = POINTSMAN__V1__ENDPOINT__WEIGHT_PRESENCE_WEIGHT;

    *endpoint = made;
    size_t scheme_length;
    *scheme = endpoint_scheme_of_url(url, &scheme_length);
    if (*scheme == NULL || url.length == scheme_length)
        return fail_endpoint(flag, text, err);
    struct slice authority = slice_of(url.at + scheme_length, url.length - scheme_length);
    if (url.at[0] == 'u') { /* unix: */
        made->unix_path = arena_string(arena, authority.at, authority.length);
        return true;
    }
    if (authority.length > 0 && authority.at[authority.length - 1] == '/')
        authority.length--;
    if (memchr(authority.at, '/', authority.length) != NULL)
        return error_set(err, ERROR_INVALID,
                         "%s: '%s': an endpoint has no path; --rewrite-prefix changes paths", flag,
                         text);

    struct slice host;
    if (memchr(authority.at, '@', authority.length) != NULL ||
        !parse_authority(authority, (*scheme)->port, &host, &made->port))
        return fail_endpoint(flag, text, err);
    made->address = arena_string(arena, host.at, host.length);
    return true;
}
