#include "proxy/upstream/health_check.h"

#include "common/buffer.h"
#include "common/mutex.h"
#include "proxy/upstream/backend.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEFAULT_INTERVAL_MS = 5000,
    DEFAULT_TIMEOUT_MS = 1000,
    DEFAULT_UNHEALTHY_AFTER = 3,
    DEFAULT_HEALTHY_AFTER = 2,
};

struct check_registry {
    struct mutex mutex;
    /* guarded by mutex */
    struct health_check *fresh; /* not taken */
    size_t count;
    void (*on_change)(void *context);
    void *context;
};

struct check_registry *check_registry_new(void)
{
    struct check_registry *registry = memory_allocate_zeroed(1, sizeof(*registry));
    mutex_init(&registry->mutex);
    return registry;
}

void check_registry_free(struct check_registry *registry)
{
    assert(registry->count == 0);
    mutex_clear(&registry->mutex);
    free(registry);
}

/* --- settings -------------------------------------------------------------------------------- */

static enum check_type type_of(const Pointsman__V1__HealthCheck *message)
{
    switch (message->type) {
    case POINTSMAN__V1__HEALTH_CHECK_TYPE__HEALTH_CHECK_TYPE_TCP:
        return CHECK_TCP;
    case POINTSMAN__V1__HEALTH_CHECK_TYPE__HEALTH_CHECK_TYPE_GRPC:
        return CHECK_GRPC;
    case POINTSMAN__V1__HEALTH_CHECK_TYPE__HEALTH_CHECK_TYPE_UNSPECIFIED:
    case POINTSMAN__V1__HEALTH_CHECK_TYPE__HEALTH_CHECK_TYPE_HTTP:
    case _POINTSMAN__V1__HEALTH_CHECK_TYPE_IS_INT_SIZE:
        break;
    }
    return CHECK_HTTP;
}

/* Borrows from the message. */
static struct check_settings settings_of(const Pointsman__V1__HealthCheck *message)
{
    return (struct check_settings){
        .type = type_of(message),
        .path = message->path[0] == '\0' ? SLICE("/") : slice_from_string(message->path),
        .host = slice_from_string(message->host),
        .service = slice_from_string(message->service),
        .interval_ms = backend_milliseconds(message->interval, DEFAULT_INTERVAL_MS),
        .timeout_ms = backend_milliseconds(message->timeout, DEFAULT_TIMEOUT_MS),
        .unhealthy_after =
            message->unhealthy == 0 ? (uint32_t)DEFAULT_UNHEALTHY_AFTER : message->unhealthy,
        .healthy_after = message->healthy == 0 ? (uint32_t)DEFAULT_HEALTHY_AFTER : message->healthy,
        .statuses = message->expected_statuses,
        .status_count = message->n_expected_statuses,
    };
}

static bool are_equal(const struct check_settings *a, const struct check_settings *b)
{
    return a->type == b->type && slice_equals(a->path, b->path) && slice_equals(a->host, b->host) &&
           slice_equals(a->service, b->service) && a->interval_ms == b->interval_ms &&
           a->timeout_ms == b->timeout_ms && a->unhealthy_after == b->unhealthy_after &&
           a->healthy_after == b->healthy_after && a->status_count == b->status_count &&
           (a->status_count == 0 ||
            memcmp(a->statuses, b->statuses, a->status_count * sizeof(a->statuses[0])) == 0);
}

static struct slice copy_text(char **at, struct slice text)
{
    struct slice copy = slice_of(*at, text.length);
    if (text.length > 0)
        memcpy(*at, text.at, text.length);
    *at += text.length;
    return copy;
}

/* One allocation: the struct, the statuses, the texts. */
static struct health_check *check_new(struct check_registry *registry, struct endpoint *endpoint,
                                      const struct check_settings *settings)
{
    size_t status_bytes = settings->status_count * sizeof(settings->statuses[0]);
    size_t text_bytes = settings->path.length + settings->host.length + settings->service.length;
    struct health_check *check =
        memory_allocate_zeroed(1, sizeof(*check) + status_bytes + text_bytes);
    uint32_t *statuses = (uint32_t *)(check + 1);
    char *texts = (char *)statuses + status_bytes;
    if (status_bytes > 0)
        memcpy(statuses, settings->statuses, status_bytes);
    check->settings = *settings;
    check->settings.statuses = statuses;
    check->settings.path = copy_text(&texts, settings->path);
    check->settings.host = copy_text(&texts, settings->host);
    check->settings.service = copy_text(&texts, settings->service);
    check->registry = registry;
    check->endpoint = endpoint;
    check->users = 1;
    atomic_init(&check->is_healthy, true);
    endpoint_acquire(endpoint);
    return check;
}

static void check_free(struct health_check *check)
{
    if (check == NULL)
        return;
    endpoint_release(&check->endpoint);
    free(check);
}

/* --- lists ----------------------------------------------------------------------------------- */

static struct health_check *find_locked(struct check_registry *registry,
                                        const struct endpoint *endpoint,
                                        const struct check_settings *settings)
    REQUIRES(registry->mutex)
{
    (void)registry;
    struct health_check *check = endpoint->checks;
    while (check != NULL && !are_equal(&check->settings, settings))
        check = check->next_of_endpoint;
    return check;
}

static void link_fresh_locked(struct check_registry *registry, struct health_check *check)
    REQUIRES(registry->mutex)
{
    check->is_taken = false;
    check->previous_fresh = NULL;
    check->next_fresh = registry->fresh;
    if (check->next_fresh != NULL)
        check->next_fresh->previous_fresh = check;
    registry->fresh = check;
}

static void unlink_fresh_locked(struct check_registry *registry, struct health_check *check)
    REQUIRES(registry->mutex)
{
    if (check->previous_fresh != NULL)
        check->previous_fresh->next_fresh = check->next_fresh;
    else
        registry->fresh = check->next_fresh;
    if (check->next_fresh != NULL)
        check->next_fresh->previous_fresh = check->previous_fresh;
}

static void add_locked(struct check_registry *registry, struct health_check *check)
    REQUIRES(registry->mutex)
{
    check->next_of_endpoint = check->endpoint->checks;
    check->endpoint->checks = check;
    registry->count++;
    link_fresh_locked(registry, check);
}

/* Neither used nor taken, nor fresh any more. */
static void remove_locked(struct check_registry *registry, struct health_check *check)
    REQUIRES(registry->mutex)
{
    struct health_check **place = &check->endpoint->checks;
    while (*place != check)
        place = &(*place)->next_of_endpoint;
    *place = check->next_of_endpoint;
    registry->count--;
}

static void tell(struct check_registry *registry)
{
    mutex_lock(&registry->mutex);
    void (*on_change)(void *context) = registry->on_change;
    void *context = registry->context;
    mutex_unlock(&registry->mutex);
    if (on_change != NULL)
        on_change(context);
}

/* --- for backends ---------------------------------------------------------------------------- */

struct health_check *health_check_use(struct check_registry *registry, struct endpoint *endpoint,
                                      const Pointsman__V1__HealthCheck *message)
{
    struct check_settings settings = settings_of(message);
    struct health_check *fresh = check_new(registry, endpoint, &settings);

    mutex_lock(&registry->mutex);
    struct health_check *found = find_locked(registry, endpoint, &settings);
    if (found != NULL)
        found->users++;
    else
        add_locked(registry, fresh);
    mutex_unlock(&registry->mutex);

    if (found != NULL) {
        check_free(fresh);
        return found;
    }
    tell(registry);
    return fresh;
}

void health_check_leave(struct health_check **check)
{
    struct health_check *ours = *check;
    if (ours == NULL)
        return;
    *check = NULL;
    struct check_registry *registry = ours->registry;

    mutex_lock(&registry->mutex);
    bool is_unused = --ours->users == 0;
    bool is_gone = is_unused && !ours->is_taken;
    if (is_gone) {
        unlink_fresh_locked(registry, ours);
        remove_locked(registry, ours);
    }
    mutex_unlock(&registry->mutex);

    if (is_gone)
        check_free(ours);
    else if (is_unused)
        tell(registry);
}

/* --- for the health checker ------------------------------------------------------------------ */

void check_registry_on_change(struct check_registry *registry, void (*on_change)(void *context),
                              void *context)
{
    mutex_lock(&registry->mutex);
    registry->on_change = on_change;
    registry->context = context;
    mutex_unlock(&registry->mutex);
}

struct health_check *check_registry_take(struct check_registry *registry)
{
    mutex_lock(&registry->mutex);
    struct health_check *check = registry->fresh;
    if (check != NULL) {
        unlink_fresh_locked(registry, check);
        check->is_taken = true;
    }
    mutex_unlock(&registry->mutex);
    return check;
}

void check_registry_put_down(struct health_check *check)
{
    struct check_registry *registry = check->registry;
    mutex_lock(&registry->mutex);
    bool is_gone = check->users == 0;
    if (is_gone)
        remove_locked(registry, check);
    else
        link_fresh_locked(registry, check);
    mutex_unlock(&registry->mutex);
    if (is_gone)
        check_free(check);
}

bool health_check_is_used(struct health_check *check)
{
    struct check_registry *registry = check->registry;
    mutex_lock(&registry->mutex);
    bool is_used = check->users > 0;
    mutex_unlock(&registry->mutex);
    return is_used;
}
