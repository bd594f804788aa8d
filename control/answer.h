/* Answer: an ApplyResponse that owns all it holds, as if it had been unpacked.
 *
 * Threads: main. */
#ifndef CONTROL_ANSWER_H
#define CONTROL_ANSWER_H

#include "common/buffer.h"
#include "common/error.h"
#include "proto/messages.h"

typedef Pointsman__V1__ApplyResponse AnswerMessage;

struct store_change;

AnswerMessage *answer_new(void);
/* Takes one back from the bytes it was packed to. NULL on error. */
AnswerMessage *answer_unpack(struct slice bytes, struct error *err);
/* Harmless on NULL. */
void answer_free(AnswerMessage *answer);

/* Copies. */
void answer_set_epoch(AnswerMessage *answer, const char *epoch);
void answer_add_change(AnswerMessage *answer, Pointsman__V1__ChangeKind change,
                       Pointsman__V1__ObjectKind kind, const char *name);
/* That of a write; borrowed until the answer is freed. */
Pointsman__V1__Change *answer_add_change_of(AnswerMessage *answer,
                                            const struct store_change *change);
void answer_add_warning(AnswerMessage *answer, Pointsman__V1__ObjectKind kind, const char *name,
                        const char *field, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

size_t answer_count_changes(const AnswerMessage *answer, Pointsman__V1__ChangeKind change);

#endif
