#include "control/routectl/draft.h"
#include "control/routectl/refusal.h"
#include "proto/error_info.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct draft draft;

/* A draft with the mutations of `add api --host x_y --to ...`. */
static int make_draft(void **state)
{
    (void)state;
    static BackendMessage backend;
    static RouteMessage route;
    pointsman__v1__backend__init(&backend);
    pointsman__v1__route__init(&route);
    backend.name = route.name = (char *)"api";

    draft_init(&draft);
    MutationMessage *mutation = draft_add_mutation(&draft);
    mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_BACKEND;
    mutation->put_backend = &backend;
    mutation = draft_add_mutation(&draft);
    mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE;
    mutation->put_route = &route;
    draft_set_origin(&draft, "--host", "x_y", "put_route.hostnames[0]");
    return 0;
}

static int clear_draft(void **state)
{
    (void)state;
    draft_clear(&draft);
    return 0;
}

static void assert_field(const struct draft *from, const char *field, const char *expected)
{
    struct buffer text = BUFFER_EMPTY;
    refusal_append_field(&text, from, field);
    assert_string_equal(buffer_string(&text), expected);
    buffer_clear(&text);
}

static void a_field_that_a_flag_gave_is_called_by_the_flag(void **state)
{
    (void)state;
    assert_field(&draft, "mutations[1].put_route.hostnames[0]", "--host x_y");
}

static void another_field_is_called_by_its_object(void **state)
{
    (void)state;
    assert_field(&draft, "mutations[1].put_route.rules[0].name", "route api: rules[0].name");
    assert_field(&draft, "mutations[0].put_backend.endpoints", "backend api: endpoints");
    assert_field(&draft, "mutations[0].put_backend", "backend api");
    assert_field(&draft, "mutations[1]", "route api");
}

static void what_is_no_field_of_the_draft_stays_as_it_is(void **state)
{
    (void)state;
    assert_field(&draft, "mutations[2].put_route.name", "mutations[2].put_route.name");
    assert_field(&draft, "message", "message");
    assert_field(&draft, "mutations[", "mutations[");
    assert_field(NULL, "mutations[1].put_route.name", "mutations[1].put_route.name");
}

static void statuses_become_exit_codes(void **state)
{
    (void)state;
    assert_int_equal(refusal_exit_code(GRPC_OK), 0);
    assert_int_equal(refusal_exit_code(GRPC_PERMISSION_DENIED), 1);
    assert_int_equal(refusal_exit_code(GRPC_INTERNAL), 1);
    assert_int_equal(refusal_exit_code(GRPC_NOT_FOUND), 3);
    assert_int_equal(refusal_exit_code(GRPC_ALREADY_EXISTS), 4);
    assert_int_equal(refusal_exit_code(GRPC_FAILED_PRECONDITION), 4);
    assert_int_equal(refusal_exit_code(GRPC_INVALID_ARGUMENT), 5);
    assert_int_equal(refusal_exit_code(GRPC_UNAVAILABLE), 7);
    assert_int_equal(refusal_exit_code(GRPC_DEADLINE_EXCEEDED), 7);
    assert_int_equal(refusal_exit_code((enum grpc_status)99), 1);
}

/* --- what is said ----------------------------------------------------------------------------- */

/* What refusal_tell writes to standard error. */
static void assert_told(const struct grpc_result *result, const char *expected)
{
    char text[1024];
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    refusal_tell(result, &draft);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, expected);
}

static void each_violation_is_a_line(void **state)
{
    (void)state;
    Google__Rpc__BadRequest__FieldViolation violations[2];
    Google__Rpc__BadRequest__FieldViolation *list[] = {&violations[0], &violations[1],
                                                       &violations[0]};
    Google__Rpc__BadRequest bad_request = GOOGLE__RPC__BAD_REQUEST__INIT;
    google__rpc__bad_request__field_violation__init(&violations[0]);
    google__rpc__bad_request__field_violation__init(&violations[1]);
    violations[0].field = (char *)"mutations[1].put_route.hostnames[0]";
    violations[0].description = (char *)"is not a DNS name";
    violations[1].field = (char *)"mutations[0].put_backend.endpoints[0].port";
    violations[1].description = (char *)"is missing";
    bad_request.n_field_violations = 3; /* the last repeats the first, and is not said again */
    bad_request.field_violations = list;
    struct buffer bytes = BUFFER_EMPTY;
    message_pack(&bad_request.base, &bytes);

    Google__Protobuf__Any detail = GOOGLE__PROTOBUF__ANY__INIT;
    Google__Protobuf__Any *details[] = {&detail};
    Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
    detail.type_url = (char *)"type.googleapis.com/google.rpc.BadRequest";
    detail.value = (ProtobufCBinaryData){bytes.length, (uint8_t *)bytes.at};
    status.n_details = 1;
    status.details = details;
    struct grpc_result result = {.status = GRPC_INVALID_ARGUMENT, .message = "2 problems"};
    result.details = &status;

    assert_told(&result, "routectl: --host x_y: is not a DNS name\n"
                         "routectl: backend api: endpoints[0].port: is missing\n");
    buffer_clear(&bytes);
}

static void without_details_the_message_is_said(void **state)
{
    (void)state;
    struct grpc_result result = {.status = GRPC_NOT_FOUND, .message = "no route 'x'\x1b[2J"};
    assert_told(&result, "routectl: no route 'x'?[2J\n");
}

static void without_a_message_the_status_is_said(void **state)
{
    (void)state;
    struct grpc_result result = {.status = GRPC_INTERNAL};
    assert_told(&result, "routectl: the daemon answered INTERNAL\n");
}

static void damaged_details_are_no_reason_to_be_silent(void **state)
{
    (void)state;
    static uint8_t garbage[] = {0xff, 0xff, 0xff};
    Google__Protobuf__Any detail = GOOGLE__PROTOBUF__ANY__INIT;
    Google__Protobuf__Any *details[] = {&detail};
    Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
    detail.type_url = (char *)"type.googleapis.com/google.rpc.BadRequest";
    detail.value = (ProtobufCBinaryData){sizeof(garbage), garbage};
    status.n_details = 1;
    status.details = details;
    struct grpc_result result = {.status = GRPC_INVALID_ARGUMENT, .message = "bad"};
    result.details = &status;

    assert_told(&result, "routectl: bad\n");
}

#define REFUSAL_TEST(name) cmocka_unit_test_setup_teardown(name, make_draft, clear_draft)

static enum exit_code exit_code_with(const char *type, const char *reason)
{
    struct buffer packed = BUFFER_EMPTY;
    Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
    info.reason = (char *)reason;
    info.domain = (char *)ERROR_INFO_DOMAIN;
    message_pack(&info.base, &packed);
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    Google__Protobuf__Any *details[] = {&any};
    any.type_url = (char *)type;
    any.value.data = (uint8_t *)packed.at;
    any.value.len = packed.length;
    Google__Rpc__Status rich = GOOGLE__RPC__STATUS__INIT;
    rich.n_details = 1;
    rich.details = details;
    const struct grpc_result result = {.status = GRPC_UNAVAILABLE, .details = &rich};

    enum exit_code code = refusal_exit_code_of(&result);

    buffer_clear(&packed);
    return code;
}

static void what_was_certainly_not_committed_is_no_doubt(void **state)
{
    (void)state;
    const struct grpc_result bare = {.status = GRPC_UNAVAILABLE};

    assert_int_equal(refusal_exit_code_of(&bare), EXIT_UNREACHABLE);
    assert_int_equal(exit_code_with(ERROR_INFO_TYPE, "ANYTHING_ELSE"), EXIT_UNREACHABLE);
    assert_int_equal(exit_code_with("type.example/other", ERROR_INFO_NOT_COMMITTED),
                     EXIT_UNREACHABLE);
    assert_int_equal(exit_code_with(ERROR_INFO_TYPE, ERROR_INFO_NOT_COMMITTED), EXIT_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_certainly_not_committed_is_no_doubt),
        REFUSAL_TEST(a_field_that_a_flag_gave_is_called_by_the_flag),
        REFUSAL_TEST(another_field_is_called_by_its_object),
        REFUSAL_TEST(what_is_no_field_of_the_draft_stays_as_it_is),
        REFUSAL_TEST(statuses_become_exit_codes),
        REFUSAL_TEST(each_violation_is_a_line),
        REFUSAL_TEST(without_details_the_message_is_said),
        REFUSAL_TEST(without_a_message_the_status_is_said),
        REFUSAL_TEST(damaged_details_are_no_reason_to_be_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
