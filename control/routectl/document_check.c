#include "control/routectl/document_check.h"

#include "proxy/routing/route_validate.h"

#include <string.h>

struct check {
    struct document_decoder *decoder;
    size_t mutation;
    const char *operation;
};

/* "request_redirect" as documents call it. */
static void append_key(struct buffer *to, const char *path)
{
    for (; *path != '\0'; path++) {
        if (*path == '_' && path[1] != '\0')
            buffer_append_char(to, ascii_upper(*++path));
        else
            buffer_append_char(to, *path);
    }
}

static void on_problem(void *context, const char *field, const char *message)
{
    const struct check *check = context;
    struct document_decoder *decoder = check->decoder;
    struct buffer path = BUFFER_EMPTY, text = BUFFER_EMPTY;
    buffer_printf(&path, "%s.%s", check->operation, field);
    if (!decoder_is_unread(decoder, buffer_string(&path))) {
        const char *rest;
        const char *place =
            draft_find_nearest_origin(decoder->draft, check->mutation, buffer_string(&path), &rest);
        if (place == NULL) { /* of a field that is not there: the object */
            buffer_printf(&text, "%s.name", check->operation);
            place =
                draft_find_mutation_origin(decoder->draft, check->mutation, buffer_string(&text));
            buffer_reset(&text);
            rest = "";
        }
        buffer_append_string(&text, place == NULL ? decoder->file : place);
        append_key(&text, rest);
        buffer_printf(&text, ": %s", message);
        decoder->report(decoder->context, DOCUMENT_ERROR, buffer_string(&text));
        decoder->has_failed = true;
    }
    buffer_clear(&path);
    buffer_clear(&text);
}

void document_check(struct document_decoder *decoder)
{
    const struct draft *draft = decoder->draft;
    struct check check = {.decoder = decoder, .mutation = draft->request.n_mutations - 1};
    const MutationMessage *mutation = draft->request.mutations[check.mutation];
    if (mutation->operation_case == POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE) {
        check.operation = "put_route";
        route_validate(mutation->put_route, on_problem, &check);
    } else {
        check.operation = "put_backend";
        backend_validate(mutation->put_backend, on_problem, &check);
    }
}
