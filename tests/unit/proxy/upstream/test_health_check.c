#include "proxy/upstream/health_check.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/upstream/backend_maker.h"

static struct endpoint_registry *endpoints;
static struct check_registry *registry;
static struct endpoint *endpoint;
static Pointsman__V1__HealthCheck message;
static int changes;

static void on_change(void *context)
{
    (void)context;
    changes++;
}

static int set_up(void **state)
{
    (void)state;
    endpoints = endpoint_registry_new();
    registry = endpoint_registry_checks(endpoints);
    struct endpoint_address address;
    endpoint_address_set_ip(&address, "10.0.0.1", 80);
    endpoint = endpoint_registry_acquire(endpoints, &address, ENDPOINT_HTTP1, NULL);
    pointsman__v1__health_check__init(&message);
    message.path = (char *)"/healthz";
    changes = 0;
    check_registry_on_change(registry, on_change, NULL);
    return 0;
}

/* Freeing the registry asserts that every check is gone. */
static int tear_down(void **state)
{
    (void)state;
    endpoint_release(&endpoint);
    endpoint_registry_free(endpoints);
    return 0;
}

static void same_settings_share_a_check_and_its_state(void **state)
{
    (void)state;
    struct health_check *old = health_check_use(registry, endpoint, &message);
    atomic_store(&old->is_healthy, false);

    struct health_check *renewed = health_check_use(registry, endpoint, &message);
    health_check_leave(&old);

    assert_false(health_check_is_healthy(renewed));
    assert_int_equal(changes, 1);
    health_check_leave(&renewed);
}

static void other_settings_are_another_check_which_begins_healthy(void **state)
{
    (void)state;
    struct health_check *first = health_check_use(registry, endpoint, &message);
    atomic_store(&first->is_healthy, false);
    uint32_t statuses[] = {204};
    message.expected_statuses = statuses;
    message.n_expected_statuses = 1;

    struct health_check *second = health_check_use(registry, endpoint, &message);

    assert_ptr_not_equal(second, first);
    assert_true(health_check_is_healthy(second));
    assert_int_equal(second->settings.statuses[0], 204);
    health_check_leave(&first);
    health_check_leave(&second);
}

static void settings_have_defaults(void **state)
{
    (void)state;
    message.path = (char *)"";
    struct health_check *check = health_check_use(registry, endpoint, &message);

    assert_int_equal(check->settings.type, CHECK_HTTP);
    assert_true(slice_equals(check->settings.path, SLICE("/")));
    assert_int_equal(check->settings.interval_ms, 5000);
    assert_int_equal(check->settings.timeout_ms, 1000);
    assert_int_equal(check->settings.unhealthy_after, 3);
    assert_int_equal(check->settings.healthy_after, 2);
    health_check_leave(&check);
}

static void a_check_is_taken_once(void **state)
{
    (void)state;
    struct health_check *check = health_check_use(registry, endpoint, &message);

    assert_ptr_equal(check_registry_take(registry), check);
    assert_null(check_registry_take(registry));

    check_registry_put_down(check);
    assert_ptr_equal(check_registry_take(registry), check);
    check_registry_put_down(check);
    health_check_leave(&check);
}

static void a_taken_check_lives_until_it_is_put_down(void **state)
{
    (void)state;
    struct health_check *check = health_check_use(registry, endpoint, &message);
    struct health_check *taken = check_registry_take(registry);
    assert_true(health_check_is_used(taken));

    health_check_leave(&check);

    assert_false(health_check_is_used(taken));
    assert_int_equal(changes, 2);
    check_registry_put_down(taken);
    assert_null(check_registry_take(registry));
}

static void a_backend_uses_a_check_for_each_endpoint_and_skips_the_unhealthy(void **state)
{
    (void)state;
    struct backend_maker maker;
    maker_init(&maker);
    maker_add(&maker, "10.0.0.1", 80);
    maker_add(&maker, "10.0.0.2", 80);
    maker.message.health_check = &message;
    struct backend *backend = backend_new(&maker.message, 0, NULL, endpoints, NULL);

    atomic_store(&backend->endpoints[0].check->is_healthy, false);

    assert_false(backend_endpoint_is_healthy(&backend->endpoints[0], 1000));
    assert_true(backend_endpoint_is_healthy(&backend->endpoints[1], 1000));
    backend_release(&backend);
    assert_null(check_registry_take(registry));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(same_settings_share_a_check_and_its_state),
        TEST(other_settings_are_another_check_which_begins_healthy),
        TEST(settings_have_defaults),
        TEST(a_check_is_taken_once),
        TEST(a_taken_check_lives_until_it_is_put_down),
        TEST(a_backend_uses_a_check_for_each_endpoint_and_skips_the_unhealthy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
