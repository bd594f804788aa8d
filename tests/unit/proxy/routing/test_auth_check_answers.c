#include "common/buffer.h"
#include "proto/envoy/external_auth.pb-c.h"
#include "proto/grpc_wire.h"
#include "proto/message.h"
#include "proxy/routing/auth_check.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

typedef Envoy__Service__Auth__V3__CheckResponse CheckResponse;
typedef Envoy__Service__Auth__V3__OkHttpResponse OkResponse;
typedef Envoy__Service__Auth__V3__DeniedHttpResponse DeniedResponse;
typedef Envoy__Config__Core__V3__HeaderValueOption HeaderOption;

/* --- the answer ------------------------------------------------------------------------------ */

struct given {
    struct buffer bytes;
    struct arena arena;
    struct auth_check_answer answer;
};

static void read_bytes(struct given *given)
{
    given->answer = auth_check_read(buffer_slice(&given->bytes), &given->arena);
    buffer_clear(&given->bytes); /* what was read is of the arena */
}

static void frame_bytes(struct given *given, struct slice bytes)
{
    *given = (struct given){0};
    grpc_frame_begin(&given->bytes);
    buffer_append_slice(&given->bytes, bytes);
    grpc_frame_end(&given->bytes, 0);
}

static void read_message(struct given *given, const CheckResponse *message)
{
    struct buffer packed = BUFFER_EMPTY;
    message_pack(&message->base, &packed);
    frame_bytes(given, buffer_slice(&packed));
    buffer_clear(&packed);
    read_bytes(given);
}

static void expect_verdict(const CheckResponse *message, enum auth_check_verdict verdict)
{
    struct given given;
    read_message(&given, message);
    assert_int_equal(given.answer.verdict, verdict);
    arena_clear(&given.arena);
}

/* FLT-AUTH-19 */
static void the_status_decides(void **state)
{
    (void)state;
    Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
    OkResponse ok = ENVOY__SERVICE__AUTH__V3__OK_HTTP_RESPONSE__INIT;
    DeniedResponse denied = ENVOY__SERVICE__AUTH__V3__DENIED_HTTP_RESPONSE__INIT;
    CheckResponse message = ENVOY__SERVICE__AUTH__V3__CHECK_RESPONSE__INIT;
    expect_verdict(&message, AUTH_CHECK_BROKEN);
    message.status = &status;
    expect_verdict(&message, AUTH_CHECK_ALLOWED);
    status.code = 7;
    expect_verdict(&message, AUTH_CHECK_DENIED);
    status.code = -1;
    expect_verdict(&message, AUTH_CHECK_DENIED);

    message.http_response_case =
        ENVOY__SERVICE__AUTH__V3__CHECK_RESPONSE__HTTP_RESPONSE_OK_RESPONSE;
    message.ok_response = &ok;
    expect_verdict(&message, AUTH_CHECK_DENIED);
    status.code = 0;
    expect_verdict(&message, AUTH_CHECK_ALLOWED);
    message.status = NULL;
    expect_verdict(&message, AUTH_CHECK_ALLOWED);

    message.http_response_case =
        ENVOY__SERVICE__AUTH__V3__CHECK_RESPONSE__HTTP_RESPONSE_DENIED_RESPONSE;
    message.denied_response = &denied;
    expect_verdict(&message, AUTH_CHECK_BROKEN);
    message.status = &status;
    expect_verdict(&message, AUTH_CHECK_BROKEN);
    status.code = 16;
    expect_verdict(&message, AUTH_CHECK_DENIED);
    message.http_response_case =
        ENVOY__SERVICE__AUTH__V3__CHECK_RESPONSE__HTTP_RESPONSE_ERROR_RESPONSE;
    expect_verdict(&message, AUTH_CHECK_UNDECIDED);
    status.code = 0;
    expect_verdict(&message, AUTH_CHECK_BROKEN);
}

/* A CheckResponse whose header, of one of three lists, is made as the test says. */
struct one_header {
    Google__Rpc__Status status;
    Google__Protobuf__BoolValue append;
    Envoy__Config__Core__V3__HeaderValue value;
    HeaderOption option;
    HeaderOption *options[1];
    OkResponse ok;
    CheckResponse message;
};

static void make_header(struct one_header *one, const char *name, const char *value)
{
    google__rpc__status__init(&one->status);
    google__protobuf__bool_value__init(&one->append);
    envoy__config__core__v3__header_value__init(&one->value);
    envoy__config__core__v3__header_value_option__init(&one->option);
    envoy__service__auth__v3__ok_http_response__init(&one->ok);
    envoy__service__auth__v3__check_response__init(&one->message);
    one->value.key = (char *)name;
    one->value.value = (char *)value;
    one->option.header = &one->value;
    one->options[0] = &one->option;
    one->ok.headers = one->options;
    one->ok.n_headers = 1;
    one->message.status = &one->status;
    one->message.http_response_case =
        ENVOY__SERVICE__AUTH__V3__CHECK_RESPONSE__HTTP_RESPONSE_OK_RESPONSE;
    one->message.ok_response = &one->ok;
}

static void expect_action(const struct one_header *one, enum auth_edit_action action)
{
    struct given given;
    read_message(&given, &one->message);
    assert_int_equal(given.answer.verdict, AUTH_CHECK_ALLOWED);
    assert_int_equal(given.answer.edits.request_headers.count, 1);
    const struct auth_edit *edit = &given.answer.edits.request_headers.items[0];
    assert_int_equal(edit->action, action);
    assert_true(slice_equals(edit->header.name, SLICE("X-User")));
    assert_true(slice_equals(edit->header.value, SLICE("kim")));
    arena_clear(&given.arena);
}

/* FLT-AUTH-20 */
static void a_header_replaces_unless_it_says_otherwise(void **state)
{
    (void)state;
    struct one_header one;
    make_header(&one, "X-User", "kim");
    expect_action(&one, AUTH_EDIT_REPLACE);
    one.option.append_action =
        ENVOY__CONFIG__CORE__V3__HEADER_VALUE_OPTION__HEADER_APPEND_ACTION__ADD_IF_ABSENT;
    expect_action(&one, AUTH_EDIT_ADD_IF_ABSENT);
    one.option.append_action =
        ENVOY__CONFIG__CORE__V3__HEADER_VALUE_OPTION__HEADER_APPEND_ACTION__OVERWRITE_IF_EXISTS;
    expect_action(&one, AUTH_EDIT_REPLACE_IF_PRESENT);
    one.option.append = &one.append;
    expect_action(&one, AUTH_EDIT_REPLACE);
    one.append.value = true;
    expect_action(&one, AUTH_EDIT_APPEND);
    one.value.value = (char *)"";
    one.value.raw_value = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t) "kim", .len = 3};
    expect_action(&one, AUTH_EDIT_APPEND);
}

static void expect_broken_header(const char *name, const char *value)
{
    struct one_header one;
    make_header(&one, name, value);
    expect_verdict(&one.message, AUTH_CHECK_BROKEN);
    one.ok.response_headers_to_add = one.options;
    one.ok.n_response_headers_to_add = 1;
    one.ok.n_headers = 0;
    expect_verdict(&one.message, AUTH_CHECK_BROKEN);

    DeniedResponse denied = ENVOY__SERVICE__AUTH__V3__DENIED_HTTP_RESPONSE__INIT;
    denied.headers = one.options;
    denied.n_headers = 1;
    one.status.code = 7;
    one.message.http_response_case =
        ENVOY__SERVICE__AUTH__V3__CHECK_RESPONSE__HTTP_RESPONSE_DENIED_RESPONSE;
    one.message.denied_response = &denied;
    expect_verdict(&one.message, AUTH_CHECK_BROKEN);
}

/* FLT-AUTH-22 */
static void what_no_message_may_have_breaks_the_answer(void **state)
{
    (void)state;
    expect_broken_header("", "a");
    expect_broken_header(":path", "/admin");
    expect_broken_header("x user", "a");
    expect_broken_header("x-user:", "a");
    expect_broken_header("x\r\ny", "a");
    expect_broken_header("x-caf\xc3\xa9", "a");
    expect_broken_header("x-user", "a\r\nx-admin: 1");
    expect_broken_header("x-user", "a\n");
    expect_broken_header("x-user", "\x7f");
    expect_broken_header("x-user", " a");
    expect_broken_header("x-user", "a\t");

    struct one_header one;
    make_header(&one, "x-user", "kim");
    one.value.raw_value = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t) "evil", .len = 4};
    expect_verdict(&one.message, AUTH_CHECK_BROKEN);
    one.value.value = (char *)"";
    one.value.raw_value = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t) "a\0b", .len = 3};
    expect_verdict(&one.message, AUTH_CHECK_BROKEN);
    make_header(&one, "x-user", "kim");
    one.option.append_action = (Envoy__Config__Core__V3__HeaderValueOption__HeaderAppendAction)9;
    expect_verdict(&one.message, AUTH_CHECK_BROKEN);
    make_header(&one, "x-user", "kim");
    one.option.header = NULL;
    expect_verdict(&one.message, AUTH_CHECK_BROKEN);
}

/* FLT-AUTH-20, FLT-AUTH-21 */
static void all_that_an_allowing_answer_says_is_read(void **state)
{
    (void)state;
    struct one_header one;
    make_header(&one, "x-user", "kim");
    char *removed[] = {(char *)"authorization", (char *)":path"};
    char *gone[] = {(char *)"token"};
    Envoy__Config__Core__V3__QueryParameter parameter =
        ENVOY__CONFIG__CORE__V3__QUERY_PARAMETER__INIT;
    parameter.key = (char *)"a";
    parameter.value = (char *)"b c";
    Envoy__Config__Core__V3__QueryParameter *parameters[] = {&parameter};
    one.ok.headers_to_remove = removed;
    one.ok.n_headers_to_remove = 2;
    one.ok.response_headers_to_add = one.options;
    one.ok.n_response_headers_to_add = 1;
    one.ok.query_parameters_to_remove = gone;
    one.ok.n_query_parameters_to_remove = 1;
    one.ok.query_parameters_to_set = parameters;
    one.ok.n_query_parameters_to_set = 1;
    struct given given;

    read_message(&given, &one.message);

    const struct auth_edits *edits = &given.answer.edits;
    assert_int_equal(given.answer.verdict, AUTH_CHECK_ALLOWED);
    assert_int_equal(edits->request_headers.count, 1);
    assert_int_equal(edits->response_headers.count, 1);
    assert_int_equal(edits->removed_header_count, 2);
    assert_true(slice_equals(edits->removed_headers[0], SLICE("authorization")));
    assert_int_equal(edits->parameter_count, 1);
    assert_true(slice_equals(edits->parameters[0].value, SLICE("b c")));
    assert_int_equal(edits->removed_parameter_count, 1);
    assert_true(slice_equals(edits->removed_parameters[0], SLICE("token")));
    arena_clear(&given.arena);

    parameter.key = (char *)"";
    expect_verdict(&one.message, AUTH_CHECK_BROKEN);
}

static void expect_denial(int32_t code, enum auth_check_verdict verdict, unsigned status)
{
    Google__Rpc__Status status_message = GOOGLE__RPC__STATUS__INIT;
    Envoy__Type__V3__HttpStatus http = ENVOY__TYPE__V3__HTTP_STATUS__INIT;
    DeniedResponse denied = ENVOY__SERVICE__AUTH__V3__DENIED_HTTP_RESPONSE__INIT;
    CheckResponse message = ENVOY__SERVICE__AUTH__V3__CHECK_RESPONSE__INIT;
    struct given given;
    status_message.code = 16;
    http.code = code;
    denied.status = &http;
    denied.body = (char *)"who";
    message.status = &status_message;
    message.http_response_case =
        ENVOY__SERVICE__AUTH__V3__CHECK_RESPONSE__HTTP_RESPONSE_DENIED_RESPONSE;
    message.denied_response = &denied;
    read_message(&given, &message);
    assert_int_equal(given.answer.verdict, verdict);
    assert_int_equal(given.answer.status, status);
    if (verdict == AUTH_CHECK_DENIED)
        assert_true(slice_equals(given.answer.body, SLICE("who")));
    arena_clear(&given.arena);
}

/* FLT-AUTH-19 */
static void a_denial_has_a_status_that_ends_an_answer(void **state)
{
    (void)state;
    expect_denial(0, AUTH_CHECK_DENIED, 0);
    expect_denial(200, AUTH_CHECK_DENIED, 200);
    expect_denial(401, AUTH_CHECK_DENIED, 401);
    expect_denial(599, AUTH_CHECK_DENIED, 599);
    expect_denial(100, AUTH_CHECK_BROKEN, 0);
    expect_denial(199, AUTH_CHECK_BROKEN, 0);
    expect_denial(600, AUTH_CHECK_BROKEN, 0);
    expect_denial(-1, AUTH_CHECK_BROKEN, 0);
    expect_denial(65736, AUTH_CHECK_BROKEN, 0);
}

/* --- frames and limits ----------------------------------------------------------------------- */

static void expect_broken_bytes(const char *bytes, size_t length)
{
    struct given given = {0};
    buffer_append(&given.bytes, bytes, length);
    read_bytes(&given);
    assert_int_equal(given.answer.verdict, AUTH_CHECK_BROKEN);
    arena_clear(&given.arena);
}

/* FLT-AUTH-22 */
static void frames_must_be_one_whole_message(void **state)
{
    (void)state;
    static const char allows[] = "\0\0\0\0\2\x0a\0";
    struct given given = {0};
    buffer_append(&given.bytes, allows, 7);
    read_bytes(&given);
    assert_int_equal(given.answer.verdict, AUTH_CHECK_ALLOWED);
    arena_clear(&given.arena);

    for (size_t length = 0; length < 7; length++)
        expect_broken_bytes(allows, length);
    expect_broken_bytes("\1\0\0\0\2\x0a\0", 7);                  /* compressed */
    expect_broken_bytes("\0\0\0\0\2\x0a\0\0\0\0\0\2\x0a\0", 14); /* two of them */
    expect_broken_bytes("\0\0\0\0\2\x0a\0x", 8);
    expect_broken_bytes("\0\xff\xff\xff\xff\x0a\0", 7);
    expect_broken_bytes("\0\0\0\0\2\x0a\1", 7);
    expect_broken_bytes("\0\0\0\0\4\x0a\0\x0a\0", 9);        /* a status twice */
    expect_broken_bytes("\0\0\0\0\6\x0a\0\x12\0\x1a\0", 11); /* denied and allowed */
    expect_broken_bytes("\0\0\0\0\2\x08\0", 7);              /* a status of another type */
    expect_broken_bytes("<html>", 6);
}

/* FLT-AUTH-23 */
static void what_is_not_known_does_not_count(void **state)
{
    (void)state;
    /* dynamic_metadata (4), and a field that nobody knows, in the answer and in its ok_response. */
    static const char bytes[] = "\x0a\0\x22\x02\x0a\0\xfa\x01\x01x\x1a\x05\x1a\x00\xf8\x01\x07";
    struct given given;
    frame_bytes(&given, SLICE(bytes));
    read_bytes(&given);
    assert_int_equal(given.answer.verdict, AUTH_CHECK_ALLOWED);
    arena_clear(&given.arena);
}

/* FLT-AUTH-23 */
static void an_answer_may_not_be_too_long(void **state)
{
    (void)state;
    struct buffer padding = BUFFER_EMPTY;
    buffer_append(&padding, "\x0a\0\xfa\x01", 4);
    enum { REST = AUTH_CHECK_ANSWER_BYTES_MAX - GRPC_FRAME_BYTES - 4 - 3 };
    const char length[] = {(char)(0x80 | (REST & 0x7f)), (char)(0x80 | (REST >> 7 & 0x7f)),
                           (char)(REST >> 14)};
    buffer_append(&padding, length, sizeof(length));
    for (int i = 0; i < REST; i++)
        buffer_append_char(&padding, 'x');
    struct given given;
    frame_bytes(&given, buffer_slice(&padding));
    assert_int_equal(given.bytes.length, AUTH_CHECK_ANSWER_BYTES_MAX);
    read_bytes(&given);
    assert_int_equal(given.answer.verdict, AUTH_CHECK_ALLOWED);
    arena_clear(&given.arena);

    buffer_append(&padding, "\xf8\x01\0", 3);
    frame_bytes(&given, buffer_slice(&padding));
    read_bytes(&given);
    assert_int_equal(given.answer.verdict, AUTH_CHECK_BROKEN);
    arena_clear(&given.arena);
    buffer_clear(&padding);
}

static void expect_count(struct one_header *one, size_t *count, size_t most)
{
    *count = most;
    expect_verdict(&one->message, AUTH_CHECK_ALLOWED);
    *count = most + 1;
    expect_verdict(&one->message, AUTH_CHECK_BROKEN);
    *count = 0;
}

/* FLT-AUTH-23 */
static void an_answer_may_not_have_too_much_of_anything(void **state)
{
    (void)state;
    enum { MANY = AUTH_CHECK_ITEMS_MAX + 1 };
    struct one_header one;
    HeaderOption *options[MANY];
    char *names[MANY];
    Envoy__Config__Core__V3__QueryParameter parameter =
        ENVOY__CONFIG__CORE__V3__QUERY_PARAMETER__INIT;
    Envoy__Config__Core__V3__QueryParameter *parameters[MANY];
    make_header(&one, "a", "b");
    parameter.key = (char *)"a";
    for (int i = 0; i < MANY; i++) {
        options[i] = &one.option;
        names[i] = (char *)"a";
        parameters[i] = &parameter;
    }
    one.ok.n_headers = 0;
    one.ok.headers = one.ok.response_headers_to_add = options;
    one.ok.headers_to_remove = one.ok.query_parameters_to_remove = names;
    one.ok.query_parameters_to_set = parameters;
    expect_count(&one, &one.ok.n_headers, AUTH_CHECK_ITEMS_MAX);
    expect_count(&one, &one.ok.n_response_headers_to_add, AUTH_CHECK_ITEMS_MAX);
    expect_count(&one, &one.ok.n_headers_to_remove, AUTH_CHECK_ITEMS_MAX);
    expect_count(&one, &one.ok.n_query_parameters_to_remove, AUTH_CHECK_ITEMS_MAX);
    expect_count(&one, &one.ok.n_query_parameters_to_set, AUTH_CHECK_ITEMS_MAX);

    char *value = memory_allocate_zeroed(1, AUTH_CHECK_QUERY_BYTES_MAX / 2 + 1);
    memset(value, 'x', AUTH_CHECK_QUERY_BYTES_MAX / 2);
    parameter.value = value;
    one.ok.n_query_parameters_to_set = 2;
    expect_verdict(&one.message, AUTH_CHECK_BROKEN);
    value[AUTH_CHECK_QUERY_BYTES_MAX / 2 - 1] = '\0';
    expect_verdict(&one.message, AUTH_CHECK_ALLOWED);
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_status_decides),
        cmocka_unit_test(a_header_replaces_unless_it_says_otherwise),
        cmocka_unit_test(what_no_message_may_have_breaks_the_answer),
        cmocka_unit_test(all_that_an_allowing_answer_says_is_read),
        cmocka_unit_test(a_denial_has_a_status_that_ends_an_answer),
        cmocka_unit_test(frames_must_be_one_whole_message),
        cmocka_unit_test(what_is_not_known_does_not_count),
        cmocka_unit_test(an_answer_may_not_be_too_long),
        cmocka_unit_test(an_answer_may_not_have_too_much_of_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
