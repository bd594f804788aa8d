/* The client that a loop drives: its handlers, and what they may do. */
#include "common/clock.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proto/grpc_pair.h"

#include <stdlib.h>
#include <string.h>

enum { WAIT_MS = 30000, MESSAGE_BYTES = 1 << 20 };

/* One client, and what its handlers were told. */
struct fixture {
    struct grpc_pair *pair;
    struct event_loop *loop;
    struct grpc_client *client;
    unsigned messages;
    unsigned ends;
    unsigned closed;
    unsigned ends_before_closed;
    enum grpc_status status;

    unsigned free_at_message; /* the client; 0: never */
    bool frees_at_end;
    bool starts_at_end; /* once */
};

static void start(struct fixture *f, const char *path, const char *service, uint64_t timeout_ms);

static void free_client(struct fixture *f)
{
    grpc_client_free(f->client);
    f->client = NULL;
}

static void on_message(void *context, struct slice bytes)
{
    struct fixture *f = context;
    assert_true(bytes.length > 0);
    f->messages++;
    if (f->messages == f->free_at_message)
        free_client(f);
}

static void on_end(void *context, const struct grpc_result *result)
{
    struct fixture *f = context;
    f->ends++;
    f->status = result->status;
    if (f->starts_at_end) {
        f->starts_at_end = false;
        start(f, "/test.v1.Try/Never", "", 0);
    }
    if (f->frees_at_end)
        free_client(f);
}

static void on_closed(void *context)
{
    struct fixture *f = context;
    f->closed++;
    f->ends_before_closed = f->ends;
}

static void start(struct fixture *f, const char *path, const char *service, uint64_t timeout_ms)
{
    const struct grpc_client_call_handlers handlers = {
        .on_message = on_message, .on_end = on_end, .context = f};
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    request.service = (char *)service;
    grpc_client_start(f->client, path, &request.base, MESSAGE_BYTES, timeout_ms, &handlers);
}

/* Takes turns until the counter has at least this value. */
static void run_until(struct fixture *f, const unsigned *counter, unsigned value)
{
    uint64_t deadline_ms = clock_now_ms() + WAIT_MS;
    while (*counter < value && clock_now_ms() < deadline_ms)
        event_loop_run_once(f->loop, 1000);
    assert_true(*counter >= value);
}

static int set_up(void **state)
{
    struct fixture *f = memory_allocate_zeroed(1, sizeof(*f));
    f->pair = grpc_pair_start(NULL);
    f->loop = event_loop_new();
    f->client = grpc_client_open(f->loop, grpc_pair_socket(f->pair), on_closed, f, NULL);
    assert_non_null(f->client);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    grpc_client_free(f->client);
    event_loop_free(f->loop);
    if (f->pair != NULL)
        grpc_pair_stop(f->pair);
    free(f);
    return 0;
}

static void a_call_brings_its_message_and_then_its_end(void **state)
{
    struct fixture *f = *state;

    start(f, "/test.v1.Try/Echo", "x", 0);
    assert_int_equal(f->messages + f->ends, 0); /* never from inside start */
    run_until(f, &f->ends, 1);

    assert_int_equal(f->messages, 1);
    assert_int_equal(f->status, GRPC_OK);
    assert_int_equal(f->closed, 0);
}

static void many_calls_run_at_once(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 500; i++)
        start(f, "/test.v1.Try/Echo", "x", WAIT_MS);
    run_until(f, &f->ends, 500);

    assert_int_equal(f->messages, 500);
    assert_int_equal(f->status, GRPC_OK);
}

static void a_stream_brings_every_message(void **state)
{
    struct fixture *f = *state;

    start(f, "/test.v1.Try/Count", "50000", 0);
    run_until(f, &f->ends, 1);

    assert_int_equal(f->messages, 50000);
    assert_int_equal(f->status, GRPC_OK);
}

static void a_message_larger_than_asked_for_ends_its_call(void **state)
{
    struct fixture *f = *state;

    start(f, "/test.v1.Try/Large", "1048577", 0);
    run_until(f, &f->ends, 1);

    assert_int_equal(f->messages, 0);
    assert_int_equal(f->status, GRPC_RESOURCE_EXHAUSTED);
}

static void a_deadline_ends_a_call(void **state)
{
    struct fixture *f = *state;

    start(f, "/test.v1.Try/Never", "", 20);
    run_until(f, &f->ends, 1);

    assert_int_equal(f->status, GRPC_DEADLINE_EXCEEDED);
    assert_true(grpc_pair_wait_ended(f->pair, 1));
}

static void a_deadline_does_not_end_other_calls(void **state)
{
    struct fixture *f = *state;
    start(f, "/test.v1.Try/Never", "", 20);
    run_until(f, &f->ends, 1);

    start(f, "/test.v1.Try/Echo", "x", WAIT_MS);
    run_until(f, &f->ends, 2);

    assert_int_equal(f->status, GRPC_OK);
}

static void a_message_may_free_the_client(void **state)
{
    struct fixture *f = *state;
    f->free_at_message = 3;

    start(f, "/test.v1.Try/Count", "4000000000", 0);
    start(f, "/test.v1.Try/Never", "", 0);
    run_until(f, &f->messages, 3);

    assert_true(grpc_pair_wait_ended(f->pair, 2)); /* the server sees both end */
    assert_int_equal(f->ends + f->closed, 0);
}

static void an_end_may_free_the_client(void **state)
{
    struct fixture *f = *state;
    f->frees_at_end = true;

    start(f, "/test.v1.Try/Never", "", 0);
    start(f, "/test.v1.Try/Echo", "x", 0);
    run_until(f, &f->ends, 1);

    assert_true(grpc_pair_wait_ended(f->pair, 1));
    assert_int_equal(f->ends, 1);
    assert_int_equal(f->closed, 0);
}

static void an_end_may_start_another_call(void **state)
{
    struct fixture *f = *state;
    f->starts_at_end = true;
    start(f, "/test.v1.Try/Echo", "x", 0);
    run_until(f, &f->ends, 1);

    grpc_pair_stop(f->pair);
    f->pair = NULL;
    run_until(f, &f->closed, 1);

    assert_int_equal(f->ends, 2);
    assert_int_equal(f->status, GRPC_UNAVAILABLE);
}

static void a_lost_connection_ends_its_calls_and_then_says_so(void **state)
{
    struct fixture *f = *state;
    start(f, "/test.v1.Try/Never", "", 0);
    start(f, "/test.v1.Try/Count", "4000000000", 0);
    run_until(f, &f->messages, 1);

    grpc_pair_stop(f->pair);
    f->pair = NULL;
    run_until(f, &f->closed, 1);

    assert_int_equal(f->ends_before_closed, 2);
    assert_int_equal(f->status, GRPC_UNAVAILABLE);
}

static void a_call_on_a_lost_connection_ends_from_the_loop(void **state)
{
    struct fixture *f = *state;
    f->starts_at_end = true; /* one from inside the loss */
    start(f, "/test.v1.Try/Never", "", 0);
    event_loop_run_once(f->loop, 0);
    grpc_pair_stop(f->pair);
    f->pair = NULL;
    run_until(f, &f->closed, 1);

    unsigned before = f->ends;
    start(f, "/test.v1.Try/Echo", "x", 0);
    start(f, "/test.v1.Try/Echo", "y", WAIT_MS);
    assert_int_equal(f->ends, before); /* never from inside start */
    f->status = GRPC_OK;
    run_until(f, &f->ends, 4);

    assert_int_equal(f->status, GRPC_UNAVAILABLE);
    assert_int_equal(f->closed, 1);
}

static void late_calls_of_a_freed_client_end_without_a_word(void **state)
{
    struct fixture *f = *state;
    grpc_pair_stop(f->pair);
    f->pair = NULL;
    run_until(f, &f->closed, 1);
    for (int i = 0; i < 3; i++)
        start(f, "/test.v1.Try/Echo", "x", 0);
    f->frees_at_end = true;

    run_until(f, &f->ends, 1);
    event_loop_run_once(f->loop, 0);

    assert_int_equal(f->ends, 1);
}

static void the_end_in_a_loss_may_free_the_client(void **state)
{
    struct fixture *f = *state;
    f->frees_at_end = true;
    start(f, "/test.v1.Try/Never", "", 0);
    start(f, "/test.v1.Try/Never", "", 0);
    event_loop_run_once(f->loop, 0);

    grpc_pair_stop(f->pair);
    f->pair = NULL;
    run_until(f, &f->ends, 1);

    assert_int_equal(f->ends, 1);
    assert_int_equal(f->closed, 0);
}

static void drain(struct grpc_pair *pair)
{
    grpc_server_drain(grpc_pair_server(pair), NULL, NULL);
}

static void a_server_that_drains_takes_no_call(void **state)
{
    struct fixture *f = *state;
    start(f, "/test.v1.Try/Never", "", 0);
    start(f, "/test.v1.Try/Echo", "x", 0);
    run_until(f, &f->ends, 1); /* so the server has the first call too */

    grpc_pair_act(f->pair, drain);
    start(f, "/test.v1.Try/Echo", "x", 0);
    run_until(f, &f->ends, 2);

    assert_int_equal(f->status, GRPC_UNAVAILABLE);
    assert_int_equal(f->messages, 1);
    assert_int_equal(f->closed, 0);
}

static void nobody_listening_is_an_error_at_once(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};

    assert_null(grpc_client_open(f->loop, "/nowhere/s", on_closed, f, &err));

    assert_int_equal(err.code, ERROR_UNAVAILABLE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_call_brings_its_message_and_then_its_end),
        TEST(many_calls_run_at_once),
        TEST(a_stream_brings_every_message),
        TEST(a_message_larger_than_asked_for_ends_its_call),
        TEST(a_deadline_ends_a_call),
        TEST(a_deadline_does_not_end_other_calls),
        TEST(a_message_may_free_the_client),
        TEST(an_end_may_free_the_client),
        TEST(an_end_may_start_another_call),
        TEST(a_lost_connection_ends_its_calls_and_then_says_so),
        TEST(a_call_on_a_lost_connection_ends_from_the_loop),
        TEST(late_calls_of_a_freed_client_end_without_a_word),
        TEST(the_end_in_a_loss_may_free_the_client),
        TEST(a_server_that_drains_takes_no_call),
        TEST(nobody_listening_is_an_error_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
