#include "tests/unit/proxy/copy_reading.h"

#include "proxy/copy_loader.h"
#include "proxy/routing/replica_snapshot.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/fake_replica.h"

bool copy_reading(const char *path, struct local_copy_info *info, struct route_replica **into,
                  struct error *err)
{
    struct route_table *table = NULL;
    struct route_replica *replica = route_replica_new(NULL);
    bool is_read = copy_load(replica, path, info, err) &&
                   route_replica_commit(replica, info->epoch, info->revision, info->digest, true,
                                        NULL, NULL, &table, err);
    route_table_release(&table);
    *into = is_read ? replica : NULL;
    if (!is_read)
        route_replica_free(replica);
    return is_read;
}

size_t copy_reading_ok(const char *path, struct local_copy_info *info)
{
    struct error err;
    struct route_replica *replica;
    if (!copy_reading(path, info, &replica, &err))
        fail_msg("%s", err.message);
    size_t count = fake_replica_count(replica);
    route_replica_free(replica);
    return count;
}

void copy_reading_write(const char *path, const char *proxy_id, struct route_replica *replica)
{
    struct local_copy *copy = local_copy_start(path, proxy_id, NULL, false);
    local_copy_replace(copy, route_replica_revision(replica), route_replica_digest(replica));
    local_copy_rewrite(copy, route_replica_snapshot(replica));
    local_copy_stop(copy);
}
