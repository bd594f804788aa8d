/* Feed session: one connection to control, the Watch on it, and the reports that go back.
 *
 * It stages what comes in the route replica and commits each update when it is complete. It lives
 * from open until it says that it is lost; its owner then closes it and may open another.
 *
 * Threads: control. */
#ifndef PROXY_FEED_SESSION_H
#define PROXY_FEED_SESSION_H

#include "common/error.h"
#include "common/event_loop.h"
#include "proto/messages.h"
#include "proxy/identity.h"
#include "proxy/routing/route_replica.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct feed_session;
struct route_cache;

struct feed_session_options {
    const char *socket_path;
    const struct identity *identity;
    Pointsman__V1__Listener **listeners;
    size_t listener_count;
    struct route_replica *replica;
    struct route_cache
        *cache; /* what is served, for signs of life; NULL: they do not speak of it */
    /* Ask for everything, whatever the replica holds. */
    bool wants_snapshot;
    /* Nothing is served yet: an object that cannot be built answers 500 instead of stopping us. */
    bool keeps_going;

    /* Control said something; `head_revision` is its newest. */
    void (*on_word)(void *context, uint64_t head_revision);
    /* What the replica holds is what control has. */
    void (*on_up_to_date)(void *context);
    /* An update begins; the one before may have come to nothing. */
    void (*on_update)(void *context, bool is_snapshot);
    /* One of its objects. Slices are borrowed until it returns. */
    void (*on_object)(void *context, Pointsman__V1__ObjectKind kind, struct slice name,
                      bool deleted, struct slice bytes);
    /* An update was built: publish it. Takes the caller's reference. */
    void (*on_table)(void *context, struct route_table *table);
    /* An update could not be built; what was served before stays. */
    void (*on_rejected)(void *context, const struct error *err);
    /* The end. `needs_snapshot`: the next session must ask for everything. Not called from inside
     * open or close; the session must be closed, but not from in here. */
    void (*on_lost)(void *context, const struct error *err, bool needs_snapshot);
    void *context;
};

/* Connects and starts to watch. NULL with ERROR_UNAVAILABLE when nobody listens. Everything in
 * `options` is borrowed until it is closed; the options themselves are copied. */
struct feed_session *feed_session_open(struct event_loop *loop,
                                       const struct feed_session_options *options,
                                       struct error *err);

/* Harmless on NULL. No callback comes any more. */
void feed_session_close(struct feed_session *session);

#endif
