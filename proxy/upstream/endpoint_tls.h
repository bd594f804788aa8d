/* Endpoint TLS: how connections to an endpoint are secured.
 *
 * Settings that are equal are one object, so an address with the same settings is one endpoint, and
 * with others another one: connections and sessions are never mixed. What connections are made
 * with belongs to whoever makes them (proxy/http/tls_client.h); it is made here once for each
 * object, off the path of requests, because it reads files.
 *
 * Threads: any. */
#ifndef PROXY_UPSTREAM_ENDPOINT_TLS_H
#define PROXY_UPSTREAM_ENDPOINT_TLS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct tls_registry;

struct endpoint_tls {
    /* immutable */
    struct tls_registry *registry;
    const char *server_name; /* "": the certificate must be for the endpoint's IP address */
    const char *ca_file;     /* "": the system's */
    bool skip_verification;
    void *context; /* what connections are made with */

    /* guarded by the registry's mutex */
    unsigned references;
    struct endpoint_tls *next;
};

/* Makes and frees contexts. */
struct tls_maker {
    void *(*make)(const struct endpoint_tls *tls);
    void (*free)(void *context);
};

struct tls_registry *tls_registry_new(void);
/* Every object must have been released. */
void tls_registry_free(struct tls_registry *registry);

/* Before the first acquire; without it, contexts are NULL. */
void tls_registry_set_maker(struct tls_registry *registry, const struct tls_maker *maker);

/* Whether endpoints are verified by a file of authorities that the settings name: it may change. */
static inline bool endpoint_tls_has_file(const struct endpoint_tls *tls)
{
    return tls->ca_file[0] != '\0' && !tls->skip_verification;
}
/* Whether any object of the registry is. */
bool tls_registry_has_files(struct tls_registry *registry);

/* Calls `visit` with each object there is; no lock is held meanwhile, so it may read files. */
void tls_registry_each(struct tls_registry *registry,
                       void (*visit)(struct endpoint_tls *tls, void *context), void *context);

/* The object of these settings, made when it is new. Caller releases. */
struct endpoint_tls *endpoint_tls_acquire(struct tls_registry *registry, const char *server_name,
                                          const char *ca_file, bool skip_verification);
/* Of the settings; `seed` as for hash_bytes. */
uint64_t endpoint_tls_hash(const struct endpoint_tls *tls, uint64_t seed);
/* One reference more of what the caller holds. */
void endpoint_tls_hold(struct endpoint_tls *tls);
/* Clears *tls. Harmless on NULL. */
void endpoint_tls_release(struct endpoint_tls **tls);

#endif
