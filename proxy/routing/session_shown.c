#include "proxy/routing/session_shown.h"

#include "common/clock.h"
#include "proxy/routing/request_field.h"
#include "proxy/routing/route.h"

/* One that began later than now is of a proxy whose clock is ahead of ours. */
static bool is_over(const struct session_policy *policy, uint64_t began_ms)
{
    if (policy->absolute_timeout_ms == 0)
        return false;
    uint64_t now_ms = clock_wall_ms();
    return now_ms > began_ms && now_ms - began_ms >= policy->absolute_timeout_ms;
}

enum session_shown session_shown_by(const struct request_head *head,
                                    const struct session_policy *policy,
                                    const struct session_key *key, struct session_token *token)
{
    struct slice text;
    bool is_there = policy->is_header ? request_field_find(head, policy->name, &text)
                                      : request_field_find_cookie(head, policy->name, &text);
    if (!is_there)
        return SESSION_NOT_SHOWN;
    if (!session_token_read(text, key, token))
        return SESSION_NO_TOKEN;
    return is_over(policy, token->began_ms) ? SESSION_OVER : SESSION_GOES_ON;
}
