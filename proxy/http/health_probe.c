#include "proxy/http/health_probe.h"

#include "common/clock.h"
#include "common/log.h"
#include "proxy/http/byte_stream.h"
#include "proxy/http/probe_http2.h"
#include "proxy/upstream/grpc_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    /* Of the descriptors that are kept for anything but clients (http_server.c). */
    MOST_RUNNING = 64,
    NO_ROOM_PAUSE_MS = 20,
    LONGEST_FIRST_PAUSE_MS = 1000,
};

static void on_time(struct event_timer *timer);

/* --- when ------------------------------------------------------------------------------------ */

static void wait_for(struct health_probe *probe, uint64_t delay_ms)
{
    event_timer_start(&probe->timer, probe->probes->loop, delay_ms, on_time, probe);
}

static uint64_t random_up_to(struct probes *probes, uint64_t most)
{
    return balancer_random_next(&probes->random) % (most + 1);
}

/* From start to start an interval, give or take a tenth: checks that began together spread. */
static void wait_for_next(struct health_probe *probe)
{
    uint64_t interval_ms = probe->check->settings.interval_ms;
    uint64_t wanted_ms =
        interval_ms - interval_ms / 10 + random_up_to(probe->probes, interval_ms / 5);
    uint64_t passed_ms = clock_now_ms() - probe->started_ms;
    wait_for(probe, passed_ms < wanted_ms ? wanted_ms - passed_ms : 0);
}

/* --- what came of it ------------------------------------------------------------------------- */

static void change(struct health_probe *probe, const char *reason)
{
    struct health_check *check = probe->check;
    struct endpoint *endpoint = check->endpoint;
    bool is_healthy = !health_check_is_healthy(check);
    probe->against = 0;
    if (is_healthy) {
        atomic_store(&endpoint->serving_since_ms, clock_now_ms());
        log_info("endpoint_healthy", "endpoint=%s", endpoint->name);
    } else {
        log_warn("endpoint_unhealthy", "endpoint=%s reason=\"%s\"", endpoint->name, reason);
    }
    atomic_store(&check->is_healthy, is_healthy);
}

static void end_run(struct health_probe *probe)
{
    struct probe_run *run = probe->run;
    if (run == NULL)
        return;
    probe->run = NULL;
    probe->probes->running--;
    event_watch_stop(&run->watch);
    byte_stream_free(run->ssl, run->is_secured);
    close(run->fd);
    probe_http2_free(run->http2);
    buffer_clear(&run->request);
    buffer_clear(&run->response);
    free(run);
}

/* `failure` is NULL when all is well. */
static void conclude(struct health_probe *probe, const char *failure)
{
    struct health_check *check = probe->check;
    end_run(probe);
    bool contradicts = (failure == NULL) != health_check_is_healthy(check);
    probe->against = contradicts ? probe->against + 1 : 0;
    uint32_t enough =
        failure == NULL ? check->settings.healthy_after : check->settings.unhealthy_after;
    if (contradicts && (probe->against >= enough || !probe->is_decided))
        change(probe, failure);
    probe->is_decided = true;
    wait_for_next(probe);
}

/* --- HTTP ------------------------------------------------------------------------------------ */

static struct slice host_of(const struct health_check *check)
{
    if (check->settings.host.length > 0)
        return check->settings.host;
    return slice_from_string(endpoint_authority(check->endpoint));
}

static void put_request(struct probe_run *run, const struct health_check *check)
{
    const struct check_settings *settings = &check->settings;
    if (settings->type == CHECK_GRPC) {
        struct buffer body = BUFFER_EMPTY;
        grpc_check_put_request(settings->service, &body);
        run->http2 = probe_http2_new_call(GRPC_CHECK_PATH, host_of(check), run->ssl != NULL,
                                          buffer_slice(&body), &run->request);
        buffer_clear(&body);
        return;
    }
    if (check->endpoint->protocol == ENDPOINT_HTTP2) {
        run->http2 =
            probe_http2_new(settings->path, host_of(check), run->ssl != NULL, &run->request);
        return;
    }
    buffer_append_string(&run->request, "GET ");
    buffer_append_slice(&run->request, settings->path);
    buffer_append_string(&run->request, " HTTP/1.1\r\nHost: ");
    buffer_append_slice(&run->request, host_of(check));
    buffer_append_string(&run->request, "\r\nUser-Agent: pointsman-health-check\r\n"
                                        "Connection: close\r\n\r\n");
}

static void start_parser(struct probe_run *run)
{
    struct header_list fields = {
        .headers = run->headers, .tags = run->tags, .capacity = RESPONSE_HEADERS_DEFAULT};
    response_parser_init(&run->parser, RESPONSE_HEAD_BYTES_DEFAULT, fields,
                         (struct response_context){0});
}

static bool is_expected(const struct check_settings *settings, unsigned status)
{
    for (size_t i = 0; i < settings->status_count; i++) {
        if (settings->statuses[i] == status)
            return true;
    }
    return settings->status_count == 0 && status >= 200 && status <= 299;
}

static void judge(struct health_probe *probe, unsigned status)
{
    char failure[32];
    if (is_expected(&probe->check->settings, status))
        return conclude(probe, NULL);
    snprintf(failure, sizeof(failure), "status %u", status);
    conclude(probe, failure);
}

static void judge_call(struct health_probe *probe)
{
    const struct probe_http2 *call = probe->run->http2;
    struct slice grpc_status = probe_http2_grpc_status(call);
    char failure[64];
    if (probe_http2_status(call) != 200)
        snprintf(failure, sizeof(failure), "status %u", probe_http2_status(call));
    else if (slice_equals(grpc_status, SLICE("0")))
        return conclude(probe, grpc_check_problem(probe_http2_body(call)));
    else if (grpc_status.length == 0)
        snprintf(failure, sizeof(failure), "no grpc-status");
    else
        snprintf(failure, sizeof(failure), "grpc-status %.*s", (int)grpc_status.length,
                 grpc_status.at);
    conclude(probe, failure);
}

/* Only the head matters. */
static void on_bytes(struct health_probe *probe)
{
    struct probe_run *run = probe->run;
    for (;;) {
        enum parse_result result =
            response_parser_feed(&run->parser, run->response.at, run->response.length);
        if (result == PARSE_MORE)
            return;
        if (result == PARSE_REFUSED)
            return conclude(probe, "the answer is not valid HTTP");
        const struct parsed_response *response = &run->parser.response;
        if (!response->is_informational)
            return judge(probe, response->status);
        buffer_consume(&run->response, response->head_bytes);
        start_parser(run);
    }
}

static void send_request(struct health_probe *probe);

static void on_http2_bytes(struct health_probe *probe)
{
    struct probe_run *run = probe->run;
    enum probe_answer answer =
        probe_http2_take(run->http2, buffer_slice(&run->response), &run->request);
    buffer_reset(&run->response);
    switch (answer) {
    case PROBE_ANSWER_STATUS:
        return probe->check->settings.type == CHECK_GRPC
                   ? judge_call(probe)
                   : judge(probe, probe_http2_status(run->http2));
    case PROBE_ANSWER_BROKEN:
        return conclude(probe, "the answer is not valid HTTP/2");
    case PROBE_ANSWER_MORE:
        break;
    }
    if (run->request.length == 0)
        return;
    event_watch_change(&run->watch, EPOLLIN | EPOLLOUT);
    send_request(probe);
}

static void receive(struct health_probe *probe)
{
    struct probe_run *run = probe->run;
    char *at = buffer_reserve(&run->response, TLS_RECORD_BYTES);
    ssize_t received = byte_stream_receive(run->fd, run->ssl, at, TLS_RECORD_BYTES);
    if (received < 0 && errno == EAGAIN)
        return;
    if (received < 0)
        return conclude(probe, strerrordesc_np(errno));
    if (received == 0)
        return conclude(probe, "closed without an answer");
    buffer_extend(&run->response, (size_t)received);
    if (run->http2 != NULL)
        on_http2_bytes(probe);
    else
        on_bytes(probe);
}

static void send_request(struct health_probe *probe)
{
    struct probe_run *run = probe->run;
    const struct iovec all = {run->request.at, run->request.length};
    ssize_t sent = byte_stream_send(run->fd, run->ssl, &all, 1);
    if (sent < 0 && errno == EAGAIN)
        return;
    if (sent < 0)
        return conclude(probe, strerrordesc_np(errno));
    buffer_consume(&run->request, (size_t)sent);
    if (run->request.length == 0)
        event_watch_change(&run->watch, EPOLLIN);
}

/* --- a connection ---------------------------------------------------------------------------- */

static void on_secured(struct health_probe *probe)
{
    const struct health_check *check = probe->check;
    bool is_http2 =
        check->endpoint->protocol == ENDPOINT_HTTP2 || check->settings.type == CHECK_GRPC;
    if (is_http2 && probe->run->ssl != NULL && !tls_client_has_http2(probe->run->ssl))
        return conclude(probe, "does not speak HTTP/2");
    probe->run->is_secured = true;
    event_watch_change(&probe->run->watch, EPOLLIN | EPOLLOUT);
    if (check->settings.type == CHECK_TCP)
        return conclude(probe, NULL);
    put_request(probe->run, check);
    start_parser(probe->run);
    send_request(probe);
}

static void secure(struct health_probe *probe)
{
    struct probe_run *run = probe->run;
    switch (tls_handshake(run->ssl)) {
    case TLS_DONE:
        return on_secured(probe);
    case TLS_WANTS_READ:
        return event_watch_change(&run->watch, EPOLLIN);
    case TLS_WANTS_WRITE:
        return event_watch_change(&run->watch, EPOLLOUT);
    case TLS_FAILED:
        return conclude(probe, tls_reason(run->ssl));
    }
}

static void on_connected(struct health_probe *probe)
{
    struct probe_run *run = probe->run;
    const struct endpoint *endpoint = probe->check->endpoint;
    run->is_connected = true;
    if (endpoint->tls == NULL)
        return on_secured(probe);
    run->ssl = tls_client_new(endpoint, run->fd, NULL);
    if (run->ssl == NULL)
        return conclude(probe, tls_client_problem(endpoint->tls));
    secure(probe);
}

static void on_ready(struct event_watch *watch, uint32_t events)
{
    struct health_probe *probe = watch->context;
    struct probe_run *run = probe->run;
    if (!run->is_connected) {
        int status = 0;
        socklen_t length = sizeof(status);
        getsockopt(run->fd, SOL_SOCKET, SO_ERROR, &status, &length);
        if (status != 0)
            return conclude(probe, strerrordesc_np(status));
        return on_connected(probe);
    }
    if (!run->is_secured)
        return secure(probe);
    if (run->request.length > 0 && (events & EPOLLOUT))
        return send_request(probe);
    receive(probe);
}

static void start_run(struct health_probe *probe)
{
    const struct endpoint_address *address = &probe->check->endpoint->address;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        /* That is our trouble, not the endpoint's. */
        wait_for_next(probe);
        return;
    }
    struct probe_run *run = memory_allocate_zeroed(1, sizeof(*run));
    run->fd = fd;
    probe->run = run;
    probe->probes->running++;
    if (connect(fd, &address->any, address->length) != 0 && errno != EINPROGRESS)
        return conclude(probe, strerrordesc_np(errno));
    event_watch_start(&run->watch, probe->probes->loop, fd, EPOLLOUT, on_ready, probe);
    wait_for(probe, probe->check->settings.timeout_ms);
}

static void on_time(struct event_timer *timer)
{
    struct health_probe *probe = timer->context;
    if (probe->run != NULL)
        return conclude(probe,
                        probe->run->is_connected ? "no answer in time" : "not connected in time");
    if (probe->probes->running >= MOST_RUNNING)
        return wait_for(probe, NO_ROOM_PAUSE_MS);
    probe->started_ms = clock_now_ms();
    start_run(probe);
}

/* --- probes ---------------------------------------------------------------------------------- */

struct health_probe *health_probe_start(struct probes *probes, struct health_check *check)
{
    struct health_probe *probe = memory_allocate_zeroed(1, sizeof(*probe));
    probe->probes = probes;
    probe->check = check;
    uint64_t most_ms = check->settings.interval_ms < LONGEST_FIRST_PAUSE_MS
                           ? check->settings.interval_ms
                           : LONGEST_FIRST_PAUSE_MS;
    wait_for(probe, random_up_to(probes, most_ms));
    return probe;
}

void health_probe_stop(struct health_probe *probe)
{
    end_run(probe);
    event_timer_stop(&probe->timer);
    check_registry_put_down(probe->check);
    free(probe);
}
