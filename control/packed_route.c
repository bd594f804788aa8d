#include "control/packed_route.h"

#include "control/packed_object.h"
#include "proxy/routing/route.h"

/* In proto/pointsman/v1/route.proto. */
enum { HOSTNAMES_FIELD = 4, KIND_FIELD = 6, CREATED_ORDER_FIELD = 13 };

bool packed_route_serves_host(struct slice bytes, struct slice host)
{
    bool has_hostnames = false;
    struct packed_field field;
    while (bytes.length > 0) {
        if (!packed_field_take(&bytes, &field))
            return true;
        if (field.number != HOSTNAMES_FIELD)
            continue;
        if (route_hostname_takes(field.content, host))
            return true;
        has_hostnames = true;
    }
    return !has_hostnames;
}

/* 0 without it. */
static uint64_t number_of(struct slice bytes, uint32_t number)
{
    struct packed_field field;
    while (packed_field_take(&bytes, &field)) {
        if (field.number == number)
            return field.value;
    }
    return 0;
}

Pointsman__V1__RouteKind packed_route_kind(struct slice bytes)
{
    return (Pointsman__V1__RouteKind)number_of(bytes, KIND_FIELD);
}

uint32_t packed_route_created_order(struct slice bytes)
{
    return (uint32_t)number_of(bytes, CREATED_ORDER_FIELD);
}
