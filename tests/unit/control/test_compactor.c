#include "common/event_loop.h"
#include "control/compactor.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/store_fixture.h"

#include <stdio.h>

static void put_many(struct store *store, int count)
{
    char bytes[16];
    for (int i = 0; i < count; i++) {
        snprintf(bytes, sizeof(bytes), "%d", i);
        store_fixture_put(store, ROUTE, "a", bytes);
    }
}

static void history_is_cut_once_it_is_twice_as_long(void **state)
{
    struct store_fixture *fixture = *state;
    struct event_loop *loop = event_loop_new();
    struct compactor *compactor = compactor_new(loop, fixture->store, 300);

    put_many(fixture->store, 600);
    assert_false(compactor_step(compactor));
    assert_int_equal(store_compacted_revision(fixture->store), 0);
    put_many(fixture->store, 2);

    assert_true(compactor_step(compactor));
    assert_int_equal(store_compacted_revision(fixture->store), 200);
    assert_false(compactor_step(compactor));
    assert_int_equal(store_compacted_revision(fixture->store), 302);
    assert_false(compactor_step(compactor));
    compactor_free(compactor);
    event_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(history_is_cut_once_it_is_twice_as_long,
                                        store_fixture_set_up, store_fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
