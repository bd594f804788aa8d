/* Control client: the thread that follows control and keeps the routes current.
 *
 * It takes the routes from wherever they come first: control, or, when control says nothing for a
 * while, the local copy. Then it publishes each update into the route cache, keeps the local copy
 * on disk, and connects again, later and later, when control is gone.
 *
 * Threads: main starts and stops it; control_client_status any. */
#ifndef PROXY_CONTROL_CLIENT_H
#define PROXY_CONTROL_CLIENT_H

#include "common/error.h"
#include "proto/messages.h"
#include "proxy/identity.h"
#include "proxy/local_copy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct control_client;
struct route_cache;
struct route_replica;

enum { CONTROL_CLIENT_EPOCH_BYTES = 128 };

/* Everything that is pointed to outlives the client. */
struct control_client_options {
    const char *socket_path;
    const char *local_copy_path; /* NULL: none */
    const struct identity *identity;
    Pointsman__V1__Listener **listeners;
    size_t listener_count;
    struct route_replica *replica; /* the client's alone while it runs */
    struct route_cache *cache;
    bool has_predecessor; /* which still writes the local copy; see local_copy.h */

    uint64_t settle_ms;      /* how long a starting proxy waits for control */
    uint64_t backoff_min_ms; /* between two attempts to connect: from here ... */
    uint64_t backoff_max_ms; /* ... to here */

    /* After each publish, on the control thread. */
    void (*on_published)(void *context);
    /* Once, on the control thread: there are routes, or there are none to be had for now. */
    void (*on_settled)(void *context);
    void *context;
};

#define CONTROL_CLIENT_OPTIONS_DEFAULT                                                             \
    ((struct control_client_options){                                                              \
        .settle_ms = 2000, .backoff_min_ms = 50, .backoff_max_ms = 5000})

struct control_client_status {
    bool has_table;
    bool is_connected;           /* the feed is up: control has said welcome */
    bool is_stale;               /* what is served may be older than what control has */
    bool has_heard;              /* control, ever */
    uint64_t heard_ms;           /* its last word, on clock_now_ms */
    uint64_t connected_since_ms; /* wall time; 0 while not connected */
    uint64_t head_revision;      /* control's newest, as far as we heard */
    uint64_t reconnects;         /* sessions that ended or did not begin */
    uint64_t updates_applied;
    uint64_t updates_rejected;
    char epoch[CONTROL_CLIENT_EPOCH_BYTES];
    uint64_t revision;
    uint64_t routes;
    uint64_t backends;
    char last_error[ERROR_MESSAGE_BYTES];     /* why the last session ended; "" while connected */
    char last_rejection[ERROR_MESSAGE_BYTES]; /* "" when the last update was applied */
    bool keeps_copy;                          /* a local one, in this process */
    struct local_copy_health copy;            /* about a second old */
};

/* Starts the thread. */
struct control_client *control_client_start(const struct control_client_options *options);

/* From any thread: a DNS name among endpoints has other addresses. */
void control_client_refresh(struct control_client *client);

/* From any thread: another process writes the local copy from now on. What is here is on disk soon,
 * and no more follows; routes are followed as before. */
void control_client_leave_copy(struct control_client *client);

/* Ends the thread; the local copy is brought up to date first. Harmless on NULL. */
void control_client_stop(struct control_client *client);

/* A copy of how things stand. */
void control_client_status(struct control_client *client, struct control_client_status *status);

#endif
