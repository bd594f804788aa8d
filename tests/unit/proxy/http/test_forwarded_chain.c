/* Forwarded chains: who is the client, with 10.0.0.0/8 and ::1 trusted. */
#include "proxy/http/forwarded_chain.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

static struct address_set trusted;

static int set_up(void **state)
{
    (void)state;
    assert_true(address_set_add(&trusted, SLICE("10.0.0.0/8"), NULL));
    assert_true(address_set_add(&trusted, SLICE("::1"), NULL));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    address_set_clear(&trusted);
    return 0;
}

/* `second` may be NULL: another field of that name. */
static void assert_client(const char *first, const char *second, const char *client)
{
    struct header headers[3];
    struct header_tag tags[3];
    struct header_list fields = {.headers = headers, .tags = tags, .capacity = 3};
    header_list_add(&fields, SLICE("x-forwarded-for"), slice_from_string(first),
                    HEADER_X_FORWARDED_FOR);
    header_list_add(&fields, SLICE("x-other"), SLICE("203.0.113.99"), HEADER_OTHER);
    if (second != NULL)
        header_list_add(&fields, SLICE("X-Forwarded-For"), slice_from_string(second),
                        HEADER_X_FORWARDED_FOR);

    struct slice found = forwarded_chain_client(&fields, &trusted, SLICE("10.0.0.1"));
    if (!slice_equals(found, slice_from_string(client)))
        fail_msg("'%s' is '%.*s', not '%s'", first, (int)found.length, found.at, client);
}

static void the_right_most_address_that_is_not_trusted_is_the_client(void **state)
{
    (void)state;
    assert_client("192.0.2.1", NULL, "192.0.2.1");
    assert_client("6.6.6.6, 192.0.2.1", NULL, "192.0.2.1");
    assert_client("6.6.6.6, 192.0.2.1, 10.1.2.3,10.9.9.9", NULL, "192.0.2.1");
    assert_client("6.6.6.6,2001:db8::7 ,\t::1", NULL, "2001:db8::7");
}

static void several_fields_are_one_list(void **state)
{
    (void)state;
    assert_client("6.6.6.6", "192.0.2.1", "192.0.2.1");
    assert_client("6.6.6.6, 192.0.2.1", "10.0.0.3", "192.0.2.1");
}

static void when_all_are_trusted_the_left_most_is_the_client(void **state)
{
    (void)state;
    assert_client("10.0.0.9, 10.0.0.8", "::1", "10.0.0.9");
}

static void a_port_is_not_part_of_it(void **state)
{
    (void)state;
    assert_client("192.0.2.1:4711", NULL, "192.0.2.1");
    assert_client("[2001:db8::7]:4711", NULL, "2001:db8::7");
    assert_client("[2001:db8::7], 10.0.0.1:80", NULL, "2001:db8::7");
}

static void what_is_no_address_ends_the_search(void **state)
{
    (void)state;
    assert_client("192.0.2.1, unknown, 10.0.0.3", NULL, "10.0.0.3");
    assert_client("192.0.2.1, unknown", NULL, "10.0.0.1");
    assert_client("192.0.2.1.5", NULL, "10.0.0.1");
    assert_client("", NULL, "10.0.0.1");
    assert_client("192.0.2.1, , ,", NULL, "192.0.2.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_most_address_that_is_not_trusted_is_the_client),
        cmocka_unit_test(several_fields_are_one_list),
        cmocka_unit_test(when_all_are_trusted_the_left_most_is_the_client),
        cmocka_unit_test(a_port_is_not_part_of_it),
        cmocka_unit_test(what_is_no_address_ends_the_search),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
