/* WebSockets on streams of HTTP/2 (RFC 8441), through the real programs to a real service. */
#include "tests/support/http2_client.h"
#include "tests/support/http_connection.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RFC 6455 section 5.2. */
enum opcode { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

enum { FINAL = 0x80, MASKED = 0x80, LONG_LENGTH = 126, LARGE = 50 * 1000, MANY = 20 };

#define CONNECT                                                                                    \
    ":method: CONNECT\n:protocol: websocket\n:scheme: http\n:authority: h\n:path: /chat\n"         \
    "sec-websocket-version: 13\n"

static struct process *service;
static struct pointsman *pointsman;
static struct http2_client *client;
static char *log_path;

static int start(void **state)
{
    (void)state;
    const char *const echo[] = {DEBIAN_PYTHON, "-B", WEBSOCKET_ECHO, NULL};
    service = process_start(echo, NULL);
    char *port = process_find_line(service, PROCESS_STDOUT, "", WAIT_MS);
    assert_non_null(port);
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", atoi(port));
    free(port);

    static const char *arguments[] = {"--drain-time", "300ms", "--access-log", NULL, NULL};
    pointsman = pointsman_new(&(struct pointsman_options){.proxy_arguments = arguments});
    log_path = temp_dir_file(pointsman_dir(pointsman), "access.log");
    arguments[3] = log_path;
    pointsman_start_control(pointsman);
    pointsman_start_proxy(pointsman);
    pointsman_routectl_ok(pointsman, "add", "chat", "--path-prefix", "/chat", "--method", "GET",
                          "--to", url, NULL);
    client = http2_client_open(pointsman_port(pointsman));
    assert_non_null(client);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    http2_client_close(client);
    pointsman_free(pointsman);
    process_free(service);
    free(log_path);
    return 0;
}

/* --- a client of WebSocket ------------------------------------------------------------------- */

static struct http2_reply *open_websocket(const char *fields)
{
    struct http2_reply *websocket = http2_client_ask(client, fields, false);
    assert_true(HTTP2_CLIENT_WAIT(client, websocket->has_head));
    if (http2_reply_status(websocket) != 200)
        fail_msg("answered with %s", buffer_string(&websocket->fields));
    assert_false(websocket->has_ended);
    return websocket;
}

static void put_frame_head(struct buffer *to, enum opcode opcode, uint8_t mask, size_t length)
{
    buffer_append_char(to, (char)(FINAL | opcode));
    if (length < LONG_LENGTH) {
        buffer_append_char(to, (char)(mask | length));
        return;
    }
    buffer_append_char(to, (char)(mask | LONG_LENGTH));
    buffer_append_char(to, (char)(length >> 8));
    buffer_append_char(to, (char)length);
}

static void send_message(struct http2_reply *websocket, enum opcode opcode, struct slice payload)
{
    static const char key[] = {0x37, (char)0xfa, 0x21, 0x3d};
    struct buffer frame = BUFFER_EMPTY;
    put_frame_head(&frame, opcode, MASKED, payload.length);
    buffer_append(&frame, key, sizeof(key));
    for (size_t i = 0; i < payload.length; i++)
        buffer_append_char(&frame, (char)(payload.at[i] ^ key[i % sizeof(key)]));
    http2_client_send(client, websocket, buffer_slice(&frame), false);
    buffer_clear(&frame);
}

static void expect_message(struct http2_reply *websocket, enum opcode opcode, struct slice payload)
{
    struct buffer frame = BUFFER_EMPTY;
    put_frame_head(&frame, opcode, 0, payload.length);
    buffer_append_slice(&frame, payload);
    assert_true(HTTP2_CLIENT_WAIT(client, websocket->body.length >= frame.length));
    assert_memory_equal(websocket->body.at, frame.at, frame.length);
    buffer_consume(&websocket->body, frame.length);
    buffer_clear(&frame);
}

static void expect_echo(struct http2_reply *websocket, enum opcode opcode, struct slice payload)
{
    send_message(websocket, opcode, payload);
    expect_message(websocket, opcode, payload);
}

static bool metrics_have(void *line)
{
    return pointsman_page_has(pointsman, "/metrics", line);
}

static void wait_for_open(const char *line)
{
    assert_true(wait_until(metrics_have, (void *)line, WAIT_MS));
}

static bool log_has_websocket(void *context)
{
    (void)context;
    char *text = temp_dir_read(log_path);
    bool has_it =
        text != NULL &&
        strstr(text, "\"method\":\"GET\",\"host\":\"h\",\"path\":\"/chat\",\"status\":200") !=
            NULL &&
        strstr(text, "\"upgrade\":\"websocket\",\"route\":\"chat\"") != NULL;
    free(text);
    return has_it;
}

/* --- the stories ----------------------------------------------------------------------------- */

static void a_websocket_carries_messages_until_it_is_closed(void **state)
{
    (void)state;
    static char large[LARGE];
    assert_true(HTTP2_CLIENT_WAIT(client, client->has_settings));
    assert_true(client->takes_connect);
    struct http2_reply *websocket = open_websocket(CONNECT "sec-websocket-protocol: other, echo\n");
    assert_true(http2_reply_has_field(websocket, "sec-websocket-protocol: echo"));
    wait_for_open("pointsman_tunnels_open 1\n");

    expect_echo(websocket, TEXT, SLICE("Hello"));
    expect_echo(websocket, BINARY, slice_of(large, sizeof(large)));
    send_message(websocket, PING, SLICE("there?"));
    expect_message(websocket, PONG, SLICE("there?"));

    send_message(websocket, CLOSE, SLICE("\x03\xe8"));
    expect_message(websocket, CLOSE, SLICE("\x03\xe8"));
    assert_true(HTTP2_CLIENT_WAIT(client, websocket->has_ended));
    assert_false(websocket->was_reset);
    wait_for_open("pointsman_tunnels_open 0\n");
    assert_true(wait_until(log_has_websocket, NULL, WAIT_MS));
}

static void extensions_are_between_client_and_service(void **state)
{
    (void)state;
    struct http2_reply *websocket =
        open_websocket(CONNECT "sec-websocket-extensions: permessage-deflate\n");
    assert_non_null(strstr(buffer_string(&websocket->fields),
                           "\nsec-websocket-extensions: permessage-deflate"));
}

static void many_and_requests_share_a_connection(void **state)
{
    (void)state;
    struct http2_reply *websockets[MANY];
    char text[MANY][16];
    for (size_t i = 0; i < MANY; i++)
        websockets[i] = open_websocket(CONNECT);

    for (size_t i = 0; i < MANY; i++) {
        snprintf(text[i], sizeof(text[i]), "message %zu", i);
        send_message(websockets[i], TEXT, slice_from_string(text[i]));
    }
    struct http2_reply *request = http2_client_ask(client, HTTP2_CLIENT_GET("h", "/chat"), true);
    for (size_t i = 0; i < MANY; i++)
        expect_message(websockets[i], TEXT, slice_from_string(text[i]));
    assert_true(HTTP2_CLIENT_WAIT(client, request->has_ended));
    assert_int_equal(http2_reply_status(request), 426); /* which the service says to any GET */
    wait_for_open("pointsman_tunnels_open 20\n");
}

static void a_service_that_is_killed_ends_it(void **state)
{
    (void)state;
    struct http2_reply *websocket = open_websocket(CONNECT);
    expect_echo(websocket, TEXT, SLICE("Hello"));

    process_kill(service);

    assert_true(HTTP2_CLIENT_WAIT(client, websocket->has_ended));
    assert_false(client->is_over);
    wait_for_open("pointsman_tunnels_open 0\n");
}

static void it_is_open_until_the_drain_time_is_over(void **state)
{
    (void)state;
    struct http2_reply *websocket = open_websocket(CONNECT);
    expect_echo(websocket, TEXT, SLICE("Hello"));

    process_signal(pointsman_proxy(pointsman), SIGTERM);
    assert_true(HTTP2_CLIENT_WAIT(client, client->goaways > 0));
    expect_echo(websocket, TEXT, SLICE("still there"));

    HTTP2_CLIENT_WAIT(client, client->is_over);
    assert_true(client->is_over);
    assert_int_equal(process_wait(pointsman_proxy(pointsman), WAIT_MS), 0);
}

int main(void)
{
#define STORY(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        STORY(a_websocket_carries_messages_until_it_is_closed),
        STORY(extensions_are_between_client_and_service),
        STORY(many_and_requests_share_a_connection),
        STORY(a_service_that_is_killed_ends_it),
        STORY(it_is_open_until_the_drain_time_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
