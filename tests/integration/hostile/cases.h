/* Hostile cases: requests that can be read in two ways, or that try to pass for something they are
 * not, and what must become of each: the answer, and what the service behind us sees.
 *
 * A case that is refused is answered with its status, ends the connection, and nothing of it
 * reaches the service. One that is served arrives exactly as it says, in its one canonical form.
 *
 * In the strings, control characters are octal: an escape in hex has no end. */
#ifndef TESTS_INTEGRATION_HOSTILE_CASES_H
#define TESTS_INTEGRATION_HOSTILE_CASES_H

#include <stdbool.h>
#include <stddef.h>

struct hostile_case {
    const char *bytes;
    size_t length;
    int status;
    /* The whole request as the service gets it: head, body without chunks, trailers; less the
     * fields that the proxy adds to any. NULL: it gets nothing. */
    const char *arrives;
    bool closes; /* the connection ends with the answer, even of a request that is served */
};

struct hostile_theme {
    const struct hostile_case *cases;
    size_t count;
};

#define HOSTILE_THEME(name)                                                                        \
    const struct hostile_theme name##_theme = {name##_cases,                                       \
                                               sizeof(name##_cases) / sizeof(name##_cases[0])}

extern const struct hostile_theme framing_theme;  /* where a body ends */
extern const struct hostile_theme chunks_theme;   /* where a chunk ends */
extern const struct hostile_theme lines_theme;    /* where a line ends, and what is one */
extern const struct hostile_theme fields_theme;   /* names and values */
extern const struct hostile_theme versions_theme; /* methods and versions */
extern const struct hostile_theme targets_theme;  /* paths and queries */
extern const struct hostile_theme absolute_theme; /* targets with an authority */
extern const struct hostile_theme hosts_theme;    /* Host */
extern const struct hostile_theme hops_theme;     /* what is for us, or claims to be from us */
extern const struct hostile_theme upgrades_theme; /* Upgrade and Expect */

#define HOST "Host: shop.internal\r\n"
#define ARRIVED_HOST "host: shop.internal\r\n"
#define SMUGGLED "GET /smuggled HTTP/1.1\r\nHost: shop.internal\r\n\r\n"

#define REFUSED(status, bytes)                                                                     \
    {                                                                                              \
        (bytes), sizeof(bytes) - 1, (status), NULL, true                                           \
    }
#define SERVED(bytes, arrives)                                                                     \
    {                                                                                              \
        (bytes), sizeof(bytes) - 1, 200, (arrives), false                                          \
    }
#define SERVED_LAST(bytes, arrives)                                                                \
    {                                                                                              \
        (bytes), sizeof(bytes) - 1, 200, (arrives), true                                           \
    }

/* A GET with more fields, each without its CRLF or several with theirs between. */
#define FIELD_REFUSED(fields) REFUSED(400, "GET / HTTP/1.1\r\n" HOST fields "\r\n\r\n")
#define FIELD_SERVED(fields, arrives)                                                              \
    SERVED("GET / HTTP/1.1\r\n" HOST fields "\r\n\r\n",                                            \
           "GET / HTTP/1.1\r\n" ARRIVED_HOST arrives "\r\n")

/* A POST with more fields and a body. */
#define BODY_REFUSED(fields, body) REFUSED(400, "POST / HTTP/1.1\r\n" HOST fields "\r\n\r\n" body)
#define BODY_SERVED(fields, body, arrives)                                                         \
    SERVED("POST / HTTP/1.1\r\n" HOST fields "\r\n\r\n" body,                                      \
           "POST / HTTP/1.1\r\n" ARRIVED_HOST arrives)

#endif
