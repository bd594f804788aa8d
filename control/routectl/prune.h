/* Prune: takes away what has a label and stands in no document.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_PRUNE_H
#define CONTROL_ROUTECTL_PRUNE_H

#include "control/routectl/draft.h"
#include "control/routectl/session.h"

/* --prune and --selector. */
extern const struct option prune_options[];

/* With --prune, adds the removal of every object with the labels that the draft does not put, at
 * the revision it has now. EXIT_USAGE when one of the flags is there without the other. */
enum exit_code prune_add(struct session *session, const char *verb, struct draft *draft);

#endif
