#include "control/answer.h"

#include "proto/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

AnswerMessage *answer_new(void)
{
    AnswerMessage *answer = memory_allocate(sizeof(*answer));
    pointsman__v1__apply_response__init(answer);
    return answer;
}

AnswerMessage *answer_unpack(struct slice bytes, struct error *err)
{
    return (AnswerMessage *)message_unpack(&pointsman__v1__apply_response__descriptor, bytes,
                                           MESSAGE_MEMORY_APPLY, false, err);
}

void answer_free(AnswerMessage *answer)
{
    message_free((ProtobufCMessage *)answer);
}

/* Room for one more item: doubles whenever the count is a power of two. */
static void *grow(void *items, size_t count)
{
    if ((count & (count - 1)) != 0)
        return items;
    return memory_reallocate(items, (count == 0 ? 1 : 2 * count) * sizeof(void *));
}

void answer_set_epoch(AnswerMessage *answer, const char *epoch)
{
    answer->epoch = memory_duplicate_string(epoch);
}

void answer_add_change(AnswerMessage *answer, Pointsman__V1__ChangeKind change,
                       Pointsman__V1__ObjectKind kind, const char *name)
{
    Pointsman__V1__Change *item = memory_allocate(sizeof(*item));
    pointsman__v1__change__init(item);
    item->change = change;
    item->kind = kind;
    item->name = memory_duplicate_string(name);
    answer->changes = grow(answer->changes, answer->n_changes);
    answer->changes[answer->n_changes++] = item;
}

void answer_add_warning(AnswerMessage *answer, Pointsman__V1__ObjectKind kind, const char *name,
                        const char *field, const char *format, ...)
{
    char message[ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);

    Pointsman__V1__Warning *item = memory_allocate(sizeof(*item));
    pointsman__v1__warning__init(item);
    item->kind = kind;
    item->name = memory_duplicate_string(name);
    item->field = memory_duplicate_string(field);
    item->message = memory_duplicate_string(message);
    answer->warnings = grow(answer->warnings, answer->n_warnings);
    answer->warnings[answer->n_warnings++] = item;
}

size_t answer_count_changes(const AnswerMessage *answer, Pointsman__V1__ChangeKind change)
{
    size_t count = 0;
    for (size_t i = 0; i < answer->n_changes; i++)
        count += answer->changes[i]->change == change;
    return count;
}
