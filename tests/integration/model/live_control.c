#include "tests/integration/model/live_control.h"

#include "common/buffer.h"
#include "common/event_loop.h"
#include "control/control.h"
#include "tests/support/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { REJECTION_PAUSE_MS = 20, HEARTBEAT_MS = 1000 };

struct live_control {
    struct event_loop *loop;
    struct control *control;
    pthread_t thread;
    atomic_int order; /* what the thread is to do next; 0: go on */
};

enum order { ORDER_DRAIN = 1, ORDER_STOP };

static void on_wake(void *context)
{
    struct live_control *live = context;
    switch (atomic_exchange(&live->order, 0)) {
    case ORDER_DRAIN:
        control_drain(live->control);
        break;
    case ORDER_STOP:
        event_loop_stop(live->loop);
        break;
    default:
        break;
    }
}

static void *run(void *context)
{
    struct live_control *live = context;
    event_loop_run(live->loop);
    return NULL;
}

struct live_control *live_control_start(const char *database, const char *socket_path)
{
    struct live_control *live = memory_allocate_zeroed(1, sizeof(*live));
    struct control_options options;
    struct error err = {0};
    control_options_init(&options);
    options.database = database;
    options.socket = socket_path;
    options.feed.rejection_pause_ms = REJECTION_PAUSE_MS;
    options.feed.heartbeat_interval_ms = HEARTBEAT_MS;
    live->loop = event_loop_new();
    event_loop_on_wake(live->loop, on_wake, live);
    live->control = control_start(&options, live->loop, &err);
    CHECK(live->control != NULL, "%s", err.message);
    CHECK(pthread_create(&live->thread, NULL, run, live) == 0, "no thread");
    return live;
}

void live_control_stop(struct live_control *live, bool is_graceful)
{
    if (live == NULL)
        return;
    atomic_store(&live->order, is_graceful ? ORDER_DRAIN : ORDER_STOP);
    event_loop_wake(live->loop);
    pthread_join(live->thread, NULL);
    control_stop(live->control);
    event_loop_free(live->loop);
    free(live);
}
