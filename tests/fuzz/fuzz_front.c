/* The front as a whole: a client and an endpoint that do what the input says, and between them
 * front_http1, forwarder and upstream_http1 over real sockets. What must hold, whatever they send:
 *
 * - what reaches the endpoint is a sequence of requests that reads strictly, each one that the
 * client has sent, in its order, with its body; what is cut off is no complete request;
 * - what reaches the client is a sequence of responses that reads strictly, one for each request at
 *   most, and one more for what is not understood;
 * - when both are gone and all time has passed, nothing is left.
 *
 * The input is a list of steps: a byte says what happens, the next one how much, and bytes to send
 * follow. */
#include "common/clock.h"
#include "proxy/http/conn_pool.h"
#include "proxy/http/connection_limits.h"
#include "proxy/http/listener.h"
#include "proxy/http/worker.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/message_walk.h"
#include "tests/support/websocket_switch.h"
#include "tests/unit/proxy/http/one_route.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ENDPOINT_CONNECTIONS = 16, SETTLE_TURNS = 3, PATIENCE_TURNS = 200 };

/* --- the proxy, once ------------------------------------------------------------------------- */

static struct {
    char folder[32];
    struct one_route route;
    struct counters *counters;
    _Atomic uint64_t replay_bytes;
    struct worker_shared shared;
    struct listener *listener;
    struct worker *worker;
    int endpoint_fd; /* listening */
    uint64_t now_ms;
} stage;

static void must(bool holds)
{
    if (!holds)
        abort();
}

static struct sockaddr_un address_of(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", stage.folder, name);
    return address;
}

static int listen_as_endpoint(void)
{
    struct sockaddr_un address = address_of("endpoint");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    must(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 64) == 0);
    return fd;
}

static void clear_stage(void)
{
    unlink(address_of("endpoint").sun_path);
    unlink(address_of("listener").sun_path);
    rmdir(stage.folder);
}

static void set_stage(void)
{
    if (stage.worker != NULL)
        return;
    snprintf(stage.folder, sizeof(stage.folder), "/tmp/fuzz_front.XXXXXX");
    must(mkdtemp(stage.folder) != NULL);
    atexit(clear_stage);
    stage.now_ms = 1000000;
    clock_set_for_test(stage.now_ms);
    stage.endpoint_fd = listen_as_endpoint();

    char text[sizeof(((struct sockaddr_un *)0)->sun_path) + 32];
    snprintf(text, sizeof(text), "unix:%s,http2=off", address_of("listener").sun_path);
    stage.listener = listener_open_at(text, 1, NULL, NULL);
    must(stage.listener != NULL);
    stage.counters = counters_new(1);
    one_route_init(&stage.route);
    stage.route.unix_path = strdup(address_of("endpoint").sun_path);
    stage.route.has_retry = true;
    stage.route.retry_attempts = 1;
    stage.route.retry_code = 503;
    stage.route.retry_backoff_ms = 10;
    one_route_publish(&stage.route, NULL, 1);
    stage.shared = (struct worker_shared){
        .http = HTTP_OPTIONS_DEFAULT,
        .route_cache = stage.route.cache,
        .counters = stage.counters,
        .limits = connection_limits_new(0, 0),
        .replay_bytes = &stage.replay_bytes,
        .listeners = &stage.listener,
        .listener_count = 1,
        .worker_count = 1,
    };
    stage.worker = worker_new(&stage.shared, 0, NULL);
    worker_set_up(stage.worker);
}

/* --- a play ---------------------------------------------------------------------------------- */

struct player {
    int fd; /* -1: gone */
    struct buffer received;
};

struct play {
    struct player client;
    struct buffer sent; /* by the client */
    struct player endpoints[ENDPOINT_CONNECTIONS];
    size_t endpoint_count; /* that have been there */
};

static void receive(struct player *player)
{
    ssize_t received = 1;
    while (player->fd >= 0 && received > 0) {
        char *room = buffer_reserve(&player->received, 65536);
        received = recv(player->fd, room, 65536, MSG_DONTWAIT);
        if (received > 0)
            buffer_extend(&player->received, (size_t)received);
    }
}

static void leave(struct player *player)
{
    receive(player);
    if (player->fd >= 0)
        close(player->fd);
    player->fd = -1;
}

static void turn(struct play *play)
{
    worker_run_once(stage.worker, 0);
    while (play->endpoint_count < ENDPOINT_CONNECTIONS) {
        int fd = accept4(stage.endpoint_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            break;
        play->endpoints[play->endpoint_count++] = (struct player){.fd = fd};
    }
    receive(&play->client);
    for (size_t i = 0; i < play->endpoint_count; i++)
        receive(&play->endpoints[i]);
}

static void settle(struct play *play)
{
    for (int i = 0; i < SETTLE_TURNS; i++)
        turn(play);
}

static void advance(struct play *play, uint64_t milliseconds)
{
    stage.now_ms += milliseconds;
    clock_set_for_test(stage.now_ms);
    settle(play);
}

static void client_sends(struct play *play, struct slice bytes)
{
    if (play->client.fd < 0)
        return;
    ssize_t sent = send(play->client.fd, bytes.at, bytes.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0)
        buffer_append(&play->sent, bytes.at, (size_t)sent);
}

/* The newest one that is there. */
static struct player *endpoint(struct play *play)
{
    for (size_t i = play->endpoint_count; i > 0; i--) {
        if (play->endpoints[i - 1].fd >= 0)
            return &play->endpoints[i - 1];
    }
    return NULL;
}

static void endpoint_sends(struct play *play, struct slice bytes)
{
    struct player *player = endpoint(play);
    if (player != NULL)
        (void)!send(player->fd, bytes.at, bytes.length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* --- steps ----------------------------------------------------------------------------------- */

#define HANDSHAKE "GET /w HTTP/1.1\r\nHost: a\r\n" WEBSOCKET_SWITCH_FIELDS "\r\n"

static const char *const requests[] = {
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "PUT /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    HANDSHAKE,
    "GET /1 HTTP/1.0\r\n\r\n",
    "GET /c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
};

static const char *const responses[] = {
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n",
    "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\nuntil close",
    "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n",
    WEBSOCKET_SWITCH_ANSWER,
    "HTTP/1.1 204 None\r\nConnection: close\r\n\r\n",
    "HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n",
};

enum step {
    CLIENT_SENDS,
    ENDPOINT_SENDS,
    CLIENT_ASKS,      /* one of `requests` */
    ENDPOINT_ANSWERS, /* one of `responses` */
    TIME_PASSES,
    CLIENT_FINISHES,
    CLIENT_LEAVES,
    ENDPOINT_LEAVES,
    STEP_COUNT,
};

static struct slice take(struct slice *input, size_t length)
{
    struct slice taken = slice_of(input->at, length < input->length ? length : input->length);
    *input = slice_of(input->at + taken.length, input->length - taken.length);
    return taken;
}

static void do_step(struct play *play, enum step step, uint8_t amount, struct slice *input)
{
    size_t choice = amount % (sizeof(requests) / sizeof(requests[0]));
    switch (step) {
    case CLIENT_SENDS:
        return client_sends(play, take(input, amount));
    case ENDPOINT_SENDS:
        return endpoint_sends(play, take(input, amount));
    case CLIENT_ASKS:
        return client_sends(play, slice_from_string(requests[choice]));
    case ENDPOINT_ANSWERS:
        return endpoint_sends(play, slice_from_string(responses[choice]));
    case TIME_PASSES:
        return advance(play, (uint64_t)amount * 100);
    case CLIENT_FINISHES:
        if (play->client.fd >= 0)
            shutdown(play->client.fd, SHUT_WR);
        return;
    case CLIENT_LEAVES:
        return leave(&play->client);
    case ENDPOINT_LEAVES:
        if (endpoint(play) != NULL)
            leave(endpoint(play));
        return;
    case STEP_COUNT:
        return;
    }
}

/* --- the whole ------------------------------------------------------------------------------- */

static void begin(struct play *play)
{
    struct sockaddr_un address = address_of("listener");
    play->client.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(connect(play->client.fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    settle(play);
}

/* Both ends go; what waits for a timer gets its time. */
static void end(struct play *play)
{
    leave(&play->client);
    for (int i = 0; i < PATIENCE_TURNS && stage.worker->connection_count > 0; i++) {
        for (size_t k = 0; k < play->endpoint_count; k++)
            leave(&play->endpoints[k]);
        advance(play, 60 * 1000);
    }
    must(stage.worker->connection_count == 0);
    conn_pool_close_all(stage.worker->pool);
    settle(play);
    for (size_t i = 0; i < play->endpoint_count; i++)
        leave(&play->endpoints[i]);
    must(stage.replay_bytes == 0);
    must(counters_sum(stage.counters, offsetof(struct worker_counters, connections_accepted)) ==
         counters_sum(stage.counters, offsetof(struct worker_counters, connections_closed)));
    must(counters_sum(stage.counters,
                      offsetof(struct worker_counters, upstream_connections_opened)) ==
         counters_sum(stage.counters,
                      offsetof(struct worker_counters, upstream_connections_closed)));
    /* A connection that nobody has accepted must not stand before those of the next play. */
    int fd;
    while ((fd = accept4(stage.endpoint_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        close(fd);
}

static void check(const struct play *play)
{
    struct request_walk asked;
    request_walk(&asked, buffer_slice(&play->sent), false);
    for (size_t i = 0; i < play->endpoint_count; i++) {
        struct request_walk arrived;
        request_walk(&arrived, buffer_slice(&play->endpoints[i].received), true);
        must(!arrived.is_refused);
        must(request_walk_is_part_of(&arrived, &asked));
        request_walk_clear(&arrived);
    }
    must(responses_fit(buffer_slice(&play->client.received), &asked));
    request_walk_clear(&asked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    set_stage();
    struct play play = {0};
    struct slice input = slice_of((const char *)data, size);

    begin(&play);
    while (input.length >= 2) {
        struct slice head = take(&input, 2);
        do_step(&play, (enum step)((uint8_t)head.at[0] % STEP_COUNT), (uint8_t)head.at[1], &input);
        settle(&play);
    }
    end(&play);
    check(&play);

    buffer_clear(&play.sent);
    buffer_clear(&play.client.received);
    for (size_t i = 0; i < play.endpoint_count; i++)
        buffer_clear(&play.endpoints[i].received);
    return 0;
}
