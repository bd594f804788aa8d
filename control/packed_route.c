#include "control/packed_route.h"

#include "control/packed_object.h"

/* hostnames in proto/pointsman/v1/route.proto */
enum { HOSTNAMES_FIELD = 4 };

static bool hostname_takes(struct slice hostname, struct slice host)
{
    if (!slice_has_prefix(hostname, SLICE("*.")))
        return slice_equals(hostname, host);
    struct slice tail = slice_of(hostname.at + 1, hostname.length - 1);
    return host.length > tail.length &&
           slice_equals(slice_of(host.at + host.length - tail.length, tail.length), tail);
}

bool packed_route_serves_host(struct slice bytes, struct slice host)
{
    bool has_hostnames = false;
    struct packed_field field;
    while (bytes.length > 0) {
        if (!packed_field_take(&bytes, &field))
            return true;
        if (field.number != HOSTNAMES_FIELD)
            continue;
        if (hostname_takes(field.content, host))
            return true;
        has_hostnames = true;
    }
    return !has_hostnames;
}
