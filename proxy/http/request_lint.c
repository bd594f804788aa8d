#include "proxy/http/request_lint.h"

#include "common/character.h"

enum refusal request_lint_method(struct slice method)
{
    if (method.length == 0)
        return REFUSAL_METHOD;
    for (size_t i = 0; i < method.length; i++) {
        if (!character_is(method.at[i], CHARACTER_TOKEN))
            return REFUSAL_METHOD;
    }

    /* Methods are case-sensitive, but not every server behind us knows. */
    if (slice_equals_ignoring_case(method, SLICE("CONNECT")) ||
        slice_equals_ignoring_case(method, SLICE("TRACE")))
        return REFUSAL_METHOD_NOT_ALLOWED;
    return REFUSAL_NONE;
}

/* --- target and authority --------------------------------------------------------------------- */

static const enum refusal target_refusals[] = {
    [TARGET_FINE] = REFUSAL_NONE,
    [TARGET_FORM] = REFUSAL_TARGET_FORM,
    [TARGET_CHARACTER] = REFUSAL_TARGET_CHARACTER,
    [TARGET_ESCAPE] = REFUSAL_TARGET_ESCAPE,
    [TARGET_NUL] = REFUSAL_TARGET_NUL,
    [TARGET_DOT_SEGMENT] = REFUSAL_DOT_SEGMENT,
};

enum refusal request_lint_target(char *target, size_t length, struct request_head *head)
{
    return target_refusals[request_target_read(target, length, head)];
}

enum refusal request_lint_query(struct slice query)
{
    return request_target_query_is_fine(query) ? REFUSAL_NONE : REFUSAL_TARGET_CHARACTER;
}

enum refusal request_lint_authority(struct slice authority, char area[REQUEST_HOST_BYTES],
                                    struct slice *host)
{
    return request_target_read_authority(authority, area, host) ? REFUSAL_NONE : REFUSAL_HOST;
}

/* --- fields ---------------------------------------------------------------------------------- */

bool request_lint_is_visible(struct slice name, enum header_id id, bool peer_is_trusted)
{
    if (id == HEADER_PROXY)
        return false;
    if ((header_name_traits(id) & HEADER_IS_CLAIM) && !peer_is_trusted)
        return false;
    return memchr(name.at, '_', name.length) == NULL;
}
