/* Listeners: where a route is attached. */
#include "tests/integration/httproute/acceptance.h"
#include "tests/support/check.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

static const char host[] = "listeners.test";

#define PARENTS(refs) "  parentRefs: [" refs "]\n"

static int apply(void **state)
{
    (void)state;
    acceptance_apply_file("listeners.yaml");
    return 0;
}

static void a_route_is_only_on_its_listeners(void **state)
{
    (void)state;
    static const struct acceptance_case on_default[] = {
        {"LISTEN-1", "GET /all", .answer = "one"},
        {"LISTEN-2", "GET /named", .answer = "404"},
        {"LISTEN-3", "GET /port", .answer = "one"},
        {"LISTEN-4", "GET /both", .answer = "404"},
        {"LISTEN-2", "GET /either", .answer = "one"},
        {"LISTEN-4", "GET /neither", .answer = "404"},
        /* It is where the connection came to that counts, not what Host says. */
        {"LISTEN-3", "GET /both\nHost: listeners.test:@SECOND@", .answer = "404"},
    };
    static const struct acceptance_case on_second[] = {
        {"LISTEN-1", "GET /all/x", .answer = "one"},   {"LISTEN-1", "GET /all", .answer = "two"},
        {"LISTEN-2", "GET /named", .answer = "one"},   {"LISTEN-3", "GET /port", .answer = "404"},
        {"LISTEN-4", "GET /both", .answer = "one"},    {"LISTEN-2", "GET /either", .answer = "one"},
        {"LISTEN-4", "GET /neither", .answer = "404"},
    };
    CHECK_CASES(host, on_default);
    acceptance_check_at(acceptance_second_port(), host, on_second,
                        sizeof(on_second) / sizeof(on_second[0]));
}

/* LISTEN-5 */
static void a_listener_that_no_proxy_has_is_warned_of(void **state)
{
    (void)state;
    struct command tried = acceptance_try(ROUTE("on-none", "listeners.test")
                                              PARENTS("{name: gateway, sectionName: third}"));

    assert_int_equal(tried.exit_code, 0);
    CHECK(strstr(tried.err, "spec.parentRefs[0]: no connected proxy has such a listener") != NULL,
          "%s", tried.err);
    command_clear(&tried);
}

int listeners_theme(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_is_only_on_its_listeners),
        cmocka_unit_test(a_listener_that_no_proxy_has_is_warned_of),
    };
    return cmocka_run_group_tests_name("listeners", tests, apply, NULL);
}
