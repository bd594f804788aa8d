#include "control/confirmation.h"

#include "common/clock.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "control/change_feed.h"
#include "control/commit_group.h"
#include "control/control_service.h"
#include "control/services.h"
#include "control/store.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

enum { RETRY_MS = 1000 };

struct confirmation {
    struct event_loop *loop;
    struct change_feed *feed;
    const struct services *services;
    struct change_listener listener;
    struct event_timer timer;
    uint64_t revision; /* that the timer runs for; 0: none */
    bool has_failed;   /* said so */
};

static void on_due(struct event_timer *timer);

static void start_timer(struct confirmation *confirmation, uint64_t milliseconds)
{
    event_timer_start(&confirmation->timer, confirmation->loop, milliseconds, on_due, confirmation);
}

static void look(struct confirmation *confirmation)
{
    uint64_t due_wall_ms;
    uint64_t pending = store_pending(confirmation->services->store, &due_wall_ms);
    if (pending == confirmation->revision)
        return;
    event_timer_stop(&confirmation->timer);
    confirmation->revision = pending;
    confirmation->has_failed = false;
    if (pending == 0)
        return;
    uint64_t now_wall_ms = clock_wall_ms();
    uint64_t left_ms = due_wall_ms > now_wall_ms ? due_wall_ms - now_wall_ms : 0;
    /* Of a clock that was set back while we were down. */
    start_timer(confirmation, left_ms < COMMIT_CONFIRM_MAX_MS ? left_ms : COMMIT_CONFIRM_MAX_MS);
}

static void on_due(struct event_timer *timer)
{
    struct confirmation *confirmation = timer->context;
    const struct services *services = confirmation->services;
    struct error err = {0};
    uint64_t due_wall_ms;
    commit_group_flush(services->commits);
    if (store_pending(services->store, &due_wall_ms) == confirmation->revision &&
        !control_service_revert(services, confirmation->revision, &err)) {
        if (!confirmation->has_failed)
            log_error("revert_failed", "revision=%" PRIu64 " reason=\"%s\"", confirmation->revision,
                      err.message);
        confirmation->has_failed = true;
    }
    commit_group_flush(services->commits);
    look(confirmation);
    if (confirmation->revision != 0 && timer->loop == NULL)
        start_timer(confirmation, RETRY_MS);
}

static void on_change(struct change_listener *listener)
{
    look((struct confirmation *)((char *)listener - offsetof(struct confirmation, listener)));
}

struct confirmation *confirmation_new(struct event_loop *loop, struct change_feed *feed,
                                      const struct services *services)
{
    struct confirmation *confirmation = memory_allocate_zeroed(1, sizeof(*confirmation));
    confirmation->loop = loop;
    confirmation->feed = feed;
    confirmation->services = services;
    change_feed_add(feed, &confirmation->listener, on_change);
    look(confirmation);
    return confirmation;
}

void confirmation_free(struct confirmation *confirmation)
{
    if (confirmation == NULL)
        return;
    event_timer_stop(&confirmation->timer);
    change_feed_remove(confirmation->feed, &confirmation->listener);
    free(confirmation);
}
