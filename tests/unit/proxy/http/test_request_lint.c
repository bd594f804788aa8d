/* Method, target and host, seen through the parser. Each rule of HARDENING has a test, with the
 * refusal it is about in a comment. */
#include "proxy/http/request_lint.h"
#include "tests/unit/proxy/http/request_cases.h"

/* REFUSAL_METHOD, RFC 9110 section 9.1 */
static void a_method_is_a_token(void **state)
{
    (void)state;
    REFUSED(" / HTTP/1.1\r\nHost: a\r\n\r\n", REFUSAL_METHOD);
    REFUSED("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", REFUSAL_METHOD);
    REFUSED("G\xc3\x84T / HTTP/1.1\r\nHost: a\r\n\r\n", REFUSAL_METHOD);
    HAS("PURGE / HTTP/1.1\r\nHost: a\r\n\r\n", "method: PURGE\n");
    HAS("get / HTTP/1.1\r\nHost: a\r\n\r\n", "method: get\n");
}

/* REFUSAL_METHOD_NOT_ALLOWED, RFC 9110 section 15.5.6 */
static void connect_and_trace_are_not_allowed(void **state)
{
    (void)state;
    REFUSED("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", REFUSAL_METHOD_NOT_ALLOWED);
    REFUSED("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", REFUSAL_METHOD_NOT_ALLOWED);
    REFUSED("trace / HTTP/1.1\r\nHost: a\r\n\r\n", REFUSAL_METHOD_NOT_ALLOWED);
}

/* --- the target ------------------------------------------------------------------------------ */

/* REFUSAL_TARGET_FORM, RFC 9112 section 3.2 */
static void a_target_is_a_path(void **state)
{
    (void)state;
    TARGET_REFUSED("a", REFUSAL_TARGET_FORM);
    TARGET_REFUSED("*", REFUSAL_TARGET_FORM);
    TARGET_REFUSED("**", REFUSAL_TARGET_FORM);
    TARGET_REFUSED("?x", REFUSAL_TARGET_FORM);
    TARGET_REFUSED("a:443", REFUSAL_TARGET_FORM);
    TARGET_REFUSED("http:/a", REFUSAL_TARGET_FORM);
    TARGET_REFUSED("%2fa", REFUSAL_TARGET_FORM);
    HAS("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "path: *\n");
}

/* REFUSAL_TARGET_CHARACTER, RFC 3986 section 2 */
static void characters_that_must_be_escaped_are_refused(void **state)
{
    (void)state;
    TARGET_REFUSED("/a#b", REFUSAL_TARGET_CHARACTER);
    TARGET_REFUSED("/a?b#c", REFUSAL_TARGET_CHARACTER);
    TARGET_REFUSED("/a\\b", REFUSAL_TARGET_CHARACTER);
    TARGET_REFUSED("/a?b\\c", REFUSAL_TARGET_CHARACTER);
    TARGET_REFUSED("/caf\xc3\xa9", REFUSAL_TARGET_CHARACTER);
    TARGET_REFUSED("/?\xff", REFUSAL_TARGET_CHARACTER);
    TARGET_REFUSED("/a\tb", REFUSAL_TARGET_CHARACTER);
    TARGET_REFUSED("http://a?\\", REFUSAL_TARGET_CHARACTER);
}

/* REFUSAL_TARGET_ESCAPE, RFC 3986 section 2.1 */
static void broken_escapes_in_the_path_are_refused(void **state)
{
    (void)state;
    TARGET_REFUSED("/%", REFUSAL_TARGET_ESCAPE);
    TARGET_REFUSED("/%4", REFUSAL_TARGET_ESCAPE);
    TARGET_REFUSED("/%4g", REFUSAL_TARGET_ESCAPE);
    TARGET_REFUSED("/%g4/", REFUSAL_TARGET_ESCAPE);
    TARGET_REFUSED("/%u002e", REFUSAL_TARGET_ESCAPE);
    TARGET_REFUSED("/%4?1", REFUSAL_TARGET_ESCAPE);
    HAS("GET /?%4 HTTP/1.1\r\nHost: a\r\n\r\n", "query: %4\n");
}

/* REFUSAL_TARGET_NUL, RFC 3986 section 7.3 */
static void an_escaped_nul_is_refused(void **state)
{
    (void)state;
    TARGET_REFUSED("/a%00.html", REFUSAL_TARGET_NUL);
    TARGET_REFUSED("/a?b%00", REFUSAL_TARGET_NUL);
    TARGET_REFUSED("http://a?%00", REFUSAL_TARGET_NUL);
    HAS("GET /%0A?%0&%0g HTTP/1.1\r\nHost: a\r\n\r\n", "path: /%0A\nquery: %0&%0g\n");
}

/* REFUSAL_TARGET_OVERLONG, RFC 3629 section 3 */
static void overlong_characters_are_refused(void **state)
{
    (void)state;
    TARGET_REFUSED("/%c0%ae%c0%ae/", REFUSAL_TARGET_OVERLONG);
    TARGET_REFUSED("/..%c0%af", REFUSAL_TARGET_OVERLONG);
    TARGET_REFUSED("/a%C1%9Cb", REFUSAL_TARGET_OVERLONG);
    TARGET_REFUSED("/%e0%80%ae", REFUSAL_TARGET_OVERLONG);
    TARGET_REFUSED("/%E0%9F%BF", REFUSAL_TARGET_OVERLONG);
    TARGET_REFUSED("/%f0%80%80%ae", REFUSAL_TARGET_OVERLONG);
    TARGET_REFUSED("/%f0%8f%bf%bf", REFUSAL_TARGET_OVERLONG);
    HAS("GET /%c2%80%e0%a0%80%f0%90%80%80 HTTP/1.1\r\nHost: a\r\n\r\n",
        "path: /%C2%80%E0%A0%80%F0%90%80%80\n");
    HAS("GET /%c0/%c0%20 HTTP/1.1\r\nHost: a\r\n\r\n", "path: /%C0/%C0%20\n");
    HAS("GET /%c0 HTTP/1.1\r\nHost: a\r\n\r\n", "path: /%C0\n");
}

/* REFUSAL_DOT_SEGMENT, RFC 3986 section 5.2.4 */
static void dot_segments_are_refused(void **state)
{
    (void)state;
    TARGET_REFUSED("/.", REFUSAL_DOT_SEGMENT);
    TARGET_REFUSED("/..", REFUSAL_DOT_SEGMENT);
    TARGET_REFUSED("/./a", REFUSAL_DOT_SEGMENT);
    TARGET_REFUSED("/a/../b", REFUSAL_DOT_SEGMENT);
    TARGET_REFUSED("/a/..?b", REFUSAL_DOT_SEGMENT);
    TARGET_REFUSED("//..//", REFUSAL_DOT_SEGMENT);
    TARGET_REFUSED("http://a/..", REFUSAL_DOT_SEGMENT);
}

/* REFUSAL_DOT_SEGMENT */
static void dot_segments_are_seen_through_escapes(void **state)
{
    (void)state;
    TARGET_REFUSED("/%2e", REFUSAL_DOT_SEGMENT);
    TARGET_REFUSED("/%2E%2e/a", REFUSAL_DOT_SEGMENT);
    TARGET_REFUSED("/a/.%2e", REFUSAL_DOT_SEGMENT);
    TARGET_REFUSED("/a%2f../b", REFUSAL_DOT_SEGMENT);
    TARGET_REFUSED("/a/..%2Fb", REFUSAL_DOT_SEGMENT);
    TARGET_REFUSED("/a%2f%2e%2e%2fb", REFUSAL_DOT_SEGMENT);
    TARGET_REFUSED("/a/..%5cb", REFUSAL_DOT_SEGMENT);
    TARGET_REFUSED("/a/..;x=1/b", REFUSAL_DOT_SEGMENT);
    TARGET_REFUSED("/a/..%3b/b", REFUSAL_DOT_SEGMENT);
}

static void dots_elsewhere_are_fine(void **state)
{
    (void)state;
    HAS("GET /.a/..b/c./d../... HTTP/1.1\r\nHost: a\r\n\r\n", "path: /.a/..b/c./d../...\n");
    HAS("GET /a.b?/../ HTTP/1.1\r\nHost: a\r\n\r\n", "query: /../\n");
    HAS("GET /a%2fb..%20 HTTP/1.1\r\nHost: a\r\n\r\n", "path: /a%2Fb..%20\n");
}

static void escapes_become_canonical(void **state)
{
    (void)state;
    HAS("GET /%61%7E%5f%2d%41%39 HTTP/1.1\r\nHost: a\r\n\r\n", "path: /a~_-A9\n");
    HAS("GET /%2f%3f%25%e2%82%ac HTTP/1.1\r\nHost: a\r\n\r\n", "path: /%2F%3F%25%E2%82%AC\n");
    HAS("GET /%252e%252e/ HTTP/1.1\r\nHost: a\r\n\r\n", "path: /%252e%252e/\n");
    HAS("GET //a//b/?%61 HTTP/1.1\r\nHost: a\r\n\r\n", "path: //a//b/\nquery: %61\n");
    HAS("GET /a? HTTP/1.1\r\nHost: a\r\n\r\n", "query: \n");
    LACKS("GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "query");
}

static void an_absolute_target_gives_its_path(void **state)
{
    (void)state;
    HAS("GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n", "path: /b\nquery: c\n");
    HAS("GET HTTP://A:80/%62 HTTP/1.1\r\nHost: a:80\r\n\r\n", "path: /b\n");
    HAS("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", "path: /\n");
    HAS("GET http://a?c HTTP/1.1\r\nHost: a\r\n\r\n", "path: /\nquery: c\n");
    HAS("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n", "path: *\n");
    HAS("OPTIONS http://a? HTTP/1.1\r\nHost: a\r\n\r\n", "path: /\nquery: \n");
    HAS("GET http://a/ HTTP/1.0\r\n\r\n", "host: a\n");
    setting.scheme = "https";
    HAS("GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "path: /\n");
}

/* REFUSAL_TARGET_AUTHORITY, RFC 9112 section 3.2.2 */
static void a_target_of_another_place_is_refused(void **state)
{
    (void)state;
    TARGET_REFUSED("http://b/", REFUSAL_TARGET_AUTHORITY);
    TARGET_REFUSED("http://a:80/", REFUSAL_TARGET_AUTHORITY);
    TARGET_REFUSED("http://x@a/", REFUSAL_TARGET_AUTHORITY);
    TARGET_REFUSED("http:///", REFUSAL_TARGET_AUTHORITY);
    TARGET_REFUSED("https://a/", REFUSAL_TARGET_AUTHORITY);
    TARGET_REFUSED("ftp://a/", REFUSAL_TARGET_AUTHORITY);
    TARGET_REFUSED("://a/", REFUSAL_TARGET_AUTHORITY);
}

/* --- the host -------------------------------------------------------------------------------- */

/* REFUSAL_HOST_MISSING, RFC 9112 section 3.2 */
static void a_host_is_needed_from_1_1_on(void **state)
{
    (void)state;
    REFUSED("GET / HTTP/1.1\r\n\r\n", REFUSAL_HOST_MISSING);
    REFUSED("GET http://a/ HTTP/1.1\r\n\r\n", REFUSAL_HOST_MISSING);
    HAS("GET / HTTP/1.0\r\n\r\n", "host: \n");
}

/* REFUSAL_TWO_HOSTS, RFC 9112 section 3.2 */
static void two_hosts_are_refused(void **state)
{
    (void)state;
    REFUSED("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", REFUSAL_TWO_HOSTS);
    REFUSED("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", REFUSAL_TWO_HOSTS);
}

#define HOST_REFUSED(host) REFUSED("GET / HTTP/1.1\r\nHost: " host "\r\n\r\n", REFUSAL_HOST)
#define HOST_IS(sent, host) HAS("GET / HTTP/1.1\r\nHost: " sent "\r\n\r\n", "host: " host "\n")

/* REFUSAL_HOST, RFC 9112 section 3.2 */
static void a_host_is_a_name_or_an_address_with_a_port(void **state)
{
    (void)state;
    HOST_REFUSED("");
    HOST_REFUSED(":80");
    HOST_REFUSED("a:");
    HOST_REFUSED("a:x");
    HOST_REFUSED("a:0");
    HOST_REFUSED("a:65536");
    HOST_REFUSED("a:123456");
    HOST_REFUSED("a:080");
    HOST_REFUSED("a:80:80");
    HOST_REFUSED("a b");
    HOST_REFUSED("a,b");
    HOST_REFUSED("a/b");
    HOST_REFUSED("u@a");
    HOST_REFUSED("a%2eb");
    HOST_REFUSED("a\\b");
    HOST_REFUSED("caf\xc3\xa9");
    HOST_REFUSED(".");
    HOST_REFUSED(".a");
    HOST_REFUSED("a..b");
    HOST_REFUSED("*.a");
    HOST_REFUSED("[::1");
    HOST_REFUSED("[::1]x");
    HOST_REFUSED("[::g]");
    HOST_REFUSED("[]");
    HOST_REFUSED("[1.2.3.4]");
    HOST_REFUSED("[fe80::1%25eth0]");
    HOST_REFUSED("::1");
}

static void a_host_becomes_lower_case_without_port_and_last_dot(void **state)
{
    (void)state;
    HOST_IS("Shop.Internal", "shop.internal");
    HOST_IS("a:65535", "a");
    HOST_IS("my_service.:80", "my_service");
    HOST_IS("10.0.0.7:8080", "10.0.0.7");
    HOST_IS("[::FFFF:1.2.3.4]:80", "[::ffff:1.2.3.4]");
    HOST_IS("[::1]", "[::1]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REQUEST_TEST(a_method_is_a_token),
        REQUEST_TEST(connect_and_trace_are_not_allowed),
        REQUEST_TEST(a_target_is_a_path),
        REQUEST_TEST(characters_that_must_be_escaped_are_refused),
        REQUEST_TEST(broken_escapes_in_the_path_are_refused),
        REQUEST_TEST(an_escaped_nul_is_refused),
        REQUEST_TEST(overlong_characters_are_refused),
        REQUEST_TEST(dot_segments_are_refused),
        REQUEST_TEST(dot_segments_are_seen_through_escapes),
        REQUEST_TEST(dots_elsewhere_are_fine),
        REQUEST_TEST(escapes_become_canonical),
        REQUEST_TEST(an_absolute_target_gives_its_path),
        REQUEST_TEST(a_target_of_another_place_is_refused),
        REQUEST_TEST(a_host_is_needed_from_1_1_on),
        REQUEST_TEST(two_hosts_are_refused),
        REQUEST_TEST(a_host_is_a_name_or_an_address_with_a_port),
        REQUEST_TEST(a_host_becomes_lower_case_without_port_and_last_dot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
