/* Fault matrix of HTTP/2: what a service that speaks it can do wrong, frame by frame (RFC 9113
 * section 4), as test_fault_matrix.c has it for HTTP/1. The client speaks HTTP/1.
 *
 * The first connection's only stream is 1; what comes back is written out. */
#include "tests/integration/fault_row.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>

static struct pointsman *pointsman;

static int start(void **state)
{
    (void)state;
    static const char *const arguments[] = {"--upstream-idle-timeout=2s", NULL};
    pointsman =
        pointsman_start(&(struct pointsman_options){.workers = "1", .proxy_arguments = arguments});
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    return 0;
}

/* --- frames ---------------------------------------------------------------------------------- */

/* Bytes with zeros among them. */
#define FRAMES(bytes)                                                                              \
    {                                                                                              \
        .action = FAKE_SEND, .text = (bytes), .text_length = sizeof(bytes) - 1                     \
    }
#define FRAMES_TIMES(bytes, times)                                                                 \
    {                                                                                              \
        .action = FAKE_SEND, .text = (bytes), .text_length = sizeof(bytes) - 1, .repeat = (times)  \
    }

/* The preface ends in blank lines, as a head does; the request has left together with it. */
#define PREFACE READ_HEAD

#define SETTINGS "\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0" /* ours, and theirs acknowledged */

#define STREAM_1 "\0\0\0\1"
#define HEADERS(length, flags) "\0\0" length "\x01" flags STREAM_1
#define OPEN "\x04"  /* END_HEADERS */
#define ENDED "\x05" /* and END_STREAM */
#define DATA_5 "\0\0\x05\0\0" STREAM_1 "hello"
#define DATA_5_ENDED "\0\0\x05\0\x01" STREAM_1 "hello"
#define RST_STREAM(error) "\0\0\x04\x03\0" STREAM_1 "\0\0\0" error
#define GOAWAY(last) "\0\0\x08\x07\0\0\0\0\0\0\0\0" last "\0\0\0\0"

/* HPACK (RFC 7541): what its static table has, and literals that are not kept. */
#define STATUS_200 "\x88"
#define STATUS_100                                                                                 \
    "\x08\x03"                                                                                     \
    "100"
#define LENGTH_10                                                                                  \
    "\x0f\x0d\x02"                                                                                 \
    "10"

#define OK_ENDED HEADERS("\x01", ENDED) STATUS_200
#define OK_OPEN HEADERS("\x01", OPEN) STATUS_200
#define OK_LENGTH_10 HEADERS("\x06", OPEN) STATUS_200 LENGTH_10

/* The next request, on a connection of its own. */
static const struct fake_step serves[] = {
    PREFACE,
    FRAMES(SETTINGS OK_ENDED GOAWAY("\1")),
    STAY,
    CLOSE,
};

/* A failure before the head. */
#define FAILS(status_, failure_)                                                                   \
    .next = serves, .outcome = HTTP_COMPLETE, .status = (status_), .failure = (failure_),          \
    .failures = 1, .connections = 1

/* One in the body. */
#define BREAKS_OFF(failure_)                                                                       \
    .next = serves, .outcome = HTTP_TRUNCATED, .status = 200, .failure = (failure_),               \
    .failures = 1, .connections = 1

static const struct fault faults[] = {
    {
        .name = "refused",
        .refuses = true,
        .next = serves,
        .outcome = HTTP_COMPLETE,
        .status = 503,
        .failure = "connect",
        .failures = 1,
        .connections = 0,
        /* who is refused takes no script */
        .steps = {PREFACE, FRAMES(SETTINGS OK_ENDED), STAY, CLOSE},
    },
    {
        .name = "answers",
        .steps = {PREFACE, FRAMES(SETTINGS OK_LENGTH_10 DATA_5 DATA_5_ENDED GOAWAY("\1")), STAY,
                  CLOSE},
        .next = serves,
        .outcome = HTTP_COMPLETE,
        .status = 200,
        .body = "hellohello",
        .connections = 1,
    },
    {
        .name = "says-nothing",
        .steps = {PREFACE, STAY, CLOSE},
        FAILS(504, "timeout"),
    },
    {
        .name = "says-only-settings",
        .steps = {PREFACE, FRAMES(SETTINGS GOAWAY("\1")), STAY, CLOSE},
        FAILS(504, "timeout"),
    },
    {
        .name = "closes-at-once",
        .steps = {PREFACE, CLOSE},
        FAILS(503, "connect"),
    },
    {
        .name = "resets-at-once",
        .steps = {PREFACE, RESET},
        FAILS(503, "connect"),
    },
    {
        .name = "speaks-http-1",
        .steps = {PREFACE, SEND("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), STAY,
                  CLOSE},
        FAILS(503, "closed"),
    },
    {
        .name = "half-a-frame",
        .steps = {PREFACE, FRAMES(SETTINGS "\0\0\x01\x01"), CLOSE},
        FAILS(503, "closed"),
    },
    {
        .name = "frame-too-large",
        .steps = {PREFACE, FRAMES(SETTINGS "\x01\0\0\0\0" STREAM_1), STAY, CLOSE},
        FAILS(503, "closed"),
    },
    {
        .name = "broken-hpack",
        .steps = {PREFACE, FRAMES(SETTINGS HEADERS("\x01", ENDED) "\x80"), STAY, CLOSE},
        FAILS(503, "closed"),
    },
    {
        .name = "head-on-another-stream",
        .steps = {PREFACE, FRAMES(SETTINGS "\0\0\x01\x01\x05\0\0\0\x07" STATUS_200), STAY, CLOSE},
        FAILS(503, "closed"),
    },
    {
        .name = "head-without-status",
        .steps = {PREFACE, FRAMES(SETTINGS HEADERS("\x05", ENDED) LENGTH_10 GOAWAY("\1")), STAY,
                  CLOSE},
        FAILS(502, "bad_response"),
    },
    {
        .name = "status-twice",
        .steps = {PREFACE,
                  FRAMES(SETTINGS HEADERS("\x02", ENDED) STATUS_200 STATUS_200 GOAWAY("\1")), STAY,
                  CLOSE},
        FAILS(502, "bad_response"),
    },
    {
        .name = "field-of-http-1",
        .steps = {PREFACE,
                  FRAMES(SETTINGS HEADERS("\x09", ENDED) STATUS_200 "\x0f\x2a\x05"
                                                                    "close" GOAWAY("\1")),
                  STAY, CLOSE}, /* transfer-encoding */
        FAILS(502, "bad_response"),
    },
    {
        .name = "interim-without-end",
        .steps = {PREFACE, FRAMES(SETTINGS), FRAMES_TIMES(HEADERS("\x05", OPEN) STATUS_100, 1000),
                  FRAMES(GOAWAY("\1")), STAY, CLOSE},
        FAILS(502, "bad_response"),
    },
    {
        .name = "continuation-without-end",
        .steps = {PREFACE, FRAMES(SETTINGS HEADERS("\x01", "\0") STATUS_200),
                  FRAMES_TIMES("\0\0\0\x09\0" STREAM_1, 100000), STAY, CLOSE},
        FAILS(503, "closed"),
    },
    {
        .name = "pings-without-end",
        .steps = {PREFACE, FRAMES(SETTINGS), FRAMES_TIMES("\0\0\x08\x06\0\0\0\0\0pingpong", 100000),
                  STAY, CLOSE},
        FAILS(503, "closed"),
    },
    {
        .name = "settings-without-end",
        .steps = {PREFACE, FRAMES_TIMES("\0\0\0\x04\0\0\0\0\0", 100000), STAY, CLOSE},
        FAILS(503, "closed"),
    },
    {
        .name = "window-beyond-the-limit",
        .steps = {PREFACE, FRAMES(SETTINGS "\0\0\x04\x08\0\0\0\0\0\x7f\xff\xff\xff"), STAY, CLOSE},
        FAILS(503, "closed"),
    },
    {
        .name = "reset-internal-error",
        .steps = {PREFACE, FRAMES(SETTINGS RST_STREAM("\2") GOAWAY("\1")), STAY, CLOSE},
        FAILS(503, "closed"),
    },
    {
        .name = "reset-protocol-error",
        .steps = {PREFACE, FRAMES(SETTINGS RST_STREAM("\1") GOAWAY("\1")), STAY, CLOSE},
        FAILS(502, "bad_response"),
    },
    {
        .name = "reset-in-body", /* nothing was passed on, for it all comes at once */
        .steps = {PREFACE, FRAMES(SETTINGS OK_OPEN DATA_5 RST_STREAM("\2") GOAWAY("\1")), STAY,
                  CLOSE},
        FAILS(502, "truncated"),
    },
    {
        .name = "end-in-body",
        .steps = {PREFACE, FRAMES(SETTINGS OK_OPEN DATA_5), CLOSE},
        BREAKS_OFF("truncated"),
    },
    {
        .name = "end-in-frame",
        .steps = {PREFACE, FRAMES(SETTINGS OK_LENGTH_10 "\0\0\x0a\0\x01" STREAM_1 "hello"), CLOSE},
        BREAKS_OFF("truncated"),
    },
    {
        .name = "shorter-than-announced",
        .steps = {PREFACE, FRAMES(SETTINGS OK_LENGTH_10 DATA_5_ENDED GOAWAY("\1")), STAY, CLOSE},
        BREAKS_OFF("truncated"),
    },
    {
        .name = "longer-than-announced",
        .steps = {PREFACE, FRAMES(SETTINGS OK_LENGTH_10 DATA_5 DATA_5 DATA_5_ENDED GOAWAY("\1")),
                  STAY, CLOSE},
        /* to the client, it is complete by then */
        .next = serves,
        .outcome = HTTP_COMPLETE,
        .status = 200,
        .body = "hellohello",
        .failure = "truncated",
        .failures = 1,
        .connections = 1,
    },
    {
        .name = "silence-in-body",
        .steps = {PREFACE, FRAMES(SETTINGS OK_LENGTH_10 DATA_5 GOAWAY("\1")), STAY, CLOSE},
        BREAKS_OFF("timeout"),
    },
    {
        .name = "more-than-its-window",
        .steps = {PREFACE, FRAMES(SETTINGS OK_OPEN), FRAMES_TIMES(DATA_5, 100000), RESET},
        .next = serves,
        .outcome = HTTP_TRUNCATED,
        .status = 200,
        .failure = "truncated",
        .failures = 1,
        .connections = 1,
    },
    {
        .name = "stream-refused",
        .steps = {PREFACE, FRAMES(SETTINGS RST_STREAM("\7") GOAWAY("\0")), STAY, CLOSE},
        .next = serves,
        .request = "POST /stream-refused HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody",
        .outcome = HTTP_COMPLETE,
        .status = 200,
        .failure = "stale",
        .failures = 1,
        .retry = "stale",
        .connections = 2,
    },
    {
        .name = "left-out-by-goaway",
        .steps = {PREFACE, FRAMES(SETTINGS GOAWAY("\0")), STAY, CLOSE},
        .next = serves,
        .request = "POST /left-out-by-goaway HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody",
        .outcome = HTTP_COMPLETE,
        .status = 200,
        .failure = "stale",
        .failures = 1,
        .retry = "stale",
        .connections = 2,
    },
    {
        .name = "answers-before-the-body",
        .steps = {PREFACE, FRAMES(SETTINGS OK_ENDED GOAWAY("\1")), STAY, CLOSE},
        .next = serves,
        .request =
            "POST /answers-before-the-body HTTP/1.1\r\nHost: h\r\nContent-Length: 4000000\r\n\r\n",
        .body_bytes = 1000000,
        .outcome = HTTP_COMPLETE,
        .status = 200,
        .connections = 1,
    },
};

static void each_fault_is_seen_for_what_it_is(void **state)
{
    (void)state;
    fault_rows_play(pointsman, "h2c", faults, sizeof(faults) / sizeof(faults[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_is_seen_for_what_it_is),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
