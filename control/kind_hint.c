#include "control/kind_hint.h"

#include "proto/route_id.h"

#include <stdio.h>

void kind_hint(struct store *store, Pointsman__V1__ObjectKind kind, const char *id,
               char to[static KIND_HINT_BYTES])
{
    char other[STORE_NAME_BYTES];
    struct store_record record = {0};
    bool is_there = false;
    to[0] = '\0';
    if (kind != POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE)
        return;
    snprintf(other, sizeof(other), "%s%s",
             route_id_start(POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC), id);
    if (store_find(store, kind, other, &record, &is_there, NULL) && is_there)
        snprintf(to, KIND_HINT_BYTES, "; there is '%s'", other);
    store_record_clear(&record);
}

void kind_hint_add(struct store *store, Pointsman__V1__ObjectKind kind, const char *id,
                   struct error *err)
{
    if (err->code != ERROR_NOT_FOUND)
        return;
    const struct error plain = *err;
    char hint[KIND_HINT_BYTES];
    kind_hint(store, kind, id, hint);
    error_set(err, plain.code, "%s%s", plain.message, hint);
}
