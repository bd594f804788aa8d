/* HTTP/2 conformance: what a client sends, frame by frame, and how a server must take it, as rows
 * of a table.
 *
 * Threads: one. */
#ifndef TESTS_UNIT_PROXY_HTTP_HTTP2_CONFORMANCE_H
#define TESTS_UNIT_PROXY_HTTP_HTTP2_CONFORMANCE_H

#include "common/slice.h"
#include "tests/support/http2_frames.h"
#include "tests/unit/proxy/http/stage.h"

#include <stddef.h>
#include <stdint.h>

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
    ANSWERED_405,     /* ... and a request was answered with 405 */
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
/* Frames that nobody sends. */
enum { END_OF_FRAMES = 0xff, ALL_ANSWERED = 0xfe };
/* There is no more. */
#define END                                                                                        \
    {                                                                                              \
        .type = END_OF_FRAMES                                                                      \
    }
/* What comes behind it is sent when all before it was answered. */
#define ANSWERED                                                                                   \
    {                                                                                              \
        .type = ALL_ANSWERED                                                                       \
    }

/* HPACK (RFC 7541 appendix A): GET or POST, http, "/", and :authority "shop". */
#define GET "\x82\x86\x84\x01\x04shop"
#define POST "\x83\x86\x84\x01\x04shop"
/* Answered at once. */
#define TRACE                                                                                      \
    "\x02\x05TRACE"                                                                                \
    "\x86\x84\x01\x04shop"

#define HEADERS(flags, stream, block) FRAME(HTTP2_FRAME_HEADERS, flags, stream, block)
#define WHOLE (HTTP2_FLAG_END_HEADERS | HTTP2_FLAG_END_STREAM)
#define OPEN HTTP2_FLAG_END_HEADERS
#define DATA(flags, stream, bytes) FRAME(HTTP2_FRAME_DATA, flags, stream, bytes)
#define CONTINUATION(flags, stream, block) FRAME(HTTP2_FRAME_CONTINUATION, flags, stream, block)
#define SETTINGS(flags, stream, bytes) FRAME(HTTP2_FRAME_SETTINGS, flags, stream, bytes)
#define RESET(stream, bytes) FRAME(HTTP2_FRAME_RST_STREAM, 0, stream, bytes)
#define WINDOW(stream, bytes) FRAME(HTTP2_FRAME_WINDOW_UPDATE, 0, stream, bytes)
#define PRIORITY(stream, bytes) FRAME(HTTP2_FRAME_PRIORITY, 0, stream, bytes)
/* 2^14 bytes: what a frame may have at most, unless more was announced. */
#define SIXTEEN(text)                                                                              \
    text text text text text text text text text text text text text text text text
#define LARGEST SIXTEEN(SIXTEEN(SIXTEEN("larg")))
#define CANCEL_CODE "\0\0\0\x08"

/* A test program: each case on a connection of its own. It fails when one is taken otherwise, and
 * says which. */
int http2_conformance_run(const struct conformance_case *cases, size_t count);

#endif
