/* CORS: who may ask, and what a browser is told. */
#include "tests/integration/httproute/acceptance.h"
#include "tests/unit/cmocka_all.h"

static const char host[] = "cors.test";

#define PREFLIGHT(path, origin, method)                                                            \
    "OPTIONS " path "\nOrigin: " origin "\nAccess-Control-Request-Method: " method

static int apply(void **state)
{
    (void)state;
    acceptance_apply_file("cors.yaml");
    return 0;
}

#define ALLOWS(origin)                                                                             \
    "access-control-allow-origin: " origin "\naccess-control-allow-methods: GET, OPTIONS\n"        \
    "access-control-allow-headers: x-1, x-2\naccess-control-expose-headers: x-3, x-4\n"            \
    "access-control-allow-credentials: true\naccess-control-max-age: 3600"
#define ASKS_FOR "\nAccess-Control-Request-Headers: x-1, x-2"
#define NO_PERMISSION                                                                              \
    "!access-control-allow-origin\n!access-control-allow-credentials\n"                            \
    "!access-control-allow-methods\n!access-control-allow-headers\n!access-control-max-age\n"      \
    "!access-control-expose-headers"

static void preflights_are_answered_for_listed_origins(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"FLT-CORS-2", PREFLIGHT("/listed", "https://www.foo.test", "GET") ASKS_FOR,
         .answer = "200", .answered = ALLOWS("https://www.foo.test")},
        {"FLT-CORS-1", PREFLIGHT("/listed", "https://www.bar.test", "GET") ASKS_FOR,
         .answer = "200", .answered = ALLOWS("https://www.bar.test")},
        {"FLT-CORS-1", PREFLIGHT("/listed", "https://a.b.c.bar.test", "GET") ASKS_FOR,
         .answer = "200", .answered = ALLOWS("https://a.b.c.bar.test")},
        {"FLT-CORS-1", PREFLIGHT("/listed", "https://www.foo.test:443", "GET") ASKS_FOR,
         .answer = "200", .answered = ALLOWS("https://www.foo.test:443")},
        {"FLT-CORS-1", PREFLIGHT("/listed", "http://port.test:8080", "GET") ASKS_FOR,
         .answer = "200", .answered = ALLOWS("http://port.test:8080")},
        {"FLT-CORS-1", PREFLIGHT("/listed", "http://x.y:81", "GET") ASKS_FOR, .answer = "200",
         .answered = ALLOWS("http://x.y:81")},
        {"FLT-CORS-5", PREFLIGHT("/listed", "https://www.foo.test", "GET"), .answer = "200",
         .answered = "!access-control-allow-headers\naccess-control-max-age: 3600"},
        {"FLT-CORS-2", PREFLIGHT("/listed", "https://www.foo.test", "DELETE"), .answer = "200",
         .answered = "access-control-allow-methods: GET, OPTIONS"},
        {"FLT-CORS-7", PREFLIGHT("/listed", "https://foobar.test", "GET"), .answer = "200",
         .answered = NO_PERMISSION},
        {"FLT-CORS-6", PREFLIGHT("/listed", "https://bar.test", "GET"), .answer = "200",
         .answered = NO_PERMISSION},
        {"FLT-CORS-1", PREFLIGHT("/listed", "http://www.bar.test", "GET"), .answer = "200",
         .answered = NO_PERMISSION},
        {"FLT-CORS-1", PREFLIGHT("/listed", "https://www.bar.test:444", "GET"), .answer = "200",
         .answered = NO_PERMISSION},
        {"FLT-CORS-1", PREFLIGHT("/listed", "http://port.test", "GET"), .answer = "200",
         .answered = NO_PERMISSION},
        {"FLT-CORS-1", PREFLIGHT("/listed", "https://www.foo.test.evil.test", "GET"),
         .answer = "200", .answered = NO_PERMISSION},
        {"FLT-CORS-1", PREFLIGHT("/listed", "null", "GET"), .answer = "200",
         .answered = NO_PERMISSION},
        {"FLT-CORS-7", PREFLIGHT("/nobody", "https://www.foo.test", "GET"), .answer = "200",
         .answered = NO_PERMISSION},
        /* No browser asks like this: the service answers. */
        {"FLT-CORS-2", "OPTIONS /listed", .answer = "one", .received = "OPTIONS /listed"},
        {"FLT-CORS-2", "OPTIONS /listed\nOrigin: https://www.foo.test", .answer = "one",
         .answered = "access-control-allow-origin: https://www.foo.test"},
    };
    CHECK_CASES(host, cases);
}

static void wildcards_stand_for_what_was_asked(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"FLT-CORS-3 FLT-CORS-8", PREFLIGHT("/methods", "https://www.foo.test", "POST"),
         .answer = "200",
         .answered = "access-control-allow-origin: "
                     "https://www.foo.test\naccess-control-allow-methods: POST\n"
                     "!access-control-allow-credentials\naccess-control-max-age: 5"},
        {"FLT-CORS-1 FLT-CORS-8", PREFLIGHT("/any-origin", "https://foobar.test:12345", "PUT"),
         .answer = "200",
         .answered = "access-control-allow-origin: https://foobar.test:12345\n"
                     "access-control-allow-methods: PUT\n!access-control-allow-credentials"},
        {"FLT-CORS-1", PREFLIGHT("/any-https", "https://any.test", "GET"), .answer = "200",
         .answered =
             "access-control-allow-origin: https://any.test\n!access-control-allow-methods"},
        {"FLT-CORS-1", PREFLIGHT("/any-https", "http://any.test", "GET"), .answer = "200",
         .answered = NO_PERMISSION},
        {"FLT-CORS-4", PREFLIGHT("/any-credentials", "https://other.test", "PUT") ASKS_FOR,
         .answer = "200",
         .answered =
             "access-control-allow-origin: https://other.test\naccess-control-allow-methods: PUT\n"
             "access-control-allow-headers: x-1, x-2\naccess-control-allow-credentials: true\n"
             "!access-control-expose-headers"},
        {"FLT-CORS-5", PREFLIGHT("/any-credentials", "https://other.test", "PUT"), .answer = "200",
         .answered = "!access-control-allow-headers"},
        {"FLT-CORS-8", PREFLIGHT("/any", "https://other.test", "PUT") ASKS_FOR, .answer = "200",
         .answered =
             "access-control-allow-origin: https://other.test\naccess-control-allow-methods: PUT\n"
             "access-control-allow-headers: x-1, x-2\n!access-control-allow-credentials\n"
             "access-control-expose-headers: *"},
    };
    CHECK_CASES(host, cases);
}

static void requests_are_served_and_marked(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"FLT-CORS-1 FLT-CORS-9", "GET /listed\nOrigin: https://www.foo.test", .answer = "one",
         .received = "Origin: https://www.foo.test",
         .answered =
             "access-control-allow-origin: https://www.foo.test\n"
             "access-control-allow-credentials: true\naccess-control-expose-headers: x-3, x-4\n"
             "vary: origin"},
        {"FLT-CORS-1", "GET /listed\nOrigin: https://www.bar.test", .answer = "one",
         .answered = "access-control-allow-origin: https://www.bar.test"},
        {"FLT-CORS-7", "GET /listed\nOrigin: https://foobar.test", .answer = "one",
         .answered = NO_PERMISSION},
        {"FLT-CORS-7", "GET /listed", .answer = "one", .answered = NO_PERMISSION},
        {"FLT-CORS-8", "PUT /any-origin\nOrigin: https://foobar.test:12345\ncontent-length: 0",
         .answer = "one",
         .answered = "access-control-allow-origin: https://foobar.test:12345\n"
                     "!access-control-allow-credentials"},
        {"FLT-CORS-4 FLT-CORS-9", "GET /any-credentials\nOrigin: https://other.test",
         .answer = "one",
         .answered = "access-control-allow-origin: https://other.test\n"
                     "access-control-allow-credentials: true\n!access-control-expose-headers"},
        {"FLT-CORS-9", "GET /any\nOrigin: https://other.test", .answer = "one",
         .answered = "access-control-expose-headers: *"},
        {"FLT-2", "GET /backend\nOrigin: https://www.foo.test", .answer = "one",
         .answered = "access-control-allow-origin: https://www.foo.test"},
        {"FLT-2", PREFLIGHT("/backend", "https://www.foo.test", "GET"), .answer = "200",
         .answered = "access-control-allow-methods: GET"},
        {"FLT-5", "GET /error\nOrigin: https://www.foo.test", .answer = "500",
         .answered = "access-control-allow-origin: https://www.foo.test"},
    };
    CHECK_CASES(host, cases);
}

static void what_a_service_says_of_origins_does_not_count(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"FLT-CORS-7", "GET /listed\nOrigin: https://foobar.test", .answered = NO_PERMISSION},
        {"FLT-CORS-1", "GET /listed\nOrigin: https://www.foo.test",
         .answered = "access-control-allow-origin: https://www.foo.test\n"
                     "access-control-allow-credentials: true"},
    };
    fake_upstream_answer(acceptance_service("one"),
                         "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
                         "Access-Control-Allow-Origin: *\r\n"
                         "Access-Control-Allow-Credentials: true\r\n\r\n");

    CHECK_CASES(host, cases);

    fake_upstream_answer(acceptance_service("one"), NULL);
}

int cors_theme(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preflights_are_answered_for_listed_origins),
        cmocka_unit_test(wildcards_stand_for_what_was_asked),
        cmocka_unit_test(requests_are_served_and_marked),
        cmocka_unit_test(what_a_service_says_of_origins_does_not_count),
    };
    return cmocka_run_group_tests_name("cors", tests, apply, NULL);
}
