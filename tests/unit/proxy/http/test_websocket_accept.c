#include "proxy/http/websocket_accept.h"
#include "tests/unit/cmocka_all.h"

/* The example of RFC 6455 section 1.3. */
#define KEY SLICE("dGhlIHNhbXBsZSBub25jZQ==")
#define ACCEPT SLICE("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")

static void the_answer_to_a_key_is_its_digest(void **state)
{
    (void)state;
    assert_true(websocket_accept_answers(KEY, ACCEPT));
}

static void anything_else_is_no_answer(void **state)
{
    (void)state;
    assert_false(websocket_accept_answers(SLICE("dGhlIHNhbXBsZSBub25jZR=="), ACCEPT));
    assert_false(websocket_accept_answers(KEY, SLICE("s3pPLMBiTxaQ9kYGzzhZRbK+xOp=")));
    assert_false(websocket_accept_answers(KEY, SLICE("s3pPLMBiTxaQ9kYGzzhZRbK+xOo")));
    assert_false(websocket_accept_answers(KEY, SLICE("S3PPLMBITXAQ9KYGZZHZRBK+XOO=")));
    assert_false(websocket_accept_answers(KEY, KEY));
    assert_false(websocket_accept_answers(KEY, SLICE("")));
    assert_false(websocket_accept_answers(SLICE(""), ACCEPT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_to_a_key_is_its_digest),
        cmocka_unit_test(anything_else_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
