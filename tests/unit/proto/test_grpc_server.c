/* The server as a whole: who may stay, and how long it waits. test_grpc_drain.c tells how it ends.
 */
#include "common/clock.h"
#include "tests/support/wait.h"
#include "tests/support/wire.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proto/grpc_pair.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* --- who may stay ----------------------------------------------------------------------------- */

static atomic_bool is_exempt;
static atomic_bool has_reserve;
static atomic_bool is_welcome;

static bool say_exempt(void *context, const struct peer_credentials *peer)
{
    (void)context;
    assert_int_equal(peer->uid, getuid());
    return atomic_load(&is_exempt);
}

static bool say_reserve(void *context, const struct peer_credentials *peer)
{
    (void)context;
    (void)peer;
    return atomic_load(&has_reserve);
}

static bool say_welcome(void *context, const struct peer_credentials *peer)
{
    (void)context;
    (void)peer;
    return atomic_load(&is_welcome);
}

static struct grpc_pair *start_with(size_t all, size_t per_uid, size_t reserved)
{
    struct grpc_server_limits limits;
    grpc_server_limits_init(&limits);
    limits.max_connections = all;
    limits.max_connections_per_uid = per_uid;
    limits.reserved_connections = reserved;
    limits.is_exempt = say_exempt;
    limits.has_reserve = say_reserve;
    limits.is_welcome = say_welcome;
    atomic_store(&is_exempt, false);
    atomic_store(&has_reserve, false);
    atomic_store(&is_welcome, true);
    return grpc_pair_start(&limits);
}

enum { CLIENTS_MAX = 8 };

/* Connects until a call fails, and returns how many were served. The clients stay connected. */
static size_t connect_until_refused(struct grpc_pair *pair, struct grpc_client **clients,
                                    size_t first)
{
    size_t count = first;
    for (; count < CLIENTS_MAX; count++) {
        clients[count] = grpc_pair_connect(pair);
        if (grpc_pair_echo(clients[count]) != GRPC_OK)
            break;
    }
    assert_true(count < CLIENTS_MAX);
    grpc_client_free(clients[count]);
    return count;
}

static void stop_with(struct grpc_pair *pair, struct grpc_client **clients, size_t count)
{
    while (count > 0)
        grpc_client_free(clients[--count]);
    grpc_pair_stop(pair);
}

static void a_users_connections_are_limited(void **state)
{
    (void)state;
    struct grpc_pair *pair = start_with(100, 3, 0);
    struct grpc_client *clients[CLIENTS_MAX];

    size_t count = connect_until_refused(pair, clients, 0);

    assert_int_equal(count, 3);
    stop_with(pair, clients, count);
}

static void the_exempt_are_not_counted_against_their_user(void **state)
{
    (void)state;
    struct grpc_pair *pair = start_with(100, 3, 0);
    struct grpc_client *clients[CLIENTS_MAX];
    size_t count = connect_until_refused(pair, clients, 0);

    atomic_store(&is_exempt, true);
    clients[count] = grpc_pair_connect(pair);

    assert_int_equal(grpc_pair_echo(clients[count]), GRPC_OK);
    stop_with(pair, clients, count + 1);
}

static void some_connections_are_kept_from_the_others(void **state)
{
    (void)state;
    struct grpc_pair *pair = start_with(5, 100, 2);
    struct grpc_client *clients[CLIENTS_MAX];

    size_t others = connect_until_refused(pair, clients, 0);
    atomic_store(&is_exempt, true); /* as a proxy is */
    size_t exempt = connect_until_refused(pair, clients, others);
    atomic_store(&has_reserve, true);
    size_t all = connect_until_refused(pair, clients, exempt);

    assert_int_equal(others, 3);
    assert_int_equal(exempt, 3);
    assert_int_equal(all, 5);
    stop_with(pair, clients, all);
}

static void who_leaves_makes_room(void **state)
{
    (void)state;
    struct grpc_pair *pair = start_with(100, 1, 0);
    struct grpc_client *first = grpc_pair_connect(pair);
    assert_int_equal(grpc_pair_echo(first), GRPC_OK);

    grpc_client_free(first);

    /* The server sees the end of the first before it accepts, or soon after. */
    enum grpc_status status;
    uint64_t deadline_ms = clock_now_ms() + WAIT_MS;
    do {
        struct grpc_client *second = grpc_pair_connect(pair);
        status = grpc_pair_echo(second);
        grpc_client_free(second);
    } while (status != GRPC_OK && clock_now_ms() < deadline_ms);
    assert_int_equal(status, GRPC_OK);
    grpc_pair_stop(pair);
}

static void the_unwelcome_are_hung_up_on(void **state)
{
    (void)state;
    struct grpc_pair *pair = start_with(100, 100, 0);
    atomic_store(&is_welcome, false);
    struct wire wire;

    wire_open(&wire, grpc_pair_socket(pair));

    assert_true(wire_is_hung_up(&wire));
    wire_close(&wire);
    grpc_pair_stop(pair);
}

/* Leaves no descriptor free but one, which is returned and taken. */
static int take_all_descriptors(int *taken, size_t *count, size_t most, struct rlimit *before)
{
    assert_int_equal(getrlimit(RLIMIT_NOFILE, before), 0);
    int last = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const struct rlimit tight = {.rlim_cur = (rlim_t)last + 1, .rlim_max = before->rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    for (*count = 0; *count < most; ++*count) {
        taken[*count] = fcntl(last, F_DUPFD_CLOEXEC, 0);
        if (taken[*count] < 0)
            break;
    }
    assert_true(*count < most);
    return last;
}

static uint64_t cpu_ms(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

static void out_of_descriptors_accepting_pauses_and_goes_on(void **state)
{
    (void)state;
    enum { MOST = 256, PATIENCE_MS = 400 };
    struct grpc_pair *pair = grpc_pair_start(NULL);
    struct grpc_client *client = grpc_pair_connect(pair);
    assert_int_equal(grpc_pair_echo(client), GRPC_OK);
    int taken[MOST];
    size_t count;
    struct rlimit before;
    close(take_all_descriptors(taken, &count, MOST, &before));

    struct grpc_client *waiting =
        grpc_pair_connect(pair); /* the last one: none is left to accept it */
    uint64_t used_ms = cpu_ms();
    assert_int_equal(grpc_pair_echo_within(waiting, PATIENCE_MS), GRPC_DEADLINE_EXCEEDED);
    used_ms = cpu_ms() - used_ms;
    enum grpc_status meanwhile = grpc_pair_echo(client);
    while (count > 0)
        close(taken[--count]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    struct grpc_client *late = grpc_pair_connect(pair);

    assert_int_equal(meanwhile, GRPC_OK);
    assert_true(used_ms < PATIENCE_MS / 4); /* it does not spin */
    assert_int_equal(grpc_pair_echo(late), GRPC_OK);
    grpc_client_free(late);
    grpc_client_free(waiting);
    stop_with(pair, &client, 1);
}

/* --- how long it waits ------------------------------------------------------------------------ */

static struct grpc_pair *start_impatient(void)
{
    struct grpc_server_limits limits;
    grpc_server_limits_init(&limits);
    limits.message_timeout_ms = 50;
    limits.stall_timeout_ms = 50;
    return grpc_pair_start(&limits);
}

static void a_peer_that_never_speaks_is_hung_up_on(void **state)
{
    (void)state;
    struct grpc_pair *pair = start_impatient();
    struct wire wire;

    wire_open(&wire, grpc_pair_socket(pair));

    assert_true(wire_is_hung_up(&wire));
    wire_close(&wire);
    grpc_pair_stop(pair);
}

static void a_message_that_does_not_come_ends_its_call_alone(void **state)
{
    (void)state;
    struct grpc_pair *pair = start_impatient();
    struct wire wire;
    struct frame frame;
    wire_open(&wire, grpc_pair_socket(pair));
    wire_send(&wire, WIRE_HELLO);

    wire_call(&wire, "/test.v1.Try/Echo");

    assert_true(wire_expect(&wire, FRAME_HEADERS, &frame));
    assert_int_equal(frame.stream, 1);
    assert_true(wire_expect(&wire, FRAME_RESET, &frame));
    assert_int_equal(wire.grpc_status, GRPC_DEADLINE_EXCEEDED);
    wire_send(&wire, WIRE_PING);
    assert_true(wire_expect(&wire, FRAME_PING, &frame));
    wire_close(&wire);
    grpc_pair_stop(pair);
}

static void a_head_that_does_not_end_is_hung_up_on(void **state)
{
    (void)state;
    struct grpc_pair *pair = start_impatient();
    struct wire wire;
    wire_open(&wire, grpc_pair_socket(pair));
    wire_send(&wire, WIRE_HELLO);

    wire_send(&wire, SLICE("\0\0\x04\x01\0\0\0\0\x01\x83\x86\x04\x01")); /* no END_HEADERS */

    assert_true(wire_is_hung_up(&wire));
    wire_close(&wire);
    grpc_pair_stop(pair);
}

#define OPEN_WINDOW_OF_1 SLICE("\0\0\x04\x08\0\0\0\0\x01\0\x0f\xff\xff")

static void an_answer_that_is_not_taken_ends_the_connection(void **state)
{
    (void)state;
    struct grpc_pair *pair = start_impatient();
    struct grpc_client *idle = grpc_pair_connect(pair);
    assert_int_equal(grpc_pair_echo(idle), GRPC_OK);

    for (int i = 0; i < 3; i++) {
        struct wire wire;
        wire_open(&wire, grpc_pair_socket(pair));
        wire_send(&wire, WIRE_HELLO_WITHOUT_WINDOW);
        wire_call(&wire, "/test.v1.Try/Large");
        wire_message(&wire, "100000");
        assert_true(wire_is_hung_up(&wire));
        wire_close(&wire);
    }

    assert_int_equal(grpc_pair_echo(idle), GRPC_OK); /* nothing waited for it: it may be slow */
    stop_with(pair, &idle, 1);
}

static void who_leaves_answers_unread_gets_no_more(void **state)
{
    (void)state;
    struct grpc_server_limits limits;
    grpc_server_limits_init(&limits);
    limits.max_queued_bytes = 50000;
    struct grpc_pair *pair = grpc_pair_start(&limits);
    struct wire wire;
    struct frame frame;
    wire_open(&wire, grpc_pair_socket(pair));
    wire_send(&wire, WIRE_HELLO_WITHOUT_WINDOW);
    wire_call_on(&wire, 1, "/test.v1.Try/Large");
    wire_message_on(&wire, 1, "60000");

    wire_call_on(&wire, 3, "/test.v1.Try/Large");
    wire_message_on(&wire, 3, "60000");
    do
        assert_true(wire_expect(&wire, FRAME_HEADERS, &frame));
    while (frame.stream != 3);
    assert_int_equal(wire.grpc_status, GRPC_RESOURCE_EXHAUSTED);
    wire_send(&wire, OPEN_WINDOW_OF_1);
    do
        assert_true(wire_expect(&wire, FRAME_HEADERS, &frame));
    while (frame.stream != 1);
    wire_call_on(&wire, 5, "/test.v1.Try/Fail");
    wire_message_on(&wire, 5, "");
    assert_true(wire_expect(&wire, FRAME_HEADERS, &frame));

    assert_int_equal(frame.stream, 5);
    assert_int_equal(wire.grpc_status, GRPC_FAILED_PRECONDITION);
    wire_close(&wire);
    grpc_pair_stop(pair);
}

static void a_flood_is_told_why_it_is_hung_up_on(void **state)
{
    (void)state;
    struct grpc_pair *pair = grpc_pair_start(NULL);
    struct wire wire;
    struct frame frame;
    struct buffer pings = BUFFER_EMPTY;
    for (int i = 0; i < 1000; i++)
        buffer_append_slice(&pings, WIRE_PING);
    wire_open(&wire, grpc_pair_socket(pair));

    wire_send(&wire, WIRE_HELLO);
    wire_send(&wire, buffer_slice(&pings));

    assert_true(wire_expect(&wire, FRAME_GOAWAY, &frame));
    assert_true(wire_is_hung_up(&wire));
    buffer_clear(&pings);
    wire_close(&wire);
    grpc_pair_stop(pair);
}

/* What a unary call gets that ends with these frames. */
static int status_after(struct slice frames)
{
    struct grpc_pair *pair = grpc_pair_start(NULL);
    struct wire wire;
    struct frame frame;
    wire_open(&wire, grpc_pair_socket(pair));
    wire_send(&wire, WIRE_HELLO);
    wire_call(&wire, "/test.v1.Try/Echo");
    wire_send(&wire, frames);
    while (wire.grpc_status < 0)
        assert_true(wire_expect(&wire, FRAME_HEADERS, &frame));
    int status = wire.grpc_status;
    wire_close(&wire);
    grpc_pair_stop(pair);
    return status;
}

static void a_unary_call_takes_exactly_one_message(void **state)
{
    (void)state;

    assert_int_equal(status_after(SLICE("\0\0\0\0\x01\0\0\0\x01")), GRPC_INVALID_ARGUMENT);
    assert_int_equal(status_after(SLICE("\0\0\x05\0\x01\0\0\0\x01\0\0\0\0\0")), GRPC_OK);
    assert_int_equal(status_after(SLICE("\0\0\x0a\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0\0\0")),
                     GRPC_INVALID_ARGUMENT);
}

static void garbage_is_hung_up_on_and_others_are_served(void **state)
{
    (void)state;
    static const struct slice garbage[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff", 33},
    };
    struct grpc_pair *pair = grpc_pair_start(NULL);
    struct grpc_client *client = grpc_pair_connect(pair);

    for (size_t i = 0; i < 3; i++) {
        struct wire wire;
        wire_open(&wire, grpc_pair_socket(pair));
        wire_send(&wire, garbage[i]);
        shutdown(wire.fd, SHUT_WR);
        assert_true(wire_is_hung_up(&wire));
        wire_close(&wire);
    }

    assert_int_equal(grpc_pair_echo(client), GRPC_OK);
    stop_with(pair, &client, 1);
}

static void a_call_cut_off_anywhere_harms_nobody(void **state)
{
    (void)state;
    struct grpc_pair *pair = start_with(1000, 1000, 0);
    struct grpc_client *client = grpc_pair_connect(pair);
    struct buffer whole = BUFFER_EMPTY;
    buffer_append_slice(&whole, WIRE_HELLO);
    buffer_append_slice(&whole, SLICE("\0\0\x29\x01\x04\0\0\0\x01\x83\x86\x04\x12"
                                      "/test.v1.Try/Never"
                                      "\x0f\x10\x10"
                                      "application/grpc"));
    buffer_append_slice(&whole, SLICE("\0\0\x05\0\x01\0\0\0\x01\0\0\0\0\0"));

    for (size_t length = 0; length <= whole.length; length++) {
        struct wire wire;
        wire_open(&wire, grpc_pair_socket(pair));
        wire_send(&wire, slice_of(whole.at, length));
        shutdown(wire.fd, SHUT_WR);
        assert_true(wire_is_hung_up(&wire));
        wire_close(&wire);
    }

    assert_true(grpc_pair_wait_ended(pair, 1)); /* the one that was whole */
    assert_int_equal(grpc_pair_echo(client), GRPC_OK);
    buffer_clear(&whole);
    stop_with(pair, &client, 1);
}

static void who_does_not_read_delays_nobody(void **state)
{
    (void)state;
    struct grpc_pair *pair = grpc_pair_start(NULL);
    struct grpc_client *client = grpc_pair_connect(pair);
    struct wire wire;
    wire_open(&wire, grpc_pair_socket(pair));
    wire_send(&wire, WIRE_HELLO);
    wire_call(&wire, "/test.v1.Try/Count");
    wire_message(&wire, "4000000000");

    for (int i = 0; i < 100; i++)
        assert_int_equal(grpc_pair_echo(client), GRPC_OK);

    wire_close(&wire);
    assert_true(grpc_pair_wait_ended(pair, 1));
    stop_with(pair, &client, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_users_connections_are_limited),
        cmocka_unit_test(the_exempt_are_not_counted_against_their_user),
        cmocka_unit_test(some_connections_are_kept_from_the_others),
        cmocka_unit_test(out_of_descriptors_accepting_pauses_and_goes_on),
        cmocka_unit_test(who_leaves_makes_room),
        cmocka_unit_test(the_unwelcome_are_hung_up_on),
        cmocka_unit_test(a_peer_that_never_speaks_is_hung_up_on),
        cmocka_unit_test(a_message_that_does_not_come_ends_its_call_alone),
        cmocka_unit_test(a_head_that_does_not_end_is_hung_up_on),
        cmocka_unit_test(an_answer_that_is_not_taken_ends_the_connection),
        cmocka_unit_test(who_leaves_answers_unread_gets_no_more),
        cmocka_unit_test(a_flood_is_told_why_it_is_hung_up_on),
        cmocka_unit_test(a_unary_call_takes_exactly_one_message),
        cmocka_unit_test(garbage_is_hung_up_on_and_others_are_served),
        cmocka_unit_test(a_call_cut_off_anywhere_harms_nobody),
        cmocka_unit_test(who_does_not_read_delays_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
