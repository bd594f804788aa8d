/* The compiling half of route.h: from a message to a route. */
#include "common/arena.h"
#include "common/buffer.h"
#include "common/cache_line.h"
#include "common/round_up.h"
#include "proto/message.h"
#include "proto/message_arena.h"
#include "proto/route_id.h"
#include "proxy/routing/filter.h"
#include "proxy/routing/route_compile_parts.h"
#include "proxy/routing/route_validate.h"
#include "proxy/routing/slab.h"
#include "proxy/routing/validation.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/* A route is one allocation. First comes what lookups read, so that it is in few cache lines: the
 * struct with its rules and matches, their conditions, and the bytes the route was made from, which
 * begin with its name and hostnames. Behind them are the other arrays by falling alignment, then
 * text. What the arrays need is counted first (struct extent), so that filling them is plain
 * bumping. Every string of a message stands in its serialized form as it is, so strings are pointed
 * to there; only paths that are not canonical, ids of GRPCRoutes, and names of session cookies that
 * nobody gave have text of their own. */

const struct rule_policy rule_policy_default = {
    .request_timeout_ms = TIMEOUT_UNSET,
    .backend_request_timeout_ms = TIMEOUT_UNSET,
};

/* What the Gateway API's defaults say of a route without rules, and of a rule without matches. */
static RouteMatchMessage default_match = POINTSMAN__V1__ROUTE_MATCH__INIT;
static RouteMatchMessage *default_matches[] = {&default_match};
static RouteRuleMessage default_rule = POINTSMAN__V1__ROUTE_RULE__INIT;
static RouteRuleMessage *default_rules[] = {&default_rule};

struct rule_list {
    RouteRuleMessage *const *items;
    size_t count;
};

struct match_message_list {
    RouteMatchMessage *const *items;
    size_t count;
};

static struct rule_list rules_of(const RouteMessage *message)
{
    if (message->n_rules == 0)
        return (struct rule_list){default_rules, 1};
    return (struct rule_list){message->rules, message->n_rules};
}

static struct match_message_list matches_of(const RouteRuleMessage *rule)
{
    if (rule->n_matches == 0)
        return (struct match_message_list){default_matches, 1};
    return (struct match_message_list){rule->matches, rule->n_matches};
}

static bool needs_policy(const RouteRuleMessage *rule)
{
    return rule->timeouts != NULL || rule->retry != NULL || rule->n_filters > 0 ||
           rule->session_persistence != NULL;
}

/* Attached to all listeners as soon as one parentRef names none. */
static size_t count_attachments(const RouteMessage *message)
{
    for (size_t i = 0; i < message->n_parent_refs; i++) {
        if (message->parent_refs[i]->section_name[0] == '\0' && message->parent_refs[i]->port == 0)
            return 0;
    }
    return message->n_parent_refs;
}

/* --- how much of everything ----------------------------------------------------------------- */

struct extent {
    size_t rules, policies, sessions, choices, matches, conditions, values, hostnames;
    size_t attachments, codes, text_bytes;
};

static void measure_match(struct extent *extent, const RouteMatchMessage *match)
{
    extent->matches++;
    extent->conditions += route_match_needs_conditions(match);
    extent->values += match->n_headers + match->n_query_params;
    if (match->path != NULL)
        extent->text_bytes += route_match_own_text_bytes(match->path->value);
}

/* The id of a GRPCRoute stands nowhere in the message. */
static size_t own_id_bytes(const RouteMessage *message)
{
    const char *start = route_id_start(message->kind);
    return *start == '\0' ? 0 : strlen(start) + strlen(message->name);
}

static struct extent measure(const RouteMessage *message)
{
    struct extent extent = {
        .hostnames = message->n_hostnames,
        .attachments = count_attachments(message),
        .text_bytes = own_id_bytes(message),
    };
    struct rule_list rules = rules_of(message);
    extent.rules = rules.count;
    for (size_t i = 0; i < rules.count; i++) {
        const RouteRuleMessage *rule = rules.items[i];
        extent.policies += needs_policy(rule);
        extent.choices += rule->n_backend_refs;
        extent.codes += rule->retry == NULL ? 0 : rule->retry->n_codes;
        if (rule->session_persistence != NULL) {
            extent.sessions++;
            extent.text_bytes += route_session_own_text_bytes(rule->session_persistence);
        }
        struct match_message_list matches = matches_of(rule);
        for (size_t j = 0; j < matches.count; j++)
            measure_match(&extent, matches.items[j]);
    }
    return extent;
}

/* --- filling -------------------------------------------------------------------------------- */

static struct route *allocate(const struct extent *extent, struct slice bytes,
                              struct route_compiler *compiler)
{
    size_t at = sizeof(struct route);
    size_t rules_at = at;
    at += extent->rules * sizeof(struct rule);
    size_t matches_at = at;
    at += extent->matches * sizeof(struct route_match);
    size_t conditions_at = at;
    at += extent->conditions * sizeof(struct match_conditions);
    at += extent->values * sizeof(struct value_condition);
    size_t bytes_at = at;
    at = round_up(at + bytes.length, alignof(void *));
    size_t choices_at = at;
    at += extent->choices * sizeof(struct backend_choice);
    size_t policies_at = at;
    at += extent->policies * sizeof(struct rule_policy);
    size_t sessions_at = at;
    at += extent->sessions * sizeof(struct session_policy);
    size_t attachments_at = at;
    at += extent->attachments * sizeof(struct listener_identity);
    size_t hostnames_at = at;
    at += extent->hostnames * sizeof(struct route_part);
    size_t codes_at = at;
    at += extent->codes * sizeof(uint16_t);
    size_t text_at = at;
    at += extent->text_bytes;

    assert(at <= UINT32_MAX);
    char *base = slab_allocate(round_up(at, CACHE_LINE_BYTES));
    memset(base, 0, at);
    if (bytes.length > 0)
        memcpy(base + bytes_at, bytes.at, bytes.length);
    struct route *route = (struct route *)base;
    *compiler = (struct route_compiler){
        .route = route,
        .rule = (struct rule *)(base + rules_at),
        .policy = (struct rule_policy *)(base + policies_at),
        .session = (struct session_policy *)(base + sessions_at),
        .choice = (struct backend_choice *)(base + choices_at),
        .match = (struct route_match *)(base + matches_at),
        .conditions = (struct match_conditions *)(base + conditions_at),
        .hostname = (struct route_part *)(base + hostnames_at),
        .attachment = (struct listener_identity *)(base + attachments_at),
        .code = (uint16_t *)(base + codes_at),
        .text = base + text_at,
        .unread = slice_of(base + bytes_at, bytes.length),
    };

    atomic_init(&route->references, 1);
    route->matches_at = (uint32_t)matches_at;
    route->hostnames_at = (uint32_t)hostnames_at;
    route->attachments_at = (uint32_t)attachments_at;
    route->bytes = (struct route_part){(uint32_t)bytes_at, (uint32_t)bytes.length};
    return route;
}

static struct route_part part_of(const struct route *route, struct slice text)
{
    return (struct route_part){(uint32_t)(text.at - (const char *)route), (uint32_t)text.length};
}

/* Strings come in about the order they are serialized in, so looking first behind the last one
 * found keeps this linear. */
struct slice route_compiler_own_copy(struct route_compiler *compiler, const char *text)
{
    size_t length = strlen(text);
    if (length == 0)
        return slice_of("", 0);

    const char *found = memmem(compiler->unread.at, compiler->unread.length, text, length);
    if (found == NULL) {
        struct slice bytes = route_bytes(compiler->route);
        found = memmem(bytes.at, bytes.length, text, length);
        assert(found != NULL);
        return slice_of(found, length);
    }
    const char *end = compiler->unread.at + compiler->unread.length;
    compiler->unread = slice_of(found + length, (size_t)(end - found) - length);
    return slice_of(found, length);
}

/* --- rules ---------------------------------------------------------------------------------- */

static uint32_t index_of(struct route_compiler *compiler, const char *namespace, const char *name,
                         uint32_t port)
{
    char full_name[OBJECT_NAME_BYTES];
    object_name_resolve(compiler->name, namespace, name, full_name);
    return compiler->backend_index(compiler->context, full_name, port);
}

static uint32_t filter_index(void *context, const Pointsman__V1__BackendObjectReference *ref)
{
    if (!backend_ref_names_backend(ref->group, ref->kind))
        return ROUTE_NO_BACKEND;
    return index_of(context, ref->namespace_, ref->name, ref->port);
}

static const struct filter_list *compile_filters(struct route_compiler *compiler,
                                                 FilterMessage *const *filters, size_t count,
                                                 struct slice prefix)
{
    const struct filter_context context = {
        .prefix = prefix,
        .backend_index = filter_index,
        .context = compiler,
    };
    return filter_list_new(filters, count, &context);
}

/* The one PathPrefix that filters may replace; where there are others, none of them does. */
static struct slice prefix_of(const struct route_match *match)
{
    return match->path_kind == MATCH_PREFIX ? route_match_path(match) : SLICE("");
}

static void compile_choice(struct route_compiler *compiler, struct rule *rule,
                           const BackendRefMessage *ref, struct slice prefix)
{
    struct backend_choice *choice = compiler->choice++;
    choice->weight = ref->weight_presence_case == POINTSMAN__V1__BACKEND_REF__WEIGHT_PRESENCE_WEIGHT
                         ? ref->weight
                         : 1;
    choice->backend_index = ROUTE_NO_BACKEND;
    if (backend_ref_names_backend(ref->group, ref->kind))
        choice->backend_index = index_of(compiler, ref->namespace_, ref->name, ref->port);
    choice->filters = compile_filters(compiler, ref->filters, ref->n_filters, prefix);
    rule->choice_count++;
    rule->total_weight += choice->weight;
}

static void compile_policy(struct route_compiler *compiler, struct rule *rule,
                           const RouteRuleMessage *message, struct slice prefix)
{
    struct rule_policy *policy = compiler->policy++;
    *policy = rule_policy_default;
    policy->filters = compile_filters(compiler, message->filters, message->n_filters, prefix);
    rule->policy = policy;

    if (message->timeouts != NULL) {
        const Pointsman__V1__Timeouts *timeouts = message->timeouts;
        if (timeouts->request != NULL)
            policy->request_timeout_ms = duration_milliseconds(timeouts->request);
        if (timeouts->backend_request != NULL)
            policy->backend_request_timeout_ms = duration_milliseconds(timeouts->backend_request);
    }
    if (message->retry != NULL) {
        const Pointsman__V1__Retry *retry = message->retry;
        policy->retry = (struct retry_policy){
            .is_set = true,
            .attempts =
                retry->attempts_presence_case == POINTSMAN__V1__RETRY__ATTEMPTS_PRESENCE_ATTEMPTS
                    ? retry->attempts
                    : 1,
            .backoff_ms = retry->backoff == NULL ? RETRY_BACKOFF_DEFAULT_MS
                                                 : duration_milliseconds(retry->backoff),
            .codes = compiler->code,
            .code_count = retry->n_codes,
        };
        for (size_t i = 0; i < retry->n_codes; i++)
            *compiler->code++ = (uint16_t)retry->codes[i];
    }
    if (message->session_persistence != NULL)
        policy->session = route_compiler_add_session(compiler, rule, message);
}

static void compile_rule(struct route_compiler *compiler, const RouteRuleMessage *message)
{
    struct rule *rule = compiler->rule++;
    *rule = (struct rule){
        .route = compiler->route,
        .policy = &rule_policy_default,
        .choices = compiler->choice,
        .index = compiler->route->rule_count++,
        .is_broken = compiler->is_broken,
    };
    const struct route_match *first_match = compiler->match;
    struct match_message_list matches = matches_of(message);
    for (size_t i = 0; i < matches.count; i++)
        route_compiler_add_match(compiler, rule, matches.items[i]);

    if (compiler->is_broken)
        return;
    struct slice prefix = prefix_of(first_match);
    for (size_t i = 0; i < message->n_backend_refs; i++)
        compile_choice(compiler, rule, message->backend_refs[i], prefix);
    if (needs_policy(message))
        compile_policy(compiler, rule, message, prefix);
}

/* --- routes --------------------------------------------------------------------------------- */

static bool is_hostname(const char *hostname)
{
    const char *name = strncmp(hostname, "*.", 2) == 0 ? hostname + 2 : hostname;
    return is_dns_subdomain(slice_from_string(name));
}

static int compare_hostname_parts(const void *a, const void *b, void *route)
{
    const struct route_part *parts[] = {a, b};
    struct hostname hostnames[2];
    for (size_t i = 0; i < 2; i++)
        hostnames[i] =
            hostname_from_text(slice_of((const char *)route + parts[i]->at, parts[i]->length));
    return hostname_compare(hostnames[0], hostnames[1]);
}

/* Sorted, each once. */
static void compile_hostnames(struct route_compiler *compiler, const RouteMessage *message)
{
    struct route *route = compiler->route;
    struct route_part *parts = compiler->hostname;
    size_t count = 0;
    for (size_t i = 0; i < message->n_hostnames; i++) {
        if (is_hostname(message->hostnames[i]))
            parts[count++] =
                part_of(route, route_compiler_own_copy(compiler, message->hostnames[i]));
    }
    qsort_r(parts, count, sizeof(*parts), compare_hostname_parts, route);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || compare_hostname_parts(&parts[kept - 1], &parts[i], route) != 0)
            parts[kept++] = parts[i];
    }
    route->hostname_count = (uint16_t)kept;
}

static void compile_attachments(struct route_compiler *compiler, const RouteMessage *message)
{
    size_t count = count_attachments(message);
    for (size_t i = 0; i < count; i++) {
        *compiler->attachment++ = (struct listener_identity){
            .name = route_compiler_own_copy(compiler, message->parent_refs[i]->section_name),
            .port = (uint16_t)message->parent_refs[i]->port,
        };
    }
    compiler->route->attachment_count = (uint16_t)count;
}

static struct slice compile_id(struct route_compiler *compiler, const RouteMessage *message)
{
    if (own_id_bytes(message) == 0)
        return route_compiler_own_copy(compiler, message->name);
    const char *start = route_id_start(message->kind);
    char *id = compiler->text;
    char *name = mempcpy(id, start, strlen(start));
    compiler->text = mempcpy(name, message->name, strlen(message->name));
    return slice_of(id, (size_t)(compiler->text - id));
}

static struct route *new_unreadable(const RouteMessage *message, struct slice bytes)
{
    struct arena arena = {0};
    const char *id = route_id_of(message, &arena);
    struct route *route = route_new_unreadable(slice_from_string(id), bytes);
    arena_clear(&arena);
    return route;
}

struct route *route_new(const RouteMessage *message, struct slice bytes, bool is_broken,
                        route_backend_index_fn *backend_index, void *context)
{
    struct extent extent = measure(message);
    if (extent.rules > UINT16_MAX || extent.matches > UINT16_MAX || extent.hostnames > UINT16_MAX ||
        extent.attachments > UINT16_MAX)
        return new_unreadable(message, bytes);

    struct route_compiler compiler;
    struct route *route = allocate(&extent, bytes, &compiler);
    compiler.is_broken = is_broken;
    compiler.name = message->name;
    compiler.backend_index = backend_index;
    compiler.context = context;

    struct slice id = compile_id(&compiler, message);
    route->id_at = part_of(route, id).at;
    route->id_length = (uint16_t)id.length;
    route->revision = message->revision;
    route->created_revision = message->created_revision;
    route->created_order = (uint16_t)message->created_order;
    compile_attachments(&compiler, message);
    compile_hostnames(&compiler, message);

    struct rule_list rules = rules_of(message);
    for (size_t i = 0; i < rules.count; i++)
        compile_rule(&compiler, rules.items[i]);

    /* None of its hosts can be understood: that must not become every host. */
    if (message->n_hostnames > 0 && route->hostname_count == 0) {
        assert(is_broken);
        for (size_t i = 0; i < route->match_count; i++)
            route_match_clear((struct route_match *)&route_matches(route)[i]);
        route->match_count = 0;
    }
    return route;
}

struct route *route_new_unreadable(struct slice id, struct slice bytes)
{
    struct route *route = slab_allocate(sizeof(*route) + id.length + bytes.length);
    char *text = (char *)(route + 1);
    *route = (struct route){
        .references = 1,
        .id_at = sizeof(*route),
        .id_length = (uint16_t)id.length,
        .bytes = {(uint32_t)(sizeof(*route) + id.length), (uint32_t)bytes.length},
    };
    memcpy(text, id.at, id.length);
    if (bytes.length > 0)
        memcpy(text + id.length, bytes.at, bytes.length);
    return route;
}

/* --- without backends ----------------------------------------------------------------------- */

static void ignore_problem(void *context, const char *field, const char *message)
{
    (void)context;
    (void)field;
    (void)message;
}

static uint32_t some_index(void *context, const char *full_name, uint32_t port)
{
    (void)context;
    (void)full_name;
    (void)port;
    return 0;
}

struct route *route_new_unlinked(struct slice bytes)
{
    struct message_arena arena = {0};
    struct route *route = NULL;
    const RouteMessage *message =
        (const RouteMessage *)message_arena_unpack(&arena, &pointsman__v1__route__descriptor, bytes,
                                                   MESSAGE_MEMORY_APPLY, UNKNOWN_FIELDS_KEPT, NULL);
    if (message != NULL) {
        bool is_broken = !route_validate(message, ignore_problem, NULL);
        route = route_new(message, bytes, is_broken, some_index, NULL);
    }
    message_arena_clear(&arena);
    return route;
}
