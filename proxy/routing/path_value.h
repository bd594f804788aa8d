/* Path value: the path of an Exact or PathPrefix match, and its canonical form.
 *
 * Requests are matched by one canonical path (HARDENING.md): escapes of unreserved characters
 * decoded, all others in upper case. A value is brought into the same form, or it would never
 * match.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_PATH_VALUE_H
#define PROXY_ROUTING_PATH_VALUE_H

#include "common/slice.h"

#include <stddef.h>

enum { PATH_VALUE_MAX_LENGTH = 1024 };

/* What is wrong with it, as a sentence's end ("must start with '/'"), or NULL. */
const char *path_value_problem(struct slice value);

/* Writes the canonical form of a value without problem; it is never longer than the value.
 * Returns its length. */
size_t path_value_canonicalize(struct slice value, char *to);

/* Without the trailing '/' that a PathPrefix ignores: "/abc/" is "/abc", "/" is "". */
struct slice path_value_prefix(struct slice value);

/* METHOD of a path "/SERVICE/METHOD", as gRPC has them; empty when it is none. */
struct slice path_grpc_method(struct slice path);

#endif
