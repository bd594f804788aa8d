#include "common/signals.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void (*handler_of(const struct signal_handlers *handlers, uint32_t number))(void *context)
{
    switch (number) {
    case SIGHUP:
        return handlers->on_hangup;
    case SIGUSR2:
        return handlers->on_upgrade;
    case SIGCHLD:
        return handlers->on_child;
    default:
        return handlers->on_terminate;
    }
}

static void on_signal(struct event_watch *watch, uint32_t events)
{
    (void)events;
    const struct signals *signals = watch->context;
    struct signalfd_siginfo signal_info;
    while (watch->loop != NULL &&
           read(watch->fd, &signal_info, sizeof(signal_info)) == sizeof(signal_info)) {
        handler_of(&signals->handlers, signal_info.ssi_signo)(signals->handlers.context);
    }
}

bool signals_start(struct signals *signals, struct event_loop *loop,
                   const struct signal_handlers *handlers, struct error *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (handlers->on_child != NULL)
        sigaddset(&set, SIGCHLD);
    if (handlers->on_upgrade != NULL)
        sigaddset(&set, SIGUSR2);
    else
        signal(SIGUSR2, SIG_IGN);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like a full disk */

    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return error_set_errno(err, "cannot receive signals");
    *signals = (struct signals){.handlers = *handlers};
    event_watch_start(&signals->watch, loop, fd, EPOLLIN, on_signal, signals);
    return true;
}

void signals_stop(struct signals *signals)
{
    int fd = signals->watch.fd;
    event_watch_stop(&signals->watch);
    close(fd);
}
