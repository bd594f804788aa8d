#include "control/moment.h"

#include "control/store_history.h"

bool moment_resolve(struct store *store, uint64_t at_revision, uint64_t at_wall_ms,
                    uint64_t *revision, struct error *err)
{
    uint64_t digest;
    if (at_revision != 0 && at_wall_ms != 0)
        return error_set(err, ERROR_INVALID, "at_time_ms: at_revision is given too");
    if (at_wall_ms != 0)
        return store_revision_at(store, at_wall_ms, revision, err);
    *revision = at_revision != 0 ? at_revision : store_head(store).revision;
    return store_digest_at(store, *revision, &digest, err);
}
