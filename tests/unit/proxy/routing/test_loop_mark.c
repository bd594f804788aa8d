#include "proxy/routing/loop_mark.h"
#include "proxy/routing/route.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/routing/route_text.h"

#include <string.h>

static const char epoch[] = "0123456789abcdef0123456789abcdef";
static const char two_rules[] = "shop : prefix:/a -> users ; prefix:/b -> users";

static void write_mark(const char *of_epoch, const char *route_text, size_t rule,
                       char mark[static LOOP_MARK_LENGTH])
{
    const struct hash_key key = loop_mark_key_of(of_epoch);
    struct route *route = route_text_compile(route_text);
    loop_mark_write(&route->rules[rule], &key, mark);
    route_release(&route);
}

/* LOOP-1: proxies of another version know it too. */
static void a_mark_is_the_same_everywhere(void **state)
{
    (void)state;
    char mark[LOOP_MARK_LENGTH];
    write_mark(epoch, two_rules, 0, mark);
    assert_memory_equal(mark, "pointsman;rule=b6d8e81a81ae0367", LOOP_MARK_LENGTH);
}

/* LOOP-2, LOOP-6 */
static void each_rule_and_each_control_has_marks_of_its_own(void **state)
{
    (void)state;
    char marks[4][LOOP_MARK_LENGTH];
    write_mark(epoch, two_rules, 0, marks[0]);
    write_mark(epoch, two_rules, 1, marks[1]);
    write_mark(epoch, "shop2 : prefix:/a -> users", 0, marks[2]);
    write_mark("0123456789abcdef0123456789abcdee", two_rules, 0, marks[3]);

    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(marks[i], marks[j], LOOP_MARK_LENGTH);
    }
}

#define MARK "pointsman;rule=0123456789abcdef"

static bool is_spent(const char *request)
{
    static const char mark[] = MARK;
    struct request_text text;
    struct header_tag tags[REQUEST_TEXT_HEADERS] = {0};
    request_text_init(&text, request);
    struct header_list fields = {
        .headers = text.headers, .tags = tags, .count = text.head.header_count};
    header_list_tag(&fields);
    bool found = loop_mark_is_spent(&fields, mark);
    request_text_clear(&text);
    return found;
}

/* LOOP-1 */
static void marks_are_counted_wherever_they_stand_in_the_field(void **state)
{
    (void)state;
    assert_true(is_spent("GET h/ cdn-loop: " MARK " | cdn-loop: " MARK " | cdn-loop: " MARK));
    assert_true(is_spent("GET h/ CDN-Loop: edge;a=b," MARK "," MARK ", " MARK ",other"));
    assert_true(is_spent("GET h/ cdn-loop: edge | x: y | cdn-loop: " MARK " | cdn-loop: a, " MARK
                         ", " MARK));
}

/* LOOP-2 */
static void fewer_are_no_loop_nor_are_others(void **state)
{
    (void)state;
    assert_false(is_spent("GET h/"));
    assert_false(is_spent("GET h/ cdn-loop: " MARK ", " MARK));
    assert_false(is_spent("GET h/ cdn-loop: " MARK " | cdn-loop: " MARK
                          " | cdn-loop: pointsman;rule=0123456789abcde"));
    assert_false(is_spent("GET h/ cdn-loop: " MARK " | cdn-loop: " MARK
                          " | cdn-loop: pointsman;rule=0123456789abcdee"));
    assert_false(is_spent("GET h/ x-loop: " MARK " | x-loop: " MARK " | x-loop: " MARK));
}

/* LOOP-7 */
static void it_is_added_behind_what_is_there(void **state)
{
    (void)state;
    char mark[LOOP_MARK_LENGTH];
    struct header headers[2];
    struct header_tag tags[2];
    struct header_list fields = {.headers = headers, .tags = tags, .capacity = 2};
    write_mark(epoch, two_rules, 1, mark);
    header_list_add(&fields, SLICE("CDN-Loop"), SLICE("edge"), HEADER_CDN_LOOP);

    loop_mark_add(&fields, mark);

    assert_int_equal(fields.count, 2);
    assert_true(slice_equals(fields.headers[0].value, SLICE("edge")));
    assert_true(slice_equals(fields.headers[1].name, SLICE("cdn-loop")));
    assert_true(slice_equals(fields.headers[1].value, slice_of(mark, LOOP_MARK_LENGTH)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mark_is_the_same_everywhere),
        cmocka_unit_test(each_rule_and_each_control_has_marks_of_its_own),
        cmocka_unit_test(marks_are_counted_wherever_they_stand_in_the_field),
        cmocka_unit_test(fewer_are_no_loop_nor_are_others),
        cmocka_unit_test(it_is_added_behind_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
