/* Hostile request cases: requests that can be read in two ways, or that try to pass for something
 * they are not, and what must become of each. */
#ifndef TESTS_INTEGRATION_HOSTILE_REQUEST_CASES_H
#define TESTS_INTEGRATION_HOSTILE_REQUEST_CASES_H

#include <stddef.h>

struct hostile_case {
    const char *bytes;
    size_t length;
    int status;
    /* For those that are served: what is in the head or body that arrives, and what is not. */
    const char *arrives;
    const char *vanishes;
};

#define SMUGGLED "GET /smuggled HTTP/1.1\r\nHost: shop.internal\r\n\r\n"

#define REFUSED(status, bytes)                                                                     \
    {                                                                                              \
        (bytes), sizeof(bytes) - 1, (status), NULL, NULL                                           \
    }
#define SERVED(bytes, arrives, vanishes)                                                           \
    {                                                                                              \
        (bytes), sizeof(bytes) - 1, 200, (arrives), (vanishes)                                     \
    }

#define HOST "Host: shop.internal\r\n"
/* Refused for its target, its host, its fields, or its fields and body. */
#define TARGET(target) REFUSED(400, "GET " target " HTTP/1.1\r\n" HOST "\r\n")
#define HOSTS(fields) REFUSED(400, "GET / HTTP/1.1\r\n" fields "\r\n")
#define FIELDS(fields) REFUSED(400, "GET / HTTP/1.1\r\n" HOST fields "\r\n\r\n")
#define BODY(fields, body) REFUSED(400, "POST / HTTP/1.1\r\n" HOST fields "\r\n\r\n" body)
#define CHUNKS(body) BODY("Transfer-Encoding: chunked", body)
/* Served, and what becomes of target, fields or body. */
#define TARGET_SERVED(target, arrives)                                                             \
    SERVED("GET " target " HTTP/1.1\r\n" HOST "\r\n", "GET " arrives " HTTP/1.1\r\n", NULL)
#define FIELDS_SERVED(fields, arrives, vanishes)                                                   \
    SERVED("GET / HTTP/1.1\r\n" HOST fields "\r\n\r\n", arrives, vanishes)
#define BODY_SERVED(fields, body, arrives, vanishes)                                               \
    SERVED("POST / HTTP/1.1\r\n" HOST fields "\r\n\r\n" body, arrives, vanishes)

/* --- the cases ------------------------------------------------------------------------------- */

static const struct hostile_case framing_cases[] = {
    BODY("Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
    BODY("Transfer-Encoding: chunked\r\nContent-Length: 6", "0\r\n\r\n"),
    BODY("Transfer-Encoding: chunked\r\nContent-Length: 0", "0\r\n\r\n"),
    BODY("Content-Length: 5\r\nContent-Length: 5", "hello"),
    BODY("Content-Length: 5\r\nContent-Length: 6", "hello"),
    BODY("Content-Length: 5\r\ncontent-length: 0", "hello"),
    BODY("Content-Length: 5, 5", "hello"),
    BODY("Content-Length: +5", "hello"),
    BODY("Content-Length: -5", "hello"),
    BODY("Content-Length: 0x5", "hello"),
    BODY("Content-Length: 5 5", "hello"),
    BODY("Content-Length: 5\x0b", "hello"),
    BODY("Content-Length: five", "hello"),
    BODY("Content-Length: ", "hello"),
    BODY("Content-Length: 5;", "hello"),
    BODY("Content-Length: 5.0", "hello"),
    BODY("Content-Length: 5e0", "hello"),
    BODY("Content-Length: 18446744073709551621", "hello"),
    BODY("Content-Length: 9223372036854775808", "hello"),
    BODY("Content-Length : 5", "hello"),
    BODY("Transfer-Encoding : chunked", "0\r\n\r\n"),
    BODY("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
    BODY("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"),
    BODY("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
    BODY("Transfer-Encoding: identity", "hello"),
    BODY("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"),
    BODY("Transfer-Encoding: chunked, gzip", "0\r\n\r\n"),
    BODY("Transfer-Encoding: chunked, chunked", "0\r\n\r\n"),
    BODY("Transfer-Encoding: xchunked", "0\r\n\r\n"),
    BODY("Transfer-Encoding: chunked;x=y", "0\r\n\r\n"),
    BODY("Transfer-Encoding: \"chunked\"", "0\r\n\r\n"),
    BODY("Transfer-Encoding: cHuNkEd", "0\r\n\r\n"),
    BODY("Transfer-Encoding: ,chunked", "0\r\n\r\n"),
    BODY("Transfer-Encoding: \x0b"
         "chunked",
         "0\r\n\r\n"),
    BODY("Transfer-Encoding:\r\n chunked", "0\r\n\r\n"),
    BODY("Transfer-Encoding: chunked\xa0", "0\r\n\r\n"),
    BODY("Transfer-Encoding:", "0\r\n\r\n"),
    BODY("Transfer-Encoding: chunk", "0\r\n\r\n"),
    REFUSED(400, "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    REFUSED(400, "POST / HTTP/1.0\r\n" HOST
                 "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    BODY_SERVED("Content-Length: 005", "hello", "content-length: 5\r\n", "Length: 005"),
    BODY_SERVED("Transfer-Encoding: chunked\r\nTransfer_Encoding: identity", "0\r\n\r\n",
                "transfer-encoding: chunked\r\n", "identity"),
    BODY_SERVED("Content-Length: 5\r\nContent_Length: 0", "hello", "hello", "Content_Length"),
};

static const struct hostile_case chunk_cases[] = {
    CHUNKS("0x5\r\nhello\r\n0\r\n\r\n"),
    CHUNKS("+5\r\nhello\r\n0\r\n\r\n"),
    CHUNKS("-5\r\nhello\r\n0\r\n\r\n"),
    CHUNKS(" 5\r\nhello\r\n0\r\n\r\n"),
    CHUNKS("5 \r\nhello\r\n0\r\n\r\n"),
    CHUNKS("5\thello\r\n0\r\n\r\n"),
    CHUNKS("5\nhello\r\n0\r\n\r\n"),
    CHUNKS("5\rhello\r\n0\r\n\r\n"),
    CHUNKS("5\r\nhello\n0\r\n\r\n"),
    CHUNKS("5\r\nhello0\r\n\r\n"),
    CHUNKS("5\r\nhelloo\r\n0\r\n\r\n"),
    CHUNKS("5_0\r\nhello\r\n0\r\n\r\n"),
    CHUNKS("g\r\nhello\r\n0\r\n\r\n"),
    CHUNKS("\r\nhello\r\n0\r\n\r\n"),
    CHUNKS(";x\r\nhello\r\n0\r\n\r\n"),
    CHUNKS("00000000000000005\r\nhello\r\n0\r\n\r\n"),
    CHUNKS("10000000000000005\r\nhello\r\n0\r\n\r\n"),
    CHUNKS("ffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    CHUNKS("8000000000000000\r\nhello\r\n0\r\n\r\n"),
    CHUNKS("5;x\nhello\r\n0\r\n\r\n"),
    CHUNKS("5;a\0b\r\nhello\r\n0\r\n\r\n"),
    CHUNKS("0\r\nX: a\n\r\n"),
    CHUNKS("0\r\nX : a\r\n\r\n"),
    CHUNKS("0\r\nX: a\r\n folded\r\n\r\n"),
    CHUNKS("0\r\nX: \0\r\n\r\n"),
    CHUNKS("0\r\n\n"),
    CHUNKS("0\r\n" SMUGGLED),
    BODY_SERVED("Transfer-Encoding: chunked", "5;x=y;z\r\nhello\r\n00\r\n\r\n", "hello", "x=y"),
    BODY_SERVED(
        "Transfer-Encoding: chunked",
        "1\r\nh\r\n4;\r\nello\r\n0\r\nContent-Length: 50\r\nHost: evil\r\nX_A: evil\r\n\r\n",
        "hello", "evil"),
};

static const struct hostile_case line_cases[] = {
    REFUSED(400, "GET / HTTP/1.1\n" HOST "\r\n"),
    REFUSED(400, "GET / HTTP/1.1\r\nHost: shop.internal\n\r\n"),
    REFUSED(400, "GET / HTTP/1.1\r\n" HOST "\n"),
    REFUSED(400, "\nGET / HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(400, "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(400, "GET / HTTP/1.1\r" HOST "\r\n"),
    FIELDS("X: a\nY: b"),
    FIELDS("X: a\rY: b"),
    FIELDS("X: a\r\n folded"),
    FIELDS("X: a\r\n\tfolded"),
    FIELDS(" X: a"),
    FIELDS("X : a"),
    FIELDS("X\t: a"),
    FIELDS(": a"),
    FIELDS("no colon"),
    FIELDS("X Y: a"),
    FIELDS("X\0: a"),
    FIELDS("X: a\0b"),
    FIELDS("X: a\x01"),
    FIELDS("X: a\x08"),
    FIELDS("X: a\x0c"),
    FIELDS("X: a\x1b[0m"),
    FIELDS("X: a\x7f"),
    FIELDS("X[0]: a"),
    FIELDS("{X}: a"),
    FIELDS("\xef\xbb\xbfX: a"),
    FIELDS("X\xa0: a"),
    FIELDS("GET /smuggled HTTP/1.1"),
    REFUSED(400, "GET /\r\n" HOST "\r\n"),
    REFUSED(400, "GET\r\n\r\n"),
    REFUSED(400, "GET  / HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(400, "GET /  HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(400, "GET / HTTP/1.1 \r\n" HOST "\r\n"),
    REFUSED(400, "GET / HTTP/1.1\t\r\n" HOST "\r\n"),
    REFUSED(400, " GET / HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(400, "GET\t/ HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(400, "GET /\tHTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(400, "GET / HTTP/1.1 GET /smuggled HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(400, "GET / http/1.1\r\n" HOST "\r\n"),
    REFUSED(400, "GET / HTTP/1\r\n" HOST "\r\n"),
    REFUSED(400, "GET / HTTP/1.01\r\n" HOST "\r\n"),
    REFUSED(400, "GET / HTTP/11\r\n" HOST "\r\n"),
    REFUSED(505, "GET / HTTP/1.2\r\n" HOST "\r\n"),
    REFUSED(505, "GET / HTTP/0.9\r\n" HOST "\r\n"),
    REFUSED(505, "GET / HTTP/2.0\r\n" HOST "\r\n"),
    REFUSED(400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"),
    REFUSED(400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    REFUSED(400, "G@T / HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(400, "G\0T / HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(400, "GET: / HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(405, "CONNECT shop.internal:80 HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(405, "CONNECT / HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(405, "TRACE / HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED(405, "Trace / HTTP/1.1\r\n" HOST "\r\n"),
    SERVED("\r\nGET /a HTTP/1.1\r\n" HOST "\r\n", "GET /a HTTP/1.1\r\n", NULL),
    SERVED("get /a HTTP/1.1\r\n" HOST "\r\n", "get /a HTTP/1.1\r\n", NULL),
    SERVED("GET /a HTTP/1.0\r\n" HOST "\r\n", "GET /a HTTP/1.1\r\n", NULL),
};

static const struct hostile_case target_cases[] = {
    TARGET("shop"),
    TARGET("*"),
    TARGET("shop.internal:80"),
    TARGET("?x"),
    TARGET("\\"),
    TARGET("/a#b"),
    TARGET("/#"),
    TARGET("/a?b#c"),
    TARGET("/a\\b"),
    TARGET("/a\\..\\b"),
    TARGET("/a b"),
    TARGET("/caf\xc3\xa9"),
    TARGET("/\x80"),
    TARGET("/?\xff"),
    TARGET("/a\x7f"),
    TARGET("/a\0b"),
    TARGET("/%00"),
    TARGET("/a%00.html"),
    TARGET("/%"),
    TARGET("/%1"),
    TARGET("/%zz"),
    TARGET("/%u0041"),
    TARGET("/%4?1"),
    TARGET("/."),
    TARGET("/.."),
    TARGET("/a/."),
    TARGET("/a/./b"),
    TARGET("/a/../b"),
    TARGET("/a//../b"),
    TARGET("/a/..?x"),
    TARGET("/%2e"),
    TARGET("/%2e%2e/b"),
    TARGET("/a/%2E./b"),
    TARGET("/a/.%2e/b"),
    TARGET("/a%2f..%2fb"),
    TARGET("/a/..%2f..%2fb"),
    TARGET("/a/..%5cb"),
    TARGET("/a%5c..%5cb"),
    TARGET("/a/..;/b"),
    TARGET("/a/..;x=y/b"),
    TARGET("http://evil.example/"),
    TARGET("http://shop.internal:81/"),
    TARGET("http://user@shop.internal/"),
    TARGET("http://shop.internal@evil.example/"),
    TARGET("http://shop.internal\\@evil.example/"),
    TARGET("http:///"),
    TARGET("http:/a"),
    TARGET("https://shop.internal/"),
    TARGET("ftp://shop.internal/"),
    TARGET("javascript://shop.internal/"),
    TARGET("http://shop.internal/.."),
    REFUSED(400, "OPTIONS *x HTTP/1.1\r\n" HOST "\r\n"),
    TARGET_SERVED("http://shop.internal/a?b", "/a?b"),
    TARGET_SERVED("HTTP://SHOP.internal", "/"),
    TARGET_SERVED("http://shop.internal?b", "/?b"),
    TARGET_SERVED("/%61%7e%2D", "/a~-"),
    TARGET_SERVED("/%2f%c3%a9", "/%2F%C3%A9"),
    TARGET_SERVED("/%252e%252e/", "/%252e%252e/"),
    TARGET_SERVED("//a//", "//a//"),
    TARGET_SERVED("/a;x=../b", "/a;x=../b"),
    TARGET_SERVED("/...", "/..."),
    TARGET_SERVED("/?/../%2e%zz", "/?/../%2e%zz"),
    TARGET_SERVED("/?", "/?"),
};

static const struct hostile_case host_cases[] = {
    HOSTS(""),
    HOSTS("Host:\r\n"),
    HOSTS("Host: shop.internal\r\nHost: shop.internal\r\n"),
    HOSTS("Host: shop.internal\r\nhost: evil.example\r\n"),
    HOSTS("Host: shop.internal, evil.example\r\n"),
    HOSTS("Host: shop.internal evil.example\r\n"),
    HOSTS("Host: shop.internal/evil\r\n"),
    HOSTS("Host: shop.internal?evil\r\n"),
    HOSTS("Host: shop.internal#evil\r\n"),
    HOSTS("Host: user@shop.internal\r\n"),
    HOSTS("Host: shop.internal@evil.example\r\n"),
    HOSTS("Host: http://shop.internal\r\n"),
    HOSTS("Host: shop.internal:\r\n"),
    HOSTS("Host: shop.internal:0\r\n"),
    HOSTS("Host: shop.internal:65536\r\n"),
    HOSTS("Host: shop.internal:+80\r\n"),
    HOSTS("Host: shop.internal:80:80\r\n"),
    HOSTS("Host: shop.internal:80@evil.example\r\n"),
    HOSTS("Host: shop..internal\r\n"),
    HOSTS("Host: .shop.internal\r\n"),
    HOSTS("Host: *.internal\r\n"),
    HOSTS("Host: shop%2einternal\r\n"),
    HOSTS("Host: shop.internal\xe3\x80\x82\r\n"),
    HOSTS("Host: [::1\r\n"),
    HOSTS("Host: [::1]evil\r\n"),
    HOSTS("Host: [::1%25lo]\r\n"),
    HOSTS("Host: ::1\r\n"),
    HOSTS("Host: \"shop.internal\"\r\n"),
    HOSTS("Host : shop.internal\r\n"),
    HOSTS(" Host: shop.internal\r\n"),
    REFUSED(400, "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
    SERVED("GET /a HTTP/1.1\r\nHost: SHOP.Internal.:80\r\n\r\n", "SHOP.Internal.:80\r\n", NULL),
};

static const struct hostile_case header_cases[] = {
    FIELDS("Connection: Host"),
    FIELDS("Connection: close, Content-Length"),
    FIELDS("Connection: Transfer-Encoding"),
    FIELDS("Connection: Authorization"),
    FIELDS("Connection: Cookie"),
    FIELDS("Connection: X-Forwarded-For"),
    FIELDS("Connection: close; X-A"),
    FIELDS("Connection: a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a"),
    REFUSED(417, "GET / HTTP/1.1\r\n" HOST "Expect: 200-ok\r\n\r\n"),
    FIELDS_SERVED("X_Forwarded_For: evil", "x-forwarded-for: 127.0.0.1\r\n", "evil"),
    FIELDS_SERVED("X-Forwarded-For: evil", "x-forwarded-for: 127.0.0.1\r\n", "evil"),
    FIELDS_SERVED("X-Forwarded-Proto: evil", "x-forwarded-proto: http\r\n", "evil"),
    FIELDS_SERVED("X-Forwarded-Host: evil", "x-forwarded-host: shop.internal\r\n", "evil"),
    FIELDS_SERVED("X-Forwarded-Client-Cert: evil", "/ HTTP/1.1\r\n", "evil"),
    FIELDS_SERVED("Forwarded: for=evil", "/ HTTP/1.1\r\n", "evil"),
    FIELDS_SERVED("Proxy: http://evil", "/ HTTP/1.1\r\n", "evil"),
    FIELDS_SERVED("Proxy-Connection: evil", "/ HTTP/1.1\r\n", "evil"),
    FIELDS_SERVED("Proxy-Authorization: evil", "/ HTTP/1.1\r\n", "evil"),
    FIELDS_SERVED("Keep-Alive: evil", "/ HTTP/1.1\r\n", "evil"),
    FIELDS_SERVED("TE: evil", "/ HTTP/1.1\r\n", "evil"),
    FIELDS_SERVED("TE: evil, trailers", "te: trailers\r\n", "evil"),
    FIELDS_SERVED("Upgrade: evil\r\nConnection: upgrade", "/ HTTP/1.1\r\n", "evil"),
    FIELDS_SERVED("Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: evil",
                  "/ HTTP/1.1\r\n", "evil"),
    FIELDS_SERVED("HTTP2-Settings: evil", "/ HTTP/1.1\r\n", "evil"),
    FIELDS_SERVED("X-A: evil\r\nConnection: x-a\r\nx-A: evil", "/ HTTP/1.1\r\n", "evil"),
    FIELDS_SERVED("Connection: X-B\r\nX-A: good\r\nX-BB: good", "X-BB: good\r\n", "X-B\r\n"),
    FIELDS_SERVED("X-A:\t padded \t", "X-A: padded\r\n", NULL),
    FIELDS_SERVED("X-A: caf\xc3\xa9 \xff", "X-A: caf\xc3\xa9 \xff\r\n", NULL),
    FIELDS_SERVED("x!#$%&'*+-.^`|~9: odd", "x!#$%&'*+-.^`|~9: odd\r\n", NULL),
};

#endif
