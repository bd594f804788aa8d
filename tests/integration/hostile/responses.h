/* Hostile responses: what a service may send, and exactly what its client sees of it.
 *
 * In the strings, control characters are octal: an escape in hex has no end. */
#ifndef TESTS_INTEGRATION_HOSTILE_RESPONSES_H
#define TESTS_INTEGRATION_HOSTILE_RESPONSES_H

#include <stdbool.h>
#include <stddef.h>

/* What becomes of the connection behind the bytes. */
enum service_end {
    SERVICE_STAYS,  /* it stays open, so that it is the proxy that must end it */
    SERVICE_CLOSES, /* with an end */
    SERVICE_RESETS, /* with a reset */
    SERVICE_SERVES, /* it serves on: and must be used again */
};

enum view {
    VIEW_BAD_GATEWAY, /* 502 */
    VIEW_UNAVAILABLE, /* 503: the connection ended before a response head */
    VIEW_BROKEN,      /* it sees that the answer is not complete */
    VIEW_COMPLETE,    /* exactly `text` */
};

struct response_case {
    const char *bytes;
    size_t length;
    enum service_end end;
    enum view view;
    const char *text;   /* head, body without chunks, and trailers */
    const char *method; /* NULL: POST */
    bool is_1_0;        /* asked in HTTP/1.0 */
};

struct response_theme {
    const struct response_case *cases;
    size_t count;
};

#define RESPONSE_THEME(name)                                                                       \
    const struct response_theme name##_theme = {name##_cases,                                      \
                                                sizeof(name##_cases) / sizeof(name##_cases[0])}

extern const struct response_theme status_lines_theme;
extern const struct response_theme response_fields_theme;
extern const struct response_theme response_chunks_theme;
extern const struct response_theme response_ends_theme;
extern const struct response_theme answers_theme; /* legal, or harmless: served */

#define RESPONSE(bytes, end, view, text)                                                           \
    {                                                                                              \
        (bytes), sizeof(bytes) - 1, (end), (view), (text), 0, 0                                    \
    }
#define BAD_GATEWAY(bytes) RESPONSE(bytes, SERVICE_STAYS, VIEW_BAD_GATEWAY, NULL)
#define BROKEN(bytes, end) RESPONSE(bytes, end, VIEW_BROKEN, NULL)
#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"
#define POISON "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"

#endif
