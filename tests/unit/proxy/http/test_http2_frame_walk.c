#include "common/buffer.h"
#include "proxy/http/http2_frame_walk.h"
#include "tests/support/http2_frames.h"
#include "tests/unit/cmocka_all.h"

/* Where heads of DATA end. */
enum { FOUND_MAX = 8 };

struct found {
    size_t count;
    size_t ends[FOUND_MAX];
    struct http2_data_head heads[FOUND_MAX];
};

static void put_connection(struct buffer *bytes)
{
    http2_put_preface(bytes);
    http2_put_frame(bytes, HTTP2_FRAME_HEADERS, HTTP2_FLAG_END_HEADERS, 1, SLICE("\x83\x86\x84"));
    http2_put_data(bytes, 1, 0, "some of it");
    http2_put_frame(bytes, 0x16, 0, 0, SLICE("\0\0\x01\0\0\0\0\0\x01 like DATA"));
    http2_put_data(bytes, 1, HTTP2_FLAG_END_STREAM, "");
    http2_put_data(bytes, 0x80000000 | 0x12345, 0, "a bit that is reserved");
}

static void walk(struct slice bytes, size_t piece_bytes, struct found *found)
{
    struct http2_frame_walk walk;
    *found = (struct found){0};
    http2_frame_walk_start(&walk, true);
    for (size_t at = 0; at < bytes.length;) {
        struct http2_data_head head;
        size_t left = bytes.length - at < piece_bytes ? bytes.length - at : piece_bytes;
        size_t used = http2_frame_walk_to_data(&walk, slice_of(bytes.at + at, left), &head);
        assert_true(used > 0 && used <= left);
        at += used;
        if (head.stream_id == 0) {
            assert_int_equal(used, left);
            continue;
        }
        assert_true(found->count < FOUND_MAX);
        found->ends[found->count] = at;
        found->heads[found->count++] = head;
    }
}

static void data_is_found_however_it_comes(void **state)
{
    (void)state;
    struct buffer bytes = BUFFER_EMPTY;
    put_connection(&bytes);
    for (size_t piece_bytes = 1; piece_bytes <= bytes.length; piece_bytes++) {
        struct found found;
        walk(buffer_slice(&bytes), piece_bytes, &found);
        assert_int_equal(found.count, 3);
        for (size_t i = 0; i < found.count; i++) {
            const char *head = bytes.at + found.ends[i] - HTTP2_FRAME_HEAD_BYTES;
            assert_int_equal(head[3], HTTP2_FRAME_DATA);
            assert_int_equal(head[2], found.heads[i].length);
        }
        assert_int_equal(found.heads[0].stream_id, 1);
        assert_int_equal(found.heads[0].length, 10);
        assert_int_equal(found.heads[1].stream_id, 1);
        assert_int_equal(found.heads[1].length, 0);
        assert_int_equal(found.heads[2].stream_id, 0x12345);
        assert_int_equal(found.heads[2].length, 22);
    }
    buffer_clear(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_is_found_however_it_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
