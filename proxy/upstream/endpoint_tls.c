#include "proxy/upstream/endpoint_tls.h"

#include "common/buffer.h"
#include "common/hash.h"
#include "common/mutex.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct tls_registry {
    /* immutable after the first acquire */
    struct tls_maker maker;

    struct mutex mutex;
    /* guarded by mutex */
    struct endpoint_tls *first;
    size_t file_count; /* how many of them have a file */
};

struct tls_registry *tls_registry_new(void)
{
    struct tls_registry *registry = memory_allocate_zeroed(1, sizeof(*registry));
    mutex_init(&registry->mutex);
    return registry;
}

void tls_registry_free(struct tls_registry *registry)
{
    assert(registry->first == NULL);
    mutex_clear(&registry->mutex);
    free(registry);
}

void tls_registry_set_maker(struct tls_registry *registry, const struct tls_maker *maker)
{
    registry->maker = *maker;
}

/* --- objects --------------------------------------------------------------------------------- */

static struct endpoint_tls *tls_new(struct tls_registry *registry, const char *server_name,
                                    const char *ca_file, bool skip_verification)
{
    struct endpoint_tls *tls = memory_allocate_zeroed(1, sizeof(*tls));
    tls->registry = registry;
    tls->server_name = memory_duplicate_string(server_name);
    tls->ca_file = memory_duplicate_string(ca_file);
    tls->skip_verification = skip_verification;
    tls->references = 1;
    if (registry->maker.make != NULL)
        tls->context = registry->maker.make(tls);
    return tls;
}

static void tls_free(struct endpoint_tls *tls)
{
    if (tls == NULL)
        return;
    if (tls->registry->maker.free != NULL)
        tls->registry->maker.free(tls->context);
    free((char *)tls->server_name);
    free((char *)tls->ca_file);
    free(tls);
}

static struct endpoint_tls *find_locked(struct tls_registry *registry, const char *server_name,
                                        const char *ca_file, bool skip_verification)
    REQUIRES(registry->mutex)
{
    struct endpoint_tls *tls = registry->first;
    while (tls != NULL &&
           (strcmp(tls->server_name, server_name) != 0 || strcmp(tls->ca_file, ca_file) != 0 ||
            tls->skip_verification != skip_verification))
        tls = tls->next;
    if (tls != NULL)
        tls->references++;
    return tls;
}

struct endpoint_tls *endpoint_tls_acquire(struct tls_registry *registry, const char *server_name,
                                          const char *ca_file, bool skip_verification)
{
    mutex_lock(&registry->mutex);
    struct endpoint_tls *tls = find_locked(registry, server_name, ca_file, skip_verification);
    mutex_unlock(&registry->mutex);
    if (tls != NULL)
        return tls;

    struct endpoint_tls *fresh = tls_new(registry, server_name, ca_file, skip_verification);
    mutex_lock(&registry->mutex);
    tls = find_locked(registry, server_name, ca_file, skip_verification);
    if (tls == NULL) {
        fresh->next = registry->first;
        registry->first = fresh;
        registry->file_count += endpoint_tls_has_file(fresh);
    }
    mutex_unlock(&registry->mutex);
    if (tls == NULL)
        return fresh;
    tls_free(fresh);
    return tls;
}

bool tls_registry_has_files(struct tls_registry *registry)
{
    mutex_lock(&registry->mutex);
    bool has_files = registry->file_count > 0;
    mutex_unlock(&registry->mutex);
    return has_files;
}

/* All of them, held. */
static struct endpoint_tls **hold_all(struct tls_registry *registry, size_t *count)
{
    *count = 0;
    mutex_lock(&registry->mutex);
    size_t most = 0;
    for (struct endpoint_tls *tls = registry->first; tls != NULL; tls = tls->next)
        most++;
    struct endpoint_tls **all = memory_allocate(most * sizeof(struct endpoint_tls *));
    for (struct endpoint_tls *tls = registry->first; tls != NULL; tls = tls->next) {
        tls->references++;
        all[(*count)++] = tls;
    }
    mutex_unlock(&registry->mutex);
    return all;
}

void tls_registry_each(struct tls_registry *registry,
                       void (*visit)(struct endpoint_tls *tls, void *context), void *context)
{
    size_t count;
    struct endpoint_tls **all = hold_all(registry, &count);
    for (size_t i = 0; i < count; i++) {
        visit(all[i], context);
        endpoint_tls_release(&all[i]);
    }
    free(all);
}

uint64_t endpoint_tls_hash(const struct endpoint_tls *tls, uint64_t seed)
{
    seed = hash_bytes(tls->server_name, strlen(tls->server_name) + 1, seed);
    seed = hash_bytes(tls->ca_file, strlen(tls->ca_file) + 1, seed);
    return hash_bytes(&tls->skip_verification, sizeof(tls->skip_verification), seed);
}

void endpoint_tls_hold(struct endpoint_tls *tls)
{
    mutex_lock(&tls->registry->mutex);
    tls->references++;
    mutex_unlock(&tls->registry->mutex);
}

void endpoint_tls_release(struct endpoint_tls **tls)
{
    struct endpoint_tls *ours = *tls;
    if (ours == NULL)
        return;
    *tls = NULL;
    struct tls_registry *registry = ours->registry;

    mutex_lock(&registry->mutex);
    bool was_last = --ours->references == 0;
    if (was_last) {
        struct endpoint_tls **place = &registry->first;
        while (*place != ours)
            place = &(*place)->next;
        *place = ours->next;
        registry->file_count -= endpoint_tls_has_file(ours);
    }
    mutex_unlock(&registry->mutex);
    if (was_last)
        tls_free(ours);
}
