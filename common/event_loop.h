/* Event loop: descriptors and timers of one thread, on epoll.
 *
 * The control daemon runs on one, and so does the proxy's control thread. (Workers run on
 * libh2o's.) Callbacks may add and remove anything, themselves included.
 *
 * Threads: one owns a loop and calls everything here, except event_loop_wake. */
#ifndef COMMON_EVENT_LOOP_H
#define COMMON_EVENT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct event_loop;

struct event_loop *event_loop_new(void);
/* Everything that was added must be gone. */
void event_loop_free(struct event_loop *loop);

/* Runs callbacks until event_loop_stop. */
void event_loop_run(struct event_loop *loop);
/* One turn: waits at most `max_wait_ms` (-1: for ever). For programs with another main loop. */
void event_loop_run_once(struct event_loop *loop, int max_wait_ms);
void event_loop_stop(struct event_loop *loop);

/* From any thread: makes the loop take a turn, in which it calls
 * what event_loop_on_wake set. Several wakes may become one. */
void event_loop_wake(struct event_loop *loop);
void event_loop_on_wake(struct event_loop *loop, void (*on_wake)(void *context), void *context);

/* Called at the end of each turn that ran any callback: the place to commit or send in one go
 * what the turn has gathered. A few may be set, for as long as the loop lives; they run in the
 * order they were added. */
void event_loop_on_turn_end(struct event_loop *loop, void (*on_turn_end)(void *context),
                            void *context);

/* Called behind a turn whose callbacks took at least `limit_us` together: whoever else wants to run
 * has waited as long. The time spent waiting for something to happen is not counted. */
void event_loop_on_long_turn(struct event_loop *loop, uint64_t limit_us,
                             void (*on_long_turn)(void *context, uint64_t turn_us), void *context);

/* --- descriptors --------------------------------------------------------------------------- */

/* Embedded in its owner; open from watch to unwatch. */
struct event_watch {
    struct event_loop *loop; /* NULL while not watched */
    int fd;
    uint32_t events;
    void (*on_ready)(struct event_watch *watch, uint32_t events);
    void *context;
};

/* `events` are EPOLLIN and EPOLLOUT, level-triggered; EPOLLHUP and EPOLLERR are told even when
 * nothing was asked for. The descriptor stays the caller's. */
void event_watch_start(struct event_watch *watch, struct event_loop *loop, int fd, uint32_t events,
                       void (*on_ready)(struct event_watch *watch, uint32_t events), void *context);
void event_watch_change(struct event_watch *watch, uint32_t events);
/* Harmless when not watched. Call it before closing the descriptor. */
void event_watch_stop(struct event_watch *watch);

/* --- timers -------------------------------------------------------------------------------- */

/* Embedded in its owner; fires once. Kept in a binary heap: any number of them is fine. */
struct event_timer {
    struct event_loop *loop; /* NULL while not running */
    uint64_t due_ms;         /* on clock_now_ms */
    uint64_t order;          /* of equal due times, the one started first fires first */
    uint32_t heap_index;
    void (*on_due)(struct event_timer *timer);
    void *context;
};

/* (Re)starts the timer: due `delay_ms` from now. Timers run after the turn's descriptors: one with
 * no delay that a descriptor's callback starts still fires in the same turn, one that a timer
 * starts in the next. */
void event_timer_start(struct event_timer *timer, struct event_loop *loop, uint64_t delay_ms,
                       void (*on_due)(struct event_timer *timer), void *context);
/* Harmless when not running. */
void event_timer_stop(struct event_timer *timer);

#endif
