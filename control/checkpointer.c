#include "control/checkpointer.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "control/store.h"

#include <inttypes.h>
#include <stdlib.h>

enum { QUIET_MS = 50, RETRY_MS = 1000 };
enum { DUE_BYTES = 16 << 20, OVERDUE_BYTES = 2 * DUE_BYTES };

struct checkpointer {
    struct event_loop *loop;
    struct store *store;
    struct event_timer timer;
    uint64_t seen_bytes;
};

static void on_due(struct event_timer *timer)
{
    struct checkpointer *checkpointer = timer->context;
    uint64_t bytes = store_log_bytes(checkpointer->store);
    uint64_t before_us = clock_now_us();
    struct error err = {0};
    if (store_in_transaction(checkpointer->store)) {
        event_timer_start(timer, checkpointer->loop, 0, on_due, checkpointer);
    } else if (store_checkpoint(checkpointer->store, &err)) {
        log_debug("checkpoint", "bytes=%" PRIu64 " microseconds=%" PRIu64, bytes,
                  clock_now_us() - before_us);
    } else {
        /* Nothing is lost: the log only grows. */
        log_warn("checkpoint_failed", "reason=\"%s\"", err.message);
        event_timer_start(timer, checkpointer->loop, RETRY_MS, on_due, checkpointer);
    }
}

/* Each commit puts it off, until it is overdue. */
static void on_turn_end(void *context)
{
    struct checkpointer *checkpointer = context;
    uint64_t bytes = store_log_bytes(checkpointer->store);
    if (bytes == checkpointer->seen_bytes)
        return;
    checkpointer->seen_bytes = bytes;
    if (bytes < DUE_BYTES)
        event_timer_stop(&checkpointer->timer);
    else if (bytes < OVERDUE_BYTES || checkpointer->timer.loop == NULL)
        event_timer_start(&checkpointer->timer, checkpointer->loop,
                          bytes < OVERDUE_BYTES ? QUIET_MS : 0, on_due, checkpointer);
}

struct checkpointer *checkpointer_new(struct event_loop *loop, struct store *store)
{
    struct checkpointer *checkpointer = memory_allocate_zeroed(1, sizeof(*checkpointer));
    checkpointer->loop = loop;
    checkpointer->store = store;
    event_loop_on_turn_end(loop, on_turn_end, checkpointer);
    return checkpointer;
}

void checkpointer_free(struct checkpointer *checkpointer)
{
    if (checkpointer == NULL)
        return;
    event_timer_stop(&checkpointer->timer);
    free(checkpointer);
}
