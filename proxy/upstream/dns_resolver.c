#include "proxy/upstream/dns_resolver.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "proxy/upstream/dns_names.h"

#include <ares.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* One question to one server; it is asked twice. */
enum { TIMEOUT_MS = 2000, TRIES = 2 };

/* Without anything to do the thread looks around now and then. */
enum { LONGEST_WAIT_MS = 60 * 1000 };

struct dns_resolver {
    /* immutable */
    struct dns_names *names;
    struct dns_options options;
    ares_channel channel; /* the thread's */
    int wake_fd;
    pthread_t thread;

    /* atomic: main sets */
    atomic_bool is_stopping;
};

struct question {
    struct dns_resolver *resolver;
    struct dns_name *name;
};

/* --- answers --------------------------------------------------------------------------------- */

static uint64_t clamp(const struct dns_options *options, uint64_t interval_ms)
{
    if (interval_ms > options->max_interval_ms)
        interval_ms = options->max_interval_ms;
    return interval_ms < options->min_interval_ms ? options->min_interval_ms : interval_ms;
}

/* Twice as long each time. */
static uint64_t retry_ms(const struct dns_resolver *resolver, struct dns_name *name)
{
    unsigned failures = dns_name_failures(name);
    return clamp(&resolver->options,
                 resolver->options.min_interval_ms << (failures < 16 ? failures : 16));
}

/* Copies what has an address family we know; returns the shortest time to live in seconds. */
static unsigned take_addresses(const struct ares_addrinfo *found,
                               struct endpoint_address addresses[DNS_ADDRESSES_MAX], size_t *count)
{
    unsigned ttl = UINT32_MAX;
    *count = 0;
    for (const struct ares_addrinfo_node *node = found->nodes;
         node != NULL && *count < DNS_ADDRESSES_MAX; node = node->ai_next) {
        if ((node->ai_family != AF_INET && node->ai_family != AF_INET6) ||
            (size_t)node->ai_addrlen > sizeof(addresses[0].ipv6))
            continue;
        struct endpoint_address *address = &addresses[(*count)++];
        memset(address, 0, sizeof(*address));
        address->length = (socklen_t)node->ai_addrlen;
        memcpy(&address->any, node->ai_addr, (size_t)node->ai_addrlen);
        if (node->ai_ttl >= 0 && (unsigned)node->ai_ttl < ttl)
            ttl = (unsigned)node->ai_ttl;
    }
    return ttl;
}

static void on_answer(void *context, int status, int timeouts, struct ares_addrinfo *found)
{
    (void)timeouts;
    struct question *question = context;
    struct dns_resolver *resolver = question->resolver;
    struct dns_name *name = question->name;
    free(question);

    uint64_t now_ms = clock_now_ms();
    struct endpoint_address addresses[DNS_ADDRESSES_MAX];
    size_t count = 0;
    unsigned ttl = found == NULL ? 0 : take_addresses(found, addresses, &count);
    if (found != NULL)
        ares_freeaddrinfo(found);
    if (status == ARES_SUCCESS && count > 0)
        dns_name_answered(name, addresses, count,
                          now_ms + clamp(&resolver->options, (uint64_t)ttl * 1000));
    else
        dns_name_failed(name, ares_strerror(status == ARES_SUCCESS ? ARES_ENODATA : status),
                        now_ms + retry_ms(resolver, name));
}

/* --- questions ------------------------------------------------------------------------------- */

static void ask(struct dns_resolver *resolver, struct dns_name *name)
{
    const struct ares_addrinfo_hints hints = {
        .ai_flags = ARES_AI_NOSORT, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct question *question = memory_allocate(sizeof(*question));
    *question = (struct question){.resolver = resolver, .name = name};
    ares_getaddrinfo(resolver->channel, dns_name_host(name), NULL, &hints, on_answer, question);
}

/* Returns when to look again. */
static uint64_t ask_due(struct dns_resolver *resolver)
{
    uint64_t next_ms;
    struct dns_name *name;
    while ((name = dns_names_take_due(resolver->names, clock_now_ms(), &next_ms)) != NULL)
        ask(resolver, name);
    return next_ms;
}

/* --- the thread ------------------------------------------------------------------------------ */

static int wait_ms(struct dns_resolver *resolver, uint64_t next_ms)
{
    uint64_t now_ms = clock_now_ms();
    uint64_t wait = next_ms <= now_ms ? 0 : next_ms - now_ms;
    if (wait > LONGEST_WAIT_MS)
        wait = LONGEST_WAIT_MS;
    struct timeval most = {.tv_sec = (time_t)(wait / 1000),
                           .tv_usec = (suseconds_t)(wait % 1000) * 1000};
    struct timeval left;
    const struct timeval *until = ares_timeout(resolver->channel, &most, &left);
    return (int)(until->tv_sec * 1000 + (until->tv_usec + 999) / 1000);
}

static void turn(struct dns_resolver *resolver)
{
    uint64_t next_ms = ask_due(resolver);
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    /* Two bits for each; c-ares' own macros shift a signed one into the sign. */
    unsigned wanted = (unsigned)ares_getsock(resolver->channel, sockets, ARES_GETSOCK_MAXNUM);
    struct pollfd polled[ARES_GETSOCK_MAXNUM + 1] = {{.fd = resolver->wake_fd, .events = POLLIN}};
    nfds_t count = 1;
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
        short events = 0;
        if (wanted >> i & 1)
            events |= POLLIN;
        if (wanted >> (i + ARES_GETSOCK_MAXNUM) & 1)
            events |= POLLOUT;
        if (events != 0)
            polled[count++] = (struct pollfd){.fd = sockets[i], .events = events};
    }
    if (poll(polled, count, wait_ms(resolver, next_ms)) < 0)
        return;

    uint64_t ignored;
    if (polled[0].revents != 0 && read(resolver->wake_fd, &ignored, sizeof(ignored)) < 0)
        return;
    for (nfds_t i = 1; i < count; i++) {
        bool can_read = (polled[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0;
        bool can_write = (polled[i].revents & POLLOUT) != 0;
        if (can_read || can_write)
            ares_process_fd(resolver->channel, can_read ? polled[i].fd : ARES_SOCKET_BAD,
                            can_write ? polled[i].fd : ARES_SOCKET_BAD);
    }
    /* What has taken too long. */
    ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void *run(void *context)
{
    struct dns_resolver *resolver = context;
    pthread_setname_np(pthread_self(), "resolver");
    while (!atomic_load(&resolver->is_stopping))
        turn(resolver);
    ares_destroy(resolver->channel); /* answers what is asked with a failure */
    return NULL;
}

static void on_demand(void *context)
{
    struct dns_resolver *resolver = context;
    uint64_t one = 1;
    ssize_t written = write(resolver->wake_fd, &one, sizeof(one));
    (void)written;
}

/* --- start and stop -------------------------------------------------------------------------- */

static bool open_channel(struct dns_resolver *resolver, struct error *err)
{
    struct ares_options options = {.timeout = TIMEOUT_MS, .tries = TRIES};
    int status = ares_library_init(ARES_LIB_INIT_ALL);
    if (status == ARES_SUCCESS)
        status =
            ares_init_options(&resolver->channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
    if (status != ARES_SUCCESS)
        return error_set(err, ERROR_INTERNAL, "resolver: %s", ares_strerror(status));
    if (resolver->options.server == NULL)
        return true;
    status = ares_set_servers_ports_csv(resolver->channel, resolver->options.server);
    if (status == ARES_SUCCESS)
        return true;
    ares_destroy(resolver->channel);
    return error_set(err, ERROR_INVALID, "DNS server '%s': %s", resolver->options.server,
                     ares_strerror(status));
}

struct dns_resolver *dns_resolver_start(struct dns_names *names, const struct dns_options *options,
                                        struct error *err)
{
    struct dns_resolver *resolver = memory_allocate_zeroed(1, sizeof(*resolver));
    resolver->names = names;
    resolver->options = *options;
    resolver->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (resolver->wake_fd < 0) {
        error_set_errno(err, "resolver");
        free(resolver);
        return NULL;
    }
    if (!open_channel(resolver, err)) {
        close(resolver->wake_fd);
        free(resolver);
        return NULL;
    }
    if (pthread_create(&resolver->thread, NULL, run, resolver) != 0)
        abort(); /* as when memory runs out */
    dns_names_on_demand(names, on_demand, resolver);
    on_demand(resolver); /* for what was there before */
    return resolver;
}

void dns_resolver_stop(struct dns_resolver *resolver)
{
    if (resolver == NULL)
        return;
    dns_names_on_demand(resolver->names, NULL, NULL);
    atomic_store(&resolver->is_stopping, true);
    on_demand(resolver);
    pthread_join(resolver->thread, NULL);
    close(resolver->wake_fd);
    ares_library_cleanup();
    free(resolver);
}
