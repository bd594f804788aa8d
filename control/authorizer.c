#include "control/authorizer.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    DENIALS_LOGGED = 20, /* in one second; more of them are counted */
    ROLE_COUNT = 3,
    COMMAND_QUOTED_BYTES = 4 * 64 + 3,
};

/* In the order of enum permission: a role has its own permission and those before it. */
static const char *const role_names[ROLE_COUNT] = {"reader", "proxy", "admin"};

struct id_list {
    uint32_t *ids;
    size_t count;
};

struct authorizer {
    struct id_list users[ROLE_COUNT];
    struct id_list groups[ROLE_COUNT];
    /* of denials */
    uint64_t second;
    uint64_t in_second;
};

static bool parse_number(const char *text, uint32_t *id)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number >= UINT32_MAX)
        return false;
    *id = (uint32_t)number;
    return true;
}

static bool find_user(const char *name, uint32_t *id)
{
    const struct passwd *user = getpwnam(name);
    if (user != NULL)
        *id = user->pw_uid;
    return user != NULL;
}

static bool find_group(const char *name, uint32_t *id)
{
    const struct group *group = getgrnam(name);
    if (group != NULL)
        *id = group->gr_gid;
    return group != NULL;
}

static bool read_ids(const struct option_list *from, bool (*find)(const char *name, uint32_t *id),
                     const char *role, const char *what, struct id_list *to, struct error *err)
{
    to->ids = memory_allocate_zeroed(from->count, sizeof(to->ids[0]));
    for (size_t i = 0; i < from->count; i++) {
        if (!parse_number(from->items[i], &to->ids[i]) && !find(from->items[i], &to->ids[i]))
            return error_set(err, ERROR_INVALID, "--%s-%s: '%s' is neither a number nor known",
                             role, what, from->items[i]);
        to->count++;
    }
    return true;
}

struct authorizer *authorizer_new(const struct authorizer_options *options, struct error *err)
{
    const struct option_list *users[ROLE_COUNT] = {&options->reader_uids, &options->proxy_uids,
                                                   &options->admin_uids};
    const struct option_list *groups[ROLE_COUNT] = {&options->reader_gids, &options->proxy_gids,
                                                    &options->admin_gids};
    struct authorizer *authorizer = memory_allocate_zeroed(1, sizeof(*authorizer));
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if (!read_ids(users[i], find_user, role_names[i], "uid", &authorizer->users[i], err) ||
            !read_ids(groups[i], find_group, role_names[i], "gid", &authorizer->groups[i], err)) {
            authorizer_free(authorizer);
            return NULL;
        }
    }
    return authorizer;
}

void authorizer_free(struct authorizer *authorizer)
{
    if (authorizer == NULL)
        return;
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        free(authorizer->users[i].ids);
        free(authorizer->groups[i].ids);
    }
    free(authorizer);
}

static bool has_id(const struct id_list *list, uint32_t id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->ids[i] == id)
            return true;
    }
    return false;
}

static bool has_role(const struct authorizer *authorizer, const struct peer_credentials *peer,
                     size_t role)
{
    const struct id_list *groups = &authorizer->groups[role];
    if (has_id(&authorizer->users[role], peer->uid) || has_id(groups, peer->gid))
        return true;
    for (size_t i = 0; i < peer->group_count; i++) {
        if (has_id(groups, peer->groups[i]))
            return true;
    }
    return false;
}

bool authorizer_allows(const struct authorizer *authorizer, const struct peer_credentials *peer,
                       enum permission permission)
{
    if (peer->uid == 0 || peer->uid == geteuid())
        return true;
    for (size_t role = (size_t)permission; role < ROLE_COUNT; role++) {
        if (has_role(authorizer, peer, role))
            return true;
    }
    return false;
}

/* Whoever is denied could otherwise fill the disk that the log is on. */
static bool may_log(struct authorizer *authorizer)
{
    uint64_t second = clock_now_ms() / 1000;
    if (second != authorizer->second) {
        if (authorizer->in_second > DENIALS_LOGGED)
            log_warn("calls_denied", "unlogged=%llu",
                     (unsigned long long)(authorizer->in_second - DENIALS_LOGGED));
        authorizer->second = second;
        authorizer->in_second = 0;
    }
    return ++authorizer->in_second <= DENIALS_LOGGED;
}

bool authorizer_check(struct authorizer *authorizer, const struct peer_credentials *peer,
                      enum permission permission, const char *action, struct error *err)
{
    if (authorizer_allows(authorizer, peer, permission))
        return true;

    char command[COMMAND_QUOTED_BYTES];
    if (may_log(authorizer))
        log_warn("call_denied", "method=%s uid=%u gid=%u pid=%d command=%s", action, peer->uid,
                 peer->gid, (int)peer->pid, log_quote(command, sizeof(command), peer->command));
    return error_set(err, ERROR_DENIED, "user %u may not call %s: it takes the role %s", peer->uid,
                     action, role_names[permission]);
}
