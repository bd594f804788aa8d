#include "control/violations.h"

#include "common/buffer.h"
#include "control/error_detail.h"
#include "proto/error_info.h"
#include "proto/grpc_server.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Clients take 8 KiB of trailers at least, details travel in base64, and the first violation once
 * more as the message (grpc_core sends no details that are too large). */
enum { DETAILS_BYTES = 3072, DESCRIPTION_BYTES = 512 };

void violations_clear(struct violations *violations)
{
    for (size_t i = 0; i < violations->count; i++) {
        free(violations->items[i].field);
        free(violations->items[i].description);
    }
    free(violations->items);
    *violations = (struct violations){0};
}

bool violations_add(struct violations *violations, enum error_code code, const char *field,
                    const char *format, ...)
{
    char description[DESCRIPTION_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(description, sizeof(description), format, arguments);
    va_end(arguments);
    description[slice_whole_characters(slice_from_string(description)).length] = '\0';

    /* Room doubles whenever the count is a power of two. */
    size_t count = violations->count;
    if ((count & (count - 1)) == 0)
        violations->items = memory_reallocate(violations->items, (count == 0 ? 1 : 2 * count) *
                                                                     sizeof(violations->items[0]));
    violations->items[violations->count++] = (struct violation){
        .code = code,
        .field = memory_duplicate_string(field),
        .description = memory_duplicate_string(description),
    };
    return false;
}

enum error_code violations_code(const struct violations *violations)
{
    for (size_t i = 0; i < violations->count; i++) {
        if (violations->items[i].code == ERROR_INVALID)
            return ERROR_INVALID;
    }
    return violations->items[0].code;
}

/* How many, from the first, take no more than DETAILS_BYTES. At least one. */
static size_t count_that_fit(const struct violations *violations)
{
    size_t bytes = 0;
    size_t fit = 0;
    while (fit < violations->count) {
        const struct violation *item = &violations->items[fit];
        bytes += strlen(item->field) + strlen(item->description) + 16;
        if (bytes > DETAILS_BYTES && fit > 0)
            break;
        fit++;
    }
    return fit;
}

static void fail_call(const struct violations *violations, struct grpc_call *call,
                      const char *message)
{
    size_t count = count_that_fit(violations);
    Google__Rpc__BadRequest__FieldViolation *fields = memory_allocate(count * sizeof(fields[0]));
    Google__Rpc__BadRequest__FieldViolation **pointers =
        memory_allocate(count * sizeof(pointers[0]));
    for (size_t i = 0; i < count; i++) {
        google__rpc__bad_request__field_violation__init(&fields[i]);
        fields[i].field = violations->items[i].field;
        fields[i].description = violations->items[i].description;
        pointers[i] = &fields[i];
    }

    Google__Rpc__BadRequest bad_request = GOOGLE__RPC__BAD_REQUEST__INIT;
    bad_request.n_field_violations = count;
    bad_request.field_violations = pointers;
    error_detail_fail_call(call, grpc_status_from_error(violations_code(violations)), message,
                           BAD_REQUEST_TYPE, &bad_request.base);
    free(pointers);
    free(fields);
}

void violations_fail_call(const struct violations *violations, struct grpc_call *call)
{
    const struct violation *first = &violations->items[0];
    struct buffer message = BUFFER_EMPTY;
    buffer_printf(&message, "%s: %s", first->field, first->description);
    if (violations->count > 1)
        buffer_printf(&message, " (and %zu more)", violations->count - 1);
    fail_call(violations, call, buffer_string(&message));
    buffer_clear(&message);
}
