#include "proxy/http/hash_key.h"

#include "common/hash.h"
#include "proxy/routing/request_field.h"
#include "proxy/upstream/backend.h"

static bool find_value(const struct backend *backend, const struct request_head *head,
                       struct slice *value)
{
    switch (backend->hash_on) {
    case HASH_ON_SOURCE_ADDRESS:
        return true;
    case HASH_ON_HEADER:
        return request_field_find(head, backend->hash_name, value);
    case HASH_ON_COOKIE:
        return request_field_find_cookie(head, backend->hash_name, value);
    }
    return false;
}

bool hash_key_of(const struct backend *backend, const struct request_head *head,
                 struct slice client_address, uint64_t *key)
{
    struct slice value = client_address;
    if (!find_value(backend, head, &value))
        return false;
    *key = hash_stable(value.at, value.length);
    return true;
}
