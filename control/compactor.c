#include "control/compactor.h"

#include "common/event_loop.h"
#include "common/log.h"
#include "control/store.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    LOOK_MS = 10000,    /* from one look to the next */
    GO_ON_MS = 50,      /* between steps of one cut */
    STEP_COMMITS = 200, /* in one step */
};

struct compactor {
    struct event_loop *loop;
    struct store *store;
    uint64_t keep_revisions;
    struct event_timer timer;
    bool is_cutting;
};

static void on_timer(struct event_timer *timer)
{
    struct compactor *compactor = timer->context;
    event_timer_start(timer, compactor->loop, compactor_step(compactor) ? GO_ON_MS : LOOK_MS,
                      on_timer, compactor);
}

struct compactor *compactor_new(struct event_loop *loop, struct store *store,
                                uint64_t keep_revisions)
{
    struct compactor *compactor = memory_allocate_zeroed(1, sizeof(*compactor));
    compactor->loop = loop;
    compactor->store = store;
    compactor->keep_revisions = keep_revisions;
    event_timer_start(&compactor->timer, loop, LOOK_MS, on_timer, compactor);
    return compactor;
}

void compactor_free(struct compactor *compactor)
{
    if (compactor == NULL)
        return;
    event_timer_stop(&compactor->timer);
    free(compactor);
}

static bool cut(struct store *store, uint64_t until, struct error *err)
{
    if (!store_transaction_begin(store, err))
        return false;
    bool is_begun = store_commit_begin(store, err);
    bool is_cut = is_begun && store_compact(store, until, STEP_COMMITS, err) &&
                  store_commit_end(store, NULL, err);
    if (is_begun && !is_cut)
        store_commit_abandon(store);
    return store_transaction_end(store, is_cut ? err : NULL) && is_cut;
}

/* Where to cut to: not so far that a commit that may be reverted is gone. */
static uint64_t find_end(const struct compactor *compactor)
{
    uint64_t head = store_head(compactor->store).revision;
    uint64_t until = head > compactor->keep_revisions ? head - compactor->keep_revisions : 0;
    uint64_t confirm_by_wall_ms;
    uint64_t pending = store_pending(compactor->store, &confirm_by_wall_ms);
    return pending != 0 && until >= pending ? pending - 1 : until;
}

bool compactor_step(struct compactor *compactor)
{
    struct store *store = compactor->store;
    uint64_t until = find_end(compactor);
    uint64_t from = store_compacted_revision(store);
    uint64_t surplus = until > from ? until - from : 0;
    bool is_due = compactor->is_cutting ? surplus > 0 : surplus > compactor->keep_revisions;
    if (!is_due || store_is_damaged(store) || store_in_transaction(store))
        return false;

    struct error err = {0};
    compactor->is_cutting = cut(store, until, &err);
    if (!compactor->is_cutting) {
        log_warn("compaction_failed", "reason=\"%s\"", err.message);
        return false;
    }
    compactor->is_cutting = store_compacted_revision(store) < until;
    if (!compactor->is_cutting)
        log_info("history_compacted", "until=%" PRIu64, store_compacted_revision(store));
    return compactor->is_cutting;
}
