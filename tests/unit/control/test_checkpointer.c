/* The log is moved by whoever has the time, not by the commit that made it long. */
#include "common/clock.h"
#include "common/event_loop.h"
#include "control/checkpointer.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEGABYTE = 1 << 20, WAIT_MS = 5000 };

#define ROUTE POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE

struct world {
    struct store_fixture *fixture;
    struct event_loop *loop;
    struct checkpointer *checkpointer;
    struct event_timer turn;
};

static int set_up(void **state)
{
    void *fixture;
    if (store_fixture_set_up(&fixture) != 0)
        return -1;
    struct world *world = memory_allocate_zeroed(1, sizeof(*world));
    world->fixture = fixture;
    world->loop = event_loop_new();
    world->checkpointer = checkpointer_new(world->loop, world->fixture->store);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    void *fixture = world->fixture;
    event_timer_stop(&world->turn);
    checkpointer_free(world->checkpointer);
    event_loop_free(world->loop);
    free(world);
    return store_fixture_tear_down(&fixture);
}

/* Each is there twice: as it is, and in the log of changes. */
static void put_megabytes(struct world *world, size_t count)
{
    static char bytes[MEGABYTE / 2];
    memset(bytes, 'x', sizeof(bytes) - 1);
    for (size_t i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof(name), "r%zu", i);
        store_fixture_put(world->fixture->store, ROUTE, name, bytes);
    }
}

static void on_turn(struct event_timer *timer)
{
    (void)timer;
}

static void take_turn(struct world *world)
{
    event_timer_start(&world->turn, world->loop, 0, on_turn, world);
    event_loop_run_once(world->loop, 0);
}

/* How long it took until the log was short; UINT64_MAX: it stays long. */
static uint64_t run_until_moved(struct world *world)
{
    uint64_t from_ms = clock_now_ms();
    while (store_log_bytes(world->fixture->store) > 0) {
        if (clock_now_ms() - from_ms > WAIT_MS)
            return UINT64_MAX;
        event_loop_run_once(world->loop, 10);
    }
    return clock_now_ms() - from_ms;
}

static void short_log_stays(void **state)
{
    struct world *world = *state;
    put_megabytes(world, 10);

    take_turn(world);
    event_loop_run_once(world->loop, 200);

    assert_true(store_log_bytes(world->fixture->store) > 10 * MEGABYTE);
}

static void long_log_is_moved_once_all_is_quiet(void **state)
{
    struct world *world = *state;
    put_megabytes(world, 20);
    take_turn(world);
    assert_true(store_log_bytes(world->fixture->store) > 20 * MEGABYTE);

    assert_in_range(run_until_moved(world), 20, WAIT_MS);
}

static void log_that_is_overdue_does_not_wait_for_quiet(void **state)
{
    struct world *world = *state;
    put_megabytes(world, 34);
    take_turn(world);

    take_turn(world);

    assert_int_equal(store_log_bytes(world->fixture->store), 0);
}

static void without_anybody_a_commit_moves_it(void **state)
{
    struct world *world = *state;

    put_megabytes(world, 70);

    assert_true(store_log_bytes(world->fixture->store) < 64 * MEGABYTE);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(short_log_stays),
        test(long_log_is_moved_once_all_is_quiet),
        test(log_that_is_overdue_does_not_wait_for_quiet),
        test(without_anybody_a_commit_moves_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
