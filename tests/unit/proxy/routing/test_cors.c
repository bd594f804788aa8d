#include "proxy/routing/cors.h"
#include "proxy/routing/filter_apply.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/routing/filter_text.h"
#include "tests/unit/proxy/routing/route_text.h"

#include <stdlib.h>

static char *text_of(const struct header *headers, size_t count)
{
    struct buffer text = BUFFER_EMPTY;
    for (size_t i = 0; i < count; i++) {
        buffer_append_string(&text, i == 0 ? "" : " | ");
        buffer_append_slice(&text, headers[i].name);
        buffer_append_string(&text, ": ");
        buffer_append_slice(&text, headers[i].value);
    }
    char *copy = memory_duplicate_string(buffer_string(&text));
    buffer_clear(&text);
    return copy;
}

/* --- origins -------------------------------------------------------------------------------- */

static bool allows(const char *filter_text, const char *origin)
{
    struct filter_list *filters = filter_text_compile(filter_text, NULL);
    bool result = cors_allows_origin(filters->cors, slice_from_string(origin));
    filter_list_free(filters);
    return result;
}

static void an_exact_origin_is_allowed(void **state)
{
    (void)state;
    assert_true(allows("cors-origin:https://www.foo.com", "https://www.foo.com"));
    assert_true(allows("cors-origin:https://www.foo.com", "HTTPS://WWW.FOO.COM"));
    assert_true(allows("cors-origin:https://a cors-origin:https://b", "https://b"));
    assert_false(allows("cors-origin:https://www.foo.com", "https://foo.com"));
    assert_false(allows("cors-origin:https://www.foo.com", "http://www.foo.com"));
    assert_false(allows("cors-origin:https://www.foo.com", "https://www.foo.com.evil.com"));
    assert_false(allows("cors", "https://www.foo.com"));
}

static void a_wildcard_host_matches_any_number_of_labels_but_not_none(void **state)
{
    (void)state;
    assert_true(allows("cors-origin:https://*.bar.com", "https://www.bar.com"));
    assert_true(allows("cors-origin:https://*.bar.com", "https://xpto.www.bar.com"));
    assert_false(allows("cors-origin:https://*.b", "https://b"));
    assert_false(allows("cors-origin:https://*.b", "https://.b"));
    assert_false(allows("cors-origin:https://*.bar.com", "https://foobar.com"));
    assert_false(allows("cors-origin:https://*.bar.com", "http://www.bar.com"));
}

static void a_wildcard_by_itself_matches_all_hosts(void **state)
{
    (void)state;
    assert_true(allows("cors-origin:https://*", "https://foo.com"));
    assert_false(allows("cors-origin:https://*", "http://foo.com"));
}

static void only_a_star_matches_all_origins(void **state)
{
    (void)state;
    assert_true(allows("cors-origin:*", "https://foobar.com"));
    assert_true(allows("cors-origin:*", "https://foobar.com:12345"));
    assert_true(allows("cors-origin:*", "null"));
    assert_false(allows("cors-origin:https://*", "null"));
}

static void a_port_that_is_not_there_is_the_schemes_own(void **state)
{
    (void)state;
    assert_true(allows("cors-origin:https://a.b", "https://a.b:443"));
    assert_true(allows("cors-origin:https://a.b:443", "https://a.b"));
    assert_true(allows("cors-origin:http://a.b:80", "http://a.b"));
    assert_true(allows("cors-origin:http://*.b:8080", "http://a.b:8080"));
    assert_false(allows("cors-origin:http://*.b:8080", "http://a.b"));
    assert_false(allows("cors-origin:https://a.b", "https://a.b:8443"));
    assert_false(allows("cors-origin:https://*", "https://a.b:8443"));
    assert_false(allows("cors-origin:https://*", "https://[::1]:8443"));
    assert_true(allows("cors-origin:https://*", "https://[::1]"));
}

static void what_is_no_origin_is_not_allowed(void **state)
{
    (void)state;
    assert_false(allows("cors-origin:https://a", ""));
    assert_false(allows("cors-origin:https://a", "a"));
    assert_false(allows("cors-origin:https://*", "https://"));
    assert_false(allows("cors-origin:https://*", "://"));
    assert_false(allows("cors-origin:https://*.bar.com", "https://evil.com/.bar.com"));
    assert_false(allows("cors-origin:https://*.bar.com", "https://evil.com?.bar.com"));
    assert_false(allows("cors-origin:https://*.bar.com", "https://evil.com#.bar.com"));
    assert_false(allows("cors-origin:https://*.bar.com", "https://evil.com\\.bar.com"));
    assert_false(allows("cors-origin:https://*.bar.com", "https://user@www.bar.com"));
    assert_false(allows("cors-origin:https://*.bar.com", "https://evil.com https://a.bar.com"));
    assert_false(allows("cors-origin:https://*.bar.com", "https://evil.com, https://a.bar.com"));
    assert_false(allows("cors-origin:https://*", "https://a.b/"));
}

/* --- preflights ----------------------------------------------------------------------------- */

static void expect_preflight(const char *filter_text, const char *headers, const char *expected)
{
    struct filter_list *filters = filter_text_compile(filter_text, NULL);
    struct arena arena = {0};
    struct request_text request;
    struct header answer[CORS_MAX_HEADERS];
    request_text_init(&request, headers);
    assert_true(cors_is_preflight(&request.head));

    size_t count = cors_preflight_headers(filters->cors, &request.head, answer, &arena);

    /* Vary comes first, whatever the answer is. */
    assert_true(slice_equals(answer[0].name, SLICE("vary")));
    char *text = text_of(answer + 1, count - 1);
    assert_string_equal(text, expected);
    free(text);
    request_text_clear(&request);
    arena_clear(&arena);
    filter_list_free(filters);
}

static bool is_preflight(const char *text)
{
    struct request_text request;
    request_text_init(&request, text);
    bool result = cors_is_preflight(&request.head);
    request_text_clear(&request);
    return result;
}

static void a_preflight_has_an_origin_and_asks_for_a_method(void **state)
{
    (void)state;
    assert_true(is_preflight("OPTIONS /a origin: https://a | access-control-request-method: GET"));
    assert_false(is_preflight("OPTIONS /a origin: https://a"));
    assert_false(is_preflight("OPTIONS /a access-control-request-method: GET"));
    assert_false(is_preflight("GET /a origin: https://a | access-control-request-method: GET"));
}

static void a_preflight_is_told_all_that_is_allowed(void **state)
{
    (void)state;
    static const char filter[] =
        "cors-origin:https://www.foo.com cors-origin:https://*.bar.com cors-method:GET "
        "cors-method:OPTIONS cors-header:x-header-1 cors-header:x-header-2 "
        "cors-expose:x-header-3 cors-expose:x-header-4 cors-credentials cors-max-age:3600";
    expect_preflight(filter,
                     "OPTIONS /a Origin: https://www.foo.com | Access-Control-Request-Method: GET "
                     "| Access-Control-Request-Headers: x-header-1, x-header-2",
                     "access-control-allow-origin: https://www.foo.com"
                     " | access-control-allow-credentials: true"
                     " | access-control-expose-headers: x-header-3, x-header-4"
                     " | access-control-allow-methods: GET, OPTIONS"
                     " | access-control-allow-headers: x-header-1, x-header-2"
                     " | access-control-max-age: 3600");
}

static void a_preflight_from_another_origin_is_told_nothing(void **state)
{
    (void)state;
    expect_preflight("cors-origin:https://www.foo.com cors-method:GET",
                     "OPTIONS /a Origin: https://foobar.com | Access-Control-Request-Method: GET",
                     "");
}

static void with_credentials_the_requested_origin_method_and_headers_stand_for_a_star(void **state)
{
    (void)state;
    expect_preflight("cors-origin:* cors-method:* cors-header:* cors-expose:* cors-credentials",
                     "OPTIONS /a origin: https://other.foo.com | "
                     "access-control-request-method: PUT | "
                     "access-control-request-headers: x-header-1, x-header-2",
                     "access-control-allow-origin: https://other.foo.com"
                     " | access-control-allow-credentials: true"
                     " | access-control-allow-methods: PUT"
                     " | access-control-allow-headers: x-header-1, x-header-2"
                     " | access-control-max-age: 5");
}

static void without_credentials_nothing_is_said_of_them(void **state)
{
    (void)state;
    expect_preflight("cors-origin:https://www.foo.com cors-method:* cors-expose:*",
                     "OPTIONS /a origin: https://www.foo.com | access-control-request-method: POST",
                     "access-control-allow-origin: https://www.foo.com"
                     " | access-control-expose-headers: *"
                     " | access-control-allow-methods: POST"
                     " | access-control-max-age: 5");
}

static void no_headers_are_allowed_when_none_were_requested(void **state)
{
    (void)state;
    expect_preflight("cors-origin:* cors-header:x-a",
                     "OPTIONS /a origin: https://a | access-control-request-method: PUT",
                     "access-control-allow-origin: https://a | access-control-max-age: 5");
    expect_preflight("cors-origin:* cors-header:* cors-credentials",
                     "OPTIONS /a origin: https://a | access-control-request-method: PUT",
                     "access-control-allow-origin: https://a"
                     " | access-control-allow-credentials: true | access-control-max-age: 5");
}

/* --- responses ------------------------------------------------------------------------------ */

static void expect_response(const char *filter_text, const char *request_line, const char *before,
                            const char *after)
{
    struct filter_list *filters = filter_text_compile(filter_text, NULL);
    struct arena arena = {0};
    struct request_text request;
    struct request_text response;
    struct buffer line = BUFFER_EMPTY;
    buffer_printf(&line, "GET /%s%s", before[0] == '\0' ? "" : " ", before);
    request_text_init(&request, request_line);
    request_text_init(&response, buffer_string(&line));

    size_t count = cors_response_headers(filters->cors, &request.head, response.headers,
                                         response.head.header_count, &arena);

    char *text = text_of(response.headers, count);
    assert_string_equal(text, after);
    free(text);
    buffer_clear(&line);
    request_text_clear(&request);
    request_text_clear(&response);
    arena_clear(&arena);
    filter_list_free(filters);
}

static void a_response_names_the_origin_it_is_for(void **state)
{
    (void)state;
    expect_response("cors-origin:https://a cors-credentials cors-expose:x-b cors-method:GET",
                    "GET /x origin: https://a", "x-b: 1",
                    "x-b: 1 | vary: origin | access-control-allow-origin: https://a"
                    " | access-control-allow-credentials: true"
                    " | access-control-expose-headers: x-b");
    expect_response("cors-origin:*", "PUT /x origin: https://a:12345", "",
                    "vary: origin | access-control-allow-origin: https://a:12345");
}

static void a_response_to_another_origin_has_no_cors_headers(void **state)
{
    (void)state;
    expect_response("cors-origin:https://a cors-credentials", "GET /x origin: http://a",
                    "x-b: 1 | Access-Control-Allow-Origin: * | "
                    "access-control-allow-credentials: true | access-control-expose-headers: x-b",
                    "x-b: 1 | vary: origin");
}

static void a_response_to_no_origin_has_no_cors_headers(void **state)
{
    (void)state;
    expect_response("cors-origin:*", "GET /x", "vary: accept", "vary: accept,origin");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exact_origin_is_allowed),
        cmocka_unit_test(a_wildcard_host_matches_any_number_of_labels_but_not_none),
        cmocka_unit_test(a_wildcard_by_itself_matches_all_hosts),
        cmocka_unit_test(only_a_star_matches_all_origins),
        cmocka_unit_test(a_port_that_is_not_there_is_the_schemes_own),
        cmocka_unit_test(what_is_no_origin_is_not_allowed),
        cmocka_unit_test(a_preflight_has_an_origin_and_asks_for_a_method),
        cmocka_unit_test(a_preflight_is_told_all_that_is_allowed),
        cmocka_unit_test(a_preflight_from_another_origin_is_told_nothing),
        cmocka_unit_test(with_credentials_the_requested_origin_method_and_headers_stand_for_a_star),
        cmocka_unit_test(without_credentials_nothing_is_said_of_them),
        cmocka_unit_test(no_headers_are_allowed_when_none_were_requested),
        cmocka_unit_test(a_response_names_the_origin_it_is_for),
        cmocka_unit_test(a_response_to_another_origin_has_no_cors_headers),
        cmocka_unit_test(a_response_to_no_origin_has_no_cors_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
