#include "control/packed_route.h"

#include "control/packed_object.h"
#include "proxy/routing/route.h"

/* In proto/pointsman/v1/route.proto. */
enum { HOSTNAMES_FIELD = 4, CREATED_ORDER_FIELD = 13 };

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

uint32_t packed_route_created_order(struct slice bytes)
{
    struct packed_field field;
    while (packed_field_take(&bytes, &field)) {
        if (field.number == CREATED_ORDER_FIELD)
            return (uint32_t)field.value;
    }
    return 0;
}
