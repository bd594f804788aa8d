/* Route: one route as the data plane uses it, compiled from its message.
 *
 * Immutable and counted: tables share it, and a request holds the rule it chose until it ends,
 * never the whole table. A million of them are held at once, so a route is one allocation that
 * ends with the bytes it was made from: names, hosts, paths and values point into these.
 *
 * Threads: any; the count is atomic. */
#ifndef PROXY_ROUTING_ROUTE_H
#define PROXY_ROUTING_ROUTE_H

#include "common/error.h"
#include "common/slice.h"
#include "proto/messages.h"
#include "proxy/metrics/route_metrics.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct filter_list; /* proxy/routing/filter.h */
struct listener_identity;
struct route;
struct route_match;

/* A rule that sets no timeout of its own. Zero means: no limit. */
#define TIMEOUT_UNSET UINT64_MAX

/* --- rules ---------------------------------------------------------------------------------- */

/* The index of what can be no backend: a reference of an unknown kind. */
#define ROUTE_NO_BACKEND UINT32_MAX

/* One share of a rule's traffic. */
struct backend_choice {
    uint32_t backend_index; /* for route_table_backend of the table the rule was found in */
    uint32_t weight;
    const struct filter_list *filters; /* NULL: none */
};

/* The pause before a retry where the stanza says nothing of it. */
enum { RETRY_BACKOFF_DEFAULT_MS = 25 };

struct retry_policy {
    bool is_set;       /* the rule has a retry stanza */
    uint32_t attempts; /* retries after the first try */
    uint64_t backoff_ms;
    const uint16_t *codes;
    size_t code_count;
};

/* How clients come back to the endpoint that answered them. */
struct session_policy {
    bool is_header;               /* the token is in a header; else in a cookie */
    bool is_permanent;            /* of a cookie: it has a Max-Age */
    struct slice name;            /* of the header or cookie */
    struct slice path;            /* of the cookie */
    uint64_t absolute_timeout_ms; /* 0: no limit */
};

/* What most rules leave unsaid; these share one. */
struct rule_policy {
    const struct filter_list *filters;    /* NULL: none */
    const struct session_policy *session; /* NULL: sessions are not kept */
    uint64_t request_timeout_ms;          /* TIMEOUT_UNSET, 0: no limit */
    uint64_t backend_request_timeout_ms;
    struct retry_policy retry;
};

/* Of a rule that says nothing of all this, and of what the proxy sends without a rule. */
extern const struct rule_policy rule_policy_default;

struct rule {
    const struct route *route;
    const struct rule_policy *policy; /* never NULL */
    const struct backend_choice *choices;
    uint32_t total_weight; /* 0: answer 500 */
    uint16_t index;        /* in its route, from 0 */
    uint16_t choice_count : 15;
    bool is_broken : 1; /* could not be built: answer 500 (only after a first snapshot) */
};

/* Picks a share in proportion to the weights. `random` is any 64 random bits.
 * NULL when the weights add up to 0. Borrowed from the rule. */
const struct backend_choice *rule_choose(const struct rule *rule, uint64_t random);

/* `rule` may be NULL: there is none. */
static inline const struct rule_policy *rule_policy_of(const struct rule *rule)
{
    return rule == NULL ? &rule_policy_default : rule->policy;
}

/* Keeps the rule (its whole route) beyond the table it was found in. */
void rule_acquire(const struct rule *rule);
/* Clears *rule. Harmless on NULL. */
void rule_release(const struct rule **rule);

/* Who this rule belongs to, for logs and counters. Borrowed from the rule's route. */
struct slice rule_route_id(const struct rule *rule);
uint64_t rule_route_revision(const struct rule *rule);
struct route_metrics *rule_metrics(const struct rule *rule);

/* --- routes: what tables are made of -------------------------------------------------------- */

/* A part of its route, in bytes from its start. */
struct route_part {
    uint32_t at;
    uint32_t length;
};

/* Just a cache line: the next one is the first rule and, where it is the only one, its match. A
 * route starts and ends with a line. */
struct route {
    /* atomic: any */
    atomic_uint references;

    /* immutable */
    uint16_t hostname_count; /* 0: every host */
    uint16_t rule_count;
    uint16_t match_count;
    uint16_t attachment_count; /* 0: every listener */
    uint16_t id_length;
    uint16_t created_order;  /* among the routes of created_revision */
    uint32_t id_at;          /* in bytes from the start, as the others */
    uint32_t matches_at;     /* of all rules, in their order */
    uint32_t hostnames_at;   /* of struct route_part, sorted */
    uint32_t attachments_at; /* of struct listener_identity */
    struct route_part bytes; /* the message it was made from */
    uint64_t revision;
    uint64_t created_revision;

    /* atomic: workers */
    struct route_metrics metrics;

    /* immutable */
    struct rule rules[];
};

/* Gives the index in the table's backends that stands for a full backend name and a ref's port. */
typedef uint32_t route_backend_index_fn(void *context, const char *full_name, uint32_t port);

/* Compiles a message that has passed route_validate; `bytes` is its serialized form, copied.
 * `backend_index` is called once for each backendRef and each filter that names a backend. When the
 * message has not passed (`is_broken`), its rules match as far as they can be understood, and are
 * broken; then `backend_index` is not called. Caller releases. */
struct route *route_new(const RouteMessage *message, struct slice bytes, bool is_broken,
                        route_backend_index_fn *backend_index, void *context);

/* The route in these bytes as a proxy would have it, for a caller that only asks which requests its
 * rules take: the backends it names have no index. NULL when the bytes are no route. Caller
 * releases. */
struct route *route_new_unlinked(struct slice bytes);

/* A route of which nothing but the id is understood: it matches nothing. Copies. */
struct route *route_new_unreadable(struct slice id, struct slice bytes);

/* A hostname as a route has it, taken apart. */
struct hostname {
    struct slice name; /* without "*."; empty: every host */
    bool is_wildcard;
};

/* Of "a.b", "*.b", or "" for every host. Borrows the text. */
struct hostname hostname_from_text(struct slice text);

/* Whether the text, "a.b" or "*.b", is that of the hostname, which is not that of every host. */
static inline bool hostname_has_text(const struct hostname *hostname, struct slice text)
{
    size_t behind = hostname->is_wildcard ? 2 : 0; /* "*." */
    return text.length == behind + hostname->name.length &&
           (text.at[0] == '*') == hostname->is_wildcard &&
           slice_equals_far(slice_of(text.at + behind, text.length - behind), hostname->name);
}

/* Whether the route has just this hostname; every host, when it has none. */
bool route_has_hostname(const struct route *route, const struct hostname *hostname);

/* In the order in which a route keeps its hostnames. */
int hostname_compare(struct hostname a, struct hostname b);

/* Whether a hostname, "a.b" or "*.b", takes this host. */
bool route_hostname_takes(struct slice hostname, struct slice host);

/* Every index that `backend_index` gave, as often as it did. */
void route_each_backend_index(const struct route *route,
                              void (*visit)(void *context, uint32_t backend_index), void *context);

/* Replaces each of them by what `index_for` gives for it, before anyone else sees the route.
 * ROUTE_NO_BACKEND stays. */
void route_bind_backends(struct route *route,
                         uint32_t (*index_for)(void *context, uint32_t backend_index),
                         void *context);

void route_acquire(struct route *route);
/* Clears *route. Harmless on NULL. */
void route_release(struct route **route);

/* See proto/route_id.h. Not terminated, as all slices of a route. Borrowed from it. */
static inline struct slice route_id(const struct route *route)
{
    return slice_of((const char *)route + route->id_at, route->id_length);
}

static inline struct slice route_bytes(const struct route *route)
{
    return slice_of((const char *)route + route->bytes.at, route->bytes.length);
}

static inline struct slice route_hostname(const struct route *route, size_t index)
{
    const struct route_part *hostnames =
        (const struct route_part *)((const char *)route + route->hostnames_at);
    return slice_of((const char *)route + hostnames[index].at, hostnames[index].length);
}

static inline const struct listener_identity *route_attachments(const struct route *route)
{
    return (const struct listener_identity *)((const char *)route + route->attachments_at);
}

#endif
