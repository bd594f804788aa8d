#include "tests/support/temp_dir.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void a_folder_goes_with_all_that_is_in_it(void **state)
{
    (void)state;
    struct temp_dir *dir = temp_dir_new();
    char *file = temp_dir_write(dir, "file", "content\n");
    char *folder = temp_dir_file(dir, "folder");
    assert_int_equal(mkdir(folder, 0700), 0);
    free(temp_dir_write(dir, "folder/inner", "content\n"));

    temp_dir_free(dir);

    assert_int_not_equal(access(file, F_OK), 0);
    assert_int_not_equal(access(folder, F_OK), 0);
    free(file);
    free(folder);
}

static void two_folders_do_not_meet(void **state)
{
    (void)state;
    struct temp_dir *one = temp_dir_new();
    struct temp_dir *other = temp_dir_new();

    free(temp_dir_write(one, "file", ""));

    char *elsewhere = temp_dir_file(other, "file");
    assert_int_not_equal(access(elsewhere, F_OK), 0);
    free(elsewhere);
    temp_dir_free(one);
    temp_dir_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_goes_with_all_that_is_in_it),
        cmocka_unit_test(two_folders_do_not_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
