/* Random expressions: patterns of every construct that is accepted, and values that come near.
 *
 * Threads: none shared; chooses by random_below (random_routes.h). */
#ifndef TESTS_UNIT_PROXY_ROUTING_RANDOM_EXPRESSIONS_H
#define TESTS_UNIT_PROXY_ROUTING_RANDOM_EXPRESSIONS_H

#include "common/buffer.h"

/* Writes a pattern, and a value that it mostly matches. */
void random_expression(struct buffer *pattern, struct buffer *value);

/* Changes a value a little: a character other, in the other case, more, or less. */
void random_mutation(struct buffer *value);

#endif
