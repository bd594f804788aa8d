/* What a server of HTTP/2 does with each frame that comes where it may not, or is not what it
 * should be: RFC 9113, sections 3 to 8, case by case. */
#include "common/buffer.h"
#include "proxy/http/front_http2.h"
#include "tests/support/http2_frames.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

#include <stdlib.h>
#include <string.h>

enum {
    NO_ERROR = 0,
    PROTOCOL_ERROR = 1,
    FLOW_CONTROL_ERROR = 3,
    STREAM_CLOSED = 5,
    FRAME_SIZE_ERROR = 6,
    COMPRESSION_ERROR = 9,
};

/* What the client sends behind its preface and SETTINGS. */
struct sent_frame {
    uint8_t type;
    uint8_t flags;
    uint32_t stream;
    struct slice payload;
};

enum expectation {
    CONNECTION_ERROR, /* GOAWAY with the code, and the connection ends */
    STREAM_ERROR,     /* RST_STREAM with the code; the connection goes on */
    FINE,             /* the connection goes on, and no stream was reset for an error */
};

enum { FRAMES_MAX = 6 };

struct conformance_case {
    const char *section;
    const char *what;
    struct sent_frame frames[FRAMES_MAX]; /* up to the first without a meaning: see END */
    enum expectation expected;
    uint32_t code;
};

#define RAW(text)                                                                                  \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
#define FRAME(type_, flags_, stream_, payload_)                                                    \
    {                                                                                              \
        .type = (type_), .flags = (flags_), .stream = (stream_), .payload = RAW(payload_)          \
    }
/* A frame of this type ends the list: one that nobody sends. */
enum { END_OF_FRAMES = 0xff };
#define END                                                                                        \
    {                                                                                              \
        .type = END_OF_FRAMES                                                                      \
    }

/* HPACK (RFC 7541 appendix A): GET or POST, http, "/", and :authority "shop". */
#define GET "\x82\x86\x84\x01\x04shop"
#define POST "\x83\x86\x84\x01\x04shop"

#define HEADERS(flags, stream, block) FRAME(HTTP2_FRAME_HEADERS, flags, stream, block)
#define WHOLE (HTTP2_FLAG_END_HEADERS | HTTP2_FLAG_END_STREAM)
#define OPEN HTTP2_FLAG_END_HEADERS
#define DATA(flags, stream, bytes) FRAME(HTTP2_FRAME_DATA, flags, stream, bytes)
#define CONTINUATION(flags, stream, block) FRAME(HTTP2_FRAME_CONTINUATION, flags, stream, block)
#define SETTINGS(flags, stream, bytes) FRAME(HTTP2_FRAME_SETTINGS, flags, stream, bytes)
#define RESET(stream, bytes) FRAME(HTTP2_FRAME_RST_STREAM, 0, stream, bytes)
#define WINDOW(stream, bytes) FRAME(HTTP2_FRAME_WINDOW_UPDATE, 0, stream, bytes)
#define PRIORITY(stream, bytes) FRAME(HTTP2_FRAME_PRIORITY, 0, stream, bytes)
#define CANCEL_CODE "\0\0\0\x08"

/* Where a stream may be reset, the whole connection may be ended too (section 5.4.1).
 *
 * HEADERS for a stream that is not open any more, or never was and no longer can be, are ignored:
 * that is no error of the connection, as nghttp2 does not remember closed streams (100 of which
 * would cost more than all else of an idle connection), and trailers that crossed our own reset
 * look the same. */
static const struct conformance_case cases[] = {
    {"4.1", "a frame of unknown type is ignored", {FRAME(0x16, 0, 0, "whatever"), END}, FINE, 0},
    {"4.1",
     "flags without a meaning are ignored",
     {FRAME(HTTP2_FRAME_PING, 0x16, 0, "12345678"), END},
     FINE,
     0},
    {"4.2",
     "RST_STREAM must have four bytes",
     {HEADERS(OPEN, 1, POST), RESET(1, "\0\0\x08"), END},
     CONNECTION_ERROR,
     FRAME_SIZE_ERROR},
    {"4.3",
     "a block that ends within a field",
     {HEADERS(WHOLE, 1, "\x40\x01"), END},
     CONNECTION_ERROR,
     COMPRESSION_ERROR},
    {"4.3",
     "an index that the table does not have",
     {HEADERS(WHOLE, 1, "\xbe"), END},
     CONNECTION_ERROR,
     COMPRESSION_ERROR},
    {"4.3",
     "a table larger than was allowed",
     {HEADERS(WHOLE, 1, "\x3f\xff\xff\x03" GET), END},
     CONNECTION_ERROR,
     COMPRESSION_ERROR},
    {"4.3",
     "PRIORITY within a block",
     {HEADERS(HTTP2_FLAG_END_STREAM, 1, GET), PRIORITY(1, "\0\0\0\0\x0f"), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},
    {"4.3",
     "HEADERS of another stream within a block",
     {HEADERS(HTTP2_FLAG_END_STREAM, 1, GET), HEADERS(WHOLE, 3, GET), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},

    {"5.1", "DATA on an idle stream", {DATA(0, 1, "x"), END}, CONNECTION_ERROR, PROTOCOL_ERROR},
    {"5.1",
     "RST_STREAM on an idle stream",
     {RESET(1, CANCEL_CODE), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},
    {"5.1",
     "WINDOW_UPDATE on an idle stream",
     {WINDOW(1, "\0\0\0\x64"), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},
    {"5.1",
     "CONTINUATION on an idle stream",
     {CONTINUATION(OPEN, 1, GET), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},
    {"5.1",
     "DATA behind the end of a request",
     {HEADERS(WHOLE, 1, GET), DATA(HTTP2_FLAG_END_STREAM, 1, "x"), END},
     CONNECTION_ERROR,
     STREAM_CLOSED},
    {"5.1",
     "HEADERS behind the end of a request",
     {HEADERS(WHOLE, 1, GET), HEADERS(WHOLE, 1, GET), END},
     CONNECTION_ERROR,
     STREAM_CLOSED},
    {"5.1",
     "CONTINUATION behind the end of a request",
     {HEADERS(WHOLE, 1, GET), CONTINUATION(OPEN, 1, GET), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},
    {"5.1",
     "HEADERS behind a reset are ignored",
     {HEADERS(OPEN, 1, POST), RESET(1, CANCEL_CODE), HEADERS(WHOLE, 1, GET), END},
     FINE,
     NO_ERROR},
    {"5.1",
     "CONTINUATION behind a reset",
     {HEADERS(OPEN, 1, POST), RESET(1, CANCEL_CODE), CONTINUATION(OPEN, 1, GET), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},
    {"5.1",
     "WINDOW_UPDATE and RST_STREAM behind a reset are ignored",
     {HEADERS(OPEN, 1, POST), RESET(1, CANCEL_CODE), WINDOW(1, "\0\0\0\x64"), RESET(1, CANCEL_CODE),
      END},
     FINE,
     0},
    {"5.1.1",
     "a stream with an even number",
     {HEADERS(WHOLE, 2, GET), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},
    {"5.1.1",
     "a stream with a number below the last is ignored",
     {HEADERS(WHOLE, 5, GET), HEADERS(WHOLE, 3, GET), END},
     FINE,
     NO_ERROR},
    {"5.5",
     "a frame of unknown type within a block",
     {HEADERS(HTTP2_FLAG_END_STREAM, 1, GET), FRAME(0x16, 0, 0, "x"), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},

    {"6.1", "DATA on stream 0", {DATA(0, 0, "x"), END}, CONNECTION_ERROR, PROTOCOL_ERROR},
    {"6.1",
     "DATA with more padding than bytes",
     {HEADERS(OPEN, 1, POST), DATA(HTTP2_FLAG_PADDED, 1, "\x06hello"), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},
    {"6.1",
     "DATA with padding",
     {HEADERS(OPEN, 1, POST), DATA(HTTP2_FLAG_PADDED, 1, "\x02hello\0\0"), END},
     FINE,
     0},
    {"6.2", "HEADERS on stream 0", {HEADERS(WHOLE, 0, GET), END}, CONNECTION_ERROR, PROTOCOL_ERROR},
    {"6.2",
     "HEADERS with more padding than bytes",
     {HEADERS(WHOLE | HTTP2_FLAG_PADDED, 1, "\x20" GET), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},
    {"6.3",
     "PRIORITY on stream 0",
     {PRIORITY(0, "\0\0\0\0\x0f"), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},
    {"6.3",
     "PRIORITY must have five bytes",
     {PRIORITY(1, "\0\0\0\0"), END},
     CONNECTION_ERROR,
     FRAME_SIZE_ERROR},
    {"6.3", "PRIORITY on an idle stream", {PRIORITY(1, "\0\0\0\0\x0f"), END}, FINE, 0},
    {"6.4",
     "RST_STREAM on stream 0",
     {RESET(0, CANCEL_CODE), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},
    {"6.5",
     "SETTINGS that acknowledge must be empty",
     {SETTINGS(HTTP2_FLAG_ACK, 0, "\0\x04\0\0\xff\xff"), END},
     CONNECTION_ERROR,
     FRAME_SIZE_ERROR},
    {"6.5", "SETTINGS on a stream", {SETTINGS(0, 1, ""), END}, CONNECTION_ERROR, PROTOCOL_ERROR},
    {"6.5",
     "SETTINGS must have six bytes each",
     {SETTINGS(0, 0, "\0\x04\0\0\xff"), END},
     CONNECTION_ERROR,
     FRAME_SIZE_ERROR},
    {"6.5.2",
     "ENABLE_PUSH of 2",
     {SETTINGS(0, 0, "\0\x02\0\0\0\x02"), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},
    {"6.5.2",
     "INITIAL_WINDOW_SIZE of 2^31",
     {SETTINGS(0, 0, "\0\x04\x80\0\0\0"), END},
     CONNECTION_ERROR,
     FLOW_CONTROL_ERROR},
    {"6.5.2",
     "MAX_FRAME_SIZE below the least",
     {SETTINGS(0, 0, "\0\x05\0\0\x3f\xff"), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},
    {"6.5.2",
     "MAX_FRAME_SIZE above the most",
     {SETTINGS(0, 0, "\0\x05\x01\0\0\0"), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},
    {"6.5.2", "a setting that nobody knows", {SETTINGS(0, 0, "\0\xff\0\0\0\x01"), END}, FINE, 0},
    {"6.6",
     "PUSH_PROMISE from a client",
     {HEADERS(OPEN, 1, POST),
      FRAME(HTTP2_FRAME_PUSH_PROMISE, HTTP2_FLAG_END_HEADERS, 1, "\0\0\0\x02" GET), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},
    {"6.7",
     "PING that acknowledges is not answered",
     {FRAME(HTTP2_FRAME_PING, HTTP2_FLAG_ACK, 0, "unasked!"), END},
     FINE,
     0},
    {"6.7",
     "PING on a stream",
     {FRAME(HTTP2_FRAME_PING, 0, 1, "12345678"), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},
    {"6.7",
     "PING must have eight bytes",
     {FRAME(HTTP2_FRAME_PING, 0, 0, "123456"), END},
     CONNECTION_ERROR,
     FRAME_SIZE_ERROR},
    {"6.8",
     "GOAWAY on a stream",
     {FRAME(HTTP2_FRAME_GOAWAY, 0, 1, "\0\0\0\0\0\0\0\0"), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},
    {"6.9",
     "WINDOW_UPDATE of 0 for the connection",
     {WINDOW(0, "\0\0\0\0"), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},
    {"6.9",
     "WINDOW_UPDATE of 0 for a stream",
     {HEADERS(OPEN, 1, POST), WINDOW(1, "\0\0\0\0"), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},
    {"6.9",
     "WINDOW_UPDATE must have four bytes",
     {WINDOW(0, "\0\0\x01"), END},
     CONNECTION_ERROR,
     FRAME_SIZE_ERROR},
    {"6.9.1",
     "the window of the connection beyond 2^31-1",
     {WINDOW(0, "\x7f\xff\xff\xff"), WINDOW(0, "\x7f\xff\xff\xff"), END},
     CONNECTION_ERROR,
     FLOW_CONTROL_ERROR},
    {"6.9.1",
     "the window of a stream beyond 2^31-1",
     {HEADERS(OPEN, 1, POST), WINDOW(1, "\x7f\xff\xff\xff"), WINDOW(1, "\x7f\xff\xff\xff"), END},
     STREAM_ERROR,
     FLOW_CONTROL_ERROR},
    {"6.10",
     "a block in several pieces",
     {HEADERS(HTTP2_FLAG_END_STREAM, 1, "\x82\x86"), CONTINUATION(0, 1, "\x84\x01"),
      CONTINUATION(HTTP2_FLAG_END_HEADERS, 1, "\x04shop"), END},
     FINE,
     0},
    {"6.10",
     "CONTINUATION behind the end of a block",
     {HEADERS(OPEN, 1, POST), CONTINUATION(HTTP2_FLAG_END_HEADERS, 1, GET), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},
    {"6.10",
     "CONTINUATION on stream 0",
     {HEADERS(HTTP2_FLAG_END_STREAM, 1, "\x82"), CONTINUATION(OPEN, 0, GET), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},
    {"6.10",
     "DATA within a block",
     {HEADERS(0, 1, POST), DATA(HTTP2_FLAG_END_STREAM, 1, "x"), END},
     CONNECTION_ERROR,
     PROTOCOL_ERROR},

    {"8.1",
     "trailers that do not end the request",
     {HEADERS(OPEN, 1, POST), DATA(0, 1, "x"), HEADERS(OPEN, 1, "\0\x01x\x01y"), END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.1",
     "trailers",
     {HEADERS(OPEN, 1, POST), DATA(0, 1, "x"), HEADERS(WHOLE, 1, "\0\x01x\x01y"), END},
     FINE,
     0},
    {"8.1.1",
     "Content-Length of more than the body",
     {HEADERS(OPEN, 1,
              POST "\x0f\x0d\x01"
                   "2"),
      DATA(HTTP2_FLAG_END_STREAM, 1, "x"), END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.1.1",
     "Content-Length of less than the body",
     {HEADERS(OPEN, 1,
              POST "\x0f\x0d\x01"
                   "1"),
      DATA(0, 1, "xy"), END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.1.1",
     "Content-Length of the body, in two frames",
     {HEADERS(OPEN, 1,
              POST "\x0f\x0d\x01"
                   "2"),
      DATA(0, 1, "x"), DATA(HTTP2_FLAG_END_STREAM, 1, "y"), END},
     FINE,
     0},
    {"8.2",
     "a name in upper case",
     {HEADERS(WHOLE, 1, GET "\0\x03X-A\x01y"), END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.2.1",
     "a name that is empty",
     {HEADERS(WHOLE, 1, GET "\0\0\x01y"), END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.2.1",
     "a name with a colon",
     {HEADERS(WHOLE, 1, GET "\0\x03x:a\x01y"), END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.2.1",
     "a value with LF",
     {HEADERS(WHOLE, 1,
              GET "\0\x01x\x03"
                  "a\nb"),
      END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.2.1",
     "a value with CR",
     {HEADERS(WHOLE, 1,
              GET "\0\x01x\x03"
                  "a\rb"),
      END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.2.1",
     "a value with NUL",
     {HEADERS(WHOLE, 1,
              GET "\0\x01x\x03"
                  "a\0b"),
      END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.2.1",
     "a value that begins with a space",
     {HEADERS(WHOLE, 1, GET "\0\x01x\x02 b"), END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.2.1",
     "a value that ends with a tab",
     {HEADERS(WHOLE, 1,
              GET "\0\x01x\x02"
                  "b\t"),
      END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.2.2",
     "Connection",
     {HEADERS(WHOLE, 1,
              GET "\0\x0a"
                  "connection\x05"
                  "close"),
      END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.2.2",
     "TE of something else than trailers",
     {HEADERS(WHOLE, 1, GET "\0\x02te\x04gzip"), END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.2.2", "TE: trailers", {HEADERS(WHOLE, 1, GET "\0\x02te\x08trailers"), END}, FINE, 0},
    {"8.3",
     "a pseudo-header field that nobody knows",
     {HEADERS(WHOLE, 1, GET "\0\x05:test\x02ok"), END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.3",
     "a pseudo-header field of responses",
     {HEADERS(WHOLE, 1, GET "\x88"), END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.3",
     "a pseudo-header field behind a regular one",
     {HEADERS(WHOLE, 1, "\x82\x86\0\x01x\x01y\x84\x01\x04shop"), END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.3",
     "a pseudo-header field in trailers",
     {HEADERS(OPEN, 1, POST), DATA(0, 1, "x"), HEADERS(WHOLE, 1, "\x82"), END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.3.1",
     "an empty :path",
     {HEADERS(WHOLE, 1, "\x82\x86\x04\0\x01\x04shop"), END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.3.1",
     "no :method",
     {HEADERS(WHOLE, 1, "\x86\x84\x01\x04shop"), END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.3.1",
     "no :scheme",
     {HEADERS(WHOLE, 1, "\x82\x84\x01\x04shop"), END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.3.1",
     "no :path",
     {HEADERS(WHOLE, 1, "\x82\x86\x01\x04shop"), END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.3.1",
     ":method twice",
     {HEADERS(WHOLE, 1, "\x82\x82\x86\x84\x01\x04shop"), END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
    {"8.3.1",
     ":path twice",
     {HEADERS(WHOLE, 1, "\x82\x86\x84\x84\x01\x04shop"), END},
     STREAM_ERROR,
     PROTOCOL_ERROR},
};

/* --- one case after the other ---------------------------------------------------------------- */

struct verdict {
    bool has_goaway;
    bool has_reset;
    bool has_ping_ack;
    uint32_t goaway_code;
    uint32_t reset_code;
};

static const char last_ping[] = "the last";

static void note_frames(struct player *player, struct verdict *verdict)
{
    struct http2_frame frame;
    while (http2_look_at_frame(&player->received, &frame)) {
        if (frame.type == HTTP2_FRAME_GOAWAY) {
            verdict->has_goaway = true;
            verdict->goaway_code = http2_frame_number(&frame);
        } else if (frame.type == HTTP2_FRAME_RST_STREAM && http2_frame_number(&frame) != NO_ERROR) {
            verdict->has_reset = true;
            verdict->reset_code = http2_frame_number(&frame);
        } else if (frame.type == HTTP2_FRAME_PING && (frame.flags & HTTP2_FLAG_ACK) != 0 &&
                   slice_equals(frame.payload, SLICE(last_ping))) {
            verdict->has_ping_ack = true;
        }
        http2_drop_frame(&player->received, &frame);
    }
}

static struct verdict play(struct stage *stage, const struct conformance_case *this)
{
    struct buffer bytes = BUFFER_EMPTY;
    buffer_append_slice(&bytes, HTTP2_FRAMES_PREFACE);
    http2_put_frame(&bytes, HTTP2_FRAME_SETTINGS, 0, 0, SLICE(""));
    for (const struct sent_frame *sent = this->frames; sent->type != END_OF_FRAMES; sent++)
        http2_put_frame(&bytes, sent->type, sent->flags, sent->stream, sent->payload);
    http2_put_frame(&bytes, HTTP2_FRAME_PING, 0, 0, SLICE(last_ping));

    struct player client = stage_connect(stage);
    assert_int_equal(player_send_some(&client, bytes.at, bytes.length), bytes.length);
    struct verdict verdict = {0};
    for (int i = 0; i < 2000 && !client.has_ended && !verdict.has_ping_ack; i++) {
        stage_turn(stage);
        player_read(&client);
        note_frames(&client, &verdict);
    }
    assert_true(verdict.has_ping_ack || client.has_ended);
    player_close(&client);
    buffer_clear(&bytes);
    return verdict;
}

static bool is_as_expected(const struct conformance_case *this, const struct verdict *verdict)
{
    switch (this->expected) {
    case CONNECTION_ERROR:
        return verdict->has_goaway && !verdict->has_ping_ack && verdict->goaway_code == this->code;
    case STREAM_ERROR:
        return !verdict->has_goaway && verdict->has_reset && verdict->has_ping_ack &&
               verdict->reset_code == this->code;
    case FINE:
        break;
    }
    return !verdict->has_goaway && !verdict->has_reset && verdict->has_ping_ack;
}

static void every_rule_is_kept(void **state)
{
    (void)state;
    struct stage *stage = stage_new();
    stage_start(stage);
    unsigned failures = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct verdict verdict = play(stage, &cases[i]);
        if (is_as_expected(&cases[i], &verdict))
            continue;
        failures++;
        print_error("%s, %s: goaway %d (%u), reset %d (%u), goes on %d\n", cases[i].section,
                    cases[i].what, verdict.has_goaway, verdict.goaway_code, verdict.has_reset,
                    verdict.reset_code, verdict.has_ping_ack);
    }
    assert_int_equal(failures, 0);
    stage_free(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
