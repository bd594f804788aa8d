#include "common/buffer.h"
#include "proxy/metrics/route_metrics.h"
#include "tests/unit/cmocka_all.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was seen of one name. */
struct sought {
    const char *name;
    uint64_t requests; /* of 2xx */
    size_t times;
};

static void look(void *context, const char *name, const uint64_t *sums)
{
    struct sought *sought = context;
    if (sought->name != NULL && strcmp(name, sought->name) != 0)
        return;
    sought->requests += sums[2];
    sought->times++;
}

static struct sought seek(struct counters *counters, const char *name)
{
    struct sought sought = {.name = name};
    named_counters_each(counters_routes(counters), look, &sought);
    return sought;
}

static void route_without_requests_is_one_pointer(void **state)
{
    (void)state;

    assert_int_equal(sizeof(struct route_metrics), sizeof(void *));
}

static void counts_are_summed_over_workers(void **state)
{
    (void)state;
    struct counters *counters = counters_new(2);
    struct route_metrics route = ROUTE_METRICS_EMPTY;

    route_metrics_count(&route, SLICE("users"), counters_worker(counters, 0), 200);
    route_metrics_count(&route, SLICE("users"), counters_worker(counters, 1), 204);
    route_metrics_count(&route, SLICE("users"), counters_worker(counters, 1), 404);

    assert_int_equal(seek(counters, "users").requests, 2);
    route_metrics_clear(&route);
    counters_free(counters);
}

static void counts_survive_replacement_of_the_route(void **state)
{
    (void)state;
    struct counters *counters = counters_new(1);
    struct route_metrics old = ROUTE_METRICS_EMPTY;
    struct route_metrics replacement = ROUTE_METRICS_EMPTY;

    route_metrics_count(&old, SLICE("users"), counters_worker(counters, 0), 200);
    route_metrics_clear(&old);
    route_metrics_count(&replacement, SLICE("users"), counters_worker(counters, 0), 200);

    assert_int_equal(seek(counters, "users").requests, 2);
    assert_int_equal(seek(counters, "users").times, 1);
    route_metrics_clear(&replacement);
    counters_free(counters);
}

static void old_and_new_version_count_together(void **state)
{
    (void)state;
    struct counters *counters = counters_new(1);
    struct route_metrics old = ROUTE_METRICS_EMPTY;
    struct route_metrics replacement = ROUTE_METRICS_EMPTY;

    route_metrics_count(&replacement, SLICE("users"), counters_worker(counters, 0), 200);
    route_metrics_count(&old, SLICE("users"), counters_worker(counters, 0), 200);

    assert_int_equal(seek(counters, "users").requests, 2);
    route_metrics_clear(&old);
    route_metrics_clear(&replacement);
    counters_free(counters);
}

static void longest_unused_name_is_forgotten_first(void **state)
{
    (void)state;
    struct counters *counters = counters_new(1);
    struct route_metrics held = ROUTE_METRICS_EMPTY;
    route_metrics_count(&held, SLICE("held"), counters_worker(counters, 0), 200);

    for (int i = 0; i < NAMED_COUNTERS_KEPT + 5; i++) {
        struct route_metrics passing = ROUTE_METRICS_EMPTY;
        char name[32];
        snprintf(name, sizeof(name), "route-%d", i);
        route_metrics_count(&passing, slice_from_string(name), counters_worker(counters, 0), 200);
        route_metrics_clear(&passing);
    }

    assert_int_equal(seek(counters, NULL).times, NAMED_COUNTERS_KEPT + 1);
    assert_int_equal(seek(counters, "route-4").times, 0);
    assert_int_equal(seek(counters, "route-5").times, 1);
    assert_int_equal(seek(counters, "held").times, 1);
    route_metrics_clear(&held);
    counters_free(counters);
}

/* --- many workers, and a reader ------------------------------------------------------------- */

enum { WORKERS = 4, ROUTES = 50, ROUNDS = 2000 };

struct crowd {
    struct counters *counters;
    struct route_metrics routes[ROUTES];
    char names[ROUTES][16];
    atomic_uint next_worker;
};

static void *count_all(void *context)
{
    struct crowd *crowd = context;
    struct worker_counters *worker =
        counters_worker(crowd->counters, atomic_fetch_add(&crowd->next_worker, 1));
    for (int round = 0; round < ROUNDS; round++) {
        size_t route = (size_t)round % ROUTES;
        route_metrics_count(&crowd->routes[route], slice_from_string(crowd->names[route]), worker,
                            200);
        if (round % 100 == 0) {
            struct route_metrics passing = ROUTE_METRICS_EMPTY;
            route_metrics_count(&passing, SLICE("passing"), worker, 200);
            route_metrics_clear(&passing);
        }
    }
    return NULL;
}

static void workers_count_while_a_reader_sums(void **state)
{
    (void)state;
    struct crowd *crowd = memory_allocate_zeroed(1, sizeof(*crowd));
    crowd->counters = counters_new(WORKERS);
    for (size_t i = 0; i < ROUTES; i++)
        snprintf(crowd->names[i], sizeof(crowd->names[i]), "route-%zu", i);

    pthread_t threads[WORKERS];
    for (size_t i = 0; i < WORKERS; i++)
        pthread_create(&threads[i], NULL, count_all, crowd);
    uint64_t before = 0;
    for (int i = 0; i < 20; i++) {
        uint64_t now = seek(crowd->counters, NULL).requests;
        assert_true(now >= before);
        before = now;
    }
    for (size_t i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);

    assert_int_equal(seek(crowd->counters, NULL).requests,
                     WORKERS * ROUNDS + WORKERS * ROUNDS / 100);
    for (size_t i = 0; i < ROUTES; i++)
        route_metrics_clear(&crowd->routes[i]);
    counters_free(crowd->counters);
    free(crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(route_without_requests_is_one_pointer),
        cmocka_unit_test(counts_are_summed_over_workers),
        cmocka_unit_test(counts_survive_replacement_of_the_route),
        cmocka_unit_test(old_and_new_version_count_together),
        cmocka_unit_test(longest_unused_name_is_forgotten_first),
        cmocka_unit_test(workers_count_while_a_reader_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
