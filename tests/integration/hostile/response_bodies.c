/* Bodies of responses: chunks that break, ends that come too early, and answers that are fine, with
 * exactly what their client sees (RFC 9112 sections 6.3, 7.1 and 8). */
#include "tests/integration/hostile/responses.h"

/* --- chunks ---------------------------------------------------------------------------------- */

#define CHUNKS_BROKEN(bytes) BROKEN(CHUNKED "2\r\nab\r\n" bytes, SERVICE_STAYS)

static const struct response_case response_chunks_cases[] = {
    CHUNKS_BROKEN("0x5\r\nhello\r\n"),
    CHUNKS_BROKEN("+5\r\nhello\r\n"),
    CHUNKS_BROKEN("-5\r\nhello\r\n"),
    CHUNKS_BROKEN("-1\r\n"),
    CHUNKS_BROKEN(" 5\r\nhello\r\n"),
    CHUNKS_BROKEN("5 \r\nhello\r\n"),
    CHUNKS_BROKEN("5\t\r\nhello\r\n"),
    CHUNKS_BROKEN("5\nhello\r\n"),
    CHUNKS_BROKEN("5\rhello\r\n"),
    CHUNKS_BROKEN("5\r\r\nhello\r\n"),
    CHUNKS_BROKEN("5\r\nhello\n"),
    CHUNKS_BROKEN("5\r\nhello0\r\n\r\n"),
    CHUNKS_BROKEN("5\r\nhelloworld\r\n"),
    CHUNKS_BROKEN("5\r\nhell\r\n0\r\n\r\n"),
    CHUNKS_BROKEN("5\r\nhello\r\r\n"),
    CHUNKS_BROKEN("ffffffffffffffff\r\nhello\r\n"),
    CHUNKS_BROKEN("fffffffffffffffe\r\nhello\r\n"),
    CHUNKS_BROKEN("8000000000000000\r\nhello\r\n"),
    CHUNKS_BROKEN("7fffffffffffffff\r\nhello\r\n"),
    CHUNKS_BROKEN("00000000000000005\r\nhello\r\n"),
    CHUNKS_BROKEN("10000000000000005\r\nhello\r\n"),
    CHUNKS_BROKEN("g\r\n"),
    CHUNKS_BROKEN("5_0\r\n"),
    CHUNKS_BROKEN("5,\r\n"),
    CHUNKS_BROKEN("\r\n"),
    CHUNKS_BROKEN("\r\n0\r\n\r\n"),
    CHUNKS_BROKEN(";\r\n"),
    CHUNKS_BROKEN("5;\nhello\r\n"),
    CHUNKS_BROKEN("5;a\rhello\r\n"),
    CHUNKS_BROKEN("5;a=\"\n\"\r\nhello\r\n"),
    CHUNKS_BROKEN("5;\000\r\nhello\r\n"),
    CHUNKS_BROKEN("5\000\r\nhello\r\n"),
    CHUNKS_BROKEN("5\013\r\nhello\r\n"),
    CHUNKS_BROKEN("\377\r\n"),
    CHUNKS_BROKEN("0\n\n"),
    CHUNKS_BROKEN("0\r\n\n"),
    CHUNKS_BROKEN("0\r\r\n"),
    CHUNKS_BROKEN("0\r\n\rX"),
    CHUNKS_BROKEN("0\r\nno colon\r\n\r\n"),
    CHUNKS_BROKEN("0\r\nA : b\r\n\r\n"),
    CHUNKS_BROKEN("0\r\n A: b\r\n\r\n"),
    CHUNKS_BROKEN("0\r\nA: b\n\r\n"),
    CHUNKS_BROKEN("0\r\nA: b\r\n folded\r\n\r\n"),
    CHUNKS_BROKEN("0\r\nA: \000\r\n\r\n"),
    CHUNKS_BROKEN("0\r\n: b\r\n\r\n"),
    CHUNKS_BROKEN("0\r\n" POISON),
    CHUNKS_BROKEN(POISON),
};

RESPONSE_THEME(response_chunks);

/* --- ends that come too early ---------------------------------------------------------------- */

#define UNAVAILABLE(bytes, end) RESPONSE(bytes, end, VIEW_UNAVAILABLE, NULL)
#define CUT(bytes) BROKEN(bytes, SERVICE_CLOSES), BROKEN(bytes, SERVICE_RESETS)
#define CUT_FOR_1_0(bytes)                                                                         \
    {                                                                                              \
        (bytes), sizeof(bytes) - 1, SERVICE_RESETS, VIEW_BROKEN, NULL, NULL, true                  \
    }

static const struct response_case response_ends_cases[] = {
    UNAVAILABLE("", SERVICE_CLOSES),
    UNAVAILABLE("", SERVICE_RESETS),
    UNAVAILABLE("H", SERVICE_CLOSES),
    UNAVAILABLE("HTTP/1.1 200", SERVICE_CLOSES),
    UNAVAILABLE("HTTP/1.1 200 OK\r", SERVICE_CLOSES),
    UNAVAILABLE(OK, SERVICE_CLOSES),
    UNAVAILABLE(OK "Content-Length: 5\r\n", SERVICE_CLOSES),
    UNAVAILABLE(OK "Content-Length: 5\r\n", SERVICE_RESETS),
    UNAVAILABLE(OK "Content-Length: 5\r\n\r", SERVICE_CLOSES),
    UNAVAILABLE("HTTP/1.1 100 Continue\r\n\r\n", SERVICE_CLOSES),
    UNAVAILABLE("HTTP/1.1 103 Hints\r\n\r\n", SERVICE_CLOSES),
    UNAVAILABLE("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", SERVICE_CLOSES),
    CUT(OK "Content-Length: 50\r\n\r\n"),
    CUT(OK "Content-Length: 50\r\n\r\nhello"),
    CUT(OK "Content-Length: 6\r\n\r\nhello"),
    CUT(OK "Content-Length: 9223372036854775807\r\n\r\nhello"),
    CUT("HTTP/1.0 200 OK\r\nContent-Length: 50\r\n\r\nhello"),
    CUT(OK "Connection: close\r\nContent-Length: 50\r\n\r\nhello"),
    CUT(CHUNKED),
    CUT(CHUNKED "5"),
    CUT(CHUNKED "5\r"),
    CUT(CHUNKED "5\r\n"),
    CUT(CHUNKED "5\r\nhel"),
    CUT(CHUNKED "5\r\nhello"),
    CUT(CHUNKED "5\r\nhello\r"),
    CUT(CHUNKED "5\r\nhello\r\n"),
    CUT(CHUNKED "5\r\nhello\r\n0"),
    CUT(CHUNKED "5\r\nhello\r\n0\r\n"),
    CUT(CHUNKED "5\r\nhello\r\n0\r\n\r"),
    CUT(CHUNKED "5\r\nhello\r\n0\r\nA: b"),
    CUT(CHUNKED "5\r\nhello\r\n0\r\nA: b\r\n"),
    CUT(CHUNKED "5;a"),
    CUT(CHUNKED "7fffffffffffff\r\nhello"),
    /* until its end: only a reset says that it was none */
    BROKEN(OK "\r\nhello", SERVICE_RESETS),
    BROKEN("HTTP/1.0 200 OK\r\n\r\nhello", SERVICE_RESETS),
    /* a client that knows no chunks is told by a reset, too */
    CUT_FOR_1_0(OK "Content-Length: 50\r\n\r\nhello"),
    CUT_FOR_1_0(CHUNKED "5\r\nhello\r\n"),
    CUT_FOR_1_0(CHUNKED "5\r\nhello\r\n5\nhello"),
    CUT_FOR_1_0(OK "\r\nhello"),
};

RESPONSE_THEME(response_ends);

/* --- answers --------------------------------------------------------------------------------- */

#define ANSWER(bytes, end, text) RESPONSE(bytes, end, VIEW_COMPLETE, text)
#define ANSWER_TO(method, bytes, end, text)                                                        \
    {                                                                                              \
        (bytes), sizeof(bytes) - 1, (end), VIEW_COMPLETE, (text), (method), false                  \
    }
#define ANSWER_TO_1_0(bytes, text)                                                                 \
    {                                                                                              \
        (bytes), sizeof(bytes) - 1, SERVICE_SERVES, VIEW_COMPLETE, (text), NULL, true              \
    }
#define HELLO "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
#define CHUNKED_HELLO "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nhello"
/* With one more field, which arrives as it says or not at all. */
#define FIELD_ARRIVES(field, arrives)                                                              \
    ANSWER(OK field "\r\nContent-Length: 5\r\n\r\nhello", SERVICE_SERVES,                          \
           "HTTP/1.1 200 OK\r\n" arrives "content-length: 5\r\n\r\nhello")

static const struct response_case answers_cases[] = {
    /* the connection is used again when nothing speaks against it */
    ANSWER(OK "Content-Length: 5\r\n\r\nhello", SERVICE_SERVES, HELLO),
    ANSWER(OK "content-length:5\r\n\r\nhello", SERVICE_SERVES, HELLO),
    ANSWER(OK "Content-Length: 005\r\n\r\nhello", SERVICE_SERVES, HELLO),
    ANSWER("HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", SERVICE_SERVES,
           "HTTP/1.1 200 \r\ncontent-length: 5\r\n\r\nhello"),
    ANSWER("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", SERVICE_SERVES,
           "HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n"),
    ANSWER("HTTP/1.1 200 \377 HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", SERVICE_SERVES,
           "HTTP/1.1 200 \377 HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello"),
    ANSWER("HTTP/1.1 599 Odd\r\nContent-Length: 5\r\n\r\nhello", SERVICE_SERVES,
           "HTTP/1.1 599 Odd\r\ncontent-length: 5\r\n\r\nhello"),
    ANSWER(CHUNKED "5\r\nhello\r\n0\r\n\r\n", SERVICE_SERVES, CHUNKED_HELLO),
    ANSWER(OK "Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", SERVICE_SERVES,
           CHUNKED_HELLO),
    ANSWER(CHUNKED "5;a=b;c=\"d\"\r\nhello\r\n00;c\r\n\r\n", SERVICE_SERVES, CHUNKED_HELLO),
    ANSWER(CHUNKED "5\r\nhello\r\n0\r\nA: b\r\nContent-Length: 50\r\n\r\n", SERVICE_SERVES,
           CHUNKED_HELLO),
    ANSWER(CHUNKED "0\r\n\r\n", SERVICE_SERVES,
           "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
    ANSWER("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
           SERVICE_SERVES, HELLO),
    ANSWER("HTTP/1.1 204 None\r\n\r\n", SERVICE_SERVES, "HTTP/1.1 204 None\r\n\r\n"),
    ANSWER("HTTP/1.1 204 None\r\nContent-Length: 0\r\n\r\n", SERVICE_SERVES,
           "HTTP/1.1 204 None\r\n\r\n"),
    ANSWER("HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n", SERVICE_SERVES,
           "HTTP/1.1 304 Same\r\ncontent-length: 5\r\n\r\n"),
    ANSWER("HTTP/1.1 304 Same\r\nTransfer-Encoding: chunked\r\n\r\n", SERVICE_SERVES,
           "HTTP/1.1 304 Same\r\n\r\n"),
    ANSWER_TO("HEAD", OK "Content-Length: 5\r\n\r\n", SERVICE_SERVES,
              "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"),
    ANSWER_TO("HEAD", CHUNKED, SERVICE_SERVES, "HTTP/1.1 200 OK\r\n\r\n"),

    /* and not when something does */
    ANSWER("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", SERVICE_STAYS, HELLO),
    ANSWER(OK "Connection: close\r\nContent-Length: 5\r\n\r\nhello", SERVICE_STAYS, HELLO),
    ANSWER(OK "Connection: keep-alive, Close\r\nContent-Length: 5\r\n\r\nhello", SERVICE_STAYS,
           HELLO),
    ANSWER(OK "\r\nhello", SERVICE_CLOSES, CHUNKED_HELLO),
    ANSWER("HTTP/1.0 200 OK\r\n\r\nhello", SERVICE_CLOSES, CHUNKED_HELLO),
    ANSWER(OK "Connection: keep-alive\r\n\r\nhello", SERVICE_CLOSES, CHUNKED_HELLO),
    ANSWER(OK "\r\n" POISON, SERVICE_CLOSES,
           "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" POISON),

    /* what stands behind an answer is no answer to the next request */
    ANSWER(OK "Content-Length: 5\r\n\r\nhello" POISON, SERVICE_STAYS, HELLO),
    ANSWER(OK "Content-Length: 5\r\n\r\nhello\r\n", SERVICE_STAYS, HELLO),
    ANSWER(OK "Content-Length: 5\r\n\r\nhello\000", SERVICE_STAYS, HELLO),
    ANSWER(OK "Content-Length: 0\r\n\r\n" POISON, SERVICE_STAYS,
           "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    ANSWER(CHUNKED "5\r\nhello\r\n0\r\n\r\n" POISON, SERVICE_STAYS, CHUNKED_HELLO),
    ANSWER(CHUNKED "5\r\nhello\r\n0\r\n\r\n\r\n", SERVICE_STAYS, CHUNKED_HELLO),
    ANSWER(CHUNKED "5\r\nhello\r\n0\r\nA: b\r\n\r\n0\r\n\r\n", SERVICE_STAYS, CHUNKED_HELLO),
    ANSWER("HTTP/1.1 204 None\r\n\r\n" POISON, SERVICE_STAYS, "HTTP/1.1 204 None\r\n\r\n"),
    ANSWER("HTTP/1.1 204 None\r\nContent-Length: 6\r\n\r\npoison", SERVICE_STAYS,
           "HTTP/1.1 204 None\r\n\r\n"),
    ANSWER("HTTP/1.1 204 None\r\nContent-Length: 6\r\n\r\n", SERVICE_STAYS,
           "HTTP/1.1 204 None\r\n\r\n"),
    ANSWER("HTTP/1.1 204 None\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
           SERVICE_STAYS, "HTTP/1.1 204 None\r\n\r\n"),
    ANSWER("HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n" POISON, SERVICE_STAYS,
           "HTTP/1.1 304 Same\r\ncontent-length: 5\r\n\r\n"),
    ANSWER("HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\nhello", SERVICE_STAYS,
           "HTTP/1.1 304 Same\r\ncontent-length: 5\r\n\r\n"),
    ANSWER_TO("HEAD", OK "Content-Length: 6\r\n\r\npoison", SERVICE_STAYS,
              "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n"),
    ANSWER_TO("HEAD", CHUNKED "5\r\nhello\r\n0\r\n\r\n", SERVICE_STAYS, "HTTP/1.1 200 OK\r\n\r\n"),
    ANSWER_TO("HEAD", OK "\r\n" POISON, SERVICE_STAYS, "HTTP/1.1 200 OK\r\n\r\n"),
    ANSWER_TO("HEAD", OK "Content-Length: 0\r\n\r\n" POISON, SERVICE_STAYS,
              "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),

    /* informational heads, in front */
    ANSWER("HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 5\r\n\r\nhello", SERVICE_SERVES,
           HELLO),
    ANSWER("HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" OK "Content-Length: 5\r\n\r\nhello",
           SERVICE_SERVES, HELLO),
    ANSWER("HTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 100 Go\r\n\r\nHTTP/1.1 199 Odd\r\n\r\n" OK
           "Content-Length: 5\r\n\r\nhello",
           SERVICE_SERVES, HELLO),

    /* fields: per hop they go no further, the others arrive as they are */
    FIELD_ARRIVES("A:\t b \t", "A: b\r\n"),
    FIELD_ARRIVES("A:", "A: \r\n"),
    FIELD_ARRIVES("A: caf\303\251 \377", "A: caf\303\251 \377\r\n"),
    FIELD_ARRIVES("A_B: c", "A_B: c\r\n"),
    FIELD_ARRIVES("Set-Cookie: a=b\r\nSet-Cookie: c=d", "Set-Cookie: a=b\r\nSet-Cookie: c=d\r\n"),
    FIELD_ARRIVES("Keep-Alive: timeout=5", ""),
    FIELD_ARRIVES("Proxy-Connection: close", ""),
    FIELD_ARRIVES("Upgrade: h2c", ""),
    FIELD_ARRIVES("Connection: A\r\nA: b", ""),
    FIELD_ARRIVES("A: b\r\nConnection: keep-alive, a", ""),
    FIELD_ARRIVES("Connection: Content-Length", ""),
    FIELD_ARRIVES("Connection: Set-Cookie\r\nSet-Cookie: a=b", "Set-Cookie: a=b\r\n"),

    /* a client that knows no chunks gets everything up to the end */
    ANSWER_TO_1_0(OK "Content-Length: 5\r\n\r\nhello",
                  "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello"),
    ANSWER_TO_1_0(CHUNKED "5\r\nhello\r\n0\r\n\r\n",
                  "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello"),
    ANSWER_TO_1_0("HTTP/1.1 103 Hints\r\n\r\n" OK "Content-Length: 5\r\n\r\nhello",
                  "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello"),
};

RESPONSE_THEME(answers);
