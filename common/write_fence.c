#include "common/write_fence.h"

#include "common/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of the second and third version of Landlock; Debian 12's headers know the first two. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

static uint64_t rights_of_version(long version)
{
    uint64_t rights = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                      LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                      LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                      LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                      LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;
    if (version >= 2)
        rights |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
    return rights;
}

static bool allow_folder(int rules, uint64_t rights, const char *file, struct error *err)
{
    char *copy = memory_duplicate_string(file);
    int fd = open(dirname(copy), O_PATH | O_DIRECTORY | O_CLOEXEC);
    free(copy);
    if (fd < 0)
        return errno == ENOENT || error_set_errno(err, "folder of %s", file);
    const struct landlock_path_beneath_attr beneath = {.allowed_access = rights, .parent_fd = fd};
    long failed = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
    if (failed != 0)
        error_set_errno(err, "folder of %s", file);
    close(fd);
    return failed == 0;
}

static bool raise_with(int rules, uint64_t rights, const char *const *files, size_t count,
                       struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (files[i] != NULL && !allow_folder(rules, rights, files[i], err))
            return false;
    }
    return syscall(SYS_landlock_restrict_self, rules, 0) == 0 || error_set_errno(err, "Landlock");
}

enum write_fence_result write_fence_raise(const char *const *files, size_t count, struct error *err)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return WRITE_FENCE_UNKNOWN;
    uint64_t rights = rights_of_version(version);
    const struct landlock_ruleset_attr attributes = {.handled_access_fs = rights};
    int rules = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
    if (rules < 0) {
        error_set_errno(err, "Landlock");
        return WRITE_FENCE_FAILED;
    }
    bool is_up = raise_with(rules, rights, files, count, err);
    close(rules);
    return is_up ? WRITE_FENCE_UP : WRITE_FENCE_FAILED;
}
