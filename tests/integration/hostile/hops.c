/* What speaks about one connection goes no further, whatever Connection names goes with it but what
 * is meant for everyone, and who the client is, only we say (RFC 9110 section 7.6.1, RFC 7239
 * section 8.1). */
#include "tests/integration/hostile/cases.h"

#define CONNECTION_REFUSED(options) FIELD_REFUSED("Connection:" options)
#define VANISHES(field) FIELD_SERVED(field, "")

static const struct hostile_case hops_cases[] = {
    /* what Connection cannot take away */
    CONNECTION_REFUSED(" Host"),
    CONNECTION_REFUSED(" host"),
    CONNECTION_REFUSED(" close, Host"),
    CONNECTION_REFUSED(" Content-Length"),
    CONNECTION_REFUSED(" keep-alive, Content-Length"),
    CONNECTION_REFUSED(" Transfer-Encoding"),
    CONNECTION_REFUSED(" Content-Type"),
    CONNECTION_REFUSED(" Content-Encoding"),
    CONNECTION_REFUSED(" Authorization"),
    CONNECTION_REFUSED(" Cookie"),
    CONNECTION_REFUSED(" Set-Cookie"),
    CONNECTION_REFUSED(" Cache-Control"),
    CONNECTION_REFUSED(" Origin"),
    CONNECTION_REFUSED(" Via"),
    CONNECTION_REFUSED(" CDN-Loop"),
    CONNECTION_REFUSED(" Forwarded"),
    CONNECTION_REFUSED(" X-Forwarded-For"),
    CONNECTION_REFUSED(" x-forwarded-for"),
    CONNECTION_REFUSED(" close, X-Forwarded-For"),
    CONNECTION_REFUSED(" X-Forwarded-Proto"),
    CONNECTION_REFUSED(" X-Forwarded-Host"),
    CONNECTION_REFUSED(" X-Forwarded-Anything"),
    CONNECTION_REFUSED(" Sec-WebSocket-Key"),
    CONNECTION_REFUSED(" X-Request-ID"),
    FIELD_REFUSED("Connection: close\r\nConnection: Host"),
    FIELD_REFUSED("Connection: X-A\r\nX-A: b\r\nConnection: Cookie"),

    /* what is no option */
    CONNECTION_REFUSED(" close; X-A"),
    CONNECTION_REFUSED(" close X-A"),
    CONNECTION_REFUSED(" \"close\""),
    CONNECTION_REFUSED(" close=1"),
    CONNECTION_REFUSED(" close\013"),
    CONNECTION_REFUSED(" close\000"),
    CONNECTION_REFUSED(" clo\303\251se"),
    CONNECTION_REFUSED(" X-A:"),
    CONNECTION_REFUSED(" (close)"),
    CONNECTION_REFUSED(" close\r\n , X-A"),
    CONNECTION_REFUSED(" a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,aa,bb,cc,dd,ee,ff,gg"),

    /* what it names goes */
    VANISHES("Connection: X-A\r\nX-A: evil"),
    VANISHES("X-A: evil\r\nConnection: x-a\r\nx-A: evil"),
    VANISHES("Connection: close-x, X-A\r\nX-A: evil"),
    VANISHES("Connection:,, X-A ,\r\nX-A: evil"),
    VANISHES("Connection: X-A\r\nConnection: X-B\r\nX-A: evil\r\nX-B: evil"),
    VANISHES("Connection:"),
    VANISHES("Connection: ,"),
    VANISHES("Connection: X-A"),
    VANISHES("Connection: keep-alive, Upgrade, TE"),
    FIELD_SERVED("Connection: X-A\r\nX-AA: b\r\nX-: c\r\nA: d", "X-AA: b\r\nX-: c\r\nA: d\r\n"),
    FIELD_SERVED("Connection: X_A\r\nX-A: b", "X-A: b\r\n"),

    /* of this hop, whether it is named or not */
    VANISHES("Keep-Alive: timeout=5"),
    VANISHES("KEEP-ALIVE: timeout=5"),
    VANISHES("Proxy-Connection: keep-alive"),
    VANISHES("Proxy-Connection: close"),
    VANISHES("Proxy-Authorization: Basic evil"),
    VANISHES("Proxy-Authenticate: Basic"),
    VANISHES("TE: gzip"),
    VANISHES("TE: chunked"),
    VANISHES("TE: trailersx"),
    VANISHES("TE:"),
    VANISHES("Proxy: http://evil.example/"),
    VANISHES("PROXY: http://evil.example/"),
    VANISHES("HTTP2-Settings: AAMAAABkAAQAAP__"),
    VANISHES("Upgrade: TLS/1.0"),
    FIELD_SERVED("TE: trailers", "te: trailers\r\nconnection: te\r\n"),
    FIELD_SERVED("TE: gzip, trailers", "te: trailers\r\nconnection: te\r\n"),
    FIELD_SERVED("Connection: TE\r\nTE: trailers", "te: trailers\r\nconnection: te\r\n"),
    FIELD_SERVED("Trailer: X", "Trailer: X\r\n"),

    /* who the client is: the harness checks that ours are there, and once */
    VANISHES("X-Forwarded-For: 10.0.0.1"),
    VANISHES("x-forwarded-for: 10.0.0.1"),
    VANISHES("X-FORWARDED-FOR: 10.0.0.1\r\nX-Forwarded-For: 127.0.0.1"),
    VANISHES("X-Forwarded-For:"),
    VANISHES("X-Forwarded-For: 127.0.0.1, 10.0.0.1"),
    VANISHES("X-Forwarded-Proto: https"),
    VANISHES("X-Forwarded-Host: evil.example"),
    VANISHES("X-Forwarded-Port: 443"),
    VANISHES("X-Forwarded-Server: evil"),
    VANISHES("X-Forwarded-Prefix: /evil"),
    VANISHES("X-Forwarded-Ssl: on"),
    VANISHES("X-Forwarded-Client-Cert: evil"),
    VANISHES("X-Forwarded-: evil"),
    VANISHES("Forwarded: for=10.0.0.1;host=evil.example"),
    VANISHES("forwarded: for=\"_evil\""),
    FIELD_SERVED("X-Forwarded: evil", "X-Forwarded: evil\r\n"),
    FIELD_SERVED("X-Request-ID: mine", "X-Request-ID: mine\r\n"),
};

HOSTILE_THEME(hops);
