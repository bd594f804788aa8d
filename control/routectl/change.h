/* Change: commits a draft, then waits until it is live.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_CHANGE_H
#define CONTROL_ROUTECTL_CHANGE_H

#include "common/options.h"
#include "control/routectl/draft.h"
#include "control/routectl/exit_code.h"
#include "control/routectl/session.h"

/* Flags of every verb that changes something. */
extern const struct option change_options[];

/* Applies the draft's mutations as one revision, shows what became of each, and waits for the
 * proxies unless --no-wait. */
enum exit_code change_commit(struct session *session, struct draft *draft);

#endif
