/* DNS names: which addresses the names among the endpoints of backends have right now.
 *
 * Backends say which names they use; a resolver (dns_resolver.h) keeps their addresses up to date
 * in the background. The last good answer counts until there is a better one.
 *
 * Threads: any. The mutex covers the list and the copying of addresses; requests never take it. */
#ifndef PROXY_UPSTREAM_DNS_NAMES_H
#define PROXY_UPSTREAM_DNS_NAMES_H

#include "proxy/upstream/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns_name;
struct dns_names;

/* Of one name at most; more are cut off. */
enum { DNS_ADDRESSES_MAX = 256 };

struct dns_names *dns_names_new(void);
/* No name is used any more, and none is being asked for. */
void dns_names_free(struct dns_names *names);

/* --- for backends ---------------------------------------------------------------------------- */

/* Release it with dns_name_leave. */
struct dns_name *dns_name_use(struct dns_names *names, const char *host);
/* Clears *name. Harmless on NULL. */
void dns_name_leave(struct dns_name **name);

/* A copy of its addresses (without ports), sorted; NULL when there are none. `*version` changes
 * whenever they do. Caller frees. */
struct endpoint_address *dns_name_addresses(struct dns_name *name, size_t *count,
                                            uint64_t *version);
bool dns_name_has_changed(struct dns_name *name, uint64_t version);

/* Waits until every name in use was answered for once, well or not, but at most `wait_ms`; not at
 * all without a resolver. */
void dns_names_wait_first(struct dns_names *names, uint64_t wait_ms);

/* Called, from the resolver's thread, when the addresses of a name have changed. NULL: nobody. */
void dns_names_on_addresses(struct dns_names *names, void (*on_addresses)(void *context),
                            void *context);

/* --- for the resolver ------------------------------------------------------------------------ */

/* Called, from any thread, when there is a name to ask for. NULL: there is no resolver. */
void dns_names_on_demand(struct dns_names *names, void (*on_demand)(void *context), void *context);

/* A name whose time has come, held until one of the next two; or NULL, and `*next_ms` is when to
 * ask again (on clock_now_ms; UINT64_MAX: on demand). */
struct dns_name *dns_names_take_due(struct dns_names *names, uint64_t now_ms, uint64_t *next_ms);
const char *dns_name_host(const struct dns_name *name);

/* The answer to what was taken; the next question at `next_ms`. Sorts the addresses. */
void dns_name_answered(struct dns_name *name, struct endpoint_address *addresses, size_t count,
                       uint64_t next_ms);
/* No answer: the last good one stays. `reason` is a constant. */
void dns_name_failed(struct dns_name *name, const char *reason, uint64_t next_ms);
/* Failures since the last answer. */
unsigned dns_name_failures(struct dns_name *name);

/* --- for people ------------------------------------------------------------------------------ */

struct dns_name_status {
    char host[256];
    struct endpoint_address addresses[DNS_ADDRESSES_MAX];
    size_t address_count;
    bool is_answered;     /* well, ever */
    uint64_t answered_ms; /* then: when, on clock_now_ms */
    unsigned failures;    /* since then */
    const char *reason;   /* of the last failure; NULL: none */
};

/* The name with this index; false behind the last one. Names may come and go in between. */
bool dns_names_status(struct dns_names *names, size_t index, struct dns_name_status *status);

#endif
