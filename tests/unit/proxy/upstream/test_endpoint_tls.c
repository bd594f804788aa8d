#include "proxy/upstream/backend.h"
#include "proxy/upstream/endpoint_tls.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/upstream/backend_maker.h"

static struct endpoint_registry *endpoints;
static struct tls_registry *registry;
static int made, freed;

static void *make_context(const struct endpoint_tls *tls)
{
    (void)tls;
    made++;
    return &made;
}

static void free_context(void *context)
{
    assert_ptr_equal(context, &made);
    freed++;
}

static int set_up(void **state)
{
    (void)state;
    static const struct tls_maker maker = {.make = make_context, .free = free_context};
    endpoints = endpoint_registry_new();
    registry = endpoint_registry_tls(endpoints);
    tls_registry_set_maker(registry, &maker);
    made = freed = 0;
    return 0;
}

/* Freeing the registry asserts that all was given back. */
static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(made, freed);
    endpoint_registry_free(endpoints);
    return 0;
}

static void equal_settings_are_one_object_with_one_context(void **state)
{
    (void)state;
    struct endpoint_tls *first = endpoint_tls_acquire(registry, "a", "/ca", false);
    struct endpoint_tls *again = endpoint_tls_acquire(registry, "a", "/ca", false);
    struct endpoint_tls *others[] = {endpoint_tls_acquire(registry, "b", "/ca", false),
                                     endpoint_tls_acquire(registry, "a", "", false),
                                     endpoint_tls_acquire(registry, "a", "/ca", true)};

    assert_ptr_equal(again, first);
    assert_int_equal(made, 4);
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_not_equal(others[i], first);
        endpoint_tls_release(&others[i]);
    }
    endpoint_tls_release(&first);
    assert_int_equal(freed, 3);
    endpoint_tls_release(&again);
}

struct visits {
    struct endpoint_tls *released; /* on the first visit */
    int count;
};

static void on_visit(struct endpoint_tls *tls, void *context)
{
    struct visits *visits = context;
    assert_non_null(tls->context);
    visits->count++;
    endpoint_tls_release(&visits->released);
    /* No lock is held. */
    struct endpoint_tls *another = endpoint_tls_acquire(registry, "a", "/ca", false);
    endpoint_tls_release(&another);
}

static void each_object_is_visited_and_kept_meanwhile(void **state)
{
    (void)state;
    struct endpoint_tls *kept = endpoint_tls_acquire(registry, "a", "/ca", false);
    struct visits visits = {.released = endpoint_tls_acquire(registry, "b", "/ca", false)};

    tls_registry_each(registry, on_visit, &visits);
    assert_int_equal(visits.count, 2);
    assert_int_equal(made, 2);
    assert_int_equal(freed, 1);

    endpoint_tls_release(&kept);
    visits.count = 0;
    tls_registry_each(registry, on_visit, &visits);
    assert_int_equal(visits.count, 0);
}

static struct endpoint *endpoint_of(struct backend_maker *maker, uint32_t port,
                                    struct backend **backend)
{
    *backend = backend_new(&maker->message, port, NULL, endpoints, NULL);
    assert_non_null(*backend);
    return (*backend)->endpoints[0].endpoint;
}

static void an_address_with_other_settings_is_another_endpoint(void **state)
{
    (void)state;
    struct backend_maker maker;
    maker_init(&maker);
    maker_add(&maker, "10.0.0.1", 443);
    Pointsman__V1__EndpointTls tls = POINTSMAN__V1__ENDPOINT_TLS__INIT;
    struct backend *clear, *secured, *same, *unverified;

    struct endpoint *clear_endpoint = endpoint_of(&maker, 0, &clear);
    maker.message.tls = &tls;
    tls.enabled = true;
    struct endpoint *secured_endpoint = endpoint_of(&maker, 0, &secured);
    struct endpoint *same_endpoint = endpoint_of(&maker, 0, &same);
    tls.skip_verification = true;
    struct endpoint *unverified_endpoint = endpoint_of(&maker, 0, &unverified);

    assert_null(clear_endpoint->tls);
    assert_ptr_not_equal(secured_endpoint, clear_endpoint);
    assert_ptr_equal(same_endpoint, secured_endpoint);
    assert_ptr_not_equal(unverified_endpoint, secured_endpoint);
    backend_release(&clear);
    backend_release(&secured);
    backend_release(&same);
    backend_release(&unverified);
}

static void a_port_that_speaks_https_is_verified_by_the_systems_authorities(void **state)
{
    (void)state;
    struct backend_maker maker;
    maker_init(&maker);
    maker_add(&maker, "10.0.0.1", 0);
    maker_add_port(&maker, 443, 8443);
    maker_add_port(&maker, 80, 8080);
    maker.ports[0].app_protocol = (char *)"https";
    struct backend *secured, *clear;

    struct endpoint *secured_endpoint = endpoint_of(&maker, 443, &secured);
    struct endpoint *clear_endpoint = endpoint_of(&maker, 80, &clear);

    assert_non_null(secured_endpoint->tls);
    assert_false(secured_endpoint->tls->skip_verification);
    assert_string_equal(secured_endpoint->tls->ca_file, "");
    assert_null(clear_endpoint->tls);
    backend_release(&secured);
    backend_release(&clear);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(equal_settings_are_one_object_with_one_context),
        TEST(each_object_is_visited_and_kept_meanwhile),
        TEST(an_address_with_other_settings_is_another_endpoint),
        TEST(a_port_that_speaks_https_is_verified_by_the_systems_authorities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
