#include "proxy/routing/validation.h"

#include "common/buffer.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    NAME_MAX_LENGTH = 253,
    DNS_LABEL_MAX_LENGTH = 63,
    LABEL_KEY_MAX_LENGTH = 317, /* a prefix of 253, '/', and 63 */
    LABEL_VALUE_MAX_LENGTH = 63,
    HEADER_NAME_MAX_LENGTH = 256,
    KIND_MAX_LENGTH = 63,
    MAX_LABELS = 64,
    MAX_WEIGHT = 1000000,
    MAX_DURATION_SECONDS = 1000000000,
};

/* --- where we are --------------------------------------------------------------------------- */

void validation_init(struct validation *validation, validate_report_fn *report, void *context)
{
    validation->report = report;
    validation->context = context;
    validation->depth = 0;
    validation->is_valid = true;
}

static size_t enter(struct validation *validation, struct validation_step step)
{
    assert(validation->depth < VALIDATION_MAX_DEPTH);
    validation->steps[validation->depth] = step;
    return validation->depth++;
}

size_t validation_enter(struct validation *validation, const char *field)
{
    return enter(validation, (struct validation_step){.field = field});
}

size_t validation_enter_item(struct validation *validation, const char *field, size_t index)
{
    return enter(validation,
                 (struct validation_step){.field = field, .index = index, .is_item = true});
}

void validation_leave(struct validation *validation, size_t mark)
{
    validation->depth = mark;
}

static void append_path(const struct validation *validation, struct buffer *to)
{
    for (size_t i = 0; i < validation->depth; i++) {
        const struct validation_step *step = &validation->steps[i];
        buffer_printf(to, "%s%s", i == 0 ? "" : ".", step->field);
        if (step->is_item)
            buffer_printf(to, "[%zu]", step->index);
    }
}

void validation_problem(struct validation *validation, const char *field, const char *format, ...)
{
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);

    validation->is_valid = false;
    if (validation->report == NULL)
        return;
    struct buffer path = BUFFER_EMPTY;
    append_path(validation, &path);
    if (field != NULL)
        buffer_printf(&path, "%s%s", path.length == 0 ? "" : ".", field);
    validation->report(validation->context, buffer_string(&path), message);
    buffer_clear(&path);
}

/* --- names ---------------------------------------------------------------------------------- */

static bool is_lower_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alphanumeric(char c)
{
    return is_lower_alphanumeric(ascii_lower(c));
}

/* Letters, digits, and what else `also` names. */
static bool consists_of(struct slice text, const char *also)
{
    for (size_t i = 0; i < text.length; i++) {
        if (!is_alphanumeric(text.at[i]) && strchr(also, text.at[i]) == NULL)
            return false;
    }
    return true;
}

bool is_dns_label(struct slice name)
{
    if (name.length == 0 || name.length > DNS_LABEL_MAX_LENGTH)
        return false;
    for (size_t i = 0; i < name.length; i++) {
        if (!is_lower_alphanumeric(name.at[i]) && name.at[i] != '-')
            return false;
    }
    return name.at[0] != '-' && name.at[name.length - 1] != '-';
}

bool is_dns_subdomain(struct slice name)
{
    if (name.length == 0 || name.length > NAME_MAX_LENGTH)
        return false;
    char before = '.';
    for (size_t i = 0; i < name.length; i++) {
        char c = name.at[i];
        bool starts_label = before == '.';
        bool ends_label = i + 1 == name.length || name.at[i + 1] == '.';
        if (!is_lower_alphanumeric(c) && !(c == '-' && !starts_label && !ends_label) &&
            !(c == '.' && !starts_label && !(i + 1 == name.length)))
            return false;
        before = c;
    }
    return true;
}

static bool is_ip_address(const char *text)
{
    unsigned char address[16];
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

void validate_precise_hostname(struct validation *validation, const char *field, const char *name)
{
    if (is_ip_address(name))
        validation_problem(validation, field, "must be a name, not an IP address");
    else if (!is_dns_subdomain(slice_from_string(name)))
        validation_problem(validation, field,
                           "must be a DNS name: lower-case letters, digits, '-' and '.', at most "
                           "%d characters",
                           NAME_MAX_LENGTH);
}

void validate_header_name(struct validation *validation, const char *field, const char *name)
{
    struct slice text = slice_from_string(name);
    if (text.length == 0)
        validation_problem(validation, field, "must not be empty");
    else if (text.length > HEADER_NAME_MAX_LENGTH)
        validation_problem(validation, field, "must have at most %d characters",
                           HEADER_NAME_MAX_LENGTH);
    else if (!consists_of(text, "!#$%&'*+-.^_`|~"))
        validation_problem(validation, field, "must be a header name (a token of RFC 9110)");
}

void validate_length(struct validation *validation, const char *field, const char *value,
                     size_t max)
{
    size_t length = 0;
    for (const char *at = value; *at != '\0'; at++)
        length += ((unsigned char)*at & 0xc0) != 0x80;
    if (length == 0 || length > max)
        validation_problem(validation, field, "must have 1 to %zu characters", max);
}

void validate_header_value(struct validation *validation, const char *field, const char *value)
{
    validate_length(validation, field, value, HEADER_VALUE_MAX_LENGTH);
    for (const char *at = value; *at != '\0'; at++) {
        if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7f) {
            validation_problem(validation, field, "must not have control characters");
            return;
        }
    }
}

static bool is_kind(struct slice kind)
{
    return kind.length <= KIND_MAX_LENGTH && consists_of(kind, "-") &&
           ascii_lower(kind.at[0]) >= 'a' && ascii_lower(kind.at[0]) <= 'z' &&
           kind.at[kind.length - 1] != '-';
}

void validate_group_and_kind(struct validation *validation, const char *group, const char *kind)
{
    if (group[0] != '\0' && !is_dns_subdomain(slice_from_string(group)))
        validation_problem(validation, "group", "must be a DNS name, e.g. example.com");
    if (kind[0] != '\0' && !is_kind(slice_from_string(kind)))
        validation_problem(validation, "kind",
                           "must be letters, digits and '-', beginning with a letter, at most %d",
                           KIND_MAX_LENGTH);
}

void validate_backend_named(struct validation *validation, const char *group, const char *kind,
                            const char *namespace, const char *name)
{
    validate_group_and_kind(validation, group, kind);
    if (!is_dns_subdomain(slice_from_string(name)))
        validation_problem(validation, "name", "must be the name of a Backend");
    if (namespace[0] != '\0' && !is_dns_subdomain(slice_from_string(namespace)))
        validation_problem(validation, "namespace", "must be a namespace");
}

bool is_known_method(const char *method)
{
    static const char *const methods[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                          "CONNECT", "OPTIONS", "TRACE", "PATCH"};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strcmp(method, methods[i]) == 0)
            return true;
    }
    return false;
}

void validate_object_name(struct validation *validation, const char *field, const char *name)
{
    if (!object_name_is_valid(name))
        validation_problem(validation, field,
                           "must be NAME or NAMESPACE/NAME, each of lower-case letters, digits, "
                           "'-' and '.', at most 253 characters");
}

void validate_labels(struct validation *validation, LabelMessage *const *labels, size_t count)
{
    if (count > MAX_LABELS) {
        validation_problem(validation, "labels", "must be at most %d", MAX_LABELS);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t mark = validation_enter_item(validation, "labels", i);
        struct slice key = slice_from_string(labels[i]->key);
        struct slice value = slice_from_string(labels[i]->value);

        if (key.length == 0 || key.length > LABEL_KEY_MAX_LENGTH || !consists_of(key, "-_./"))
            validation_problem(validation, "key",
                               "must have 1 to %d letters, digits, '-', '_', '.' or '/'",
                               LABEL_KEY_MAX_LENGTH);
        if (value.length > LABEL_VALUE_MAX_LENGTH || !consists_of(value, "-_."))
            validation_problem(validation, "value",
                               "must have at most %d letters, digits, '-', '_' or '.'",
                               LABEL_VALUE_MAX_LENGTH);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(labels[j]->key, labels[i]->key) == 0) {
                validation_problem(validation, "key", "is given twice: '%s'", labels[i]->key);
                break;
            }
        }
        validation_leave(validation, mark);
    }
}

/* --- numbers -------------------------------------------------------------------------------- */

void validate_duration(struct validation *validation, const char *field,
                       const DurationMessage *duration)
{
    if (duration == NULL)
        return;
    if (duration->seconds < 0 || duration->nanos < 0)
        validation_problem(validation, field, "must not be negative");
    else if (duration->seconds > MAX_DURATION_SECONDS || duration->nanos >= 1000000000)
        validation_problem(validation, field, "is too long");
    else if (duration->nanos % 1000000 != 0)
        validation_problem(validation, field, "must be in whole milliseconds");
}

uint64_t duration_milliseconds(const DurationMessage *duration)
{
    return (uint64_t)duration->seconds * 1000 + (uint64_t)duration->nanos / 1000000;
}

void validate_port(struct validation *validation, const char *field, uint32_t port)
{
    if (port > UINT16_MAX)
        validation_problem(validation, field, "must be between 1 and 65535");
}

void validate_weight(struct validation *validation, uint32_t weight)
{
    if (weight > MAX_WEIGHT)
        validation_problem(validation, "weight", "must be between 0 and %d", MAX_WEIGHT);
}
