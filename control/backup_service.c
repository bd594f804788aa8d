#include "control/backup_service.h"

#include "common/crc32.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "control/commit_group.h"
#include "control/store_backup.h"
#include "proto/grpc_server.h"
#include "proto/message.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum { DATA_BYTES = 256 * 1024, STALL_MS = 60000 };

enum progress { PROGRESS_COPYING, PROGRESS_HEADER, PROGRESS_DATA, PROGRESS_END };

/* One call. */
struct run {
    struct backup_service *service;
    struct grpc_call *call;
    struct event_timer timer; /* for the next step, then for a reader that stalls */
    struct store_backup *backup;
    enum progress progress;
    uint32_t crc32;
};

struct backup_service {
    struct event_loop *loop;
    struct store *store;
    struct commit_group *commits;
    struct run *run; /* NULL: none */
};

struct backup_service *backup_service_new(struct event_loop *loop, struct store *store,
                                          struct commit_group *commits)
{
    struct backup_service *service = memory_allocate_zeroed(1, sizeof(*service));
    service->loop = loop;
    service->store = store;
    service->commits = commits;
    return service;
}

void backup_service_free(struct backup_service *service)
{
    assert(service == NULL || service->run == NULL);
    free(service);
}

static void run_free(struct run *run)
{
    event_timer_stop(&run->timer);
    store_backup_free(run->backup);
    run->service->run = NULL;
    free(run);
}

static void on_call_end(void *context)
{
    run_free(context);
}

static void run_fail(struct run *run, const struct error *err)
{
    log_warn("backup_failed", "reason=\"%s\"", err->message);
    grpc_call_fail_error(run->call, err);
    run_free(run);
}

/* --- copying -------------------------------------------------------------------------------- */

static void on_stall(struct event_timer *timer)
{
    struct error err;
    error_set(&err, ERROR_TIMEOUT, "nobody has read of the backup for a minute");
    run_fail(timer->context, &err);
}

static void watch_reader(struct run *run)
{
    event_timer_stop(&run->timer);
    event_timer_start(&run->timer, run->service->loop, STALL_MS, on_stall, run);
}

static void on_step_due(struct event_timer *timer)
{
    struct run *run = timer->context;
    struct error err = {0};
    bool is_finished;
    commit_group_flush(run->service->commits);
    if (!store_backup_step(run->backup, &is_finished, &err)) {
        run_fail(run, &err);
    } else if (is_finished) {
        run->progress = PROGRESS_HEADER;
        watch_reader(run);
        grpc_call_resume(run->call);
    } else {
        event_timer_start(timer, run->service->loop, 0, on_step_due, run);
    }
}

/* --- sending -------------------------------------------------------------------------------- */

static enum grpc_pull pull_header(struct run *run, struct buffer *to)
{
    Pointsman__V1__BackupHeader header = POINTSMAN__V1__BACKUP_HEADER__INIT;
    Pointsman__V1__BackupResponse response = POINTSMAN__V1__BACKUP_RESPONSE__INIT;
    header.epoch = (char *)store_epoch(run->service->store);
    header.revision = store_backup_revision(run->backup);
    header.bytes = store_backup_bytes(run->backup);
    response.part_case = POINTSMAN__V1__BACKUP_RESPONSE__PART_HEADER;
    response.header = &header;
    message_pack(&response.base, to);
    run->progress = PROGRESS_DATA;
    return GRPC_PULL_MESSAGE;
}

static enum grpc_pull pull_trailer(struct run *run, struct buffer *to)
{
    Pointsman__V1__BackupTrailer trailer = POINTSMAN__V1__BACKUP_TRAILER__INIT;
    Pointsman__V1__BackupResponse response = POINTSMAN__V1__BACKUP_RESPONSE__INIT;
    trailer.crc32 = run->crc32;
    response.part_case = POINTSMAN__V1__BACKUP_RESPONSE__PART_TRAILER;
    response.trailer = &trailer;
    message_pack(&response.base, to);
    run->progress = PROGRESS_END;
    log_info("backup_sent", "revision=%" PRIu64 " bytes=%" PRIu64,
             store_backup_revision(run->backup), store_backup_bytes(run->backup));
    return GRPC_PULL_MESSAGE;
}

static enum grpc_pull pull_data(struct run *run, struct buffer *to)
{
    struct buffer data = BUFFER_EMPTY;
    struct error err = {0};
    if (!store_backup_read(run->backup, DATA_BYTES, &data, &err)) {
        buffer_clear(&data);
        run_fail(run, &err);
        return GRPC_PULL_WAIT;
    }
    if (data.length == 0) {
        buffer_clear(&data);
        return pull_trailer(run, to);
    }
    Pointsman__V1__BackupResponse response = POINTSMAN__V1__BACKUP_RESPONSE__INIT;
    response.part_case = POINTSMAN__V1__BACKUP_RESPONSE__PART_DATA;
    response.data.data = (uint8_t *)data.at;
    response.data.len = data.length;
    message_pack(&response.base, to);
    run->crc32 = crc32_add(run->crc32, data.at, data.length);
    buffer_clear(&data);
    return GRPC_PULL_MESSAGE;
}

static enum grpc_pull pull(void *context, struct buffer *to)
{
    struct run *run = context;
    if (run->progress == PROGRESS_COPYING)
        return GRPC_PULL_WAIT;
    watch_reader(run);
    switch (run->progress) {
    case PROGRESS_COPYING:
        break;
    case PROGRESS_HEADER:
        return pull_header(run, to);
    case PROGRESS_DATA:
        return pull_data(run, to);
    case PROGRESS_END:
        run_free(run);
        return GRPC_PULL_END;
    }
    return GRPC_PULL_WAIT;
}

void backup_service_start(struct backup_service *service, struct grpc_call *call)
{
    struct error err = {0};
    struct store_backup *backup = NULL;
    if (service->run != NULL)
        error_set(&err, ERROR_LIMIT, "a backup is being made already");
    else
        backup = store_backup_new(service->store, &err);
    if (backup == NULL) {
        grpc_call_fail_error(call, &err);
        return;
    }
    struct run *run = memory_allocate_zeroed(1, sizeof(*run));
    run->service = service;
    run->call = call;
    run->backup = backup;
    service->run = run;
    grpc_call_on_end(call, on_call_end, run);
    grpc_call_stream(call, pull, run);
    event_timer_start(&run->timer, service->loop, 0, on_step_due, run);
}
