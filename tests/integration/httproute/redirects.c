/* Redirects: where they point to. */
#include "tests/integration/httproute/acceptance.h"
#include "tests/unit/cmocka_all.h"

static const char host[] = "redirects.test";

static int apply(void **state)
{
    (void)state;
    acceptance_apply_file("redirects.yaml");
    return 0;
}

#define LOCATION(url) "location: " url

static void the_place_is_put_together(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        /* Without a scheme it is the listener's port, whatever Host says. */
        {"FLT-REDIRECT-3", "GET /plain", .answer = "302",
         .answered = LOCATION("http://redirects.test:@PORT@/plain")},
        {"FLT-REDIRECT-3", "GET /plain\nHost: redirects.test:99", .answer = "302",
         .answered = LOCATION("http://redirects.test:@PORT@/plain")},
        {"FLT-REDIRECT-2", "GET /host", .answer = "302",
         .answered = LOCATION("http://example.org:@PORT@/host")},
        {"FLT-REDIRECT-6", "GET /host-301", .answer = "301",
         .answered = LOCATION("http://example.org:@PORT@/host-301")},
        {"FLT-REDIRECT-6", "GET /303", .answer = "303"},
        {"FLT-REDIRECT-6", "GET /307", .answer = "307"},
        {"FLT-REDIRECT-6", "GET /308", .answer = "308"},
        {"FLT-REDIRECT-1 FLT-REDIRECT-4", "GET /https", .answer = "302",
         .answered = LOCATION("https://redirects.test/https")},
        {"FLT-REDIRECT-4", "GET /https-443", .answer = "302",
         .answered = LOCATION("https://redirects.test/https-443")},
        {"FLT-REDIRECT-3", "GET /https-8443", .answer = "302",
         .answered = LOCATION("https://redirects.test:8443/https-8443")},
        {"FLT-REDIRECT-4", "GET /https-80", .answer = "302",
         .answered = LOCATION("https://redirects.test:80/https-80")},
        {"FLT-REDIRECT-4", "GET /http", .answer = "302",
         .answered = LOCATION("http://redirects.test/http")},
        {"FLT-REDIRECT-3", "GET /http-8080", .answer = "302",
         .answered = LOCATION("http://redirects.test:8080/http-8080")},
        {"FLT-REDIRECT-4", "GET /port-80", .answer = "302",
         .answered = LOCATION("http://redirects.test/port-80")},
        {"FLT-REDIRECT-4", "GET /port-443", .answer = "302",
         .answered = LOCATION("http://redirects.test:443/port-443")},
        {"FLT-REDIRECT-1", "GET /all/x?y=z", .answer = "301",
         .answered = LOCATION("https://example.org:8443/new/x?y=z")},
        {"FLT-REDIRECT-7", "POST /https?a=b&c\ncontent-length: 0", .answer = "302",
         .answered = LOCATION("https://redirects.test/https?a=b&c")},
        {"FLT-REDIRECT-7", "HEAD /https?", .answer = "302",
         .answered = LOCATION("https://redirects.test/https?")},
        {"FLT-REDIRECT-1", "OPTIONS *\nHost: root.redirects.test", .answer = "302",
         .answered = LOCATION("https://root.redirects.test")},
    };
    CHECK_CASES(host, cases);
}

static void the_path_is_replaced(void **state)
{
    (void)state;
#define AT(path) "location: http://redirects.test:@PORT@" path
    static const struct acceptance_case cases[] = {
        {"FLT-REDIRECT-5", "GET /prefix/lemon", .answer = "302", .answered = AT("/new/lemon")},
        {"FLT-REDIRECT-5", "GET /prefix", .answer = "302", .answered = AT("/new")},
        {"FLT-REDIRECT-5", "GET /prefix/", .answer = "302", .answered = AT("/new/")},
        {"FLT-REDIRECT-5", "GET /slashed/x", .answer = "302", .answered = AT("/new/x")},
        {"FLT-REDIRECT-5", "GET /slashed", .answer = "302", .answered = AT("/new")},
        {"FLT-REDIRECT-5", "GET /strip", .answer = "302", .answered = AT("/")},
        {"FLT-REDIRECT-5", "GET /strip/", .answer = "302", .answered = AT("/")},
        {"FLT-REDIRECT-5", "GET /strip/x", .answer = "302", .answered = AT("/x")},
        {"FLT-REDIRECT-5", "GET /strip//evil.example", .answer = "302",
         .answered = AT("/evil.example")},
        {"FLT-REDIRECT-5", "GET /empty", .answer = "302", .answered = AT("/")},
        {"FLT-REDIRECT-5", "GET /empty/x?y", .answer = "302", .answered = AT("/x?y")},
        {"FLT-REDIRECT-5", "GET /full/path/original?q=1", .answer = "302",
         .answered = AT("/other?q=1")},
        {"FLT-REDIRECT-5", "GET /exact", .answer = "302", .answered = AT("/other")},
        {"FLT-2", "GET /backend-full/original", .answer = "302", .answered = AT("/other")},
        {"FLT-2", "GET /backend-prefix/original", .answer = "302", .answered = AT("/new/original")},
        {"FLT-5", "GET /together", .answer = "302",
         .answered = "location: http://example.org:@PORT@/together\nX-Set: new"},
    };
    CHECK_CASES(host, cases);
}

/* The other listener has another port. */
static void every_listener_names_its_own_port(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"FLT-REDIRECT-3", "GET /plain", .answer = "302",
         .answered = LOCATION("http://redirects.test:@SECOND@/plain")},
        {"FLT-REDIRECT-3", "GET /https", .answer = "302",
         .answered = LOCATION("https://redirects.test/https")},
    };
    acceptance_check_at(acceptance_second_port(), host, cases, sizeof(cases) / sizeof(cases[0]));
}

int redirects_theme(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_place_is_put_together),
        cmocka_unit_test(the_path_is_replaced),
        cmocka_unit_test(every_listener_names_its_own_port),
    };
    return cmocka_run_group_tests_name("redirects", tests, apply, NULL);
}
