/* Text table: cells in aligned columns, for people.
 *
 * What comes from the daemon may hold anything; control characters are shown as '?', so that no
 * label or header can move the cursor of whoever lists it.
 *
 * Threads: none shared. */
#ifndef CONTROL_ROUTECTL_TEXT_TABLE_H
#define CONTROL_ROUTECTL_TEXT_TABLE_H

#include "common/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct text_table {
    size_t column_count;
    char **cells; /* row by row; the first row is the heading */
    size_t cell_count;
};

/* `headings` ends with NULL. */
void text_table_init(struct text_table *table, const char *const *headings);
void text_table_clear(struct text_table *table);

/* The next cell, to the right or at the start of a new row. An empty one is shown as "-". */
void text_table_cell(struct text_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints whole rows; the heading in bold where `has_colour`. */
void text_table_print(const struct text_table *table, FILE *to, bool has_colour);

/* Appends `text` with control characters as '?'. */
void append_printable(struct buffer *to, const char *text);

#endif
