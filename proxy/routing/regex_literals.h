/* Regex literals: texts that every value which an expression matches contains.
 *
 * Of many expressions most do not come near a value, and to find that out by PCRE2 costs a call
 * each. A pattern that is "/[a-z]+/items/17" when written out says that "/" comes first and
 * "/items/17" behind it: what has no such text need not be tried, and among thousands of
 * expressions those that may match are found by their texts (match_set.h).
 *
 * A text too many would lose a route, one too few costs time. So the pattern is walked as the
 * manual page pcre2pattern(3) has it, as far as what regex_new lets through, and only what must be
 * there is taken: characters that stand for themselves, in the order of the pattern, in groups too
 * when there is no other alternative and the group cannot be absent. What is between them (a class,
 * an alternation, anything repeated) ends a text. A pattern that has anything the walk does not
 * know, above all a change of options such as (?i), has none.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_REGEX_LITERALS_H
#define PROXY_ROUTING_REGEX_LITERALS_H

#include "common/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REGEX_LITERALS_MAX_BYTES = 255 };

/* They stand in a value one behind the other, in this order. */
struct regex_literals {
    uint8_t bytes;
    bool is_start_known;                 /* the first is what the value begins with */
    char text[REGEX_LITERALS_MAX_BYTES]; /* of each its length as a byte, then itself */
};

/* `pattern` compiles, without options, to be matched with a whole value as bytes. */
void regex_literals_find(struct slice pattern, struct regex_literals *literals);

/* The one behind `literal` in such a text; the first, when its `at` is NULL. False at the end. */
static inline bool regex_literals_next(const char *text, size_t bytes, struct slice *literal)
{
    const char *at = literal->at == NULL ? text : literal->at + literal->length;
    if (at == text + bytes)
        return false;
    *literal = slice_of(at + 1, (unsigned char)*at);
    return true;
}

#endif
