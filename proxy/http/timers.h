/* Timers: deadlines of one worker, made for being moved on every request and almost never due.
 *
 * Starting a running timer again for later, or stopping it, is one store: the heap keeps the old
 * place and corrects it when that comes up. So a connection's timers cost nothing on the path of
 * a request. (libh2o's own go by wall time, which jumps, and need a queue for each duration.)
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_TIMERS_H
#define PROXY_HTTP_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIMER_NEVER UINT64_MAX

/* Embedded in its owner; fires once for each start. */
struct timer {
    uint64_t due_ms;    /* on clock_now_ms; TIMER_NEVER while stopped */
    uint64_t queued_ms; /* where the heap has it; while running never later than due_ms */
    size_t place;       /* in the heap, from 1; 0: not in it */
    void (*on_due)(struct timer *timer);
    void *context;
};

struct timers {
    struct timer **heap; /* from index 1 */
    size_t count;
    size_t capacity;
    uint64_t now_ms; /* read once a turn, on demand; 0: not yet */
};

void timers_init(struct timers *timers);
/* Every timer must have been cleared. */
void timers_clear(struct timers *timers);

/* A turn of the loop begins: what the clock said before is old. */
static inline void timers_begin_turn(struct timers *timers)
{
    timers->now_ms = 0;
}

/* The time of this turn, which timers count from. */
uint64_t timers_now_ms(struct timers *timers);

/* Calls what is due. Callbacks may start, stop and clear any timer. */
void timers_run(struct timers *timers);

/* How long a loop may wait for its next turn, at most `max_ms`. */
int32_t timers_wait_ms(struct timers *timers, int32_t max_ms);

void timer_init(struct timer *timer, void (*on_due)(struct timer *timer), void *context);
/* Before the memory goes. */
void timer_clear(struct timers *timers, struct timer *timer);

/* Due `delay_ms` from now, whatever it was before. */
void timer_start(struct timers *timers, struct timer *timer, uint64_t delay_ms);
/* Due at `due_ms`; when that is past, in this turn or the next one. */
void timer_start_at(struct timers *timers, struct timer *timer, uint64_t due_ms);
void timer_stop(struct timer *timer);

static inline bool timer_is_running(const struct timer *timer)
{
    return timer->due_ms != TIMER_NEVER;
}

#endif
