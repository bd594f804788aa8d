/* What every server has without being told: health and reflection. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proto/grpc_pair.h"

#include <stdlib.h>
#include <string.h>

#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
#define SERVICE_UNKNOWN GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN

enum { TIMEOUT_MS = 30000 };

struct fixture {
    struct grpc_pair *pair;
    struct grpc_client *client;
    struct grpc_result result;
};

static int set_up(void **state)
{
    struct fixture *f = memory_allocate_zeroed(1, sizeof(*f));
    f->pair = grpc_pair_start(NULL);
    f->client = grpc_client_connect(grpc_pair_socket(f->pair), NULL);
    assert_non_null(f->client);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    grpc_result_clear(&f->result);
    grpc_client_free(f->client);
    grpc_pair_stop(f->pair);
    free(f);
    return 0;
}

static void serve(struct grpc_pair *pair)
{
    grpc_server_set_serving(grpc_pair_server(pair), true);
}

static void stop_serving(struct grpc_pair *pair)
{
    grpc_server_set_serving(grpc_pair_server(pair), false);
}

/* --- health ----------------------------------------------------------------------------------- */

/* The status, or -1 when the call failed. */
static int check(struct fixture *f, const char *service)
{
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    request.service = (char *)service;
    ProtobufCMessage *message = grpc_client_call(
        f->client, "/grpc.health.v1.Health/Check", &request.base,
        &grpc__health__v1__health_check_response__descriptor, TIMEOUT_MS, &f->result);
    if (message == NULL)
        return -1;
    int status = (int)((Grpc__Health__V1__HealthCheckResponse *)message)->status;
    message_free(message);
    return status;
}

static void a_check_tells_whether_the_server_serves(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(check(f, ""), NOT_SERVING);
    grpc_pair_act(f->pair, serve);

    assert_int_equal(check(f, ""), SERVING);
    assert_int_equal(check(f, "test.v1.Try"), SERVING);
    assert_int_equal(check(f, "grpc.health.v1.Health"), SERVING);
}

static void a_check_of_an_unknown_service_is_not_found(void **state)
{
    static const char *const names[] = {"test.v1", "test.v1.Tr", "test.v1.Try/Echo", "x"};
    struct fixture *f = *state;

    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(check(f, names[i]), -1);
        assert_int_equal(f->result.status, GRPC_NOT_FOUND);
        grpc_result_clear(&f->result);
    }
}

/* A Watch that changes the status each time it is told of one, until it was told three times. */
struct watching {
    struct grpc_pair *pair;
    int statuses[3];
    size_t count;
};

static bool on_status(void *context, const ProtobufCMessage *message)
{
    struct watching *watching = context;
    int status = (int)((const Grpc__Health__V1__HealthCheckResponse *)message)->status;
    watching->statuses[watching->count++] = status;
    if (status == SERVICE_UNKNOWN || watching->count == 3)
        return false;
    grpc_pair_act(watching->pair, status == SERVING ? stop_serving : serve);
    return true;
}

static bool watch(struct fixture *f, const char *service, struct watching *watching)
{
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    request.service = (char *)service;
    watching->pair = f->pair;
    return grpc_client_call_stream(f->client, "/grpc.health.v1.Health/Watch", &request.base,
                                   &grpc__health__v1__health_check_response__descriptor, on_status,
                                   watching, &f->result);
}

static void a_watcher_is_told_of_each_change(void **state)
{
    struct fixture *f = *state;
    struct watching watching = {0};

    assert_true(watch(f, "test.v1.Try", &watching));

    assert_int_equal(watching.statuses[0], NOT_SERVING);
    assert_int_equal(watching.statuses[1], SERVING);
    assert_int_equal(watching.statuses[2], NOT_SERVING);
}

static void a_watcher_of_an_unknown_service_is_told_so(void **state)
{
    struct fixture *f = *state;
    struct watching watching = {0};

    assert_true(watch(f, "nothing", &watching));

    assert_int_equal(watching.count, 1);
    assert_int_equal(watching.statuses[0], SERVICE_UNKNOWN);
}

/* --- reflection ------------------------------------------------------------------------------- */

typedef Grpc__Reflection__V1__ServerReflectionRequest ReflectionRequest;
typedef Grpc__Reflection__V1__ServerReflectionResponse ReflectionResponse;

#define ASKED(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define ANSWERED(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

/* What a story wants to know of an answer. */
struct reflected {
    unsigned answers;
    int kind;
    int error_code;
    char names[512]; /* of services, each with a blank behind it */
    char file[128];  /* the first name in the descriptor */
};

static void note_file(struct reflected *reflected, const ProtobufCBinaryData *file)
{
    /* A FileDescriptorProto begins with its name: field 1, then one byte of length. */
    assert_true(file->len > 2 && file->data[0] == 0x0a);
    size_t length = file->data[1];
    assert_true(length < sizeof(reflected->file) && file->len > 2 + length);
    memcpy(reflected->file, file->data + 2, length);
    reflected->file[length] = '\0';
}

static bool on_reflected(void *context, const ProtobufCMessage *message)
{
    struct reflected *reflected = context;
    const ReflectionResponse *response = (const ReflectionResponse *)message;
    reflected->answers++;
    reflected->kind = (int)response->message_response_case;

    if (reflected->kind == ANSWERED(ERROR_RESPONSE))
        reflected->error_code = response->error_response->error_code;
    if (reflected->kind == ANSWERED(FILE_DESCRIPTOR_RESPONSE))
        note_file(reflected, &response->file_descriptor_response->file_descriptor_proto[0]);
    if (reflected->kind == ANSWERED(LIST_SERVICES_RESPONSE)) {
        for (size_t i = 0; i < response->list_services_response->n_service; i++) {
            strcat(reflected->names, response->list_services_response->service[i]->name);
            strcat(reflected->names, " ");
        }
    }
    return true;
}

static struct reflected ask(struct fixture *f, int what, const char *text)
{
    ReflectionRequest request = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    struct reflected reflected = {0};
    request.message_request_case = (unsigned)what;
    request.list_services = (char *)text; /* all of them share its place */
    assert_true(grpc_client_call_stream(
        f->client, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", &request.base,
        &grpc__reflection__v1__server_reflection_response__descriptor, on_reflected, &reflected,
        &f->result));
    assert_int_equal(reflected.answers, 1);
    return reflected;
}

static void services_are_listed_once_each(void **state)
{
    struct reflected reflected = ask(*state, ASKED(LIST_SERVICES), "*");

    assert_string_equal(reflected.names, "test.v1.Try grpc.health.v1.Health "
                                         "grpc.reflection.v1.ServerReflection ");
}

static void files_are_found_by_name(void **state)
{
    struct fixture *f = *state;
    static const char *const files[] = {"pointsman/v1/route.proto", "pointsman/v1/control.proto",
                                        "google/protobuf/duration.proto", "grpc/health.proto"};

    for (size_t i = 0; i < 4; i++)
        assert_string_equal(ask(f, ASKED(FILE_BY_FILENAME), files[i]).file, files[i]);
}

static void files_are_found_by_what_they_declare(void **state)
{
    static const struct {
        const char *symbol;
        const char *file;
    } cases[] = {
        {"pointsman.v1.Route", "pointsman/v1/route.proto"},
        {"pointsman.v1.RouteControl", "pointsman/v1/control.proto"},
        {"pointsman.v1.RouteControl.Apply", "pointsman/v1/control.proto"},
        {"pointsman.v1.ObjectKind", "pointsman/v1/feed.proto"},
        {"google.rpc.BadRequest.FieldViolation", "grpc/status.proto"},
        {"grpc.health.v1.HealthCheckResponse.ServingStatus", "grpc/health.proto"},
        {"google.protobuf.Any", "google/protobuf/any.proto"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(ask(*state, ASKED(FILE_CONTAINING_SYMBOL), cases[i].symbol).file,
                            cases[i].file);
}

static void what_is_not_declared_is_not_found(void **state)
{
    static const char *const symbols[] = {"",
                                          ".",
                                          "pointsman",
                                          "pointsman.v1",
                                          "pointsman.v1.",
                                          "pointsman.v1.Rout",
                                          "pointsman.v1.Route.",
                                          "pointsman.v1.RouteControl.Fly",
                                          "pointsman.v1.RouteControl.Apply.x"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++)
        assert_int_equal(ask(f, ASKED(FILE_CONTAINING_SYMBOL), symbols[i]).error_code,
                         GRPC_NOT_FOUND);
    assert_int_equal(ask(f, ASKED(FILE_BY_FILENAME), "").error_code, GRPC_NOT_FOUND);
    assert_int_equal(ask(f, ASKED(ALL_EXTENSION_NUMBERS_OF_TYPE), "x").error_code, GRPC_NOT_FOUND);
}

static void no_question_is_an_error_in_the_answer(void **state)
{
    assert_int_equal(ask(*state, ASKED(_NOT_SET), NULL).error_code, GRPC_INVALID_ARGUMENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_check_tells_whether_the_server_serves),
        TEST(a_check_of_an_unknown_service_is_not_found),
        TEST(a_watcher_is_told_of_each_change),
        TEST(a_watcher_of_an_unknown_service_is_told_so),
        TEST(services_are_listed_once_each),
        TEST(files_are_found_by_name),
        TEST(files_are_found_by_what_they_declare),
        TEST(what_is_not_declared_is_not_found),
        TEST(no_question_is_an_error_in_the_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
