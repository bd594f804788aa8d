/* Shadow lint: warns of rules that no request reaches, because another always wins.
 *
 * Of one commit: the routes it puts are added, and looked at together once all are written. Each
 * is warned about that can never win, and each that makes an older one so. What is looked at for
 * one commit is bounded, so that one of many alike routes is not slower than others.
 *
 * Threads: main. */
#ifndef CONTROL_SHADOW_LINT_H
#define CONTROL_SHADOW_LINT_H

#include "control/answer.h"
#include "control/mutation.h"
#include "control/shadow_index.h"

#include <stdbool.h>

struct shadow_lint;
struct store;

/* All outlive the lint. */
struct shadow_lint *shadow_lint_new(struct shadow_index *index, struct store *store);
/* Harmless on NULL. */
void shadow_lint_free(struct shadow_lint *lint);

/* A route that is put, as it is packed in `bytes`, and when it was created; `is_valid` when it has
 * just been validated. */
void shadow_lint_add(struct shadow_lint *lint, const RouteMessage *message, struct slice bytes,
                     struct creation created, bool is_valid);

/* Files what is put, and adds the warnings. The commit's changes are written to the store, whose
 * other routes count. */
void shadow_lint_warn(struct shadow_lint *lint, AnswerMessage *answer);

#endif
