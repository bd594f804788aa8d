/* HTTP/2 floods: what costs a server and asks for nothing, frame by frame, by the thousand. Each
 * must end its connection.
 *
 * Threads: none shared. */
#ifndef TESTS_SUPPORT_HTTP2_FLOODS_H
#define TESTS_SUPPORT_HTTP2_FLOODS_H

#include "common/buffer.h"

#include <stddef.h>
#include <stdint.h>

struct http2_flood_kind {
    const char *name;
    /* Another piece of it; `turn` counts from 0. */
    void (*put)(struct buffer *to, uint32_t turn);
    void (*begin)(struct buffer *to); /* what comes before the first; or NULL */
    uint32_t code;                    /* of the GOAWAY in which it ends */
    unsigned requests; /* that may reach an endpoint: those that were whole, and had their turn */
};

extern const struct http2_flood_kind http2_flood_kinds[];
extern const size_t http2_flood_kind_count;

/* What a client says before any of it: preface, SETTINGS and what the flood begins with. */
void http2_flood_begin(const struct http2_flood_kind *kind, struct buffer *to);

#endif
