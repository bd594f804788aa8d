#include "proxy/routing/external_auth.h"

#include "proxy/routing/filter_apply.h"

#include <string.h>

static bool has_name(const struct slice *names, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equals_ignoring_case(names[i], name))
            return true;
    }
    return false;
}

/* --- what is asked -------------------------------------------------------------------------- */

/* "*", the target of OPTIONS, is no path that could stand behind another. */
static struct slice asked_path(const struct external_auth *auth, struct slice path,
                               struct arena *arena)
{
    if (auth->path.length == 0)
        return path;
    if (path.length == 0 || path.at[0] != '/')
        return auth->path;
    char *joined = arena_allocate(arena, auth->path.length + path.length);
    memcpy(joined, auth->path.at, auth->path.length);
    memcpy(joined + auth->path.length, path.at, path.length);
    return slice_of(joined, auth->path.length + path.length);
}

struct request_head external_auth_head(const struct filter_list *filters,
                                       const struct request_head *head, struct arena *arena)
{
    struct request_head asked = *head;
    if (filters->auth->sees_rewrite)
        url_rewrite_apply(&filters->rewrite, &asked, arena);
    asked.path = asked_path(filters->auth, asked.path, arena);
    asked.headers = NULL;
    asked.header_count = 0;
    return asked;
}

/* What nobody but us, or a peer that is trusted, can have put there; and by what we know a request
 * that comes back. */
static bool is_of_the_proxy(enum header_id id)
{
    return (header_name_traits(id) & HEADER_IS_CLAIM) || id == HEADER_X_REQUEST_ID ||
           id == HEADER_CDN_LOOP;
}

static bool is_told(const struct external_auth *auth, struct slice name, enum header_id id)
{
    if (auth->is_grpc)
        return auth->allowed_header_count == 0 ||
               has_name(auth->allowed_headers, auth->allowed_header_count, name);
    return id == HEADER_AUTHORIZATION || is_of_the_proxy(id) ||
           has_name(auth->allowed_headers, auth->allowed_header_count, name);
}

struct header_list external_auth_fields(const struct external_auth *auth,
                                        const struct header_list *fields, struct arena *arena)
{
    struct header_list told = {
        .headers = arena_allocate(arena, fields->count * sizeof(struct header)),
        .tags = arena_allocate(arena, fields->count * sizeof(struct header_tag)),
        .capacity = fields->count,
    };
    for (size_t i = 0; i < fields->count; i++) {
        const struct header *header = &fields->headers[i];
        enum header_id id = fields->tags[i].id;
        if (!fields->tags[i].is_dropped && is_told(auth, header->name, id))
            header_list_add(&told, header->name, header->value, id);
    }
    return told;
}

/* --- what is answered ----------------------------------------------------------------------- */

/* The client's address, the certificate it has shown, and where the request has been. */
static bool is_said_by_us(enum header_id id)
{
    return id == HEADER_CDN_LOOP || id == HEADER_X_FORWARDED_FOR || id == HEADER_X_FORWARDED_HOST ||
           id == HEADER_X_FORWARDED_PROTO || id == HEADER_X_CLIENT_CERT;
}

static bool describes_body(struct slice name)
{
    static const struct slice start = {"content-", 8};
    return name.length > start.length &&
           slice_equals_ignoring_case(slice_of(name.at, start.length), start);
}

static bool is_per_hop(enum header_id id)
{
    return (header_name_traits(id) & HEADER_IS_PER_HOP) != 0;
}

bool external_auth_may_write(struct slice name, enum header_id id)
{
    return !is_per_hop(id) && header_name_is_visible(name, id, true) && !is_said_by_us(id);
}

static bool is_taken(const struct external_auth *auth, struct slice name, enum header_id id)
{
    if (auth->answer_header_count > 0)
        return !is_per_hop(id) && has_name(auth->answer_headers, auth->answer_header_count, name);
    return external_auth_may_write(name, id) && !describes_body(name);
}

/* What a service could read as this name, too: it would be the client's word beside the answer's.
 */
static void drop_alike(struct header_list *fields, struct slice name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (header_name_reads_as(fields->headers[i].name, name))
            fields->tags[i].is_dropped = true;
    }
}

void external_auth_take(const struct external_auth *auth, const struct header_list *answer,
                        struct header_list *fields, struct arena *arena)
{
    struct header_list taken = header_list_copy(answer, arena);
    for (size_t i = 0; i < auth->answer_header_count; i++)
        drop_alike(fields, auth->answer_headers[i]);
    for (size_t i = 0; i < taken.count; i++) {
        if (!is_taken(auth, taken.headers[i].name, taken.tags[i].id))
            taken.tags[i].is_dropped = true;
        if (!taken.tags[i].is_dropped)
            drop_alike(fields, taken.headers[i].name);
    }

    header_list_move(fields, taken.count, arena);
    for (size_t i = 0; i < taken.count; i++) {
        if (!taken.tags[i].is_dropped)
            fields->headers[fields->count++] = taken.headers[i];
    }
    header_list_tag(fields);
}
