#include "proxy/routing/filter_apply.h"

#include <string.h>

/* All of them, one behind the other. */
static struct slice join(struct arena *arena, const struct slice *parts, size_t count)
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += parts[i].length;
    char *text = arena_allocate(arena, length);
    char *at = text;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].length > 0)
            memcpy(at, parts[i].at, parts[i].length);
        at += parts[i].length;
    }
    return slice_of(text, length);
}

/* --- headers -------------------------------------------------------------------------------- */

static bool has_name(const struct header *header, struct slice name)
{
    return slice_equals_ignoring_case(header->name, name);
}

/* From `first` on. Returns how many are left of all. */
static size_t remove_headers(struct header *headers, size_t first, size_t count, struct slice name)
{
    size_t kept = first;
    for (size_t i = first; i < count; i++) {
        if (!has_name(&headers[i], name))
            headers[kept++] = headers[i];
    }
    return kept;
}

static size_t append_header(const struct header_edit *edit, struct header *headers, size_t count)
{
    headers[count] = (struct header){.name = edit->name, .value = edit->value};
    return count + 1;
}

/* In the place of the first of that name, instead of all of them. */
static size_t set_header(const struct header_edit *edit, struct header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (has_name(&headers[i], edit->name)) {
            append_header(edit, headers, i);
            return remove_headers(headers, i + 1, count, edit->name);
        }
    }
    return append_header(edit, headers, count);
}

/* Behind the last value of that name. Set-Cookie is the one field whose values cannot be joined
 * (RFC 9110 section 5.3). */
static size_t add_header(const struct header_edit *edit, struct header *headers, size_t count,
                         struct arena *arena)
{
    if (slice_equals_ignoring_case(edit->name, SLICE("set-cookie")))
        return append_header(edit, headers, count);
    for (size_t i = count; i > 0; i--) {
        struct header *header = &headers[i - 1];
        if (!has_name(header, edit->name))
            continue;
        if (header->value.length == 0) {
            header->value = edit->value;
            return count;
        }
        struct slice parts[] = {header->value, SLICE(","), edit->value};
        header->value = join(arena, parts, 3);
        return count;
    }
    return append_header(edit, headers, count);
}

size_t header_edits_apply(const struct header_edits *edits, struct header *headers, size_t count,
                          struct arena *arena)
{
    for (size_t i = 0; i < edits->count; i++) {
        const struct header_edit *edit = &edits->items[i];
        switch (edit->kind) {
        case HEADER_SET:
            count = set_header(edit, headers, count);
            break;
        case HEADER_ADD:
            count = add_header(edit, headers, count, arena);
            break;
        case HEADER_REMOVE:
            count = remove_headers(headers, 0, count, edit->name);
            break;
        }
    }
    return count;
}

/* --- paths ---------------------------------------------------------------------------------- */

/* What follows the prefix begins with '/', or is nothing. "//" in front of it would be a host to
 * whoever takes the path for a reference (RFC 3986 section 4.2). */
static struct slice replace_prefix(const struct path_edit *edit, struct slice path,
                                   struct arena *arena)
{
    struct slice rest = slice_of(path.at + edit->prefix_length, path.length - edit->prefix_length);
    while (rest.length > 1 && rest.at[1] == '/') {
        rest.at++;
        rest.length--;
    }
    if (edit->replacement.length == 0)
        return rest.length == 0 ? SLICE("/") : rest;
    if (rest.length == 0)
        return edit->replacement;
    struct slice parts[] = {edit->replacement, rest};
    return join(arena, parts, 2);
}

struct slice path_edit_apply(const struct path_edit *edit, struct slice path, struct arena *arena)
{
    /* "*", the target of OPTIONS, has no prefix. */
    bool has_prefix = path.length > 0 && path.at[0] == '/' && path.length >= edit->prefix_length;
    switch (edit->kind) {
    case PATH_KEPT:
        return path;
    case PATH_REPLACED:
        return edit->replacement;
    case PATH_PREFIX_REPLACED:
        return has_prefix ? replace_prefix(edit, path, arena) : path;
    }
    return path;
}

void url_rewrite_apply(const struct url_rewrite *rewrite, struct request_head *head,
                       struct arena *arena)
{
    if (rewrite->hostname.length > 0)
        head->authority = rewrite->hostname;
    head->path = path_edit_apply(&rewrite->path, head->path, arena);
}

/* --- redirect ------------------------------------------------------------------------------- */

static uint16_t well_known_port(struct slice scheme)
{
    return slice_equals(scheme, SLICE("https")) ? 443 : 80;
}

static uint16_t redirect_port(const struct redirect *redirect, const struct request_head *head)
{
    if (redirect->port != 0)
        return redirect->port;
    if (redirect->scheme.length > 0)
        return well_known_port(redirect->scheme);
    return head->listener == NULL ? 0 : head->listener->port;
}

/* ":8080", or nothing where it goes without saying. */
static struct slice port_text(uint16_t port, struct slice scheme, struct arena *arena)
{
    if (port == 0 || port == well_known_port(scheme))
        return SLICE("");
    return slice_from_string(arena_printf(arena, ":%u", port));
}

/* "*", the target of OPTIONS, is an address without a path (RFC 9112 section 3.2.4). */
static struct slice redirect_path(const struct redirect *redirect, const struct request_head *head,
                                  struct arena *arena)
{
    struct slice path = path_edit_apply(&redirect->path, head->path, arena);
    return slice_has_prefix(path, SLICE("/")) ? path : SLICE("");
}

/* "//" in front of a path alone would be a host to whoever reads it (RFC 3986 section 4.2). */
static bool starts_like_a_host(struct slice path)
{
    return slice_has_prefix(path, SLICE("//"));
}

/* What stands in front of the path in an absolute Location. Empty: nothing may. */
static struct slice redirect_host(const struct redirect *redirect, const struct request_head *head,
                                  struct slice path)
{
    if (redirect->hostname.length > 0)
        return redirect->hostname;
    if (head->host.length > 0)
        return head->host;
    bool is_elsewhere = redirect->scheme.length > 0 || redirect->port != 0;
    return is_elsewhere || starts_like_a_host(path) ? head->local_host : SLICE("");
}

struct slice redirect_location(const struct redirect *redirect, const struct request_head *head,
                               struct arena *arena)
{
    struct slice scheme = redirect->scheme.length > 0 ? redirect->scheme : head->scheme;
    struct slice path = redirect_path(redirect, head, arena);
    struct slice host = redirect_host(redirect, head, path);
    bool is_absolute = host.length > 0;
    struct slice parts[] = {
        is_absolute ? scheme : SLICE(""),
        is_absolute ? SLICE("://") : SLICE(""),
        host,
        is_absolute ? port_text(redirect_port(redirect, head), scheme, arena) : SLICE(""),
        !is_absolute && starts_like_a_host(path) ? SLICE("/.") : SLICE(""),
        path,
        head->has_query ? SLICE("?") : SLICE(""),
        head->query,
    };
    return join(arena, parts, sizeof(parts) / sizeof(parts[0]));
}
