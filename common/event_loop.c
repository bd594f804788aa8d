#include "common/event_loop.h"

#include "common/buffer.h"
#include "common/clock.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A turn: wait, call descriptors, then timers that are due, then the ends of turn.
 *
 * What a callback removes may still be named by the batch of events at hand: event_watch_stop
 * strikes it out there, so memory may be freed at once. Timers that a timer starts wait for the
 * next turn, or one with no delay would never let go. */

enum { BATCH_EVENTS = 64, TURN_ENDS = 8 };

struct turn_end {
    void (*call)(void *context);
    void *context;
};

struct event_loop {
    int epoll_fd;
    bool is_stopping;
    size_t watch_count;

    struct epoll_event batch[BATCH_EVENTS];
    int batch_next;
    int batch_length;

    /* Ordered by due time, then by start. */
    struct event_timer **heap;
    uint32_t heap_length;
    uint32_t heap_capacity;
    uint64_t timers_started;

    struct event_watch wake_watch;
    void (*on_wake)(void *context);
    void *wake_context;

    struct turn_end turn_ends[TURN_ENDS];
    size_t turn_end_count;

    uint64_t turn_began_us;
    uint64_t long_turn_us;
    void (*on_long_turn)(void *context, uint64_t turn_us); /* NULL: nobody asks */
    void *long_turn_context;
};

/* The kernel refuses these calls only when out of memory or for a descriptor that is not what its
 * owner thinks: neither can be handled where it shows. */
static void must(bool is_ok, const char *what)
{
    if (!is_ok) {
        perror(what);
        abort();
    }
}

/* --- timers --------------------------------------------------------------------------------- */

static bool is_before(const struct event_timer *a, const struct event_timer *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void heap_place(struct event_loop *loop, struct event_timer *timer, uint32_t at)
{
    loop->heap[at] = timer;
    timer->heap_index = at;
}

static void heap_rise(struct event_loop *loop, struct event_timer *timer)
{
    uint32_t at = timer->heap_index;
    while (at > 0 && is_before(timer, loop->heap[(at - 1) / 2])) {
        heap_place(loop, loop->heap[(at - 1) / 2], at);
        at = (at - 1) / 2;
    }
    heap_place(loop, timer, at);
}

static void heap_sink(struct event_loop *loop, struct event_timer *timer)
{
    uint32_t at = timer->heap_index;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= loop->heap_length)
            break;
        if (child + 1 < loop->heap_length && is_before(loop->heap[child + 1], loop->heap[child]))
            child++;
        if (!is_before(loop->heap[child], timer))
            break;
        heap_place(loop, loop->heap[child], at);
        at = child;
    }
    heap_place(loop, timer, at);
}

void event_timer_start(struct event_timer *timer, struct event_loop *loop, uint64_t delay_ms,
                       void (*on_due)(struct event_timer *timer), void *context)
{
    event_timer_stop(timer);

    uint64_t now_ms = clock_now_ms();
    *timer = (struct event_timer){
        .loop = loop,
        .due_ms = delay_ms > UINT64_MAX - now_ms ? UINT64_MAX : now_ms + delay_ms,
        .order = loop->timers_started++,
        .on_due = on_due,
        .context = context,
    };

    if (loop->heap_length == loop->heap_capacity) {
        loop->heap_capacity = loop->heap_capacity == 0 ? 16 : 2 * loop->heap_capacity;
        loop->heap = memory_reallocate(loop->heap, loop->heap_capacity * sizeof(loop->heap[0]));
    }
    heap_place(loop, timer, loop->heap_length++);
    heap_rise(loop, timer);
}

void event_timer_stop(struct event_timer *timer)
{
    struct event_loop *loop = timer->loop;
    if (loop == NULL)
        return;
    timer->loop = NULL;

    struct event_timer *last = loop->heap[--loop->heap_length];
    if (last == timer)
        return;
    heap_place(loop, last, timer->heap_index);
    heap_rise(loop, last);
    heap_sink(loop, last);
}

static bool run_timers(struct event_loop *loop)
{
    uint64_t first_of_next_turn = loop->timers_started;
    uint64_t now_ms = clock_now_ms();
    bool ran = false;

    while (loop->heap_length > 0) {
        struct event_timer *timer = loop->heap[0];
        if (timer->due_ms > now_ms || timer->order >= first_of_next_turn)
            break;
        event_timer_stop(timer);
        timer->on_due(timer);
        ran = true;
    }
    return ran;
}

/* --- descriptors ---------------------------------------------------------------------------- */

void event_watch_start(struct event_watch *watch, struct event_loop *loop, int fd, uint32_t events,
                       void (*on_ready)(struct event_watch *watch, uint32_t events), void *context)
{
    event_watch_stop(watch);
    *watch = (struct event_watch){
        .loop = loop,
        .fd = fd,
        .events = events,
        .on_ready = on_ready,
        .context = context,
    };

    struct epoll_event event = {.events = events, .data.ptr = watch};
    must(epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl add");
    loop->watch_count++;
}

void event_watch_change(struct event_watch *watch, uint32_t events)
{
    if (watch->events == events)
        return;
    watch->events = events;
    struct epoll_event event = {.events = events, .data.ptr = watch};
    must(epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) == 0, "epoll_ctl");
}

void event_watch_stop(struct event_watch *watch)
{
    struct event_loop *loop = watch->loop;
    if (loop == NULL)
        return;
    watch->loop = NULL;
    loop->watch_count--;
    must(epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL) == 0, "epoll_ctl delete");

    for (int i = loop->batch_next; i < loop->batch_length; i++) {
        if (loop->batch[i].data.ptr == watch)
            loop->batch[i].data.ptr = NULL;
    }
}

static bool run_descriptors(struct event_loop *loop, int wait_ms)
{
    int count = epoll_wait(loop->epoll_fd, loop->batch, BATCH_EVENTS, wait_ms);
    must(count >= 0 || errno == EINTR, "epoll_wait");

    loop->batch_length = count < 0 ? 0 : count;
    if (loop->on_long_turn != NULL)
        loop->turn_began_us = clock_now_us();
    loop->batch_next = 0;
    while (loop->batch_next < loop->batch_length) {
        struct epoll_event event = loop->batch[loop->batch_next++];
        struct event_watch *watch = event.data.ptr;
        if (watch != NULL)
            watch->on_ready(watch, event.events);
    }
    return loop->batch_length > 0;
}

/* --- the loop ------------------------------------------------------------------------------- */

static void on_wake_ready(struct event_watch *watch, uint32_t events)
{
    (void)events;
    struct event_loop *loop = watch->context;
    uint64_t count;
    ssize_t got = read(watch->fd, &count, sizeof(count));
    if (got > 0 && loop->on_wake != NULL)
        loop->on_wake(loop->wake_context);
}

struct event_loop *event_loop_new(void)
{
    struct event_loop *loop = memory_allocate_zeroed(1, sizeof(*loop));
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    must(loop->epoll_fd >= 0, "epoll_create1");
    int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    must(wake_fd >= 0, "eventfd");
    event_watch_start(&loop->wake_watch, loop, wake_fd, EPOLLIN, on_wake_ready, loop);
    return loop;
}

void event_loop_free(struct event_loop *loop)
{
    if (loop == NULL)
        return;
    event_watch_stop(&loop->wake_watch);
    assert(loop->watch_count == 0 && loop->heap_length == 0);
    close(loop->wake_watch.fd);
    close(loop->epoll_fd);
    free(loop->heap);
    free(loop);
}

static int time_to_wait(const struct event_loop *loop, int max_wait_ms)
{
    if (loop->heap_length == 0)
        return max_wait_ms;

    uint64_t now_ms = clock_now_ms();
    uint64_t due_ms = loop->heap[0]->due_ms;
    uint64_t wait_ms = due_ms > now_ms ? due_ms - now_ms : 0;
    uint64_t bound_ms = max_wait_ms < 0 ? INT_MAX : (uint64_t)max_wait_ms;
    return (int)(wait_ms < bound_ms ? wait_ms : bound_ms);
}

static void time_turn(const struct event_loop *loop)
{
    uint64_t turn_us = clock_now_us() - loop->turn_began_us;
    if (turn_us >= loop->long_turn_us)
        loop->on_long_turn(loop->long_turn_context, turn_us);
}

void event_loop_run_once(struct event_loop *loop, int max_wait_ms)
{
    assert(loop->batch_next == loop->batch_length); /* not from inside a callback */

    bool ran = run_descriptors(loop, time_to_wait(loop, max_wait_ms));
    ran = run_timers(loop) || ran;
    for (size_t i = 0; ran && i < loop->turn_end_count; i++)
        loop->turn_ends[i].call(loop->turn_ends[i].context);
    if (ran && loop->on_long_turn != NULL)
        time_turn(loop);
}

void event_loop_run(struct event_loop *loop)
{
    loop->is_stopping = false;
    while (!loop->is_stopping)
        event_loop_run_once(loop, -1);
}

void event_loop_stop(struct event_loop *loop)
{
    loop->is_stopping = true;
}

void event_loop_wake(struct event_loop *loop)
{
    /* Fails only when the count is about to overflow: then a wake is under way already. */
    uint64_t one = 1;
    ssize_t ignored = write(loop->wake_watch.fd, &one, sizeof(one));
    (void)ignored;
}

void event_loop_on_wake(struct event_loop *loop, void (*on_wake)(void *context), void *context)
{
    loop->on_wake = on_wake;
    loop->wake_context = context;
}

void event_loop_on_turn_end(struct event_loop *loop, void (*on_turn_end)(void *context),
                            void *context)
{
    assert(loop->turn_end_count < TURN_ENDS);
    loop->turn_ends[loop->turn_end_count++] =
        (struct turn_end){.call = on_turn_end, .context = context};
}

void event_loop_on_long_turn(struct event_loop *loop, uint64_t limit_us,
                             void (*on_long_turn)(void *context, uint64_t turn_us), void *context)
{
    loop->long_turn_us = limit_us;
    loop->on_long_turn = on_long_turn;
    loop->long_turn_context = context;
}
