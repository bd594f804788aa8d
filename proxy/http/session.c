#include "proxy/http/session.h"

#include "common/clock.h"
#include "proxy/http/worker.h"
#include "proxy/routing/route_table.h"
#include "proxy/routing/session_shown.h"
#include "proxy/upstream/backend.h"
#include "proxy/upstream/balancer.h"

#include <inttypes.h>

/* --- what the client shows ------------------------------------------------------------------- */

/* NULL: no backendRef of the rule has that endpoint, or it may not be used. */
static const struct backend_choice *find_choice(struct exchange *exchange,
                                                const struct route_table *table,
                                                const struct session_token *token)
{
    const struct rule *rule = exchange->forwarding.rule;
    const struct balancer_request request = {.now_ms = timers_now_ms(&exchange->worker->timers)};
    for (size_t i = 0; i < rule->choice_count; i++) {
        struct backend *backend = route_table_backend(table, rule->choices[i].backend_index);
        const struct endpoint *endpoint =
            backend == NULL ? NULL : balancer_keep(backend, token->endpoint, &request);
        if (endpoint == NULL)
            continue;
        struct session_place *place = arena_allocate(&exchange->arena, sizeof(*place));
        *place = (struct session_place){.endpoint = endpoint, .began_ms = token->began_ms};
        exchange->forwarding.session = place;
        return &rule->choices[i];
    }
    return NULL;
}

const struct backend_choice *session_choose(struct exchange *exchange,
                                            const struct route_table *table)
{
    const struct rule *rule = exchange->forwarding.rule;
    const struct session_policy *policy = rule->policy->session;
    const struct backend_choice *choice = NULL;
    struct session_token token;
    if (policy != NULL &&
        session_shown_by(&exchange->request.head, policy, route_table_session_key(table), &token) ==
            SESSION_GOES_ON)
        choice = find_choice(exchange, table, &token);
    if (choice != NULL)
        return choice;
    return rule_choose(rule, balancer_random_next(&exchange->worker->random));
}

void session_give_up(struct exchange *exchange)
{
    exchange->forwarding.session = NULL;
}

/* --- what the client is told ----------------------------------------------------------------- */

static bool is_secure(const struct exchange *exchange)
{
    /* What a trusted peer says, or else the scheme of our own connection. */
    const struct slice *proto =
        header_list_find(&exchange->request.fields, HEADER_X_FORWARDED_PROTO);
    return slice_equals_ignoring_case(proto != NULL ? *proto : exchange->request.head.scheme,
                                      SLICE("https"));
}

/* RFC 6265 section 4.1. A session that is begun has all of its time left; a rest of a second is a
 * whole one, as 0 would end it. */
static struct slice cookie_of(struct exchange *exchange, const struct session_policy *policy,
                              struct slice token)
{
    char max_age[32] = "";
    if (policy->is_permanent)
        snprintf(max_age, sizeof(max_age), "; Max-Age=%" PRIu64,
                 (policy->absolute_timeout_ms + 999) / 1000);
    return slice_from_string(arena_printf(
        &exchange->arena, "%.*s=%.*s; Path=%.*s%s; HttpOnly%s; SameSite=Strict",
        (int)policy->name.length, policy->name.at, (int)token.length, token.at,
        (int)policy->path.length, policy->path.at, max_age, is_secure(exchange) ? "; Secure" : ""));
}

static void add_field(struct exchange *exchange, struct slice name, struct slice value,
                      enum header_id id)
{
    struct header_list *fields = &exchange->response.fields;
    if (header_list_add(fields, name, value, id))
        return;
    header_list_move(fields, 1, &exchange->arena); /* filters leave no room */
    header_list_tag(fields);
    header_list_add(fields, name, value, id);
}

static void tell(struct exchange *exchange, const struct session_policy *policy,
                 const struct session_token *token)
{
    const struct route_table *table = worker_route_table(exchange->worker);
    char *text = arena_allocate(&exchange->arena, SESSION_TOKEN_LENGTH);
    struct slice value = slice_of(text, SESSION_TOKEN_LENGTH);
    session_token_write(token, route_table_session_key(table), text);
    if (policy->is_header) {
        header_list_drop_name(&exchange->response.fields, policy->name);
        add_field(exchange, policy->name, value, HEADER_OTHER);
        return;
    }
    add_field(exchange, SLICE("set-cookie"), cookie_of(exchange, policy, value), HEADER_SET_COOKIE);
}

/* A cookie is kept by whoever keeps cookies; a header is whatever the last answer said. */
void session_tell(struct exchange *exchange)
{
    const struct forwarding *forwarding = &exchange->forwarding;
    const struct session_policy *policy = rule_policy_of(forwarding->rule)->session;
    if (policy == NULL || exchange->is_mirror)
        return;
    bool goes_on = session_is_at(exchange, forwarding->endpoint);
    if (goes_on && !policy->is_header)
        return;
    const struct session_token token = {
        .endpoint = backend_session_id(forwarding->backend, forwarding->endpoint),
        .began_ms = goes_on ? forwarding->session->began_ms : clock_wall_ms(),
    };
    tell(exchange, policy, &token);
}

void session_end(struct exchange *exchange)
{
    if (rule_policy_of(exchange->forwarding.rule)->session != NULL)
        exchange->forwarding.session = NULL;
}
