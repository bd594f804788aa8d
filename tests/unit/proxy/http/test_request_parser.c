/* Lines, fields, framing, connection and limits. Each rule of HARDENING has a test, with the
 * refusal it is about in a comment. */
#include "proxy/http/request_parser.h"
#include "tests/unit/proxy/http/request_cases.h"

/* --- what is understood ---------------------------------------------------------------------- */

static void a_request_is_taken_apart(void **state)
{
    (void)state;
    UNDERSTOOD("PUT /a/b?x=1&y HTTP/1.1\r\n"
               "Host: Shop.Internal:8080\r\n"
               "Content-Length: 12\r\n"
               "X-Colour:\t dark  blue \t\r\n"
               "X-Empty:\r\n"
               "\r\n"
               "hello, world",
               "method: PUT\n"
               "authority: Shop.Internal:8080\n"
               "host: shop.internal\n"
               "path: /a/b\n"
               "query: x=1&y\n"
               "version: 1.1\n"
               "body: 12\n"
               "keep alive\n"
               "- Host=Shop.Internal:8080\n"
               "- Content-Length=12\n"
               "+ X-Colour=dark  blue\n"
               "+ X-Empty=\n"
               "left over: 12\n");
}

static void bytes_outside_ascii_may_stand_in_values(void **state)
{
    (void)state;
    FIELDS_HAVE("X-Name: caf\xc3\xa9", "+ X-Name=caf\xc3\xa9\n");
}

static void an_incomplete_head_wants_more(void **state)
{
    (void)state;
    UNDERSTOOD("GET / HTTP/1.1\r\nHost: a\r\n", "more\n");
    UNDERSTOOD("GET / HTTP/1.1\r\nHost: a\r\n\r", "more\n");
    UNDERSTOOD("G", "more\n");
}

static void one_empty_line_in_front_is_forgiven(void **state)
{
    (void)state;
    HAS("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "path: /\n");
    REFUSED("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", REFUSAL_REQUEST_LINE);
}

static void the_next_request_is_not_touched(void **state)
{
    (void)state;
    HAS("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /%41 HTTP/1.1\r\n", "left over: 19\n");
}

/* --- lines and fields ------------------------------------------------------------------------ */

/* REFUSAL_BARE_LF, RFC 9112 section 2.2 */
static void bare_lf_is_refused(void **state)
{
    (void)state;
    REFUSED("GET / HTTP/1.1\nHost: a\r\n\r\n", REFUSAL_BARE_LF);
    REFUSED("GET / HTTP/1.1\r\nHost: a\n\r\n", REFUSAL_BARE_LF);
    REFUSED("GET / HTTP/1.1\r\nHost: a\r\n\n", REFUSAL_BARE_LF);
    REFUSED("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", REFUSAL_BARE_LF);
    FIELDS_REFUSED("X-A: b\nX-C: d", REFUSAL_BARE_LF);
}

/* REFUSAL_BARE_CR, RFC 9112 section 2.2 */
static void bare_cr_is_refused(void **state)
{
    (void)state;
    REFUSED("GET / HTTP/1.1\rHost: a\r\n\r\n", REFUSAL_BARE_CR);
    REFUSED("GET / HTTP/1.1\r\nHost: a\r\n\rX", REFUSAL_BARE_CR);
    FIELDS_REFUSED("X-A: b\rX-C: d", REFUSAL_BARE_CR);
    FIELDS_REFUSED("X-A: b\r\r", REFUSAL_BARE_CR);
}

/* REFUSAL_CONTROL_CHARACTER, RFC 9110 section 5.5 */
static void control_characters_are_refused(void **state)
{
    (void)state;
    FIELDS_REFUSED("X-A: b\0c", REFUSAL_CONTROL_CHARACTER);
    FIELDS_REFUSED("X-A: b\x01", REFUSAL_CONTROL_CHARACTER);
    FIELDS_REFUSED("X-A: b\x0b", REFUSAL_CONTROL_CHARACTER);
    FIELDS_REFUSED("X-A: \x1f", REFUSAL_CONTROL_CHARACTER);
    FIELDS_REFUSED("X-A: b\x7f", REFUSAL_CONTROL_CHARACTER);
    FIELDS_REFUSED("X\0-A: b", REFUSAL_CONTROL_CHARACTER);
    REFUSED("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", REFUSAL_CONTROL_CHARACTER);
}

static void something_else_than_http_is_refused_at_its_first_byte(void **state)
{
    (void)state;
    REFUSED("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", REFUSAL_CONTROL_CHARACTER);
}

/* REFUSAL_FOLDED_FIELD, RFC 9112 section 5.2 */
static void folded_fields_are_refused(void **state)
{
    (void)state;
    FIELDS_REFUSED("X-A: b\r\n c", REFUSAL_FOLDED_FIELD);
    FIELDS_REFUSED("X-A: b\r\n\tc: d", REFUSAL_FOLDED_FIELD);
    REFUSED("GET / HTTP/1.1\r\n Host: a\r\n\r\n", REFUSAL_FOLDED_FIELD);
}

/* REFUSAL_FIELD_NAME, RFC 9112 section 5.1 */
static void names_that_are_no_tokens_are_refused(void **state)
{
    (void)state;
    FIELDS_REFUSED("X-A : b", REFUSAL_FIELD_NAME);
    FIELDS_REFUSED("X-A\t: b", REFUSAL_FIELD_NAME);
    FIELDS_REFUSED(": b", REFUSAL_FIELD_NAME);
    FIELDS_REFUSED("X-A", REFUSAL_FIELD_NAME);
    FIELDS_REFUSED("X A: b", REFUSAL_FIELD_NAME);
    FIELDS_REFUSED("X(A): b", REFUSAL_FIELD_NAME);
    FIELDS_REFUSED("X\xc3\xa4: b", REFUSAL_FIELD_NAME);
    FIELDS_REFUSED("\"X\": b", REFUSAL_FIELD_NAME);
    FIELDS_REFUSED("X/A: b", REFUSAL_FIELD_NAME);
}

static void names_with_an_underscore_are_left_out(void **state)
{
    (void)state;
    FIELDS_LACK("X_Real_User: root", "X_Real_User");
    FIELDS_LACK("Content_Length: 5", "body: 5");
    FIELDS_HAVE("X_A: b\r\nX-A: b", "+ X-A=b\n");
}

/* --- framing --------------------------------------------------------------------------------- */

/* REFUSAL_CONTENT_LENGTH, RFC 9110 section 8.6 */
static void content_length_is_digits_and_nothing_else(void **state)
{
    (void)state;
    FIELDS_REFUSED("Content-Length: +3", REFUSAL_CONTENT_LENGTH);
    FIELDS_REFUSED("Content-Length: -3", REFUSAL_CONTENT_LENGTH);
    FIELDS_REFUSED("Content-Length: 0x3", REFUSAL_CONTENT_LENGTH);
    FIELDS_REFUSED("Content-Length: 3 4", REFUSAL_CONTENT_LENGTH);
    FIELDS_REFUSED("Content-Length: 3, 3", REFUSAL_CONTENT_LENGTH);
    FIELDS_REFUSED("Content-Length: 3;", REFUSAL_CONTENT_LENGTH);
    FIELDS_REFUSED("Content-Length: 3.0", REFUSAL_CONTENT_LENGTH);
    FIELDS_REFUSED("Content-Length: \"3\"", REFUSAL_CONTENT_LENGTH);
    FIELDS_REFUSED("Content-Length:", REFUSAL_CONTENT_LENGTH);
    FIELDS_REFUSED("Content-Length: \xd9\xa3", REFUSAL_CONTENT_LENGTH);
}

static void content_length_does_not_overflow(void **state)
{
    (void)state;
    FIELDS_HAVE("Content-Length: 9223372036854775807", "body: 9223372036854775807\n");
    FIELDS_REFUSED("Content-Length: 9223372036854775808", REFUSAL_CONTENT_LENGTH);
    FIELDS_REFUSED("Content-Length: 18446744073709551619", REFUSAL_CONTENT_LENGTH);
    FIELDS_REFUSED("Content-Length: 99999999999999999999999999", REFUSAL_CONTENT_LENGTH);
}

/* REFUSAL_TWO_CONTENT_LENGTHS, RFC 9112 section 6.3 */
static void two_content_lengths_are_refused_even_when_equal(void **state)
{
    (void)state;
    FIELDS_REFUSED("Content-Length: 3\r\nContent-Length: 4", REFUSAL_TWO_CONTENT_LENGTHS);
    FIELDS_REFUSED("Content-Length: 3\r\nCONTENT-LENGTH: 3", REFUSAL_TWO_CONTENT_LENGTHS);
}

/* REFUSAL_TRANSFER_ENCODING, RFC 9112 section 6.1 */
static void transfer_encoding_is_exactly_chunked(void **state)
{
    (void)state;
    FIELDS_HAVE("Transfer-Encoding: chunked", "body: chunked\n");
    FIELDS_REFUSED("Transfer-Encoding: gzip, chunked", REFUSAL_TRANSFER_ENCODING);
    FIELDS_REFUSED("Transfer-Encoding: chunked, identity", REFUSAL_TRANSFER_ENCODING);
    FIELDS_REFUSED("Transfer-Encoding: identity", REFUSAL_TRANSFER_ENCODING);
    FIELDS_REFUSED("Transfer-Encoding: xchunked", REFUSAL_TRANSFER_ENCODING);
    FIELDS_REFUSED("Transfer-Encoding: chunked;q=1", REFUSAL_TRANSFER_ENCODING);
    FIELDS_REFUSED("Transfer-Encoding: \"chunked\"", REFUSAL_TRANSFER_ENCODING);
    FIELDS_REFUSED("Transfer-Encoding: Chunked", REFUSAL_TRANSFER_ENCODING);
    FIELDS_REFUSED("Transfer-Encoding: chun\xc2\xadked", REFUSAL_TRANSFER_ENCODING);
    FIELDS_REFUSED("Transfer-Encoding:", REFUSAL_TRANSFER_ENCODING);
    FIELDS_REFUSED("Transfer-Encoding: ,chunked", REFUSAL_TRANSFER_ENCODING);
}

/* REFUSAL_TWO_TRANSFER_ENCODINGS, RFC 9112 section 7.1 */
static void two_transfer_encodings_are_refused(void **state)
{
    (void)state;
    FIELDS_REFUSED("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                   REFUSAL_TWO_TRANSFER_ENCODINGS);
    FIELDS_REFUSED("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
                   REFUSAL_TWO_TRANSFER_ENCODINGS);
}

/* REFUSAL_TRANSFER_ENCODING_IN_1_0, RFC 9112 section 6.1 */
static void transfer_encoding_in_1_0_is_refused(void **state)
{
    (void)state;
    REFUSED("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            REFUSAL_TRANSFER_ENCODING_IN_1_0);
}

/* REFUSAL_LENGTH_AND_ENCODING, RFC 9112 section 6.3 */
static void content_length_with_transfer_encoding_is_refused(void **state)
{
    (void)state;
    FIELDS_REFUSED("Content-Length: 3\r\nTransfer-Encoding: chunked", REFUSAL_LENGTH_AND_ENCODING);
    FIELDS_REFUSED("Transfer-Encoding: chunked\r\nContent-Length: 0", REFUSAL_LENGTH_AND_ENCODING);
}

/* REFUSAL_BODY_TOO_LARGE, RFC 9110 section 15.5.14 */
static void a_body_over_the_limit_is_refused_by_its_announcement(void **state)
{
    (void)state;
    setting.limits.body_bytes = 1000;
    FIELDS_HAVE("Content-Length: 1000", "body: 1000\n");
    FIELDS_REFUSED("Content-Length: 1001", REFUSAL_BODY_TOO_LARGE);
}

/* --- connection ------------------------------------------------------------------------------ */

static void a_connection_stays_open_as_the_version_says(void **state)
{
    (void)state;
    HAS("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "keep alive\n");
    LACKS("GET / HTTP/1.0\r\nHost: a\r\n\r\n", "keep alive\n");
    HAS("GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n", "keep alive\n");
    FIELDS_LACK("Connection: foo, Close", "keep alive\n");
    FIELDS_LACK("Connection: keep-alive\r\nConnection: close", "keep alive\n");
}

static void headers_of_one_hop_are_marked(void **state)
{
    (void)state;
    FIELDS_HAVE("Keep-Alive: timeout=5", "- Keep-Alive=");
    FIELDS_HAVE("Proxy-Connection: keep-alive", "- Proxy-Connection=");
    FIELDS_HAVE("Proxy-Authorization: Basic eDp5", "- Proxy-Authorization=");
    FIELDS_HAVE("TE: gzip", "- TE=");
    FIELDS_HAVE("Upgrade: h2c", "- Upgrade=");
    FIELDS_HAVE("HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", "- HTTP2-Settings=");
    FIELDS_HAVE("Transfer-Encoding: chunked", "- Transfer-Encoding=");
}

static void headers_that_connection_names_are_marked(void **state)
{
    (void)state;
    FIELDS_HAVE("Connection: close, X-Trace\r\nx-trace: 7", "- x-trace=7\n");
    FIELDS_HAVE("x-trace: 7\r\nx-trace: 8\r\nConnection: ,, X-TRACE ,", "- x-trace=8\n");
    FIELDS_HAVE("X-Trac: 7\r\nX-Tracer: 8\r\nConnection: X-Trace", "+ X-Trac=7\n+ X-Tracer=8\n");
    FIELDS_HAVE("Connection: TE, Upgrade, HTTP2-Settings\r\nTE: trailers", "accepts trailers\n");
}

/* REFUSAL_CONNECTION_OPTION, RFC 9110 section 7.6.1 */
static void connection_cannot_take_away_what_is_meant_for_everyone(void **state)
{
    (void)state;
    FIELDS_REFUSED("Connection: close, Host", REFUSAL_CONNECTION_OPTION);
    FIELDS_REFUSED("Connection: content-length\r\nContent-Length: 3", REFUSAL_CONNECTION_OPTION);
    FIELDS_REFUSED("Connection: transfer-encoding", REFUSAL_CONNECTION_OPTION);
    FIELDS_REFUSED("Connection: Authorization", REFUSAL_CONNECTION_OPTION);
    FIELDS_REFUSED("Connection: Cookie", REFUSAL_CONNECTION_OPTION);
    FIELDS_REFUSED("Connection: X-Forwarded-For", REFUSAL_CONNECTION_OPTION);
    FIELDS_REFUSED("Connection: X-Forwarded-Anything", REFUSAL_CONNECTION_OPTION);
    FIELDS_REFUSED("Connection: Forwarded", REFUSAL_CONNECTION_OPTION);
}

/* REFUSAL_CONNECTION_OPTION */
static void connection_options_are_tokens_and_few(void **state)
{
    (void)state;
    FIELDS_REFUSED("Connection: close; X-A", REFUSAL_CONNECTION_OPTION);
    FIELDS_REFUSED("Connection: \"close\"", REFUSAL_CONNECTION_OPTION);
    FIELDS_HAVE("Connection: a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a\r\n"
                "Connection: a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a",
                "keep alive\n");
    FIELDS_REFUSED("Connection: a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a\r\n"
                   "Connection: a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a",
                   REFUSAL_CONNECTION_OPTION);
}

static void claims_are_believed_from_trusted_peers_only(void **state)
{
    (void)state;
    FIELDS_LACK("X-Forwarded-For: 1.2.3.4", "1.2.3.4");
    FIELDS_LACK("X-Forwarded-Client-Cert: 1.2.3.4", "1.2.3.4");
    FIELDS_LACK("Forwarded: for=1.2.3.4", "1.2.3.4");
    setting.peer_is_trusted = true;
    FIELDS_HAVE("X-Forwarded-For: 1.2.3.4", "+ X-Forwarded-For=1.2.3.4\n");
    FIELDS_LACK("X_Forwarded_For: 1.2.3.4", "1.2.3.4");
}

static void proxy_is_left_out(void **state)
{
    (void)state;
    setting.peer_is_trusted = true;
    FIELDS_LACK("Proxy: http://evil.example", "evil");
}

static void trailers_are_accepted_when_te_says_so(void **state)
{
    (void)state;
    FIELDS_HAVE("TE: gzip, Trailers", "accepts trailers\n");
    FIELDS_LACK("TE: trailers;q=0.5", "accepts trailers\n");
    FIELDS_LACK("TE: deflate", "accepts trailers\n");
}

static void a_body_is_waited_for_with_100_continue(void **state)
{
    (void)state;
    FIELDS_HAVE("Expect: 100-Continue\r\nContent-Length: 1", "expects continue\n");
    FIELDS_HAVE("Expect: 100-continue\r\nTransfer-Encoding: chunked", "expects continue\n");
    FIELDS_HAVE("Expect: 100-continue\r\nContent-Length: 1", "- Expect=");
    FIELDS_LACK("Expect: 100-continue", "expects continue\n");
    LACKS("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
          "expects continue\n");
}

/* REFUSAL_EXPECTATION, RFC 9110 section 10.1.1 */
static void another_expectation_is_refused(void **state)
{
    (void)state;
    FIELDS_REFUSED("Expect: 200-ok", REFUSAL_EXPECTATION);
    FIELDS_REFUSED("Expect: 100-continue\r\nExpect: x", REFUSAL_EXPECTATION);
}

#define HANDSHAKE                                                                                  \
    "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
#define HANDSHAKE_KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define HANDSHAKE_VERSION "Sec-WebSocket-Version: 13\r\n"

static void a_websocket_handshake_is_seen(void **state)
{
    (void)state;
    HAS(HANDSHAKE HANDSHAKE_KEY HANDSHAKE_VERSION "\r\n", "wants websocket\n");
}

static void an_incomplete_handshake_is_no_handshake(void **state)
{
    (void)state;
    const char *wish = "wants websocket\n";
    LACKS(HANDSHAKE HANDSHAKE_KEY "\r\n", wish);
    LACKS(HANDSHAKE HANDSHAKE_VERSION "\r\n", wish);
    LACKS(HANDSHAKE HANDSHAKE_VERSION "Sec-WebSocket-Key: short\r\n\r\n", wish);
    LACKS(HANDSHAKE HANDSHAKE_KEY HANDSHAKE_KEY HANDSHAKE_VERSION "\r\n", wish);
    LACKS(HANDSHAKE HANDSHAKE_KEY HANDSHAKE_VERSION "Upgrade: h2c\r\n\r\n", wish);
    LACKS(HANDSHAKE HANDSHAKE_KEY HANDSHAKE_VERSION "Content-Length: 5\r\n\r\n", wish);
    LACKS(HANDSHAKE HANDSHAKE_KEY "Sec-WebSocket-Version: 8\r\n\r\n", wish);
    LACKS("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n" HANDSHAKE_KEY HANDSHAKE_VERSION
          "\r\n",
          wish);
    LACKS("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n" HANDSHAKE_KEY
              HANDSHAKE_VERSION "\r\n",
          wish);
    LACKS("POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
          "Upgrade: websocket\r\n" HANDSHAKE_KEY HANDSHAKE_VERSION "\r\n",
          wish);
}

static void an_upgrade_to_http2_is_ignored(void **state)
{
    (void)state;
    LACKS("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
          "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
          "+ ");
}

/* --- the request line ------------------------------------------------------------------------ */

/* REFUSAL_REQUEST_LINE, RFC 9112 section 3 */
static void a_request_line_has_three_parts_and_two_blanks(void **state)
{
    (void)state;
    REFUSED("GET /\r\nHost: a\r\n\r\n", REFUSAL_REQUEST_LINE);
    REFUSED("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", REFUSAL_REQUEST_LINE);
    REFUSED("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", REFUSAL_REQUEST_LINE);
    REFUSED("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", REFUSAL_REQUEST_LINE);
    REFUSED("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", REFUSAL_REQUEST_LINE);
    REFUSED("GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", REFUSAL_REQUEST_LINE);
    REFUSED("GET / http/1.1\r\nHost: a\r\n\r\n", REFUSAL_REQUEST_LINE);
    REFUSED("GET / HTTP/1.10\r\nHost: a\r\n\r\n", REFUSAL_REQUEST_LINE);
    REFUSED("GET / HTTP/1,1\r\nHost: a\r\n\r\n", REFUSAL_REQUEST_LINE);
    REFUSED("GET / HTTP/+1.1\r\nHost: a\r\n\r\n", REFUSAL_REQUEST_LINE);
    REFUSED("GET / HTTPS/1.1\r\nHost: a\r\n\r\n", REFUSAL_REQUEST_LINE);
    REFUSED("GET\r\n\r\n", REFUSAL_REQUEST_LINE);
}

/* REFUSAL_VERSION, RFC 9110 section 15.6.6 */
static void other_versions_are_refused(void **state)
{
    (void)state;
    REFUSED("GET / HTTP/1.2\r\nHost: a\r\n\r\n", REFUSAL_VERSION);
    REFUSED("GET / HTTP/0.9\r\nHost: a\r\n\r\n", REFUSAL_VERSION);
    REFUSED("GET / HTTP/2.0\r\nHost: a\r\n\r\n", REFUSAL_VERSION);
    REFUSED("GET / HTTP/3.1\r\nHost: a\r\n\r\n", REFUSAL_VERSION);
}

/* REFUSAL_HTTP2_PREFACE, RFC 9113 section 3.4 */
static void the_http2_preface_is_refused(void **state)
{
    (void)state;
    REFUSED("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", REFUSAL_HTTP2_PREFACE);
}

/* --- limits ---------------------------------------------------------------------------------- */

/* `before`, as many 'a' as it takes to make `length` bytes with `after`, then `after`. */
static void fill(struct buffer *to, const char *before, size_t length, const char *after)
{
    buffer_reset(to);
    buffer_append_string(to, before);
    while (to->length + strlen(after) < length)
        buffer_append_char(to, 'a');
    buffer_append_string(to, after);
}

/* REFUSAL_REQUEST_LINE_TOO_LONG, RFC 9112 section 3 */
static void a_request_line_over_its_limit_is_refused(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    size_t limit = setting.limits.line_bytes;

    fill(&text, "GET /", limit, " HTTP/1.1");
    check(buffer_slice(&text), "more\n");
    fill(&text, "GET /", limit + 1, " HTTP/1.1");
    check_refused(buffer_slice(&text), REFUSAL_REQUEST_LINE_TOO_LONG);
    fill(&text, "GET /", limit + 1, "\n\x01");
    check_refused(buffer_slice(&text), REFUSAL_BARE_LF);
    fill(&text, "GET /", limit + 3, "\n\x01");
    check_refused(buffer_slice(&text), REFUSAL_REQUEST_LINE_TOO_LONG);
    buffer_clear(&text);
}

/* REFUSAL_HEAD_TOO_LARGE, RFC 6585 section 5 */
static void a_head_over_its_limit_is_refused(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    size_t limit = setting.limits.head_bytes;

    fill(&text, "GET / HTTP/1.1\r\nHost: a\r\nX: ", limit, "\r\n\r\n");
    check_lines(buffer_slice(&text), "left over: 0\n", NULL);
    fill(&text, "GET / HTTP/1.1\r\nHost: a\r\nX: ", limit + 1, "\r\n\r\n");
    check_refused(buffer_slice(&text), REFUSAL_HEAD_TOO_LARGE);
    fill(&text, "GET / HTTP/1.1\r\nHost: a\r\nX: ", limit + 10000, "");
    check_refused(buffer_slice(&text), REFUSAL_HEAD_TOO_LARGE);
    buffer_clear(&text);
}

/* REFUSAL_TOO_MANY_FIELDS, RFC 6585 section 5 */
static void more_headers_than_the_limit_are_refused(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    buffer_append_string(&text, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (size_t i = 1; i < setting.headers; i++)
        buffer_append_string(&text, i % 2 == 0 ? "X-A: b\r\n" : "X_A: b\r\n");
    buffer_append_string(&text, "\r\n");
    check_lines(buffer_slice(&text), "left over: 0\n", NULL);

    setting.headers--;
    check_refused(buffer_slice(&text), REFUSAL_TOO_MANY_FIELDS);
    buffer_clear(&text);
}

/* Sixteen million calls would take hours if each looked at all bytes again. */
static void a_head_byte_by_byte_costs_no_more_than_its_bytes(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    fill(&text, "GET / HTTP/1.1\r\nHost: a\r\nX: ", 16 << 20, "");
    struct header headers[2];
    struct header_tag tags[2];
    struct request_limits limits = {.line_bytes = 16384, .head_bytes = SIZE_MAX};
    char host[REQUEST_HOST_BYTES];
    struct request_areas areas = {.fields = {headers, tags, 2, 0}, .host = host};
    struct request_parser parser;
    request_parser_init(&parser, &limits, areas, SLICE("http"), false);

    for (size_t length = 1; length <= text.length; length++)
        assert_int_equal(request_parser_feed(&parser, text.at, length), PARSE_MORE);

    buffer_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REQUEST_TEST(a_request_is_taken_apart),
        REQUEST_TEST(bytes_outside_ascii_may_stand_in_values),
        REQUEST_TEST(an_incomplete_head_wants_more),
        REQUEST_TEST(one_empty_line_in_front_is_forgiven),
        REQUEST_TEST(the_next_request_is_not_touched),
        REQUEST_TEST(bare_lf_is_refused),
        REQUEST_TEST(bare_cr_is_refused),
        REQUEST_TEST(control_characters_are_refused),
        REQUEST_TEST(something_else_than_http_is_refused_at_its_first_byte),
        REQUEST_TEST(folded_fields_are_refused),
        REQUEST_TEST(names_that_are_no_tokens_are_refused),
        REQUEST_TEST(names_with_an_underscore_are_left_out),
        REQUEST_TEST(content_length_is_digits_and_nothing_else),
        REQUEST_TEST(content_length_does_not_overflow),
        REQUEST_TEST(two_content_lengths_are_refused_even_when_equal),
        REQUEST_TEST(transfer_encoding_is_exactly_chunked),
        REQUEST_TEST(two_transfer_encodings_are_refused),
        REQUEST_TEST(transfer_encoding_in_1_0_is_refused),
        REQUEST_TEST(content_length_with_transfer_encoding_is_refused),
        REQUEST_TEST(a_body_over_the_limit_is_refused_by_its_announcement),
        REQUEST_TEST(a_connection_stays_open_as_the_version_says),
        REQUEST_TEST(headers_of_one_hop_are_marked),
        REQUEST_TEST(headers_that_connection_names_are_marked),
        REQUEST_TEST(connection_cannot_take_away_what_is_meant_for_everyone),
        REQUEST_TEST(connection_options_are_tokens_and_few),
        REQUEST_TEST(claims_are_believed_from_trusted_peers_only),
        REQUEST_TEST(proxy_is_left_out),
        REQUEST_TEST(trailers_are_accepted_when_te_says_so),
        REQUEST_TEST(a_body_is_waited_for_with_100_continue),
        REQUEST_TEST(another_expectation_is_refused),
        REQUEST_TEST(a_websocket_handshake_is_seen),
        REQUEST_TEST(an_incomplete_handshake_is_no_handshake),
        REQUEST_TEST(an_upgrade_to_http2_is_ignored),
        REQUEST_TEST(a_request_line_has_three_parts_and_two_blanks),
        REQUEST_TEST(other_versions_are_refused),
        REQUEST_TEST(the_http2_preface_is_refused),
        REQUEST_TEST(a_request_line_over_its_limit_is_refused),
        REQUEST_TEST(a_head_over_its_limit_is_refused),
        REQUEST_TEST(more_headers_than_the_limit_are_refused),
        REQUEST_TEST(a_head_byte_by_byte_costs_no_more_than_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
