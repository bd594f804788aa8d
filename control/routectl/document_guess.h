/* Document guess: what a name that is not known was meant to be.
 *
 * Each returns what to say behind "unknown field 'hostname'": "; did you mean 'hostnames'?", or ""
 * when nothing is close. Good until the next call.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_DOCUMENT_GUESS_H
#define CONTROL_ROUTECTL_DOCUMENT_GUESS_H

#include "proto/messages.h"

#include <stdbool.h>
#include <stddef.h>

/* A key of this message. */
const char *document_guess_field(const ProtobufCMessageDescriptor *descriptor, bool is_grpc,
                                 const char *typed);

/* What "type" says in this message. */
const char *document_guess_type(const ProtobufCMessageDescriptor *descriptor, bool is_grpc,
                                const char *typed);

/* One of these names. */
const char *document_guess_name(const char *const *names, size_t count, const char *typed);

#endif
