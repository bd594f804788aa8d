#include "common/error.h"
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <string.h>

static void context_is_put_in_front(void **state)
{
    (void)state;
    struct error err = {0};

    assert_false(error_set(&err, ERROR_INVALID, "port %d is not free", 80));
    assert_false(error_prefix(&err, "listener %s: ", "web"));

    assert_int_equal(err.code, ERROR_INVALID);
    assert_string_equal(err.message, "listener web: port 80 is not free");
}

static void the_text_of_errno_is_put_behind(void **state)
{
    (void)state;
    struct error err = {0};

    errno = ENOENT;
    error_set_errno(&err, "open %s", "/x");

    assert_int_equal(err.code, ERROR_SYSTEM);
    assert_string_equal(err.message, "open /x: No such file or directory");
    assert_int_equal(errno, ENOENT);
}

static void a_long_message_is_cut_not_overrun(void **state)
{
    (void)state;
    struct error err = {0};
    char text[2 * ERROR_MESSAGE_BYTES];
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';

    error_set(&err, ERROR_LIMIT, "%s", text);
    error_prefix(&err, "%s", text);

    assert_int_equal(strlen(err.message), ERROR_MESSAGE_BYTES - 1);
}

static void nobody_has_to_listen(void **state)
{
    (void)state;
    assert_false(error_set(NULL, ERROR_INTERNAL, "unheard"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(context_is_put_in_front),
        cmocka_unit_test(the_text_of_errno_is_put_behind),
        cmocka_unit_test(a_long_message_is_cut_not_overrun),
        cmocka_unit_test(nobody_has_to_listen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
