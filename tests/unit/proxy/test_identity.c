#include "proxy/identity.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

struct fixture {
    struct temp_dir *dir;
    char *local_copy;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture.dir = temp_dir_new();
    fixture.local_copy = temp_dir_file(fixture.dir, "routes.copy");
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    free(fixture->local_copy);
    temp_dir_free(fixture->dir);
    return 0;
}

static void given_id_is_taken(void **state)
{
    struct fixture *fixture = *state;
    struct identity identity;

    assert_true(identity_init(&identity, "edge-1", fixture->local_copy, NULL));

    assert_string_equal(identity.id, "edge-1");
}

static void made_id_is_kept_beside_the_local_copy(void **state)
{
    struct fixture *fixture = *state;
    struct identity first, second;

    assert_true(identity_init(&first, NULL, fixture->local_copy, NULL));
    assert_true(identity_init(&second, NULL, fixture->local_copy, NULL));

    assert_true(identity_is_valid(first.id));
    assert_string_equal(first.id, second.id);
}

static void every_start_is_another_boot(void **state)
{
    struct fixture *fixture = *state;
    struct identity first, second;

    assert_true(identity_init(&first, NULL, fixture->local_copy, NULL));
    assert_true(identity_init(&second, NULL, fixture->local_copy, NULL));

    assert_string_not_equal(first.boot_id, second.boot_id);
}

static void without_a_local_copy_the_id_is_made_for_this_start(void **state)
{
    (void)state;
    struct identity first, second;

    assert_true(identity_init(&first, NULL, NULL, NULL));
    assert_true(identity_init(&second, NULL, NULL, NULL));

    assert_string_not_equal(first.id, second.id);
}

static void damaged_id_file_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct identity identity;
    struct error err;
    free(temp_dir_write(fixture->dir, "routes.copy.id", "not an id!\n"));

    assert_false(identity_init(&identity, NULL, fixture->local_copy, &err));

    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_non_null(strstr(err.message, "routes.copy.id"));
}

static void folder_that_is_gone_is_an_error(void **state)
{
    (void)state;
    struct identity identity;
    struct error err;

    assert_false(identity_init(&identity, NULL, "/nowhere/routes.copy", &err));

    assert_int_equal(err.code, ERROR_SYSTEM);
}

static void ids_of_other_characters_are_refused(void **state)
{
    (void)state;
    struct identity identity;
    struct error err;

    assert_false(identity_init(&identity, "two words", NULL, &err));

    assert_int_equal(err.code, ERROR_INVALID);
    assert_false(identity_is_valid(""));
    assert_true(identity_is_valid("web-3.example_A"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(given_id_is_taken),
        TEST(made_id_is_kept_beside_the_local_copy),
        TEST(every_start_is_another_boot),
        TEST(without_a_local_copy_the_id_is_made_for_this_start),
        TEST(damaged_id_file_is_an_error),
        TEST(folder_that_is_gone_is_an_error),
        TEST(ids_of_other_characters_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
