/* Regex: a PCRE2 expression that must match a whole value, at a bounded cost.
 *
 * What would let one request cost more than its share is refused: look-around, back-references,
 * recursion, conditions, verbs. So is what would make that hard to see (quoting with \Q, the
 * extended syntax). A match that hits its limit counts as no match, and is counted.
 *
 * Threads: any. Match data is kept for each thread and made on its first match. */
#ifndef PROXY_ROUTING_REGEX_H
#define PROXY_ROUTING_REGEX_H

#include "common/error.h"
#include "common/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct regex;

/* NULL when it is refused; the error says why and where. */
struct regex *regex_new(struct slice pattern, struct error *err);
/* Harmless on NULL. */
void regex_free(struct regex *regex);

/* Whether the whole of `value` matches. Bytes, not characters: what a request carries need not
 * be UTF-8. */
bool regex_matches(const struct regex *regex, struct slice value);

/* Texts that every value that matches contains, one behind the other: gives the one behind
 * `literal`; the first, when its `at` is NULL. False at the end. Borrowed from the expression. */
bool regex_next_literal(const struct regex *regex, struct slice *literal);

/* How many matches hit their limit since the process started, and in this thread alone. */
uint64_t regex_limit_hits(void);
uint64_t regex_own_limit_hits(void);

#endif
