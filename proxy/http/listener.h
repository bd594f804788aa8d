/* Listener: one address clients connect to.
 *
 * A TCP address is bound once for each worker (SO_REUSEPORT), so that the kernel spreads the
 * connections and no worker waits for another; a Unix socket is shared by all.
 *
 * Threads: opened and closed by main; workers read it. */
#ifndef PROXY_HTTP_LISTENER_H
#define PROXY_HTTP_LISTENER_H

#include "common/error.h"
#include "proxy/http/listener_spec.h"
#include "proxy/routing/request_head.h"

#include <stdbool.h>

struct inherited_sockets;
struct listener;
struct tls_server;

/* Loads its certificates, too. Port 0 takes a free one. A port that anything else listens on is an
 * error, although SO_REUSEPORT would let us share it with another process of the same user; so is
 * the file of a Unix socket that somebody listens on, and one that is no socket, but what a crash
 * has left behind is replaced. NULL on error. `spec` is borrowed until the listener is closed.
 *
 * Of `inherited` (NULL: nothing) it claims every socket with that address, and with port 0 those of
 * its name. Only what is missing to one for each worker is opened then, and only listened on from
 * listener_listen on: until we serve, no connection shall come to where nobody else accepts. More
 * than one for each worker stay in use, because closing one would cut who waits in its queue. The
 * file of an inherited Unix socket is not ours to remove. */
struct listener *listener_open(const struct listener_spec *spec, unsigned worker_count,
                               struct inherited_sockets *inherited, struct error *err);
/* The same for a text that holds one listener; see listener_spec.h. */
struct listener *listener_open_at(const char *text, unsigned worker_count,
                                  struct inherited_sockets *inherited, struct error *err);

/* From now on every socket listens. */
bool listener_listen(const struct listener *listener, struct error *err);

/* Closes the sockets, so that clients are refused unless somebody else holds them, too; workers
 * have descriptors of their own. */
void listener_stop(struct listener *listener);

/* The file of a Unix socket is somebody else's from now on. */
void listener_disown_file(struct listener *listener);

/* Closes the sockets and removes the file of a Unix socket that it made. Harmless on NULL. */
void listener_close(struct listener *listener);

/* "web=127.0.0.1:8080" with the real port; for logs. Borrowed until closed. */
const char *listener_description(const struct listener *listener);

/* What it was opened with. Borrowed until closed. */
const struct listener_spec *listener_spec(const struct listener *listener);

/* Name and port, as routes refer to them. Borrowed until closed. */
const struct listener_identity *listener_identity(const struct listener *listener);

/* What secures its connections; NULL: they are clear. */
struct tls_server *listener_tls(const struct listener *listener);

bool listener_is_unix(const struct listener *listener);

/* Its sockets. Worker i of n accepts on those with index i, i + n, i + 2n ...; when there are fewer
 * sockets than workers, they share. The listener keeps them. */
unsigned listener_fd_count(const struct listener *listener);
int listener_fd(const struct listener *listener, unsigned index);

#endif
