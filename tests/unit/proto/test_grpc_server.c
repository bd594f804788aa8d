/* The server as a whole: who may stay, how long it waits, and how it ends. */
#include "common/clock.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proto/grpc_pair.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nghttp2/nghttp2.h>

/* --- a connection that sends exactly what it is told ------------------------------------------ */

struct wire {
    int fd;
    struct buffer in;
    nghttp2_hd_inflater *inflater;
    int grpc_status; /* the last that was said; -1: none */
};

struct frame {
    size_t length;
    unsigned type;
    unsigned stream;
};

enum { FRAME_HEAD_BYTES = 9, FRAME_DATA = 0, FRAME_HEADERS = 1, FRAME_RESET = 3, FRAME_GOAWAY = 7 };

#define HELLO SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")

static void wire_open(struct wire *wire, struct grpc_pair *pair)
{
    *wire = (struct wire){
        .fd = unix_socket_connect(grpc_pair_socket(pair), NULL),
        .grpc_status = -1,
    };
    assert_true(wire->fd >= 0);
    assert_int_equal(nghttp2_hd_inflate_new(&wire->inflater), 0);
}

static void wire_close(struct wire *wire)
{
    close(wire->fd);
    nghttp2_hd_inflate_del(wire->inflater);
    buffer_clear(&wire->in);
}

static void wire_send(const struct wire *wire, struct slice bytes)
{
    assert_int_equal(send(wire->fd, bytes.at, bytes.length, MSG_NOSIGNAL), bytes.length);
}

/* More of what comes. False at the end of the connection. */
static bool wire_receive(struct wire *wire)
{
    struct pollfd ready = {.fd = wire->fd, .events = POLLIN};
    if (poll(&ready, 1, (int)WAIT_MS) != 1)
        fail_msg("the server says nothing and does not hang up");
    ssize_t got = recv(wire->fd, buffer_reserve(&wire->in, 65536), 65536, 0);
    if (got <= 0)
        return false;
    buffer_extend(&wire->in, (size_t)got);
    return true;
}

static void note_headers(struct wire *wire, struct slice block)
{
    int flags = 0;
    while (block.length > 0) {
        nghttp2_nv field;
        ssize_t used = nghttp2_hd_inflate_hd2(wire->inflater, &field, &flags,
                                              (const uint8_t *)block.at, block.length, 1);
        assert_true(used >= 0);
        block = slice_of(block.at + used, block.length - (size_t)used);
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0 &&
            slice_equals(slice_of((const char *)field.name, field.namelen), SLICE("grpc-status")))
            wire->grpc_status = atoi((const char *)field.value);
    }
    nghttp2_hd_inflate_end_headers(wire->inflater);
}

static bool wire_next(struct wire *wire, struct frame *frame)
{
    for (;;) {
        const unsigned char *at = (const unsigned char *)wire->in.at;
        if (wire->in.length >= FRAME_HEAD_BYTES) {
            frame->length = (size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2];
            frame->type = at[3];
            frame->stream = (unsigned)at[7] << 8 | at[8];
            if (wire->in.length >= FRAME_HEAD_BYTES + frame->length) {
                if (frame->type == FRAME_HEADERS)
                    note_headers(wire, slice_of(wire->in.at + FRAME_HEAD_BYTES, frame->length));
                buffer_consume(&wire->in, FRAME_HEAD_BYTES + frame->length);
                return true;
            }
        }
        if (!wire_receive(wire))
            return false;
    }
}

static bool is_hung_up(struct wire *wire)
{
    struct frame frame;
    while (wire_next(wire, &frame))
        ;
    return true;
}

/* Skips frames up to one of this type. */
static bool wire_expect(struct wire *wire, unsigned type, struct frame *frame)
{
    while (wire_next(wire, frame)) {
        if (frame->type == type)
            return true;
    }
    return false;
}

/* The head of a call on stream 1: fields without Huffman coding. */
static void wire_call(const struct wire *wire, const char *path)
{
    struct buffer fields = BUFFER_EMPTY;
    buffer_append_string(&fields, "\x83\x86"); /* :method POST, :scheme http */
    buffer_append_char(&fields, 0x04);         /* :path */
    buffer_append_char(&fields, (char)strlen(path));
    buffer_append_string(&fields, path);
    buffer_append_slice(&fields, SLICE("\x0f\x10\x10"
                                       "application/grpc"));
    const char head[] = {0, 0, (char)fields.length, FRAME_HEADERS, 0x04, 0, 0, 0, 1};
    wire_send(wire, slice_of(head, sizeof(head)));
    wire_send(wire, buffer_slice(&fields));
    buffer_clear(&fields);
}

/* Its message, of field 1, and the end of the request. */
static void wire_message(const struct wire *wire, const char *text)
{
    size_t length = strlen(text);
    const char head[] = {0, 0, (char)(length + 7), FRAME_DATA, 0x01, 0, 0, 0, 1};
    const char message[] = {0, 0, 0, 0, (char)(length + 2), 0x0a, (char)length};
    wire_send(wire, slice_of(head, sizeof(head)));
    wire_send(wire, slice_of(message, sizeof(message)));
    wire_send(wire, slice_from_string(text));
}

/* --- calls ------------------------------------------------------------------------------------ */

static enum grpc_status echo(struct grpc_client *client)
{
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    struct grpc_result result;
    message_free(grpc_client_call(client, "/test.v1.Try/Echo", &request.base,
                                  &pointsman__v1__label__descriptor, WAIT_MS, &result));
    enum grpc_status status = result.status;
    grpc_result_clear(&result);
    return status;
}

static struct grpc_client *connect_to(struct grpc_pair *pair)
{
    struct grpc_client *client = grpc_client_connect(grpc_pair_socket(pair), NULL);
    assert_non_null(client);
    return client;
}

/* --- who may stay ----------------------------------------------------------------------------- */

static atomic_bool is_exempt;
static atomic_bool is_welcome;

static bool say_exempt(void *context, const struct peer_credentials *peer)
{
    (void)context;
    assert_int_equal(peer->uid, getuid());
    return atomic_load(&is_exempt);
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
    limits.is_welcome = say_welcome;
    atomic_store(&is_exempt, false);
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
        clients[count] = connect_to(pair);
        if (echo(clients[count]) != GRPC_OK)
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
    clients[count] = connect_to(pair);

    assert_int_equal(echo(clients[count]), GRPC_OK);
    stop_with(pair, clients, count + 1);
}

static void some_connections_are_kept_for_the_exempt(void **state)
{
    (void)state;
    struct grpc_pair *pair = start_with(5, 100, 2);
    struct grpc_client *clients[CLIENTS_MAX];

    size_t others = connect_until_refused(pair, clients, 0);
    atomic_store(&is_exempt, true);
    size_t all = connect_until_refused(pair, clients, others);

    assert_int_equal(others, 3);
    assert_int_equal(all, 5);
    stop_with(pair, clients, all);
}

static void who_leaves_makes_room(void **state)
{
    (void)state;
    struct grpc_pair *pair = start_with(100, 1, 0);
    struct grpc_client *first = connect_to(pair);
    assert_int_equal(echo(first), GRPC_OK);

    grpc_client_free(first);

    /* The server sees the end of the first before it accepts, or soon after. */
    enum grpc_status status;
    uint64_t deadline_ms = clock_now_ms() + WAIT_MS;
    do {
        struct grpc_client *second = connect_to(pair);
        status = echo(second);
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

    wire_open(&wire, pair);

    assert_true(is_hung_up(&wire));
    wire_close(&wire);
    grpc_pair_stop(pair);
}

/* --- how long it waits ------------------------------------------------------------------------ */

static struct grpc_pair *start_impatient(void)
{
    struct grpc_server_limits limits;
    grpc_server_limits_init(&limits);
    limits.message_timeout_ms = 50;
    return grpc_pair_start(&limits);
}

static void a_peer_that_never_speaks_is_hung_up_on(void **state)
{
    (void)state;
    struct grpc_pair *pair = start_impatient();
    struct wire wire;

    wire_open(&wire, pair);

    assert_true(is_hung_up(&wire));
    wire_close(&wire);
    grpc_pair_stop(pair);
}

static void a_message_that_does_not_come_ends_its_call_alone(void **state)
{
    (void)state;
    struct grpc_pair *pair = start_impatient();
    struct wire wire;
    struct frame frame;
    wire_open(&wire, pair);
    wire_send(&wire, HELLO);

    wire_call(&wire, "/test.v1.Try/Echo");

    assert_true(wire_expect(&wire, FRAME_HEADERS, &frame));
    assert_int_equal(frame.stream, 1);
    assert_true(wire_expect(&wire, FRAME_RESET, &frame));
    assert_int_equal(wire.grpc_status, GRPC_DEADLINE_EXCEEDED);
    wire_send(&wire, SLICE("\0\0\x08\x06\0\0\0\0\0pingpong"));
    assert_true(wire_expect(&wire, 6, &frame));
    wire_close(&wire);
    grpc_pair_stop(pair);
}

/* What a unary call gets that ends with these frames. */
static int status_after(struct slice frames)
{
    struct grpc_pair *pair = grpc_pair_start(NULL);
    struct wire wire;
    struct frame frame;
    wire_open(&wire, pair);
    wire_send(&wire, HELLO);
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
    struct grpc_client *client = connect_to(pair);

    for (size_t i = 0; i < 3; i++) {
        struct wire wire;
        wire_open(&wire, pair);
        wire_send(&wire, garbage[i]);
        shutdown(wire.fd, SHUT_WR);
        assert_true(is_hung_up(&wire));
        wire_close(&wire);
    }

    assert_int_equal(echo(client), GRPC_OK);
    stop_with(pair, &client, 1);
}

static void a_call_cut_off_anywhere_harms_nobody(void **state)
{
    (void)state;
    struct grpc_pair *pair = start_with(1000, 1000, 0);
    struct grpc_client *client = connect_to(pair);
    struct buffer whole = BUFFER_EMPTY;
    buffer_append_slice(&whole, HELLO);
    buffer_append_slice(&whole, SLICE("\0\0\x29\x01\x04\0\0\0\x01\x83\x86\x04\x12"
                                      "/test.v1.Try/Never"
                                      "\x0f\x10\x10"
                                      "application/grpc"));
    buffer_append_slice(&whole, SLICE("\0\0\x05\0\x01\0\0\0\x01\0\0\0\0\0"));

    for (size_t length = 0; length <= whole.length; length++) {
        struct wire wire;
        wire_open(&wire, pair);
        wire_send(&wire, slice_of(whole.at, length));
        shutdown(wire.fd, SHUT_WR);
        assert_true(is_hung_up(&wire));
        wire_close(&wire);
    }

    assert_true(grpc_pair_wait_ended(pair, 1)); /* the one that was whole */
    assert_int_equal(echo(client), GRPC_OK);
    buffer_clear(&whole);
    stop_with(pair, &client, 1);
}

static void who_does_not_read_delays_nobody(void **state)
{
    (void)state;
    struct grpc_pair *pair = grpc_pair_start(NULL);
    struct grpc_client *client = connect_to(pair);
    struct wire wire;
    wire_open(&wire, pair);
    wire_send(&wire, HELLO);
    wire_call(&wire, "/test.v1.Try/Count");
    wire_message(&wire, "4000000000");

    for (int i = 0; i < 100; i++)
        assert_int_equal(echo(client), GRPC_OK);

    wire_close(&wire);
    assert_true(grpc_pair_wait_ended(pair, 1));
    stop_with(pair, &client, 1);
}

/* --- the end ---------------------------------------------------------------------------------- */

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
    struct grpc_client *client = connect_to(pair);
    assert_int_equal(echo(client), GRPC_OK);

    grpc_pair_act(pair, drain);

    assert_true(wait_until(has_drained, NULL, WAIT_MS));
    assert_int_equal(echo(client), GRPC_UNAVAILABLE);
    assert_null(grpc_client_connect(grpc_pair_socket(pair), NULL));
    stop_with(pair, &client, 1);
}

static void a_running_call_is_waited_for(void **state)
{
    (void)state;
    struct grpc_pair *pair = grpc_pair_start(NULL);
    struct wire wire;
    struct frame frame;
    wire_open(&wire, pair);
    wire_send(&wire, HELLO);
    wire_call(&wire, "/test.v1.Try/Never");
    wire_send(&wire, SLICE("\0\0\x08\x06\0\0\0\0\0pingpong"));
    assert_true(wire_expect(&wire, 6, &frame)); /* the server has the call */

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
    wire_open(&wire, pair);
    wire_send(&wire, HELLO);
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
    struct grpc_client *client = connect_to(pair);
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
    stop_with(pair, &client, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_users_connections_are_limited),
        cmocka_unit_test(the_exempt_are_not_counted_against_their_user),
        cmocka_unit_test(some_connections_are_kept_for_the_exempt),
        cmocka_unit_test(who_leaves_makes_room),
        cmocka_unit_test(the_unwelcome_are_hung_up_on),
        cmocka_unit_test(a_peer_that_never_speaks_is_hung_up_on),
        cmocka_unit_test(a_message_that_does_not_come_ends_its_call_alone),
        cmocka_unit_test(a_unary_call_takes_exactly_one_message),
        cmocka_unit_test(garbage_is_hung_up_on_and_others_are_served),
        cmocka_unit_test(a_call_cut_off_anywhere_harms_nobody),
        cmocka_unit_test(who_does_not_read_delays_nobody),
        cmocka_unit_test(an_idle_server_is_drained_at_once),
        cmocka_unit_test(a_running_call_is_waited_for),
        cmocka_unit_test(an_answer_is_waited_for_until_it_has_left),
        cmocka_unit_test(streams_end_unavailable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
