/* Frames from a client of HTTP/2 into the front, on a socket of a worker without routes: every
 * request that can be read is answered by the proxy itself. The preface comes before the input. */
#include "common/clock.h"
#include "proxy/http/client_connection.h"
#include "proxy/http/connection_limits.h"
#include "proxy/http/worker.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_BYTES = 64 * 1024, PIECES_MAX = 64 };

static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

static struct worker *worker;
static struct listener *listener;
static struct worker_shared shared;

static void set_up(void)
{
    clock_set_for_test(1000000);
    listener = listener_open_at("127.0.0.1:0", 1, NULL, NULL);
    assert(listener != NULL);
    shared = (struct worker_shared){
        .http = HTTP_OPTIONS_DEFAULT,
        .route_cache = route_cache_new(),
        .counters = counters_new(1),
        .limits = connection_limits_new(0, 0),
    };
    worker = worker_new(&shared, 0, NULL);
    worker_set_up(worker);
}

static void drain(int fd)
{
    static char received[MAX_BYTES];
    while (recv(fd, received, sizeof(received), MSG_DONTWAIT) > 0)
        ;
}

static void take_turns(int fd)
{
    for (int i = 0; i < 2; i++) {
        worker_run_once(worker, 0);
        drain(fd);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (worker == NULL)
        set_up();
    if (size > MAX_BYTES)
        return 0;
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        return 0;
    const struct sockaddr address = {.sa_family = AF_UNIX};
    client_connection_accept(worker, listener, fds[0], &address, peer_key_of(&address));
    ssize_t sent = send(fds[1], hello, sizeof(hello) - 1, MSG_NOSIGNAL);
    assert(sent == sizeof(hello) - 1);

    /* The first byte says in what pieces the rest arrives. */
    size_t piece = size > 0 ? (size_t)data[0] * 8 + 1 : 1;
    if (piece < size / PIECES_MAX)
        piece = size / PIECES_MAX;
    for (size_t at = 1; at < size; at += piece) {
        size_t length = size - at < piece ? size - at : piece;
        if (send(fds[1], data + at, length, MSG_NOSIGNAL) <= 0)
            break;
        take_turns(fds[1]);
    }

    /* Whatever came, the connection ends with the client's, and nothing of it is left. */
    close(fds[1]);
    for (int i = 0; i < 8 && worker->connection_count > 0; i++)
        worker_run_once(worker, 0);
    assert(worker->connection_count == 0);
    assert(worker->http2_dirty.first == NULL);
    return 0;
}
