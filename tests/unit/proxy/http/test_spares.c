#include "proxy/http/spares.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

enum { BYTES = 200, MOST = 37 };

static void the_one_given_back_last_is_lent_first(void **state)
{
    (void)state;
    if (!spares_are_kept(BYTES))
        skip();
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

/* Takes `count` and gives them back. */
static void use(struct spares *spares, size_t count)
{
    void *lent[MOST];
    assert_true(count <= MOST);
    for (size_t i = 0; i < count; i++)
        lent[i] = spares_take(spares);
    for (size_t i = 0; i < count; i++)
        spares_give(spares, lent[i]);
}

static void what_was_not_needed_since_the_last_trim_is_freed(void **state)
{
    (void)state;
    if (!spares_are_kept(BYTES))
        skip();
    struct spares spares;
    spares_init(&spares, BYTES);
    use(&spares, MOST);
    assert_int_equal(spares.count, MOST);

    assert_true(spares_trim(&spares)); /* all were needed */
    assert_int_equal(spares.count, MOST);
    use(&spares, 3);
    assert_true(spares_trim(&spares));
    assert_int_equal(spares.count, 3);
    assert_false(spares_trim(&spares));
    assert_int_equal(spares.count, 0);
}

static void no_more_is_kept_than_is_worth_it(void **state)
{
    (void)state;
    struct spares spares;
    spares_init(&spares, SPARES_KEPT_BYTES / 3);

    use(&spares, 5);

    assert_int_equal(spares.count, 3);
    spares_clear(&spares);
    assert_int_equal(spares.count, 0);
}

static void nothing_is_harmless_to_give(void **state)
{
    (void)state;
    struct spares spares;
    spares_init(&spares, BYTES);

    spares_give(&spares, NULL);

    assert_int_equal(spares.count, 0);
    assert_false(spares_trim(&spares));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_given_back_last_is_lent_first),
        cmocka_unit_test(each_is_of_the_size_and_of_one_only),
        cmocka_unit_test(what_was_not_needed_since_the_last_trim_is_freed),
        cmocka_unit_test(no_more_is_kept_than_is_worth_it),
        cmocka_unit_test(nothing_is_harmless_to_give),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
