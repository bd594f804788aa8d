#include "proxy/copy_loader.h"

#include "common/mutex.h"
#include "proxy/local_copy_read.h"
#include "proxy/routing/prepared_objects.h"
#include "proxy/routing/route_replica.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    LOADERS_MAX = 3,
    BATCHES = 8, /* blocks under way; each becomes a megabyte or two */
};

/* One block of the base. */
struct batch {
    struct local_copy_block block;
    struct prepared_objects objects;
    bool is_ready;
};

struct load {
    struct mutex mutex;
    pthread_cond_t changed;
    /* guarded by mutex; a batch, between claim and ready, is its preparer's */
    struct slice unread; /* of the base */
    uint64_t expected_count;
    uint64_t object_count;
    size_t claimed;
    size_t staged;
    struct batch batches[BATCHES]; /* by the number of the block */
    bool is_at_end;
    bool has_failed;
    struct error err; /* the first */
};

/* --- preparing: loaders, and control when it has nothing to stage --------------------------- */

static void fail_locked(struct load *load, const struct error *err) REQUIRES(load->mutex)
{
    if (!load->has_failed)
        load->err = *err;
    load->has_failed = true;
}

/* NULL: there is none to be had, for now or at all. */
static struct batch *claim_locked(struct load *load) REQUIRES(load->mutex)
{
    if (load->has_failed || load->is_at_end || load->claimed - load->staged == BATCHES)
        return NULL;
    struct error err;
    struct batch *batch = &load->batches[load->claimed % BATCHES];
    if (!local_copy_take_block(&load->unread, &batch->block, &load->is_at_end,
                               &load->expected_count, &err))
        fail_locked(load, &err);
    if (load->has_failed || load->is_at_end) {
        pthread_cond_broadcast(&load->changed);
        return NULL;
    }
    batch->is_ready = false;
    load->claimed++;
    return batch;
}

static void prepare_object(void *context, Pointsman__V1__ObjectKind kind, struct slice name,
                           bool deleted, struct slice bytes)
{
    (void)deleted; /* never, in a base */
    prepared_objects_add(context, kind, name, bytes);
}

static void prepare(struct load *load, struct batch *batch)
{
    uint64_t count = 0;
    struct error err;
    bool is_prepared =
        local_copy_parse_block(&batch->block, prepare_object, &batch->objects, &count, &err);

    mutex_lock(&load->mutex);
    if (!is_prepared)
        fail_locked(load, &err);
    load->object_count += count;
    batch->is_ready = true;
    pthread_cond_broadcast(&load->changed);
    mutex_unlock(&load->mutex);
}

static struct batch *wait_for_block(struct load *load)
{
    struct batch *batch;
    mutex_lock(&load->mutex);
    while ((batch = claim_locked(load)) == NULL && !load->has_failed && !load->is_at_end)
        pthread_cond_wait(&load->changed, &load->mutex.native);
    mutex_unlock(&load->mutex);
    return batch;
}

static void *prepare_blocks(void *context)
{
    struct load *load = context;
    struct batch *batch;
    while ((batch = wait_for_block(load)) != NULL)
        prepare(load, batch);
    return NULL;
}

/* --- staging: control ----------------------------------------------------------------------- */

/* What control does next. */
struct step {
    struct batch *to_stage;
    struct batch *to_prepare; /* neither: it is done */
};

static struct step next_step(struct load *load)
{
    struct step step = {NULL, NULL};
    mutex_lock(&load->mutex);
    for (;;) {
        struct batch *next = &load->batches[load->staged % BATCHES];
        bool is_under_way = load->staged < load->claimed;
        if (load->has_failed || (load->is_at_end && !is_under_way))
            break;
        if (is_under_way && next->is_ready) {
            step.to_stage = next;
            break;
        }
        step.to_prepare = claim_locked(load);
        if (step.to_prepare != NULL)
            break;
        if (!load->has_failed && (is_under_way || !load->is_at_end))
            pthread_cond_wait(&load->changed, &load->mutex.native);
    }
    mutex_unlock(&load->mutex);
    return step;
}

static void stage_blocks(struct load *load, struct route_replica *replica)
{
    for (;;) {
        struct step step = next_step(load);
        if (step.to_stage != NULL) {
            route_replica_stage_prepared(replica, &step.to_stage->objects);
            mutex_lock(&load->mutex);
            load->staged++;
            pthread_cond_broadcast(&load->changed);
            mutex_unlock(&load->mutex);
        } else if (step.to_prepare != NULL) {
            prepare(load, step.to_prepare);
        } else {
            return;
        }
    }
}

/* --- the whole ------------------------------------------------------------------------------ */

static unsigned loader_count(void)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    long others = cpus < 2 ? 1 : cpus - 1;
    return (unsigned)(others > LOADERS_MAX ? LOADERS_MAX : others);
}

static void run(struct load *load, struct route_replica *replica)
{
    pthread_t loaders[LOADERS_MAX];
    unsigned count = loader_count();
    for (unsigned i = 0; i < count; i++) {
        if (pthread_create(&loaders[i], NULL, prepare_blocks, load) != 0)
            abort();
    }
    stage_blocks(load, replica);
    for (unsigned i = 0; i < count; i++)
        pthread_join(loaders[i], NULL);
}

static bool load_base(struct route_replica *replica, struct slice base,
                      struct local_copy_info *info, struct error *err)
{
    struct load load = {.unread = base};
    if (!local_copy_take_header(&load.unread, info, err))
        return false;
    mutex_init(&load.mutex);
    pthread_cond_init(&load.changed, NULL);
    run(&load, replica);
    for (size_t i = 0; i < BATCHES; i++)
        prepared_objects_clear(&load.batches[i].objects);
    pthread_cond_destroy(&load.changed);
    mutex_clear(&load.mutex);

    info->object_count = load.object_count;
    if (load.has_failed) {
        *err = load.err;
        return false;
    }
    return load.object_count == load.expected_count ||
           error_set(err, ERROR_CORRUPT, "objects are missing");
}

static void stage_change(void *context, Pointsman__V1__ObjectKind kind, struct slice name,
                         bool deleted, struct slice bytes)
{
    route_replica_stage(context, kind, name, deleted, bytes);
}

bool copy_load(struct route_replica *replica, const char *path, struct local_copy_info *info,
               struct error *err)
{
    struct local_copy_files files;
    if (!route_replica_begin(replica, true, 0, err) || !local_copy_open(&files, path, err))
        return false;
    bool is_loaded = (load_base(replica, files.base, info, err) &&
                      local_copy_parse_journal(files.journal, info, stage_change, replica, err)) ||
                     error_prefix(err, "local copy %s: ", path);
    local_copy_close(&files);
    return is_loaded;
}
