/* Request cases: what a test about requests says, and in how many ways it is tried.
 *
 * Every input is fed whole, byte by byte, and cut in two at every position: the answer must be
 * the same. */
#ifndef TESTS_UNIT_PROXY_HTTP_REQUEST_CASES_H
#define TESTS_UNIT_PROXY_HTTP_REQUEST_CASES_H

#include "proxy/http/request_parser.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/parse_pieces.h"

#include <stdio.h>

/* For the test that runs; each starts with the default. */
static struct request_setting setting;

static inline int use_default_setting(void **state)
{
    (void)state;
    setting = REQUEST_SETTING;
    return 0;
}

static inline void check(struct slice bytes, const char *expected)
{
    /* Long inputs are cut at some hundred positions only. */
    size_t step = 1 + bytes.length / 512;
    struct buffer answer = BUFFER_EMPTY;

    describe_request(&answer, bytes, setting, ALL_AT_ONCE);
    assert_string_equal(buffer_string(&answer), expected);
    buffer_reset(&answer);
    describe_request(&answer, bytes, setting, (struct pieces){.first = step, .others = step});
    assert_string_equal(buffer_string(&answer), expected);
    for (size_t cut = 1; cut < bytes.length; cut += step) {
        buffer_reset(&answer);
        describe_request(&answer, bytes, setting, (struct pieces){cut, SIZE_MAX});
        assert_string_equal(buffer_string(&answer), expected);
    }
    buffer_clear(&answer);
}

static inline void check_refused(struct slice bytes, enum refusal refusal)
{
    char expected[64];
    snprintf(expected, sizeof(expected), "refused: %s\n", refusal_info(refusal)->name);
    check(bytes, expected);
}

/* Whole heads, which may hold NUL. */
#define UNDERSTOOD(bytes, expected) check(SLICE(bytes), expected)
#define REFUSED(bytes, refusal) check_refused(SLICE(bytes), refusal)
/* A target or some fields in an otherwise good request. */
#define TARGET_REFUSED(target, refusal)                                                            \
    REFUSED("GET " target " HTTP/1.1\r\nHost: a\r\n\r\n", refusal)
#define FIELDS_REFUSED(fields, refusal)                                                            \
    REFUSED("POST / HTTP/1.1\r\nHost: a\r\n" fields "\r\n\r\n", refusal)

/* A request that is understood has these lines in what is known of it, and none of those. */
static inline void check_lines(struct slice bytes, const char *expected, const char *unexpected)
{
    struct buffer answer = BUFFER_EMPTY;
    describe_request(&answer, bytes, setting, ALL_AT_ONCE);
    check(bytes, buffer_string(&answer));

    if (expected != NULL && strstr(buffer_string(&answer), expected) == NULL)
        fail_msg("'%s' is not in: %s", expected, buffer_string(&answer));
    if (unexpected != NULL && strstr(buffer_string(&answer), unexpected) != NULL)
        fail_msg("'%s' is in: %s", unexpected, buffer_string(&answer));
    assert_null(strstr(buffer_string(&answer), "refused"));
    assert_null(strstr(buffer_string(&answer), "more\n"));
    buffer_clear(&answer);
}

#define HAS(bytes, expected) check_lines(SLICE(bytes), expected, NULL)
#define LACKS(bytes, unexpected) check_lines(SLICE(bytes), NULL, unexpected)
#define FIELDS_HAVE(fields, expected)                                                              \
    HAS("POST / HTTP/1.1\r\nHost: a\r\n" fields "\r\n\r\n", expected)
#define FIELDS_LACK(fields, unexpected)                                                            \
    LACKS("POST / HTTP/1.1\r\nHost: a\r\n" fields "\r\n\r\n", unexpected)

#define REQUEST_TEST(name) cmocka_unit_test_setup(name, use_default_setting)

#endif
