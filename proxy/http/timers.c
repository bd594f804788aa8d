#include "proxy/http/timers.h"

#include "common/buffer.h"
#include "common/clock.h"

#include <assert.h>
#include <stdlib.h>

void timers_init(struct timers *timers)
{
    *timers = (struct timers){0};
}

void timers_clear(struct timers *timers)
{
    assert(timers->count == 0);
    free(timers->heap);
    *timers = (struct timers){0};
}

/* --- the heap ------------------------------------------------------------------------------- */

static void put(struct timers *timers, size_t place, struct timer *timer)
{
    timers->heap[place] = timer;
    timer->place = place;
}

static void sift_up(struct timers *timers, size_t place)
{
    struct timer *timer = timers->heap[place];
    for (; place > 1 && timers->heap[place / 2]->queued_ms > timer->queued_ms; place /= 2)
        put(timers, place, timers->heap[place / 2]);
    put(timers, place, timer);
}

static void sift_down(struct timers *timers, size_t place)
{
    struct timer *timer = timers->heap[place];
    for (;;) {
        size_t child = place * 2;
        if (child > timers->count)
            break;
        if (child < timers->count &&
            timers->heap[child + 1]->queued_ms < timers->heap[child]->queued_ms)
            child++;
        if (timers->heap[child]->queued_ms >= timer->queued_ms)
            break;
        put(timers, place, timers->heap[child]);
        place = child;
    }
    put(timers, place, timer);
}

static void insert(struct timers *timers, struct timer *timer)
{
    if (timers->count + 1 >= timers->capacity) {
        timers->capacity = timers->capacity == 0 ? 64 : timers->capacity * 2;
        timers->heap = memory_reallocate(timers->heap, timers->capacity * sizeof(timers->heap[0]));
    }
    timers->count++;
    put(timers, timers->count, timer);
    sift_up(timers, timers->count);
}

static void take_out(struct timers *timers, struct timer *timer)
{
    size_t place = timer->place;
    struct timer *last = timers->heap[timers->count--];
    timer->place = 0;
    if (last == timer)
        return;
    put(timers, place, last);
    sift_down(timers, place);
    sift_up(timers, last->place);
}

/* --- one timer ------------------------------------------------------------------------------ */

void timer_init(struct timer *timer, void (*on_due)(struct timer *timer), void *context)
{
    *timer = (struct timer){.due_ms = TIMER_NEVER, .on_due = on_due, .context = context};
}

void timer_clear(struct timers *timers, struct timer *timer)
{
    timer->due_ms = TIMER_NEVER;
    if (timer->place != 0)
        take_out(timers, timer);
}

void timer_start_at(struct timers *timers, struct timer *timer, uint64_t due_ms)
{
    timer->due_ms = due_ms;
    if (timer->place == 0) {
        timer->queued_ms = due_ms;
        insert(timers, timer);
    } else if (due_ms < timer->queued_ms) {
        timer->queued_ms = due_ms;
        sift_up(timers, timer->place);
    }
}

void timer_start(struct timers *timers, struct timer *timer, uint64_t delay_ms)
{
    timer_start_at(timers, timer, timers_now_ms(timers) + delay_ms);
}

void timer_stop(struct timer *timer)
{
    timer->due_ms = TIMER_NEVER;
}

/* --- a turn --------------------------------------------------------------------------------- */

uint64_t timers_now_ms(struct timers *timers)
{
    if (timers->now_ms == 0)
        timers->now_ms = clock_now_ms();
    return timers->now_ms;
}

void timers_run(struct timers *timers)
{
    uint64_t now_ms = timers_now_ms(timers);
    while (timers->count > 0 && timers->heap[1]->queued_ms <= now_ms) {
        struct timer *first = timers->heap[1];
        if (!timer_is_running(first)) {
            take_out(timers, first);
        } else if (first->due_ms > now_ms) {
            first->queued_ms = first->due_ms;
            sift_down(timers, 1);
        } else {
            take_out(timers, first);
            first->due_ms = TIMER_NEVER;
            first->on_due(first);
        }
    }
}

int32_t timers_wait_ms(struct timers *timers, int32_t max_ms)
{
    if (timers->count == 0)
        return max_ms;
    uint64_t next_ms = timers->heap[1]->queued_ms;
    uint64_t now_ms = timers_now_ms(timers);
    uint64_t wait_ms = next_ms > now_ms ? next_ms - now_ms : 0;
    return wait_ms < (uint64_t)max_ms ? (int32_t)wait_ms : max_ms;
}
