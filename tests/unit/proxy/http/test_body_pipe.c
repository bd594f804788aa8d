#include "proxy/http/body_pipe.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

static struct body_pipe body;

static int set_up(void **state)
{
    (void)state;
    body = (struct body_pipe){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    body_pipe_clear(&body);
    return 0;
}

static void append(size_t length)
{
    static const char zeros[BODY_PIPE_HIGH_BYTES];
    body_pipe_append(&body, slice_of(zeros, length));
}

static void assert_waiting(const char *text)
{
    struct slice waiting = body_pipe_waiting(&body);
    assert_true(slice_equals(waiting, slice_from_string(text)));
}

static void what_was_taken_is_gone(void **state)
{
    (void)state;
    body_pipe_append(&body, SLICE("abcdef"));

    body_pipe_take(&body, 2);

    assert_waiting("cdef");
    assert_false(body_pipe_can_rewind(&body));
}

static void what_is_kept_can_be_had_again(void **state)
{
    (void)state;
    body.keep_limit = 100;
    body_pipe_append(&body, SLICE("abcdef"));
    body_pipe_take(&body, 4);
    body_pipe_append(&body, SLICE("gh"));
    assert_waiting("efgh");

    assert_true(body_pipe_can_rewind(&body));
    body_pipe_rewind(&body);

    assert_waiting("abcdefgh");
}

static void what_was_never_taken_can_be_had_again(void **state)
{
    (void)state;
    body_pipe_append(&body, SLICE("abc"));

    assert_true(body_pipe_can_rewind(&body));
}

static void beyond_the_limit_nothing_is_kept(void **state)
{
    (void)state;
    body.keep_limit = 3;
    body_pipe_append(&body, SLICE("abcdef"));

    body_pipe_take(&body, 4);

    assert_waiting("ef");
    assert_false(body_pipe_can_rewind(&body));
    assert_int_equal(body.bytes.length, 2);
}

static void a_full_pipe_has_no_room(void **state)
{
    (void)state;
    append(BODY_PIPE_HIGH_BYTES - 1);
    assert_int_equal(body_pipe_room(&body), 1);

    append(1);

    assert_int_equal(body_pipe_room(&body), 0);
}

static void the_producer_is_told_once_when_room_is_back(void **state)
{
    (void)state;
    append(BODY_PIPE_HIGH_BYTES);

    assert_false(body_pipe_take(&body, BODY_PIPE_HIGH_BYTES - BODY_PIPE_LOW_BYTES - 1));
    assert_true(body_pipe_take(&body, 1));
    assert_false(body_pipe_take(&body, 1));
}

static void letting_go_of_what_was_kept_makes_room(void **state)
{
    (void)state;
    body.keep_limit = BODY_PIPE_HIGH_BYTES;
    append(BODY_PIPE_HIGH_BYTES);
    body_pipe_take(&body, BODY_PIPE_HIGH_BYTES);
    assert_int_equal(body_pipe_room(&body), 0);

    assert_true(body_pipe_stop_keeping(&body));

    assert_int_equal(body_pipe_room(&body), BODY_PIPE_HIGH_BYTES);
}

static void all_can_be_taken_with_its_memory(void **state)
{
    (void)state;
    struct buffer taken = BUFFER_EMPTY;
    body_pipe_append(&body, SLICE("abc"));
    const char *memory = body.bytes.at;

    assert_true(body_pipe_move(&body, &taken));

    assert_ptr_equal(taken.at, memory);
    assert_int_equal(taken.length, 3);
    assert_int_equal(body_pipe_waiting(&body).length, 0);
    assert_int_equal(body.total, 3);
    assert_int_equal(body_pipe_room(&body), BODY_PIPE_HIGH_BYTES);
    buffer_clear(&taken);

    body_pipe_append(&body, SLICE("the end"));
    body.is_ended = true;
    assert_false(body_pipe_move(&body, &taken)); /* nobody to be told */
    buffer_clear(&taken);
}

int main(void)
{
#define WITH_PIPE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_PIPE(what_was_taken_is_gone),
        WITH_PIPE(what_is_kept_can_be_had_again),
        WITH_PIPE(what_was_never_taken_can_be_had_again),
        WITH_PIPE(beyond_the_limit_nothing_is_kept),
        WITH_PIPE(a_full_pipe_has_no_room),
        WITH_PIPE(the_producer_is_told_once_when_room_is_back),
        WITH_PIPE(letting_go_of_what_was_kept_makes_room),
        WITH_PIPE(all_can_be_taken_with_its_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
