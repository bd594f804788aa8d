/* Authorizer: from who is on the other side of the socket to what they may do.
 *
 * Root and the daemon's own user are admins. Everybody else has the roles that lists of users and
 * groups give them, or none.
 *
 * Threads: main. */
#ifndef CONTROL_AUTHORIZER_H
#define CONTROL_AUTHORIZER_H

#include "common/error.h"
#include "common/options.h"
#include "proto/unix_socket.h"

#include <stdbool.h>

struct authorizer;

enum permission {
    PERMISSION_READ,  /* reader, proxy, admin */
    PERMISSION_WATCH, /* proxy, admin */
    PERMISSION_WRITE, /* admin */
};

/* Users and groups by number or name, as options give them. */
struct authorizer_options {
    struct option_list admin_uids;
    struct option_list admin_gids;
    struct option_list proxy_uids;
    struct option_list proxy_gids;
    struct option_list reader_uids;
    struct option_list reader_gids;
};

/* Names are looked up here, once. NULL when an item is none that the system knows. */
struct authorizer *authorizer_new(const struct authorizer_options *options, struct error *err);
/* Harmless on NULL. */
void authorizer_free(struct authorizer *authorizer);

/* Whether the peer's roles have this permission. */
bool authorizer_allows(const struct authorizer *authorizer, const struct peer_credentials *peer,
                       enum permission permission);

/* The same, logged and said when it is denied. `action` is what the peer wants: a method's path. */
bool authorizer_check(struct authorizer *authorizer, const struct peer_credentials *peer,
                      enum permission permission, const char *action, struct error *err);

#endif
