/* Prune: what has certain labels and stands in no document is taken away in the same commit.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_PRUNE_H
#define CONTROL_ROUTECTL_PRUNE_H

#include "common/options.h"
#include "control/routectl/draft.h"
#include "control/routectl/exit_code.h"

/* --prune and --selector. */
extern const struct option prune_options[];

/* With --prune, has the daemon remove every object with the labels that the draft does not put.
 * EXIT_USAGE when one of the flags is there without the other. */
enum exit_code prune_add(const char *verb, struct draft *draft);

#endif
