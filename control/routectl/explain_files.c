#include "control/routectl/explain_files.h"

#include "common/buffer.h"
#include "proto/message.h"

#include <stdlib.h>

static bool read_sample(const Pointsman__V1__ExplainRequest *request, struct sample_request *sample,
                        struct error *err)
{
    struct header *headers = memory_allocate((request->n_headers + 1) * sizeof(headers[0]));
    for (size_t i = 0; i < request->n_headers; i++)
        headers[i] = (struct header){slice_from_string(request->headers[i]->name),
                                     slice_from_string(request->headers[i]->value)};
    const struct sample_description description = {
        .method = slice_from_string(request->method),
        .url = slice_from_string(request->url),
        .headers = headers,
        .header_count = request->n_headers,
    };
    bool is_fine = sample_request_init(sample, &description, err);
    free(headers);
    return is_fine;
}

static void add_routes(struct route_explain *explain, const struct draft *draft)
{
    struct buffer bytes = BUFFER_EMPTY;
    for (size_t i = 0; i < draft->request.n_mutations; i++) {
        const MutationMessage *mutation = draft->request.mutations[i];
        if (mutation->operation_case != POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE)
            continue;
        buffer_reset(&bytes);
        message_pack(&mutation->put_route->base, &bytes);
        struct route *route = route_new_unlinked(buffer_slice(&bytes));
        if (route != NULL)
            route_explain_add(explain, route);
    }
    buffer_clear(&bytes);
}

static BackendMessage *find_backend(void *context, const char *full_name)
{
    const struct draft *draft = context;
    const MutationMessage *mutation =
        draft_find(draft, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND, full_name);
    return mutation == NULL ? NULL : (BackendMessage *)message_copy(&mutation->put_backend->base);
}

bool explain_files(const Pointsman__V1__ExplainRequest *request, const struct draft *draft,
                   struct explain_report *report, struct error *err)
{
    *report = (struct explain_report){0};
    struct sample_request sample;
    const struct listener_identity listener = {.name = slice_from_string(request->listener)};
    if (!read_sample(request, &sample, err)) {
        sample_request_clear(&sample);
        return false;
    }
    sample.head.listener = listener.name.length == 0 ? NULL : &listener;

    struct route_explain *explain = route_explain_new(&sample.head, request->all);
    add_routes(explain, draft);
    const struct explain_facts facts = {
        .sample = &sample,
        .explanation = route_explain_finish(explain, err),
        .listener = request->listener,
        .find_backend = find_backend,
        .context = (void *)draft,
    };
    if (facts.explanation != NULL)
        explain_report_init(report, &facts);
    route_explain_free(explain);
    sample_request_clear(&sample);
    return facts.explanation != NULL;
}
