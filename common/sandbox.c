/* How the list was measured: 21 of the integration tests, told with both programs run by
 *
 *     strace -D -f -c -U name -o FILE PROGRAM ... --sandbox off
 *
 * gave 68 calls for the proxy and its supervisor, and 58 for control. Those of the start are not on
 * the list, for it begins after it. Beside what was seen stands what another machine or version of
 * the C library calls in its place: open for openat, epoll_pwait for epoll_wait, clock_gettime
 * where the kernel's page for it is not used. With the sandbox on, every test fails on a line that
 * says sandbox_violation (tests/support/process.c). */
#include "common/sandbox.h"

#include "common/log.h"
#include "common/privileges.h"
#include "common/sanitizers.h"
#include "common/write_fence.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <ucontext.h>

const bool sandbox_is_on_by_default = !IS_ADDRESS_SANITIZED && !IS_THREAD_SANITIZED;

static const int allowed[] = {
    /* descriptors and files */
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(close),
    SCMP_SYS(lseek),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(stat),
    SCMP_SYS(fstat),
    SCMP_SYS(lstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(getdents64),
    SCMP_SYS(fcntl),
    SCMP_SYS(flock),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(sync_file_range), /* a local copy of many routes, for 4 MiB at a time */
    SCMP_SYS(ftruncate),
    SCMP_SYS(fchown), /* SQLite gives a log the owner of its database, when root makes it */
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(umask),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(pipe2),
    /* waiting */
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_create),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(eventfd2),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(restart_syscall),
    /* sockets, once they are there */
    SCMP_SYS(bind),
    SCMP_SYS(connect),
    SCMP_SYS(listen),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(shutdown),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(sendto),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),
    /* memory */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    /* threads */
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(gettid),
    SCMP_SYS(tgkill),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(signalfd4),
    /* questions */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getrlimit),
};

/* What only an intruder would call. */
static const int fatal[] = {
    SCMP_SYS(execve),           SCMP_SYS(execveat),          SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(pidfd_getfd),
};

/* --- violations ------------------------------------------------------------------------------ */

enum { CALLS_MAX = 1024 };

/* Written before the filter is in force. */
static char *call_names[CALLS_MAX];
static atomic_bool call_was_logged[CALLS_MAX];

static void learn_names(void)
{
    for (int i = 0; i < CALLS_MAX; i++) {
        if (call_names[i] == NULL)
            call_names[i] = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, i);
    }
}

/* The call was not made; the thread goes on behind it as if it had failed. */
static void on_violation(int number, siginfo_t *signal_info, void *context)
{
    (void)number;
    int call = signal_info->si_syscall;
    bool is_known = call >= 0 && call < CALLS_MAX;
    int saved_errno = errno;
    if (!is_known || !atomic_exchange(&call_was_logged[call], true))
        log_error("sandbox_violation", "syscall=%s number=%d",
                  is_known && call_names[call] != NULL ? call_names[call] : "unknown", call);
    errno = saved_errno;
    ucontext_t *thread = context;
#if defined(__x86_64__)
    thread->uc_mcontext.gregs[REG_RAX] = -EPERM;
#elif defined(__aarch64__)
    thread->uc_mcontext.regs[0] = (unsigned long long)-EPERM;
#else
    (void)thread;
    abort(); /* it would go on with whatever is in the register */
#endif
}

static bool catch_violations(struct error *err)
{
    struct sigaction action = {.sa_sigaction = on_violation, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    return sigaction(SIGSYS, &action, NULL) == 0 || error_set_errno(err, "SIGSYS");
}

/* --- the filter ------------------------------------------------------------------------------ */

static int add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int failed = seccomp_rule_add(filter, action, calls[i], 0);
        if (failed != 0)
            return failed;
    }
    return 0;
}

/* Calls that depend on an argument: argument `index`, masked, must be `value`. */
struct condition {
    int call;
    unsigned index;
    uint64_t mask;
    uint64_t value;
    bool is_for_network;
};

#define WHOLE UINT64_MAX

static const struct condition conditions[] = {
    {SCMP_SYS(socket), 0, WHOLE, AF_UNIX, false},
    {SCMP_SYS(socket), 0, WHOLE, AF_INET, true},
    {SCMP_SYS(socket), 0, WHOLE, AF_INET6, true},
    /* threads, but no processes */
    {SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD, false},
    {SCMP_SYS(prctl), 0, WHOLE, PR_SET_NAME, false},
    /* what is written is not executed */
    {SCMP_SYS(mmap), 2, PROT_EXEC, 0, false},
    {SCMP_SYS(mprotect), 2, PROT_EXEC, 0, false},
    /* limits may be asked for */
    {SCMP_SYS(prlimit64), 2, WHOLE, 0, false},
};

static int add_conditions(scmp_filter_ctx filter, bool uses_network)
{
    for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
        const struct condition *condition = &conditions[i];
        const struct scmp_arg_cmp argument = {
            .arg = condition->index,
            .op = SCMP_CMP_MASKED_EQ,
            .datum_a = condition->mask,
            .datum_b = condition->value,
        };
        if (condition->is_for_network && !uses_network)
            continue;
        int failed = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, condition->call, 1, &argument);
        if (failed != 0)
            return failed;
    }
    return 0;
}

static bool load_filter(bool uses_network, struct error *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
    if (filter == NULL)
        return error_set(err, ERROR_SYSTEM, "seccomp: no filter");
    int failed = add_all(filter, SCMP_ACT_ALLOW, allowed, sizeof(allowed) / sizeof(allowed[0]));
    if (failed == 0)
        failed = add_all(filter, SCMP_ACT_KILL_PROCESS, fatal, sizeof(fatal) / sizeof(fatal[0]));
    if (failed == 0)
        failed = add_conditions(filter, uses_network);
    /* It hides its flags behind a pointer, and glibc does without it. */
    if (failed == 0)
        failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (failed == 0)
        failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
    if (failed == 0)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    if (failed != 0)
        return error_set(err, ERROR_SYSTEM, "seccomp: %s", strerror(-failed));
    return true;
}

/* --- public ---------------------------------------------------------------------------------- */

bool sandbox_parse(const char *text, bool *is_on, struct error *err)
{
    *is_on = strcmp(text, "on") == 0;
    return *is_on || strcmp(text, "off") == 0 ||
           error_set(err, ERROR_INVALID, "--sandbox must be on or off");
}

bool sandbox_enter(const struct sandbox_options *options, struct error *err)
{
    privileges_hide_memory();
    learn_names();
    enum write_fence_result fence =
        write_fence_raise(options->writable, options->writable_count, err);
    if (fence == WRITE_FENCE_FAILED || !catch_violations(err) ||
        !load_filter(options->uses_network, err))
        return error_prefix(err, "sandbox: ");
    log_info("sandboxed", "write_fence=%s", fence == WRITE_FENCE_UP ? "up" : "unknown");
    return true;
}
