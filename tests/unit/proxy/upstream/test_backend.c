#include "proxy/upstream/backend.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/upstream/backend_maker.h"

static struct endpoint_registry *registry;

static int set_up(void **state)
{
    (void)state;
    registry = endpoint_registry_new();
    return 0;
}

/* Freeing the registry asserts that every endpoint was given back. */
static int tear_down(void **state)
{
    (void)state;
    endpoint_registry_free(registry);
    return 0;
}

static void assert_first_endpoint(struct backend_maker *maker, uint32_t port, const char *name)
{
    struct error err = {0};
    struct backend *backend = backend_new(&maker->message, port, NULL, registry, &err);
    if (backend == NULL)
        fail_msg("%s", err.message);
    assert_string_equal(backend->endpoints[0].endpoint->name, name);
    backend_release(&backend);
    assert_null(backend);
}

static void assert_refused(struct backend_maker *maker, uint32_t port, enum error_code code)
{
    struct error err = {0};
    assert_null(backend_new(&maker->message, port, NULL, registry, &err));
    assert_int_equal(err.code, code);
}

static void backend_copies_what_it_needs(void **state)
{
    (void)state;
    struct backend_maker maker;
    maker_init(&maker);
    maker_add(&maker, "10.0.0.1", 80);
    maker.message.revision = 41;

    struct backend *backend = backend_new(&maker.message, 0, NULL, registry, NULL);
    maker.message.name = (char *)"other";

    assert_true(slice_equals(backend->name, SLICE("users")));
    assert_int_equal(backend->revision, 41);
    assert_int_equal(backend->connect_timeout_ms, 2000);
    assert_int_equal(backend->policy,
                     POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_LEAST_REQUEST);
    backend_release(&backend);
}

static void connect_timeout_is_taken_over(void **state)
{
    (void)state;
    struct backend_maker maker;
    maker_init(&maker);
    DurationMessage timeout;
    google__protobuf__duration__init(&timeout);
    timeout.seconds = 1;
    timeout.nanos = 250000000;
    maker.message.connect_timeout = &timeout;

    struct backend *backend = backend_new(&maker.message, 0, NULL, registry, NULL);

    assert_int_equal(backend->connect_timeout_ms, 1250);
    backend_release(&backend);
}

static void own_port_of_an_endpoint_wins(void **state)
{
    (void)state;
    struct backend_maker maker;
    maker_init(&maker);
    maker_add(&maker, "10.0.0.1", 8080);

    assert_first_endpoint(&maker, 0, "10.0.0.1:8080");
    assert_first_endpoint(&maker, 9090, "10.0.0.1:8080");
}

static void port_of_the_reference_is_the_default(void **state)
{
    (void)state;
    struct backend_maker maker;
    maker_init(&maker);
    maker_add(&maker, "::1", 0);

    assert_first_endpoint(&maker, 9090, "[::1]:9090");
    assert_refused(&maker, 0, ERROR_INVALID);
}

static void listed_port_leads_to_its_target(void **state)
{
    (void)state;
    struct backend_maker maker;
    maker_init(&maker);
    maker_add(&maker, "10.0.0.1", 0);
    maker_add_port(&maker, 80, 9000);

    assert_first_endpoint(&maker, 80, "10.0.0.1:9000");
    assert_first_endpoint(&maker, 0, "10.0.0.1:9000");
    assert_refused(&maker, 81, ERROR_INVALID);
}

static void several_ports_need_one_in_the_reference(void **state)
{
    (void)state;
    struct backend_maker maker;
    maker_init(&maker);
    maker_add(&maker, "10.0.0.1", 0);
    maker_add_port(&maker, 80, 0);
    maker_add_port(&maker, 81, 9001);

    assert_refused(&maker, 0, ERROR_INVALID);
    assert_first_endpoint(&maker, 80, "10.0.0.1:80");
    assert_first_endpoint(&maker, 81, "10.0.0.1:9001");
}

static void unix_endpoints_need_no_port(void **state)
{
    (void)state;
    struct backend_maker maker;
    maker_init(&maker);
    maker_add(&maker, "", 0)->unix_path = (char *)"/run/users.sock";

    assert_first_endpoint(&maker, 0, "unix:/run/users.sock");
}

static void bad_endpoint_leaves_nothing_behind(void **state)
{
    (void)state;
    struct backend_maker maker;
    maker_init(&maker);
    maker_add(&maker, "10.0.0.1", 80);
    maker_add(&maker, "users.internal", 80);
    maker_add(&maker, "10.0.0.2", 0);

    struct error err = {0};
    assert_null(backend_new(&maker.message, 0, NULL, registry, &err));

    assert_int_equal(err.code, ERROR_INVALID);
    assert_memory_equal(err.message, "endpoints[2]: ", 14);
}

static void hash_ring_is_shared_by_versions_with_the_same_endpoints(void **state)
{
    (void)state;
    struct backend_maker maker;
    maker_init(&maker);
    maker_set_policy(&maker,
                     POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_CONSISTENT_HASH);
    maker_add(&maker, "10.0.0.1", 80);
    maker_add(&maker, "10.0.0.2", 80);

    struct backend *first = backend_new(&maker.message, 0, NULL, registry, NULL);
    maker.message.revision = 2;
    struct backend *second = backend_new(&maker.message, 0, first, registry, NULL);
    maker_add(&maker, "10.0.0.3", 80);
    struct backend *third = backend_new(&maker.message, 0, second, registry, NULL);

    assert_non_null(first->ring);
    assert_ptr_equal(second->ring, first->ring);
    assert_ptr_not_equal(third->ring, second->ring);
    backend_release(&first);
    backend_release(&second);
    backend_release(&third);
}

static void what_is_hashed_and_what_is_limited_is_taken_over(void **state)
{
    (void)state;
    struct backend_maker maker;
    maker_init(&maker);
    maker_set_policy(&maker,
                     POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_CONSISTENT_HASH);
    maker.load_balancing.hash_on_case = POINTSMAN__V1__LOAD_BALANCING__HASH_ON_COOKIE;
    maker.load_balancing.cookie = (char *)"session";
    Pointsman__V1__ConnectionLimits limits = POINTSMAN__V1__CONNECTION_LIMITS__INIT;
    limits.max_connections = 1;
    limits.max_pending = 2;
    limits.max_requests = 3;
    maker.message.limits = &limits;

    struct backend *backend = backend_new(&maker.message, 0, NULL, registry, NULL);

    assert_int_equal(backend->hash_on, HASH_ON_COOKIE);
    assert_true(slice_equals(backend->hash_name, SLICE("session")));
    assert_int_equal(backend->limits.max_connections, 1);
    assert_int_equal(backend->limits.max_pending, 2);
    assert_int_equal(backend->limits.max_requests, 3);
    backend_release(&backend);
}

static void weights_are_reduced(void **state)
{
    (void)state;
    struct backend_maker maker;
    maker_init(&maker);
    maker_add_weighted(&maker, "10.0.0.1", 100);
    maker_add_weighted(&maker, "10.0.0.2", 0);
    maker_add_weighted(&maker, "10.0.0.3", 200);

    struct backend *backend = backend_new(&maker.message, 0, NULL, registry, NULL);

    assert_int_equal(backend->endpoints[0].weight, 1);
    assert_int_equal(backend->endpoints[1].weight, 0);
    assert_int_equal(backend->endpoints[2].weight, 2);
    assert_int_equal(backend->total_weight, 3);
    assert_false(backend->has_equal_weights);
    backend_release(&backend);
}

static void new_version_shares_endpoints_with_the_old(void **state)
{
    (void)state;
    struct backend_maker maker;
    maker_init(&maker);
    maker_add(&maker, "10.0.0.1", 80);
    struct backend *old = backend_new(&maker.message, 0, NULL, registry, NULL);

    maker_add(&maker, "10.0.0.2", 80);
    struct backend *renewed = backend_new(&maker.message, 0, NULL, registry, NULL);

    assert_ptr_equal(renewed->endpoints[0].endpoint, old->endpoints[0].endpoint);
    backend_acquire(renewed);
    struct backend *second_reference = renewed;
    backend_release(&old);
    backend_release(&renewed);
    assert_int_equal(second_reference->endpoint_count, 2);
    backend_release(&second_reference);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(backend_copies_what_it_needs),
        TEST(connect_timeout_is_taken_over),
        TEST(own_port_of_an_endpoint_wins),
        TEST(port_of_the_reference_is_the_default),
        TEST(listed_port_leads_to_its_target),
        TEST(several_ports_need_one_in_the_reference),
        TEST(unix_endpoints_need_no_port),
        TEST(bad_endpoint_leaves_nothing_behind),
        TEST(hash_ring_is_shared_by_versions_with_the_same_endpoints),
        TEST(what_is_hashed_and_what_is_limited_is_taken_over),
        TEST(weights_are_reduced),
        TEST(new_version_shares_endpoints_with_the_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
