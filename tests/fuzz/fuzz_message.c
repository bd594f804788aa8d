/* Every message that comes from outside, through message_unpack: the first byte says which and
 * whether unknown fields are refused. What is taken is written and read again, to the same bytes.
 */
#include "proto/message.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>

/* Inputs of the corpus count on this order: append. */
static const ProtobufCMessageDescriptor *const descriptors[] = {
    &pointsman__v1__apply_request__descriptor,
    &pointsman__v1__put_route_request__descriptor,
    &pointsman__v1__delete_route_request__descriptor,
    &pointsman__v1__put_backend_request__descriptor,
    &pointsman__v1__delete_backend_request__descriptor,
    &pointsman__v1__get_route_request__descriptor,
    &pointsman__v1__list_routes_request__descriptor,
    &pointsman__v1__get_backend_request__descriptor,
    &pointsman__v1__list_backends_request__descriptor,
    &pointsman__v1__wait_applied_request__descriptor,
    &pointsman__v1__list_proxies_request__descriptor,
    &pointsman__v1__get_info_request__descriptor,
    &pointsman__v1__watch_request__descriptor,
    &pointsman__v1__report_request__descriptor,
    &pointsman__v1__watch_response__descriptor,
    &grpc__health__v1__health_check_request__descriptor,
    &grpc__reflection__v1__server_reflection_request__descriptor,
    &google__rpc__status__descriptor,
    &google__rpc__bad_request__descriptor,
    &pointsman__v1__explain_request__descriptor,
    &pointsman__v1__list_commits_request__descriptor,
    &pointsman__v1__get_commit_request__descriptor,
    &pointsman__v1__diff_request__descriptor,
    &pointsman__v1__blame_request__descriptor,
    &pointsman__v1__watch_commits_request__descriptor,
    &pointsman__v1__undo_request__descriptor,
    &pointsman__v1__confirm_request__descriptor,
    &pointsman__v1__backup_request__descriptor,
};

enum { DESCRIPTORS = sizeof(descriptors) / sizeof(descriptors[0]), LENIENT_BIT = 0x80 };

static bool is_covered(const ProtobufCMessageDescriptor *descriptor)
{
    for (size_t i = 0; i < DESCRIPTORS; i++) {
        if (descriptors[i] == descriptor)
            return true;
    }
    return false;
}

/* A new method whose request is not in the list above fails the replay. */
static void check_services(void)
{
    static const ProtobufCServiceDescriptor *const services[] = {
        &pointsman__v1__route_control__descriptor, &pointsman__v1__route_feed__descriptor};
    for (size_t i = 0; i < 2; i++) {
        for (unsigned j = 0; j < services[i]->n_methods; j++)
            assert(is_covered(services[i]->methods[j].input));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_checked;
    if (!is_checked)
        check_services();
    is_checked = true;
    if (size == 0)
        return 0;
    const ProtobufCMessageDescriptor *descriptor =
        descriptors[(data[0] & (LENIENT_BIT - 1)) % DESCRIPTORS];
    enum unknown_fields unknown =
        (data[0] & LENIENT_BIT) == 0 ? UNKNOWN_FIELDS_REFUSED : UNKNOWN_FIELDS_KEPT;
    struct error err = {0};

    ProtobufCMessage *message =
        message_unpack(descriptor, slice_of((const char *)data + 1, size - 1),
                       MESSAGE_MEMORY_DEFAULT, unknown, &err);
    if (message == NULL) {
        assert(err.code != ERROR_NONE && err.message[0] != '\0');
        return 0;
    }

    struct buffer once = BUFFER_EMPTY;
    struct buffer twice = BUFFER_EMPTY;
    message_pack(message, &once);
    ProtobufCMessage *again =
        message_unpack(descriptor, buffer_slice(&once), MESSAGE_MEMORY_APPLY, unknown, &err);
    assert(again != NULL);
    message_pack(again, &twice);
    assert(slice_equals(buffer_slice(&once), buffer_slice(&twice)));

    message_free(again);
    message_free(message);
    buffer_clear(&once);
    buffer_clear(&twice);
    return 0;
}
