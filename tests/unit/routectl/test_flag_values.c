#include "control/routectl/flag_values.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

static struct arena arena;

static int clear_arena(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

/* --- endpoints ------------------------------------------------------------------------------ */

static void assert_endpoint(const char *text, const char *address, uint32_t port,
                            const char *unix_path, const char *expected_scheme)
{
    EndpointMessage *endpoint;
    const struct endpoint_scheme *scheme;
    struct error err = {0};
    if (!flag_endpoint("--to", text, &arena, &endpoint, &scheme, &err))
        fail_msg("%s", err.message);
    assert_string_equal(endpoint->address, address);
    assert_int_equal(endpoint->port, port);
    assert_string_equal(endpoint->unix_path, unix_path);
    assert_string_equal(scheme->name, expected_scheme);
}

static void an_endpoint_is_a_url(void **state)
{
    (void)state;
    assert_endpoint("http://10.0.0.1:9000", "10.0.0.1", 9000, "", "http");
    assert_endpoint("http://10.0.0.1:9000/", "10.0.0.1", 9000, "", "http");
    assert_endpoint("http://[::1]:8080", "::1", 8080, "", "http");
    assert_endpoint("http://users.internal:1", "users.internal", 1, "", "http");
    assert_endpoint("unix:/run/a.sock", "", 0, "/run/a.sock", "http");
}

static void a_scheme_has_its_well_known_port(void **state)
{
    (void)state;
    assert_endpoint("http://10.0.0.1", "10.0.0.1", 80, "", "http");
    assert_endpoint("http://[fe80::1]", "fe80::1", 80, "", "http");
    assert_endpoint("https://10.0.0.1", "10.0.0.1", 443, "", "https");
    assert_endpoint("h2c://10.0.0.1", "10.0.0.1", 80, "", "h2c");
    assert_endpoint("h2://10.0.0.1", "10.0.0.1", 443, "", "h2");
}

static void a_weight_stands_behind_the_last_at_sign(void **state)
{
    (void)state;
    static const struct {
        const char *text, *address, *unix_path;
        uint32_t weight;
    } cases[] = {
        {"http://10.0.0.1:9000@3", "10.0.0.1", "", 3},
        {"http://[::1]@0", "::1", "", 0},
        {"unix:/run/a.sock@7", "", "/run/a.sock", 7},
        {"unix:/run/a@1@7", "", "/run/a@1", 7},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EndpointMessage *endpoint;
        const struct endpoint_scheme *scheme;
        assert_true(flag_endpoint("--to", cases[i].text, &arena, &endpoint, &scheme, NULL));
        assert_string_equal(endpoint->address, cases[i].address);
        assert_string_equal(endpoint->unix_path, cases[i].unix_path);
        assert_int_equal(endpoint->weight_presence_case,
                         POINTSMAN__V1__ENDPOINT__WEIGHT_PRESENCE_WEIGHT);
        assert_int_equal(endpoint->weight, cases[i].weight);
    }
}

static void an_at_sign_without_a_number_belongs_to_the_path(void **state)
{
    (void)state;
    EndpointMessage *endpoint;
    const struct endpoint_scheme *scheme;
    assert_true(flag_endpoint("--to", "unix:/run/a@b.sock", &arena, &endpoint, &scheme, NULL));
    assert_string_equal(endpoint->unix_path, "/run/a@b.sock");
    assert_int_equal(endpoint->weight_presence_case,
                     POINTSMAN__V1__ENDPOINT__WEIGHT_PRESENCE__NOT_SET);
}

static void what_is_no_endpoint_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "10.0.0.1:9000",
        "ftp://10.0.0.1",
        "h2c:10.0.0.1",
        "http://",
        "http://:80",
        "http://a:",
        "http://a:0",
        "http://a:65536",
        "http://a:8o",
        "http://[::1",
        "http://[]:80",
        "http://[::1]80",
        "http://user@host",
        "http://a@4294967296",
        "unix:",
        "unix:@3",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        EndpointMessage *endpoint;
        const struct endpoint_scheme *scheme;
        struct error err = {0};
        if (flag_endpoint("--to", bad[i], &arena, &endpoint, &scheme, &err))
            fail_msg("'%s' was taken", bad[i]);
        assert_int_equal(err.code, ERROR_INVALID);
        assert_int_equal(strncmp(err.message, "--to: '", 7), 0);
    }
}

static void an_endpoint_with_a_path_is_told_of_rewriting(void **state)
{
    (void)state;
    EndpointMessage *endpoint;
    const struct endpoint_scheme *scheme;
    struct error err = {0};
    assert_false(flag_endpoint("--to", "http://a:1/base", &arena, &endpoint, &scheme, &err));
    assert_string_equal(
        err.message,
        "--to: 'http://a:1/base': an endpoint has no path; --rewrite-prefix changes paths");
}

/* --- references ----------------------------------------------------------------------------- */

static void a_reference_may_have_namespace_port_and_share(void **state)
{
    (void)state;
    struct flag_reference reference;
    assert_true(flag_reference("--backend", "shop/users:8080@90", &arena, &reference, NULL));
    assert_string_equal(reference.namespace_name, "shop");
    assert_string_equal(reference.name, "users");
    assert_int_equal(reference.port, 8080);
    assert_string_equal(reference.share, "90");

    assert_true(flag_reference("--backend", "users", &arena, &reference, NULL));
    assert_string_equal(reference.namespace_name, "");
    assert_string_equal(reference.name, "users");
    assert_int_equal(reference.port, 0);
    assert_null(reference.share);
}

static void a_bad_reference_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", ":80", "@3", "a:", "a:0", "a:x", "a:65536", "ns/"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct flag_reference reference;
        struct error err = {0};
        assert_false(flag_reference("--backend", bad[i], &arena, &reference, &err));
        assert_int_equal(err.code, ERROR_INVALID);
    }
}

/* --- plain values --------------------------------------------------------------------------- */

static void a_pair_is_cut_at_the_first_equals_sign(void **state)
{
    (void)state;
    char *name, *value;
    assert_true(flag_pair("--header", "a=b=c", &arena, &name, &value, NULL));
    assert_string_equal(name, "a");
    assert_string_equal(value, "b=c");
    assert_true(flag_pair("--header", "a=", &arena, &name, &value, NULL));
    assert_string_equal(value, "");

    struct error err = {0};
    assert_false(flag_pair("--header", "a", &arena, &name, &value, &err));
    assert_string_equal(err.message, "--header: 'a' is not of the form NAME=VALUE");
    assert_false(flag_pair("--header", "=b", &arena, &name, &value, NULL));
}

static void a_number_has_an_upper_end(void **state)
{
    (void)state;
    uint32_t number;
    struct error err = {0};
    assert_true(flag_number("--port", "65535", 65535, &number, NULL));
    assert_int_equal(number, 65535);
    assert_true(flag_number("--port", "4294967295", UINT32_MAX, &number, NULL));
    assert_false(flag_number("--port", "65536", 65535, &number, &err));
    assert_string_equal(err.message, "--port: '65536' is not a number from 0 to 65535");
    assert_false(flag_number("--port", "99999999999999999999", UINT32_MAX, &number, NULL));
    assert_false(flag_number("--port", "", UINT32_MAX, &number, NULL));
    assert_false(flag_number("--port", "-1", UINT32_MAX, &number, NULL));
}

static void a_duration_that_is_not_given_is_absent(void **state)
{
    (void)state;
    DurationMessage *duration;
    assert_true(flag_duration("--timeout", NULL, &arena, &duration, NULL));
    assert_null(duration);
    assert_true(flag_duration("--timeout", "1s250ms", &arena, &duration, NULL));
    assert_int_equal(duration->seconds, 1);
    assert_int_equal(duration->nanos, 250000000);

    struct error err = {0};
    assert_false(flag_duration("--timeout", "1", &arena, &duration, &err));
    assert_string_equal(err.message,
                        "--timeout: '1' is not a duration such as 250ms, 10s or 1h30m");
}

/* --- moments -------------------------------------------------------------------------------- */

static void a_moment_is_a_revision_or_a_time(void **state)
{
    (void)state;
    struct flag_moment moment;
    struct error err = {0};
    assert_true(flag_moment("--at", "41", &moment, &err));
    assert_int_equal(moment.revision, 41);
    assert_int_equal(moment.time_ms, 0);
    assert_true(flag_moment("--at", "0", &moment, &err));
    assert_int_equal(moment.revision, 0);
    assert_true(flag_moment("--at", "2026-11-23T06:22:37Z", &moment, &err));
    assert_int_equal(moment.revision, 0);
    assert_int_equal(moment.time_ms, UINT64_C(1795414957000));
    assert_true(flag_moment("--at", "1970-01-01T00:00:00Z", &moment, &err));
    assert_int_equal(moment.time_ms, 1);

    assert_false(flag_moment("--at", "18446744073709551616", &moment, &err));
    assert_string_equal(err.message, "--at: '18446744073709551616' is not a revision");
    assert_false(flag_moment("--at", "", &moment, &err));
}

static void a_revision_is_a_number_and_not_0(void **state)
{
    (void)state;
    uint64_t revision;
    struct error err = {0};
    assert_true(flag_revision("show", "18446744073709551615", &revision, &err));
    assert_int_equal(revision, UINT64_MAX);
    assert_false(flag_revision("show", "0", &revision, &err));
    assert_string_equal(err.message, "show: '0' is not a revision");
    assert_false(flag_revision("show", "-1", &revision, &err));
    assert_false(flag_revision("show", " 1", &revision, &err));
    assert_false(flag_revision("show", "", &revision, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_endpoint_is_a_url, clear_arena),
        cmocka_unit_test_teardown(a_scheme_has_its_well_known_port, clear_arena),
        cmocka_unit_test_teardown(a_weight_stands_behind_the_last_at_sign, clear_arena),
        cmocka_unit_test_teardown(an_at_sign_without_a_number_belongs_to_the_path, clear_arena),
        cmocka_unit_test_teardown(what_is_no_endpoint_is_refused, clear_arena),
        cmocka_unit_test_teardown(an_endpoint_with_a_path_is_told_of_rewriting, clear_arena),
        cmocka_unit_test_teardown(a_reference_may_have_namespace_port_and_share, clear_arena),
        cmocka_unit_test_teardown(a_bad_reference_is_refused, clear_arena),
        cmocka_unit_test_teardown(a_pair_is_cut_at_the_first_equals_sign, clear_arena),
        cmocka_unit_test_teardown(a_number_has_an_upper_end, clear_arena),
        cmocka_unit_test_teardown(a_duration_that_is_not_given_is_absent, clear_arena),
        cmocka_unit_test(a_moment_is_a_revision_or_a_time),
        cmocka_unit_test(a_revision_is_a_number_and_not_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
