#include "common/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool error_set(struct error *err, enum error_code code, const char *format, ...)
{
    if (err == NULL)
        return false;

    va_list arguments;
    va_start(arguments, format);
    err->code = code;
    vsnprintf(err->message, sizeof(err->message), format, arguments);
    va_end(arguments);
    return false;
}

bool error_set_errno(struct error *err, const char *format, ...)
{
    int saved_errno = errno;
    if (err == NULL)
        return false;

    va_list arguments;
    va_start(arguments, format);
    err->code = ERROR_SYSTEM;
    vsnprintf(err->message, sizeof(err->message), format, arguments);
    va_end(arguments);

    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof(err->message) - used, ": %s", strerror(saved_errno));
    errno = saved_errno;
    return false;
}

bool error_prefix(struct error *err, const char *format, ...)
{
    if (err == NULL)
        return false;

    char inner[ERROR_MESSAGE_BYTES];
    memcpy(inner, err->message, sizeof(inner));

    va_list arguments;
    va_start(arguments, format);
    vsnprintf(err->message, sizeof(err->message), format, arguments);
    va_end(arguments);

    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof(err->message) - used, "%s", inner);
    return false;
}
