#include "tests/unit/proxy/routing/route_text.h"

#include "proto/message.h"
#include "proxy/routing/route_validate.h"
#include "tests/unit/proxy/routing/filter_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void refuse(const char *what, const char *text)
{
    fprintf(stderr, "route text: %s: '%s'\n", what, text);
    abort();
}

/* Cuts the text at the first `separator`; returns what is behind it, or NULL. */
static char *cut(char *text, const char *separator)
{
    char *found = strstr(text, separator);
    if (found == NULL)
        return NULL;
    *found = '\0';
    return found + strlen(separator);
}

static const char *skip(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

/* --- routes --------------------------------------------------------------------------------- */

static void parse_path(RouteMatchMessage *match, Pointsman__V1__PathMatchType type,
                       const char *value)
{
    match->path = memory_allocate(sizeof(*match->path));
    pointsman__v1__path_match__init(match->path);
    match->path->type = type;
    match->path->value = memory_duplicate_string(value);
}

static void parse_header(RouteMatchMessage *match, Pointsman__V1__ValueMatchType type,
                         const char *text)
{
    HeaderMatchMessage *header = memory_allocate(sizeof(*header));
    pointsman__v1__header_match__init(header);
    char *name = memory_duplicate_string(text);
    char *value = cut(name, "=");
    header->type = type;
    header->name = name;
    header->value = memory_duplicate_string(value == NULL ? "" : value);
    TEXT_APPEND(match->headers, match->n_headers, header);
}

static void parse_query(RouteMatchMessage *match, Pointsman__V1__ValueMatchType type,
                        const char *text)
{
    QueryParamMatchMessage *param = memory_allocate(sizeof(*param));
    pointsman__v1__query_param_match__init(param);
    char *name = memory_duplicate_string(text);
    char *value = cut(name, "=");
    param->type = type;
    param->name = name;
    param->value = memory_duplicate_string(value == NULL ? "" : value);
    TEXT_APPEND(match->query_params, match->n_query_params, param);
}

/* The last one counts. */
static void parse_method(RouteMatchMessage *match, const char *text)
{
    if (match->method != protobuf_c_empty_string)
        free(match->method);
    match->method = memory_duplicate_string(text);
}

static void parse_condition(RouteMatchMessage *match, const char *text)
{
    const char *value;
    if ((value = skip(text, "exact:")) != NULL)
        parse_path(match, POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_EXACT, value);
    else if ((value = skip(text, "prefix:")) != NULL)
        parse_path(match, POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_PATH_PREFIX, value);
    else if ((value = skip(text, "regex:")) != NULL)
        parse_path(match, POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_REGULAR_EXPRESSION,
                   value);
    else if ((value = skip(text, "grpc:")) != NULL)
        parse_path(match, POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_GRPC_METHOD, value);
    else if ((value = skip(text, "method:")) != NULL)
        parse_method(match, value);
    else if ((value = skip(text, "header:")) != NULL)
        parse_header(match, POINTSMAN__V1__VALUE_MATCH_TYPE__VALUE_MATCH_TYPE_EXACT, value);
    else if ((value = skip(text, "header~")) != NULL)
        parse_header(match, POINTSMAN__V1__VALUE_MATCH_TYPE__VALUE_MATCH_TYPE_REGULAR_EXPRESSION,
                     value);
    else if ((value = skip(text, "query:")) != NULL)
        parse_query(match, POINTSMAN__V1__VALUE_MATCH_TYPE__VALUE_MATCH_TYPE_EXACT, value);
    else if ((value = skip(text, "query~")) != NULL)
        parse_query(match, POINTSMAN__V1__VALUE_MATCH_TYPE__VALUE_MATCH_TYPE_REGULAR_EXPRESSION,
                    value);
    else
        refuse("unknown condition", text);
}

static void parse_match(RouteRuleMessage *rule, char *text)
{
    RouteMatchMessage *match = memory_allocate(sizeof(*match));
    pointsman__v1__route_match__init(match);
    char *state;
    for (char *word = strtok_r(text, " ", &state); word != NULL; word = strtok_r(NULL, " ", &state))
        parse_condition(match, word);
    TEXT_APPEND(rule->matches, rule->n_matches, match);
}

static void parse_backend_ref(RouteRuleMessage *rule, char *text)
{
    BackendRefMessage *ref = memory_allocate(sizeof(*ref));
    pointsman__v1__backend_ref__init(ref);
    char *weight = cut(text, "*");
    char *port = cut(text, ":");
    ref->name = memory_duplicate_string(text);
    if (port != NULL)
        ref->port = (uint32_t)strtoul(port, NULL, 10);
    if (weight != NULL) {
        ref->weight_presence_case = POINTSMAN__V1__BACKEND_REF__WEIGHT_PRESENCE_WEIGHT;
        ref->weight = (uint32_t)strtoul(weight, NULL, 10);
    }
    TEXT_APPEND(rule->backend_refs, rule->n_backend_refs, ref);
}

static void parse_rule(RouteMessage *route, char *text)
{
    RouteRuleMessage *rule = memory_allocate(sizeof(*rule));
    pointsman__v1__route_rule__init(rule);
    char *refs = cut(text, "->");
    char *filters = cut(text, "{");
    if (filters != NULL) {
        cut(filters, "}");
        filter_text_parse(filters, &rule->filters, &rule->n_filters);
    }
    if (strspn(text, " ") != strlen(text)) {
        for (char *rest = text; rest != NULL;) {
            char *match = rest;
            rest = cut(match, " | ");
            parse_match(rule, match);
        }
    }
    char *state;
    for (char *ref = refs == NULL ? NULL : strtok_r(refs, " ,", &state); ref != NULL;
         ref = strtok_r(NULL, " ,", &state))
        parse_backend_ref(rule, ref);
    TEXT_APPEND(route->rules, route->n_rules, rule);
}

static void parse_attachment(RouteMessage *route, const char *text)
{
    ParentRefMessage *ref = memory_allocate(sizeof(*ref));
    pointsman__v1__parent_ref__init(ref);
    char *name = memory_duplicate_string(text);
    char *port = cut(name, ":");
    ref->section_name = name;
    if (port != NULL)
        ref->port = (uint32_t)strtoul(port, NULL, 10);
    TEXT_APPEND(route->parent_refs, route->n_parent_refs, ref);
}

static void parse_word(RouteMessage *route, char *word)
{
    const char *value;
    if (route->name[0] == '\0') {
        route->name = memory_duplicate_string(word);
    } else if ((value = skip(word, "@")) != NULL) {
        char *order;
        route->created_revision = strtoull(value, &order, 10);
        if (*order == '.')
            route->created_order = (uint32_t)strtoul(order + 1, NULL, 10);
    } else if (strcmp(word, "grpc") == 0) {
        route->kind = POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC;
    } else if ((value = skip(word, "on=")) != NULL) {
        parse_attachment(route, value);
    } else if ((value = skip(word, "host=")) != NULL) {
        char *state;
        char *hosts = memory_duplicate_string(value);
        for (char *host = strtok_r(hosts, ",", &state); host != NULL;
             host = strtok_r(NULL, ",", &state))
            TEXT_APPEND(route->hostnames, route->n_hostnames, memory_duplicate_string(host));
        free(hosts);
    } else {
        refuse("unknown word", word);
    }
}

RouteMessage *route_text_parse(const char *text)
{
    RouteMessage *route = memory_allocate(sizeof(*route));
    pointsman__v1__route__init(route);
    char *copy = memory_duplicate_string(text);
    char *rules = cut(copy, " :");

    char *state;
    for (char *word = strtok_r(copy, " ", &state); word != NULL; word = strtok_r(NULL, " ", &state))
        parse_word(route, word);
    while (rules != NULL) {
        char *rule = rules;
        rules = cut(rule, "; ");
        parse_rule(route, rule);
    }
    free(copy);
    return route;
}

void route_text_free(RouteMessage *message)
{
    pointsman__v1__route__free_unpacked(message, NULL);
}

/* --- compiled ------------------------------------------------------------------------------- */

static uint32_t number_of_backend(void *context, const char *full_name, uint32_t port)
{
    (void)context;
    (void)port;
    size_t length = strlen(full_name);
    while (length > 0 && full_name[length - 1] >= '0' && full_name[length - 1] <= '9')
        length--;
    return (uint32_t)strtoul(full_name + length, NULL, 10);
}

static void say_problem(void *context, const char *field, const char *message)
{
    fprintf(stderr, "%s: %s %s\n", (const char *)context, field, message);
}

struct route *route_text_compile_message(const RouteMessage *message, bool is_broken)
{
    if (!is_broken && !route_validate(message, say_problem, message->name))
        refuse("not valid", message->name);
    struct buffer bytes = BUFFER_EMPTY;
    size_t length = protobuf_c_message_get_packed_size(&message->base);
    buffer_extend(
        &bytes, protobuf_c_message_pack(&message->base, (uint8_t *)buffer_reserve(&bytes, length)));
    struct route *route =
        route_new(message, buffer_slice(&bytes), is_broken, number_of_backend, NULL);
    buffer_clear(&bytes);
    return route;
}

void route_text_append_numbered(struct buffer *text, const char *format, unsigned number)
{
    for (const char *at = format; *at != '\0'; at++) {
        if (*at == '#')
            buffer_printf(text, "%u", number);
        else
            buffer_append_char(text, *at);
    }
}

struct route *route_text_compile(const char *text)
{
    RouteMessage *message = route_text_parse(text);
    struct route *route = route_text_compile_message(message, false);
    route_text_free(message);
    return route;
}

/* --- requests ------------------------------------------------------------------------------- */

static void parse_headers(struct request_text *request, char *text)
{
    request->head.headers = request->headers;
    while (text != NULL && request->head.header_count < REQUEST_TEXT_HEADERS) {
        char *rest = cut(text, " | ");
        char *value = cut(text, ": ");
        if (value == NULL)
            refuse("header without value", text);
        request->headers[request->head.header_count++] = (struct header){
            .name = slice_from_string(text),
            .value = slice_from_string(value),
        };
        text = rest;
    }
}

void request_text_init(struct request_text *request, const char *text)
{
    *request = (struct request_text){.text = memory_duplicate_string(text)};
    struct request_head *head = &request->head;
    char *target = cut(request->text, " ");
    if (target == NULL)
        refuse("request without target", text);
    char *headers = cut(target, " ");
    parse_headers(request, headers);

    char *slash = strpbrk(target, "/*");
    if (slash == NULL)
        refuse("request without path", text);
    head->method = slice_from_string(request->text);
    head->scheme = SLICE("http");
    head->host = slice_of(target, (size_t)(slash - target));
    head->authority = head->host;
    size_t path_length = strcspn(slash, "?");
    head->path = slice_of(slash, path_length);
    head->has_query = slash[path_length] == '?';
    if (head->has_query)
        head->query = slice_from_string(slash + path_length + 1);
}

void request_text_clear(struct request_text *request)
{
    free(request->text);
}
