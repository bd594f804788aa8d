/* Supervisor: the small process of `pointsman-proxy --supervise` that holds the listening sockets
 * while others come and go to serve on them.
 *
 *   a serving process ends unexpectedly     another one is started at once; after several that
 *                                           ended within a second of their start, with a growing
 *                                           pause, 5 seconds at most
 *   SIGUSR2                                 another one is started, of the program and the
 *                                           configuration as they are now; when it serves and has
 *                                           routes, the old one drains. If it fails, the old one
 *                                           stays. One more that comes meanwhile is done afterwards
 *   SIGHUP                                  goes on to all of them
 *   SIGTERM, SIGINT                         goes on to all of them: they drain; the second ends
 *                                           them at once, the third with SIGKILL
 *
 * The sockets are made by the serving processes, which hand them over (supervision_channel.h): the
 * supervisor knows nothing of addresses or of any option but its log, so it need not be replaced
 * when the program is, and stays the same process until it is told to end. Each new process gets
 * what the last one had, takes what its own options ask for, and opens what is missing; when it
 * takes over, what it did not take is closed. So nothing that waits in an accept queue is lost. If
 * the supervisor dies, the serving processes notice and drain.
 *
 * When the first of them ends with an exit code before it serves, so does the supervisor: its
 * options are wrong, or its port is in use.
 *
 * Threads: main; there is no other, and libh2o is not touched. */
#ifndef PROXY_SUPERVISOR_H
#define PROXY_SUPERVISOR_H

#include "common/error.h"

#include <stdbool.h>

/* Are we to serve under a supervisor? Then --supervise was for it. */
bool supervisor_has_started_us(void);

/* Supervises until it is told to stop; returns the exit code, or -1 with an error when it could not
 * begin. `arguments` are main's, and those of every serving process. */
int supervisor_run(char **arguments, const char *log_file, struct error *err);

#endif
