#include "common/clock.h"
#include "proxy/http/timers.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>

static struct timers timers;
static uint64_t now_ms;
static int fired;

static int set_up(void **state)
{
    (void)state;
    now_ms = 1000;
    fired = 0;
    clock_set_for_test(now_ms);
    timers_init(&timers);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    timers_clear(&timers);
    clock_set_for_test(0);
    return 0;
}

static void advance(uint64_t milliseconds)
{
    now_ms += milliseconds;
    clock_set_for_test(now_ms);
    timers_begin_turn(&timers);
    timers_run(&timers);
}

static void count(struct timer *timer)
{
    (void)timer;
    fired++;
}

static void a_timer_fires_once_when_it_is_due(void **state)
{
    (void)state;
    struct timer timer;
    timer_init(&timer, count, NULL);
    timer_start(&timers, &timer, 10);

    advance(9);
    assert_int_equal(fired, 0);
    advance(1);
    assert_int_equal(fired, 1);

    advance(100);
    assert_int_equal(fired, 1);
    assert_false(timer_is_running(&timer));
}

static void started_again_for_later_it_fires_later(void **state)
{
    (void)state;
    struct timer timer;
    timer_init(&timer, count, NULL);
    timer_start(&timers, &timer, 10);
    timer_start(&timers, &timer, 30);

    advance(29);
    assert_int_equal(fired, 0);
    advance(1);

    assert_int_equal(fired, 1);
}

static void started_again_for_earlier_it_fires_earlier(void **state)
{
    (void)state;
    struct timer other;
    struct timer timer;
    timer_init(&other, count, NULL);
    timer_init(&timer, count, NULL);
    timer_start(&timers, &other, 20);
    timer_start(&timers, &timer, 30);

    timer_start(&timers, &timer, 5);
    advance(5);

    assert_int_equal(fired, 1);
    timer_clear(&timers, &other);
}

static void a_stopped_timer_does_not_fire(void **state)
{
    (void)state;
    struct timer timer;
    timer_init(&timer, count, NULL);
    timer_start(&timers, &timer, 10);

    timer_stop(&timer);
    advance(20);

    assert_int_equal(fired, 0);
    assert_int_equal(timers.count, 0);
}

static void a_loop_waits_for_the_first(void **state)
{
    (void)state;
    struct timer timers_of_mine[2];
    assert_int_equal(timers_wait_ms(&timers, 500), 500);

    timer_init(&timers_of_mine[0], count, NULL);
    timer_init(&timers_of_mine[1], count, NULL);
    timer_start(&timers, &timers_of_mine[0], 300);
    timer_start(&timers, &timers_of_mine[1], 200);

    assert_int_equal(timers_wait_ms(&timers, 500), 200);
    timer_clear(&timers, &timers_of_mine[0]);
    timer_clear(&timers, &timers_of_mine[1]);
}

static void clear_the_other(struct timer *timer)
{
    fired++;
    timer_clear(&timers, timer->context);
}

static void a_callback_may_clear_another_that_is_due(void **state)
{
    (void)state;
    struct timer first;
    struct timer second;
    timer_init(&first, clear_the_other, &second);
    timer_init(&second, clear_the_other, &first);
    timer_start(&timers, &first, 10);
    timer_start(&timers, &second, 10);

    advance(10);

    assert_int_equal(fired, 1);
}

static void check_due(struct timer *timer)
{
    uint64_t *expected_ms = timer->context;
    assert_true(*expected_ms <= now_ms);
    *expected_ms = TIMER_NEVER;
    fired++;
}

/* Each of these is started, moved and stopped at random, and must fire exactly when it should. */
static void random_use_agrees_with_a_plain_model(void **state)
{
    (void)state;
    enum { COUNT = 200, ROUNDS = 5000 };
    static struct timer all[COUNT];
    static uint64_t expected_ms[COUNT];
    for (int i = 0; i < COUNT; i++) {
        timer_init(&all[i], check_due, &expected_ms[i]);
        expected_ms[i] = TIMER_NEVER;
    }
    srandom(7);

    for (int round = 0; round < ROUNDS; round++) {
        int i = (int)(random() % COUNT);
        uint64_t delay_ms = (uint64_t)(random() % 100);
        if (random() % 4 == 0) {
            timer_stop(&all[i]);
            expected_ms[i] = TIMER_NEVER;
        } else {
            timer_start(&timers, &all[i], delay_ms);
            expected_ms[i] = now_ms + delay_ms;
        }
        if (random() % 8 == 0)
            timer_clear(&timers, &all[i]), expected_ms[i] = TIMER_NEVER;
        advance((uint64_t)(random() % 4));
        for (int j = 0; j < COUNT; j++)
            assert_true(expected_ms[j] > now_ms);
    }

    assert_true(fired > ROUNDS / 10);
    for (int i = 0; i < COUNT; i++)
        timer_clear(&timers, &all[i]);
}

int main(void)
{
#define WITH_TIMERS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_TIMERS(a_timer_fires_once_when_it_is_due),
        WITH_TIMERS(started_again_for_later_it_fires_later),
        WITH_TIMERS(started_again_for_earlier_it_fires_earlier),
        WITH_TIMERS(a_stopped_timer_does_not_fire),
        WITH_TIMERS(a_loop_waits_for_the_first),
        WITH_TIMERS(a_callback_may_clear_another_that_is_due),
        WITH_TIMERS(random_use_agrees_with_a_plain_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
