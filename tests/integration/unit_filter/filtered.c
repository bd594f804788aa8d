/* filtered LIST PROGRAM [ARGUMENT]...: runs a program as a unit with SystemCallFilter= and
 * NoNewPrivileges= does. LIST is a file of system calls that are allowed, a name a line; any other
 * fails with EPERM. */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { LINE_BYTES = 128 };

static int fail(const char *what)
{
    fprintf(stderr, "filtered: %s: %s\n", what, strerror(errno));
    return 99;
}

/* Names of other architectures are passed over, as systemd does. */
static int allow(scmp_filter_ctx filter, FILE *list)
{
    char line[LINE_BYTES];
    int count = 0;
    while (fgets(line, sizeof(line), list) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        int call = seccomp_syscall_resolve_name(line);
        if (call >= 0 && seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) == 0)
            count++;
    }
    return count;
}

int main(int argc, char **argv)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    FILE *list = argc < 3 || filter == NULL ? NULL : fopen(argv[1], "re");
    if (list == NULL)
        return fail("LIST");
    if (allow(filter, list) < 100)
        return fail("hardly any call is allowed");
    fclose(list);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || seccomp_load(filter) != 0)
        return fail("seccomp");
    seccomp_release(filter);
    execv(argv[2], argv + 2);
    return fail(argv[2]);
}
