#include "proxy/routing/session_validate.h"

#include "proxy/routing/header_name.h"

#include <string.h>

enum { COOKIE_NAME_MAX_LENGTH = 256, COOKIE_PATH_MAX_LENGTH = 1024 };

/* Shorter names for this file. */
enum {
    TYPE_UNSPECIFIED =
        POINTSMAN__V1__SESSION_PERSISTENCE_TYPE__SESSION_PERSISTENCE_TYPE_UNSPECIFIED,
    TYPE_COOKIE = POINTSMAN__V1__SESSION_PERSISTENCE_TYPE__SESSION_PERSISTENCE_TYPE_COOKIE,
    TYPE_HEADER = POINTSMAN__V1__SESSION_PERSISTENCE_TYPE__SESSION_PERSISTENCE_TYPE_HEADER,
    LIFETIME_UNSPECIFIED = POINTSMAN__V1__COOKIE_LIFETIME_TYPE__COOKIE_LIFETIME_TYPE_UNSPECIFIED,
    LIFETIME_PERMANENT = POINTSMAN__V1__COOKIE_LIFETIME_TYPE__COOKIE_LIFETIME_TYPE_PERMANENT,
    LIFETIME_SESSION = POINTSMAN__V1__COOKIE_LIFETIME_TYPE__COOKIE_LIFETIME_TYPE_SESSION,
};

/* --- cookies -------------------------------------------------------------------------------- */

/* A path-value of RFC 6265 section 4.1.1: a ';' would end it. */
static bool is_cookie_path(struct slice path)
{
    if (path.length == 0 || path.at[0] != '/')
        return false;
    for (size_t i = 0; i < path.length; i++) {
        unsigned char c = (unsigned char)path.at[i];
        if (c < 0x20 || c >= 0x7f || c == ';')
            return false;
    }
    return true;
}

static void validate_cookie(struct validation *validation,
                            const Pointsman__V1__CookieConfig *cookie, bool has_timeout)
{
    struct slice name = slice_from_string(cookie->name);
    struct slice path = slice_from_string(cookie->path);
    if (name.length > COOKIE_NAME_MAX_LENGTH || (name.length > 0 && !header_name_is_token(name)))
        validation_problem(validation, "name",
                           "must be a token (RFC 6265 section 4.1.1), at most %d characters",
                           COOKIE_NAME_MAX_LENGTH);
    if (path.length > COOKIE_PATH_MAX_LENGTH || (path.length > 0 && !is_cookie_path(path)))
        validation_problem(validation, "path",
                           "must start with '/' and be printable ASCII without ';', at most %d "
                           "characters",
                           COOKIE_PATH_MAX_LENGTH);

    switch ((int)cookie->lifetime_type) {
    case LIFETIME_UNSPECIFIED:
    case LIFETIME_SESSION:
        return;
    case LIFETIME_PERMANENT:
        if (!has_timeout)
            validation_problem(validation, "lifetime_type",
                               "is Permanent, which needs an absolute timeout");
        return;
    default:
        validation_problem(validation, "lifetime_type", "is unknown: %d",
                           (int)cookie->lifetime_type);
    }
}

/* --- headers -------------------------------------------------------------------------------- */

/* One that means something else to the proxy cannot hold a token, nor one that no service and no
 * rule sees. */
static void validate_session_header(struct validation *validation,
                                    const Pointsman__V1__HeaderConfig *header)
{
    struct slice name = slice_from_string(header->name);
    validate_header_name(validation, "name", header->name);
    enum header_id id = header_name_id(name);
    if (id != HEADER_OTHER)
        validation_problem(validation, "name", "must not be '%s', which has a meaning of its own",
                           header->name);
    else if (!header_name_is_visible(name, id, false))
        validation_problem(validation, "name",
                           "must not be '%s': requests lose headers of such a name", header->name);
}

/* --- the whole ------------------------------------------------------------------------------ */

static void validate_type(struct validation *validation, const SessionPersistenceMessage *session)
{
    switch ((int)session->type) {
    case TYPE_UNSPECIFIED:
    case TYPE_COOKIE:
        if (session->header != NULL)
            validation_problem(validation, "header", "goes together with the type Header alone");
        return;
    case TYPE_HEADER:
        if (session->cookie != NULL)
            validation_problem(validation, "cookie", "goes together with the type Cookie alone");
        if (session->header == NULL)
            validation_problem(validation, "header", "must be given: the type is Header");
        return;
    default:
        validation_problem(validation, "type", "is unknown: %d", (int)session->type);
    }
}

void validate_session_persistence(struct validation *validation,
                                  const SessionPersistenceMessage *session)
{
    const DurationMessage *timeout = session->absolute_timeout;
    validate_duration(validation, "absolute_timeout", timeout);
    if (timeout != NULL && timeout->seconds == 0 && timeout->nanos == 0)
        validation_problem(validation, "absolute_timeout",
                           "must be longer than 0s; without one, there is no limit");
    validate_type(validation, session);

    if (session->cookie != NULL) {
        size_t mark = validation_enter(validation, "cookie");
        validate_cookie(validation, session->cookie, timeout != NULL);
        validation_leave(validation, mark);
    }
    if (session->header != NULL) {
        size_t mark = validation_enter(validation, "header");
        validate_session_header(validation, session->header);
        validation_leave(validation, mark);
    }
}
