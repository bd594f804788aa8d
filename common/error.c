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

const char *error_code_name(enum error_code code)
{
    switch (code) {
    case ERROR_NONE:
        return "none";
    case ERROR_INVALID:
        return "invalid";
    case ERROR_NOT_FOUND:
        return "not_found";
    case ERROR_EXISTS:
        return "exists";
    case ERROR_CONFLICT:
        return "conflict";
    case ERROR_IN_USE:
        return "in_use";
    case ERROR_DENIED:
        return "denied";
    case ERROR_LIMIT:
        return "limit";
    case ERROR_UNAVAILABLE:
        return "unavailable";
    case ERROR_TIMEOUT:
        return "timeout";
    case ERROR_OUT_OF_RANGE:
        return "out_of_range";
    case ERROR_UNSUPPORTED:
        return "unsupported";
    case ERROR_READ_ONLY:
        return "read_only";
    case ERROR_CORRUPT:
        return "corrupt";
    case ERROR_SYSTEM:
        return "system";
    case ERROR_INTERNAL:
        return "internal";
    }
    return "unknown";
}
