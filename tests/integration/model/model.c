#include "tests/integration/model/model.h"

#include "proto/message.h"
#include "proto/object_digest.h"
#include "proto/route_id.h"

#include <stdlib.h>
#include <string.h>

struct model {
    struct model_state *states; /* by revision */
    size_t capacity;
    uint64_t head;
    uint64_t held; /* 0: nothing is */
};

static const char *const hosts[] = {"h0.internal", "h1.internal", "h2.internal", "bad.internal"};
/* A path is below every prefix up to its own number. */
static const char *const prefixes[] = {"/", "/a", "/a/b", "/a/b/c"};

/* --- what happens ----------------------------------------------------------------------------- */

struct model *model_new(void)
{
    struct model *model = memory_allocate_zeroed(1, sizeof(*model));
    model->capacity = 64;
    model->states = memory_allocate_zeroed(model->capacity, sizeof(model->states[0]));
    return model;
}

void model_free(struct model *model)
{
    free(model->states);
    free(model);
}

const struct model_state *model_at(const struct model *model, uint64_t revision)
{
    return &model->states[revision];
}

const struct model_state *model_head(const struct model *model)
{
    return model_at(model, model->head);
}

static bool meets(const struct model_mutation *mutation, uint64_t revision)
{
    switch (mutation->precondition) {
    case MODEL_ANY:
        return true;
    case MODEL_MUST_NOT_EXIST:
        return revision == 0;
    case MODEL_MUST_EXIST:
        return revision != 0;
    case MODEL_REVISION_IS:
        return revision != 0 && revision == mutation->revision_is;
    }
    return false;
}

/* Whether two objects are the same but for the revision that made them so. */
static bool is_same_route(const struct model_route *left, const struct model_route *right)
{
    bool is_there = left->revision != 0;
    return is_there == (right->revision != 0) &&
           (!is_there ||
            (left->created_revision == right->created_revision && left->host == right->host &&
             left->prefix == right->prefix && left->backend == right->backend));
}

static bool is_same_backend(const struct model_backend *left, const struct model_backend *right)
{
    bool is_there = left->revision != 0;
    return is_there == (right->revision != 0) &&
           (!is_there ||
            (left->created_revision == right->created_revision && left->port == right->port));
}

static uint64_t created_by(const struct model_mutation *mutation, uint64_t created_revision,
                           uint64_t revision)
{
    if (mutation->created_revision != 0)
        return mutation->created_revision;
    return created_revision != 0 ? created_revision : revision;
}

static void put_route(struct model_route *route, const struct model_mutation *mutation,
                      uint64_t revision)
{
    struct model_route put = {
        .created_revision = created_by(mutation, route->created_revision, revision),
        .revision = route->revision,
        .host = mutation->host,
        .prefix = mutation->prefix,
        .backend = mutation->backend,
    };
    if (route->revision != 0 && is_same_route(&put, route))
        return;
    *route = put;
    route->revision = revision;
}

static void put_backend(struct model_backend *backend, const struct model_mutation *mutation,
                        uint64_t revision)
{
    struct model_backend put = {
        .created_revision = created_by(mutation, backend->created_revision, revision),
        .revision = backend->revision,
        .port = mutation->port,
    };
    if (backend->revision != 0 && is_same_backend(&put, backend))
        return;
    *backend = put;
    backend->revision = revision;
}

static bool run(const struct model_mutation *mutation, uint64_t revision, struct model_state *next)
{
    struct model_route *route = &next->routes[mutation->is_route ? mutation->index : 0];
    struct model_backend *backend = &next->backends[mutation->is_route ? 0 : mutation->index];
    uint64_t now = mutation->is_route ? route->revision : backend->revision;

    if (!meets(mutation, now) || (mutation->is_delete && now == 0 && !mutation->ignores_missing))
        return false;
    if (mutation->is_delete && mutation->is_route)
        *route = (struct model_route){0};
    else if (mutation->is_delete)
        *backend = (struct model_backend){0};
    else if (mutation->is_route)
        put_route(route, mutation, revision);
    else
        put_backend(backend, mutation, revision);
    return true;
}

static bool is_named(const struct model_state *state, unsigned backend)
{
    for (size_t i = 0; i < MODEL_ROUTES; i++) {
        if (state->routes[i].revision != 0 && state->routes[i].backend == backend)
            return true;
    }
    return false;
}

static bool has_changed(const struct model_state *next, const struct model_state *before)
{
    bool differs = false;
    for (size_t i = 0; i < MODEL_ROUTES; i++)
        differs |= next->routes[i].revision != before->routes[i].revision;
    for (size_t i = 0; i < MODEL_BACKENDS; i++)
        differs |= next->backends[i].revision != before->backends[i].revision;
    return differs;
}

static bool names(const struct model_change *change, bool is_route, unsigned index)
{
    for (size_t i = 0; i < change->count; i++) {
        if (change->mutations[i].is_route == is_route && change->mutations[i].index == index)
            return true;
    }
    return false;
}

static void add_deletes(struct model_change *change, bool is_route, unsigned count,
                        const struct model_state *head)
{
    for (unsigned i = change->shard; i < count; i += MODEL_SHARDS) {
        uint64_t revision = is_route ? head->routes[i].revision : head->backends[i].revision;
        if (revision != 0 && !names(change, is_route, i))
            change->mutations[change->count++] =
                (struct model_mutation){.is_route = is_route, .is_delete = true, .index = i};
    }
}

static bool is_held(const struct model *model, const struct model_mutation *mutation)
{
    if (model->held == 0)
        return false;
    const struct model_state *before = model_at(model, model->held - 1);
    const struct model_state *after = model_at(model, model->held);
    unsigned i = mutation->index;
    return mutation->is_route ? before->routes[i].revision != after->routes[i].revision
                              : before->backends[i].revision != after->backends[i].revision;
}

bool model_try(const struct model *model, const struct model_change *asked,
               struct model_state *next)
{
    const struct model_state *head = model_head(model);
    struct model_change whole = *asked;
    const struct model_change *change = &whole;
    *next = *head;
    if (asked->if_revision != 0 && asked->if_revision != head->revision)
        return false;
    if (asked->replaces) {
        add_deletes(&whole, true, MODEL_ROUTES, head);
        add_deletes(&whole, false, MODEL_BACKENDS, head);
    }
    for (size_t i = 0; i < change->count; i++) {
        if (is_held(model, &change->mutations[i]))
            return false;
    }
    for (size_t i = 0; i < change->count; i++) {
        if (!run(&change->mutations[i], head->revision + 1, next))
            return false;
    }
    for (size_t i = 0; i < change->count; i++) {
        const struct model_mutation *mutation = &change->mutations[i];
        if (!mutation->is_route && mutation->is_delete && !mutation->is_forced &&
            is_named(next, mutation->index))
            return false;
    }
    if (has_changed(next, head))
        next->revision = head->revision + 1;
    return true;
}

bool model_undo(const struct model *model, uint64_t first, uint64_t last, bool is_forced,
                struct model_change *change)
{
    const struct model_state *before = model_at(model, first - 1);
    const struct model_state *after = model_at(model, last);
    const struct model_state *now = model_head(model);
    *change = (struct model_change){0};
    for (unsigned i = 0; i < MODEL_ROUTES; i++) {
        const struct model_route *old = &before->routes[i];
        if (is_same_route(old, &after->routes[i]) || is_same_route(old, &now->routes[i]))
            continue;
        if (now->routes[i].revision != after->routes[i].revision && !is_forced)
            return false;
        change->mutations[change->count++] = (struct model_mutation){
            .is_route = true,
            .is_delete = old->revision == 0,
            .created_revision = old->created_revision,
            .index = i,
            .host = old->host,
            .prefix = old->prefix,
            .backend = old->backend,
        };
    }
    for (unsigned i = 0; i < MODEL_BACKENDS; i++) {
        const struct model_backend *old = &before->backends[i];
        if (is_same_backend(old, &after->backends[i]) || is_same_backend(old, &now->backends[i]))
            continue;
        if (now->backends[i].revision != after->backends[i].revision && !is_forced)
            return false;
        change->mutations[change->count++] = (struct model_mutation){
            .is_delete = old->revision == 0,
            .is_forced = is_forced,
            .created_revision = old->created_revision,
            .index = i,
            .port = old->port,
        };
    }
    return true;
}

void model_hold(struct model *model, uint64_t revision)
{
    model->held = revision;
}

void model_commit(struct model *model, const struct model_state *next)
{
    if (next->revision == model->head)
        return;
    if (next->revision == model->capacity) {
        model->capacity *= 2;
        model->states = memory_reallocate(model->states, model->capacity * sizeof(*next));
    }
    model->head = next->revision;
    model->states[model->head] = *next;
}

/* --- messages --------------------------------------------------------------------------------- */

static char *number_name(struct arena *arena, const char *prefix, unsigned number)
{
    return arena_printf(arena, "%s%u", prefix, number);
}

static void *one_of(struct arena *arena, void *item)
{
    void **list = arena_allocate(arena, sizeof(void *));
    list[0] = item;
    return list;
}

static LabelMessage **shard_label(struct arena *arena, unsigned shard)
{
    LabelMessage *label = ARENA_MESSAGE(arena, LabelMessage, pointsman__v1__label__init);
    label->key = (char *)"shard";
    label->value = number_name(arena, "", shard);
    return one_of(arena, label);
}

static RouteMessage *new_route(struct arena *arena, const char *name, const char *host,
                               const char *prefix)
{
    RouteMessage *route = ARENA_MESSAGE(arena, RouteMessage, pointsman__v1__route__init);
    RouteRuleMessage *rule =
        ARENA_MESSAGE(arena, RouteRuleMessage, pointsman__v1__route_rule__init);
    Pointsman__V1__RouteMatch *match =
        ARENA_MESSAGE(arena, Pointsman__V1__RouteMatch, pointsman__v1__route_match__init);
    match->path = ARENA_MESSAGE(arena, Pointsman__V1__PathMatch, pointsman__v1__path_match__init);
    match->path->type = POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_PATH_PREFIX;
    match->path->value = (char *)prefix;
    rule->n_matches = 1;
    rule->matches = one_of(arena, match);
    route->name = (char *)name;
    route->n_hostnames = 1;
    route->hostnames = one_of(arena, (void *)host);
    route->n_rules = 1;
    route->rules = one_of(arena, rule);
    return route;
}

bool model_is_grpc(unsigned route)
{
    return route % 2 == 1;
}

/* The prefix "/a" is the service "a"; "/" is none. */
static void make_grpc(RouteMessage *route, unsigned prefix)
{
    route->kind = POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC;
    if (prefix == 0)
        route->rules[0]->matches[0]->path = NULL;
}

static RouteMessage *route_message(struct arena *arena, unsigned index, unsigned host,
                                   unsigned prefix, unsigned backend)
{
    RouteMessage *route =
        new_route(arena, number_name(arena, "r", index / 2), hosts[host], prefixes[prefix]);
    if (model_is_grpc(index))
        make_grpc(route, prefix);
    BackendRefMessage *reference =
        ARENA_MESSAGE(arena, BackendRefMessage, pointsman__v1__backend_ref__init);
    reference->name = number_name(arena, "b", backend);
    route->n_labels = 1;
    route->labels = shard_label(arena, index % MODEL_SHARDS);
    route->rules[0]->n_backend_refs = 1;
    route->rules[0]->backend_refs = one_of(arena, reference);
    return route;
}

static BackendMessage *backend_message(struct arena *arena, unsigned index, uint32_t port)
{
    BackendMessage *backend = ARENA_MESSAGE(arena, BackendMessage, pointsman__v1__backend__init);
    EndpointMessage *endpoint =
        ARENA_MESSAGE(arena, EndpointMessage, pointsman__v1__endpoint__init);
    backend->name = number_name(arena, "b", index);
    backend->n_labels = 1;
    backend->labels = shard_label(arena, index % MODEL_SHARDS);
    backend->n_endpoints = 1;
    backend->endpoints = one_of(arena, endpoint);
    endpoint->address = (char *)"127.0.0.1";
    endpoint->port = port;
    return backend;
}

static Pointsman__V1__Precondition *precondition_message(struct arena *arena,
                                                         const struct model_mutation *mutation)
{
    Pointsman__V1__Precondition *precondition =
        ARENA_MESSAGE(arena, Pointsman__V1__Precondition, pointsman__v1__precondition__init);
    switch (mutation->precondition) {
    case MODEL_ANY:
        return NULL;
    case MODEL_MUST_NOT_EXIST:
        precondition->kind_case = POINTSMAN__V1__PRECONDITION__KIND_MUST_NOT_EXIST;
        precondition->must_not_exist = true;
        break;
    case MODEL_MUST_EXIST:
        precondition->kind_case = POINTSMAN__V1__PRECONDITION__KIND_MUST_EXIST;
        precondition->must_exist = true;
        break;
    case MODEL_REVISION_IS:
        precondition->kind_case = POINTSMAN__V1__PRECONDITION__KIND_REVISION_IS;
        precondition->revision_is = mutation->revision_is;
        break;
    }
    return precondition;
}

static MutationMessage *mutation_message(struct arena *arena, const struct model_mutation *mutation)
{
    MutationMessage *message = ARENA_MESSAGE(arena, MutationMessage, pointsman__v1__mutation__init);
    if (mutation->is_delete && mutation->is_route) {
        message->operation_case = POINTSMAN__V1__MUTATION__OPERATION_DELETE_ROUTE;
        message->delete_route = number_name(
            arena, model_is_grpc(mutation->index) ? "GRPCRoute/r" : "r", mutation->index / 2);
    } else if (mutation->is_delete) {
        message->operation_case = POINTSMAN__V1__MUTATION__OPERATION_DELETE_BACKEND;
        message->delete_backend = number_name(arena, "b", mutation->index);
    } else if (mutation->is_route) {
        message->operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE;
        message->put_route = route_message(arena, mutation->index, mutation->host, mutation->prefix,
                                           mutation->backend);
    } else {
        message->operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_BACKEND;
        message->put_backend = backend_message(arena, mutation->index, mutation->port);
    }
    message->precondition = precondition_message(arena, mutation);
    message->force = mutation->is_forced;
    message->ignore_missing = mutation->ignores_missing;
    return message;
}

Pointsman__V1__ApplyRequest *model_request(struct arena *arena, const struct model_change *change)
{
    Pointsman__V1__ApplyRequest *request =
        ARENA_MESSAGE(arena, Pointsman__V1__ApplyRequest, pointsman__v1__apply_request__init);
    request->if_revision = change->if_revision;
    request->n_mutations = change->count;
    request->mutations = arena_allocate(arena, MODEL_MUTATIONS * sizeof(request->mutations[0]));
    for (size_t i = 0; i < change->count; i++)
        request->mutations[i] = mutation_message(arena, &change->mutations[i]);
    if (change->replaces) {
        request->n_replace_all = 1;
        request->replace_all = shard_label(arena, change->shard);
    }
    return request;
}

/* --- what it looks like ----------------------------------------------------------------------- */

void model_describe_object(Pointsman__V1__ObjectKind kind, struct slice name, struct slice bytes,
                           struct buffer *to)
{
    buffer_printf(to, "%d %.*s ", (int)kind, (int)name.length, name.at);
    for (size_t i = 0; i < bytes.length; i++)
        buffer_printf(to, "%02x", (unsigned char)bytes.at[i]);
    buffer_append_char(to, '\n');
}

static void describe(Pointsman__V1__ObjectKind kind, const char *name,
                     const ProtobufCMessage *message, struct buffer *to, uint64_t *digest)
{
    struct buffer bytes = BUFFER_EMPTY;
    message_pack(message, &bytes);
    model_describe_object(kind, slice_from_string(name), buffer_slice(&bytes), to);
    *digest += object_digest(kind, slice_from_string(name), buffer_slice(&bytes));
    buffer_clear(&bytes);
}

/* Its method is none. */
static RouteMessage *bad_message(struct arena *arena, uint64_t revision)
{
    RouteMessage *route = new_route(arena, "bad", hosts[MODEL_HOSTS], "/");
    route->rules[0]->matches[0]->method = (char *)"NOPE";
    route->created_revision = revision;
    route->revision = revision;
    return route;
}

const char *model_bad_route(uint64_t revision, struct buffer *bytes)
{
    struct arena arena = {0};
    message_pack(&bad_message(&arena, revision)->base, bytes);
    arena_clear(&arena);
    return "bad";
}

static void describe_route(struct arena *arena, const struct model_state *state, unsigned index,
                           struct buffer *to, uint64_t *digest)
{
    const struct model_route *route = &state->routes[index];
    if (route->revision == 0)
        return;
    RouteMessage *message = route_message(arena, index, route->host, route->prefix, route->backend);
    message->created_revision = route->created_revision;
    message->revision = route->revision;
    describe(POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, route_id_of(message, arena),
             &message->base, to, digest);
}

/* GRPCRoutes come first: their ids do. */
void model_describe(const struct model_state *state, struct buffer *to, uint64_t *digest)
{
    const Pointsman__V1__ObjectKind route_kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    const Pointsman__V1__ObjectKind backend_kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND;
    struct arena arena = {0};
    *digest = 0;
    for (unsigned i = 1; i < MODEL_ROUTES; i += 2)
        describe_route(&arena, state, i, to, digest);
    if (state->bad.revision != 0)
        describe(route_kind, "bad", &bad_message(&arena, state->bad.revision)->base, to, digest);
    for (unsigned i = 0; i < MODEL_ROUTES; i += 2)
        describe_route(&arena, state, i, to, digest);
    for (unsigned i = 0; i < MODEL_BACKENDS; i++) {
        const struct model_backend *backend = &state->backends[i];
        if (backend->revision == 0)
            continue;
        BackendMessage *message = backend_message(&arena, i, backend->port);
        message->created_revision = backend->created_revision;
        message->revision = backend->revision;
        describe(backend_kind, message->name, &message->base, to, digest);
    }
    arena_clear(&arena);
}

/* --- requests --------------------------------------------------------------------------------- */

const char *model_host(unsigned host)
{
    return hosts[host];
}

const char *model_path(unsigned path)
{
    return prefixes[path];
}

/* The longest prefix wins, then the older route; names, then kinds, are in the order of numbers. */
static bool is_better(const struct model_route *route, const struct model_route *best)
{
    if (best == NULL || route->prefix != best->prefix)
        return best == NULL || route->prefix > best->prefix;
    return route->created_revision < best->created_revision;
}

unsigned model_answer(const struct model_state *state, unsigned host, unsigned path)
{
    if (host == MODEL_HOSTS)
        return state->bad.revision != 0 ? 500 : 404;
    const struct model_route *best = NULL;
    for (size_t i = 0; i < MODEL_ROUTES; i++) {
        const struct model_route *route = &state->routes[i];
        if (route->revision != 0 && route->host == host && route->prefix <= path &&
            is_better(route, best))
            best = route;
    }
    if (best == NULL)
        return 404;
    bool is_there = best->backend < MODEL_BACKENDS && state->backends[best->backend].revision != 0;
    return is_there ? state->backends[best->backend].port : 500;
}
