/* How much one commit may hold: 10,000 mutations and 4 MiB of them, to the byte. */
#include "common/buffer.h"
#include "proto/message.h"
#include "tests/support/control_client.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APPLY "/pointsman.v1.RouteControl/Apply"

enum { MESSAGE_BYTES = 1024, ENDPOINTS_MAX = 40 };

static struct pointsman *pointsman;

static int start(void **state)
{
    (void)state;
    pointsman = pointsman_new(NULL);
    pointsman_start_control(pointsman);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    return 0;
}

/* Backends with endpoints of 16 bytes each, and one name that is made as long as it takes. */
struct batch {
    Pointsman__V1__ApplyRequest request;
    MutationMessage mutations[APPLY_MUTATIONS_MAX + 1];
    MutationMessage *pointers[APPLY_MUTATIONS_MAX + 1];
    BackendMessage backends[APPLY_MUTATIONS_MAX + 1];
    char names[APPLY_MUTATIONS_MAX + 1][256];
    EndpointMessage endpoint;
    EndpointMessage *endpoints[ENDPOINTS_MAX];
    char message[MESSAGE_BYTES + 1];
};

static struct batch batch;

static void make_batch(size_t count, size_t endpoints_each)
{
    pointsman__v1__apply_request__init(&batch.request);
    pointsman__v1__endpoint__init(&batch.endpoint);
    batch.endpoint.address = (char *)"10.11.12.13";
    batch.endpoint.port = 1;
    for (size_t i = 0; i < ENDPOINTS_MAX; i++)
        batch.endpoints[i] = &batch.endpoint;
    for (size_t i = 0; i < count; i++) {
        BackendMessage *backend = &batch.backends[i];
        pointsman__v1__mutation__init(&batch.mutations[i]);
        pointsman__v1__backend__init(backend);
        snprintf(batch.names[i], sizeof(batch.names[i]), "b%05zu", i);
        backend->name = batch.names[i];
        backend->endpoints = batch.endpoints;
        backend->n_endpoints = endpoints_each;
        batch.mutations[i].operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_BACKEND;
        batch.mutations[i].put_backend = backend;
        batch.pointers[i] = &batch.mutations[i];
    }
    batch.request.mutations = batch.pointers;
    batch.request.n_mutations = count;
    /* What else the request says does not count. */
    memset(batch.message, 'm', MESSAGE_BYTES);
    batch.message[MESSAGE_BYTES] = '\0';
    batch.request.message = batch.message;
}

static size_t bytes_of(size_t index)
{
    return protobuf_c_message_get_packed_size(&batch.mutations[index].base);
}

/* Names grow until the mutations have exactly so many bytes. */
static void grow_to(size_t bytes)
{
    enum { NAME_BYTES = 200 };
    size_t total = 0;
    for (size_t i = 0; i < batch.request.n_mutations; i++)
        total += bytes_of(i);
    assert_in_range(total, 1, bytes);
    for (size_t i = 0; i < batch.request.n_mutations && total < bytes; i++) {
        char *name = batch.names[i];
        size_t before = bytes_of(i);
        while (strlen(name) < NAME_BYTES &&
               (bytes - total > 2 * NAME_BYTES || total - before + bytes_of(i) < bytes))
            strcat(name, strlen(name) % 50 == 49 ? ".x" : "x");
        total = total - before + bytes_of(i);
    }
    assert_int_equal(total, bytes);
}

/* The status of the call; `message` is what it said. */
static enum grpc_status apply(char message[512])
{
    struct grpc_result result = {0};
    struct grpc_client *client = control_client_connect(pointsman_socket(pointsman));
    ProtobufCMessage *response =
        grpc_client_call(client, APPLY, &batch.request.base,
                         &pointsman__v1__apply_response__descriptor, WAIT_MS, &result);
    enum grpc_status status = response != NULL ? GRPC_OK : result.status;
    snprintf(message, 512, "%s", result.message);
    message_free(response);
    grpc_result_clear(&result);
    grpc_client_free(client);
    return status;
}

static void assert_head(uint64_t revision, uint64_t backends)
{
    struct grpc_client *client = control_client_connect(pointsman_socket(pointsman));
    Pointsman__V1__GetInfoResponse *info = control_client_get_info(client);
    assert_int_equal(info->revision, revision);
    assert_int_equal(info->backends, backends);
    message_free(&info->base);
    grpc_client_free(client);
}

static void ten_thousand_mutations_of_four_mebibytes_are_one_commit(void **state)
{
    (void)state;
    char message[512];
    make_batch(APPLY_MUTATIONS_MAX, 23);
    grow_to(APPLY_BYTES_MAX);

    enum grpc_status status = apply(message);

    assert_string_equal(message, "");
    assert_int_equal(status, GRPC_OK);
    assert_head(1, APPLY_MUTATIONS_MAX);
}

static void more_is_refused_and_says_how_much_it_may_be(void **state)
{
    (void)state;
    char message[512];
    make_batch(5000, 40);
    grow_to(APPLY_BYTES_MAX + 1);
    assert_int_equal(apply(message), GRPC_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(message, "mutations: more than 4 MiB"));

    make_batch(APPLY_MUTATIONS_MAX + 1, 1);
    assert_int_equal(apply(message), GRPC_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(message, "at most 10000"));

    make_batch(APPLY_MUTATIONS_MAX, 40);
    assert_int_equal(apply(message), GRPC_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(message, "at most 4259840 are taken"));
    assert_head(0, 0);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(ten_thousand_mutations_of_four_mebibytes_are_one_commit),
        STORY(more_is_refused_and_says_how_much_it_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
