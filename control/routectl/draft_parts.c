#include "control/routectl/draft_parts.h"

#include "common/buffer.h"
#include "control/routectl/object_list.h"
#include "proto/message.h"
#include "proto/route_id.h"

#include <stdlib.h>
#include <string.h>

/* In front of a mutation in its request: its tag and its length. */
enum { MUTATION_FRAME_BYTES = 8 };

/* What is known of one mutation of the whole draft. */
struct wanted {
    size_t number;
    size_t bytes; /* in a request */
    bool is_there;
    bool is_same;
};

/* A draft being taken apart. */
struct division {
    struct draft *whole;
    struct wanted *wanted;
    struct buffer want, have; /* two objects, packed */
};

static size_t packed_bytes(const MutationMessage *mutation)
{
    return protobuf_c_message_get_packed_size(&mutation->base) + MUTATION_FRAME_BYTES;
}

/* --- what is so already ----------------------------------------------------------------------- */

static bool packs_alike(struct division *division, const ProtobufCMessage *want,
                        const ProtobufCMessage *have)
{
    buffer_reset(&division->want);
    buffer_reset(&division->have);
    message_pack(want, &division->want);
    message_pack(have, &division->have);
    return slice_equals(buffer_slice(&division->want), buffer_slice(&division->have));
}

/* As the daemon compares them: what it sets itself does not count, nor does a route's place among
 * those of its commit, which it keeps. */
static bool is_route_same(struct division *division, const RouteMessage *want,
                          const RouteMessage *have)
{
    RouteMessage same = *want;
    same.created_revision = have->created_revision;
    same.created_order = have->created_order;
    same.revision = have->revision;
    return packs_alike(division, &same.base, &have->base);
}

static bool is_backend_same(struct division *division, const BackendMessage *want,
                            const BackendMessage *have)
{
    BackendMessage same = *want;
    same.created_revision = have->created_revision;
    same.revision = have->revision;
    return packs_alike(division, &same.base, &have->base);
}

static void look_at_routes(struct division *division, const struct object_list *list)
{
    struct arena arena = {0};
    for (size_t i = 0; i < list->routes.n_routes; i++) {
        const RouteMessage *have = list->routes.routes[i];
        size_t number;
        if (!draft_find_number(division->whole, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
                               route_id_of(have, &arena), &number))
            continue;
        const MutationMessage *mutation = division->whole->request.mutations[number];
        struct wanted *wanted = &division->wanted[number];
        wanted->is_there = true;
        wanted->is_same =
            mutation->operation_case == POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE &&
            is_route_same(division, mutation->put_route, have);
    }
    arena_clear(&arena);
}

static void look_at_backends(struct division *division, const struct object_list *list)
{
    for (size_t i = 0; i < list->backends.n_backends; i++) {
        const BackendMessage *have = list->backends.backends[i];
        size_t number;
        if (!draft_find_number(division->whole, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND,
                               have->name, &number))
            continue;
        const MutationMessage *mutation = division->whole->request.mutations[number];
        struct wanted *wanted = &division->wanted[number];
        wanted->is_there = true;
        wanted->is_same =
            mutation->operation_case == POINTSMAN__V1__MUTATION__OPERATION_PUT_BACKEND &&
            is_backend_same(division, mutation->put_backend, have);
    }
}

static bool is_removal(const MutationMessage *mutation)
{
    return mutation->operation_case == POINTSMAN__V1__MUTATION__OPERATION_DELETE_ROUTE ||
           mutation->operation_case == POINTSMAN__V1__MUTATION__OPERATION_DELETE_BACKEND;
}

/* A removal of what is not there is made already, where that is no error. */
static void look_at_removals(struct division *division)
{
    for (size_t i = 0; i < division->whole->request.n_mutations; i++) {
        const MutationMessage *mutation = division->whole->request.mutations[i];
        if (is_removal(mutation) && mutation->ignore_missing && !division->wanted[i].is_there)
            division->wanted[i].is_same = true;
    }
}

/* --- what --prune removes --------------------------------------------------------------------- */

static void remove_unless_claimed(struct draft *whole, Pointsman__V1__ObjectKind kind,
                                  const char *id)
{
    size_t number;
    if (draft_find_number(whole, kind, id, &number))
        return;
    MutationMessage *mutation = draft_add_mutation(whole);
    draft_set_removal(mutation, kind, arena_string(&whole->arena, id, strlen(id)));
    mutation->ignore_missing = true;
    draft_claim(whole, &number);
}

/* The daemon would remove what a request does not name; a part names only a part. So what has the
 * labels and stands in no file is named. */
static enum exit_code name_what_goes(struct session *session, struct draft *whole,
                                     uint64_t revision)
{
    const struct option_list no_flags = {0};
    struct object_list list;
    if (whole->request.n_replace_all == 0)
        return EXIT_OK;
    enum exit_code code = object_list_init(&list, "apply", &no_flags);
    list.selector = whole->request.replace_all;
    list.selector_count = whole->request.n_replace_all;
    list.at = (struct flag_moment){.revision = revision};
    if (code == EXIT_OK)
        code = object_list_read_all(&list, session);
    for (size_t i = 0; code == EXIT_OK && i < list.routes.n_routes; i++)
        remove_unless_claimed(whole, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
                              route_id_of(list.routes.routes[i], &whole->arena));
    for (size_t i = 0; code == EXIT_OK && i < list.backends.n_backends; i++)
        remove_unless_claimed(whole, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND,
                              list.backends.backends[i]->name);
    whole->request.n_replace_all = 0;
    object_list_clear(&list);
    return code;
}

/* Reads all there is, and marks what differs. */
static enum exit_code read_state(struct division *division, struct session *session,
                                 struct draft_parts *parts)
{
    const struct option_list no_flags = {0};
    struct draft *whole = division->whole;
    struct object_list list;
    enum exit_code code = object_list_init(&list, "apply", &no_flags);
    if (code == EXIT_OK)
        code = object_list_read_all(&list, session);
    if (code == EXIT_OK)
        code = name_what_goes(session, whole, list.routes.revision);
    if (code == EXIT_OK) {
        parts->revision = list.routes.revision;
        division->wanted = arena_allocate(&whole->arena, (whole->request.n_mutations + 1) *
                                                             sizeof(*division->wanted));
        look_at_routes(division, &list);
        look_at_backends(division, &list);
        look_at_removals(division);
    }
    object_list_clear(&list);
    return code;
}

/* --- parts ------------------------------------------------------------------------------------ */

/* In which order kinds of mutations can be committed one after the other. */
static int rank(const MutationMessage *mutation)
{
    switch (mutation->operation_case) {
    case POINTSMAN__V1__MUTATION__OPERATION_PUT_BACKEND:
        return 0;
    case POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE:
        return 1;
    case POINTSMAN__V1__MUTATION__OPERATION_DELETE_ROUTE:
        return 2;
    case POINTSMAN__V1__MUTATION__OPERATION_DELETE_BACKEND:
    case POINTSMAN__V1__MUTATION__OPERATION__NOT_SET:
    case _POINTSMAN__V1__MUTATION__OPERATION__CASE_IS_INT_SIZE:
        break;
    }
    return 3;
}

/* Routes that one commit creates are older by their created_order, then by name; of two commits,
 * those of the first are older. */
static int compare_wanted(const void *a, const void *b, void *context)
{
    const struct draft *whole = context;
    const MutationMessage *left = whole->request.mutations[((const struct wanted *)a)->number];
    const MutationMessage *right = whole->request.mutations[((const struct wanted *)b)->number];
    int order = rank(left) - rank(right);
    if (order != 0)
        return order;
    if (left->operation_case == POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE &&
        left->put_route->created_order != right->put_route->created_order)
        return left->put_route->created_order < right->put_route->created_order ? -1 : 1;
    struct draft_object left_object = draft_object(left), right_object = draft_object(right);
    order = strcmp(left_object.name, right_object.name);
    return order != 0 ? order : strcmp(left_object.id_start, right_object.id_start);
}

static struct draft *new_part(struct draft_parts *parts)
{
    parts->items = memory_reallocate(parts->items, (parts->count + 1) * sizeof(*parts->items));
    struct draft *part = &parts->items[parts->count++];
    draft_init(part);
    return part;
}

static void fill_parts(struct draft_parts *parts, const struct draft *whole,
                       const struct wanted *wanted, size_t count)
{
    struct draft *part = NULL;
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_full = part == NULL || part->request.n_mutations == APPLY_MUTATIONS_MAX ||
                       bytes + wanted[i].bytes > DRAFT_BYTES_MAX;
        if (is_full) {
            part = new_part(parts);
            bytes = 0;
        }
        draft_take(part, whole, wanted[i].number);
        bytes += wanted[i].bytes;
    }
}

static void divide(struct division *division, struct draft_parts *parts)
{
    const struct draft *whole = division->whole;
    struct wanted *wanted = division->wanted;
    size_t count = 0;
    for (size_t i = 0; i < whole->request.n_mutations; i++) {
        if (!wanted[i].is_same)
            wanted[count++] =
                (struct wanted){.number = i, .bytes = packed_bytes(whole->request.mutations[i])};
    }
    parts->same_count = whole->request.n_mutations - count;
    qsort_r(wanted, count, sizeof(*wanted), compare_wanted, division->whole);
    fill_parts(parts, whole, wanted, count);
}

enum exit_code draft_parts_make(struct draft_parts *parts, struct session *session,
                                struct draft *whole)
{
    *parts = (struct draft_parts){0};
    struct division division = {.whole = whole};
    enum exit_code code = read_state(&division, session, parts);
    if (code == EXIT_OK)
        divide(&division, parts);
    buffer_clear(&division.want);
    buffer_clear(&division.have);
    return code;
}

void draft_parts_clear(struct draft_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        draft_clear(&parts->items[i]);
    free(parts->items);
    *parts = (struct draft_parts){0};
}
