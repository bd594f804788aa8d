#include "common/privileges.h"

#include "common/buffer.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- who ------------------------------------------------------------------------------------- */

struct account {
    char *name; /* NULL: the user has a number and no name */
    uid_t uid;
    gid_t gid;
    bool has_gid;
};

static bool parse_number(const char *text, uint32_t *number)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value >= UINT32_MAX)
        return false;
    *number = (uint32_t)value;
    return true;
}

static bool find_user(const char *text, struct account *account, struct error *err)
{
    uint32_t number;
    bool is_number = parse_number(text, &number);
    const struct passwd *entry = is_number ? getpwuid(number) : getpwnam(text);
    if (entry != NULL) {
        *account = (struct account){
            .name = memory_duplicate_string(entry->pw_name),
            .uid = entry->pw_uid,
            .gid = entry->pw_gid,
            .has_gid = true,
        };
        return true;
    }
    if (!is_number)
        return error_set(err, ERROR_INVALID, "--user: there is no user '%s'", text);
    *account = (struct account){.uid = number};
    return true;
}

static bool find_group(const char *text, struct account *account, struct error *err)
{
    uint32_t number;
    account->has_gid = true;
    if (parse_number(text, &number)) {
        account->gid = number;
        return true;
    }
    const struct group *entry = getgrnam(text);
    if (entry == NULL)
        return error_set(err, ERROR_INVALID, "--user: there is no group '%s'", text);
    account->gid = entry->gr_gid;
    return true;
}

static bool find_account(const char *text, struct account *account, struct error *err)
{
    char *user = memory_duplicate_string(text);
    char *colon = strchr(user, ':');
    if (colon != NULL)
        *colon = '\0';
    bool is_found =
        find_user(user, account, err) && (colon == NULL || find_group(colon + 1, account, err));
    free(user);
    if (is_found && !account->has_gid)
        return error_set(err, ERROR_INVALID,
                         "--user: user %u has no name, so its group must be given: %u:GROUP",
                         account->uid, account->uid);
    return is_found;
}

/* --- capabilities ---------------------------------------------------------------------------- */

static bool set_capabilities(uint64_t set, struct error *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)set, (uint32_t)set, (uint32_t)set},
        {(uint32_t)(set >> 32), (uint32_t)(set >> 32), (uint32_t)(set >> 32)},
    };
    if (syscall(SYS_capset, &header, data) != 0)
        return error_set_errno(err, "capabilities");
    return true;
}

/* Without CAP_SETPCAP it stays as it is: then we did not start as root, and no_new_privs does. */
static void narrow_bounding_set(uint64_t kept)
{
    for (unsigned capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
        if ((kept & (UINT64_C(1) << capability)) == 0)
            prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    }
}

/* So that a program we run has it, too: a supervisor's. */
static bool make_ambient(unsigned capability, struct error *err)
{
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0)
        return error_set_errno(err, "ambient capability %u", capability);
    return true;
}

/* --- public ---------------------------------------------------------------------------------- */

static bool change_ids(const struct account *account, struct error *err)
{
    bool is_done = account->name != NULL ? initgroups(account->name, account->gid) == 0
                                         : setgroups(1, &account->gid) == 0;
    is_done = is_done && setresgid(account->gid, account->gid, account->gid) == 0 &&
              prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 &&
              setresuid(account->uid, account->uid, account->uid) == 0;
    return is_done || error_set_errno(err, "cannot become user %u", account->uid);
}

static bool become(const struct account *account, unsigned capability, struct error *err)
{
    uint64_t kept = UINT64_C(1) << capability | UINT64_C(1) << CAP_SETPCAP;
    if (geteuid() == account->uid && getegid() == account->gid)
        return true;
    if (geteuid() != 0)
        return error_set(err, ERROR_DENIED, "--user: only root may become another user");
    narrow_bounding_set(kept);
    return change_ids(account, err) && set_capabilities(kept, err) &&
           make_ambient(capability, err) && make_ambient(CAP_SETPCAP, err);
}

bool privileges_become(const char *user, unsigned capability, struct error *err)
{
    struct account account = {0};
    if (user == NULL)
        return true;
    bool is_done = find_account(user, &account, err) && become(&account, capability, err);
    free(account.name);
    return is_done;
}

bool privileges_drop(struct error *err)
{
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    narrow_bounding_set(0);
    if (!set_capabilities(0, err))
        return false;
    return privileges_forbid_new(err);
}

bool privileges_forbid_new(struct error *err)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 || error_set_errno(err, "no_new_privs");
}

void privileges_hide_memory(void)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
