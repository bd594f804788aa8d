/* Address sets: who lies in which network. */
#include "proxy/http/address_set.h"
#include "tests/unit/cmocka_all.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static struct address_set set_of(const char *first, const char *second)
{
    struct address_set set = {0};
    assert_true(address_set_add(&set, slice_from_string(first), NULL));
    if (second != NULL)
        assert_true(address_set_add(&set, slice_from_string(second), NULL));
    return set;
}

static bool has(const struct address_set *set, const char *text)
{
    struct ip_address address;
    assert_true(ip_address_parse(slice_from_string(text), false, &address));
    return address_set_has_ip(set, &address);
}

static void a_network_has_its_addresses_and_no_others(void **state)
{
    (void)state;
    struct address_set set = set_of("10.16.0.0/12", "2001:db8:8000::/33");

    assert_true(has(&set, "10.16.0.0"));
    assert_true(has(&set, "10.31.255.255"));
    assert_false(has(&set, "10.15.255.255"));
    assert_false(has(&set, "10.32.0.0"));
    assert_true(has(&set, "2001:db8:8000::1"));
    assert_true(has(&set, "2001:db8:ffff::1"));
    assert_false(has(&set, "2001:db8:7fff::1"));
    assert_false(has(&set, "::a10:0"));
    address_set_clear(&set);
}

static void an_address_without_a_length_is_itself(void **state)
{
    (void)state;
    struct address_set set = set_of("192.0.2.7", "::1");

    assert_true(has(&set, "192.0.2.7"));
    assert_false(has(&set, "192.0.2.6"));
    assert_true(has(&set, "::1"));
    assert_false(has(&set, "::"));
    address_set_clear(&set);
}

static void length_zero_is_everyone_of_a_family(void **state)
{
    (void)state;
    struct address_set ipv4 = set_of("0.0.0.0/0", NULL);
    struct address_set all = set_of("::/0", NULL);

    assert_true(has(&ipv4, "203.0.113.9"));
    assert_false(has(&ipv4, "2001:db8::1"));
    assert_true(has(&all, "203.0.113.9"));
    assert_true(has(&all, "2001:db8::1"));
    address_set_clear(&ipv4);
    address_set_clear(&all);
}

static void a_mapped_address_is_the_ipv4_address(void **state)
{
    (void)state;
    struct address_set set = set_of("10.0.0.0/8", NULL);
    struct sockaddr_in6 mapped = {.sin6_family = AF_INET6};
    inet_pton(AF_INET6, "::ffff:10.1.2.3", &mapped.sin6_addr);

    assert_true(address_set_has(&set, (const struct sockaddr *)&mapped));
    assert_true(has(&set, "::ffff:10.1.2.3"));
    address_set_clear(&set);
}

static void unix_sockets_are_in_it_only_when_named(void **state)
{
    (void)state;
    struct sockaddr peer = {.sa_family = AF_UNIX};
    struct address_set all = set_of("::/0", NULL);
    struct address_set named = set_of("unix", NULL);

    assert_false(address_set_has(&all, &peer));
    assert_true(address_set_has(&named, &peer));
    assert_false(address_set_is_empty(&named));
    address_set_clear(&all);
    address_set_clear(&named);
}

static void what_is_no_network_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "/",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/8 ",
        "10.0.0/8",
        "10.0.0.1/8",
        "2001:db8::/129",
        "2001:db8::1/32",
        "host",
        "10.0.0.0/-1",
        "10.0.0.0/8/8",
        "[::1]:80",
        "10.0.0.1:80",
        "unix:",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct address_set set = {0};
        struct error err = {0};
        if (address_set_add(&set, slice_from_string(texts[i]), &err))
            fail_msg("'%s' was taken", texts[i]);
        assert_int_equal(err.code, ERROR_INVALID);
        assert_true(address_set_is_empty(&set));
    }
}

static void a_port_may_stand_behind_an_address_where_that_is_said(void **state)
{
    (void)state;
    static const char *const texts[] = {"192.0.2.1:80", "[2001:db8::1]:65535", "192.0.2.1",
                                        "[2001:db8::1]", "2001:db8::1"};
    struct ip_address address;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_true(ip_address_parse(slice_from_string(texts[i]), true, &address));

    static const char *const wrong[] = {"192.0.2.1:",   "192.0.2.1:x",      "[2001:db8::1]x",
                                        "[2001:db8::1", "192.0.2.1:123456", "unknown",
                                        "_hidden"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(ip_address_parse(slice_from_string(wrong[i]), true, &address));
    assert_false(ip_address_parse(SLICE("192.0.2.1:80"), false, &address));
    assert_false(ip_address_parse(SLICE("192.0.2.1\0"), false, &address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_has_its_addresses_and_no_others),
        cmocka_unit_test(an_address_without_a_length_is_itself),
        cmocka_unit_test(length_zero_is_everyone_of_a_family),
        cmocka_unit_test(a_mapped_address_is_the_ipv4_address),
        cmocka_unit_test(unix_sockets_are_in_it_only_when_named),
        cmocka_unit_test(what_is_no_network_is_refused),
        cmocka_unit_test(a_port_may_stand_behind_an_address_where_that_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
