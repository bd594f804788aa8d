#include "proxy/supervised.h"

#include "common/log.h"
#include "proxy/http/listener.h"
#include "proxy/supervision_channel.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* The next of "7:3:0:1:1"; 0 when there is none. */
static uint64_t next_number(const char **text)
{
    char *end;
    uint64_t number = strtoull(*text, &end, 10);
    *text = *end == ':' ? end + 1 : end;
    return number;
}

void supervised_init(struct supervised *supervised)
{
    *supervised = (struct supervised){.channel = -1};
    const char *text = getenv(SUPERVISION_VARIABLE);
    if (text == NULL)
        return;
    int channel = (int)next_number(&text);
    if (channel > STDERR_FILENO && fcntl(channel, F_SETFD, FD_CLOEXEC) == 0) {
        supervised->channel = channel;
        supervised->generation = next_number(&text);
        supervised->restarts = next_number(&text);
        supervised->has_predecessor = next_number(&text) != 0;
        supervised->waits_for_routes = next_number(&text) != 0;
    }
    unsetenv(SUPERVISION_VARIABLE);
}

static void send_text(const struct supervised *supervised, const char *text, const int *fds,
                      size_t fd_count)
{
    if (supervised->channel >= 0 && !supervision_send(supervised->channel, text, fds, fd_count))
        log_warn("supervisor_not_told", "message=\"%s\"", text);
}

void supervised_offer(const struct supervised *supervised, struct listener *listener)
{
    if (supervised->channel < 0)
        return;
    const struct listener_identity *identity = listener_identity(listener);
    char text[SUPERVISION_TEXT_BYTES];
    snprintf(text, sizeof(text), "SOCKETS=%.*s", (int)identity->name.length, identity->name.at);
    int fds[SUPERVISION_FDS_MAX];
    size_t count = 0;
    for (unsigned i = 0; i < listener_fd_count(listener); i++) {
        fds[count++] = listener_fd(listener, i);
        if (count == SUPERVISION_FDS_MAX || i + 1 == listener_fd_count(listener)) {
            send_text(supervised, text, fds, count);
            count = 0;
        }
    }
    listener_disown_file(listener);
}

void supervised_ready(const struct supervised *supervised, uint64_t drain_ms, bool has_routes)
{
    char text[SUPERVISION_TEXT_BYTES];
    snprintf(text, sizeof(text), "READY=1\nROUTES=%d\nDRAIN_MS=%" PRIu64, has_routes, drain_ms);
    send_text(supervised, text, NULL, 0);
}

void supervised_has_routes(const struct supervised *supervised)
{
    send_text(supervised, "ROUTES=1", NULL, 0);
}

void supervised_stopping(const struct supervised *supervised)
{
    send_text(supervised, "STOPPING=1", NULL, 0);
}

static void on_readable(struct event_watch *watch, uint32_t events)
{
    (void)events;
    struct supervised *supervised = watch->context;
    struct supervision_message message;
    switch (supervision_receive(supervised->channel, &message)) {
    case SUPERVISION_NOTHING:
        return;
    case SUPERVISION_END:
        supervised_unwatch(supervised);
        supervised->on_lost(supervised->context);
        return;
    case SUPERVISION_MESSAGE:
        break;
    }
    for (size_t i = 0; i < message.fd_count; i++)
        close(message.fds[i]); /* none is meant for us */
    if (supervision_number(&message, "TAKEN_OVER", 0) == 1)
        supervised->on_taken_over(supervised->context);
}

void supervised_watch(struct supervised *supervised, struct event_loop *loop,
                      void (*on_taken_over)(void *context), void (*on_lost)(void *context),
                      void *context)
{
    supervised->on_taken_over = on_taken_over;
    supervised->on_lost = on_lost;
    supervised->context = context;
    if (supervised->channel >= 0)
        event_watch_start(&supervised->watch, loop, supervised->channel, EPOLLIN, on_readable,
                          supervised);
}

void supervised_unwatch(struct supervised *supervised)
{
    event_watch_stop(&supervised->watch);
    if (supervised->channel >= 0)
        close(supervised->channel);
    supervised->channel = -1;
}
