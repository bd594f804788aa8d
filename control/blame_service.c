#include "control/blame_service.h"

#include "common/clock.h"
#include "common/event_loop.h"
#include "common/hash.h"
#include "control/change_message.h"
#include "control/kind_hint.h"
#include "control/moment.h"
#include "control/mutation.h"
#include "control/packed_object.h"
#include "proto/grpc_server.h"
#include "proto/message.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* What is no part: of Route and Backend alike, and of a Route. */
enum { NAME_FIELD = 1, CREATED_REVISION_FIELD = 14, REVISION_FIELD = 15, ROUTE_KIND_FIELD = 6 };

enum { RUNS_MAX = 16, PIECE_MICROSECONDS = 5000, FIELD_BYTES = 64 };

struct blame_service {
    struct event_loop *loop;
    struct store *store;
    size_t run_count;
};

struct part {
    uint64_t hash;
    uint64_t revision; /* 0: not found yet */
    char field[FIELD_BYTES];
};

/* One call. */
struct run {
    struct blame_service *service;
    struct grpc_call *call;
    struct event_timer timer;

    Pointsman__V1__ObjectKind kind;
    char name[OBJECT_NAME_BYTES];
    uint64_t revision;
    Pointsman__V1__Object *object;

    struct part *parts;
    size_t count;
    size_t unknown_count;
    uint64_t newest;  /* of the changes still to be looked at */
    uint64_t *hashes; /* of the parts of a version, sorted */
    size_t hash_count;
    size_t hash_capacity;

    /* The piece at hand. */
    uint64_t piece_end_us;
    size_t piece_count;
    bool is_cut;
};

struct blame_service *blame_service_new(struct event_loop *loop, struct store *store)
{
    struct blame_service *service = memory_allocate_zeroed(1, sizeof(*service));
    service->loop = loop;
    service->store = store;
    return service;
}

void blame_service_free(struct blame_service *service)
{
    assert(service == NULL || service->run_count == 0);
    free(service);
}

static void run_free(struct run *run)
{
    event_timer_stop(&run->timer);
    message_free((ProtobufCMessage *)run->object);
    free(run->parts);
    free(run->hashes);
    run->service->run_count--;
    free(run);
}

static void on_call_end(void *context)
{
    run_free(context);
}

/* --- parts ---------------------------------------------------------------------------------- */

static bool is_part(Pointsman__V1__ObjectKind kind, const struct packed_field *field)
{
    bool is_route = kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    return field->number != NAME_FIELD && field->number != CREATED_REVISION_FIELD &&
           field->number != REVISION_FIELD && !(is_route && field->number == ROUTE_KIND_FIELD);
}

static void name_part(struct part *part, Pointsman__V1__ObjectKind kind, uint64_t number,
                      size_t index)
{
    const ProtobufCMessageDescriptor *object = kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE
                                                   ? &pointsman__v1__route__descriptor
                                                   : &pointsman__v1__backend__descriptor;
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(object, (unsigned)number);
    if (field == NULL) /* of a newer version */
        snprintf(part->field, sizeof(part->field), "%llu", (unsigned long long)number);
    else if (field->label == PROTOBUF_C_LABEL_REPEATED)
        snprintf(part->field, sizeof(part->field), "%s[%zu]", field->name, index);
    else
        snprintf(part->field, sizeof(part->field), "%s", field->name);
}

static void find_parts(struct run *run, struct slice bytes)
{
    struct packed_field field;
    uint64_t last_number = 0;
    size_t index = 0;
    size_t capacity = 0;
    while (packed_field_take(&bytes, &field)) {
        index = field.number == last_number ? index + 1 : 0;
        last_number = field.number;
        if (!is_part(run->kind, &field))
            continue;
        if (run->count == capacity) {
            capacity = capacity == 0 ? 8 : 2 * capacity;
            run->parts = memory_reallocate(run->parts, capacity * sizeof(run->parts[0]));
        }
        struct part *part = &run->parts[run->count++];
        *part = (struct part){.hash = hash_stable(field.whole.at, field.whole.length)};
        name_part(part, run->kind, field.number, index);
    }
    run->unknown_count = run->count;
}

static int compare_hashes(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left == right ? 0 : left < right ? -1 : 1;
}

static void hash_version(struct run *run, struct slice bytes)
{
    struct packed_field field;
    run->hash_count = 0;
    while (packed_field_take(&bytes, &field)) {
        if (run->hash_count == run->hash_capacity) {
            run->hash_capacity *= 2;
            run->hashes =
                memory_reallocate(run->hashes, run->hash_capacity * sizeof(run->hashes[0]));
        }
        run->hashes[run->hash_count++] = hash_stable(field.whole.at, field.whole.length);
    }
    qsort(run->hashes, run->hash_count, sizeof(run->hashes[0]), compare_hashes);
}

/* What the version before did not have came with this change. */
static bool take_change(void *context, const struct store_change *change)
{
    struct run *run = context;
    run->is_cut = run->piece_count++ > 0 && clock_now_us() >= run->piece_end_us;
    if (run->is_cut)
        return false;

    hash_version(run, change->before);
    for (size_t i = 0; i < run->count; i++) {
        struct part *part = &run->parts[i];
        if (part->revision != 0 || bsearch(&part->hash, run->hashes, run->hash_count,
                                           sizeof(part->hash), compare_hashes) != NULL)
            continue;
        part->revision = change->revision;
        run->unknown_count--;
    }
    run->newest = change->revision - 1;
    return run->unknown_count > 0;
}

/* --- the answer ----------------------------------------------------------------------------- */

static int newer_first(const void *a, const void *b)
{
    return compare_hashes(b, a);
}

/* Each revision that a part names, once. Caller frees. */
static uint64_t *list_revisions(const struct run *run, size_t *count)
{
    uint64_t *revisions = memory_allocate((run->count + 1) * sizeof(revisions[0]));
    size_t found = 0;
    for (size_t i = 0; i < run->count; i++) {
        if (run->parts[i].revision != 0)
            revisions[found++] = run->parts[i].revision;
    }
    qsort(revisions, found, sizeof(revisions[0]), newer_first);
    *count = 0;
    for (size_t i = 0; i < found; i++) {
        if (i == 0 || revisions[i] != revisions[i - 1])
            revisions[(*count)++] = revisions[i];
    }
    return revisions;
}

/* False when reading a commit fails: it was compacted meanwhile, say. */
static bool add_commits(const struct run *run, Pointsman__V1__BlameResponse *response,
                        struct error *err)
{
    size_t count;
    uint64_t *revisions = list_revisions(run, &count);
    bool is_read = true;
    for (size_t i = 0; i < count && is_read; i++) {
        Pointsman__V1__Commit *commit = commit_message_read(run->service->store, revisions[i], err);
        is_read = commit != NULL;
        if (is_read) {
            response->commits = message_list_grow(response->commits, response->n_commits);
            response->commits[response->n_commits++] = commit;
        }
    }
    free(revisions);
    return is_read;
}

static void answer(struct run *run)
{
    Pointsman__V1__BlameResponse response = POINTSMAN__V1__BLAME_RESPONSE__INIT;
    Pointsman__V1__BlamedPart *parts = memory_allocate((run->count + 1) * sizeof(parts[0]));
    struct error err = {0};
    response.revision = run->revision;
    response.object = run->object;
    response.parts = memory_allocate((run->count + 1) * sizeof(response.parts[0]));
    for (; response.n_parts < run->count; response.n_parts++) {
        Pointsman__V1__BlamedPart *part = &parts[response.n_parts];
        pointsman__v1__blamed_part__init(part);
        part->field = run->parts[response.n_parts].field;
        part->revision = run->parts[response.n_parts].revision;
        response.parts[response.n_parts] = part;
    }
    if (add_commits(run, &response, &err))
        grpc_call_reply(run->call, &response.base);
    else
        grpc_call_fail_error(run->call, &err);

    for (size_t i = 0; i < response.n_commits; i++)
        message_free(&response.commits[i]->base);
    free(response.commits);
    free(response.parts);
    free(parts);
    run_free(run);
}

/* --- reading -------------------------------------------------------------------------------- */

static void on_piece_due(struct event_timer *timer);

static void read_piece(struct run *run)
{
    const struct blame_service *service = run->service;
    uint64_t oldest = store_compacted_revision(service->store) + 1;
    struct error err = {0};
    run->piece_count = 0;
    run->is_cut = false;
    run->piece_end_us = clock_now_us() + PIECE_MICROSECONDS;
    if (run->unknown_count > 0 && run->newest >= oldest &&
        !store_object_changes(service->store, run->kind, run->name, run->newest, oldest,
                              STORE_OBJECTS, take_change, run, &err)) {
        grpc_call_fail_error(run->call, &err);
        run_free(run);
    } else if (run->is_cut) {
        event_timer_start(&run->timer, service->loop, 0, on_piece_due, run);
    } else {
        answer(run);
    }
}

static void on_piece_due(struct event_timer *timer)
{
    read_piece(timer->context);
}

static bool read_object(struct run *run, const Pointsman__V1__BlameRequest *request,
                        struct error *err)
{
    struct store *store = run->service->store;
    struct buffer bytes = BUFFER_EMPTY;
    if (request->kind != POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE &&
        request->kind != POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND)
        return error_set(err, ERROR_INVALID, "kind: must be that of a route or a backend");
    if (!object_id_is_valid(request->kind, request->name))
        return error_set(err, ERROR_INVALID, "name: is not a name of an object");
    run->kind = request->kind;
    snprintf(run->name, sizeof(run->name), "%s", request->name);
    if (!moment_resolve(store, request->at_revision, request->at_time_ms, &run->revision, err))
        return false;

    run->newest = run->revision;
    bool is_read = store_get_at(store, run->revision, run->kind, run->name, &bytes, err);
    if (is_read) {
        run->object = object_message_new(run->kind, buffer_slice(&bytes), err);
        find_parts(run, buffer_slice(&bytes));
    } else {
        kind_hint_add(store, run->kind, run->name, err);
    }
    buffer_clear(&bytes);
    return is_read && run->object != NULL;
}

void blame_service_blame(struct blame_service *service, struct grpc_call *call,
                         const Pointsman__V1__BlameRequest *request)
{
    struct error err = {0};
    if (service->run_count == RUNS_MAX) {
        error_set(&err, ERROR_LIMIT, "%d objects are being looked at already", RUNS_MAX);
        grpc_call_fail_error(call, &err);
        return;
    }
    struct run *run = memory_allocate_zeroed(1, sizeof(*run));
    run->service = service;
    run->call = call;
    run->hash_capacity = 8;
    run->hashes = memory_allocate(run->hash_capacity * sizeof(run->hashes[0]));
    service->run_count++;
    if (!read_object(run, request, &err)) {
        grpc_call_fail_error(call, &err);
        run_free(run);
        return;
    }
    grpc_call_on_end(call, on_call_end, run);
    read_piece(run);
}
