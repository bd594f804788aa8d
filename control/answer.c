#include "control/answer.h"

#include "control/change_message.h"
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
                                           MESSAGE_MEMORY_APPLY, UNKNOWN_FIELDS_KEPT, err);
}

void answer_free(AnswerMessage *answer)
{
    message_free((ProtobufCMessage *)answer);
}

void answer_set_epoch(AnswerMessage *answer, const char *epoch)
{
    answer->epoch = memory_duplicate_string(epoch);
}

static Pointsman__V1__Change *add_change(AnswerMessage *answer, Pointsman__V1__Change *change)
{
    answer->changes = message_list_grow(answer->changes, answer->n_changes);
    answer->changes[answer->n_changes++] = change;
    return change;
}

void answer_add_change(AnswerMessage *answer, Pointsman__V1__ChangeKind change,
                       Pointsman__V1__ObjectKind kind, const char *name)
{
    add_change(answer, change_message_new(change, kind, slice_from_string(name)));
}

Pointsman__V1__Change *answer_add_change_of(AnswerMessage *answer,
                                            const struct store_change *change)
{
    return add_change(answer, change_message_of(change));
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
    answer->warnings = message_list_grow(answer->warnings, answer->n_warnings);
    answer->warnings[answer->n_warnings++] = item;
}

size_t answer_count_changes(const AnswerMessage *answer, Pointsman__V1__ChangeKind change)
{
    size_t count = 0;
    for (size_t i = 0; i < answer->n_changes; i++)
        count += answer->changes[i]->change == change;
    return count;
}
