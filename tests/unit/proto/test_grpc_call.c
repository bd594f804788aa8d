/* Calls from a real client to a real server, over a socket. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proto/grpc_pair.h"

#include <stdio.h>
#include <stdlib.h>

static ProtobufCMessage *call(struct grpc_client *client, const char *path, const char *service,
                              uint64_t timeout_ms, struct grpc_result *result)
{
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    request.service = (char *)service;
    return grpc_client_call(client, path, &request.base, &pointsman__v1__label__descriptor,
                            timeout_ms, result);
}

struct fixture {
    struct grpc_pair *pair;
    struct grpc_client *client;
    struct grpc_result result;
};

static int set_up(void **state)
{
    struct fixture *fixture = memory_allocate_zeroed(1, sizeof(*fixture));
    fixture->pair = grpc_pair_start(NULL);
    fixture->client = grpc_client_connect(grpc_pair_socket(fixture->pair), NULL);
    assert_non_null(fixture->client);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    grpc_result_clear(&fixture->result);
    grpc_client_free(fixture->client);
    grpc_pair_stop(fixture->pair);
    free(fixture);
    return 0;
}

static void a_call_is_answered(void **state)
{
    struct fixture *f = *state;

    LabelMessage *label =
        (LabelMessage *)call(f->client, "/test.v1.Try/Echo", "grüße", 5000, &f->result);

    assert_int_equal(f->result.status, GRPC_OK);
    assert_non_null(label);
    assert_string_equal(label->key, "grüße");
    message_free(&label->base);
}

static void many_calls_share_a_connection(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 1000; i++) {
        ProtobufCMessage *label = call(f->client, "/test.v1.Try/Echo", "x", 5000, &f->result);
        assert_non_null(label);
        message_free(label);
    }
}

static void a_large_message_passes_both_ways(void **state)
{
    struct fixture *f = *state;
    size_t length = 1000 * 1000;
    char *text = memory_allocate(length + 1);
    memset(text, 'a', length);
    text[length] = '\0';

    LabelMessage *label =
        (LabelMessage *)call(f->client, "/test.v1.Try/Echo", text, 5000, &f->result);

    assert_non_null(label);
    assert_string_equal(label->key, text);
    message_free(&label->base);
    free(text);
}

static void an_error_brings_its_message_and_details(void **state)
{
    struct fixture *f = *state;

    assert_null(call(f->client, "/test.v1.Try/Fail", "", 5000, &f->result));

    assert_int_equal(f->result.status, GRPC_FAILED_PRECONDITION);
    assert_string_equal(f->result.message, "100 % wrong\n");
    assert_non_null(f->result.details);
    assert_string_equal(f->result.details->message, "in detail");
}

static void an_unknown_method_is_unimplemented(void **state)
{
    struct fixture *f = *state;

    assert_null(call(f->client, "/test.v1.Try/Nothing", "", 5000, &f->result));

    assert_int_equal(f->result.status, GRPC_UNIMPLEMENTED);
    assert_non_null(strstr(f->result.message, "/test.v1.Try/Nothing"));
}

static void a_denied_call_says_so(void **state)
{
    struct fixture *f = *state;

    assert_null(call(f->client, "/test.v1.Try/Denied", "", 5000, &f->result));

    assert_int_equal(f->result.status, GRPC_PERMISSION_DENIED);
}

static void a_deadline_ends_the_call_on_both_sides(void **state)
{
    struct fixture *f = *state;

    assert_null(call(f->client, "/test.v1.Try/Never", "", 50, &f->result));

    assert_int_equal(f->result.status, GRPC_DEADLINE_EXCEEDED);
    assert_true(grpc_pair_wait_ended(f->pair, 1));
}

static void the_connection_serves_on_after_errors(void **state)
{
    struct fixture *f = *state;
    assert_null(call(f->client, "/test.v1.Try/Never", "", 50, &f->result));
    assert_null(call(f->client, "/test.v1.Try/Nothing", "", 5000, &f->result));

    ProtobufCMessage *label = call(f->client, "/test.v1.Try/Echo", "x", 5000, &f->result);

    assert_non_null(label);
    message_free(label);
}

static void a_too_large_message_is_refused_before_it_is_stored(void **state)
{
    struct fixture *f = *state;
    size_t length = (1 << 20) + 1;
    char *text = memory_allocate(length + 1);
    memset(text, 'a', length);
    text[length] = '\0';

    assert_null(call(f->client, "/test.v1.Try/Echo", text, 5000, &f->result));

    assert_int_equal(f->result.status, GRPC_RESOURCE_EXHAUSTED);
    free(text);
}

/* --- streams ---------------------------------------------------------------------------------- */

struct counted {
    unsigned messages;
    unsigned stop_after; /* 0: never */
};

static bool count_message(void *context, const ProtobufCMessage *message)
{
    (void)message;
    struct counted *counted = context;
    counted->messages++;
    return counted->messages != counted->stop_after;
}

static bool stream(struct fixture *f, const char *count, struct counted *counted)
{
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    request.service = (char *)count;
    return grpc_client_call_stream(f->client, "/test.v1.Try/Count", &request.base,
                                   &pointsman__v1__label__descriptor, count_message, counted,
                                   &f->result);
}

static void a_stream_delivers_every_message(void **state)
{
    struct fixture *f = *state;
    struct counted counted = {0};

    assert_true(stream(f, "100000", &counted));

    assert_int_equal(counted.messages, 100000);
}

static void an_empty_stream_ends_with_ok(void **state)
{
    struct fixture *f = *state;
    struct counted counted = {0};

    assert_true(stream(f, "0", &counted));

    assert_int_equal(counted.messages, 0);
}

static void a_stream_that_is_left_ends_on_the_server(void **state)
{
    struct fixture *f = *state;
    struct counted counted = {.stop_after = 3};

    assert_true(stream(f, "4000000000", &counted));

    assert_int_equal(counted.messages, 3);
    assert_true(grpc_pair_wait_ended(f->pair, 1));
}

static void a_lost_connection_ends_its_calls(void **state)
{
    struct fixture *f = *state;
    assert_null(call(f->client, "/test.v1.Try/Never", "", 50, &f->result));
    assert_true(grpc_pair_wait_ended(f->pair, 1));

    grpc_client_free(f->client);
    f->client = NULL;

    struct grpc_client *other = grpc_client_connect(grpc_pair_socket(f->pair), NULL);
    ProtobufCMessage *label = call(other, "/test.v1.Try/Echo", "x", 5000, &f->result);
    assert_non_null(label);
    message_free(label);
    grpc_client_free(other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_call_is_answered),
        TEST(many_calls_share_a_connection),
        TEST(a_large_message_passes_both_ways),
        TEST(an_error_brings_its_message_and_details),
        TEST(an_unknown_method_is_unimplemented),
        TEST(a_denied_call_says_so),
        TEST(a_deadline_ends_the_call_on_both_sides),
        TEST(the_connection_serves_on_after_errors),
        TEST(a_too_large_message_is_refused_before_it_is_stored),
        TEST(a_stream_delivers_every_message),
        TEST(an_empty_stream_ends_with_ok),
        TEST(a_stream_that_is_left_ends_on_the_server),
        TEST(a_lost_connection_ends_its_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
