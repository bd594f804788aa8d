#include "common/clock.h"
#include "common/event_loop.h"
#include "tests/unit/cmocka_all.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { START_MS = 1000 };

/* What happened, in order, a letter each. */
struct journal {
    char text[64];
    struct event_loop *loop;
};

static void note(struct journal *journal, char letter)
{
    size_t used = strlen(journal->text);
    assert_true(used + 1 < sizeof(journal->text));
    journal->text[used] = letter;
}

struct lettered_timer {
    struct event_timer timer;
    struct journal *journal;
    char letter;
    struct lettered_timer *stops;  /* when due */
    struct lettered_timer *starts; /* when due, with no delay */
};

static void on_lettered_due(struct event_timer *timer)
{
    struct lettered_timer *self = timer->context;
    note(self->journal, self->letter);
    if (self->stops != NULL)
        event_timer_stop(&self->stops->timer);
    if (self->starts != NULL) {
        struct lettered_timer *other = self->starts;
        event_timer_start(&other->timer, self->journal->loop, 0, on_lettered_due, other);
    }
}

static void start_lettered(struct lettered_timer *timer, struct journal *journal, char letter,
                           uint64_t delay_ms)
{
    timer->journal = journal;
    timer->letter = letter;
    event_timer_start(&timer->timer, journal->loop, delay_ms, on_lettered_due, timer);
}

static int set_up(void **state)
{
    struct journal *journal = calloc(1, sizeof(*journal));
    clock_set_for_test(START_MS);
    journal->loop = event_loop_new();
    *state = journal;
    return 0;
}

static int tear_down(void **state)
{
    struct journal *journal = *state;
    event_loop_free(journal->loop);
    clock_set_for_test(0);
    free(journal);
    return 0;
}

static void timers_fire_in_order_of_due_time_then_of_start(void **state)
{
    struct journal *journal = *state;
    struct lettered_timer timers[4] = {0};
    start_lettered(&timers[0], journal, 'c', 30);
    start_lettered(&timers[1], journal, 'a', 10);
    start_lettered(&timers[2], journal, 'd', 30);
    start_lettered(&timers[3], journal, 'b', 20);

    clock_set_for_test(START_MS + 30);
    event_loop_run_once(journal->loop, 0);

    assert_string_equal(journal->text, "abcd");
}

static void a_timer_that_is_not_due_does_not_fire(void **state)
{
    struct journal *journal = *state;
    struct lettered_timer timer = {0};
    start_lettered(&timer, journal, 'a', 10);

    clock_set_for_test(START_MS + 9);
    event_loop_run_once(journal->loop, 0);
    assert_string_equal(journal->text, "");

    clock_set_for_test(START_MS + 10);
    event_loop_run_once(journal->loop, 0);
    assert_string_equal(journal->text, "a");
}

static void a_restarted_timer_fires_once_at_its_new_time(void **state)
{
    struct journal *journal = *state;
    struct lettered_timer timer = {0};
    start_lettered(&timer, journal, 'a', 10);
    start_lettered(&timer, journal, 'b', 50);

    clock_set_for_test(START_MS + 20);
    event_loop_run_once(journal->loop, 0);
    assert_string_equal(journal->text, "");

    clock_set_for_test(START_MS + 50);
    event_loop_run_once(journal->loop, 0);
    assert_string_equal(journal->text, "b");
}

static void a_timer_may_stop_another_that_is_due_too(void **state)
{
    struct journal *journal = *state;
    struct lettered_timer first = {0};
    struct lettered_timer second = {0};
    start_lettered(&first, journal, 'a', 10);
    start_lettered(&second, journal, 'b', 10);
    first.stops = &second;

    clock_set_for_test(START_MS + 10);
    event_loop_run_once(journal->loop, 0);

    assert_string_equal(journal->text, "a");
}

static void a_timer_that_restarts_itself_with_no_delay_lets_the_turn_end(void **state)
{
    struct journal *journal = *state;
    struct lettered_timer timer = {0};
    start_lettered(&timer, journal, 'a', 0);
    timer.starts = &timer;

    event_loop_run_once(journal->loop, 0);
    assert_string_equal(journal->text, "a");
    event_loop_run_once(journal->loop, 0);
    assert_string_equal(journal->text, "aa");

    event_timer_stop(&timer.timer);
}

static int compare_times(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;
    return *left < *right ? -1 : *left > *right;
}

struct recorded_timer {
    struct event_timer timer;
    uint64_t *times;
    size_t *count;
};

static void on_recorded_due(struct event_timer *timer)
{
    struct recorded_timer *self = timer->context;
    self->times[(*self->count)++] = timer->due_ms;
}

static void a_thousand_timers_started_and_stopped_at_random_stay_in_order(void **state)
{
    struct journal *journal = *state;
    enum { TIMERS = 1000 };
    struct recorded_timer *timers = calloc(TIMERS, sizeof(*timers));
    uint64_t fired[TIMERS];
    uint64_t sorted[TIMERS];
    size_t fired_count = 0;
    size_t expected = 0;
    unsigned seed = 7;

    for (size_t i = 0; i < TIMERS; i++) {
        timers[i].times = fired;
        timers[i].count = &fired_count;
        event_timer_start(&timers[i].timer, journal->loop, (uint64_t)rand_r(&seed) % 5000,
                          on_recorded_due, &timers[i]);
    }
    for (size_t i = 0; i < TIMERS; i++) {
        if (rand_r(&seed) % 3 == 0)
            event_timer_stop(&timers[i].timer);
        else
            expected++;
    }

    clock_set_for_test(START_MS + 5000);
    event_loop_run_once(journal->loop, 0);

    assert_int_equal(fired_count, expected);
    memcpy(sorted, fired, sizeof(sorted));
    qsort(sorted, fired_count, sizeof(sorted[0]), compare_times);
    assert_memory_equal(fired, sorted, fired_count * sizeof(fired[0]));
    free(timers);
}

struct lettered_watch {
    struct event_watch watch;
    struct journal *journal;
    char letter;
    struct lettered_watch *frees; /* when ready: stopped and released */
};

static void on_lettered_ready(struct event_watch *watch, uint32_t events)
{
    struct lettered_watch *self = watch->context;
    (void)events;
    note(self->journal, self->letter);
    if (self->frees != NULL) {
        event_watch_stop(&self->frees->watch);
        free(self->frees);
        self->frees = NULL;
    }
}

static void start_watch(struct lettered_watch *watch, struct journal *journal, char letter, int fd,
                        uint32_t events)
{
    watch->journal = journal;
    watch->letter = letter;
    event_watch_start(&watch->watch, journal->loop, fd, events, on_lettered_ready, watch);
}

static void a_watch_tells_what_it_was_asked_for(void **state)
{
    struct journal *journal = *state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    struct lettered_watch watch = {0};
    start_watch(&watch, journal, 'r', pair[0], EPOLLIN);

    event_loop_run_once(journal->loop, 0);
    assert_string_equal(journal->text, "");

    event_watch_change(&watch.watch, EPOLLOUT);
    event_loop_run_once(journal->loop, 0);
    assert_string_equal(journal->text, "r");

    event_watch_change(&watch.watch, EPOLLIN);
    assert_int_equal(write(pair[1], "x", 1), 1);
    event_loop_run_once(journal->loop, 0);
    assert_string_equal(journal->text, "rr");

    event_watch_stop(&watch.watch);
    event_loop_run_once(journal->loop, 0);
    assert_string_equal(journal->text, "rr");
    close(pair[0]);
    close(pair[1]);
}

static void a_callback_may_free_a_watch_that_is_ready_in_the_same_turn(void **state)
{
    struct journal *journal = *state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    struct lettered_watch *first = calloc(1, sizeof(*first));
    struct lettered_watch *second = calloc(1, sizeof(*second));
    start_watch(first, journal, 'x', pair[0], EPOLLOUT);
    start_watch(second, journal, 'x', pair[1], EPOLLOUT);
    first->frees = second;
    second->frees = first;

    event_loop_run_once(journal->loop, 0);

    /* epoll tells them in the order in which they became ready, so the first ran. */
    assert_string_equal(journal->text, "x");
    event_watch_stop(&first->watch);
    free(first);
    close(pair[0]);
    close(pair[1]);
}

static void on_turn_end(void *context)
{
    note(context, 'e');
}

static void the_end_of_a_turn_comes_after_its_callbacks_and_only_then(void **state)
{
    struct journal *journal = *state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    event_loop_on_turn_end(journal->loop, on_turn_end, journal);
    struct lettered_watch watch = {0};
    struct lettered_timer timer = {0};

    event_loop_run_once(journal->loop, 0);
    assert_string_equal(journal->text, "");

    start_lettered(&timer, journal, 't', 0);
    start_watch(&watch, journal, 'w', pair[0], EPOLLOUT);
    event_loop_run_once(journal->loop, 0);
    assert_string_equal(journal->text, "wte");

    event_watch_stop(&watch.watch);
    close(pair[0]);
    close(pair[1]);
}

struct long_turns {
    unsigned count;
    uint64_t longest_us;
};

static void on_long_turn(void *context, uint64_t turn_us)
{
    struct long_turns *turns = context;
    turns->count++;
    turns->longest_us = turn_us > turns->longest_us ? turn_us : turns->longest_us;
}

static void take_long(struct event_timer *timer)
{
    uint64_t from_us = clock_now_us();
    (void)timer;
    while (clock_now_us() - from_us < 5000)
        ;
}

static void take_no_time(struct event_timer *timer)
{
    (void)timer;
}

static void a_long_turn_is_told_of_and_waiting_is_none(void **state)
{
    struct journal *journal = *state;
    struct event_timer timer = {0};
    struct long_turns turns = {0};
    event_loop_on_long_turn(journal->loop, 5000, on_long_turn, &turns);

    event_timer_start(&timer, journal->loop, 0, take_long, NULL);
    event_loop_run_once(journal->loop, 0);

    assert_int_equal(turns.count, 1);
    assert_true(turns.longest_us >= 5000);
    clock_set_for_test(0); /* this one has to come by itself */
    event_loop_on_long_turn(journal->loop, 15000, on_long_turn, &turns);
    event_timer_start(&timer, journal->loop, 20, take_no_time, NULL);
    while (timer.loop != NULL)
        event_loop_run_once(journal->loop, -1);
    assert_int_equal(turns.count, 1);
}

static void on_wake(void *context)
{
    struct journal *journal = context;
    note(journal, 'k');
    event_loop_stop(journal->loop);
}

static void *wake_from_another_thread(void *loop)
{
    event_loop_wake(loop);
    return NULL;
}

static void another_thread_wakes_a_loop_that_waits_for_ever(void **state)
{
    struct journal *journal = *state;
    event_loop_on_wake(journal->loop, on_wake, journal);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wake_from_another_thread, journal->loop), 0);

    event_loop_run(journal->loop);

    assert_string_equal(journal->text, "k");
    pthread_join(thread, NULL);
}

static void on_due_stop_loop(struct event_timer *timer)
{
    event_loop_stop(timer->context);
}

static void a_waiting_loop_wakes_for_its_next_timer(void **state)
{
    struct journal *journal = *state;
    struct event_timer timer = {0};
    clock_set_for_test(0);
    uint64_t started_ms = clock_now_ms();
    event_timer_start(&timer, journal->loop, 5, on_due_stop_loop, journal->loop);

    event_loop_run(journal->loop);

    assert_true(clock_now_ms() - started_ms >= 5);
}

#define LOOP_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(timers_fire_in_order_of_due_time_then_of_start),
        LOOP_TEST(a_timer_that_is_not_due_does_not_fire),
        LOOP_TEST(a_restarted_timer_fires_once_at_its_new_time),
        LOOP_TEST(a_timer_may_stop_another_that_is_due_too),
        LOOP_TEST(a_timer_that_restarts_itself_with_no_delay_lets_the_turn_end),
        LOOP_TEST(a_long_turn_is_told_of_and_waiting_is_none),
        LOOP_TEST(a_thousand_timers_started_and_stopped_at_random_stay_in_order),
        LOOP_TEST(a_watch_tells_what_it_was_asked_for),
        LOOP_TEST(a_callback_may_free_a_watch_that_is_ready_in_the_same_turn),
        LOOP_TEST(the_end_of_a_turn_comes_after_its_callbacks_and_only_then),
        LOOP_TEST(another_thread_wakes_a_loop_that_waits_for_ever),
        LOOP_TEST(a_waiting_loop_wakes_for_its_next_timer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
