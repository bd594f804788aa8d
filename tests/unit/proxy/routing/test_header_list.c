#include "proxy/routing/header_list.h"
#include "tests/unit/cmocka_all.h"

static void elements_come_one_by_one_without_spaces(void **state)
{
    (void)state;
    struct slice rest = SLICE(" a ,,\tb c\t, ,d");
    struct slice element;

    assert_true(header_value_next(&rest, &element));
    assert_true(slice_equals(element, SLICE("a")));
    assert_true(header_value_next(&rest, &element));
    assert_true(slice_equals(element, SLICE("b c")));
    assert_true(header_value_next(&rest, &element));
    assert_true(slice_equals(element, SLICE("d")));
    assert_false(header_value_next(&rest, &element));
}

static void an_empty_list_has_no_elements(void **state)
{
    (void)state;
    struct slice element;
    struct slice empty = SLICE("");
    struct slice commas = SLICE(" , ,\t,");

    assert_false(header_value_next(&empty, &element));
    assert_false(header_value_next(&commas, &element));
}

static void a_token_is_found_whole_and_without_case(void **state)
{
    (void)state;
    assert_true(header_value_has_token(SLICE("keep-alive, Upgrade"), SLICE("upgrade")));
    assert_false(header_value_has_token(SLICE("keep-alive, Upgraded"), SLICE("upgrade")));
    assert_false(header_value_has_token(SLICE("up grade"), SLICE("upgrade")));
    assert_false(header_value_has_token(SLICE(""), SLICE("upgrade")));
}

static void a_full_list_takes_no_more(void **state)
{
    (void)state;
    struct header headers[1];
    struct header_tag tags[1];
    struct header_list list = {.headers = headers, .tags = tags, .capacity = 1};

    assert_true(header_list_add(&list, SLICE("Host"), SLICE("a"), HEADER_HOST));
    assert_false(header_list_add(&list, SLICE("X"), SLICE("b"), HEADER_OTHER));

    assert_int_equal(list.count, 1);
}

static void the_first_field_of_a_name_is_found(void **state)
{
    (void)state;
    struct header headers[3];
    struct header_tag tags[3];
    struct header_list list = {.headers = headers, .tags = tags, .capacity = 3};
    header_list_add(&list, SLICE("X"), SLICE("1"), HEADER_OTHER);
    header_list_add(&list, SLICE("Via"), SLICE("2"), HEADER_VIA);
    header_list_add(&list, SLICE("via"), SLICE("3"), HEADER_VIA);

    assert_true(slice_equals(*header_list_find(&list, HEADER_VIA), SLICE("2")));
    assert_null(header_list_find(&list, HEADER_HOST));
}

static void slices_follow_the_bytes_that_moved(void **state)
{
    (void)state;
    const char old[] = "name: value";
    const char fresh[] = "name: value";
    struct slice_move move = {.from = old, .length = 5, .to = fresh};
    struct slice inside = slice_of(old, 4);
    struct slice behind = slice_of(old + 6, 5);
    struct slice elsewhere = SLICE("/");
    const char *literal = elsewhere.at;

    slice_follow(&inside, &move);
    slice_follow(&behind, &move);
    slice_follow(&elsewhere, &move);

    assert_ptr_equal(inside.at, fresh);
    assert_ptr_equal(behind.at, old + 6);
    assert_ptr_equal(elsewhere.at, literal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_come_one_by_one_without_spaces),
        cmocka_unit_test(an_empty_list_has_no_elements),
        cmocka_unit_test(a_token_is_found_whole_and_without_case),
        cmocka_unit_test(a_full_list_takes_no_more),
        cmocka_unit_test(the_first_field_of_a_name_is_found),
        cmocka_unit_test(slices_follow_the_bytes_that_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
