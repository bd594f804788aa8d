#include "proxy/metrics/counters.h"
#include "tests/unit/cmocka_all.h"

static void sum_adds_all_workers(void **state)
{
    (void)state;
    struct counters *counters = counters_new(3);

    for (unsigned i = 0; i < 3; i++)
        counter_add(&counters_worker(counters, i)->connections_accepted, i + 1);

    assert_int_equal(counters_sum(counters, offsetof(struct worker_counters, connections_accepted)),
                     6);
    counters_free(counters);
}

static void workers_share_no_cache_line(void **state)
{
    (void)state;
    struct counters *counters = counters_new(2);

    uintptr_t first = (uintptr_t)counters_worker(counters, 0);
    uintptr_t second = (uintptr_t)counters_worker(counters, 1);

    assert_int_equal(first % 64, 0);
    assert_true(second / 64 > (first + sizeof(struct worker_counters) - 1) / 64);
    counters_free(counters);
}

static void status_classes_are_the_first_digit(void **state)
{
    (void)state;

    assert_int_equal(status_class(100), 1);
    assert_int_equal(status_class(204), 2);
    assert_int_equal(status_class(599), 5);
    assert_int_equal(status_class(0), 0);
    assert_int_equal(status_class(600), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sum_adds_all_workers),
        cmocka_unit_test(workers_share_no_cache_line),
        cmocka_unit_test(status_classes_are_the_first_digit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
