#include "control/routectl/text_table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 2 };

void append_printable(struct buffer *to, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        /* C1 controls arrive as two bytes: 0xc2 and 0x80 to 0x9f. */
        bool is_c1 = c == 0xc2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xa0;
        if (is_c1)
            text++;
        bool is_control = c < 0x20 || c == 0x7f || is_c1;
        buffer_append_char(to, (char)(is_control ? '?' : c));
    }
}

/* Takes the text. */
static void add_cell(struct text_table *table, char *text)
{
    table->cells = memory_reallocate(table->cells, (table->cell_count + 1) * sizeof(char *));
    table->cells[table->cell_count++] = text;
}

void text_table_init(struct text_table *table, const char *const *headings)
{
    *table = (struct text_table){0};
    for (; headings[table->column_count] != NULL; table->column_count++)
        add_cell(table, memory_duplicate_string(headings[table->column_count]));
}

void text_table_clear(struct text_table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct text_table){0};
}

void text_table_cell(struct text_table *table, const char *format, ...)
{
    char *raw;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&raw, format, arguments);
    va_end(arguments);
    if (length < 0)
        abort();

    struct buffer text = BUFFER_EMPTY;
    append_printable(&text, length == 0 ? "-" : raw);
    add_cell(table, memory_duplicate_string(buffer_string(&text)));
    buffer_clear(&text);
    free(raw);
}

/* Characters, not bytes: those that continue one in UTF-8 do not count. */
static size_t display_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static size_t column_width(const struct text_table *table, size_t column)
{
    size_t widest = 0;
    for (size_t i = column; i < table->cell_count; i += table->column_count) {
        size_t width = display_width(table->cells[i]);
        widest = width > widest ? width : widest;
    }
    return widest;
}

void text_table_print(const struct text_table *table, FILE *to, bool has_colour)
{
    assert(table->column_count > 0);
    size_t *widths = memory_allocate(table->column_count * sizeof(*widths));
    for (size_t column = 0; column < table->column_count; column++)
        widths[column] = column_width(table, column);

    for (size_t i = 0; i < table->cell_count; i++) {
        size_t column = i % table->column_count;
        bool is_last = column + 1 == table->column_count;
        bool is_heading = has_colour && i < table->column_count;
        size_t padding = is_last ? 0 : widths[column] - display_width(table->cells[i]) + GAP;
        fprintf(to, "%s%s%s%*s%s", is_heading ? "\033[1m" : "", table->cells[i],
                is_heading ? "\033[0m" : "", (int)padding, "", is_last ? "\n" : "");
    }
    free(widths);
}
