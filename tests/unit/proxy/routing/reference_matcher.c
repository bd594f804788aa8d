#include "tests/unit/proxy/routing/reference_matcher.h"

#include "common/buffer.h"
#include "proxy/routing/regex.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { EXACT_HOST = 1000000 };

/* Everything that decides between two matches that hold, in this order. */
struct rank {
    size_t host;      /* more specific is larger */
    int path_kind;    /* exact 2, expression 1, prefix 0 */
    size_t path_size; /* larger goes first */
    bool has_method;
    size_t headers;
    size_t params;
    uint64_t created; /* smaller goes first */
    uint32_t order;   /* smaller goes first */
    const char *name; /* smaller goes first */
    size_t rule;      /* smaller goes first */
};

static bool goes_first(const struct rank *a, const struct rank *b)
{
    if (a->host != b->host)
        return a->host > b->host;
    if (a->path_kind != b->path_kind)
        return a->path_kind > b->path_kind;
    if (a->path_size != b->path_size)
        return a->path_size > b->path_size;
    if (a->has_method != b->has_method)
        return a->has_method;
    if (a->headers != b->headers)
        return a->headers > b->headers;
    if (a->params != b->params)
        return a->params > b->params;
    if (a->created != b->created)
        return a->created < b->created;
    if (a->order != b->order)
        return a->order < b->order;
    if (strcmp(a->name, b->name) != 0)
        return strcmp(a->name, b->name) < 0;
    return a->rule < b->rule;
}

/* --- values of the request, as strings of their own ----------------------------------------- */

static char *copy_slice(struct slice slice)
{
    return strndup(slice.at == NULL ? "" : slice.at, slice.length);
}

/* NULL when there is no such header. */
static char *header_value(const struct request_head *head, const char *name)
{
    char *value = NULL;
    for (size_t i = 0; i < head->header_count; i++) {
        char *this_name = copy_slice(head->headers[i].name);
        bool is_it = strcasecmp(this_name, name) == 0;
        free(this_name);
        if (!is_it)
            continue;
        char *this_value = copy_slice(head->headers[i].value);
        if (value == NULL) {
            value = this_value;
            if (strcasecmp(name, "set-cookie") == 0)
                break;
            continue;
        }
        struct buffer joined = BUFFER_EMPTY;
        buffer_printf(&joined, "%s, %s", value, this_value);
        free(value);
        free(this_value);
        value = memory_duplicate_string(buffer_string(&joined));
        buffer_clear(&joined);
    }
    return value;
}

static char *decode(const char *text)
{
    char *decoded = memory_duplicate_string(text);
    char *to = decoded;
    for (const char *from = text; *from != '\0'; from++) {
        char digits[3] = "";
        if (from[0] == '%' && from[1] != '\0') {
            memcpy(digits, from + 1, 2);
            if (strspn(digits, "0123456789abcdefABCDEF") == 2) {
                *to++ = (char)strtol(digits, NULL, 16);
                from += 2;
                continue;
            }
        }
        *to++ = *from == '+' ? ' ' : *from;
    }
    *to = '\0';
    return decoded;
}

/* NULL when there is no such parameter. */
static char *param_value(const struct request_head *head, const char *name)
{
    char *query = copy_slice(head->query);
    char *found = NULL;
    char *state;
    for (char *param = strtok_r(query, "&", &state); param != NULL && found == NULL;
         param = strtok_r(NULL, "&", &state)) {
        char *equals = strchr(param, '=');
        if (equals != NULL)
            *equals = '\0';
        char *decoded_name = decode(param);
        if (strcmp(decoded_name, name) == 0)
            found = decode(equals == NULL ? "" : equals + 1);
        free(decoded_name);
    }
    free(query);
    return found;
}

/* --- conditions ----------------------------------------------------------------------------- */

static bool expression_matches(const char *pattern, const char *value)
{
    struct regex *regex = regex_new(slice_from_string(pattern), NULL);
    bool matches = regex != NULL && regex_matches(regex, slice_from_string(value));
    regex_free(regex);
    return matches;
}

static bool value_matches(Pointsman__V1__ValueMatchType type, const char *wanted, char *value)
{
    if (value == NULL)
        return false;
    bool matches = type == POINTSMAN__V1__VALUE_MATCH_TYPE__VALUE_MATCH_TYPE_REGULAR_EXPRESSION
                       ? expression_matches(wanted, value)
                       : strcmp(wanted, value) == 0;
    free(value);
    return matches;
}

static bool host_matches(const char *hostname, const struct request_head *head, size_t *specificity)
{
    char *host = copy_slice(head->host);
    bool matches = strcmp(host, hostname) == 0;
    *specificity = EXACT_HOST;
    if (strncmp(hostname, "*.", 2) == 0) {
        size_t host_length = strlen(host);
        size_t tail_length = strlen(hostname + 1);
        matches = host_length > tail_length &&
                  strcmp(host + host_length - tail_length, hostname + 1) == 0;
        *specificity = tail_length;
    }
    free(host);
    return matches;
}

static bool path_matches(const PathMatchMessage *message, const struct request_head *head,
                         struct rank *rank)
{
    const char *value = message == NULL || message->value[0] == '\0' ? "/" : message->value;
    Pointsman__V1__PathMatchType type =
        message == NULL ? POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_PATH_PREFIX
                        : message->type;
    char *path = copy_slice(head->path);
    bool matches;

    rank->path_size = strlen(value);
    if (type == POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_EXACT) {
        rank->path_kind = 2;
        matches = strcmp(path, value) == 0;
    } else if (type == POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_REGULAR_EXPRESSION) {
        rank->path_kind = 1;
        matches = expression_matches(value, path);
    } else {
        rank->path_kind = 0;
        if (value[rank->path_size - 1] == '/')
            rank->path_size--;
        char behind = strlen(path) < rank->path_size ? 'x' : path[rank->path_size];
        matches = strncmp(path, value, rank->path_size) == 0 && (behind == '\0' || behind == '/');
        if (strcmp(path, "*") == 0) /* of OPTIONS: below "/" and nothing else */
            matches = rank->path_size == 0;
    }
    free(path);
    return matches;
}

static bool headers_match(const RouteMatchMessage *match, const struct request_head *head,
                          struct rank *rank)
{
    for (size_t i = 0; i < match->n_headers; i++) {
        const HeaderMatchMessage *header = match->headers[i];
        bool counts = true;
        for (size_t j = 0; j < i; j++)
            counts = counts && strcasecmp(match->headers[j]->name, header->name) != 0;
        if (!counts)
            continue;
        rank->headers++;
        if (!value_matches(header->type, header->value, header_value(head, header->name)))
            return false;
    }
    return true;
}

static bool params_match(const RouteMatchMessage *match, const struct request_head *head,
                         struct rank *rank)
{
    for (size_t i = 0; i < match->n_query_params; i++) {
        const QueryParamMatchMessage *param = match->query_params[i];
        bool counts = true;
        for (size_t j = 0; j < i; j++)
            counts = counts && strcmp(match->query_params[j]->name, param->name) != 0;
        if (!counts)
            continue;
        rank->params++;
        if (!value_matches(param->type, param->value, param_value(head, param->name)))
            return false;
    }
    return true;
}

static bool match_holds(const RouteMatchMessage *match, const struct request_head *head,
                        struct rank *rank)
{
    rank->has_method = match->method[0] != '\0';
    return path_matches(match->path, head, rank) &&
           (!rank->has_method || slice_equals(slice_from_string(match->method), head->method)) &&
           headers_match(match, head, rank) && params_match(match, head, rank);
}

static bool is_attached(const RouteMessage *route, const struct request_head *head)
{
    if (route->n_parent_refs == 0)
        return true;
    for (size_t i = 0; i < route->n_parent_refs; i++) {
        const ParentRefMessage *ref = route->parent_refs[i];
        if ((ref->section_name[0] == '\0' ||
             slice_equals(slice_from_string(ref->section_name), head->listener->name)) &&
            (ref->port == 0 || ref->port == head->listener->port))
            return true;
    }
    return false;
}

/* --- the whole ------------------------------------------------------------------------------ */

struct search {
    const struct request_head *head;
    struct reference_answer answer;
    struct rank best;
};

static void consider_rules(struct search *search, const RouteMessage *route, size_t host)
{
    for (size_t i = 0; i < route->n_rules; i++) {
        RouteMatchMessage any = POINTSMAN__V1__ROUTE_MATCH__INIT;
        RouteMatchMessage *any_match = &any;
        const RouteRuleMessage *rule = route->rules[i];
        RouteMatchMessage **matches = rule->n_matches == 0 ? &any_match : rule->matches;
        size_t count = rule->n_matches == 0 ? 1 : rule->n_matches;
        for (size_t j = 0; j < count; j++) {
            struct rank rank = {.host = host,
                                .created = route->created_revision,
                                .order = route->created_order,
                                .name = route->name,
                                .rule = i};
            if (!match_holds(matches[j], search->head, &rank))
                continue;
            if (search->answer.route != NULL && !goes_first(&rank, &search->best))
                continue;
            search->answer = (struct reference_answer){route, i};
            search->best = rank;
        }
    }
}

struct reference_answer reference_find(RouteMessage *const *routes, size_t count,
                                       const struct request_head *head)
{
    struct search search = {.head = head};
    for (size_t i = 0; i < count; i++) {
        const RouteMessage *route = routes[i];
        if (!is_attached(route, head))
            continue;
        if (route->n_hostnames == 0)
            consider_rules(&search, route, 0);
        for (size_t j = 0; j < route->n_hostnames; j++) {
            size_t specificity;
            if (host_matches(route->hostnames[j], head, &specificity))
                consider_rules(&search, route, specificity);
        }
    }
    return search.answer;
}
