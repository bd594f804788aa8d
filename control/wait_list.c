#include "control/wait_list.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/event_loop.h"
#include "control/proxy_registry.h"
#include "proto/grpc_server.h"

#include <assert.h>
#include <stdlib.h>

/* A lost proxy stops being waited for without anything happening: so often is looked. */
enum { LOOK_AGAIN_MS = 1000 };

struct waiter {
    struct wait_list *list;
    struct waiter *previous;
    struct waiter *next;
    struct grpc_call *call;
    struct event_timer timer;
    uint64_t revision;
    uint64_t deadline_ms;
};

struct wait_list {
    struct event_loop *loop;
    const struct proxy_registry *registry;
    struct waiter *first;
};

struct wait_list *wait_list_new(struct event_loop *loop, const struct proxy_registry *registry)
{
    struct wait_list *list = memory_allocate_zeroed(1, sizeof(*list));
    list->loop = loop;
    list->registry = registry;
    return list;
}

void wait_list_free(struct wait_list *list)
{
    assert(list == NULL || list->first == NULL);
    free(list);
}

static void waiter_free(struct waiter *waiter)
{
    event_timer_stop(&waiter->timer);
    if (waiter->previous == NULL)
        waiter->list->first = waiter->next;
    else
        waiter->previous->next = waiter->next;
    if (waiter->next != NULL)
        waiter->next->previous = waiter->previous;
    free(waiter);
}

static void on_call_end(void *context)
{
    waiter_free(context);
}

/* --- the answer ----------------------------------------------------------------------------- */

/* Lists with room for every proxy. Strings are the proxies' own. */
struct tally {
    Pointsman__V1__WaitAppliedResponse response;
    char *applied[PROXIES_MAX];
    char *pending[PROXIES_MAX];
    char *disconnected[PROXIES_MAX];
    Pointsman__V1__Rejection *rejected[PROXIES_MAX];
};

static bool is_forgotten(const struct proxy *proxy, uint64_t now_ms)
{
    return proxy->watcher == NULL && now_ms - proxy->lost_ms >= PROXY_LOST_GRACE_MS;
}

static void count_proxy(struct tally *tally, const struct proxy *proxy, uint64_t revision)
{
    Pointsman__V1__WaitAppliedResponse *response = &tally->response;
    if (proxy->digest_matches && proxy->revision >= revision)
        tally->applied[response->n_applied++] = proxy->id;
    else if (proxy->watcher == NULL)
        tally->disconnected[response->n_disconnected++] = proxy->id;
    else if (proxy->last_rejection != NULL && proxy->last_rejection->revision >= revision)
        tally->rejected[response->n_rejected++] = proxy->last_rejection;
    else
        tally->pending[response->n_pending++] = proxy->id;
}

static void count_proxies(struct tally *tally, const struct proxy_registry *registry,
                          uint64_t revision)
{
    uint64_t now_ms = clock_now_ms();
    pointsman__v1__wait_applied_response__init(&tally->response);
    tally->response.revision = revision;
    tally->response.applied = tally->applied;
    tally->response.pending = tally->pending;
    tally->response.disconnected = tally->disconnected;
    tally->response.rejected = tally->rejected;
    for (size_t i = 0; i < proxy_registry_count(registry); i++) {
        const struct proxy *proxy = proxy_registry_at(registry, i);
        if (!is_forgotten(proxy, now_ms))
            count_proxy(tally, proxy, revision);
    }
}

/* True when the waiter was answered, and is gone. */
static bool answer_when_over(struct waiter *waiter, bool is_last_chance)
{
    struct tally tally;
    count_proxies(&tally, waiter->list->registry, waiter->revision);
    bool is_over = tally.response.n_pending == 0 && tally.response.n_disconnected == 0;
    if (!is_over && !is_last_chance)
        return false;
    grpc_call_reply(waiter->call, &tally.response.base);
    waiter_free(waiter);
    return true;
}

/* --- waiting -------------------------------------------------------------------------------- */

static void on_timer(struct event_timer *timer)
{
    struct waiter *waiter = timer->context;
    uint64_t now_ms = clock_now_ms();
    if (answer_when_over(waiter, now_ms >= waiter->deadline_ms))
        return;
    uint64_t left_ms = waiter->deadline_ms - now_ms;
    event_timer_start(timer, waiter->list->loop, left_ms < LOOK_AGAIN_MS ? left_ms : LOOK_AGAIN_MS,
                      on_timer, waiter);
}

void wait_list_add(struct wait_list *list, struct grpc_call *call, uint64_t revision,
                   uint64_t timeout_ms)
{
    struct waiter *waiter = memory_allocate_zeroed(1, sizeof(*waiter));
    waiter->list = list;
    waiter->call = call;
    waiter->revision = revision;
    waiter->deadline_ms = clock_now_ms() + timeout_ms;
    waiter->next = list->first;
    if (list->first != NULL)
        list->first->previous = waiter;
    list->first = waiter;

    if (answer_when_over(waiter, timeout_ms == 0))
        return;
    grpc_call_on_end(call, on_call_end, waiter);
    event_timer_start(&waiter->timer, list->loop,
                      timeout_ms < LOOK_AGAIN_MS ? timeout_ms : LOOK_AGAIN_MS, on_timer, waiter);
}

void wait_list_check(struct wait_list *list)
{
    struct waiter *next;
    for (struct waiter *at = list->first; at != NULL; at = next) {
        next = at->next;
        answer_when_over(at, false);
    }
}

void wait_list_finish(struct wait_list *list)
{
    while (list->first != NULL)
        answer_when_over(list->first, true);
}
