#include "control/routectl/say.h"

#include "control/routectl/text_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct buffer *kept;

void say_keep(struct buffer *lines)
{
    kept = lines;
}

void say(const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        abort();

    struct buffer line = BUFFER_EMPTY;
    if (kept == NULL)
        buffer_append_string(&line, "routectl: ");
    append_printable(&line, text);
    buffer_append_char(&line, '\n');
    if (kept == NULL)
        fwrite(line.at, 1, line.length, stderr);
    else
        buffer_append_slice(kept, buffer_slice(&line));
    buffer_clear(&line);
    free(text);
}
