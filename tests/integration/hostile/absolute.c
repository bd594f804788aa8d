/* Targets with a scheme and an authority: their path is what counts, and they must say the same
 * host as Host (RFC 9112 section 3.2.2). */
#include "tests/integration/hostile/cases.h"

#define TARGET_REFUSED(target) REFUSED(400, "GET " target " HTTP/1.1\r\n" HOST "\r\n")
#define TARGET_SERVED(target, arrives)                                                             \
    SERVED("GET " target " HTTP/1.1\r\n" HOST "\r\n",                                              \
           "GET " arrives " HTTP/1.1\r\n" ARRIVED_HOST "\r\n")
#define WITH_HOST_REFUSED(target, host)                                                            \
    REFUSED(400, "GET " target " HTTP/1.1\r\nHost: " host "\r\n\r\n")

static const struct hostile_case absolute_cases[] = {
    /* another place than Host */
    TARGET_REFUSED("http://evil.example/"),
    TARGET_REFUSED("http://evil.example"),
    TARGET_REFUSED("http://evil.example?a"),
    TARGET_REFUSED("http://shop.internal.evil.example/"),
    TARGET_REFUSED("http://evil.shop.internal/"),
    TARGET_REFUSED("http://shop.interna/"),
    TARGET_REFUSED("http://shop.internal:80/"),
    TARGET_REFUSED("http://shop.internal:81/"),
    TARGET_REFUSED("http://shop.internal:/"),
    TARGET_REFUSED("http://shop.internal:0/"),
    TARGET_REFUSED("http://shop.internal:65536/"),
    TARGET_REFUSED("http://shop.internal./"),
    TARGET_REFUSED("http://shop%2einternal/"),
    TARGET_REFUSED("http://127.0.0.1/"),
    TARGET_REFUSED("http://[::1]/"),
    TARGET_REFUSED("http://localhost:9901/metrics"),

    /* somebody in front of it, or behind */
    TARGET_REFUSED("http://user@shop.internal/"),
    TARGET_REFUSED("http://user:secret@shop.internal/"),
    TARGET_REFUSED("http://@shop.internal/"),
    TARGET_REFUSED("http://:@shop.internal/"),
    TARGET_REFUSED("http://shop.internal@evil.example/"),
    TARGET_REFUSED("http://shop.internal:80@evil.example/"),
    TARGET_REFUSED("http://evil.example#@shop.internal/"),
    TARGET_REFUSED("http://evil.example\\@shop.internal/"),
    TARGET_REFUSED("http://shop.internal\\@evil.example/"),
    TARGET_REFUSED("http://shop.internal#@evil.example/"),
    TARGET_REFUSED("http://shop.internal;evil.example/"),
    TARGET_REFUSED("http://shop.internal,evil.example/"),
    TARGET_REFUSED("http://shop.internal evil.example/"),
    TARGET_REFUSED("http://shop.internal%2f@evil.example/"),
    TARGET_REFUSED("http://shop.internal%00.evil.example/"),
    TARGET_REFUSED("http://shop.internal\000.evil.example/"),
    TARGET_REFUSED("http://shop.internal\t/"),

    /* nothing at all, or not quite */
    TARGET_REFUSED("http://"),
    TARGET_REFUSED("http:///"),
    TARGET_REFUSED("http:////shop.internal/"),
    TARGET_REFUSED("http://?a"),
    TARGET_REFUSED("http://#"),
    TARGET_REFUSED("http:"),
    TARGET_REFUSED("http:/"),
    TARGET_REFUSED("http:a"),
    TARGET_REFUSED("http:/shop.internal/"),
    TARGET_REFUSED("http:shop.internal/"),
    TARGET_REFUSED("http/shop.internal"),
    TARGET_REFUSED("://shop.internal/"),
    TARGET_REFUSED("http:\\\\shop.internal/"),
    TARGET_REFUSED("http:/\\shop.internal/"),
    TARGET_REFUSED("shop.internal"),
    TARGET_REFUSED("shop.internal:80"),
    TARGET_REFUSED("shop.internal/a"),

    /* another scheme */
    TARGET_REFUSED("https://shop.internal/"),
    TARGET_REFUSED("ws://shop.internal/"),
    TARGET_REFUSED("wss://shop.internal/"),
    TARGET_REFUSED("ftp://shop.internal/"),
    TARGET_REFUSED("file:///etc/passwd"),
    TARGET_REFUSED("gopher://shop.internal/"),
    TARGET_REFUSED("javascript://shop.internal/"),
    TARGET_REFUSED("httpx://shop.internal/"),
    TARGET_REFUSED("xhttp://shop.internal/"),
    TARGET_REFUSED("http+unix://shop.internal/"),
    TARGET_REFUSED(" http://shop.internal/"),
    TARGET_REFUSED("%68ttp://shop.internal/"),
    TARGET_REFUSED("http%3a//shop.internal/"),
    TARGET_REFUSED("view-source:http://shop.internal/"),
    TARGET_REFUSED("a://http://shop.internal/"),

    /* a path like any other */
    TARGET_REFUSED("http://shop.internal/.."),
    TARGET_REFUSED("http://shop.internal/a/%2e%2e/b"),
    TARGET_REFUSED("http://shop.internal/a#b"),
    TARGET_REFUSED("http://shop.internal/a\\b"),
    TARGET_REFUSED("http://shop.internal/%00"),
    TARGET_REFUSED("http://shop.internal/%zz"),
    TARGET_REFUSED("http://shop.internal?a\\b"),
    TARGET_REFUSED("http://shop.internal?%00"),
    TARGET_REFUSED("http://shop.internal/\200"),

    /* Host must be there, and agree */
    REFUSED(400, "GET http://shop.internal/ HTTP/1.1\r\n\r\n"),
    WITH_HOST_REFUSED("http://shop.internal/", ""),
    WITH_HOST_REFUSED("http://shop.internal/", "evil.example"),
    WITH_HOST_REFUSED("http://shop.internal/", "shop.internal:80"),
    WITH_HOST_REFUSED("http://user@shop.internal/", "user@shop.internal"),
    WITH_HOST_REFUSED("http://shop.internal:0/", "shop.internal:0"),
    WITH_HOST_REFUSED("http:///", ""),
    REFUSED(400, "GET http://a..b/ HTTP/1.0\r\n\r\n"),
    REFUSED(400, "GET http://user@a/ HTTP/1.0\r\n\r\n"),
    REFUSED(400, "GET http:/// HTTP/1.0\r\n\r\n"),
    REFUSED(400, "GET http://a/ HTTP/1.0\r\nHost: b\r\n\r\n"),
    REFUSED(400, "GET http://shop.internal/ HTTP/1.1\r\n" HOST HOST "\r\n"),

    TARGET_SERVED("http://shop.internal/", "/"),
    TARGET_SERVED("http://shop.internal", "/"),
    TARGET_SERVED("HTTP://SHOP.Internal/a", "/a"),
    TARGET_SERVED("http://shop.internal/a?b", "/a?b"),
    TARGET_SERVED("http://shop.internal?b", "/?b"),
    TARGET_SERVED("http://shop.internal?", "/?"),
    TARGET_SERVED("http://shop.internal//a", "//a"),
    TARGET_SERVED("http://shop.internal/%61", "/a"),
    TARGET_SERVED("http://shop.internal/http://evil.example/", "/http://evil.example/"),
    TARGET_SERVED("http://shop.internal/a@evil.example", "/a@evil.example"),
    TARGET_SERVED("http://shop.internal?@evil.example/", "/?@evil.example/"),
    SERVED("GET http://shop.internal:8080/a HTTP/1.1\r\nHost: shop.internal:8080\r\n\r\n",
           "GET /a HTTP/1.1\r\nhost: shop.internal:8080\r\n\r\n"),
    SERVED("OPTIONS http://shop.internal HTTP/1.1\r\n" HOST "\r\n",
           "OPTIONS * HTTP/1.1\r\n" ARRIVED_HOST "\r\n"),
    SERVED("OPTIONS http://shop.internal/ HTTP/1.1\r\n" HOST "\r\n",
           "OPTIONS / HTTP/1.1\r\n" ARRIVED_HOST "\r\n"),
    SERVED_LAST("GET http://shop.internal/a HTTP/1.0\r\n\r\n",
                "GET /a HTTP/1.1\r\n" ARRIVED_HOST "\r\n"),
};

HOSTILE_THEME(absolute);
