/* Text diff: what makes one text another, line by line.
 *
 * Threads: any. */
#ifndef CONTROL_ROUTECTL_TEXT_DIFF_H
#define CONTROL_ROUTECTL_TEXT_DIFF_H

#include "common/buffer.h"

#include <stdbool.h>

/* Appends the hunks of a unified diff, each with up to three lines around it; nothing when the
 * texts are the same. Every line of both ends with a line feed. */
void text_diff(struct buffer *to, struct slice before, struct slice after, bool has_colour);

#endif
