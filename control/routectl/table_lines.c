#include "control/routectl/table_lines.h"

#include "common/duration.h"
#include "proxy/routing/validation.h"

#include <inttypes.h>

void print_table(const struct output_sink *sink, struct text_table *table)
{
    text_table_print(table, sink->to, sink->has_colour);
    text_table_clear(table);
}

void cell_from(struct text_table *table, struct buffer *text)
{
    text_table_cell(table, "%s", buffer_string(text));
    buffer_reset(text);
}

void print_line(const struct output_sink *sink, const char *name, struct buffer *value)
{
    struct buffer printable = BUFFER_EMPTY;
    append_printable(&printable, value->length == 0 ? "-" : buffer_string(value));
    fprintf(sink->to, "%s%-12s%s%s\n", sink->has_colour ? "\033[1m" : "", name,
            sink->has_colour ? "\033[0m" : "", buffer_string(&printable));
    buffer_clear(&printable);
    buffer_reset(value);
}

void print_title(const struct output_sink *sink, struct buffer *title)
{
    struct buffer printable = BUFFER_EMPTY;
    append_printable(&printable, buffer_string(title));
    fprintf(sink->to, "%s%s%s\n", sink->has_colour ? "\033[1m" : "", buffer_string(&printable),
            sink->has_colour ? "\033[0m" : "");
    buffer_clear(&printable);
    buffer_reset(title);
}

void append_duration(struct buffer *to, const char *name, const DurationMessage *duration)
{
    char text[DURATION_BYTES];
    if (duration != NULL)
        buffer_printf(to, "%s%s %s", to->length == 0 ? "" : ", ", name,
                      duration_format(duration_milliseconds(duration), text));
}

void append_retry(struct buffer *to, const Pointsman__V1__Retry *retry)
{
    bool has_attempts =
        retry->attempts_presence_case == POINTSMAN__V1__RETRY__ATTEMPTS_PRESENCE_ATTEMPTS;
    buffer_printf(to, "%" PRIu32 " more", has_attempts ? retry->attempts : 1);
    append_duration(to, "backoff", retry->backoff);
    for (size_t i = 0; i < retry->n_codes; i++)
        buffer_printf(to, "%s%" PRIu32, i == 0 ? ", codes " : " ", retry->codes[i]);
}
