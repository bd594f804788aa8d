/* Upstream link: one connection to an endpoint, clear or secured: connecting, the handshake, bytes.
 *
 * Whoever owns it waits on its socket as on any other; what differs with TLS is in here.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_UPSTREAM_LINK_H
#define PROXY_HTTP_UPSTREAM_LINK_H

#include "proxy/http/byte_stream.h"
#include "proxy/http/tls_client.h"
#include "proxy/metrics/counters.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <h2o.h>

struct endpoint;
struct upstream_link;
struct worker;

struct upstream_link_owner {
    /* It stands, and is being read with `on_readable`. */
    void (*on_open)(struct upstream_link *link);
    /* It does not come about; the owner closes it. `reason` is a constant. */
    void (*on_failed)(struct upstream_link *link, enum upstream_failure failure,
                      const char *reason);
    void (*on_readable)(h2o_socket_t *socket, const char *error);
};

struct upstream_link {
    struct worker *worker;
    struct endpoint *endpoint; /* held */
    h2o_socket_t *socket;      /* its data is the link's, which is the first member of its owner */
    SSL *ssl;                  /* NULL: a clear connection */
    int fd;                    /* the socket's */
    bool is_opening;
    const struct upstream_link_owner *owner;
    struct tls_session_keeper sessions;
};

/* Connects, one of those the endpoint may have. False when it is refused at once; then there is
 * nothing to close. When it stands at once, `is_opening` is false and on_open is not called. */
bool upstream_link_open(struct upstream_link *link, struct worker *worker,
                        struct endpoint *endpoint, const struct upstream_link_owner *owner);
void upstream_link_close(struct upstream_link *link);

/* The least a read must have room for. */
static inline size_t upstream_link_least_read(const struct upstream_link *link)
{
    return byte_stream_least_read(link->ssl);
}

/* As recv. */
ssize_t upstream_link_receive(struct upstream_link *link, char *at, size_t length);

/* Whether nothing has come, and not the end either, that an owner who expects nothing should worry
 * about. If not, the link is of no more use. */
bool upstream_link_is_quiet(struct upstream_link *link);

/* We send no more. */
void upstream_link_finish_sending(struct upstream_link *link);

#endif
