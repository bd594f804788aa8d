#include "control/routectl/refusal.h"

#include "control/routectl/draft.h"
#include "control/routectl/object_text.h"
#include "control/routectl/say.h"
#include "proto/error_info.h"

#include <stdlib.h>
#include <string.h>

enum exit_code refusal_exit_code(enum grpc_status status)
{
    switch (status) {
    case GRPC_OK:
        return EXIT_OK;
    case GRPC_INVALID_ARGUMENT:
        return EXIT_INVALID;
    case GRPC_NOT_FOUND:
    case GRPC_OUT_OF_RANGE: /* a revision that is compacted away, or not made yet */
        return EXIT_NOT_FOUND;
    case GRPC_ALREADY_EXISTS:
    case GRPC_FAILED_PRECONDITION:
    case GRPC_ABORTED:
        return EXIT_PRECONDITION;
    case GRPC_UNAVAILABLE:
    case GRPC_DEADLINE_EXCEEDED:
        return EXIT_UNREACHABLE;
    case GRPC_CANCELLED:
    case GRPC_UNKNOWN:
    case GRPC_PERMISSION_DENIED:
    case GRPC_RESOURCE_EXHAUSTED:
    case GRPC_UNIMPLEMENTED:
    case GRPC_INTERNAL:
    case GRPC_DATA_LOSS:
    case GRPC_UNAUTHENTICATED:
        return EXIT_FAILED;
    }
    return EXIT_FAILED;
}

/* NULL when it is of another type, or none that can be read. Free with message_free. */
static ProtobufCMessage *unpack_detail(const Google__Protobuf__Any *detail, const char *type_url,
                                       const ProtobufCMessageDescriptor *descriptor)
{
    if (strcmp(detail->type_url, type_url) != 0)
        return NULL;
    struct slice bytes = slice_of((const char *)detail->value.data, detail->value.len);
    return message_unpack(descriptor, bytes, MESSAGE_MEMORY_DEFAULT, UNKNOWN_FIELDS_KEPT, NULL);
}

static bool says_not_committed(const Google__Protobuf__Any *detail)
{
    Google__Rpc__ErrorInfo *info = (Google__Rpc__ErrorInfo *)unpack_detail(
        detail, ERROR_INFO_TYPE, &google__rpc__error_info__descriptor);
    if (info == NULL)
        return false;
    bool is_said = strcmp(info->domain, ERROR_INFO_DOMAIN) == 0 &&
                   strcmp(info->reason, ERROR_INFO_NOT_COMMITTED) == 0;
    message_free(&info->base);
    return is_said;
}

enum exit_code refusal_exit_code_of(const struct grpc_result *result)
{
    for (size_t i = 0; result->details != NULL && i < result->details->n_details; i++) {
        if (says_not_committed(result->details->details[i]))
            return EXIT_FAILED;
    }
    return refusal_exit_code(result->status);
}

/* "route api" for the object a mutation is about. */
static void append_object(struct buffer *to, const MutationMessage *mutation)
{
    struct draft_object object = draft_object(mutation);
    buffer_printf(to, "%s %s%s", object_kind_word(object.kind), object.id_start, object.name);
}

/* The mutation that a field path begins with; *rest is what follows "mutations[N].put_route.".
 * NULL when the path is another. */
static const MutationMessage *find_mutation(const struct draft *draft, const char *field,
                                            const char **rest)
{
    static const char start[] = "mutations[";
    if (strncmp(field, start, sizeof(start) - 1) != 0)
        return NULL;
    char *end;
    unsigned long index = strtoul(field + sizeof(start) - 1, &end, 10);
    if (*end != ']' || index >= draft->request.n_mutations)
        return NULL;

    end++;
    if (*end == '.')
        end += 1 + strcspn(end + 1, "."); /* the operation */
    *rest = *end == '.' ? end + 1 : end;
    return draft->request.mutations[index];
}

void refusal_append_field(struct buffer *to, const struct draft *draft, const char *field)
{
    const char *origin = draft == NULL ? NULL : draft_find_origin(draft, field);
    if (origin != NULL) {
        buffer_append_string(to, origin);
        return;
    }
    const char *rest;
    const MutationMessage *mutation = draft == NULL ? NULL : find_mutation(draft, field, &rest);
    if (mutation == NULL) {
        buffer_append_string(to, field);
        return;
    }
    append_object(to, mutation);
    if (*rest != '\0')
        buffer_printf(to, ": %s", rest);
}

/* What several fields have in common, a name for one, is said once. */
static bool was_said_before(Google__Rpc__BadRequest__FieldViolation *const *violations,
                            size_t index, const struct draft *draft)
{
    bool is_same = false;
    struct buffer field = BUFFER_EMPTY, earlier = BUFFER_EMPTY;
    refusal_append_field(&field, draft, violations[index]->field);
    for (size_t i = 0; i < index && !is_same; i++) {
        buffer_reset(&earlier);
        refusal_append_field(&earlier, draft, violations[i]->field);
        is_same = strcmp(violations[i]->description, violations[index]->description) == 0 &&
                  slice_equals(buffer_slice(&field), buffer_slice(&earlier));
    }
    buffer_clear(&field);
    buffer_clear(&earlier);
    return is_same;
}

/* Says each violation; how many there were. */
static size_t tell_violations(const Google__Protobuf__Any *detail, const struct draft *draft)
{
    Google__Rpc__BadRequest *bad_request = (Google__Rpc__BadRequest *)unpack_detail(
        detail, BAD_REQUEST_TYPE, &google__rpc__bad_request__descriptor);
    if (bad_request == NULL)
        return 0;

    struct buffer field = BUFFER_EMPTY;
    size_t count = bad_request->n_field_violations;
    for (size_t i = 0; i < count; i++) {
        const Google__Rpc__BadRequest__FieldViolation *violation = bad_request->field_violations[i];
        if (was_said_before(bad_request->field_violations, i, draft))
            continue;
        buffer_reset(&field);
        refusal_append_field(&field, draft, violation->field);
        say("%s: %s", buffer_string(&field), violation->description);
    }
    buffer_clear(&field);
    message_free(&bad_request->base);
    return count;
}

void refusal_tell(const struct grpc_result *result, const struct draft *draft)
{
    size_t told = 0;
    for (size_t i = 0; result->details != NULL && i < result->details->n_details; i++)
        told += tell_violations(result->details->details[i], draft);
    if (told > 0)
        return;
    if (*result->message != '\0')
        say("%s", result->message);
    else
        say("the daemon answered %s", grpc_status_name(result->status));
}
