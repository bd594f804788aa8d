#include "proxy/http/output_queue.h"
#include "tests/unit/cmocka_all.h"

struct queue {
    struct output_queue output;
    struct read_buffers buffers;
    struct buffer expected; /* what was put in, and has not left */
};

static void set_up(struct queue *queue)
{
    *queue = (struct queue){0};
    read_buffers_init(&queue->buffers);
}

static void tear_down(struct queue *queue)
{
    output_queue_clear(&queue->output, &queue->buffers);
    assert_int_equal(queue->output.length, 0);
    read_buffers_clear(&queue->buffers);
    buffer_clear(&queue->expected);
}

/* No two places hold the same. */
static void put(struct queue *queue, struct buffer *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char c = (char)(queue->expected.length * 7 % 251);
        buffer_append_char(to, c);
        buffer_append_char(&queue->expected, c);
    }
}

static void append(struct queue *queue, size_t count)
{
    struct buffer bytes = BUFFER_EMPTY;
    put(queue, &bytes, count);
    output_queue_append(&queue->output, &queue->buffers, buffer_slice(&bytes));
    buffer_clear(&bytes);
}

static struct buffer lend(struct queue *queue, size_t count)
{
    struct buffer piece = BUFFER_EMPTY;
    read_buffers_lend(&queue->buffers, &piece);
    put(queue, &piece, count);
    return piece;
}

static void assert_holds_expected(const struct queue *queue)
{
    struct iovec vector[OUTPUT_PIECES_MAX];
    int count = output_queue_vector(&queue->output, vector);
    assert_int_equal(queue->output.length, queue->expected.length);
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        assert_true(vector[i].iov_len > 0);
        assert_memory_equal(vector[i].iov_base, queue->expected.at + at, vector[i].iov_len);
        at += vector[i].iov_len;
    }
    assert_int_equal(at, queue->expected.length);
}

static void consume(struct queue *queue, size_t bytes)
{
    output_queue_consume(&queue->output, &queue->buffers, bytes);
    buffer_consume(&queue->expected, bytes);
    assert_holds_expected(queue);
}

static void short_things_stand_behind_each_other(void **state)
{
    (void)state;
    struct queue queue;
    set_up(&queue);
    for (int i = 0; i < 50; i++)
        append(&queue, 10);

    assert_holds_expected(&queue);
    assert_int_equal(queue.output.count, 1);
    append(&queue, 0);
    assert_int_equal(queue.output.count, 1);
    tear_down(&queue);
}

static void what_is_there_does_not_move_for_more(void **state)
{
    (void)state;
    struct queue queue;
    set_up(&queue);
    append(&queue, 400);
    const char *first = queue.output.pieces[0].at;
    append(&queue, 400);
    append(&queue, 20000);

    assert_ptr_equal(queue.output.pieces[0].at, first);
    assert_int_equal(queue.output.count, 3);
    assert_holds_expected(&queue);
    tear_down(&queue);
}

static void a_long_piece_comes_with_its_memory(void **state)
{
    (void)state;
    struct queue queue;
    set_up(&queue);
    append(&queue, 9);
    struct buffer piece = lend(&queue, 10240);
    const char *memory = piece.at;

    assert_true(output_queue_wants(&queue.output, &piece));
    output_queue_adopt(&queue.output, &piece);
    append(&queue, 30); /* behind it, where there is room */

    assert_null(piece.at);
    assert_ptr_equal(queue.output.pieces[1].at, memory);
    assert_int_equal(queue.output.count, 2);
    assert_holds_expected(&queue);
    tear_down(&queue);
}

static void what_is_short_or_mostly_empty_is_not_wanted(void **state)
{
    (void)state;
    struct queue queue;
    set_up(&queue);
    struct buffer brief = BUFFER_EMPTY;
    read_buffers_lend_room(&queue.buffers, &brief, 500);
    buffer_extend(&brief, 500);
    struct buffer roomy = lend(&queue, READ_BUFFER_BYTES / 2 - 1);

    assert_false(output_queue_wants(&queue.output, &brief));
    assert_false(output_queue_wants(&queue.output, &roomy));
    put(&queue, &roomy, 1);
    assert_true(output_queue_wants(&queue.output, &roomy));
    read_buffers_return(&queue.buffers, &brief);
    read_buffers_return(&queue.buffers, &roomy);
    tear_down(&queue);
}

static void when_there_is_no_place_left_it_is_copied(void **state)
{
    (void)state;
    struct queue queue;
    set_up(&queue);
    for (int i = 0; i < OUTPUT_PIECES_MAX; i++) {
        struct buffer piece = lend(&queue, 10000);
        output_queue_adopt(&queue.output, &piece);
    }
    struct buffer more = lend(&queue, 10000);

    assert_false(output_queue_wants(&queue.output, &more));
    output_queue_append(&queue.output, &queue.buffers, buffer_slice(&more));
    read_buffers_return(&queue.buffers, &more);

    assert_int_equal(queue.output.count, OUTPUT_PIECES_MAX);
    assert_holds_expected(&queue);
    tear_down(&queue);
}

static void it_leaves_in_any_steps(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 8, 9, 10, 1000, 10239, 10240, 10249, 20498};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct queue queue;
        set_up(&queue);
        for (int part = 0; part < 2; part++) {
            append(&queue, 9);
            struct buffer piece = lend(&queue, 10240);
            output_queue_adopt(&queue.output, &piece);
        }
        while (queue.output.length > 0)
            consume(&queue, steps[i] < queue.output.length ? steps[i] : queue.output.length);

        assert_int_equal(queue.output.count, 0);
        append(&queue, 5);
        assert_holds_expected(&queue);
        tear_down(&queue);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_things_stand_behind_each_other),
        cmocka_unit_test(what_is_there_does_not_move_for_more),
        cmocka_unit_test(a_long_piece_comes_with_its_memory),
        cmocka_unit_test(what_is_short_or_mostly_empty_is_not_wanted),
        cmocka_unit_test(when_there_is_no_place_left_it_is_copied),
        cmocka_unit_test(it_leaves_in_any_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
