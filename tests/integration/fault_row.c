#include "tests/integration/fault_row.h"

#include "common/buffer.h"
#include "tests/support/http_get.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what is counted ------------------------------------------------------------------------- */

struct wanted {
    struct pointsman *pointsman;
    char line[160];
};

static bool metrics_have(void *context)
{
    struct wanted *wanted = context;
    return pointsman_page_has(wanted->pointsman, "/metrics", wanted->line);
}

/* The counters of a request are settled when its connection is done with, a moment later. */
void fault_expect_metric(struct pointsman *pointsman, const char *backend, const char *name,
                         const char *kind, unsigned value)
{
    struct wanted wanted = {.pointsman = pointsman};
    char *line = wanted.line;
    if (kind != NULL)
        snprintf(line, sizeof(wanted.line), "pointsman_%s{backend=\"%s\",kind=\"%s\"} %u\n", name,
                 backend, kind, value);
    else
        snprintf(line, sizeof(wanted.line), "pointsman_%s{backend=\"%s\"} %u\n", name, backend,
                 value);
    if (!wait_until(metrics_have, &wanted, WAIT_MS))
        fail_msg("missing in /metrics: %s", line);
}

static void expect_no_metric(struct pointsman *pointsman, const char *backend, const char *name)
{
    struct wanted wanted = {.pointsman = pointsman};
    snprintf(wanted.line, sizeof(wanted.line), "pointsman_%s{backend=\"%s\"", name, backend);
    if (metrics_have(&wanted))
        fail_msg("%s is in /metrics", wanted.line);
}

/* --- one row --------------------------------------------------------------------------------- */

/* A slow machine must not make a timeout of another failure, nor wait long for one that is meant.
 */
void fault_add_route(struct pointsman *pointsman, const char *name, const char *failure,
                     const char *url)
{
    bool times_out = failure != NULL && strcmp(failure, "timeout") == 0;
    char prefix[80];
    snprintf(prefix, sizeof(prefix), "/%s", name);
    pointsman_routectl_ok(pointsman, "add", name, "--path-prefix", prefix, "--to", url, "--timeout",
                          "60s", "--backend-timeout", times_out ? "700ms" : "50s", NULL);
}

/* A client may find the connection closed while it still sends: that is no fault of the answer. */
static void send_request(struct http_connection *client, const struct fault *fault)
{
    char get[128];
    snprintf(get, sizeof(get), "GET /%s HTTP/1.1\r\nHost: h\r\n\r\n", fault->name);
    assert_true(http_connection_send_text(client, fault->request != NULL ? fault->request : get));
    static char piece[10000];
    for (size_t sent = 0; sent < fault->body_bytes; sent += sizeof(piece)) {
        if (!http_connection_send(client, piece, sizeof(piece)))
            return;
    }
}

static void expect_view_of_client(struct pointsman *pointsman, const struct fault *fault)
{
    struct http_connection *client = http_connection_open(pointsman_port(pointsman));
    assert_non_null(client);
    send_request(client, fault);

    struct http_message response = HTTP_MESSAGE_EMPTY;
    enum http_outcome outcome = http_connection_receive(client, &response, WAIT_MS);
    if (outcome != fault->outcome || response.status != fault->status)
        fail_msg("%s: %s with status %d", fault->name, http_outcome_name(outcome), response.status);
    if (fault->body != NULL)
        assert_string_equal(buffer_string(&response.body), fault->body);
    http_message_clear(&response);
    http_connection_close(client);
}

static void expect_counters(struct pointsman *pointsman, const struct fault *fault)
{
    fault_expect_metric(pointsman, fault->name, "backend_requests_running", NULL, 0);
    if (fault->failure != NULL)
        fault_expect_metric(pointsman, fault->name, "upstream_failures_total", fault->failure,
                            fault->failures);
    else
        expect_no_metric(pointsman, fault->name, "upstream_failures_total");
    if (fault->retry != NULL)
        fault_expect_metric(pointsman, fault->name, "upstream_retries_total", fault->retry, 1);
    else
        expect_no_metric(pointsman, fault->name, "upstream_retries_total");
    expect_no_metric(pointsman, fault->name, "endpoint_ejections_total");
}

/* After whatever it was, the next request is served; on the same connection only where nothing was
 * wrong with it. */
static void expect_next_request_to_be_served(struct pointsman *pointsman, const struct fault *fault)
{
    char path[96];
    snprintf(path, sizeof(path), "/%s/next", fault->name);
    int status = http_get_status(pointsman_port(pointsman), "h", path);
    if (status != 200)
        fail_msg("after %s: %d", fault->name, status);
}

static void play(struct pointsman *pointsman, const char *scheme, const struct fault *fault)
{
    struct fake_upstream *service = fake_upstream_start(fault->name);
    if (fault->refuses)
        fake_upstream_refuse(service);
    else
        fake_upstream_script(service, fault->steps);
    for (int i = 0; fault->next != NULL && i < (fault->retry != NULL ? 2 : 1); i++)
        fake_upstream_script(service, fault->next);
    char url[64];
    snprintf(url, sizeof(url), "%s://127.0.0.1:%d", scheme, fake_upstream_port(service));
    fault_add_route(pointsman, fault->name, fault->failure, url);

    expect_view_of_client(pointsman, fault);
    assert_int_equal(fake_upstream_connection_count(service), fault->connections);
    expect_counters(pointsman, fault);

    if (fault->refuses)
        fake_upstream_accept(service);
    expect_next_request_to_be_served(pointsman, fault);
    fake_upstream_free(service);
}

void fault_rows_play(struct pointsman *pointsman, const char *scheme, const struct fault *faults,
                     size_t count)
{
    for (size_t i = 0; i < count; i++)
        play(pointsman, scheme, &faults[i]);
}
