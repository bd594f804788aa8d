#include "common/clock.h"
#include "proxy/upstream/backend.h"
#include "proxy/upstream/dns_names.h"
#include "proxy/upstream/endpoint_tls.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/upstream/backend_maker.h"

#include <stdlib.h>

static struct endpoint_registry *registry;
static struct dns_names *names;
static int demands, changes;

static void on_demand(void *context)
{
    (void)context;
    demands++;
}

static void on_addresses(void *context)
{
    (void)context;
    changes++;
}

static int set_up(void **state)
{
    (void)state;
    registry = endpoint_registry_new();
    names = endpoint_registry_names(registry);
    dns_names_on_demand(names, on_demand, NULL);
    dns_names_on_addresses(names, on_addresses, NULL);
    demands = changes = 0;
    return 0;
}

/* Freeing the registry asserts that no name and no endpoint is left. */
static int tear_down(void **state)
{
    (void)state;
    endpoint_registry_free(registry);
    return 0;
}

/* Answers the name that is due; there must be one. */
static void answer(const char *first, const char *second, uint64_t next_ms)
{
    uint64_t ignored;
    struct dns_name *name = dns_names_take_due(names, clock_now_ms(), &ignored);
    assert_non_null(name);
    struct endpoint_address addresses[2];
    assert_true(endpoint_address_set_ip(&addresses[0], first, 0));
    if (second != NULL)
        assert_true(endpoint_address_set_ip(&addresses[1], second, 0));
    dns_name_answered(name, addresses, second == NULL ? 1 : 2, next_ms);
}

static void fail_with(const char *reason)
{
    uint64_t ignored;
    struct dns_name *name = dns_names_take_due(names, clock_now_ms(), &ignored);
    assert_non_null(name);
    dns_name_failed(name, reason, 0);
}

static struct backend *make_backend(struct backend_maker *maker)
{
    struct backend *backend = backend_new(&maker->message, 0, NULL, registry, NULL);
    assert_non_null(backend);
    return backend;
}

static void all_addresses_of_a_name_are_endpoints_of_its_weight(void **state)
{
    (void)state;
    struct backend_maker maker;
    maker_init(&maker);
    maker_add_weighted(&maker, "users.internal", 3);
    maker_add_weighted(&maker, "10.0.0.9", 1);
    struct backend *before = make_backend(&maker);
    assert_int_equal(before->endpoint_count, 1);
    assert_int_equal(demands, 1);
    assert_false(backend_is_outdated(before));

    answer("fd00::1", "10.0.0.1", UINT64_MAX);
    struct backend *after = make_backend(&maker);

    assert_int_equal(changes, 1);
    assert_true(backend_is_outdated(before));
    assert_false(backend_is_outdated(after));
    assert_int_equal(after->endpoint_count, 3);
    assert_string_equal(after->endpoints[0].endpoint->name, "10.0.0.1:80");
    assert_string_equal(after->endpoints[1].endpoint->name, "[fd00::1]:80");
    assert_int_equal(after->endpoints[0].weight, 3);
    assert_int_equal(after->endpoints[1].weight, 3);
    assert_int_equal(after->endpoints[2].weight, 1);
    backend_release(&before);
    backend_release(&after);
}

static void the_same_answer_in_another_order_is_no_change(void **state)
{
    (void)state;
    struct dns_name *name = dns_name_use(names, "users.internal");
    answer("10.0.0.1", "10.0.0.2", 0);
    answer("10.0.0.2", "10.0.0.1", 0);
    assert_int_equal(changes, 1);

    answer("10.0.0.2", NULL, 0);
    assert_int_equal(changes, 2);
    dns_name_leave(&name);
}

static void the_last_good_answer_stays_when_there_is_none(void **state)
{
    (void)state;
    struct dns_name *name = dns_name_use(names, "users.internal");
    answer("10.0.0.1", NULL, 0);
    fail_with("nobody knows");
    fail_with("nobody knows");

    size_t count;
    uint64_t version;
    free(dns_name_addresses(name, &count, &version));
    struct dns_name_status *status = malloc(sizeof(*status));
    assert_true(dns_names_status(names, 0, status));

    assert_int_equal(count, 1);
    assert_int_equal(changes, 1);
    assert_int_equal(status->failures, 2);
    assert_string_equal(status->reason, "nobody knows");
    assert_true(status->is_answered);
    free(status);
    dns_name_leave(&name);
}

static void a_name_is_asked_for_once_at_a_time_and_when_it_is_due(void **state)
{
    (void)state;
    struct dns_name *name = dns_name_use(names, "users.internal");
    struct dns_name *again = dns_name_use(names, "users.internal");
    uint64_t next_ms;
    struct dns_name *taken = dns_names_take_due(names, 1000, &next_ms);

    assert_ptr_equal(again, name);
    assert_ptr_equal(taken, name);
    assert_null(dns_names_take_due(names, 1000, &next_ms));
    assert_int_equal(next_ms, UINT64_MAX);

    struct endpoint_address address;
    endpoint_address_set_ip(&address, "10.0.0.1", 0);
    dns_name_answered(taken, &address, 1, 5000);
    assert_null(dns_names_take_due(names, 4999, &next_ms));
    assert_int_equal(next_ms, 5000);
    taken = dns_names_take_due(names, 5000, &next_ms);
    assert_ptr_equal(taken, name);
    dns_name_failed(taken, "gone", 0);
    dns_name_leave(&name);
    dns_name_leave(&again);
}

static void a_name_that_is_asked_for_outlives_its_users(void **state)
{
    (void)state;
    struct dns_name *name = dns_name_use(names, "users.internal");
    uint64_t next_ms;
    struct dns_name *taken = dns_names_take_due(names, 1000, &next_ms);
    dns_name_leave(&name);

    struct endpoint_address address;
    endpoint_address_set_ip(&address, "10.0.0.1", 0);
    dns_name_answered(taken, &address, 1, 0);

    struct dns_name_status *status = malloc(sizeof(*status));
    assert_false(dns_names_status(names, 0, status));
    assert_int_equal(changes, 0);
    free(status);
}

static void waiting_for_a_first_answer_ends(void **state)
{
    (void)state;
    struct dns_name *name = dns_name_use(names, "users.internal");
    dns_names_wait_first(names, 1); /* nobody answers */
    fail_with("no such name");
    dns_names_wait_first(names, 60 * 1000); /* that counts as one */

    struct dns_name *other = dns_name_use(names, "orders.internal");
    dns_names_on_demand(names, NULL, NULL);
    dns_names_wait_first(names, 60 * 1000); /* nobody will ever answer */
    dns_name_leave(&name);
    dns_name_leave(&other);
}

static void a_secured_name_is_what_the_certificate_must_be_for(void **state)
{
    (void)state;
    struct backend_maker maker;
    maker_init(&maker);
    maker_add(&maker, "users.internal", 443);
    Pointsman__V1__EndpointTls tls = POINTSMAN__V1__ENDPOINT_TLS__INIT;
    tls.enabled = true;
    maker.message.tls = &tls;
    struct backend *before = make_backend(&maker);
    answer("10.0.0.1", NULL, UINT64_MAX);

    struct backend *after = make_backend(&maker);

    assert_string_equal(after->endpoints[0].endpoint->tls->server_name, "users.internal");
    backend_release(&before);
    backend_release(&after);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_addresses_of_a_name_are_endpoints_of_its_weight),
        TEST(the_same_answer_in_another_order_is_no_change),
        TEST(the_last_good_answer_stays_when_there_is_none),
        TEST(a_name_is_asked_for_once_at_a_time_and_when_it_is_due),
        TEST(a_name_that_is_asked_for_outlives_its_users),
        TEST(waiting_for_a_first_answer_ends),
        TEST(a_secured_name_is_what_the_certificate_must_be_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
