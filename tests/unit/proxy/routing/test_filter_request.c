#include "proxy/routing/filter_request.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/routing/filter_text.h"
#include "tests/unit/proxy/routing/route_text.h"

#include <stdlib.h>

#define CORS "cors-origin:https://a cors-expose:x"
#define EDIT "response-set:access-control-expose-headers=y"

/* What the answer says it exposes, after the filters of a rule and of its backendRef. */
static void expect_exposed(const char *rule_text, const char *choice_text, const char *expected)
{
    struct filter_list *rule = filter_text_compile(rule_text, NULL);
    struct filter_list *choice = filter_text_compile(choice_text, NULL);
    struct arena arena = {0};
    struct header_list fields = {0};
    struct request_text request;
    struct buffer said = BUFFER_EMPTY;
    request_text_init(&request, "GET h/ origin: https://a");

    filter_request_edit_response(rule, choice, &request.head, &fields, &arena);

    for (size_t i = 0; i < fields.count; i++) {
        if (!slice_equals_ignoring_case(fields.headers[i].name,
                                        SLICE("access-control-expose-headers")))
            continue;
        buffer_append_string(&said, said.length == 0 ? "" : " | ");
        buffer_append_slice(&said, fields.headers[i].value);
    }
    assert_string_equal(buffer_string(&said), expected);
    buffer_clear(&said);
    request_text_clear(&request);
    arena_clear(&arena);
    filter_list_free(rule);
    filter_list_free(choice);
}

/* FLT-6 */
static void the_last_in_the_list_has_the_last_word_on_a_response(void **state)
{
    (void)state;
    expect_exposed(CORS, "", "x");
    expect_exposed(EDIT, "", "y");
    expect_exposed(CORS " " EDIT, "", "y");
    expect_exposed(EDIT " " CORS, "", "x");
}

static void a_rule_comes_before_its_backend_ref(void **state)
{
    (void)state;
    expect_exposed(CORS, EDIT, "y");
    expect_exposed(EDIT, CORS, "x");
    expect_exposed("", EDIT " " CORS, "x");
    expect_exposed("", CORS " " EDIT, "y");
    expect_exposed(CORS " " EDIT, "cors-origin:https://a cors-expose:z", "z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_in_the_list_has_the_last_word_on_a_response),
        cmocka_unit_test(a_rule_comes_before_its_backend_ref),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
