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

static void append_cookie(struct buffer *to, const Pointsman__V1__CookieConfig *cookie)
{
    if (*cookie->name != '\0')
        buffer_printf(to, " %s", cookie->name);
    if (*cookie->path != '\0')
        buffer_printf(to, ", path %s", cookie->path);
    if (cookie->lifetime_type ==
        POINTSMAN__V1__COOKIE_LIFETIME_TYPE__COOKIE_LIFETIME_TYPE_PERMANENT)
        buffer_append_string(to, ", permanent");
}

void append_session(struct buffer *to, const SessionPersistenceMessage *session)
{
    bool is_header =
        session->type == POINTSMAN__V1__SESSION_PERSISTENCE_TYPE__SESSION_PERSISTENCE_TYPE_HEADER;
    buffer_append_string(to, is_header ? "header" : "cookie");
    if (session->header != NULL)
        buffer_printf(to, " %s", session->header->name);
    if (session->cookie != NULL)
        append_cookie(to, session->cookie);
    append_duration(to, "timeout", session->absolute_timeout);
}
