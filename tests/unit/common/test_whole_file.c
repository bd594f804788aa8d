#include "common/whole_file.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static void a_file_of_many_pieces_comes_behind_what_is_there(void **state)
{
    (void)state;
    enum { LENGTH = 200 << 10 };
    struct temp_dir *dir = temp_dir_new();
    char *content = calloc(1, LENGTH + 1);
    memset(content, 'x', LENGTH);
    char *path = temp_dir_write(dir, "many", content);
    struct buffer text = BUFFER_EMPTY;
    buffer_append_string(&text, "before");

    assert_true(whole_file_load(path, 1, &text, NULL));

    assert_int_equal(text.length, strlen("before") + LENGTH);
    assert_memory_equal(text.at, "before", strlen("before"));
    assert_memory_equal(text.at + strlen("before"), content, LENGTH);
    buffer_clear(&text);
    free(path);
    free(content);
    temp_dir_free(dir);
}

static void assert_refused(const char *path, enum error_code code, const char *message)
{
    struct buffer text = BUFFER_EMPTY;
    struct error err = {0};
    assert_false(whole_file_load(path, 1, &text, &err));
    assert_int_equal(err.code, code);
    assert_string_equal(err.message, message);
    buffer_clear(&text);
}

static void what_has_no_end_or_cannot_be_read_is_an_error_with_its_path(void **state)
{
    (void)state;
    assert_refused("/dev/zero", ERROR_LIMIT, "/dev/zero: is larger than 1 MiB");
    assert_refused("/nonexistent/a", ERROR_SYSTEM, "/nonexistent/a: No such file or directory");
    assert_refused("/", ERROR_SYSTEM, "/: Is a directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_many_pieces_comes_behind_what_is_there),
        cmocka_unit_test(what_has_no_end_or_cannot_be_read_is_an_error_with_its_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
