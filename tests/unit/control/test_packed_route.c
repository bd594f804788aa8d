#include "common/buffer.h"
#include "control/packed_route.h"
#include "proto/message.h"
#include "tests/unit/cmocka_all.h"

/* A route with two hostnames ("" for fewer) and things in front of and behind them. */
static bool serves(const char *first, const char *second, const char *host)
{
    RouteMessage route = POINTSMAN__V1__ROUTE__INIT;
    RouteRuleMessage rule = POINTSMAN__V1__ROUTE_RULE__INIT, *rules[] = {&rule};
    char *hostnames[] = {(char *)first, (char *)second};
    struct buffer bytes = BUFFER_EMPTY;
    route.name = (char *)"a.name";
    route.hostnames = hostnames;
    route.n_hostnames = (size_t)(*first != '\0') + (*second != '\0');
    route.rules = rules;
    route.n_rules = 1;
    route.revision = UINT64_MAX;
    message_pack(&route.base, &bytes);
    bool is_served = packed_route_serves_host(buffer_slice(&bytes), slice_from_string(host));
    buffer_clear(&bytes);
    return is_served;
}

static void hosts_are_taken_as_the_table_takes_them(void **state)
{
    (void)state;
    assert_true(serves("", "", "a.x"));
    assert_true(serves("a.x", "", "a.x"));
    assert_true(serves("b.x", "a.x", "a.x"));
    assert_true(serves("*.x", "", "a.x"));
    assert_true(serves("*.x", "", "b.a.x"));
    assert_false(serves("*.x", "", "x"));
    assert_false(serves("*.x", "", "ax"));
    assert_false(serves("a.x", "b.x", "x"));
    assert_false(serves("a.x", "", "b.a.x"));
}

static void what_is_no_route_is_left_to_the_unpacker(void **state)
{
    (void)state;
    static const char *const broken[] = {"\x22", "\x22\x05z", "\xff\xff", "\x0b", "\x0d\x01"};
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        assert_true(packed_route_serves_host(slice_from_string(broken[i]), SLICE("h")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_taken_as_the_table_takes_them),
        cmocka_unit_test(what_is_no_route_is_left_to_the_unpacker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
