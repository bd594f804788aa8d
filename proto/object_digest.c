#include "proto/object_digest.h"

#include "common/hash.h"
#include "proto/route_id.h"

#include <endian.h>

uint64_t object_digest(Pointsman__V1__ObjectKind kind, struct slice name, struct slice bytes)
{
    /* The bytes of a route tell its kind. */
    name = route_id_name(name);
    const uint64_t parts[3] = {
        htole64((uint64_t)kind),
        htole64(hash_stable(name.at, name.length)),
        htole64(hash_stable(bytes.at, bytes.length)),
    };
    return hash_stable(parts, sizeof(parts));
}
