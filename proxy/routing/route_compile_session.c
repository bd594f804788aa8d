/* The part of route_new that compiles how a rule keeps sessions. */
#include "common/buffer.h"
#include "common/hash.h"
#include "proxy/routing/route_compile_parts.h"
#include "proxy/routing/validation.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { OWN_NAME_LENGTH = sizeof("session-") - 1 + 16 };

static bool is_header(const SessionPersistenceMessage *session)
{
    return session->type ==
           POINTSMAN__V1__SESSION_PERSISTENCE_TYPE__SESSION_PERSISTENCE_TYPE_HEADER;
}

static bool has_own_name(const SessionPersistenceMessage *session)
{
    return !is_header(session) && (session->cookie == NULL || session->cookie->name[0] == '\0');
}

size_t route_session_own_text_bytes(const SessionPersistenceMessage *session)
{
    return has_own_name(session) ? OWN_NAME_LENGTH + 1 : 0; /* snprintf ends it */
}

/* The same as long as the route has its name and the rule its own, or its place. Clients hold it:
 * another name for the same rule would end their sessions. */
static struct slice make_name(struct route_compiler *compiler, const struct rule *rule,
                              const char *rule_name)
{
    struct buffer of = BUFFER_EMPTY;
    buffer_append_slice(&of, route_id(compiler->route));
    if (rule_name[0] != '\0')
        buffer_printf(&of, "\n%s", rule_name);
    else
        buffer_printf(&of, "\n#%u", rule->index);
    char *name = compiler->text;
    snprintf(name, OWN_NAME_LENGTH + 1, "session-%016" PRIx64, hash_stable(of.at, of.length));
    compiler->text += OWN_NAME_LENGTH + 1;
    buffer_clear(&of);
    return slice_of(name, OWN_NAME_LENGTH);
}

const struct session_policy *route_compiler_add_session(struct route_compiler *compiler,
                                                        const struct rule *rule,
                                                        const RouteRuleMessage *message)
{
    const SessionPersistenceMessage *session = message->session_persistence;
    const Pointsman__V1__CookieConfig *cookie = session->cookie;
    struct session_policy *policy = compiler->session++;
    *policy = (struct session_policy){
        .is_header = is_header(session),
        .path = SLICE("/"),
        .absolute_timeout_ms = session->absolute_timeout == NULL
                                   ? 0
                                   : duration_milliseconds(session->absolute_timeout),
    };
    if (policy->is_header)
        policy->name = route_compiler_own_copy(compiler, session->header->name);
    else if (has_own_name(session))
        policy->name = make_name(compiler, rule, message->name);
    else
        policy->name = route_compiler_own_copy(compiler, cookie->name);
    if (cookie != NULL && cookie->path[0] != '\0')
        policy->path = route_compiler_own_copy(compiler, cookie->path);
    policy->is_permanent =
        cookie != NULL && cookie->lifetime_type ==
                              POINTSMAN__V1__COOKIE_LIFETIME_TYPE__COOKIE_LIFETIME_TYPE_PERMANENT;
    return policy;
}
