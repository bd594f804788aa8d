#include "proxy/http/request_lint.h"

static const enum refusal method_refusals[] = {
    [METHOD_FINE] = REFUSAL_NONE,
    [METHOD_NO_TOKEN] = REFUSAL_METHOD,
    [METHOD_NOT_ALLOWED] = REFUSAL_METHOD_NOT_ALLOWED,
};

enum refusal request_lint_method(struct slice method)
{
    return method_refusals[request_target_check_method(method)];
}

/* --- target and authority --------------------------------------------------------------------- */

static const enum refusal target_refusals[] = {
    [TARGET_FINE] = REFUSAL_NONE,
    [TARGET_FORM] = REFUSAL_TARGET_FORM,
    [TARGET_CHARACTER] = REFUSAL_TARGET_CHARACTER,
    [TARGET_ESCAPE] = REFUSAL_TARGET_ESCAPE,
    [TARGET_NUL] = REFUSAL_TARGET_NUL,
    [TARGET_OVERLONG] = REFUSAL_TARGET_OVERLONG,
    [TARGET_DOT_SEGMENT] = REFUSAL_DOT_SEGMENT,
};

enum refusal request_lint_target(char *target, size_t length, struct request_head *head)
{
    return target_refusals[request_target_read(target, length, head)];
}

enum refusal request_lint_query(struct slice query)
{
    return target_refusals[request_target_check_query(query)];
}

enum refusal request_lint_authority(struct slice authority, char area[REQUEST_HOST_BYTES],
                                    struct slice *host)
{
    return request_target_read_authority(authority, area, host) ? REFUSAL_NONE : REFUSAL_HOST;
}
