/* Waiting: until every proxy has applied a revision.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_WAITING_H
#define CONTROL_ROUTECTL_WAITING_H

#include "control/routectl/exit_code.h"
#include "control/routectl/session.h"

#include <stdint.h>

/* Waits for `revision` (0: the head) as long as --wait-timeout says, and tells on standard error
 * who applied it and who did not, and why. *applied gets the answer (free with message_free), or
 * NULL when there was none. EXIT_NOT_LIVE when a proxy lacks it. */
enum exit_code waiting_for(struct session *session, uint64_t revision,
                           Pointsman__V1__WaitAppliedResponse **applied);

#endif
