#include "tests/support/http2_floods.h"

#include "tests/support/http2_frames.h"

#include <string.h>

enum { ENHANCE_YOUR_CALM = 11, INTERNAL_ERROR = 2 };

/* That a client may have open. */
enum { STREAMS_MAX = 100 };

#define GET SLICE("\x82\x86\x84\x01\x04shop")
#define POST SLICE("\x83\x86\x84\x01\x04shop")
#define WHOLE (HTTP2_FLAG_END_HEADERS | HTTP2_FLAG_END_STREAM)

static uint32_t stream_of(uint32_t turn)
{
    return 2 * turn + 1;
}

static void put_ping(struct buffer *to, uint32_t turn)
{
    (void)turn;
    http2_put_frame(to, HTTP2_FRAME_PING, 0, 0, SLICE("12345678"));
}

static void put_ping_answer(struct buffer *to, uint32_t turn)
{
    (void)turn;
    http2_put_frame(to, HTTP2_FRAME_PING, HTTP2_FLAG_ACK, 0, SLICE("12345678"));
}

static void put_goaway(struct buffer *to, uint32_t turn)
{
    (void)turn;
    http2_put_goaway(to, 0, 0);
}

static void put_settings(struct buffer *to, uint32_t turn)
{
    (void)turn;
    http2_put_frame(to, HTTP2_FRAME_SETTINGS, 0, 0, SLICE(""));
}

static void put_priority(struct buffer *to, uint32_t turn)
{
    http2_put_frame(to, HTTP2_FRAME_PRIORITY, 0, stream_of(turn), SLICE("\0\0\0\0\x0f"));
}

static void put_window(struct buffer *to, uint32_t turn)
{
    (void)turn;
    http2_put_number(to, HTTP2_FRAME_WINDOW_UPDATE, 0, 1);
}

static void put_unknown(struct buffer *to, uint32_t turn)
{
    (void)turn;
    http2_put_frame(to, 0x42, 0, 0, SLICE("x"));
}

static void begin_upload(struct buffer *to)
{
    http2_put_frame(to, HTTP2_FRAME_HEADERS, HTTP2_FLAG_END_HEADERS, 1, POST);
}

static void put_empty_data(struct buffer *to, uint32_t turn)
{
    (void)turn;
    http2_put_frame(to, HTTP2_FRAME_DATA, 0, 1, SLICE(""));
}

static void put_padding(struct buffer *to, uint32_t turn)
{
    (void)turn;
    http2_put_frame(to, HTTP2_FRAME_DATA, HTTP2_FLAG_PADDED, 1, SLICE("\x04\0\0\0\0"));
}

static void begin_block(struct buffer *to)
{
    http2_put_frame(to, HTTP2_FRAME_HEADERS, HTTP2_FLAG_END_STREAM, 1, SLICE("\x82"));
}

static void put_empty_continuation(struct buffer *to, uint32_t turn)
{
    (void)turn;
    http2_put_frame(to, HTTP2_FRAME_CONTINUATION, 0, 1, SLICE(""));
}

/* CVE-2023-44487 */
static void put_rapid_reset(struct buffer *to, uint32_t turn)
{
    http2_put_frame(to, HTTP2_FRAME_HEADERS, WHOLE, stream_of(turn), GET);
    http2_put_number(to, HTTP2_FRAME_RST_STREAM, stream_of(turn), 8);
}

/* CVE-2025-8671: it is made to reset them itself, by a window beyond 2^31-1. */
static void put_made_reset(struct buffer *to, uint32_t turn)
{
    http2_put_frame(to, HTTP2_FRAME_HEADERS, WHOLE, stream_of(turn), GET);
    http2_put_number(to, HTTP2_FRAME_WINDOW_UPDATE, stream_of(turn), 0x7fffffff);
}

static void put_malformed(struct buffer *to, uint32_t turn)
{
    http2_put_frame(to, HTTP2_FRAME_HEADERS, WHOLE, stream_of(turn), SLICE("\x82\x82"));
}

/* A byte for every 4 KB of a head that never ends: a field that the table has, over and over. */
enum { BOMB_VALUE_BYTES = 4000, BOMB_FRAME_FIELDS = 400, FIRST_DYNAMIC_INDEX = 62 };

static void begin_bomb(struct buffer *to)
{
    struct buffer block = BUFFER_EMPTY;
    buffer_append_slice(&block, POST);
    /* A literal with incremental indexing, its value's length of more than seven bits (RFC 7541
     * sections 5.1 and 6.2.1). */
    buffer_append_slice(&block, SLICE("\x40\x01"
                                      "b"
                                      "\x7f\xa1\x1e"));
    for (int i = 0; i < BOMB_VALUE_BYTES; i++)
        buffer_append_char(&block, 'b');
    http2_put_frame(to, HTTP2_FRAME_HEADERS, 0, 1, buffer_slice(&block));
    buffer_clear(&block);
}

static void put_bomb(struct buffer *to, uint32_t turn)
{
    char fields[BOMB_FRAME_FIELDS];
    (void)turn;
    memset(fields, 0x80 | FIRST_DYNAMIC_INDEX, sizeof(fields));
    http2_put_frame(to, HTTP2_FRAME_CONTINUATION, 0, 1, slice_of(fields, sizeof(fields)));
}

static void begin_closed(struct buffer *to)
{
    http2_put_frame(to, HTTP2_FRAME_HEADERS, WHOLE, 1, SLICE("\x82\x82"));
}

static void put_closed(struct buffer *to, uint32_t turn)
{
    (void)turn;
    http2_put_frame(to, HTTP2_FRAME_HEADERS, WHOLE, 1, GET);
}

static void put_closed_reset(struct buffer *to, uint32_t turn)
{
    (void)turn;
    http2_put_number(to, HTTP2_FRAME_RST_STREAM, 1, 8);
}

/* More streams at a time than the server has said it takes. */
static void put_too_many(struct buffer *to, uint32_t turn)
{
    http2_put_frame(to, HTTP2_FRAME_HEADERS, HTTP2_FLAG_END_HEADERS, stream_of(turn), POST);
}

const struct http2_flood_kind http2_flood_kinds[] = {
    {"PING", put_ping, NULL, ENHANCE_YOUR_CALM, 0},
    {"answers to no PING", put_ping_answer, NULL, ENHANCE_YOUR_CALM, 0},
    {"GOAWAY", put_goaway, begin_upload, ENHANCE_YOUR_CALM, 1},
    {"SETTINGS", put_settings, NULL, ENHANCE_YOUR_CALM, 0},
    {"PRIORITY", put_priority, NULL, ENHANCE_YOUR_CALM, 0},
    {"WINDOW_UPDATE", put_window, NULL, ENHANCE_YOUR_CALM, 0},
    {"frames nobody knows", put_unknown, NULL, ENHANCE_YOUR_CALM, 0},
    {"empty DATA", put_empty_data, begin_upload, ENHANCE_YOUR_CALM, 1},
    {"DATA that is padding", put_padding, begin_upload, ENHANCE_YOUR_CALM, 1},
    {"empty CONTINUATION", put_empty_continuation, begin_block, ENHANCE_YOUR_CALM, 0},
    {"a table that bursts", put_bomb, begin_bomb, ENHANCE_YOUR_CALM, 0},
    {"rapid reset", put_rapid_reset, NULL, INTERNAL_ERROR, 0},
    {"resets that are ours", put_made_reset, NULL, ENHANCE_YOUR_CALM, 0},
    {"malformed heads", put_malformed, NULL, ENHANCE_YOUR_CALM, 0},
    {"heads of a closed stream", put_closed, begin_closed, ENHANCE_YOUR_CALM, 0},
    {"resets of a closed stream", put_closed_reset, begin_closed, INTERNAL_ERROR, 0},
    {"too many streams", put_too_many, NULL, ENHANCE_YOUR_CALM, STREAMS_MAX},
};

const size_t http2_flood_kind_count = sizeof(http2_flood_kinds) / sizeof(http2_flood_kinds[0]);

void http2_flood_begin(const struct http2_flood_kind *kind, struct buffer *to)
{
    http2_put_preface(to);
    if (kind->begin != NULL)
        kind->begin(to);
}
