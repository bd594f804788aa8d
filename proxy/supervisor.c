/* Of the processes one is `serving`. `starting` is to take its place, or to fill it when it is
 * empty. `draining` are those that have been asked to stop, by us or by anybody, and still run. */
#include "proxy/supervisor.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/event_loop.h"
#include "common/inherited_sockets.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/privileges.h"
#include "common/signals.h"
#include "proxy/serving_process.h"
#include "proxy/supervision_channel.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    START_PATIENCE_MS = 60 * 1000, /* to become ready */
    SHORT_LIFE_MS = 1000, /* one that ends sooner after it became ready has ended at once */
    PAUSE_MIN_MS = 100,
    PAUSE_MAX_MS = 5000,
};

struct supervisor {
    char *path;
    char **arguments;
    const char *log_file;
    struct event_loop *loop;
    struct signals signals;

    struct socket_set sockets; /* those of the last one that served */
    struct serving_process *serving;
    struct serving_process *starting;
    struct serving_process *draining;
    struct event_timer restart;

    uint64_t generation;
    uint64_t restarts;
    uint64_t pause_ms; /* before the next restart */
    bool has_served;
    bool wants_upgrade; /* once more, when the one under way is done */
    unsigned terminations;
    int exit_code;
};

static void start_process(struct supervisor *supervisor);
static void start_upgrade(struct supervisor *supervisor);

bool supervisor_has_started_us(void)
{
    return getenv(SUPERVISION_VARIABLE) != NULL;
}

static bool is_stopping(const struct supervisor *supervisor)
{
    return supervisor->terminations > 0;
}

/* --- lists ----------------------------------------------------------------------------------- */

static void add_draining(struct supervisor *supervisor, struct serving_process *process)
{
    process->next = supervisor->draining;
    supervisor->draining = process;
}

static struct serving_process **find_draining(struct supervisor *supervisor, pid_t pid)
{
    struct serving_process **at = &supervisor->draining;
    while (*at != NULL && (*at)->pid != pid)
        at = &(*at)->next;
    return at;
}

static void each_process(struct supervisor *supervisor, void (*act)(struct serving_process *))
{
    if (supervisor->serving != NULL)
        act(supervisor->serving);
    if (supervisor->starting != NULL)
        act(supervisor->starting);
    for (struct serving_process *at = supervisor->draining; at != NULL; at = at->next)
        act(at);
}

static void end_when_alone(struct supervisor *supervisor)
{
    if (supervisor->serving == NULL && supervisor->starting == NULL && supervisor->draining == NULL)
        event_loop_stop(supervisor->loop);
}

/* --- what comes next ------------------------------------------------------------------------- */

static void on_restart_due(struct event_timer *timer)
{
    start_process(timer->context);
}

/* At once, unless the last one did not live long either. */
static void start_again(struct supervisor *supervisor, bool was_short)
{
    if (!was_short)
        supervisor->pause_ms = 0;
    uint64_t pause_ms = supervisor->pause_ms;
    if (was_short)
        supervisor->pause_ms = pause_ms == 0 ? PAUSE_MIN_MS : pause_ms * 2;
    if (supervisor->pause_ms > PAUSE_MAX_MS)
        supervisor->pause_ms = PAUSE_MAX_MS;
    supervisor->restarts++;
    log_warn("restarting", "restarts=%" PRIu64 " pause_ms=%" PRIu64, supervisor->restarts,
             pause_ms);
    if (pause_ms == 0)
        start_process(supervisor);
    else
        event_timer_start(&supervisor->restart, supervisor->loop, pause_ms, on_restart_due,
                          supervisor);
}

static void say_serving(const struct supervisor *supervisor)
{
    const struct serving_process *serving = supervisor->serving;
    notify_send("READY=1\nSTATUS=process %d serves, generation %" PRIu64 ", %" PRIu64 " restarts",
                (int)serving->pid, serving->options.generation, supervisor->restarts);
}

static void take_over(struct supervisor *supervisor)
{
    struct serving_process *old = supervisor->serving;
    struct serving_process *process = supervisor->starting;
    supervisor->serving = process;
    supervisor->starting = NULL;
    supervisor->has_served = true;
    socket_set_replace(&supervisor->sockets, &process->sockets);
    log_info("serving", "pid=%d generation=%" PRIu64 " took_ms=%" PRIu64, (int)process->pid,
             process->options.generation, process->ready_ms - process->started_ms);

    if (old != NULL) {
        add_draining(supervisor, old);
        log_info("taken_over", "from_pid=%d from_generation=%" PRIu64, (int)old->pid,
                 old->options.generation);
    }
    for (struct serving_process *at = supervisor->draining; at != NULL; at = at->next)
        serving_process_tell_taken_over(at);
    say_serving(supervisor);
    if (supervisor->wants_upgrade)
        start_upgrade(supervisor);
}

/* Without routes nobody takes the place of one that has some. */
static bool may_take_over(const struct supervisor *supervisor)
{
    const struct serving_process *starting = supervisor->starting;
    return starting != NULL && starting->is_ready &&
           (starting->has_routes ||
            (!starting->options.waits_for_routes &&
             (supervisor->serving == NULL || !supervisor->serving->has_routes)));
}

/* One that leaves requests to another while it has no routes would do so with nobody there: the
 * next one that is started does not. */
static void end_waiting(const struct supervisor *supervisor)
{
    const struct serving_process *starting = supervisor->starting;
    if (starting != NULL && starting->options.waits_for_routes && !starting->has_routes)
        kill(starting->pid, SIGKILL);
}

/* It was told to stop, and not by us. */
static void replace_stopping(struct supervisor *supervisor)
{
    struct serving_process *process = supervisor->serving;
    log_warn("process_stops", "pid=%d generation=%" PRIu64, (int)process->pid,
             process->options.generation);
    supervisor->serving = NULL;
    add_draining(supervisor, process);
    serving_process_expect_end(process);
    end_waiting(supervisor);
    if (supervisor->starting == NULL)
        start_again(supervisor, clock_now_ms() - process->ready_ms < SHORT_LIFE_MS);
}

static void on_news(struct serving_process *process)
{
    struct supervisor *supervisor = process->options.context;
    if (is_stopping(supervisor))
        return;
    if (process == supervisor->serving && process->is_stopping)
        replace_stopping(supervisor);
    if (may_take_over(supervisor))
        take_over(supervisor);
}

static void on_overdue(struct serving_process *process)
{
    log_error("process_overdue", "pid=%d generation=%" PRIu64 " reason=\"%s\"", (int)process->pid,
              process->options.generation,
              process->is_stopping ? "it does not end" : "it does not become ready");
    kill(process->pid, SIGKILL);
}

/* --- starting -------------------------------------------------------------------------------- */

static void start_process(struct supervisor *supervisor)
{
    const struct serving_process_options options = {
        .path = supervisor->path,
        .arguments = supervisor->arguments,
        .loop = supervisor->loop,
        .generation = supervisor->generation + 1,
        .restarts = supervisor->restarts,
        .has_predecessor = supervisor->serving != NULL || supervisor->draining != NULL,
        .waits_for_routes = supervisor->serving != NULL && supervisor->serving->has_routes,
        .on_news = on_news,
        .on_overdue = on_overdue,
        .context = supervisor,
    };
    struct error err;
    supervisor->starting =
        serving_process_start(&options, &supervisor->sockets, START_PATIENCE_MS, &err);
    if (supervisor->starting == NULL) {
        log_error("process_not_started", "reason=\"%s\"", err.message);
        if (supervisor->serving == NULL)
            event_timer_start(&supervisor->restart, supervisor->loop, PAUSE_MAX_MS, on_restart_due,
                              supervisor);
        return;
    }
    supervisor->generation++;
    log_info("process_started", "pid=%d generation=%" PRIu64, (int)supervisor->starting->pid,
             supervisor->generation);
}

static void start_upgrade(struct supervisor *supervisor)
{
    supervisor->wants_upgrade = supervisor->starting != NULL;
    if (supervisor->wants_upgrade)
        return;
    notify_send_reloading();
    event_timer_stop(&supervisor->restart);
    start_process(supervisor);
    if (supervisor->starting == NULL && supervisor->serving != NULL)
        say_serving(supervisor);
}

/* --- ends ------------------------------------------------------------------------------------ */

struct ending {
    bool by_signal;
    int code;      /* as a shell would have it */
    char text[64]; /* "exit code 1" or "signal 9 (Killed)" */
};

static struct ending ending_of(int status)
{
    struct ending ending = {.by_signal = WIFSIGNALED(status)};
    if (ending.by_signal) {
        const char *name = sigdescr_np(WTERMSIG(status));
        ending.code = 128 + WTERMSIG(status);
        snprintf(ending.text, sizeof(ending.text), "signal %d (%s)", WTERMSIG(status),
                 name == NULL ? "unknown" : name);
    } else {
        ending.code = WEXITSTATUS(status);
        snprintf(ending.text, sizeof(ending.text), "exit code %d", ending.code);
    }
    return ending;
}

/* Of all that end while we stop, in whatever order, the first that did not end well. */
static void note_exit_code(struct supervisor *supervisor, const struct ending *ending)
{
    if (supervisor->exit_code == 0)
        supervisor->exit_code = ending->code;
}

static void on_serving_ended(struct supervisor *supervisor, const struct ending *ending)
{
    struct serving_process *process = supervisor->serving;
    supervisor->serving = NULL;
    if (is_stopping(supervisor)) {
        note_exit_code(supervisor, ending);
    } else {
        bool was_short = clock_now_ms() - process->ready_ms < SHORT_LIFE_MS;
        log_error("process_ended", "pid=%d generation=%" PRIu64 " reason=\"%s\"", (int)process->pid,
                  process->options.generation, ending->text);
        end_waiting(supervisor);
        if (supervisor->starting == NULL)
            start_again(supervisor, was_short);
        else if (may_take_over(supervisor))
            take_over(supervisor);
    }
    serving_process_free(process);
}

static void on_starting_ended(struct supervisor *supervisor, const struct ending *ending)
{
    struct serving_process *process = supervisor->starting;
    supervisor->starting = NULL;
    if (is_stopping(supervisor)) {
        if (supervisor->serving == NULL)
            note_exit_code(supervisor, ending);
    } else if (supervisor->serving != NULL) {
        log_error("not_taken_over", "pid=%d generation=%" PRIu64 " reason=\"%s\" still_serving=%d",
                  (int)process->pid, process->options.generation, ending->text,
                  (int)supervisor->serving->pid);
        say_serving(supervisor);
        if (supervisor->wants_upgrade)
            start_upgrade(supervisor);
    } else if (!supervisor->has_served && !ending->by_signal) {
        supervisor->exit_code = ending->code;
        event_loop_stop(supervisor->loop);
    } else {
        log_error("process_ended", "pid=%d generation=%" PRIu64 " reason=\"%s\"", (int)process->pid,
                  process->options.generation, ending->text);
        if (!supervisor->has_served)
            socket_set_replace(&supervisor->sockets, &process->sockets);
        start_again(supervisor, true);
    }
    serving_process_free(process);
}

static void on_drained(struct supervisor *supervisor, struct serving_process **at,
                       const struct ending *ending)
{
    struct serving_process *process = *at;
    *at = process->next;
    if (ending->code == 0)
        log_info("process_drained", "pid=%d generation=%" PRIu64, (int)process->pid,
                 process->options.generation);
    else
        log_warn("process_not_drained", "pid=%d generation=%" PRIu64 " reason=\"%s\"",
                 (int)process->pid, process->options.generation, ending->text);
    if (is_stopping(supervisor))
        note_exit_code(supervisor, ending);
    serving_process_free(process);
}

static void on_process_ended(struct supervisor *supervisor, pid_t pid, int status)
{
    struct ending ending = ending_of(status);
    struct serving_process **draining = find_draining(supervisor, pid);
    if (supervisor->serving != NULL && supervisor->serving->pid == pid) {
        serving_process_drain_channel(supervisor->serving);
        on_serving_ended(supervisor, &ending);
    } else if (supervisor->starting != NULL && supervisor->starting->pid == pid) {
        serving_process_drain_channel(supervisor->starting);
        on_starting_ended(supervisor, &ending);
    } else if (*draining != NULL) {
        on_drained(supervisor, draining, &ending);
    }
    if (is_stopping(supervisor))
        end_when_alone(supervisor);
}

/* --- signals --------------------------------------------------------------------------------- */

/* As the first process of a container we get children that we never started. */
static void on_child(void *context)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        on_process_ended(context, pid, status);
}

/* Another signal than the first, with which it could become one while the process is busy. */
static void terminate_again(struct serving_process *process)
{
    kill(process->pid, SIGINT);
}

static void kill_at_once(struct serving_process *process)
{
    kill(process->pid, SIGKILL);
}

static void on_terminate(void *context)
{
    struct supervisor *supervisor = context;
    supervisor->terminations++;
    switch (supervisor->terminations) {
    case 1:
        log_info("stopping", "%s", "");
        notify_send("STOPPING=1");
        event_timer_stop(&supervisor->restart);
        each_process(supervisor, serving_process_terminate);
        end_when_alone(supervisor);
        break;
    case 2:
        each_process(supervisor, terminate_again);
        break;
    default:
        each_process(supervisor, kill_at_once);
        break;
    }
}

static void hang_up(struct serving_process *process)
{
    kill(process->pid, SIGHUP);
}

static void on_hangup(void *context)
{
    struct supervisor *supervisor = context;
    struct error err;
    notify_send_reloading();
    if (!log_open(supervisor->log_file, &err))
        log_error("log_not_reopened", "reason=\"%s\"", err.message);
    each_process(supervisor, hang_up);
    if (supervisor->serving != NULL && supervisor->starting == NULL)
        say_serving(supervisor);
}

static void on_upgrade(void *context)
{
    struct supervisor *supervisor = context;
    if (is_stopping(supervisor))
        return;
    log_info("upgrading", "program=%s", supervisor->path);
    start_upgrade(supervisor);
}

/* --- running --------------------------------------------------------------------------------- */

/* The way that was given, links and all, so that a new program is found where it is put; without
 * one, the file that runs now. */
static char *program_path(const char *given, struct error *err)
{
    char folder[4096];
    if (given[0] == '/')
        return memory_duplicate_string(given);
    if (strchr(given, '/') == NULL) {
        ssize_t length = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
        if (length <= 0) {
            error_set_errno(err, "cannot find our own program");
            return NULL;
        }
        folder[length] = '\0';
        return memory_duplicate_string(folder);
    }
    if (getcwd(folder, sizeof(folder)) == NULL) {
        error_set_errno(err, "cannot find our own program");
        return NULL;
    }
    struct buffer path = BUFFER_EMPTY;
    buffer_printf(&path, "%s/%s", folder, given);
    char *copy = memory_duplicate_string(buffer_string(&path));
    buffer_clear(&path);
    return copy;
}

static bool take_inherited(struct supervisor *supervisor, struct error *err)
{
    struct inherited_sockets inherited;
    if (!inherited_sockets_take(&inherited, err))
        return false;
    socket_set_take_inherited(&supervisor->sockets, &inherited);
    return true;
}

int supervisor_run(char **arguments, const char *log_file, struct error *err)
{
    struct supervisor supervisor = {
        .arguments = arguments,
        .log_file = log_file,
        .loop = event_loop_new(),
        .exit_code = -1,
    };
    const struct signal_handlers handlers = {
        .on_terminate = on_terminate,
        .on_hangup = on_hangup,
        .on_upgrade = on_upgrade,
        .on_child = on_child,
        .context = &supervisor,
    };
    supervisor.path = program_path(arguments[0], err);
    if (supervisor.path != NULL && privileges_forbid_new(err) && log_open(log_file, err) &&
        take_inherited(&supervisor, err) &&
        signals_start(&supervisor.signals, supervisor.loop, &handlers, err)) {
        notify_open();
        supervisor.exit_code = EXIT_SUCCESS;
        log_info("supervising", "version=%s program=%s", POINTSMAN_VERSION, supervisor.path);
        start_process(&supervisor);
        event_loop_run(supervisor.loop);
        log_info("supervisor_stopped", "exit_code=%d", supervisor.exit_code);
        signals_stop(&supervisor.signals);
        event_timer_stop(&supervisor.restart);
    }
    socket_set_clear(&supervisor.sockets, true);
    event_loop_free(supervisor.loop);
    free(supervisor.path);
    return supervisor.exit_code;
}
