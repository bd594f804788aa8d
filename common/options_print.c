#include "common/buffer.h"
#include "common/duration.h"
#include "common/options.h"

#include <inttypes.h>
#include <string.h>

/* The table as people read it: names in a column on the left, sentences wrapped on the right. */

enum { LINE_COLUMNS = 88, WIDEST_LEFT = 30 };

/* "  --drain-time DURATION" */
static void append_left(struct buffer *to, const struct option *option)
{
    buffer_printf(to, "  %s%s", strlen(option->name) == 1 ? "-" : "--", option->name);
    if (option->argument != NULL)
        buffer_printf(to, " %s", option->argument);
}

static void append_size(struct buffer *to, uint64_t bytes)
{
    static const char suffixes[] = "kmg";
    size_t steps = 0;
    while (steps < 3 && bytes >= 1024 && bytes % 1024 == 0) {
        bytes /= 1024;
        steps++;
    }
    buffer_printf(to, "%" PRIu64, bytes);
    if (steps > 0)
        buffer_append_char(to, suffixes[steps - 1]);
}

/* " (default: 30s)"; nothing where the default is "none": NULL, an empty list, or zero. */
static void append_default(struct buffer *to, const struct option *option)
{
    static const char open[] = " (default: ";
    char text[DURATION_BYTES];

    if (option->kind == OPTION_FLAG)
        return;
    if (option->kind == OPTION_STRING) {
        const char *string = *(const char **)option->value;
        if (string != NULL && *string != '\0')
            buffer_printf(to, "%s%s)", open, string);
        return;
    }
    if (option->kind == OPTION_LIST) {
        const struct option_list *list = option->value;
        for (size_t i = 0; i < list->count; i++)
            buffer_printf(to, "%s%s", i == 0 ? open : ", ", list->items[i]);
        buffer_append_string(to, list->count > 0 ? ")" : "");
        return;
    }

    uint64_t number = *(const uint64_t *)option->value;
    if (number == 0)
        return;
    buffer_append_string(to, open);
    if (option->kind == OPTION_DURATION)
        buffer_append_string(to, duration_format(number, text));
    else if (option->kind == OPTION_SIZE)
        append_size(to, number);
    else
        buffer_printf(to, option->kind == OPTION_MODE ? "%04" PRIo64 : "%" PRIu64, number);
    buffer_append_char(to, ')');
}

/* Words of `text` from `column` on, each further line starting there. */
static void append_wrapped(struct buffer *to, const char *text, size_t column)
{
    size_t at = column;
    for (;;) {
        text += strspn(text, " ");
        size_t word = strcspn(text, " ");
        if (word == 0)
            break;
        if (at > column && at + 1 + word > LINE_COLUMNS) {
            buffer_printf(to, "\n%*s", (int)column, "");
            at = column;
        } else if (at > column) {
            buffer_append_char(to, ' ');
            at++;
        }
        buffer_append(to, text, word);
        at += word;
        text += word;
    }
    buffer_append_char(to, '\n');
}

static size_t left_column_width(const struct option *options)
{
    struct buffer left = BUFFER_EMPTY;
    size_t width = 0;
    for (const struct option *option = options; option->name != NULL; option++) {
        buffer_reset(&left);
        append_left(&left, option);
        if (left.length > width && left.length <= WIDEST_LEFT)
            width = left.length;
    }
    buffer_clear(&left);
    return width;
}

void options_print(const struct option *options, FILE *to)
{
    size_t column = left_column_width(options) + 2;
    struct buffer text = BUFFER_EMPTY;
    struct buffer right = BUFFER_EMPTY;

    for (const struct option *option = options; option->name != NULL; option++) {
        size_t before = text.length;
        append_left(&text, option);
        size_t left = text.length - before;
        if (left + 2 > column)
            buffer_printf(&text, "\n%*s", (int)column, "");
        else
            buffer_printf(&text, "%*s", (int)(column - left), "");

        buffer_reset(&right);
        buffer_append_string(&right, option->help);
        if (option->kind == OPTION_LIST)
            buffer_append_string(&right, " Repeatable.");
        append_default(&right, option);
        append_wrapped(&text, buffer_string(&right), column);
    }
    fwrite(text.at, 1, text.length, to);

    buffer_clear(&text);
    buffer_clear(&right);
}
