#include "proxy/http/connection_limits.h"
#include "tests/unit/cmocka_all.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static struct peer_key ipv4(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = 7};
    inet_pton(AF_INET, text, &address.sin_addr);
    return peer_key_of((struct sockaddr *)&address);
}

static struct peer_key ipv6(const char *text)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = 7};
    inet_pton(AF_INET6, text, &address.sin6_addr);
    return peer_key_of((struct sockaddr *)&address);
}

static bool enter_as(struct connection_limits *limits, struct peer_key peer)
{
    if (!connection_limits_enter(limits))
        return false;
    if (connection_limits_introduce(limits, peer))
        return true;
    connection_limits_leave(limits, PEER_KEY_NOBODY);
    return false;
}

static void the_total_is_a_limit(void **state)
{
    (void)state;
    struct connection_limits *limits = connection_limits_new(2, 0);

    assert_true(connection_limits_enter(limits));
    assert_true(connection_limits_has_room(limits));
    assert_true(connection_limits_enter(limits));
    assert_false(connection_limits_has_room(limits));
    assert_false(connection_limits_enter(limits));

    connection_limits_leave(limits, PEER_KEY_NOBODY);
    assert_true(connection_limits_enter(limits));
    connection_limits_leave(limits, PEER_KEY_NOBODY);
    connection_limits_leave(limits, PEER_KEY_NOBODY);
    connection_limits_free(limits);
}

static void one_beyond_the_total_is_one_too_many_until_somebody_leaves(void **state)
{
    (void)state;
    struct connection_limits *limits = connection_limits_new(1, 0);
    assert_true(connection_limits_enter(limits));
    assert_false(connection_limits_are_exceeded(limits));

    connection_limits_enter_beyond(limits);

    assert_true(connection_limits_are_exceeded(limits));
    connection_limits_leave(limits, PEER_KEY_NOBODY);
    assert_false(connection_limits_are_exceeded(limits));
    assert_false(connection_limits_enter(limits));
    connection_limits_leave(limits, PEER_KEY_NOBODY);
    connection_limits_free(limits);
}

static void one_peer_is_limited_and_others_are_not(void **state)
{
    (void)state;
    struct connection_limits *limits = connection_limits_new(0, 2);

    assert_true(enter_as(limits, ipv4("10.0.0.1")));
    assert_true(enter_as(limits, ipv4("10.0.0.1")));
    assert_false(enter_as(limits, ipv4("10.0.0.1")));
    assert_true(enter_as(limits, ipv4("10.0.0.2")));

    connection_limits_leave(limits, ipv4("10.0.0.1"));
    connection_limits_leave(limits, ipv4("10.0.0.1"));
    connection_limits_leave(limits, ipv4("10.0.0.2"));
    assert_true(enter_as(limits, ipv4("10.0.0.1")));
    connection_limits_leave(limits, ipv4("10.0.0.1"));
    connection_limits_free(limits);
}

static void who_does_not_get_in_takes_no_place(void **state)
{
    (void)state;
    struct connection_limits *limits = connection_limits_new(2, 1);

    assert_true(enter_as(limits, ipv4("10.0.0.1")));
    assert_false(enter_as(limits, ipv4("10.0.0.1")));
    assert_true(enter_as(limits, ipv4("10.0.0.2")));
    assert_false(enter_as(limits, ipv4("10.0.0.3")));

    connection_limits_leave(limits, ipv4("10.0.0.1"));
    assert_true(enter_as(limits, ipv4("10.0.0.3")));
    connection_limits_leave(limits, ipv4("10.0.0.2"));
    connection_limits_leave(limits, ipv4("10.0.0.3"));
    connection_limits_free(limits);
}

static void an_ipv6_network_is_one_peer(void **state)
{
    (void)state;
    struct connection_limits *limits = connection_limits_new(0, 1);

    assert_true(enter_as(limits, ipv6("2001:db8::1")));
    assert_false(enter_as(limits, ipv6("2001:db8::2")));
    assert_true(enter_as(limits, ipv6("2001:db8:0:1::1")));

    connection_limits_leave(limits, ipv6("2001:db8::1"));
    connection_limits_leave(limits, ipv6("2001:db8:0:1::1"));
    connection_limits_free(limits);
}

static void each_client_has_a_descriptor_for_its_endpoint_too(void **state)
{
    (void)state;
    enum { OWN = 46 };

    assert_int_equal(connection_limits_for_files(0, OWN), 0);
    assert_int_equal(connection_limits_for_files(OWN, OWN), 0);
    assert_int_equal(connection_limits_for_files(64, OWN), 5);
    assert_int_equal(connection_limits_for_files(1024, OWN), 457);
    assert_int_equal(connection_limits_for_files((uint64_t)1 << 60, OWN), UINT32_MAX);
    for (uint64_t files = 64; files < 2000; files++) {
        uint64_t allowed = connection_limits_for_files(files, OWN);
        assert_true(allowed > 0);
        assert_true(OWN + 2 * allowed <= files);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_total_is_a_limit),
        cmocka_unit_test(one_beyond_the_total_is_one_too_many_until_somebody_leaves),
        cmocka_unit_test(one_peer_is_limited_and_others_are_not),
        cmocka_unit_test(who_does_not_get_in_takes_no_place),
        cmocka_unit_test(an_ipv6_network_is_one_peer),
        cmocka_unit_test(each_client_has_a_descriptor_for_its_endpoint_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
