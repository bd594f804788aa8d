/* Live control: the control plane on a thread of this process, with its real socket and database.
 *
 * Threads: one owns it; control runs on a thread of its own. */
#ifndef TESTS_INTEGRATION_MODEL_LIVE_CONTROL_H
#define TESTS_INTEGRATION_MODEL_LIVE_CONTROL_H

#include <stdbool.h>

struct live_control;

/* Listens when it returns. The paths are borrowed. */
struct live_control *live_control_start(const char *database, const char *socket_path);
/* Gracefully, or from one moment to the next. Harmless on NULL. */
void live_control_stop(struct live_control *live, bool is_graceful);

#endif
