/* How a server ends: calls that run are waited for, streams are told. */
#include "tests/support/wait.h"
#include "tests/support/wire.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proto/grpc_pair.h"

#include <stdatomic.h>

static atomic_bool is_drained;

static void on_drained(void *context)
{
    (void)context;
    atomic_store(&is_drained, true);
}

static void drain(struct grpc_pair *pair)
{
    atomic_store(&is_drained, false);
    grpc_server_drain(grpc_pair_server(pair), on_drained, NULL);
}

static bool has_drained(void *context)
{
    (void)context;
    return atomic_load(&is_drained);
}

static void an_idle_server_is_drained_at_once(void **state)
{
    (void)state;
    struct grpc_pair *pair = grpc_pair_start(NULL);
    struct grpc_client *client = grpc_pair_connect(pair);
    assert_int_equal(grpc_pair_echo(client), GRPC_OK);

    grpc_pair_act(pair, drain);

    assert_true(wait_until(has_drained, NULL, WAIT_MS));
    assert_int_equal(grpc_pair_echo(client), GRPC_UNAVAILABLE);
    assert_null(grpc_client_connect(grpc_pair_socket(pair), NULL));
    grpc_client_free(client);
    grpc_pair_stop(pair);
}

static void a_running_call_is_waited_for(void **state)
{
    (void)state;
    struct grpc_pair *pair = grpc_pair_start(NULL);
    struct wire wire;
    struct frame frame;
    wire_open(&wire, grpc_pair_socket(pair));
    wire_send(&wire, WIRE_HELLO);
    wire_call(&wire, "/test.v1.Try/Never");
    wire_send(&wire, WIRE_PING);
    assert_true(wire_expect(&wire, FRAME_PING, &frame)); /* the server has the call */

    grpc_pair_act(pair, drain);
    assert_true(wire_expect(&wire, FRAME_GOAWAY, &frame));
    assert_false(atomic_load(&is_drained));
    wire_send(&wire, SLICE("\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08"));

    assert_true(wait_until(has_drained, NULL, WAIT_MS));
    wire_close(&wire);
    grpc_pair_stop(pair);
}

static void an_answer_is_waited_for_until_it_has_left(void **state)
{
    (void)state;
    struct grpc_pair *pair = grpc_pair_start(NULL);
    struct wire wire;
    struct frame frame;
    wire_open(&wire, grpc_pair_socket(pair));
    wire_send(&wire, WIRE_HELLO);
    wire_call(&wire, "/test.v1.Try/Large");
    wire_message(&wire, "100000");
    size_t data = 0;
    while (data < 65535) { /* all that a window lets through */
        assert_true(wire_expect(&wire, FRAME_DATA, &frame));
        data += frame.length;
    }

    grpc_pair_act(pair, drain);
    assert_false(atomic_load(&is_drained));
    wire_send(&wire, SLICE("\0\0\x04\x08\0\0\0\0\x01\0\x0f\xff\xff"
                           "\0\0\x04\x08\0\0\0\0\0\0\x0f\xff\xff"));
    while (wire_next(&wire, &frame))
        data += frame.type == FRAME_DATA ? frame.length : 0;

    assert_int_equal(data, 5 + 4 + 100000);
    assert_true(wait_until(has_drained, NULL, WAIT_MS));
    wire_close(&wire);
    grpc_pair_stop(pair);
}

struct streaming {
    struct grpc_pair *pair;
    unsigned messages;
};

static bool drain_at_the_first(void *context, const ProtobufCMessage *message)
{
    (void)message;
    struct streaming *streaming = context;
    if (streaming->messages++ == 0)
        grpc_pair_act(streaming->pair, drain);
    return true;
}

static void streams_end_unavailable(void **state)
{
    (void)state;
    struct grpc_pair *pair = grpc_pair_start(NULL);
    struct grpc_client *client = grpc_pair_connect(pair);
    struct streaming streaming = {.pair = pair};
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    request.service = "4000000000";
    struct grpc_result result;

    assert_false(grpc_client_call_stream(client, "/test.v1.Try/Count", &request.base,
                                         &pointsman__v1__label__descriptor, drain_at_the_first,
                                         &streaming, &result));

    assert_int_equal(result.status, GRPC_UNAVAILABLE);
    assert_int_equal(grpc_pair_ended(pair), 1);
    assert_true(wait_until(has_drained, NULL, WAIT_MS));
    grpc_result_clear(&result);
    grpc_client_free(client);
    grpc_pair_stop(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_server_is_drained_at_once),
        cmocka_unit_test(a_running_call_is_waited_for),
        cmocka_unit_test(an_answer_is_waited_for_until_it_has_left),
        cmocka_unit_test(streams_end_unavailable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
