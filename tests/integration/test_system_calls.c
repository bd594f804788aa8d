/* What requests and connections cost in system calls, as the kernel sees it: strace counts them. A
 * request takes two to receive and two to send; the waits between them are shared by all requests
 * of a turn, so with one connection they are at their most. */
#include "common/buffer.h"
#include "tests/support/check.h"
#include "tests/support/http_connection.h"
#include "tests/support/nginx.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUESTS = 200, CLIENTS = 40, ROUNDS = 20 };

static struct temp_dir *files;
static struct nginx *nginx;
static struct pointsman *pointsman;

static int start(void **state)
{
    (void)state;
    files = temp_dir_new();
    free(temp_dir_write(files, "small.txt", "small\n"));
    nginx = nginx_start(files);
    pointsman = pointsman_start(&(struct pointsman_options){.workers = "1"});
    pointsman_routectl_ok(pointsman, "add", "files", "--path-prefix", "/", "--to", nginx_url(nginx),
                          NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    nginx_free(nginx);
    temp_dir_free(files);
    return 0;
}

static void ask(struct http_connection *client, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        struct http_message response = {0};
        assert_true(
            http_connection_send_text(client, "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_int_equal(http_connection_receive(client, &response, WAIT_MS), HTTP_COMPLETE);
        assert_int_equal(response.status, 200);
        http_message_clear(&response);
    }
}

/* NULL where tracing is not permitted. */
static struct process *start_strace(const char *output)
{
    char pid[16];
    snprintf(pid, sizeof(pid), "%d", (int)process_id(pointsman_proxy(pointsman)));
    const char *arguments[] = {"strace", "-f", "-o", output, "-p", pid, NULL};
    struct process *strace = process_start(arguments, NULL);
    char *line = process_find_line(strace, PROCESS_STDERR, "attached", WAIT_MS);
    if (line == NULL) {
        process_free(strace);
        return NULL;
    }
    free(line);
    return strace;
}

enum call {
    CALL_RECEIVE,
    CALL_SEND,
    CALL_WAIT,
    CALL_ACCEPT,
    CALL_WATCH,
    CALL_SET_FLAGS,
    CALL_CLOSE,
    CALL_OTHER,
    CALL_COUNT,
};

static const struct {
    const char *name;
    enum call call;
} known_calls[] = {
    {"recvfrom", CALL_RECEIVE}, {"sendto", CALL_SEND},    {"sendmsg", CALL_SEND},
    {"epoll_wait", CALL_WAIT},  {"accept4", CALL_ACCEPT}, {"epoll_ctl", CALL_WATCH},
    {"fcntl", CALL_SET_FLAGS},  {"close", CALL_CLOSE},
};

struct call_counts {
    int thread; /* the one that receives */
    unsigned of[CALL_COUNT];
};

static enum call call_of(const char *line)
{
    for (size_t i = 0; i < sizeof(known_calls) / sizeof(known_calls[0]); i++) {
        size_t length = strlen(known_calls[i].name);
        if (strncmp(line, known_calls[i].name, length) == 0 && line[length] == '(')
            return known_calls[i].call;
    }
    return CALL_OTHER;
}

/* A line is "TID call(...) = ...". Calls under way when strace came or went are not whole. */
static void count_line(struct call_counts *counts, const char *line, bool is_first_pass)
{
    char *text;
    int thread = (int)strtol(line, &text, 10);
    while (*text == ' ')
        text++;
    enum call call = call_of(text);
    if (is_first_pass) {
        if (call == CALL_RECEIVE)
            counts->thread = thread;
        return;
    }
    if (thread != counts->thread || strncmp(text, "<...", 4) == 0 || strncmp(text, "---", 3) == 0)
        return;
    if (call == CALL_OTHER)
        print_message("also: %s", text);
    counts->of[call]++;
}

static struct call_counts count_calls(const char *path)
{
    struct call_counts counts = {0};
    char line[1024];
    for (int pass = 0; pass < 2; pass++) {
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        while (fgets(line, sizeof(line), file) != NULL)
            count_line(&counts, line, pass == 0);
        fclose(file);
    }
    return counts;
}

/* The calls that `act` makes the proxy do. Skips the test where tracing is not permitted. */
static struct call_counts calls_during(void (*act)(void *context), void *context)
{
    char *path = temp_dir_file(pointsman_dir(pointsman), "calls");
    struct process *strace = start_strace(path);
    if (strace == NULL) {
        free(path);
        print_message("tracing is not permitted here\n");
        skip();
    }
    act(context);
    process_signal(strace, SIGINT);
    process_wait(strace, WAIT_MS);
    struct call_counts counts = count_calls(path);
    process_free(strace);
    free(path);
    return counts;
}

static void ask_many_times(void *client)
{
    ask(client, REQUESTS);
}

static void a_request_costs_two_receives_and_two_sends(void **state)
{
    (void)state;
    struct http_connection *client = http_connection_open(pointsman_port(pointsman));
    assert_non_null(client);
    ask(client, 5);

    struct call_counts counts = calls_during(ask_many_times, client);

    assert_int_equal(counts.of[CALL_RECEIVE], 2 * REQUESTS);
    assert_int_equal(counts.of[CALL_SEND], 2 * REQUESTS);
    assert_in_range(counts.of[CALL_WAIT], REQUESTS, 2 * REQUESTS + 8);
    assert_int_equal(counts.of[CALL_WATCH], 0);
    assert_int_equal(counts.of[CALL_OTHER], 0);
    http_connection_close(client);
}

static void ask_all(struct http_connection **clients)
{
    for (unsigned i = 0; i < CLIENTS; i++)
        assert_true(
            http_connection_send_text(clients[i], "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n"));
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct http_message response = {0};
        assert_int_equal(http_connection_receive(clients[i], &response, WAIT_MS), HTTP_COMPLETE);
        assert_int_equal(response.status, 200);
        http_message_clear(&response);
    }
}

static void ask_all_many_times(void *clients)
{
    for (unsigned i = 0; i < ROUNDS; i++)
        ask_all(clients);
}

/* A connection to the service that has just come back has to be looked at before it is used again;
 * those that have waited are used first. While the first few are opened, it cannot be helped. One
 * more is opened, with four calls, whenever more requests are under way at once than ever before:
 * no more often than there are clients. */
static void requests_side_by_side_cost_no_more(void **state)
{
    (void)state;
    struct http_connection *clients[CLIENTS];
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = http_connection_open(pointsman_port(pointsman));
        assert_non_null(clients[i]);
    }
    for (int i = 0; i < 5; i++)
        ask_all(clients);

    struct call_counts counts = calls_during(ask_all_many_times, clients);

    enum { ALL = CLIENTS * ROUNDS, CALLS_TO_OPEN = 4 };
    assert_int_equal(counts.of[CALL_SEND], 2 * ALL);
    assert_in_range(counts.of[CALL_RECEIVE], 2 * ALL, 2 * ALL + ALL / 5);
    assert_in_range(counts.of[CALL_WAIT], 1, 2 * ALL + 8);
    assert_in_range(counts.of[CALL_OTHER], 0, CALLS_TO_OPEN * CLIENTS);
    for (unsigned i = 0; i < CLIENTS; i++)
        http_connection_close(clients[i]);
}

static void connect_many_times(void *context)
{
    (void)context;
    for (unsigned i = 0; i < REQUESTS; i++) {
        struct http_connection *client = http_connection_open(pointsman_port(pointsman));
        assert_non_null(client);
        assert_true(http_connection_send_text(
            client, "GET /small.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        struct http_message response = {0};
        assert_int_equal(http_connection_receive(client, &response, WAIT_MS), HTTP_COMPLETE);
        http_message_clear(&response);
        assert_true(http_connection_is_closed_within(client, WAIT_MS));
        http_connection_close(client);
    }
}

/* What libh2o does by itself is in here: it sets flags that are set already, twice, and takes a
 * socket out of epoll before it closes it. */
static void a_connection_for_one_request_costs_six_more(void **state)
{
    (void)state;
    connect_many_times(NULL);

    struct call_counts counts = calls_during(connect_many_times, NULL);

    assert_int_equal(counts.of[CALL_RECEIVE], 2 * REQUESTS);
    assert_int_equal(counts.of[CALL_SEND], 2 * REQUESTS);
    assert_in_range(counts.of[CALL_ACCEPT], REQUESTS, REQUESTS + REQUESTS / 3);
    assert_int_equal(counts.of[CALL_WATCH], 2 * REQUESTS);
    assert_int_equal(counts.of[CALL_SET_FLAGS], 2 * REQUESTS);
    assert_int_equal(counts.of[CALL_CLOSE], REQUESTS);
    assert_in_range(counts.of[CALL_WAIT], REQUESTS, 3 * REQUESTS + 8);
    assert_int_equal(counts.of[CALL_OTHER], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_costs_two_receives_and_two_sends),
        cmocka_unit_test(requests_side_by_side_cost_no_more),
        cmocka_unit_test(a_connection_for_one_request_costs_six_more),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
