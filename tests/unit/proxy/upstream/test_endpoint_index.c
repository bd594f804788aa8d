#include "common/buffer.h"
#include "proxy/upstream/backend.h"
#include "proxy/upstream/endpoint_index.h"
#include "proxy/upstream/endpoint_registry.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 3000 };

static struct endpoint_registry *registry;
static struct backend_endpoint endpoints[MOST];

static int set_up(void **state)
{
    (void)state;
    registry = endpoint_registry_new();
    for (unsigned i = 0; i < MOST; i++) {
        struct endpoint_address address;
        char ip[16];
        snprintf(ip, sizeof(ip), "10.0.%u.%u", i / 256, i % 256);
        endpoint_address_set_ip(&address, ip, 80);
        endpoints[i] = (struct backend_endpoint){
            .endpoint = endpoint_registry_acquire(registry, &address, ENDPOINT_HTTP1, NULL)};
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MOST; i++)
        endpoint_release(&endpoints[i].endpoint);
    endpoint_registry_free(registry);
    return 0;
}

static void every_endpoint_is_found_and_no_other(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 8, 9, 16, 17, 1000, MOST};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct endpoint_index *index = endpoint_index_new(endpoints, counts[i]);
        for (size_t j = 0; j < MOST; j++)
            assert_ptr_equal(
                endpoint_index_find(index, endpoints, counts[i], endpoints[j].endpoint->name_hash),
                j < counts[i] ? &endpoints[j] : NULL);
        free(index);
    }
}

static void of_one_address_the_first_is_found(void **state)
{
    (void)state;
    static const size_t counts[] = {4, 100};
    for (size_t i = 0; i < 2; i++) {
        struct backend_endpoint *twice =
            memory_allocate_zeroed(counts[i], sizeof(struct backend_endpoint));
        for (size_t j = 0; j < counts[i]; j++)
            twice[j].endpoint = endpoints[j / 2].endpoint;
        struct endpoint_index *index = endpoint_index_new(twice, counts[i]);

        assert_ptr_equal(
            endpoint_index_find(index, twice, counts[i], endpoints[1].endpoint->name_hash),
            &twice[2]);
        free(index);
        free(twice);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_endpoint_is_found_and_no_other),
        cmocka_unit_test(of_one_address_the_first_is_found),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
