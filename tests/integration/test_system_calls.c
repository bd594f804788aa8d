/* What a request costs in system calls, as the kernel sees it: strace counts them. Two to receive
 * and two to send; the waits between them are shared by all requests of a turn, so with one
 * connection they are at their most. */
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

enum { REQUESTS = 200 };

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

struct call_counts {
    int thread; /* the one that receives */
    unsigned receives;
    unsigned sends;
    unsigned waits;
    unsigned others;
    char other[64]; /* the first of them */
};

static bool is_call(const char *line, const char *name)
{
    size_t length = strlen(name);
    return strncmp(line, name, length) == 0 && line[length] == '(';
}

/* A line is "TID call(...) = ...". Calls under way when strace came or went are not whole. */
static void count_line(struct call_counts *counts, const char *line, bool is_first_pass)
{
    char *call;
    int thread = (int)strtol(line, &call, 10);
    while (*call == ' ')
        call++;
    if (is_first_pass) {
        if (is_call(call, "recvfrom"))
            counts->thread = thread;
        return;
    }
    if (thread != counts->thread || strncmp(call, "<...", 4) == 0 || strncmp(call, "---", 3) == 0)
        return;
    if (is_call(call, "recvfrom"))
        counts->receives++;
    else if (is_call(call, "sendto") || is_call(call, "sendmsg"))
        counts->sends++;
    else if (is_call(call, "epoll_wait"))
        counts->waits++;
    else if (counts->others++ == 0)
        snprintf(counts->other, sizeof(counts->other), "%s", call);
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

static void a_request_costs_two_receives_and_two_sends(void **state)
{
    (void)state;
    struct http_connection *client = http_connection_open(pointsman_port(pointsman));
    assert_non_null(client);
    ask(client, 5);
    char *path = temp_dir_file(pointsman_dir(pointsman), "calls");
    struct process *strace = start_strace(path);
    if (strace == NULL) {
        free(path);
        http_connection_close(client);
        print_message("tracing is not permitted here\n");
        skip();
    }

    ask(client, REQUESTS);
    process_signal(strace, SIGINT);
    process_wait(strace, WAIT_MS);

    struct call_counts counts = count_calls(path);
    assert_int_equal(counts.receives, 2 * REQUESTS);
    assert_int_equal(counts.sends, 2 * REQUESTS);
    assert_in_range(counts.waits, REQUESTS, 2 * REQUESTS + 8);
    if (counts.others > 0)
        print_message("also: %s\n", counts.other);
    assert_int_equal(counts.others, 0);
    process_free(strace);
    free(path);
    http_connection_close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_costs_two_receives_and_two_sends),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
