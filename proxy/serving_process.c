#include "proxy/serving_process.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/inherited_sockets.h"
#include "proxy/supervision_channel.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Between the end of the drain time and when it should have ended. */
enum { END_GRACE_MS = 5000, DRAIN_DEFAULT_MS = 30000 };

/* --- what it says ---------------------------------------------------------------------------- */

static void take_message(struct serving_process *process, struct supervision_message *message)
{
    char name[SUPERVISION_TEXT_BYTES];
    bool has_sockets = supervision_value(message, "SOCKETS", name, sizeof(name));
    for (size_t i = 0; i < message->fd_count; i++) {
        if (has_sockets)
            socket_set_add(&process->sockets, message->fds[i], name);
        else
            close(message->fds[i]);
    }
    process->drain_ms = supervision_number(message, "DRAIN_MS", process->drain_ms);
    process->has_routes = supervision_number(message, "ROUTES", process->has_routes) != 0;
    process->is_stopping = supervision_number(message, "STOPPING", process->is_stopping) != 0;
    if (!process->is_ready && supervision_number(message, "READY", 0) == 1) {
        process->is_ready = true;
        process->ready_ms = clock_now_ms();
        event_timer_stop(&process->overdue);
    }
}

static void close_channel(struct serving_process *process)
{
    event_watch_stop(&process->watch);
    if (process->channel >= 0)
        close(process->channel);
    process->channel = -1;
}

/* False when nothing was said. */
static bool read_channel(struct serving_process *process)
{
    struct supervision_message message;
    bool has_news = false;
    while (process->channel >= 0) {
        switch (supervision_receive(process->channel, &message)) {
        case SUPERVISION_NOTHING:
            return has_news;
        case SUPERVISION_END:
            close_channel(process);
            break;
        case SUPERVISION_MESSAGE:
            take_message(process, &message);
            has_news = true;
            break;
        }
    }
    return has_news;
}

static void on_readable(struct event_watch *watch, uint32_t events)
{
    (void)events;
    struct serving_process *process = watch->context;
    if (read_channel(process))
        process->options.on_news(process);
}

void serving_process_drain_channel(struct serving_process *process)
{
    read_channel(process);
    close_channel(process);
}

/* --- its start ------------------------------------------------------------------------------- */

static void set_number(const char *name, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, number);
    setenv(name, text, 1);
}

static void set_names(const struct socket_set *sockets)
{
    struct buffer names = BUFFER_EMPTY;
    for (size_t i = 0; i < sockets->count; i++)
        buffer_printf(&names, "%s%s", i == 0 ? "" : ":", sockets->items[i].name);
    setenv("LISTEN_FDNAMES", buffer_string(&names), 1);
    buffer_clear(&names);
}

static void describe_supervision(const struct serving_process_options *options, int channel)
{
    char text[96];
    snprintf(text, sizeof(text), "%d:%" PRIu64 ":%" PRIu64 ":%d:%d", channel, options->generation,
             options->restarts, options->has_predecessor, options->waits_for_routes);
    setenv(SUPERVISION_VARIABLE, text, 1);
}

/* The descriptors go to 3 and up, in order; the channel behind them. First out of the way, so that
 * none is overwritten before it was copied. */
static bool place_descriptors(const struct socket_set *sockets, int channel)
{
    int count = (int)sockets->count + 1;
    int free_fd = INHERITED_FIRST_FD + count;
    int *copies = memory_allocate_zeroed((size_t)count, sizeof(copies[0]));
    for (int i = 0; i < count; i++) {
        int fd = i + 1 < count ? sockets->items[i].fd : channel;
        copies[i] = fcntl(fd, F_DUPFD_CLOEXEC, free_fd);
        if (copies[i] < 0)
            return false;
    }
    for (int i = 0; i < count; i++) {
        if (dup2(copies[i], INHERITED_FIRST_FD + i) < 0)
            return false;
    }
    free(copies);
    return true;
}

/* In the new process. Signals that are meant for it already wait until it can take them. */
static _Noreturn void become(const struct serving_process_options *options,
                             const struct socket_set *sockets, int channel)
{
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGHUP);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    setpgid(0, 0);

    if (!place_descriptors(sockets, channel)) {
        perror("pointsman-proxy: cannot pass on sockets");
        _exit(127);
    }
    set_number("LISTEN_PID", (uint64_t)getpid());
    set_number("LISTEN_FDS", sockets->count);
    set_names(sockets);
    describe_supervision(options, INHERITED_FIRST_FD + (int)sockets->count);
    execv(options->path, options->arguments);
    perror(options->path);
    _exit(127);
}

static void on_overdue(struct event_timer *timer)
{
    struct serving_process *process = timer->context;
    process->options.on_overdue(process);
}

struct serving_process *serving_process_start(const struct serving_process_options *options,
                                              const struct socket_set *sockets,
                                              uint64_t patience_ms, struct error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        error_set_errno(err, "cannot start a process");
        return NULL;
    }
    pid_t pid = fork();
    if (pid == 0)
        become(options, sockets, pair[1]);
    close(pair[1]);
    if (pid < 0) {
        error_set_errno(err, "cannot start a process");
        close(pair[0]);
        return NULL;
    }

    struct serving_process *process = memory_allocate_zeroed(1, sizeof(*process));
    process->options = *options;
    process->pid = pid;
    process->started_ms = clock_now_ms();
    process->drain_ms = DRAIN_DEFAULT_MS;
    process->channel = pair[0];
    event_watch_start(&process->watch, options->loop, pair[0], EPOLLIN, on_readable, process);
    event_timer_start(&process->overdue, options->loop, patience_ms, on_overdue, process);
    return process;
}

void serving_process_free(struct serving_process *process)
{
    if (process == NULL)
        return;
    close_channel(process);
    event_timer_stop(&process->overdue);
    socket_set_clear(&process->sockets, false);
    free(process);
}

/* --- its end --------------------------------------------------------------------------------- */

void serving_process_tell_taken_over(struct serving_process *process)
{
    if (process->channel >= 0)
        supervision_send(process->channel, "TAKEN_OVER=1", NULL, 0);
    serving_process_expect_end(process);
}

void serving_process_terminate(struct serving_process *process)
{
    kill(process->pid, SIGTERM);
    serving_process_expect_end(process);
}

void serving_process_expect_end(struct serving_process *process)
{
    if (process->is_stopping && process->overdue.loop != NULL && process->is_ready)
        return;
    process->is_stopping = true;
    uint64_t drain_ms = process->is_ready ? process->drain_ms : 0;
    event_timer_start(&process->overdue, process->options.loop, drain_ms + END_GRACE_MS, on_overdue,
                      process);
}
