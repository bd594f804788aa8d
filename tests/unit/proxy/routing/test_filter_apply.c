#include "proxy/routing/filter_apply.h"
#include "proxy/routing/path_value.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/routing/filter_text.h"
#include "tests/unit/proxy/routing/route_text.h"

#include <stdio.h>
#include <stdlib.h>

/* "b" is backend 1. */
static uint32_t last_letter(void *context, const Pointsman__V1__BackendObjectReference *ref)
{
    (void)context;
    return (uint32_t)(ref->name[strlen(ref->name) - 1] - 'a');
}

/* The filters of a rule whose PathPrefix is `prefix`. */
static struct filter_list *compile(const char *text, const char *prefix)
{
    const struct filter_context context = {
        .prefix = path_value_prefix(slice_from_string(prefix)),
        .backend_index = last_letter,
    };
    return filter_text_compile(text, &context);
}

static void rules_without_filters_have_no_list(void **state)
{
    (void)state;
    assert_null(compile("", "/"));
}

/* --- header modifiers ----------------------------------------------------------------------- */

/* `before` and `after` are headers as in route_text.h: "a: 1 | b: 2". */
static void expect_headers(const char *filter_text, const char *before, const char *after)
{
    struct filter_list *filters = compile(filter_text, "/");
    struct arena arena = {0};
    char line[512];
    struct request_text request;
    snprintf(line, sizeof(line), "GET /%s%s", before[0] == '\0' ? "" : " ", before);
    request_text_init(&request, line);

    size_t count = header_edits_apply(&filters->request_headers, request.headers,
                                      request.head.header_count, &arena);

    struct buffer text = BUFFER_EMPTY;
    for (size_t i = 0; i < count; i++) {
        buffer_append_string(&text, i == 0 ? "" : " | ");
        buffer_append_slice(&text, request.headers[i].name);
        buffer_append_string(&text, ": ");
        buffer_append_slice(&text, request.headers[i].value);
    }
    assert_string_equal(buffer_string(&text), after);
    buffer_clear(&text);
    request_text_clear(&request);
    arena_clear(&arena);
    filter_list_free(filters);
}

static void set_replaces_every_value_of_the_name(void **state)
{
    (void)state;
    expect_headers("set:X-A=new", "", "X-A: new");
    expect_headers("set:X-A=new", "X-A: old | b: 1", "X-A: new | b: 1");
    expect_headers("set:X-A=new", "b: 1 | X-A: old | c: 2 | X-A: older", "b: 1 | X-A: new | c: 2");
}

static void add_to_a_header_that_is_there_joins_them_with_a_comma(void **state)
{
    (void)state;
    expect_headers("add:X-A=new", "", "X-A: new");
    expect_headers("add:X-A=new", "X-A: old | b: 1", "X-A: old,new | b: 1");
    expect_headers("add:X-A=new", "X-A: one | X-A: two", "X-A: one | X-A: two,new");
}

static void add_to_an_empty_header_gives_its_value(void **state)
{
    (void)state;
    expect_headers("add:X-A=new", "X-A: ", "X-A: new");
}

static void add_of_set_cookie_is_always_a_second_line(void **state)
{
    (void)state;
    expect_headers("add:Set-Cookie=b=2", "set-cookie: a=1", "set-cookie: a=1 | Set-Cookie: b=2");
    expect_headers("add:SET-COOKIE=b=2", "b: 1", "b: 1 | SET-COOKIE: b=2");
}

static void remove_takes_every_header_of_the_name(void **state)
{
    (void)state;
    expect_headers("remove:X-A", "X-A: 1 | b: 2 | x-a: 3", "b: 2");
    expect_headers("remove:X-A", "X-AB: 1", "X-AB: 1");
    expect_headers("remove:X-A", "", "");
}

static void names_are_case_insensitive(void **state)
{
    (void)state;
    expect_headers("set:X-Header-Set=new", "x-header-set: old", "X-Header-Set: new");
    expect_headers("add:X-Header-Add=new", "x-header-add: old", "x-header-add: old,new");
    expect_headers("remove:X-Header-Remove", "x-header-remove: old", "");
}

static void set_add_and_remove_work_side_by_side(void **state)
{
    (void)state;
    expect_headers("set:s1=a set:s2=b add:a1=c add:a2=d remove:r1 remove:r2",
                   "s2: old | a2: old | r2: old | other: kept",
                   "s2: b | a2: old,d | other: kept | s1: a | a1: c");
}

static void request_and_response_edits_are_kept_apart(void **state)
{
    (void)state;
    struct filter_list *filters = compile("set:a=1 response-set:b=2 response-remove:c", "/");

    assert_int_equal(filters->request_headers.count, 1);
    assert_int_equal(filters->response_headers.count, 2);
    assert_true(slice_equals(filters->response_headers.items[0].name, SLICE("b")));

    filter_list_free(filters);
}

/* --- rewrite -------------------------------------------------------------------------------- */

struct rewrite_case {
    const char *filters;
    const char *prefix; /* of the rule's match */
    const char *before; /* "GET host/path" */
    const char *after;  /* "host/path" */
};

static void expect_rewrite(const struct rewrite_case *given)
{
    struct filter_list *filters = compile(given->filters, given->prefix);
    struct arena arena = {0};
    struct request_text request;
    request_text_init(&request, given->before);

    url_rewrite_apply(&filters->rewrite, &request.head, &arena);

    struct buffer text = BUFFER_EMPTY;
    buffer_append_slice(&text, request.head.authority);
    buffer_append_slice(&text, request.head.path);
    if (request.head.has_query)
        buffer_append_char(&text, '?');
    buffer_append_slice(&text, request.head.query);
    assert_string_equal(buffer_string(&text), given->after);
    buffer_clear(&text);
    request_text_clear(&request);
    arena_clear(&arena);
    filter_list_free(filters);
}

static void expect_rewrites(const struct rewrite_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect_rewrite(&cases[i]);
}

#define EXPECT_REWRITES(cases) expect_rewrites(cases, sizeof(cases) / sizeof((cases)[0]))

static void a_replaced_prefix_keeps_what_follows_it(void **state)
{
    (void)state;
    static const struct rewrite_case cases[] = {
        {"rewrite-prefix:/xyz", "/foo", "GET h/foo", "h/xyz"},
        {"rewrite-prefix:/xyz", "/foo", "GET h/foo/", "h/xyz/"},
        {"rewrite-prefix:/xyz", "/foo", "GET h/foo/bar", "h/xyz/bar"},
        {"rewrite-prefix:/xyz/", "/foo", "GET h/foo", "h/xyz"},
        {"rewrite-prefix:/xyz/", "/foo", "GET h/foo/", "h/xyz/"},
        {"rewrite-prefix:/xyz/", "/foo", "GET h/foo/bar", "h/xyz/bar"},
        {"rewrite-prefix:/xyz", "/foo/", "GET h/foo", "h/xyz"},
        {"rewrite-prefix:/xyz", "/foo/", "GET h/foo/", "h/xyz/"},
        {"rewrite-prefix:/xyz", "/foo/", "GET h/foo/bar", "h/xyz/bar"},
        {"rewrite-prefix:/xyz/", "/foo/", "GET h/foo", "h/xyz"},
        {"rewrite-prefix:/xyz/", "/foo/", "GET h/foo/", "h/xyz/"},
        {"rewrite-prefix:/xyz/", "/foo/", "GET h/foo/bar", "h/xyz/bar"},
        {"rewrite-prefix:/one", "/one/two", "GET h/one/two/three/", "h/one/three/"},
    };
    EXPECT_REWRITES(cases);
}

static void a_prefix_replaced_by_nothing_leaves_a_path(void **state)
{
    (void)state;
    static const struct rewrite_case cases[] = {
        {"rewrite-prefix:/", "/foo", "GET h/foo", "h/"},
        {"rewrite-prefix:/", "/foo", "GET h/foo/", "h/"},
        {"rewrite-prefix:/", "/foo", "GET h/foo/bar", "h/bar"},
        {"rewrite-prefix:/", "/foo/", "GET h/foo", "h/"},
        {"rewrite-prefix:/", "/foo/", "GET h/foo/bar", "h/bar"},
        {"rewrite-prefix:", "/foo", "GET h/foo", "h/"},
        {"rewrite-prefix:", "/foo", "GET h/foo/", "h/"},
        {"rewrite-prefix:", "/foo", "GET h/foo/bar", "h/bar"},
    };
    EXPECT_REWRITES(cases);
}

static void the_prefix_of_every_path_can_be_replaced(void **state)
{
    (void)state;
    static const struct rewrite_case cases[] = {
        {"rewrite-prefix:/xyz", "/", "GET h/", "h/xyz/"},
        {"rewrite-prefix:/xyz", "/", "GET h/bar", "h/xyz/bar"},
        {"rewrite-prefix:/", "/", "GET h/", "h/"},
        {"rewrite-prefix:/", "/", "GET h/bar/", "h/bar/"},
    };
    EXPECT_REWRITES(cases);
}

static void a_replaced_prefix_never_leaves_two_slashes(void **state)
{
    (void)state;
    static const struct rewrite_case cases[] = {
        {"rewrite-prefix:/", "/foo", "GET h/foo//bar", "h/bar"},
        {"rewrite-prefix:/", "/foo", "GET h/foo//", "h/"},
        {"rewrite-prefix:/xyz", "/foo", "GET h/foo//bar", "h/xyz/bar"},
        {"rewrite-prefix:/xyz/", "/foo/", "GET h/foo///bar", "h/xyz/bar"},
    };
    EXPECT_REWRITES(cases);
}

static void a_replaced_full_path_is_all_there_is(void **state)
{
    (void)state;
    static const struct rewrite_case cases[] = {
        {"rewrite-path:/one", "/full/one", "GET h/full/one/two", "h/one"},
        {"rewrite-path:/", "/full", "GET h/full/one", "h/"},
        {"rewrite-path:/one/", "/full", "GET h/full", "h/one/"},
    };
    EXPECT_REWRITES(cases);
}

static void the_query_is_kept(void **state)
{
    (void)state;
    static const struct rewrite_case cases[] = {
        {"rewrite-path:/one", "/full", "GET h/full/two?a=/full&b", "h/one?a=/full&b"},
        {"rewrite-prefix:/", "/foo", "GET h/foo?x=1", "h/?x=1"},
        {"rewrite-prefix:/xyz", "/foo", "GET h/foo/bar?", "h/xyz/bar?"},
    };
    EXPECT_REWRITES(cases);
}

static void a_rewritten_hostname_is_the_whole_authority(void **state)
{
    (void)state;
    static const struct rewrite_case cases[] = {
        {"rewrite-host:one.example.org", "/", "GET rewrite.example/one", "one.example.org/one"},
        {"rewrite-host:one.example.org", "/", "GET rewrite.example:8080/", "one.example.org/"},
        {"rewrite-host:b rewrite-prefix:/y", "/x", "GET a/x/z", "b/y/z"},
        {"rewrite-prefix:/y", "/x", "GET a:8080/x/z", "a:8080/y/z"},
    };
    EXPECT_REWRITES(cases);
}

static void replacements_are_brought_into_canonical_form(void **state)
{
    (void)state;
    static const struct rewrite_case cases[] = {
        {"rewrite-path:/%61%c3%a9", "/", "GET h/", "h/a%C3%A9"},
        {"rewrite-prefix:/%7ex", "/a", "GET h/a/b", "h/~x/b"},
    };
    EXPECT_REWRITES(cases);
}

static void the_target_of_options_has_no_prefix(void **state)
{
    (void)state;
    struct filter_list *filters = compile("rewrite-prefix:/xyz", "/");
    struct arena arena = {0};

    struct slice path = path_edit_apply(&filters->rewrite.path, SLICE("*"), &arena);

    assert_true(slice_equals(path, SLICE("*")));
    arena_clear(&arena);
    filter_list_free(filters);
}

/* --- redirect ------------------------------------------------------------------------------- */

struct redirect_case {
    const char *filters;
    const char *prefix;
    uint16_t listener_port;
    const char *request; /* "GET https://host/path"; http unless it says so */
    const char *location;
};

static void expect_redirect(const struct redirect_case *given)
{
    struct filter_list *filters = compile(given->filters, given->prefix);
    struct arena arena = {0};
    struct request_text request;
    const char *https = strstr(given->request, "GET https://");
    char line[256];
    snprintf(line, sizeof(line), "GET %s",
             given->request + strlen(https ? "GET https://" : "GET "));
    request_text_init(&request, line);
    request.head.scheme = https != NULL ? SLICE("https") : SLICE("http");
    struct slice host = request.head.authority;
    const char *colon = memchr(host.at, ':', host.length);
    request.head.host = colon == NULL ? host : slice_of(host.at, (size_t)(colon - host.at));
    struct listener_identity listener = {.name = SLICE("web"), .port = given->listener_port};
    request.head.listener = &listener;

    struct slice location = redirect_location(&filters->redirect, &request.head, &arena);

    struct buffer text = BUFFER_EMPTY;
    buffer_append_slice(&text, location);
    assert_string_equal(buffer_string(&text), given->location);
    buffer_clear(&text);
    request_text_clear(&request);
    arena_clear(&arena);
    filter_list_free(filters);
}

static void expect_redirects(const struct redirect_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect_redirect(&cases[i]);
}

#define EXPECT_REDIRECTS(cases) expect_redirects(cases, sizeof(cases) / sizeof((cases)[0]))

static void without_anything_given_it_goes_where_it_came_to(void **state)
{
    (void)state;
    static const struct redirect_case cases[] = {
        {"redirect", "/", 80, "GET a.example/x", "http://a.example/x"},
        {"redirect", "/", 8080, "GET a.example/x", "http://a.example:8080/x"},
    };
    EXPECT_REDIRECTS(cases);
}

static void a_hostname_replaces_the_host(void **state)
{
    (void)state;
    static const struct redirect_case cases[] = {
        {"redirect-host:example.org", "/", 80, "GET a/hostname-redirect",
         "http://example.org/hostname-redirect"},
        {"redirect-host:example.org redirect-code:301", "/", 80, "GET a/host-and-status",
         "http://example.org/host-and-status"},
        {"redirect-host:example.org", "/", 443, "GET https://a/x", "https://example.org/x"},
    };
    EXPECT_REDIRECTS(cases);
}

static void the_port_given_is_the_port(void **state)
{
    (void)state;
    static const struct redirect_case cases[] = {
        {"redirect-port:8083", "/", 80, "GET a/port", "http://a:8083/port"},
        {"redirect-port:8083 redirect-host:example.org", "/", 80, "GET a/port-and-host",
         "http://example.org:8083/port-and-host"},
        {"redirect-port:8083 redirect-scheme:https", "/", 80, "GET a/x", "https://a:8083/x"},
        {"redirect-port:80", "/", 8080, "GET a/x", "http://a/x"},
        {"redirect-port:443 redirect-scheme:https", "/", 8080, "GET a/x", "https://a/x"},
        {"redirect-port:443", "/", 80, "GET a/x", "http://a:443/x"},
        {"redirect-port:80 redirect-scheme:https", "/", 80, "GET a/x", "https://a:80/x"},
    };
    EXPECT_REDIRECTS(cases);
}

static void with_a_scheme_given_its_well_known_port_is_meant(void **state)
{
    (void)state;
    static const struct redirect_case cases[] = {
        {"redirect-scheme:https", "/", 80, "GET a/scheme", "https://a/scheme"},
        {"redirect-scheme:https", "/", 8080, "GET a/scheme", "https://a/scheme"},
        {"redirect-scheme:http", "/", 443, "GET https://a/scheme", "http://a/scheme"},
        {"redirect-scheme:http", "/", 8080, "GET a/scheme", "http://a/scheme"},
        {"redirect-scheme:https redirect-host:example.org", "/", 8080, "GET a/x",
         "https://example.org/x"},
    };
    EXPECT_REDIRECTS(cases);
}

static void without_a_scheme_it_is_the_listeners_port_not_the_one_in_host(void **state)
{
    (void)state;
    static const struct redirect_case cases[] = {
        {"redirect-host:b", "/", 8080, "GET a/x", "http://b:8080/x"},
        {"redirect-host:b", "/", 8080, "GET a:9999/x", "http://b:8080/x"},
        {"redirect-path:/y", "/", 80, "GET a:9999/x", "http://a/y"},
        {"redirect-host:b", "/", 8443, "GET https://a/x", "https://b:8443/x"},
        {"redirect-host:b", "/", 0, "GET a:9999/x", "http://b/x"},
    };
    EXPECT_REDIRECTS(cases);
}

static void paths_are_replaced_as_in_a_rewrite(void **state)
{
    (void)state;
    static const struct redirect_case cases[] = {
        {"redirect-prefix:/replacement", "/original", 80, "GET a/original/lemon",
         "http://a/replacement/lemon"},
        {"redirect-path:/replacement", "/full", 80, "GET a/full/path/original",
         "http://a/replacement"},
        {"redirect-prefix:/replacement redirect-host:b", "/path", 80, "GET a/path",
         "http://b/replacement"},
        {"redirect-path:/replacement redirect-host:b", "/full", 80, "GET a/full",
         "http://b/replacement"},
        {"redirect-prefix:/", "/old", 80, "GET a/old//evil.example/", "http://a/evil.example/"},
    };
    EXPECT_REDIRECTS(cases);
}

static void a_redirect_keeps_the_query(void **state)
{
    (void)state;
    static const struct redirect_case cases[] = {
        {"redirect-path:/new", "/", 80, "GET a/old?x=1&y=/", "http://a/new?x=1&y=/"},
        {"redirect-scheme:https", "/", 80, "GET a/old?", "https://a/old?"},
    };
    EXPECT_REDIRECTS(cases);
}

static void a_request_without_host_is_sent_to_a_path(void **state)
{
    (void)state;
    static const struct redirect_case cases[] = {
        {"redirect-path:/new", "/", 8080, "GET /old?x", "/new?x"},
        {"redirect-path:/new redirect-host:b", "/", 8080, "GET /old", "http://b:8080/new"},
    };
    EXPECT_REDIRECTS(cases);
}

static void expect_hostless(const char *given, const char *target, const char *local_host,
                            const char *expected)
{
    struct filter_list *filters = compile(given, "/");
    struct arena arena = {0};
    struct listener_identity listener = {.name = SLICE("web"), .port = 8080};
    struct request_head head = {
        .scheme = SLICE("http"),
        .path = slice_from_string(target),
        .local_host = slice_from_string(local_host),
        .listener = &listener,
    };

    struct slice location = redirect_location(&filters->redirect, &head, &arena);

    assert_string_equal(arena_string(&arena, location.at, location.length), expected);
    arena_clear(&arena);
    filter_list_free(filters);
}

static void without_host_another_scheme_or_port_is_at_the_address_it_came_to(void **state)
{
    (void)state;
    expect_hostless("redirect-scheme:https", "/x", "192.0.2.1", "https://192.0.2.1/x");
    expect_hostless("redirect-scheme:https", "/x", "[2001:db8::1]", "https://[2001:db8::1]/x");
    expect_hostless("redirect-port:8443", "/x", "192.0.2.1", "http://192.0.2.1:8443/x");
    expect_hostless("redirect-scheme:https redirect-host:b", "/x", "192.0.2.1", "https://b/x");
    expect_hostless("redirect-path:/y", "/x", "192.0.2.1", "/y");
    expect_hostless("redirect-scheme:https", "/x", "", "/x");
}

static void a_path_without_host_is_never_taken_for_one(void **state)
{
    (void)state;
    expect_hostless("redirect", "//b.example/x", "192.0.2.1", "http://192.0.2.1:8080//b.example/x");
    expect_hostless("redirect", "//b.example/x", "", "/.//b.example/x");
}

static void the_status_is_302_unless_given(void **state)
{
    (void)state;
    struct filter_list *unset = compile("redirect", "/");
    struct filter_list *set = compile("redirect-code:308", "/");

    assert_int_equal(unset->redirect.status, 302);
    assert_int_equal(set->redirect.status, 308);

    filter_list_free(unset);
    filter_list_free(set);
}

/* --- mirrors -------------------------------------------------------------------------------- */

/* How many of a thousand requests, evenly spread, are mirrored. */
static unsigned count_wanted(const struct mirror_target *target)
{
    unsigned count = 0;
    for (uint64_t i = 0; i < 1000; i++)
        count += mirror_target_wants(target, i * (UINT64_MAX / 999));
    return count;
}

static void a_mirror_gets_its_percent_or_fraction_of_the_requests(void **state)
{
    (void)state;
    struct filter_list *filters =
        compile("mirror:a mirror:b@0 mirror:c@25 mirror:d@100 mirror:e@1/2 mirror:f@50/0", "/");
    static const unsigned expected[] = {1000, 0, 250, 1000, 500, 500};

    assert_int_equal(filters->mirror_count, 6);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(filters->mirrors[i].backend_index, i);
        assert_in_range(count_wanted(&filters->mirrors[i]), expected[i] == 0 ? 0 : expected[i] - 1,
                        expected[i] == 0 ? 0 : expected[i] + 1);
    }

    filter_list_free(filters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_without_filters_have_no_list),
        cmocka_unit_test(set_replaces_every_value_of_the_name),
        cmocka_unit_test(add_to_a_header_that_is_there_joins_them_with_a_comma),
        cmocka_unit_test(add_to_an_empty_header_gives_its_value),
        cmocka_unit_test(add_of_set_cookie_is_always_a_second_line),
        cmocka_unit_test(remove_takes_every_header_of_the_name),
        cmocka_unit_test(names_are_case_insensitive),
        cmocka_unit_test(set_add_and_remove_work_side_by_side),
        cmocka_unit_test(request_and_response_edits_are_kept_apart),
        cmocka_unit_test(a_replaced_prefix_keeps_what_follows_it),
        cmocka_unit_test(a_prefix_replaced_by_nothing_leaves_a_path),
        cmocka_unit_test(the_prefix_of_every_path_can_be_replaced),
        cmocka_unit_test(a_replaced_prefix_never_leaves_two_slashes),
        cmocka_unit_test(a_replaced_full_path_is_all_there_is),
        cmocka_unit_test(the_query_is_kept),
        cmocka_unit_test(a_rewritten_hostname_is_the_whole_authority),
        cmocka_unit_test(replacements_are_brought_into_canonical_form),
        cmocka_unit_test(the_target_of_options_has_no_prefix),
        cmocka_unit_test(without_anything_given_it_goes_where_it_came_to),
        cmocka_unit_test(a_hostname_replaces_the_host),
        cmocka_unit_test(the_port_given_is_the_port),
        cmocka_unit_test(with_a_scheme_given_its_well_known_port_is_meant),
        cmocka_unit_test(without_a_scheme_it_is_the_listeners_port_not_the_one_in_host),
        cmocka_unit_test(paths_are_replaced_as_in_a_rewrite),
        cmocka_unit_test(a_redirect_keeps_the_query),
        cmocka_unit_test(a_request_without_host_is_sent_to_a_path),
        cmocka_unit_test(without_host_another_scheme_or_port_is_at_the_address_it_came_to),
        cmocka_unit_test(a_path_without_host_is_never_taken_for_one),
        cmocka_unit_test(the_status_is_302_unless_given),
        cmocka_unit_test(a_mirror_gets_its_percent_or_fraction_of_the_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
