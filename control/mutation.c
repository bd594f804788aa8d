#include "control/mutation.h"

#include "proto/message.h"
#include "proto/route_id.h"

#include <stdio.h>
#include <string.h>

bool mutation_read(const MutationMessage *message, enum mutation_naming naming, size_t index,
                   struct arena *arena, struct mutation *mutation)
{
    *mutation = (struct mutation){.message = message, .naming = naming, .index = index};
    switch (message->operation_case) {
    case POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE:
        mutation->kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
        mutation->name = route_id_of(message->put_route, arena);
        mutation->is_put = true;
        return true;
    case POINTSMAN__V1__MUTATION__OPERATION_DELETE_ROUTE:
        mutation->kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
        mutation->name = message->delete_route;
        return true;
    case POINTSMAN__V1__MUTATION__OPERATION_PUT_BACKEND:
        mutation->kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND;
        mutation->name = message->put_backend->name;
        mutation->is_put = true;
        return true;
    case POINTSMAN__V1__MUTATION__OPERATION_DELETE_BACKEND:
        mutation->kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND;
        mutation->name = message->delete_backend;
        return true;
    case POINTSMAN__V1__MUTATION__OPERATION__NOT_SET:
    case _POINTSMAN__V1__MUTATION__OPERATION__CASE_IS_INT_SIZE:
        break;
    }
    return false;
}

const char *object_kind_name(Pointsman__V1__ObjectKind kind)
{
    return kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE ? "route" : "backend";
}

bool object_id_is_valid(Pointsman__V1__ObjectKind kind, const char *id)
{
    return kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE ? route_id_is_valid(id)
                                                                 : object_name_is_valid(id);
}

static bool is_route(const struct mutation *mutation)
{
    return mutation->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
}

bool mutation_validate(const struct mutation *mutation, validate_report_fn *report, void *context)
{
    if (mutation->is_put && is_route(mutation))
        return route_validate(mutation->message->put_route, report, context);
    if (mutation->is_put)
        return backend_validate(mutation->message->put_backend, report, context);
    if (object_id_is_valid(mutation->kind, mutation->name))
        return true;
    report(context, "", "is not a name of an object");
    return false;
}

struct creation mutation_creation(const struct mutation *mutation)
{
    if (!is_route(mutation))
        return (struct creation){mutation->message->put_backend->created_revision, 0};
    const RouteMessage *route = mutation->message->put_route;
    return (struct creation){route->created_revision, route->created_order};
}

void mutation_pack(const struct mutation *mutation, struct creation created, uint64_t revision,
                   struct buffer *to)
{
    buffer_reset(to);
    if (is_route(mutation)) {
        RouteMessage route = *mutation->message->put_route;
        route.created_revision = created.revision;
        route.created_order = created.order;
        route.revision = revision;
        message_pack(&route.base, to);
    } else {
        BackendMessage backend = *mutation->message->put_backend;
        backend.created_revision = created.revision;
        backend.revision = revision;
        message_pack(&backend.base, to);
    }
}

void mutation_field(const struct mutation *mutation, const char *field, char *to)
{
    const char *dot = field[0] == '\0' ? "" : ".";
    const char *kind = object_kind_name(mutation->kind);
    switch (mutation->naming) {
    case MUTATION_BY_INDEX:
        snprintf(to, MUTATION_FIELD_BYTES, "mutations[%zu].%s_%s%s%s", mutation->index,
                 mutation->is_put ? "put" : "delete", kind, dot, field);
        break;
    case MUTATION_SINGLE:
        if (mutation->is_put)
            snprintf(to, MUTATION_FIELD_BYTES, "%s%s%s", kind, dot, field);
        else
            snprintf(to, MUTATION_FIELD_BYTES, "name");
        break;
    case MUTATION_BY_NAME:
        snprintf(to, MUTATION_FIELD_BYTES, "%s %s%s%s", kind, mutation->name, dot, field);
        break;
    }
}

void mutation_side_field(const struct mutation *mutation, const char *field, char *to)
{
    switch (mutation->naming) {
    case MUTATION_BY_INDEX:
        snprintf(to, MUTATION_FIELD_BYTES, "mutations[%zu].%s", mutation->index, field);
        break;
    case MUTATION_SINGLE:
        snprintf(to, MUTATION_FIELD_BYTES, "%s", field);
        break;
    case MUTATION_BY_NAME:
        mutation_field(mutation, field, to);
        break;
    }
}

int mutation_compare(const void *a, const void *b)
{
    const struct mutation *left = a;
    const struct mutation *right = b;
    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    return strcmp(left->name, right->name);
}
