/* Control: owns every part of the control plane, from the database to the socket.
 *
 * Threads: main. */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include "control/authorizer.h"
#include "control/feed_service.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct control;
struct event_loop;

struct control_options {
    const char *database;
    const char *socket;
    mode_t socket_mode;
    const char *socket_group; /* NULL: leave it */
    struct authorizer_options roles;
    uint64_t keep_revisions;          /* of history, at least */
    uint64_t drain_ms;                /* for calls to end when it stops */
    struct feed_service_options feed; /* all but on_proxy_changed */
};

void control_options_init(struct control_options *options);

/* Opens the database, then the socket, and serves on `loop`. `options` are borrowed until it
 * returns. NULL on error. */
struct control *control_start(const struct control_options *options, struct event_loop *loop,
                              struct error *err);

/* Takes no more calls, lets those under way end, then stops the loop. */
void control_drain(struct control *control);

/* Closes what is left, the database last. Harmless on NULL. */
void control_stop(struct control *control);

#endif
