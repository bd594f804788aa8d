#include "proxy/http/http1_writer.h"
#include "tests/unit/cmocka_all.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int ends[2];
static struct http1_writer writer;
static struct body_pipe body;
static struct buffer received;

static int set_up(void **state)
{
    (void)state;
    writer = (struct http1_writer){0};
    body = (struct body_pipe){0};
    received = BUFFER_EMPTY;
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends);
}

static int tear_down(void **state)
{
    (void)state;
    http1_writer_clear(&writer);
    body_pipe_clear(&body);
    buffer_clear(&received);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static enum writer_result send_now(void)
{
    bool made_room;
    return http1_writer_send(&writer, ends[0], NULL, &body, &made_room);
}

static void read_all(void)
{
    ssize_t got;
    do {
        got = recv(ends[1], buffer_reserve(&received, 65536), 65536, 0);
        if (got > 0)
            buffer_extend(&received, (size_t)got);
    } while (got > 0);
}

static void assert_received(const char *text)
{
    read_all();
    assert_string_equal(buffer_string(&received), text);
    buffer_reset(&received);
}

static void a_head_and_its_body_leave_in_one_piece(void **state)
{
    (void)state;
    http1_writer_start(&writer, false);
    buffer_append_string(&writer.before, "head ");
    body_pipe_append(&body, SLICE("body"));
    body.is_ended = true;

    assert_int_equal(send_now(), WRITER_DONE);

    assert_true(http1_writer_is_complete(&writer));
    assert_received("head body");
}

static void a_body_that_comes_later_follows(void **state)
{
    (void)state;
    http1_writer_start(&writer, false);
    buffer_append_string(&writer.before, "head ");
    assert_int_equal(send_now(), WRITER_DONE);
    assert_false(http1_writer_is_complete(&writer));

    body_pipe_append(&body, SLICE("body"));
    assert_int_equal(send_now(), WRITER_DONE);
    assert_false(http1_writer_is_complete(&writer));
    body.is_ended = true;
    assert_int_equal(send_now(), WRITER_DONE);

    assert_true(http1_writer_is_complete(&writer));
    assert_received("head body");
}

static void chunks_are_framed(void **state)
{
    (void)state;
    http1_writer_start(&writer, true);
    buffer_append_string(&writer.before, "head ");
    body_pipe_append(&body, SLICE("0123456789abcdefg"));
    send_now();
    assert_received("head 11\r\n0123456789abcdefg\r\n");

    body_pipe_append(&body, SLICE("x"));
    body.is_ended = true;
    buffer_append_string(&body.trailers, "sum: 1\r\n");
    send_now();

    assert_received("1\r\nx\r\n0\r\nsum: 1\r\n\r\n");
    assert_true(http1_writer_is_complete(&writer));
}

static void an_empty_chunked_body_is_its_end(void **state)
{
    (void)state;
    http1_writer_start(&writer, true);
    body.is_ended = true;

    send_now();

    assert_received("0\r\n\r\n");
}

/* However the socket takes it: the bytes are the same. */
static void a_blocked_socket_loses_nothing(bool is_chunked)
{
    enum { BLOCK = 50 * 1000, BLOCKS = 40 };
    char *block = malloc(BLOCK);
    memset(block, 'x', BLOCK);
    http1_writer_start(&writer, is_chunked);
    int size = 4096;
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));

    size_t appended = 0;
    bool was_blocked = false;
    while (!http1_writer_is_complete(&writer)) {
        if (appended < BLOCKS && body_pipe_room(&body) >= BLOCK) {
            body_pipe_append(&body, slice_of(block, BLOCK));
            appended++;
        }
        body.is_ended = appended == BLOCKS;
        enum writer_result result = send_now();
        assert_int_not_equal(result, WRITER_FAILED);
        was_blocked |= result == WRITER_BLOCKED;
        read_all();
    }

    assert_true(was_blocked);
    size_t payload = 0;
    for (size_t i = 0; i < received.length; i++)
        payload += received.at[i] == 'x';
    assert_int_equal(payload, BLOCK * BLOCKS);
    if (!is_chunked)
        assert_int_equal(received.length, BLOCK * BLOCKS);
    else
        assert_memory_equal(received.at + received.length - 5, "0\r\n\r\n", 5);
    free(block);
}

static void a_blocked_socket_loses_nothing_of_a_plain_body(void **state)
{
    (void)state;
    a_blocked_socket_loses_nothing(false);
}

static void a_blocked_socket_loses_nothing_of_chunks(void **state)
{
    (void)state;
    a_blocked_socket_loses_nothing(true);
}

static void a_peer_that_is_gone_is_a_failure_not_a_signal(void **state)
{
    (void)state;
    shutdown(ends[1], SHUT_RDWR);
    http1_writer_start(&writer, false);
    buffer_append_string(&writer.before, "head");

    assert_int_equal(send_now(), WRITER_FAILED);
}

int main(void)
{
#define WITH_WRITER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_WRITER(a_head_and_its_body_leave_in_one_piece),
        WITH_WRITER(a_body_that_comes_later_follows),
        WITH_WRITER(chunks_are_framed),
        WITH_WRITER(an_empty_chunked_body_is_its_end),
        WITH_WRITER(a_blocked_socket_loses_nothing_of_a_plain_body),
        WITH_WRITER(a_blocked_socket_loses_nothing_of_chunks),
        WITH_WRITER(a_peer_that_is_gone_is_a_failure_not_a_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
