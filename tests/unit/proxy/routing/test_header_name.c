#include "proxy/routing/header_name.h"
#include "tests/unit/cmocka_all.h"

static bool is_family(enum header_id id)
{
    return id == HEADER_OTHER || id == HEADER_X_FORWARDED_OTHER || id == HEADER_X_CLIENT_CERT;
}

static void every_known_name_is_found(void **state)
{
    (void)state;
    for (unsigned id = 0; id < HEADER_ID_COUNT; id++) {
        if (is_family(id))
            continue;
        assert_true(header_name_text(id).length > 0);
        assert_int_equal(header_name_id(header_name_text(id)), id);
    }
}

static void case_makes_no_difference(void **state)
{
    (void)state;
    for (unsigned id = 0; id < HEADER_ID_COUNT; id++) {
        struct slice text = header_name_text(id);
        char upper[64];
        for (size_t i = 0; i < text.length; i++)
            upper[i] =
                text.at[i] >= 'a' && text.at[i] <= 'z' ? (char)(text.at[i] - 32) : text.at[i];
        if (!is_family(id))
            assert_int_equal(header_name_id(slice_of(upper, text.length)), id);
    }
}

static void a_name_that_differs_in_one_character_is_another(void **state)
{
    (void)state;
    for (unsigned id = 0; id < HEADER_ID_COUNT; id++) {
        struct slice text = header_name_text(id);
        char other[64];
        for (size_t i = 0; i < text.length; i++) {
            memcpy(other, text.at, text.length);
            other[i] = '+';
            enum header_id found = header_name_id(slice_of(other, text.length));
            assert_true(is_family(found));
        }
    }
}

static void shorter_and_longer_names_are_others(void **state)
{
    (void)state;
    assert_int_equal(header_name_id(SLICE("")), HEADER_OTHER);
    assert_int_equal(header_name_id(SLICE("t")), HEADER_OTHER);
    assert_int_equal(header_name_id(SLICE("hos")), HEADER_OTHER);
    assert_int_equal(header_name_id(SLICE("hosts")), HEADER_OTHER);
    assert_int_equal(header_name_id(SLICE("content-lengthh")), HEADER_OTHER);
}

static void the_forwarded_family_is_known_by_its_prefix(void **state)
{
    (void)state;
    assert_int_equal(header_name_id(SLICE("X-Forwarded-Port")), HEADER_X_FORWARDED_OTHER);
    assert_int_equal(header_name_id(SLICE("x-forwarded-")), HEADER_X_FORWARDED_OTHER);
    assert_int_equal(header_name_id(SLICE("x-forwarded")), HEADER_OTHER);
    assert_true(header_name_traits(HEADER_X_FORWARDED_OTHER) & HEADER_IS_CLAIM);
}

static void what_speaks_of_a_clients_certificate_is_a_claim(void **state)
{
    (void)state;
    static const char *const names[] = {"X-Client-Cert-Subject", "x-client-cert-", "Client-Cert",
                                        "client-cert-chain"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        enum header_id id = header_name_id(slice_from_string(names[i]));
        assert_true(header_name_traits(id) & HEADER_IS_CLAIM);
    }
    assert_int_equal(header_name_id(SLICE("x-client-cert")), HEADER_OTHER);
    assert_int_equal(header_name_id(SLICE("client-certs")), HEADER_OTHER);
}

static bool is_visible(const char *name, bool peer_is_trusted)
{
    struct slice text = slice_from_string(name);
    return header_name_is_visible(text, header_name_id(text), peer_is_trusted);
}

static void a_claim_is_seen_from_a_trusted_peer_alone(void **state)
{
    (void)state;
    assert_true(is_visible("X-Forwarded-For", true));
    assert_false(is_visible("X-Forwarded-For", false));
    assert_false(is_visible("Client-Cert", false));
}

static void what_is_only_read_as_a_claim_is_never_seen(void **state)
{
    (void)state;
    static const char *const names[] = {
        "X.Forwarded.For", "x-forwarded.proto", "X!FORWARDED-Any",   "X.Client.Cert.Subject",
        "x-client~cert-",  "Client.Cert",       "client-cert+chain", "X_Forwarded_For"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_false(is_visible(names[i], false));
        assert_false(is_visible(names[i], true));
    }
}

static void names_that_are_read_as_none_are_seen(void **state)
{
    (void)state;
    static const char *const names[] = {
        "x", "X.Forwarded", "XForwarded-For", "my.key-bin", "Client.Certs", "c", "x.request.id"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_true(is_visible(names[i], false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_known_name_is_found),
        cmocka_unit_test(case_makes_no_difference),
        cmocka_unit_test(a_name_that_differs_in_one_character_is_another),
        cmocka_unit_test(shorter_and_longer_names_are_others),
        cmocka_unit_test(the_forwarded_family_is_known_by_its_prefix),
        cmocka_unit_test(what_speaks_of_a_clients_certificate_is_a_claim),
        cmocka_unit_test(a_claim_is_seen_from_a_trusted_peer_alone),
        cmocka_unit_test(what_is_only_read_as_a_claim_is_never_seen),
        cmocka_unit_test(names_that_are_read_as_none_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
