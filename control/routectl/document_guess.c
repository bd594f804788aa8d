#include "control/routectl/document_guess.h"

#include "common/nearest.h"
#include "control/routectl/document_grpc.h"
#include "control/routectl/document_names.h"

#include <stdio.h>
#include <string.h>

struct guess {
    struct nearest nearest;
    char best[DOCUMENT_NAME_BYTES]; /* what nearest.name is */
};

static void consider(struct guess *guess, const char *name)
{
    nearest_consider(&guess->nearest, name);
    if (guess->nearest.name != name)
        return;
    snprintf(guess->best, sizeof(guess->best), "%s", name);
    guess->nearest.name = guess->best;
}

static const char *say(const struct guess *guess)
{
    static char text[DOCUMENT_NAME_BYTES + 32];
    text[0] = '\0';
    if (guess->nearest.name != NULL)
        snprintf(text, sizeof(text), "; did you mean '%s'?", guess->nearest.name);
    return text;
}

static bool is_of_document(const ProtobufCMessageDescriptor *descriptor, bool is_grpc,
                           const ProtobufCFieldDescriptor *field)
{
    char key[DOCUMENT_NAME_BYTES];
    document_key(descriptor, field, key);
    return !document_is_outside_spec(descriptor, field) &&
           (!is_grpc || document_grpc_find_field(descriptor, key) != NULL);
}

const char *document_guess_field(const ProtobufCMessageDescriptor *descriptor, bool is_grpc,
                                 const char *typed)
{
    struct guess guess = {.nearest = {.typed = typed}};
    char key[DOCUMENT_NAME_BYTES];
    if (document_has_type(descriptor))
        consider(&guess, "type");
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        if (is_of_document(descriptor, is_grpc, &descriptor->fields[i]))
            consider(&guess, document_key(descriptor, &descriptor->fields[i], key));
    }
    return say(&guess);
}

const char *document_guess_type(const ProtobufCMessageDescriptor *descriptor, bool is_grpc,
                                const char *typed)
{
    struct guess guess = {.nearest = {.typed = typed}};
    char name[DOCUMENT_NAME_BYTES];
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        if (is_of_document(descriptor, is_grpc, &descriptor->fields[i]))
            consider(&guess, document_type_name(&descriptor->fields[i], name));
    }
    return say(&guess);
}

const char *document_guess_name(const char *const *names, size_t count, const char *typed)
{
    struct guess guess = {.nearest = {.typed = typed}};
    for (size_t i = 0; i < count; i++)
        consider(&guess, names[i]);
    return say(&guess);
}
