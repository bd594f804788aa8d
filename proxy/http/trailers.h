/* Trailers: the fields behind a body (RFC 9110 section 6.5), on their way through a body pipe.
 *
 * They lie there as "name: value\r\n" lines, which is what HTTP/1 sends and HTTP/2 takes apart.
 *
 * Threads: any; pure. */
#ifndef PROXY_HTTP_TRAILERS_H
#define PROXY_HTTP_TRAILERS_H

#include "common/buffer.h"
#include "proxy/routing/header_name.h"

#include <stdbool.h>

enum { TRAILERS_MAX = 32, TRAILERS_MAX_BYTES = 8192 };

/* Whether a trailer is passed on: not when it has no meaning there, or, in a request, could pass
 * for another header (header_name_is_visible). */
bool trailer_is_kept(struct slice name, enum header_id id, bool is_of_response);

/* Appends a line; what may stand in it was checked before. */
void trailer_append(struct buffer *to, struct slice name, struct slice value);

/* Takes the next one off `rest`, which trailer_append has made. False at the end. */
bool trailer_next(struct slice *rest, struct slice *name, struct slice *value);

#endif
