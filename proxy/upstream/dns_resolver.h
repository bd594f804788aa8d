/* DNS resolver: asks for the addresses of names, on a thread of its own, with c-ares.
 *
 * Both A and AAAA, from the servers of resolv.conf and the hosts file, as often as the answers'
 * time to live says, within bounds.
 *
 * Threads: main starts and stops it. */
#ifndef PROXY_UPSTREAM_DNS_RESOLVER_H
#define PROXY_UPSTREAM_DNS_RESOLVER_H

#include "common/error.h"

#include <stdint.h>

struct dns_names;
struct dns_resolver;

struct dns_options {
    const char *server;       /* ADDR[:PORT], several with commas; NULL: those of resolv.conf */
    uint64_t min_interval_ms; /* between two questions for a name, whatever its time to live */
    uint64_t max_interval_ms;
};

#define DNS_OPTIONS_DEFAULT                                                                        \
    ((struct dns_options){.min_interval_ms = 1000, .max_interval_ms = 5 * 60 * 1000})

/* `names` outlives the resolver. NULL when the servers make no sense. */
struct dns_resolver *dns_resolver_start(struct dns_names *names, const struct dns_options *options,
                                        struct error *err);

/* Gives up what is asked and joins the thread. Harmless on NULL. */
void dns_resolver_stop(struct dns_resolver *resolver);

#endif
