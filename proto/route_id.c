#include "proto/route_id.h"

#include "common/arena.h"

char *route_id_of(const RouteMessage *route, struct arena *arena)
{
    const char *start = route_id_start(route->kind);
    return *start == '\0' ? route->name : arena_printf(arena, "%s%s", start, route->name);
}

int route_id_compare(struct slice a, struct slice b)
{
    int order = slice_compare(route_id_name(a), route_id_name(b));
    return order != 0 ? order : (int)route_id_kind(a) - (int)route_id_kind(b);
}
