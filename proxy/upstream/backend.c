#include "proxy/upstream/backend.h"

#include "common/buffer.h"
#include "common/hash.h"
#include "proxy/upstream/dns_names.h"
#include "proxy/upstream/endpoint_index.h"
#include "proxy/upstream/endpoint_list.h"
#include "proxy/upstream/endpoint_registry.h"
#include "proxy/upstream/hash_ring.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_CONNECT_TIMEOUT_MS = 2000 };

/* --- weights -------------------------------------------------------------------------------- */

static uint64_t greatest_common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Weights of 100 and 200 are those of 1 and 2: reduced, equal ones become 1 and rounds short. */
static void set_weights(struct backend *backend)
{
    uint64_t divisor = 0;
    for (size_t i = 0; i < backend->endpoint_count; i++)
        divisor = greatest_common_divisor(backend->endpoints[i].weight, divisor);

    backend->has_equal_weights = true;
    for (size_t i = 0; i < backend->endpoint_count; i++) {
        struct backend_endpoint *each = &backend->endpoints[i];
        each->weight = divisor == 0 ? 0 : each->weight / (uint32_t)divisor;
        each->weight_before = backend->total_weight;
        backend->total_weight += each->weight;
        if (each->weight != 1)
            backend->has_equal_weights = false;
    }
}

/* Turns go round the total weight in steps near its golden section, which spreads the turns of
 * one endpoint evenly; a step without a common divisor visits each place once in a round. */
static uint64_t stride_of(uint64_t total_weight, bool has_equal_weights)
{
    if (has_equal_weights || total_weight < 3)
        return 1;
    uint64_t stride = (uint64_t)((double)total_weight * (sqrt(5.0) - 1.0) / 2.0);
    while (greatest_common_divisor(stride, total_weight) != 1)
        stride++;
    return stride;
}

/* --- durations ------------------------------------------------------------------------------ */

uint64_t backend_milliseconds(const DurationMessage *duration, uint64_t when_absent)
{
    if (duration == NULL)
        return when_absent;
    return (uint64_t)duration->seconds * 1000 + (uint64_t)duration->nanos / 1000000;
}

/* --- balancing ------------------------------------------------------------------------------ */

static bool set_policy(struct backend *backend, const Pointsman__V1__LoadBalancing *balancing,
                       struct error *err)
{
    switch ((int)balancing->policy) {
    case POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_UNSPECIFIED:
        return true;
    case POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_LEAST_REQUEST:
    case POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_ROUND_ROBIN:
    case POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_RANDOM:
    case POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_CONSISTENT_HASH:
        backend->policy = balancing->policy;
        return true;
    default:
        return error_set(err, ERROR_UNSUPPORTED, "this load balancing policy is not supported yet");
    }
}

/* The header or cookie whose value is hashed; "" where it is something else. */
static const char *hash_name_of(const BackendMessage *message)
{
    const Pointsman__V1__LoadBalancing *balancing = message->load_balancing;
    if (balancing == NULL)
        return "";
    if (balancing->hash_on_case == POINTSMAN__V1__LOAD_BALANCING__HASH_ON_HEADER)
        return balancing->header;
    if (balancing->hash_on_case == POINTSMAN__V1__LOAD_BALANCING__HASH_ON_COOKIE)
        return balancing->cookie;
    return "";
}

static bool set_balancing(struct backend *backend, const BackendMessage *message, struct error *err)
{
    backend->policy = POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_LEAST_REQUEST;
    const Pointsman__V1__LoadBalancing *balancing = message->load_balancing;
    if (balancing == NULL)
        return true;

    backend->slow_start_ms = backend_milliseconds(balancing->slow_start, 0);
    if (balancing->hash_on_case == POINTSMAN__V1__LOAD_BALANCING__HASH_ON_HEADER)
        backend->hash_on = HASH_ON_HEADER;
    else if (balancing->hash_on_case == POINTSMAN__V1__LOAD_BALANCING__HASH_ON_COOKIE)
        backend->hash_on = HASH_ON_COOKIE;
    return set_policy(backend, balancing, err);
}

static void set_limits(struct backend *backend, const BackendMessage *message)
{
    const Pointsman__V1__ConnectionLimits *limits = message->limits;
    if (limits == NULL)
        return;
    backend->limits = (struct backend_limits){
        .max_connections = limits->max_connections,
        .max_pending = limits->max_pending,
        .max_requests = limits->max_requests,
    };
}

static void set_health(struct backend *backend, const BackendMessage *message)
{
    const Pointsman__V1__PassiveHealth *passive = message->passive_health;
    backend->ejection = ejection_policy_of(passive);
    if (passive != NULL && passive->panic_percent_presence_case ==
                               POINTSMAN__V1__PASSIVE_HEALTH__PANIC_PERCENT_PRESENCE_PANIC_PERCENT)
        backend->panic_percent = passive->panic_percent;
}

static bool has_endpoints_of(const struct backend *backend, const struct backend *other)
{
    if (backend->endpoint_count != other->endpoint_count)
        return false;
    for (size_t i = 0; i < backend->endpoint_count; i++) {
        if (backend->endpoints[i].endpoint != other->endpoints[i].endpoint ||
            backend->endpoints[i].weight != other->endpoints[i].weight)
            return false;
    }
    return true;
}

static void set_ring(struct backend *backend, const struct backend *previous)
{
    if (backend->policy !=
        POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_CONSISTENT_HASH)
        return;
    if (previous == NULL || previous->ring == NULL || !has_endpoints_of(backend, previous)) {
        backend->ring = hash_ring_new(backend->endpoints, backend->endpoint_count);
        return;
    }
    hash_ring_acquire(previous->ring);
    backend->ring = previous->ring;
}

/* --- backends ------------------------------------------------------------------------------- */

static struct slice append_string(char **at, const char *string)
{
    size_t length = strlen(string);
    struct slice copy = slice_of(*at, length);
    memcpy(*at, string, length + 1);
    *at += length + 1;
    return copy;
}

/* One allocation: the struct, its endpoints, its strings. */
static struct backend *allocate(const BackendMessage *message, size_t endpoint_count)
{
    const char *hash_name = hash_name_of(message);
    size_t endpoint_bytes = endpoint_count * sizeof(struct backend_endpoint);
    size_t string_bytes = strlen(message->name) + 1 + strlen(hash_name) + 1;
    struct backend *backend =
        memory_allocate_zeroed(1, sizeof(*backend) + endpoint_bytes + string_bytes);
    char *strings = (char *)backend + sizeof(*backend) + endpoint_bytes;
    backend->name = append_string(&strings, message->name);
    backend->hash_name = append_string(&strings, hash_name);
    backend->name_hash = hash_stable(backend->name.at, backend->name.length);
    return backend;
}

/* Moves them out of the list. */
static void set_endpoints(struct backend *backend, struct endpoint_list *list,
                          const Pointsman__V1__HealthCheck *check,
                          struct endpoint_registry *registry)
{
    for (size_t i = 0; i < list->count; i++) {
        struct backend_endpoint *added = &backend->endpoints[backend->endpoint_count++];
        added->endpoint = list->endpoints[i].endpoint;
        added->weight = list->endpoints[i].weight;
        if (check != NULL)
            added->check =
                health_check_use(endpoint_registry_checks(registry), added->endpoint, check);
    }
    backend->names = list->names;
    backend->name_count = list->name_count;
    free(list->endpoints);
    *list = (struct endpoint_list){0};
}

struct backend *backend_new(const BackendMessage *message, uint32_t port,
                            const struct backend *previous, struct endpoint_registry *endpoints,
                            struct error *err)
{
    struct endpoint_list list = {0};
    if (!endpoint_list_fill(&list, message, port, endpoints, err)) {
        endpoint_list_clear(&list);
        return NULL;
    }
    struct backend *backend = allocate(message, list.count);
    backend->port = port;
    backend->revision = message->revision;
    backend->connect_timeout_ms =
        backend_milliseconds(message->connect_timeout, DEFAULT_CONNECT_TIMEOUT_MS);
    set_limits(backend, message);
    set_health(backend, message);
    atomic_init(&backend->references, 1);
    set_endpoints(backend, &list, message->health_check, endpoints);
    if (!set_balancing(backend, message, err)) {
        backend_release(&backend);
        return NULL;
    }
    set_weights(backend);
    backend->stride = stride_of(backend->total_weight, backend->has_equal_weights);
    set_ring(backend, previous);
    backend->index = endpoint_index_new(backend->endpoints, backend->endpoint_count);
    return backend;
}

const struct backend_endpoint *backend_find_session(const struct backend *backend,
                                                    uint64_t session_id)
{
    return endpoint_index_find(backend->index, backend->endpoints, backend->endpoint_count,
                               session_id ^ backend->name_hash);
}

bool backend_is_outdated(const struct backend *backend)
{
    for (size_t i = 0; i < backend->name_count; i++) {
        if (dns_name_has_changed(backend->names[i].name, backend->names[i].version))
            return true;
    }
    return false;
}

bool backend_speaks_http2(const struct backend *backend)
{
    return backend->endpoint_count > 0 &&
           backend->endpoints[0].endpoint->protocol == ENDPOINT_HTTP2;
}

void backend_acquire(struct backend *backend)
{
    atomic_fetch_add_explicit(&backend->references, 1, memory_order_relaxed);
}

void backend_release(struct backend **backend)
{
    struct backend *ours = *backend;
    if (ours == NULL)
        return;
    *backend = NULL;
    if (atomic_fetch_sub_explicit(&ours->references, 1, memory_order_acq_rel) != 1)
        return;

    backend_metrics_clear(&ours->metrics);
    hash_ring_release(&ours->ring);
    free(ours->index);
    for (size_t i = 0; i < ours->endpoint_count; i++) {
        health_check_leave(&ours->endpoints[i].check);
        endpoint_release(&ours->endpoints[i].endpoint);
    }
    listed_names_free(ours->names, ours->name_count);
    free(ours);
}
