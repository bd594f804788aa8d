/* Refusal: what a failed call means for people and for scripts.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_REFUSAL_H
#define CONTROL_ROUTECTL_REFUSAL_H

#include "control/routectl/exit_code.h"
#include "proto/grpc_client.h"

struct draft;

enum exit_code refusal_exit_code(enum grpc_status status);
/* The same, but EXIT_FAILED where the details say that the change was not committed. */
enum exit_code refusal_exit_code_of(const struct grpc_result *result);

/* Says why on standard error: a line for each bad field, in the words of `draft` (or NULL), else
 * the daemon's sentence. */
void refusal_tell(const struct grpc_result *result, const struct draft *draft);

/* Appends how people know a field: "--host x_y" where the draft tells, else "route api:
 * rules[0].name". */
void refusal_append_field(struct buffer *to, const struct draft *draft, const char *field);

#endif
