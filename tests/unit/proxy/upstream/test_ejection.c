#include "proxy/upstream/ejection.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/upstream/backend_maker.h"

enum { BASE_MS = 1000, MAX_MS = 3500, NOW_MS = 1000000 };

static struct endpoint_registry *registry;
static struct backend_maker maker;
static Pointsman__V1__PassiveHealth passive;
static DurationMessage base, most;

/* Two failures eject, for BASE_MS at first. */
static int set_up(void **state)
{
    (void)state;
    registry = endpoint_registry_new();
    maker_init(&maker);
    pointsman__v1__passive_health__init(&passive);
    passive.consecutive_failures_presence_case =
        POINTSMAN__V1__PASSIVE_HEALTH__CONSECUTIVE_FAILURES_PRESENCE_CONSECUTIVE_FAILURES;
    passive.consecutive_failures = 2;
    google__protobuf__duration__init(&base);
    google__protobuf__duration__init(&most);
    base.seconds = 1;
    most.seconds = 3;
    most.nanos = 500000000;
    passive.base_ejection = &base;
    passive.max_ejection = &most;
    maker.message.passive_health = &passive;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    endpoint_registry_free(registry);
    return 0;
}

static struct backend *make(size_t endpoints)
{
    static const char *const ips[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"};
    for (size_t i = 0; i < endpoints; i++)
        maker_add(&maker, ips[i], 80);
    struct backend *backend = backend_new(&maker.message, 0, NULL, registry, NULL);
    assert_non_null(backend);
    return backend;
}

static bool fail_at(struct backend *backend, size_t index, uint64_t now_ms)
{
    return ejection_judge(backend, backend->endpoints[index].endpoint, ENDPOINT_FAILED, now_ms);
}

static bool is_in(struct backend *backend, size_t index, uint64_t now_ms)
{
    return endpoint_is_in(backend->endpoints[index].endpoint, now_ms);
}

static void failures_in_a_row_eject_for_the_base_time(void **state)
{
    (void)state;
    struct backend *backend = make(2);

    assert_false(fail_at(backend, 0, NOW_MS));
    assert_true(is_in(backend, 0, NOW_MS));
    assert_true(fail_at(backend, 0, NOW_MS));

    assert_false(is_in(backend, 0, NOW_MS + BASE_MS - 1));
    assert_true(is_in(backend, 1, NOW_MS));
    assert_true(is_in(backend, 0, NOW_MS + BASE_MS));
    backend_release(&backend);
}

static void an_answer_between_two_failures_ends_the_row(void **state)
{
    (void)state;
    struct backend *backend = make(2);
    struct endpoint *endpoint = backend->endpoints[0].endpoint;

    assert_false(fail_at(backend, 0, NOW_MS));
    assert_false(ejection_judge(backend, endpoint, ENDPOINT_ANSWERED, NOW_MS));
    assert_false(fail_at(backend, 0, NOW_MS));
    backend_release(&backend);
}

static void every_kind_of_failure_counts_and_a_client_that_left_does_not(void **state)
{
    (void)state;
    static const enum endpoint_outcome failures[] = {ENDPOINT_ANSWERED_5XX, ENDPOINT_CONNECT_FAILED,
                                                     ENDPOINT_FAILED, ENDPOINT_TIMED_OUT};
    passive.consecutive_failures = 5;
    struct backend *backend = make(2);
    struct endpoint *endpoint = backend->endpoints[0].endpoint;

    for (size_t i = 0; i < 4; i++)
        assert_false(ejection_judge(backend, endpoint, failures[i], NOW_MS));
    assert_false(ejection_judge(backend, endpoint, ENDPOINT_ABANDONED, NOW_MS));
    assert_true(fail_at(backend, 0, NOW_MS));
    backend_release(&backend);
}

/* Ejects endpoint 0, waits until it is back, and says how long that took. */
static uint64_t eject_and_wait(struct backend *backend, uint64_t *now_ms)
{
    fail_at(backend, 0, *now_ms);
    assert_true(fail_at(backend, 0, *now_ms));
    uint64_t since_ms = *now_ms;
    while (!is_in(backend, 0, *now_ms))
        (*now_ms)++;
    return *now_ms - since_ms;
}

static void the_time_grows_up_to_the_maximum(void **state)
{
    (void)state;
    struct backend *backend = make(2);
    uint64_t now_ms = NOW_MS;

    assert_int_equal(eject_and_wait(backend, &now_ms), BASE_MS);
    assert_int_equal(eject_and_wait(backend, &now_ms), 2 * BASE_MS);
    assert_int_equal(eject_and_wait(backend, &now_ms), 3 * BASE_MS);
    assert_int_equal(eject_and_wait(backend, &now_ms), MAX_MS);
    assert_int_equal(eject_and_wait(backend, &now_ms), MAX_MS);
    backend_release(&backend);
}

static void who_has_served_for_long_starts_anew(void **state)
{
    (void)state;
    struct backend *backend = make(2);
    uint64_t now_ms = NOW_MS;
    eject_and_wait(backend, &now_ms);
    eject_and_wait(backend, &now_ms);

    now_ms += MAX_MS;

    assert_int_equal(eject_and_wait(backend, &now_ms), BASE_MS);
    backend_release(&backend);
}

static void no_more_than_the_share_is_out(void **state)
{
    (void)state;
    struct backend *backend = make(4);
    for (size_t i = 0; i < 4; i++) {
        fail_at(backend, i, NOW_MS);
        fail_at(backend, i, NOW_MS);
    }

    size_t out = 0;
    for (size_t i = 0; i < 4; i++)
        out += !is_in(backend, i, NOW_MS);
    assert_int_equal(out, 2);
    backend_release(&backend);
}

static void the_only_endpoint_is_never_ejected_by_default(void **state)
{
    (void)state;
    struct backend *backend = make(1);

    for (int i = 0; i < 10; i++)
        assert_false(fail_at(backend, 0, NOW_MS));
    assert_true(is_in(backend, 0, NOW_MS));
    backend_release(&backend);
}

static void the_only_endpoint_is_ejected_where_that_is_wanted(void **state)
{
    (void)state;
    passive.max_ejected_percent_presence_case =
        POINTSMAN__V1__PASSIVE_HEALTH__MAX_EJECTED_PERCENT_PRESENCE_MAX_EJECTED_PERCENT;
    passive.max_ejected_percent = 100;
    struct backend *backend = make(1);

    fail_at(backend, 0, NOW_MS);
    assert_true(fail_at(backend, 0, NOW_MS));
    backend_release(&backend);
}

static void zero_failures_means_never(void **state)
{
    (void)state;
    passive.consecutive_failures = 0;
    struct backend *backend = make(2);

    for (int i = 0; i < 10; i++)
        assert_false(fail_at(backend, 0, NOW_MS));
    backend_release(&backend);
}

static void without_a_stanza_the_defaults_hold(void **state)
{
    (void)state;
    maker.message.passive_health = NULL;
    struct backend *backend = make(2);

    for (int i = 0; i < 4; i++)
        assert_false(fail_at(backend, 0, NOW_MS));
    assert_true(fail_at(backend, 0, NOW_MS));
    assert_false(is_in(backend, 0, NOW_MS + 29999));
    assert_true(is_in(backend, 0, NOW_MS + 30000));
    backend_release(&backend);
}

static void ejection_survives_a_new_version_of_the_backend(void **state)
{
    (void)state;
    struct backend *old = make(2);
    fail_at(old, 0, NOW_MS);
    fail_at(old, 0, NOW_MS);

    struct backend *renewed = backend_new(&maker.message, 0, old, registry, NULL);
    backend_release(&old);

    assert_false(is_in(renewed, 0, NOW_MS));
    backend_release(&renewed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(failures_in_a_row_eject_for_the_base_time),
        TEST(an_answer_between_two_failures_ends_the_row),
        TEST(every_kind_of_failure_counts_and_a_client_that_left_does_not),
        TEST(the_time_grows_up_to_the_maximum),
        TEST(who_has_served_for_long_starts_anew),
        TEST(no_more_than_the_share_is_out),
        TEST(the_only_endpoint_is_never_ejected_by_default),
        TEST(the_only_endpoint_is_ejected_where_that_is_wanted),
        TEST(zero_failures_means_never),
        TEST(without_a_stanza_the_defaults_hold),
        TEST(ejection_survives_a_new_version_of_the_backend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
