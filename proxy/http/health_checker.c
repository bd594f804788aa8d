#include "proxy/http/health_checker.h"

#include "proxy/http/health_probe.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct health_checker {
    /* immutable */
    struct check_registry *registry;
    pthread_t thread;

    /* atomic: main sets */
    atomic_bool is_stopping;

    /* health only, but for event_loop_wake */
    struct probes probes;
    struct health_probe *first;
};

/* Ends the probes that nobody needs; `all`: every one. */
static void end_probes(struct health_checker *checker, bool all)
{
    struct health_probe **place = &checker->first;
    while (*place != NULL) {
        struct health_probe *probe = *place;
        if (!all && health_check_is_used(probe->check)) {
            place = &probe->next;
            continue;
        }
        *place = probe->next;
        health_probe_stop(probe);
    }
}

static void on_wake(void *context)
{
    struct health_checker *checker = context;
    if (atomic_load(&checker->is_stopping)) {
        event_loop_stop(checker->probes.loop);
        return;
    }
    end_probes(checker, false);
    struct health_check *check;
    while ((check = check_registry_take(checker->registry)) != NULL) {
        struct health_probe *probe = health_probe_start(&checker->probes, check);
        probe->next = checker->first;
        checker->first = probe;
    }
}

static void on_change(void *context)
{
    struct health_checker *checker = context;
    event_loop_wake(checker->probes.loop);
}

static void *run(void *context)
{
    struct health_checker *checker = context;
    pthread_setname_np(pthread_self(), "health");
    event_loop_run(checker->probes.loop);
    end_probes(checker, true);
    return NULL;
}

struct health_checker *health_checker_start(struct check_registry *registry)
{
    struct health_checker *checker = memory_allocate_zeroed(1, sizeof(*checker));
    checker->registry = registry;
    checker->probes.loop = event_loop_new();
    balancer_random_init(&checker->probes.random);
    event_loop_on_wake(checker->probes.loop, on_wake, checker);
    if (pthread_create(&checker->thread, NULL, run, checker) != 0)
        abort(); /* as when memory runs out */
    check_registry_on_change(registry, on_change, checker);
    on_change(checker); /* for what was there before */
    return checker;
}

void health_checker_stop(struct health_checker *checker)
{
    if (checker == NULL)
        return;
    check_registry_on_change(checker->registry, NULL, NULL);
    atomic_store(&checker->is_stopping, true);
    event_loop_wake(checker->probes.loop);
    pthread_join(checker->thread, NULL);
    event_loop_free(checker->probes.loop);
    free(checker);
}
