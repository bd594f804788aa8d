#include "proxy/shared_names.h"

#include "common/buffer.h"
#include "proto/route_id.h"

void shared_name_change(Pointsman__V1__ObjectKind kind, struct slice name, bool deleted,
                        struct slice bytes, object_change_fn *tell, void *context)
{
    if (kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE) {
        struct buffer id = BUFFER_EMPTY;
        buffer_append_string(&id, route_id_start(POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC));
        buffer_append_slice(&id, name);
        tell(context, kind, buffer_slice(&id), true, SLICE(""));
        buffer_clear(&id);
        if (!deleted)
            tell(context, kind, name, true, SLICE(""));
    }
    tell(context, kind, name, deleted, bytes);
}
