/* Header list: the fields of one message, and what the proxy knows of each.
 *
 * Fields and tags lie in two arrays of the caller's, side by side, because matching and filters
 * (proxy/routing) know only struct header.
 *
 * Threads: none shared. */
#ifndef PROXY_ROUTING_HEADER_LIST_H
#define PROXY_ROUTING_HEADER_LIST_H

#include "common/arena.h"
#include "proxy/routing/header_name.h"
#include "proxy/routing/request_head.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct header_tag {
    uint8_t id; /* enum header_id */
    /* Not copied to the other side: it is about this hop, or written anew. */
    bool is_dropped;
};

struct header_list {
    struct header *headers; /* `capacity` of them; the caller's */
    struct header_tag *tags;
    size_t capacity;
    size_t count;
};

/* False when it is full. */
bool header_list_add(struct header_list *list, struct slice name, struct slice value,
                     enum header_id id);

/* The value of the first field with this id, or NULL. */
const struct slice *header_list_find(const struct header_list *list, enum header_id id);

/* Marks all fields with this id, or of this name, as dropped. */
void header_list_drop(struct header_list *list, enum header_id id);
void header_list_drop_name(struct header_list *list, struct slice name);

/* Marks as dropped what Connection names (RFC 9110 section 7.6.1). Fields that are meant for
 * everyone cannot be named: true when none was, false when one was (it stays). */
bool header_list_drop_named(struct header_list *list);

/* The same fields in arrays of their own, whose names and values are copies. */
struct header_list header_list_copy(const struct header_list *list, struct arena *arena);

/* Moves the fields into arrays of their own with room for `more`, without what was dropped: whoever
 * edits them neither sees that nor runs out of room. Then header_list_tag must make the tags. */
void header_list_move(struct header_list *list, size_t more, struct arena *arena);
void header_list_tag(struct header_list *list);

/* Bytes that moved to another place, as a growing buffer does. `from` is only compared with. */
struct slice_move {
    const char *from;
    size_t length;
    const char *to;
};

/* The slice, when it lies in the bytes that moved, follows them. */
void slice_follow(struct slice *slice, const struct slice_move *move);
void header_list_follow(struct header_list *list, const struct slice_move *move);

/* Walks a comma-separated list (RFC 9110 section 5.6.1), skipping empty elements:
 *   while (header_value_next(&rest, &element)) ...
 * Elements come without surrounding spaces. Quoted strings are not understood: use it only for
 * fields whose elements are tokens. */
bool header_value_next(struct slice *rest, struct slice *element);

/* Whether the list in `value` has this element, without case. */
bool header_value_has_token(struct slice value, struct slice token);

#endif
