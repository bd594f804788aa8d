#include "control/routectl/say.h"

#include "control/routectl/text_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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
    buffer_append_string(&line, "routectl: ");
    append_printable(&line, text);
    buffer_append_char(&line, '\n');
    fwrite(line.at, 1, line.length, stderr);
    buffer_clear(&line);
    free(text);
}
