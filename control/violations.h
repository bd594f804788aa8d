/* Violations: everything that is wrong with a request, each with the path of its field.
 *
 * Threads: main. */
#ifndef CONTROL_VIOLATIONS_H
#define CONTROL_VIOLATIONS_H

#include "common/error.h"

#include <stddef.h>

struct grpc_call;

struct violation {
    enum error_code code;
    char *field;
    char *description;
};

struct violations {
    struct violation *items;
    size_t count;
};

void violations_clear(struct violations *violations);

/* Copies. Returns false, so that `return violations_add(...)` reads well. */
bool violations_add(struct violations *violations, enum error_code code, const char *field,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* One for all: ERROR_INVALID when any is, else that of the first. */
enum error_code violations_code(const struct violations *violations);

/* Ends the call with that code and, as google.rpc.BadRequest, as many of them as fit into
 * trailers; the message says the first and how many there are. */
void violations_fail_call(const struct violations *violations, struct grpc_call *call);

#endif
