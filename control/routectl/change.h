/* Change: commits a draft, then waits until it is live.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_CHANGE_H
#define CONTROL_ROUTECTL_CHANGE_H

#include "common/options.h"
#include "control/routectl/draft.h"
#include "control/routectl/exit_code.h"
#include "control/routectl/session.h"

/* Flags of every verb that changes something, and what they were given. */
extern const struct option change_options[];
extern struct change_flags {
    const char *message;    /* NULL: not given */
    const char *request_id; /* the same */
    uint64_t if_revision;
    uint64_t confirm_within_ms;
    bool dry_run;
} change_flags;

/* Beside them, of verbs that take files: whether a change may be several commits. */
extern const struct option change_parts_options[];

/* What the flags say in the words of a request; all of it owned by the arena. A request that has no
 * id of its own gets a random one, so that it can be sent again. */
char *change_message(struct arena *arena);
char *change_request_id(struct arena *arena);
DurationMessage *change_confirm_within(struct arena *arena); /* NULL: not asked for */

/* Applies the draft's mutations as one revision, shows what became of each, and waits for the
 * proxies unless --no-wait. Of a draft of documents that is too large for that, only what differs
 * counts, and it is several revisions where --in-parts allows it: see draft_parts.h. */
enum exit_code change_commit(struct session *session, struct draft *draft);

/* Has the draft checked as if it were committed, and says its warnings. The answer (free with
 * message_free), or NULL with *code set. */
Pointsman__V1__ApplyResponse *change_try(struct session *session, struct draft *draft,
                                         enum exit_code *code);

/* Shows the answer to a change that was sent, says its warnings, and waits for the proxies unless
 * --no-wait. `draft` (or NULL) is what it was made from. */
enum exit_code change_finish(struct session *session, const struct draft *draft,
                             const Pointsman__V1__ApplyResponse *response);

/* After a change that ended with `code` and without an answer: says how to be sure of it, if there
 * is doubt. */
void change_tell_doubt(const struct session *session, const char *request_id, enum exit_code code);

#endif
