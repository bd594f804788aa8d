#include "tests/unit/proxy/routing/reference_matcher.h"

#include "common/buffer.h"
#include "common/hash.h"
#include "proxy/routing/regex.h"

#include <ctype.h>
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
    size_t grpc_size; /* of a method of any service; larger goes first */
    bool has_method;
    size_t headers;
    size_t params;
    uint64_t created; /* smaller goes first */
    uint32_t order;   /* smaller goes first */
    const char *name; /* smaller goes first */
    bool is_grpc;     /* goes behind the HTTPRoute of its name */
    size_t rule;      /* smaller goes first */
};

/* What decides between the two, and whether `a` goes first. */
static enum reference_criterion goes_first(const struct rank *a, const struct rank *b,
                                           bool *is_first)
{
#define DECIDE(what, first)                                                                        \
    if (a->what != b->what) {                                                                      \
        *is_first = (first);                                                                       \
        return criterion;                                                                          \
    }                                                                                              \
    criterion++

    enum reference_criterion criterion = DECIDED_HOST;
    DECIDE(host, a->host > b->host);
    DECIDE(path_kind, a->path_kind > b->path_kind);
    DECIDE(path_size, a->path_size > b->path_size);
    DECIDE(grpc_size, a->grpc_size > b->grpc_size);
    DECIDE(has_method, a->has_method);
    DECIDE(headers, a->headers > b->headers);
    DECIDE(params, a->params > b->params);
    DECIDE(created, a->created < b->created);
    DECIDE(order, a->order < b->order);
#undef DECIDE
    int order = strcmp(a->name, b->name);
    if (order == 0)
        order = (int)a->is_grpc - (int)b->is_grpc;
    *is_first = order != 0 ? order < 0 : a->rule < b->rule;
    if (order != 0)
        return DECIDED_NAME;
    return a->rule != b->rule ? DECIDED_RULE : DECIDED_NOTHING;
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

/* Mostly an expression is compiled once. An alternative that takes nothing keeps it from being told
 * by its texts (regex_literals.h) that it does not match. */
static struct regex *compiled(const char *pattern)
{
    enum { KEPT = 1024, PATTERN_BYTES = 64 };
    static struct {
        char pattern[PATTERN_BYTES];
        struct regex *regex;
    } kept[KEPT];

    size_t length = strlen(pattern);
    size_t i = hash_stable(pattern, length) % KEPT;
    if (length >= PATTERN_BYTES)
        abort();
    if (kept[i].regex == NULL || strcmp(kept[i].pattern, pattern) != 0) {
        struct buffer whole = BUFFER_EMPTY;
        buffer_printf(&whole, "(?:%s)|[^\\x00-\\xff]", pattern);
        regex_free(kept[i].regex);
        kept[i].regex = regex_new(buffer_slice(&whole), NULL);
        buffer_clear(&whole);
        if (kept[i].regex == NULL)
            abort();
        memcpy(kept[i].pattern, pattern, length + 1);
    }
    return kept[i].regex;
}

static bool expression_matches(const char *pattern, const char *value)
{
    return regex_matches(compiled(pattern), slice_from_string(value));
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

static bool host_matches(const char *hostname, const char *host, size_t *specificity)
{
    *specificity = EXACT_HOST;
    if (strncmp(hostname, "*.", 2) != 0)
        return strcmp(host, hostname) == 0;
    size_t host_length = strlen(host);
    size_t tail_length = strlen(hostname + 1);
    *specificity = tail_length;
    return host_length > tail_length && strcmp(host + host_length - tail_length, hostname + 1) == 0;
}

/* As requests come (HARDENING): escapes of unreserved characters decoded, others in upper case. */
static char *canonical(const char *value)
{
    char *text = memory_duplicate_string(value);
    char *to = text;
    for (const char *from = value; *from != '\0'; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        char digits[3] = {from[1], from[2], '\0'};
        char byte = (char)strtol(digits, NULL, 16);
        from += 2;
        if (isalnum((unsigned char)byte) || (byte != '\0' && strchr("-._~", byte) != NULL)) {
            *to++ = byte;
        } else {
            *to++ = '%';
            *to++ = (char)toupper((unsigned char)digits[0]);
            *to++ = (char)toupper((unsigned char)digits[1]);
        }
    }
    *to = '\0';
    return text;
}

static bool prefix_matches(const char *prefix, const char *path, struct rank *rank)
{
    rank->path_size = strlen(prefix);
    if (prefix[rank->path_size - 1] == '/')
        rank->path_size--;
    if (strcmp(path, "*") == 0) /* of OPTIONS: below "/" and nothing else */
        return rank->path_size == 0;
    char behind = strlen(path) < rank->path_size ? 'x' : path[rank->path_size];
    return strncmp(path, prefix, rank->path_size) == 0 && (behind == '\0' || behind == '/');
}

/* Whether there is a service and this method, and nothing else. */
static bool is_call_of(const char *path, const char *method)
{
    const char *slash = *path == '/' ? strchr(path + 1, '/') : NULL;
    return slash != NULL && slash > path + 1 && strcmp(slash + 1, method) == 0;
}

static bool path_matches(const PathMatchMessage *message, const char *path, struct rank *rank)
{
    const char *given = message == NULL || message->value[0] == '\0' ? "/" : message->value;
    Pointsman__V1__PathMatchType type =
        message == NULL ? POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_PATH_PREFIX
                        : message->type;
    if (type == POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_REGULAR_EXPRESSION) {
        rank->path_kind = 1;
        rank->path_size = strlen(given);
        return expression_matches(given, path);
    }

    if (type == POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_GRPC_METHOD) {
        rank->grpc_size = strlen(given);
        return is_call_of(path, given);
    }

    char *value = canonical(given);
    bool matches;
    if (type == POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_EXACT) {
        rank->path_kind = 2;
        rank->path_size = strlen(value);
        matches = strcmp(path, value) == 0;
    } else {
        rank->path_kind = 0;
        matches = prefix_matches(value, path, rank);
    }
    free(value);
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
                        const char *path, struct rank *rank)
{
    rank->has_method = match->method[0] != '\0';
    return path_matches(match->path, path, rank) &&
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

/* --- what the winner is --------------------------------------------------------------------- */

static uint64_t trait(bool is_there, enum reference_trait trait)
{
    return (uint64_t)is_there << trait;
}

static uint64_t header_traits(const RouteMatchMessage *match, const struct request_head *head)
{
    uint64_t traits = trait(match->n_headers > 0, TRAIT_HEADER);
    for (size_t i = 0; i < match->n_headers; i++) {
        const HeaderMatchMessage *header = match->headers[i];
        traits |= trait(header->type ==
                            POINTSMAN__V1__VALUE_MATCH_TYPE__VALUE_MATCH_TYPE_REGULAR_EXPRESSION,
                        TRAIT_HEADER_REGEX);
        for (size_t j = 0; j < i; j++)
            traits |= trait(strcasecmp(match->headers[j]->name, header->name) == 0,
                            TRAIT_REPEATED_HEADER);
        size_t sent = 0;
        for (size_t j = 0; j < head->header_count; j++)
            sent +=
                slice_equals_ignoring_case(head->headers[j].name, slice_from_string(header->name));
        bool is_cookie = strcasecmp(header->name, "set-cookie") == 0;
        traits |= trait(sent > 1 && is_cookie, TRAIT_SET_COOKIE);
        traits |= trait(sent > 1 && !is_cookie, TRAIT_JOINED_HEADER);
    }
    return traits;
}

static uint64_t query_traits(const RouteMatchMessage *match, const struct request_head *head)
{
    uint64_t traits = trait(match->n_query_params > 0, TRAIT_QUERY);
    bool is_escaped =
        head->query.length > 0 && (memchr(head->query.at, '%', head->query.length) != NULL ||
                                   memchr(head->query.at, '+', head->query.length) != NULL);
    for (size_t i = 0; i < match->n_query_params; i++) {
        traits |= trait(match->query_params[i]->type ==
                            POINTSMAN__V1__VALUE_MATCH_TYPE__VALUE_MATCH_TYPE_REGULAR_EXPRESSION,
                        TRAIT_QUERY_REGEX);
        traits |= trait(is_escaped, TRAIT_ESCAPED_QUERY);
    }
    return traits;
}

static uint64_t path_traits(const RouteMatchMessage *match, const char *path,
                            const struct rank *rank)
{
    return trait(rank->path_kind == 2, TRAIT_EXACT_PATH) |
           trait(rank->path_kind == 1, TRAIT_REGEX_PATH) |
           trait(rank->path_kind == 0, TRAIT_PREFIX) |
           trait(rank->path_kind == 0 && rank->path_size < strlen(path), TRAIT_SHORTER_PREFIX) |
           trait(match->path != NULL && strchr(match->path->value, '%') != NULL,
                 TRAIT_ESCAPED_PATH) |
           trait(strcmp(path, "*") == 0, TRAIT_ASTERISK);
}

static uint64_t attachment_traits(const RouteMessage *route)
{
    uint64_t traits = 0;
    for (size_t i = 0; i < route->n_parent_refs; i++) {
        traits |= trait(route->parent_refs[i]->section_name[0] != '\0', TRAIT_ATTACHED_BY_NAME);
        traits |= trait(route->parent_refs[i]->port != 0, TRAIT_ATTACHED_BY_PORT);
    }
    return traits;
}

/* --- the whole ------------------------------------------------------------------------------ */

struct search {
    const struct request_head *head;
    char *host;
    char *path;
    struct reference_answer answer;
    const RouteMatchMessage *match;
    struct rank best;
    struct rank second;
    bool has_second;
    size_t most_specific; /* of the hostnames that take the host */
};

static void take(struct search *search, const struct rank *rank, const RouteMessage *route,
                 const RouteMatchMessage *match)
{
    bool is_first = true;
    if (search->answer.route != NULL)
        goes_first(rank, &search->best, &is_first);
    if (!is_first) {
        if (search->has_second)
            goes_first(rank, &search->second, &is_first);
        if (!search->has_second || is_first)
            search->second = *rank;
        search->has_second = true;
        return;
    }
    search->second = search->best;
    search->has_second = search->answer.route != NULL;
    search->best = *rank;
    search->match = match;
    search->answer.route = route;
    search->answer.rule_index = rank->rule;
}

static void consider_rule(struct search *search, const RouteMessage *route, size_t host,
                          const RouteRuleMessage *rule, size_t index)
{
    static RouteMatchMessage any = POINTSMAN__V1__ROUTE_MATCH__INIT;
    size_t count = rule == NULL || rule->n_matches == 0 ? 1 : rule->n_matches;
    for (size_t i = 0; i < count; i++) {
        const RouteMatchMessage *match =
            rule == NULL || rule->n_matches == 0 ? &any : rule->matches[i];
        struct rank rank = {
            .host = host,
            .created = route->created_revision,
            .order = route->created_order,
            .name = route->name,
            .is_grpc = route->kind == POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC,
            .rule = index,
        };
        if (match_holds(match, search->head, search->path, &rank))
            take(search, &rank, route, match);
    }
}

static void consider_rules(struct search *search, const RouteMessage *route, size_t host)
{
    if (host > search->most_specific)
        search->most_specific = host;
    if (route->n_rules == 0)
        consider_rule(search, route, host, NULL, 0);
    for (size_t i = 0; i < route->n_rules; i++)
        consider_rule(search, route, host, route->rules[i], i);
}

static void consider_route(struct search *search, const RouteMessage *route)
{
    if (!is_attached(route, search->head))
        return;
    if (route->n_hostnames == 0)
        consider_rules(search, route, 0);
    for (size_t j = 0; j < route->n_hostnames; j++) {
        size_t specificity;
        if (host_matches(route->hostnames[j], search->host, &specificity))
            consider_rules(search, route, specificity);
    }
}

static void describe_answer(struct search *search)
{
    struct reference_answer *answer = &search->answer;
    const struct rank *best = &search->best;
    bool is_first;
    if (search->has_second)
        answer->decided_by = goes_first(best, &search->second, &is_first);
    answer->traits = trait(best->host == EXACT_HOST, TRAIT_EXACT_HOST) |
                     trait(best->host > 0 && best->host < EXACT_HOST, TRAIT_WILDCARD_HOST) |
                     trait(best->host == 0, TRAIT_EVERY_HOST) |
                     trait(best->host < search->most_specific, TRAIT_FELL_BACK) |
                     trait(best->has_method, TRAIT_METHOD) |
                     trait(answer->route->n_rules == 0, TRAIT_WITHOUT_RULES) |
                     path_traits(search->match, search->path, best) |
                     header_traits(search->match, search->head) |
                     query_traits(search->match, search->head) | attachment_traits(answer->route);
}

struct reference_answer reference_find(RouteMessage *const *routes, size_t count,
                                       const struct request_head *head)
{
    struct search search = {
        .head = head, .host = copy_slice(head->host), .path = copy_slice(head->path)};
    for (size_t i = 0; i < count; i++)
        consider_route(&search, routes[i]);
    if (search.answer.route != NULL)
        describe_answer(&search);
    free(search.host);
    free(search.path);
    return search.answer;
}
