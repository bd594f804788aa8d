/* Response script: a service that does what a case of hostile responses says.
 *
 * Threads: one. */
#ifndef TESTS_INTEGRATION_HOSTILE_RESPONSE_SCRIPT_H
#define TESTS_INTEGRATION_HOSTILE_RESPONSE_SCRIPT_H

#include "tests/integration/hostile/responses.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_connection.h"

#include <stddef.h>

enum manner { WHOLE, BYTE_BY_BYTE, MANNER_COUNT };

/* Those that an upstream borrows until it is freed. */
struct response_scripts {
    struct fake_step **items;
    size_t count;
};

/* The upstream's next connection reads a request, and then does what the case says. */
void response_script_add(struct response_scripts *scripts, struct fake_upstream *upstream,
                         const struct response_case *hostile, enum manner manner);
void response_scripts_clear(struct response_scripts *scripts);

/* The final answer, whatever informational heads come before it. */
enum http_outcome response_receive(struct http_connection *connection, bool is_head,
                                   struct http_message *response);

void response_case_fail(const struct response_case *hostile, const char *why);

/* Fails unless the client has seen what the case says. */
void response_case_check(const struct response_case *hostile, enum http_outcome outcome,
                         const struct http_message *response);

#endif
