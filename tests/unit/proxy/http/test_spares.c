#include "proxy/http/spares.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

enum { BYTES = 200 };

static void the_one_given_back_last_is_lent_first(void **state)
{
    (void)state;
    struct spares spares;
    spares_init(&spares, BYTES);
    void *one = spares_take(&spares);
    void *two = spares_take(&spares);

    spares_give(&spares, one);
    spares_give(&spares, two);

    assert_ptr_equal(spares_take(&spares), two);
    assert_ptr_equal(spares_take(&spares), one);
    spares_give(&spares, one);
    spares_give(&spares, two);
    spares_clear(&spares);
}

static void each_is_of_the_size_and_of_one_only(void **state)
{
    (void)state;
    struct spares spares;
    spares_init(&spares, BYTES);
    char *one = spares_take(&spares);
    char *two = spares_take(&spares);

    memset(one, 1, BYTES);
    memset(two, 2, BYTES);

    assert_int_equal(one[BYTES - 1], 1);
    spares_give(&spares, one);
    spares_give(&spares, two);
    spares_clear(&spares);
}

static void no_more_than_some_are_kept(void **state)
{
    (void)state;
    struct spares spares;
    spares_init(&spares, BYTES);
    void *lent[SPARES_KEPT + 5];
    for (size_t i = 0; i < SPARES_KEPT + 5; i++)
        lent[i] = spares_take(&spares);

    for (size_t i = 0; i < SPARES_KEPT + 5; i++)
        spares_give(&spares, lent[i]);

    assert_int_equal(spares.count, SPARES_KEPT);
    spares_give(&spares, NULL);
    assert_int_equal(spares.count, SPARES_KEPT);
    spares_clear(&spares);
    assert_int_equal(spares.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_given_back_last_is_lent_first),
        cmocka_unit_test(each_is_of_the_size_and_of_one_only),
        cmocka_unit_test(no_more_than_some_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
