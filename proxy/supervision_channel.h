/* Supervision channel: what a serving process and its supervisor tell each other, over a pair of
 * connected sockets (AF_UNIX, SOCK_SEQPACKET). A message is lines of NAME=VALUE, as sd_notify(3)
 * has them, and may carry descriptors.
 *
 *   serving process          to the supervisor
 *     SOCKETS=name             these listening sockets are in use; as many messages as it takes
 *     READY=1                  it serves; with ROUTES=0 or 1, and DRAIN_MS, its drain time
 *     ROUTES=1                 now it has routes, too
 *     STOPPING=1               it accepts no more connections
 *   supervisor               to the serving process
 *     TAKEN_OVER=1             another one serves: let go of everything but what still runs
 *
 * The two may be of different versions, in either order: what is not understood is passed over, and
 * what is here keeps its meaning.
 *
 * Threads: main. */
#ifndef PROXY_SUPERVISION_CHANNEL_H
#define PROXY_SUPERVISION_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SUPERVISION_TEXT_BYTES = 512, SUPERVISION_FDS_MAX = 250 };

/* The environment variable that tells a process of its supervisor: DESCRIPTOR:GENERATION:RESTARTS:
 * PREDECESSOR:WAITS, numbers all. */
#define SUPERVISION_VARIABLE "POINTSMAN_SUPERVISION"

struct supervision_message {
    char text[SUPERVISION_TEXT_BYTES];
    int fds[SUPERVISION_FDS_MAX]; /* of the receiver's own, close-on-exec */
    size_t fd_count;
};

enum supervision_result { SUPERVISION_MESSAGE, SUPERVISION_NOTHING, SUPERVISION_END };

/* False when the other side is gone, or does not read. */
bool supervision_send(int channel, const char *text, const int *fds, size_t fd_count);

/* Does not wait. Whoever gets a message owns its descriptors. */
enum supervision_result supervision_receive(int channel, struct supervision_message *message);

/* What stands behind NAME= into `value`; false when there is no such line or it does not fit. */
bool supervision_value(const struct supervision_message *message, const char *name, char *value,
                       size_t value_bytes);
/* The same, decimal; `otherwise` when there is no such number. */
uint64_t supervision_number(const struct supervision_message *message, const char *name,
                            uint64_t otherwise);

#endif
