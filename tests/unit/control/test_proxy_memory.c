#include "common/clock.h"
#include "control/proxy_memory.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/store_fixture.h"

/* A watcher is only compared with NULL here. */
static int connected_mark;

static struct proxy *admit(struct proxy_registry *registry, const char *id)
{
    Pointsman__V1__WatchRequest request = POINTSMAN__V1__WATCH_REQUEST__INIT;
    request.proxy_id = (char *)id;
    struct proxy *proxy = proxy_registry_admit(registry, &request);
    proxy->watcher = (struct watcher *)&connected_mark;
    return proxy;
}

/* What a daemon that starts on this database knows. Caller frees. */
static struct proxy_registry *restart(struct store_fixture *fixture)
{
    store_fixture_reopen(fixture);
    struct proxy_registry *registry = proxy_registry_new();
    proxy_memory_restore(fixture->store, registry);
    return registry;
}

static void a_connected_proxy_counts_as_just_lost_after_a_restart(void **state)
{
    struct store_fixture *fixture = *state;
    struct proxy_registry *before = proxy_registry_new();
    struct proxy *proxy = admit(before, "edge-1");
    proxy_memory_keep(fixture->store, before);

    struct proxy_registry *after = restart(fixture);

    const struct proxy *restored = proxy_registry_find(after, "edge-1", "");
    assert_non_null(restored);
    assert_null(restored->watcher);
    assert_true(clock_now_ms() - restored->lost_ms < PROXY_LOST_GRACE_MS / 2);
    proxy->watcher = NULL;
    proxy_registry_free(before);
    proxy_registry_free(after);
}

static void a_proxy_lost_long_ago_is_not_restored(void **state)
{
    struct store_fixture *fixture = *state;
    uint64_t long_ago_ms = clock_wall_ms() - 2 * (uint64_t)PROXY_LOST_GRACE_MS;
    assert_true(store_put_proxy(fixture->store, "gone", long_ago_ms, 0, NULL));

    struct proxy_registry *after = restart(fixture);

    assert_int_equal(proxy_registry_count(after), 0);
    proxy_registry_free(after);
}

static void a_proxy_lost_a_moment_ago_is_restored_with_its_time(void **state)
{
    struct store_fixture *fixture = *state;
    struct proxy_registry *before = proxy_registry_new();
    admit(before, "edge-1")->watcher = NULL;
    proxy_memory_keep(fixture->store, before);

    struct proxy_registry *after = restart(fixture);

    assert_non_null(proxy_registry_find(after, "edge-1", ""));
    proxy_registry_free(before);
    proxy_registry_free(after);
}

static void what_is_kept_is_forgotten_when_it_is_old(void **state)
{
    struct store_fixture *fixture = *state;
    uint64_t long_ago_ms = clock_wall_ms() - 2 * (uint64_t)PROXY_LOST_GRACE_MS;
    assert_true(store_put_proxy(fixture->store, "gone", long_ago_ms, 0, NULL));

    /* Another one comes: the time to look. */
    assert_true(
        store_put_proxy(fixture->store, "here", 0, clock_wall_ms() - PROXY_LOST_GRACE_MS, NULL));

    struct proxy_registry *after = restart(fixture);
    assert_int_equal(proxy_registry_count(after), 1);
    assert_non_null(proxy_registry_find(after, "here", ""));
    proxy_registry_free(after);
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, store_fixture_set_up, store_fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_connected_proxy_counts_as_just_lost_after_a_restart),
        TEST(a_proxy_lost_long_ago_is_not_restored),
        TEST(a_proxy_lost_a_moment_ago_is_restored_with_its_time),
        TEST(what_is_kept_is_forgotten_when_it_is_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
