/* Documents: any bytes end in objects or in remarks, also of the objects' rules; what was read and
 * written reads back as the same bytes on the wire. */
#include "control/routectl/documents.h"
#include "proto/message.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static void on_remark(void *context, enum document_remark remark, const char *text)
{
    (void)context;
    (void)remark;
    (void)text;
}

static void write_all(const struct draft *draft, struct buffer *to)
{
    for (size_t i = 0; i < draft->request.n_mutations; i++) {
        const MutationMessage *mutation = draft->request.mutations[i];
        if (mutation->operation_case == POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE)
            documents_write_route_in_order(to, mutation->put_route,
                                           mutation->put_route->created_order);
        else
            documents_write_backend(to, mutation->put_backend);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct draft first, second;
    struct buffer text = BUFFER_EMPTY, first_bytes = BUFFER_EMPTY, second_bytes = BUFFER_EMPTY;
    draft_init(&first);
    draft_init(&second);

    const struct slice given = slice_of((const char *)data, size);
    documents_read("names", given, DOCUMENT_NAME, &second, on_remark, NULL);
    draft_clear(&second);
    documents_read("whole", given, DOCUMENT_WHOLE, &second, on_remark, NULL);
    draft_clear(&second);
    bool is_read = documents_read("form", given, DOCUMENT_FORM, &first, on_remark, NULL);
    if (is_read) {
        write_all(&first, &text);
        if (!documents_read("again", buffer_slice(&text), DOCUMENT_FORM, &second, on_remark, NULL))
            abort();
        message_pack(&first.request.base, &first_bytes);
        message_pack(&second.request.base, &second_bytes);
        if (!slice_equals(buffer_slice(&first_bytes), buffer_slice(&second_bytes)))
            abort();
    }

    buffer_clear(&text);
    buffer_clear(&first_bytes);
    buffer_clear(&second_bytes);
    draft_clear(&first);
    draft_clear(&second);
    return 0;
}
