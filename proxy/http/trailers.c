#include "proxy/http/trailers.h"

#include <assert.h>
#include <string.h>

bool trailer_is_kept(struct slice name, enum header_id id, bool is_of_response)
{
    return (header_name_traits(id) & HEADER_IS_NO_TRAILER) == 0 &&
           (is_of_response || header_name_is_visible(name, id, false));
}

void trailer_append(struct buffer *to, struct slice name, struct slice value)
{
    buffer_append_slice(to, name);
    buffer_append(to, ": ", 2);
    buffer_append_slice(to, value);
    buffer_append(to, "\r\n", 2);
}

bool trailer_next(struct slice *rest, struct slice *name, struct slice *value)
{
    if (rest->length == 0)
        return false;
    const char *end = memchr(rest->at, '\r', rest->length);
    const char *colon = memchr(rest->at, ':', rest->length);
    assert(end != NULL && colon != NULL && colon < end);
    *name = slice_of(rest->at, (size_t)(colon - rest->at));
    *value = slice_of(colon + 2, (size_t)(end - colon) - 2);
    size_t used = (size_t)(end - rest->at) + 2;
    *rest = slice_of(rest->at + used, rest->length - used);
    return true;
}
