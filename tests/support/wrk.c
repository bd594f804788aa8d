#include "tests/support/wrk.h"

#include "tests/support/check.h"
#include "tests/support/wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct process *wrk_start(int port, const char *path, unsigned connections, unsigned seconds)
{
    char connections_text[16];
    char duration[16];
    char url[256];
    snprintf(connections_text, sizeof(connections_text), "-c%u", connections);
    snprintf(duration, sizeof(duration), "-d%us", seconds);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
    const char *arguments[] = {"wrk", "-t1", connections_text, duration, url, NULL};
    return process_start(arguments, NULL);
}

/* Sums the numbers of a line like "Socket errors: connect 0, read 0, write 0, timeout 0". */
static size_t sum_numbers(const char *report, const char *label)
{
    const char *at = strstr(report, label);
    size_t sum = 0;
    if (at == NULL)
        return 0;
    at += strlen(label);
    while (*at != '\0' && *at != '\n') {
        char *end;
        sum += strtoul(at, &end, 10);
        at = end == at ? at + 1 : end;
    }
    return sum;
}

struct wrk_result wrk_finish(struct process *wrk, unsigned seconds)
{
    int exit_code = process_wait(wrk, seconds * UINT64_C(1000) + WAIT_MS);
    CHECK(exit_code == 0, "wrk ended with %d (-1: not at all)", exit_code);
    struct wrk_result result = {.report = process_output(wrk, PROCESS_STDOUT)};
    process_free(wrk);

    const char *requests = strstr(result.report, " requests in ");
    CHECK(requests != NULL, "wrk said:\n%s", result.report);
    while (requests > result.report && requests[-1] >= '0' && requests[-1] <= '9')
        requests--;
    result.requests = strtoul(requests, NULL, 10);
    result.socket_errors = sum_numbers(result.report, "Socket errors:");
    result.other_statuses = sum_numbers(result.report, "Non-2xx or 3xx responses:");
    return result;
}
