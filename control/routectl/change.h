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

/* Has the draft checked as if it were committed, and says its warnings. The answer (free with
 * message_free), or NULL with *code set. */
Pointsman__V1__ApplyResponse *change_try(struct session *session, struct draft *draft,
                                         enum exit_code *code);

#endif
