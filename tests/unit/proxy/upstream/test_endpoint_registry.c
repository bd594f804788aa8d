#include "proxy/upstream/endpoint_registry.h"
#include "tests/unit/cmocka_all.h"

#include <pthread.h>
#include <string.h>

static struct endpoint *acquire_ip(struct endpoint_registry *registry, const char *ip,
                                   uint16_t port)
{
    struct endpoint_address address;
    assert_true(endpoint_address_set_ip(&address, ip, port));
    return endpoint_registry_acquire(registry, &address, ENDPOINT_HTTP1, NULL);
}

static void one_address_is_one_endpoint(void **state)
{
    (void)state;
    struct endpoint_registry *registry = endpoint_registry_new();

    struct endpoint *first = acquire_ip(registry, "10.0.0.7", 8080);
    struct endpoint *again = acquire_ip(registry, "10.0.0.7", 8080);
    struct endpoint *other_port = acquire_ip(registry, "10.0.0.7", 8081);

    assert_ptr_equal(first, again);
    assert_ptr_not_equal(first, other_port);
    endpoint_release(&first);
    endpoint_release(&again);
    endpoint_release(&other_port);
    endpoint_registry_free(registry);
}

static void state_survives_while_anyone_holds_it(void **state)
{
    (void)state;
    struct endpoint_registry *registry = endpoint_registry_new();
    struct endpoint *old = acquire_ip(registry, "10.0.0.7", 8080);
    endpoint_eject(old, UINT64_MAX);

    struct endpoint *renewed = acquire_ip(registry, "10.0.0.7", 8080);
    endpoint_release(&old);

    assert_null(old);
    assert_false(endpoint_is_in(renewed, 1000));
    endpoint_release(&renewed);
    endpoint_registry_free(registry);
}

static void names_are_what_people_write(void **state)
{
    (void)state;
    struct endpoint_registry *registry = endpoint_registry_new();
    struct endpoint_address address;
    assert_true(endpoint_address_set_unix(&address, "/run/users.sock", NULL));

    struct endpoint *ipv4 = acquire_ip(registry, "10.0.0.7", 8080);
    struct endpoint *ipv6 = acquire_ip(registry, "::1", 80);
    struct endpoint *path = endpoint_registry_acquire(registry, &address, ENDPOINT_HTTP1, NULL);

    assert_string_equal(ipv4->name, "10.0.0.7:8080");
    assert_string_equal(ipv6->name, "[::1]:80");
    assert_string_equal(path->name, "unix:/run/users.sock");
    endpoint_release(&ipv4);
    endpoint_release(&ipv6);
    endpoint_release(&path);
    endpoint_registry_free(registry);
}

static void ids_are_small_and_used_again(void **state)
{
    (void)state;
    struct endpoint_registry *registry = endpoint_registry_new();
    struct endpoint *first = acquire_ip(registry, "10.0.0.1", 80);
    struct endpoint *second = acquire_ip(registry, "10.0.0.2", 80);
    uint32_t freed = first->id;

    endpoint_release(&first);
    struct endpoint *third = acquire_ip(registry, "10.0.0.3", 80);

    assert_int_equal(third->id, freed);
    assert_int_not_equal(third->id, second->id);
    endpoint_release(&second);
    endpoint_release(&third);
    endpoint_registry_free(registry);
}

static void thousands_are_found_again(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static struct endpoint *endpoints[COUNT];
    struct endpoint_registry *registry = endpoint_registry_new();

    for (uint16_t i = 0; i < COUNT; i++)
        endpoints[i] = acquire_ip(registry, "10.0.0.7", (uint16_t)(i + 1));

    for (uint16_t i = 0; i < COUNT; i++) {
        struct endpoint *found = acquire_ip(registry, "10.0.0.7", (uint16_t)(i + 1));
        assert_ptr_equal(found, endpoints[i]);
        assert_true(found->id < COUNT);
        endpoint_release(&found);
    }
    for (size_t i = 0; i < COUNT; i++)
        endpoint_release(&endpoints[i]);
    endpoint_registry_free(registry);
}

static void a_name_is_no_address(void **state)
{
    (void)state;
    struct endpoint_address address;

    assert_false(endpoint_address_set_ip(&address, "users.internal", 80));
    assert_false(endpoint_address_set_ip(&address, "[::1]", 80));
}

static void too_long_unix_paths_are_refused(void **state)
{
    (void)state;
    struct endpoint_address address;
    struct error err;
    char path[200];
    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';

    assert_false(endpoint_address_set_unix(&address, path, &err));
    assert_int_equal(err.code, ERROR_LIMIT);
    assert_false(endpoint_address_set_unix(&address, "", &err));

    path[107] = '\0';
    assert_true(endpoint_address_set_unix(&address, path, &err));
}

/* --- many threads --------------------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 3000, ADDRESSES = 150 };

static void *come_and_go(void *context)
{
    struct endpoint_registry *registry = context;
    struct endpoint *held[ADDRESSES] = {NULL};
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned which = round * 7919 % ADDRESSES;
        endpoint_release(&held[which]);
        held[which] = acquire_ip(registry, "10.0.0.7", (uint16_t)(which + 1));
        assert_true(held[which]->id < ADDRESSES + THREADS);
        if (round % 3 == 0)
            endpoint_release(&held[which]);
    }
    for (size_t i = 0; i < ADDRESSES; i++)
        endpoint_release(&held[i]);
    return NULL;
}

static void threads_acquire_and_release_at_once(void **state)
{
    (void)state;
    struct endpoint_registry *registry = endpoint_registry_new();
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, come_and_go, registry);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);

    /* That everything was given back is asserted in here. */
    endpoint_registry_free(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_address_is_one_endpoint),
        cmocka_unit_test(state_survives_while_anyone_holds_it),
        cmocka_unit_test(names_are_what_people_write),
        cmocka_unit_test(ids_are_small_and_used_again),
        cmocka_unit_test(thousands_are_found_again),
        cmocka_unit_test(a_name_is_no_address),
        cmocka_unit_test(too_long_unix_paths_are_refused),
        cmocka_unit_test(threads_acquire_and_release_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
