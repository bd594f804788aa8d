#include "proxy/upstream/dns_names.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mutex.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct dns_name {
    /* immutable */
    struct dns_names *names;
    char *host;

    /* guarded by the mutex of all names */
    unsigned users;
    bool is_asked;   /* a question is under way */
    bool was_asked;  /* there was a first answer, or none was to be had */
    uint64_t due_ms; /* of the next question */
    struct endpoint_address *addresses;
    size_t address_count;
    uint64_t version; /* 0: never answered well */
    uint64_t answered_ms;
    unsigned failures;
    const char *reason;
    struct dns_name *next;
};

struct dns_names {
    struct mutex mutex;
    pthread_cond_t answered;
    /* guarded by mutex */
    struct dns_name *first;
    void (*on_demand)(void *context);
    void *demand_context;
    void (*on_addresses)(void *context);
    void *addresses_context;
};

struct dns_names *dns_names_new(void)
{
    struct dns_names *names = memory_allocate_zeroed(1, sizeof(*names));
    mutex_init(&names->mutex);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&names->answered, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return names;
}

void dns_names_free(struct dns_names *names)
{
    assert(names->first == NULL);
    pthread_cond_destroy(&names->answered);
    mutex_clear(&names->mutex);
    free(names);
}

/* --- one name -------------------------------------------------------------------------------- */

static void name_free(struct dns_name *name)
{
    if (name == NULL)
        return;
    free(name->addresses);
    free(name->host);
    free(name);
}

static struct dns_name *find_locked(struct dns_names *names, const char *host)
    REQUIRES(names->mutex)
{
    struct dns_name *name = names->first;
    while (name != NULL && strcmp(name->host, host) != 0)
        name = name->next;
    return name;
}

/* Takes it out when nobody needs it: the caller frees it then. */
static bool remove_if_unused_locked(struct dns_names *names, struct dns_name *name)
    REQUIRES(names->mutex)
{
    if (name->users > 0 || name->is_asked)
        return false;
    struct dns_name **place = &names->first;
    while (*place != name)
        place = &(*place)->next;
    *place = name->next;
    return true;
}

static void call(struct dns_names *names, void (**function)(void *context), void **context)
{
    mutex_lock(&names->mutex);
    void (*to_call)(void *context) = *function;
    void *with = *context;
    mutex_unlock(&names->mutex);
    if (to_call != NULL)
        to_call(with);
}

struct dns_name *dns_name_use(struct dns_names *names, const char *host)
{
    struct dns_name *fresh = memory_allocate_zeroed(1, sizeof(*fresh));
    fresh->names = names;
    fresh->host = memory_duplicate_string(host);

    mutex_lock(&names->mutex);
    struct dns_name *name = find_locked(names, host);
    if (name == NULL) {
        name = fresh;
        name->next = names->first;
        names->first = name;
    }
    name->users++;
    mutex_unlock(&names->mutex);

    if (name == fresh)
        call(names, &names->on_demand, &names->demand_context);
    else
        name_free(fresh);
    return name;
}

void dns_name_leave(struct dns_name **name)
{
    struct dns_name *ours = *name;
    if (ours == NULL)
        return;
    *name = NULL;
    struct dns_names *names = ours->names;

    mutex_lock(&names->mutex);
    ours->users--;
    bool is_gone = remove_if_unused_locked(names, ours);
    mutex_unlock(&names->mutex);
    if (is_gone)
        name_free(ours);
}

struct endpoint_address *dns_name_addresses(struct dns_name *name, size_t *count, uint64_t *version)
{
    struct endpoint_address *copy =
        memory_allocate(DNS_ADDRESSES_MAX * sizeof(struct endpoint_address));
    mutex_lock(&name->names->mutex);
    *count = name->address_count;
    *version = name->version;
    if (*count > 0)
        memcpy(copy, name->addresses, *count * sizeof(*copy));
    mutex_unlock(&name->names->mutex);
    return copy;
}

bool dns_name_has_changed(struct dns_name *name, uint64_t version)
{
    mutex_lock(&name->names->mutex);
    bool has_changed = name->version != version;
    mutex_unlock(&name->names->mutex);
    return has_changed;
}

/* --- all names ------------------------------------------------------------------------------- */

static bool is_waited_for_locked(struct dns_names *names) REQUIRES(names->mutex)
{
    if (names->on_demand == NULL)
        return false;
    for (struct dns_name *name = names->first; name != NULL; name = name->next) {
        if (name->users > 0 && !name->was_asked)
            return true;
    }
    return false;
}

void dns_names_wait_first(struct dns_names *names, uint64_t wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(wait_ms / 1000);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }

    mutex_lock(&names->mutex);
    int result = 0;
    while (is_waited_for_locked(names) && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&names->answered, &names->mutex.native, &until);
    mutex_unlock(&names->mutex);
}

void dns_names_on_addresses(struct dns_names *names, void (*on_addresses)(void *context),
                            void *context)
{
    mutex_lock(&names->mutex);
    names->on_addresses = on_addresses;
    names->addresses_context = context;
    mutex_unlock(&names->mutex);
}

void dns_names_on_demand(struct dns_names *names, void (*on_demand)(void *context), void *context)
{
    mutex_lock(&names->mutex);
    names->on_demand = on_demand;
    names->demand_context = context;
    pthread_cond_broadcast(&names->answered);
    mutex_unlock(&names->mutex);
}

/* --- for the resolver ------------------------------------------------------------------------ */

struct dns_name *dns_names_take_due(struct dns_names *names, uint64_t now_ms, uint64_t *next_ms)
{
    *next_ms = UINT64_MAX;
    mutex_lock(&names->mutex);
    struct dns_name *name = names->first;
    for (; name != NULL; name = name->next) {
        if (name->is_asked)
            continue;
        if (name->due_ms <= now_ms)
            break;
        if (name->due_ms < *next_ms)
            *next_ms = name->due_ms;
    }
    if (name != NULL)
        name->is_asked = true;
    mutex_unlock(&names->mutex);
    return name;
}

const char *dns_name_host(const struct dns_name *name)
{
    return name->host;
}

unsigned dns_name_failures(struct dns_name *name)
{
    mutex_lock(&name->names->mutex);
    unsigned failures = name->failures;
    mutex_unlock(&name->names->mutex);
    return failures;
}

/* The question is over. True when the name is gone with it. */
static bool end_question_locked(struct dns_names *names, struct dns_name *name, uint64_t next_ms)
    REQUIRES(names->mutex)
{
    name->is_asked = false;
    name->was_asked = true;
    name->due_ms = next_ms;
    pthread_cond_broadcast(&names->answered);
    return remove_if_unused_locked(names, name);
}

static int compare_addresses(const void *a, const void *b)
{
    const struct endpoint_address *first = a;
    const struct endpoint_address *second = b;
    if (first->length != second->length)
        return first->length < second->length ? -1 : 1;
    return memcmp(&first->any, &second->any, first->length);
}

static bool are_equal(const struct dns_name *name, const struct endpoint_address *addresses,
                      size_t count)
{
    if (name->address_count != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (compare_addresses(&name->addresses[i], &addresses[i]) != 0)
            return false;
    }
    return true;
}

void dns_name_answered(struct dns_name *name, struct endpoint_address *addresses, size_t count,
                       uint64_t next_ms)
{
    struct dns_names *names = name->names;
    qsort(addresses, count, sizeof(addresses[0]), compare_addresses);
    struct endpoint_address *copy = memory_allocate(count * sizeof(*copy) + 1);
    memcpy(copy, addresses, count * sizeof(*copy));

    mutex_lock(&names->mutex);
    bool is_news = name->version == 0 || !are_equal(name, addresses, count);
    struct endpoint_address *old = is_news ? name->addresses : copy;
    if (is_news) {
        name->addresses = copy;
        name->address_count = count;
        name->version++;
    }
    name->answered_ms = clock_now_ms();
    name->failures = 0;
    name->reason = NULL;
    bool is_gone = end_question_locked(names, name, next_ms);
    mutex_unlock(&names->mutex);

    free(old);
    if (is_gone) {
        name_free(name);
        return;
    }
    if (is_news)
        call(names, &names->on_addresses, &names->addresses_context);
}

void dns_name_failed(struct dns_name *name, const char *reason, uint64_t next_ms)
{
    struct dns_names *names = name->names;
    mutex_lock(&names->mutex);
    bool is_news = name->failures++ == 0;
    name->reason = reason;
    if (is_news)
        log_warn("name_not_resolved", "name=%s reason=\"%s\" addresses_kept=%zu", name->host,
                 reason, name->address_count);
    bool is_gone = end_question_locked(names, name, next_ms);
    mutex_unlock(&names->mutex);
    if (is_gone)
        name_free(name);
}

/* --- for people ------------------------------------------------------------------------------ */

bool dns_names_status(struct dns_names *names, size_t index, struct dns_name_status *status)
{
    mutex_lock(&names->mutex);
    const struct dns_name *name = names->first;
    for (; name != NULL && index > 0; index--)
        name = name->next;
    if (name != NULL) {
        snprintf(status->host, sizeof(status->host), "%s", name->host);
        status->address_count = name->address_count;
        if (name->address_count > 0)
            memcpy(status->addresses, name->addresses,
                   name->address_count * sizeof(status->addresses[0]));
        status->is_answered = name->version != 0;
        status->answered_ms = name->answered_ms;
        status->failures = name->failures;
        status->reason = name->reason;
    }
    mutex_unlock(&names->mutex);
    return name != NULL;
}
