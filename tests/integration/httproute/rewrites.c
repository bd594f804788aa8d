/* Rewrites: what the service gets instead. */
#include "tests/integration/httproute/acceptance.h"
#include "tests/unit/cmocka_all.h"

static int apply(void **state)
{
    (void)state;
    acceptance_apply_file("rewrites.yaml");
    return 0;
}

static void the_path_is_replaced(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"FLT-REWRITE-3", "GET /prefix/one/two", .answer = "one", .received = "GET /one/two"},
        {"FLT-REWRITE-3", "GET /a", .answer = "one", .received = "GET /xyz"},
        {"FLT-REWRITE-3", "GET /a/", .answer = "one", .received = "GET /xyz/"},
        {"FLT-REWRITE-3", "GET /a/b", .answer = "one", .received = "GET /xyz/b"},
        {"FLT-REWRITE-3", "GET /b", .answer = "one", .received = "GET /xyz"},
        {"FLT-REWRITE-3", "GET /b/", .answer = "one", .received = "GET /xyz/"},
        {"FLT-REWRITE-3", "GET /b/c", .answer = "one", .received = "GET /xyz/c"},
        {"FLT-REWRITE-3", "GET /strip", .answer = "one", .received = "GET /"},
        {"FLT-REWRITE-3", "GET /strip/", .answer = "one", .received = "GET /"},
        {"FLT-REWRITE-3", "GET /strip/three", .answer = "one", .received = "GET /three"},
        {"FLT-REWRITE-3", "GET /strip//three", .answer = "one", .received = "GET /three"},
        {"FLT-REWRITE-3", "GET /empty", .answer = "one", .received = "GET /"},
        {"FLT-REWRITE-3", "GET /empty/", .answer = "one", .received = "GET /"},
        {"FLT-REWRITE-3", "GET /empty/x", .answer = "one", .received = "GET /x"},
        {"FLT-REWRITE-2", "GET /full/one/two", .answer = "one", .received = "GET /one"},
        {"FLT-REWRITE-3", "GET /escaped/%2a", .answer = "one", .received = "GET /caf%C3%A9/%2A"},
        {"FLT-REWRITE-5", "GET /a/b?x=1&y=%20", .answer = "one",
         .received = "GET /xyz/b?x=1&y=%20"},
        {"FLT-REWRITE-5", "GET /full/one?x", .answer = "one", .received = "GET /one?x"},
        {"FLT-2", "GET /backend-full/original", .answer = "one", .received = "GET /new"},
        {"FLT-2", "GET /backend-prefix/original", .answer = "one", .received = "GET /new/original"},
        {"FLT-REWRITE-2", "GET /edited/x\nx-set: old\nx-add: some\nx-remove: a", .answer = "one",
         .received = "GET /test\nX-Set: new\nx-add: some,more\n!x-remove"},
    };
    CHECK_CASES("rewrites.test", cases);
}

static void the_host_is_replaced(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"FLT-REWRITE-1", "GET /one", .answer = "one",
         .received = "GET /one\nhost: one.example.org"},
        {"FLT-REWRITE-1 FORWARD-2", "GET /two\nHost: rewrite-host.test:81", .answer = "two",
         .received = "GET /two\nhost: example.org\nx-forwarded-host: rewrite-host.test:81"},
        {"FLT-REWRITE-1", "GET /both/y\nHost: rewrites.test", .answer = "one",
         .received = "GET /x/y\nhost: inner.example"},
        {"FLT-REWRITE-1", "OPTIONS *", .answer = "two", .received = "OPTIONS *\nhost: example.org"},
    };
    CHECK_CASES("rewrite-host.test", cases);
}

int rewrites_theme(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_path_is_replaced),
        cmocka_unit_test(the_host_is_replaced),
    };
    return cmocka_run_group_tests_name("rewrites", tests, apply, NULL);
}
