#include "tests/support/process.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "tests/support/check.h"
#include "tests/support/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct process {
    /* immutable */
    pid_t pid;
    int pid_fd;
    pthread_t reader;
    /* reader only */
    int pipes[2];
    /* guarded by mutex */
    struct mutex mutex;
    pthread_cond_t changed;
    struct buffer output[2];
    bool has_ended;
    int exit_code;
    /* guarded by all_mutex */
    struct process *next;
};

/* What runs: to be ended when the test fails. */
static struct mutex all_mutex = {PTHREAD_MUTEX_INITIALIZER};
static struct process *all GUARDED_BY(all_mutex);
static bool is_registered GUARDED_BY(all_mutex);

/* And the mark of our own sandbox, which is a bug of its list. */
static const char *const sanitizer_marks[] = {
    "error sandbox_violation ", "ERROR: AddressSanitizer", "ERROR: LeakSanitizer",
    "WARNING: ThreadSanitizer", "runtime error: ",         "FATAL: ThreadSanitizer",
};

/* --- starting ------------------------------------------------------------------------------- */

extern char **environ;

/* Ours without POINTSMAN_*, then `more`. Caller frees the array, not the strings. */
static char **build_environment(const char *const *more)
{
    size_t count = 0;
    for (char **at = environ; *at != NULL; at++)
        count++;
    for (const char *const *at = more; at != NULL && *at != NULL; at++)
        count++;

    char **result = memory_allocate_zeroed(count + 1, sizeof(*result));
    size_t used = 0;
    for (char **at = environ; *at != NULL; at++) {
        if (strncmp(*at, "POINTSMAN_", strlen("POINTSMAN_")) != 0)
            result[used++] = *at;
    }
    for (const char *const *at = more; at != NULL && *at != NULL; at++)
        result[used++] = (char *)*at;
    return result;
}

/* In the child, where only async-signal-safe calls are allowed. It ends with the test program,
 * however that ends. */
static _Noreturn void run_child(const char *const *arguments, char **environment, const int *out,
                                const int *err, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);

    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    execvpe(arguments[0], (char *const *)arguments, environment);

    static const char message[] = "cannot be run\n";
    ssize_t ignored = write(STDERR_FILENO, message, sizeof(message) - 1);
    (void)ignored;
    _exit(127);
}

static void kill_all(void)
{
    mutex_lock(&all_mutex);
    for (struct process *at = all; at != NULL; at = at->next) {
        char *err = process_output(at, PROCESS_STDERR);
        if (process_is_running(at))
            fprintf(stderr, "--- killed with the test: process %d, which said:\n%s", at->pid, err);
        free(err);
        process_signal(at, SIGKILL);
    }
    mutex_unlock(&all_mutex);
}

static void remember(struct process *process)
{
    mutex_lock(&all_mutex);
    if (!is_registered)
        atexit(kill_all);
    is_registered = true;
    process->next = all;
    all = process;
    mutex_unlock(&all_mutex);
}

static void forget(struct process *process)
{
    mutex_lock(&all_mutex);
    for (struct process **at = &all; *at != NULL; at = &(*at)->next) {
        if (*at == process) {
            *at = process->next;
            break;
        }
    }
    mutex_unlock(&all_mutex);
}

/* --- the reader ----------------------------------------------------------------------------- */

/* False at the end of the stream. */
static bool read_some(struct process *process, enum process_stream stream)
{
    char bytes[16384];
    ssize_t got = read(process->pipes[stream], bytes, sizeof(bytes));
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    if (got == 0)
        return false;

    mutex_lock(&process->mutex);
    buffer_append(&process->output[stream], bytes, (size_t)got);
    pthread_cond_broadcast(&process->changed);
    mutex_unlock(&process->mutex);
    return true;
}

/* Everything the program wrote before it ended. Its own children may keep the pipes open. */
static void read_rest(struct process *process, enum process_stream stream)
{
    struct pollfd ready = {.fd = process->pipes[stream], .events = POLLIN};
    while (poll(&ready, 1, 0) > 0 && read_some(process, stream))
        continue;
}

static void reap(struct process *process)
{
    int status = 0;
    mutex_lock(&process->mutex);
    while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    process->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    process->has_ended = true;
    pthread_cond_broadcast(&process->changed);
    mutex_unlock(&process->mutex);
}

static void *run_reader(void *context)
{
    struct process *process = context;
    struct pollfd ready[] = {
        [PROCESS_STDOUT] = {.fd = process->pipes[PROCESS_STDOUT], .events = POLLIN},
        [PROCESS_STDERR] = {.fd = process->pipes[PROCESS_STDERR], .events = POLLIN},
        {.fd = process->pid_fd, .events = POLLIN},
    };

    do {
        poll(ready, 3, -1);
        for (enum process_stream stream = PROCESS_STDOUT; stream <= PROCESS_STDERR; stream++) {
            if (ready[stream].revents != 0 && !read_some(process, stream))
                ready[stream].fd = -1;
        }
    } while (ready[2].revents == 0);

    read_rest(process, PROCESS_STDOUT);
    read_rest(process, PROCESS_STDERR);
    reap(process);
    return NULL;
}

/* --- waiting -------------------------------------------------------------------------------- */

/* False when the deadline has passed. */
static bool wait_for_change_locked(struct process *process, uint64_t deadline_ms)
    REQUIRES(process->mutex)
{
    struct timespec until = {
        .tv_sec = (time_t)(deadline_ms / 1000),
        .tv_nsec = (long)(deadline_ms % 1000) * 1000000,
    };
    return pthread_cond_timedwait(&process->changed, &process->mutex.native, &until) != ETIMEDOUT;
}

/* The whole line around `text`, or NULL. */
static char *copy_line_locked(struct process *process, enum process_stream stream, const char *text)
    REQUIRES(process->mutex)
{
    const char *output = buffer_string(&process->output[stream]);
    const char *found = strstr(output, text);
    if (found == NULL)
        return NULL;

    const char *start = found;
    while (start > output && start[-1] != '\n')
        start--;
    const char *end = strchr(found, '\n');
    if (end == NULL && !process->has_ended)
        return NULL;
    size_t length = end == NULL ? strlen(start) : (size_t)(end - start);

    char *line = memory_allocate(length + 1);
    memcpy(line, start, length);
    line[length] = '\0';
    return line;
}

/* --- public --------------------------------------------------------------------------------- */

struct process *process_start(const char *const *arguments, const char *const *environment)
{
    struct process *process = memory_allocate_zeroed(1, sizeof(*process));
    mutex_init(&process->mutex);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&process->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);

    int out[2];
    int err[2];
    CHECK(pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0, "no pipes");
    char **child_environment = build_environment(environment);
    pid_t parent = getpid();
    process->pid = fork();
    CHECK(process->pid >= 0, "cannot fork");
    if (process->pid == 0)
        run_child(arguments, child_environment, out, err, parent);

    free(child_environment);
    close(out[1]);
    close(err[1]);
    process->pipes[PROCESS_STDOUT] = out[0];
    process->pipes[PROCESS_STDERR] = err[0];
    process->pid_fd = pidfd_open(process->pid, 0);
    CHECK(process->pid_fd >= 0, "no pidfd");
    int failed = pthread_create(&process->reader, NULL, run_reader, process);
    CHECK(failed == 0, "no thread");
    remember(process);
    return process;
}

static void fail_on_sanitizer_report(struct process *process)
{
    char *err = process_output(process, PROCESS_STDERR);
    for (size_t i = 0; i < sizeof(sanitizer_marks) / sizeof(sanitizer_marks[0]); i++)
        CHECK(strstr(err, sanitizer_marks[i]) == NULL, "process %d said:\n%s", process->pid, err);
    free(err);
}

void process_free(struct process *process)
{
    if (process == NULL)
        return;
    process_kill(process);
    forget(process);
    pthread_join(process->reader, NULL);
    fail_on_sanitizer_report(process);

    close(process->pid_fd);
    close(process->pipes[PROCESS_STDOUT]);
    close(process->pipes[PROCESS_STDERR]);
    mutex_lock(&process->mutex);
    buffer_clear(&process->output[PROCESS_STDOUT]);
    buffer_clear(&process->output[PROCESS_STDERR]);
    mutex_unlock(&process->mutex);
    pthread_cond_destroy(&process->changed);
    mutex_clear(&process->mutex);
    free(process);
}

pid_t process_id(const struct process *process)
{
    return process->pid;
}

size_t process_resident_bytes(const struct process *process)
{
    char path[64];
    unsigned long pages = 0;
    snprintf(path, sizeof(path), "/proc/%d/statm", (int)process->pid);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL && fscanf(file, "%*u %lu", &pages) == 1, "%s cannot be read", path);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

bool process_is_running(struct process *process)
{
    mutex_lock(&process->mutex);
    bool is_running = !process->has_ended;
    mutex_unlock(&process->mutex);
    return is_running;
}

void process_signal(struct process *process, int signal)
{
    /* Through the pidfd, so never to a stranger that got the number afterwards. */
    pidfd_send_signal(process->pid_fd, signal, NULL, 0);
}

int process_wait(struct process *process, uint64_t timeout_ms)
{
    uint64_t deadline_ms = clock_now_ms() + timeout_ms;

    mutex_lock(&process->mutex);
    while (!process->has_ended && wait_for_change_locked(process, deadline_ms))
        continue;
    int exit_code = process->has_ended ? process->exit_code : -1;
    mutex_unlock(&process->mutex);
    return exit_code;
}

void process_kill(struct process *process)
{
    process_signal(process, SIGKILL);
    CHECK(process_wait(process, WAIT_MS) >= 0, "process %d outlives SIGKILL", process->pid);
}

char *process_find_line(struct process *process, enum process_stream stream, const char *text,
                        uint64_t timeout_ms)
{
    uint64_t deadline_ms = clock_now_ms() + timeout_ms;

    mutex_lock(&process->mutex);
    char *line = copy_line_locked(process, stream, text);
    while (line == NULL && !process->has_ended && wait_for_change_locked(process, deadline_ms))
        line = copy_line_locked(process, stream, text);
    mutex_unlock(&process->mutex);
    return line;
}

char *process_expect_line(struct process *process, const char *text)
{
    char *line = process_find_line(process, PROCESS_STDERR, text, WAIT_MS);
    CHECK(line != NULL, "process %d never said '%s'", process->pid, text);
    return line;
}

char *process_output(struct process *process, enum process_stream stream)
{
    mutex_lock(&process->mutex);
    char *copy = memory_duplicate_string(buffer_string(&process->output[stream]));
    mutex_unlock(&process->mutex);
    return copy;
}

struct command command_run(const char *const *arguments, const char *const *environment)
{
    struct process *process = process_start(arguments, environment);
    struct command command = {.exit_code = process_wait(process, WAIT_MS)};
    CHECK(command.exit_code >= 0, "%s does not end", arguments[0]);
    command.out = process_output(process, PROCESS_STDOUT);
    command.err = process_output(process, PROCESS_STDERR);
    process_free(process);
    return command;
}

void command_clear(struct command *command)
{
    free(command->out);
    free(command->err);
    *command = (struct command){0};
}

static void expect_part(const char *text, const char *part, const char *stream)
{
    CHECK(part == NULL || strstr(text, part) != NULL, "'%s' is not on %s:\n%s", part, stream, text);
}

void command_expect(struct command command, int exit_code, const char *out, const char *err)
{
    CHECK(command.exit_code == exit_code, "exit code %d, not %d:\n%s%s", command.exit_code,
          exit_code, command.out, command.err);
    expect_part(command.out, out, "standard output");
    expect_part(command.err, err, "standard error");
    command_clear(&command);
}
