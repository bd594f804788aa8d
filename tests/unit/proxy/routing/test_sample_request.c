#include "proxy/routing/sample_request.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>

static struct sample_request sample;
static struct error error;

/* A GET with one header, or with none ("" as its name). */
static bool read(const char *method, const char *url, const char *name, const char *value)
{
    const struct header header = {slice_from_string(name), slice_from_string(value)};
    const struct sample_description description = {
        .method = slice_from_string(method),
        .url = slice_from_string(url),
        .headers = &header,
        .header_count = *name == '\0' ? 0 : 1,
    };
    sample_request_clear(&sample);
    error = (struct error){0};
    return sample_request_init(&sample, &description, &error);
}

static int clear(void **state)
{
    (void)state;
    sample_request_clear(&sample);
    return 0;
}

static void assert_slice(struct slice slice, const char *expected)
{
    char text[256];
    snprintf(text, sizeof(text), "%.*s", (int)slice.length, slice.at);
    assert_string_equal(text, expected);
}

static void host_and_path_become_canonical(void **state)
{
    (void)state;
    assert_true(read("", "HTTP://Shop.Internal.:8080/%7eusers%2f7?x=%41", "", ""));

    assert_slice(sample.head.method, "GET");
    assert_slice(sample.head.scheme, "http");
    assert_slice(sample.head.authority, "Shop.Internal.:8080");
    assert_slice(sample.head.host, "shop.internal");
    assert_slice(sample.head.path, "/~users%2F7");
    assert_slice(sample.head.query, "x=%41");
}

static void an_empty_path_is_what_is_sent_for_it(void **state)
{
    (void)state;
    assert_true(read("GET", "http://a", "", ""));
    assert_slice(sample.head.path, "/");
    assert_true(read("GET", "https://a?b", "", ""));
    assert_slice(sample.head.path, "/");
    assert_slice(sample.head.query, "b");
    assert_true(read("OPTIONS", "http://a", "", ""));
    assert_slice(sample.head.path, "*");
}

static void a_host_header_takes_the_place_of_the_urls(void **state)
{
    (void)state;
    assert_true(read("GET", "http://127.0.0.1/", "host", "Shop:80"));
    assert_slice(sample.head.host, "shop");
    assert_int_equal(sample.head.header_count, 1);

    assert_true(read("GET", "http://127.0.0.1:1/", "", ""));
    assert_slice(sample.head.headers[0].name, "Host");
    assert_slice(sample.head.headers[0].value, "127.0.0.1:1");
}

static void what_the_proxy_refuses_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *method, *url, *name, *value, *field;
    } cases[] = {
        {"TRACE", "http://a/", "", "", "method: "},
        {"G T", "http://a/", "", "", "method: "},
        {"GET", "", "", "", "url: "},
        {"GET", "a/b", "", "", "url: "},
        {"GET", "ftp://a/b", "", "", "url: "},
        {"GET", "http:///b", "", "", "url: "},
        {"GET", "http://user@a/", "", "", "url: "},
        {"GET", "http://a:0/", "", "", "url: "},
        {"GET", "http://a/../b", "", "", "url: "},
        {"GET", "http://a/%2e%2e", "", "", "url: "},
        {"GET", "http://a/%zz", "", "", "url: "},
        {"GET", "http://a/%00", "", "", "url: "},
        {"GET", "http://a/b#c", "", "", "url: "},
        {"GET", "http://a/\\", "", "", "url: "},
        {"GET", "http://a/", "b c", "1", "headers[0]: "},
        {"GET", "http://a/", "b", "1\r\nc: 2", "headers[0]: "},
        {"GET", "http://a/", "Host", "b/c", "headers[0]: "},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (read(cases[i].method, cases[i].url, cases[i].name, cases[i].value))
            fail_msg("%s %s is taken", cases[i].method, cases[i].url);
        assert_int_equal(error.code, ERROR_INVALID);
        assert_memory_equal(error.message, cases[i].field, strlen(cases[i].field));
    }
}

static void a_path_or_an_asterisk_needs_a_host_header(void **state)
{
    (void)state;
    assert_true(read("OPTIONS", "*", "Host", "a:80"));
    assert_slice(sample.head.path, "*");
    assert_slice(sample.head.host, "a");
    assert_true(read("GET", "/b?c", "Host", "a"));
    assert_slice(sample.head.path, "/b");
    assert_slice(sample.head.query, "c");
    assert_slice(sample.head.scheme, "http");

    assert_false(read("OPTIONS", "*", "", ""));
    assert_non_null(strstr(error.message, "no Host"));
    assert_false(read("GET", "*", "Host", "a"));
    assert_false(read("GET", "/b", "Host", ""));
}

static void what_only_a_trusted_peer_may_say_is_dropped(void **state)
{
    (void)state;
    assert_true(read("GET", "http://a/", "X-Forwarded-For", "1"));
    assert_int_equal(sample.dropped_count, 1);
    assert_slice(sample.dropped[0].name, "X-Forwarded-For");
    assert_true(read("GET", "http://a/", "Via", "1"));
    assert_int_equal(sample.dropped_count, 0);
}

static void what_is_about_the_connection_is_marked(void **state)
{
    (void)state;
    assert_true(read("GET", "http://a/", "Connection", "close, connection"));
    assert_true(sample.fields.tags[0].is_dropped);
    assert_false(read("GET", "http://a/", "Connection", "Host"));
    assert_memory_equal(error.message, "headers: ", 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(host_and_path_become_canonical, clear),
        cmocka_unit_test_teardown(an_empty_path_is_what_is_sent_for_it, clear),
        cmocka_unit_test_teardown(a_host_header_takes_the_place_of_the_urls, clear),
        cmocka_unit_test_teardown(what_the_proxy_refuses_is_refused, clear),
        cmocka_unit_test_teardown(a_path_or_an_asterisk_needs_a_host_header, clear),
        cmocka_unit_test_teardown(what_only_a_trusted_peer_may_say_is_dropped, clear),
        cmocka_unit_test_teardown(what_is_about_the_connection_is_marked, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
