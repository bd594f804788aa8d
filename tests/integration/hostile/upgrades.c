/* Upgrade and Expect: what they make of a connection, only a whole WebSocket handshake and
 * 100-continue decide (RFC 9110 sections 7.8 and 10.1.1, RFC 6455 section 4.2.1). */
#include "tests/integration/hostile/cases.h"

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define TO_WEBSOCKET "Connection: Upgrade\r\nUpgrade: websocket\r\n"
/* No handshake: an ordinary request, without Upgrade. */
#define NO_HANDSHAKE(fields, arrives)                                                              \
    SERVED("GET / HTTP/1.1\r\n" HOST fields "\r\n",                                                \
           "GET / HTTP/1.1\r\n" ARRIVED_HOST arrives "\r\n")

static const struct hostile_case upgrades_cases[] = {
    /* clear-text HTTP/2 and others */
    NO_HANDSHAKE("Upgrade: h2c\r\n", ""),
    NO_HANDSHAKE("Connection: Upgrade\r\nUpgrade: h2c\r\n", ""),
    NO_HANDSHAKE("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                 "HTTP2-Settings: AAMAAABkAAQAAP__\r\n",
                 ""),
    NO_HANDSHAKE("Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n", ""),
    NO_HANDSHAKE("Connection: Upgrade\r\nUpgrade: h2\r\n", ""),
    NO_HANDSHAKE("Connection: Upgrade\r\nUpgrade: HTTP/2.0\r\n", ""),
    NO_HANDSHAKE("Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n", ""),
    NO_HANDSHAKE("Connection: Upgrade\r\nUpgrade: evil\r\n", ""),
    NO_HANDSHAKE("Connection: Upgrade\r\nUpgrade:\r\n", ""),
    NO_HANDSHAKE("Connection: Upgrade\r\n", ""),
    SERVED("POST / HTTP/1.1\r\n" HOST
           "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello",
           "POST / HTTP/1.1\r\n" ARRIVED_HOST "content-length: 5\r\n\r\nhello"),

    /* a handshake that lacks something, or has it twice, would be refused by the service; a proxy
     * that let it through would tunnel what comes behind it */
    NO_HANDSHAKE("Upgrade: websocket\r\n" KEY VERSION, KEY VERSION),
    NO_HANDSHAKE("Connection: close-not\r\nUpgrade: websocket\r\n" KEY VERSION, KEY VERSION),
    NO_HANDSHAKE(TO_WEBSOCKET VERSION, VERSION),
    NO_HANDSHAKE(TO_WEBSOCKET KEY, KEY),
    NO_HANDSHAKE(TO_WEBSOCKET KEY "Sec-WebSocket-Version: 12\r\n",
                 KEY "Sec-WebSocket-Version: 12\r\n"),
    NO_HANDSHAKE(TO_WEBSOCKET KEY "Sec-WebSocket-Version: 1337\r\n",
                 KEY "Sec-WebSocket-Version: 1337\r\n"),
    NO_HANDSHAKE(TO_WEBSOCKET KEY "Sec-WebSocket-Version: 13, 8\r\n",
                 KEY "Sec-WebSocket-Version: 13, 8\r\n"),
    NO_HANDSHAKE(TO_WEBSOCKET KEY "Sec-WebSocket-Version: 013\r\n",
                 KEY "Sec-WebSocket-Version: 013\r\n"),
    NO_HANDSHAKE(TO_WEBSOCKET KEY VERSION VERSION, KEY VERSION VERSION),
    NO_HANDSHAKE(TO_WEBSOCKET KEY KEY VERSION, KEY KEY VERSION),
    NO_HANDSHAKE(TO_WEBSOCKET "Sec-WebSocket-Key:\r\n" VERSION, "Sec-WebSocket-Key: \r\n" VERSION),
    NO_HANDSHAKE(TO_WEBSOCKET "Sec-WebSocket-Key: short\r\n" VERSION,
                 "Sec-WebSocket-Key: short\r\n" VERSION),
    NO_HANDSHAKE(TO_WEBSOCKET "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==\r\n" VERSION,
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==\r\n" VERSION),
    NO_HANDSHAKE("Upgrade: websocket\r\n" TO_WEBSOCKET KEY VERSION, KEY VERSION),
    NO_HANDSHAKE("Upgrade: h2c\r\n" TO_WEBSOCKET KEY VERSION, KEY VERSION),
    NO_HANDSHAKE("Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n" KEY VERSION, KEY VERSION),
    NO_HANDSHAKE("Connection: Upgrade\r\nUpgrade: websocketx\r\n" KEY VERSION, KEY VERSION),
    NO_HANDSHAKE("Connection: Upgrade\r\nUpgrade: websocket/13\r\n" KEY VERSION, KEY VERSION),
    SERVED("POST / HTTP/1.1\r\n" HOST TO_WEBSOCKET KEY VERSION "\r\n",
           "POST / HTTP/1.1\r\n" ARRIVED_HOST KEY VERSION "\r\n"),
    SERVED("get / HTTP/1.1\r\n" HOST TO_WEBSOCKET KEY VERSION "\r\n",
           "get / HTTP/1.1\r\n" ARRIVED_HOST KEY VERSION "\r\n"),
    SERVED("GET / HTTP/1.1\r\n" HOST TO_WEBSOCKET KEY VERSION "Content-Length: 5\r\n\r\nhello",
           "GET / HTTP/1.1\r\n" ARRIVED_HOST KEY VERSION "content-length: 5\r\n\r\nhello"),
    SERVED_LAST("GET / HTTP/1.0\r\n" HOST TO_WEBSOCKET KEY VERSION "\r\n",
                "GET / HTTP/1.1\r\n" ARRIVED_HOST KEY VERSION "\r\n"),
    FIELD_REFUSED("Connection: Upgrade, Sec-WebSocket-Key\r\nUpgrade: websocket"),

    /* a whole one, to which the service answers as to any request: what comes behind is the next
     * request, and no tunnel */
    SERVED("GET / HTTP/1.1\r\n" HOST TO_WEBSOCKET KEY VERSION "\r\n",
           "GET / HTTP/1.1\r\n" ARRIVED_HOST KEY VERSION
           "connection: upgrade\r\nupgrade: websocket\r\n\r\n"),
    SERVED("GET / HTTP/1.1\r\n" HOST
           "connection: keep-alive, UPGRADE\r\nupgrade: WebSocket\r\n" KEY VERSION "\r\n",
           "GET / HTTP/1.1\r\n" ARRIVED_HOST KEY VERSION
           "connection: upgrade\r\nupgrade: websocket\r\n\r\n"),

    /* expectations: ours to meet, never passed on */
    REFUSED(417, "GET / HTTP/1.1\r\n" HOST "Expect: 200-ok\r\n\r\n"),
    REFUSED(417, "GET / HTTP/1.1\r\n" HOST "Expect:\r\n\r\n"),
    REFUSED(417, "GET / HTTP/1.1\r\n" HOST "Expect: 100\r\n\r\n"),
    REFUSED(417, "GET / HTTP/1.1\r\n" HOST "Expect: 100-continuee\r\n\r\n"),
    REFUSED(417, "GET / HTTP/1.1\r\n" HOST "Expect: x 100-continue\r\n\r\n"),
    REFUSED(417, "GET / HTTP/1.1\r\n" HOST "Expect: 100-continue, x\r\n\r\n"),
    REFUSED(417, "GET / HTTP/1.1\r\n" HOST "Expect: 100-continue;x\r\n\r\n"),
    REFUSED(417, "GET / HTTP/1.1\r\n" HOST "Expect: \"100-continue\"\r\n\r\n"),
    REFUSED(417, "POST / HTTP/1.1\r\n" HOST
                 "Content-Length: 5\r\nExpect: 100-continue\r\nExpect: x\r\n\r\nhello"),
    REFUSED(417, "POST / HTTP/1.1\r\n" HOST
                 "Content-Length: 5\r\nExpect:\r\n 100-continue\r\n\r\nhello"),
    REFUSED(400,
            "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect : 100-continue\r\n\r\nhello"),
    REFUSED(400, "POST / HTTP/1.1\r\n" HOST
                 "Content-Length: 5\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"),
    SERVED("GET / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n\r\n",
           "GET / HTTP/1.1\r\n" ARRIVED_HOST "\r\n"),
    SERVED("POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n",
           "POST / HTTP/1.1\r\n" ARRIVED_HOST "content-length: 0\r\n\r\n"),
    SERVED("POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: 100-CONTINUE\r\n\r\nhello",
           "POST / HTTP/1.1\r\n" ARRIVED_HOST "content-length: 5\r\n\r\nhello"),
    SERVED_LAST("POST / HTTP/1.0\r\n" HOST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
                "POST / HTTP/1.1\r\n" ARRIVED_HOST "content-length: 5\r\n\r\nhello"),
};

HOSTILE_THEME(upgrades);
