#include "proxy/http/worker_accept.h"

#include "common/buffer.h"
#include "proxy/http/address_set.h"
#include "proxy/http/client_connection.h"
#include "proxy/http/connection_limits.h"
#include "proxy/http/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections taken in one turn, so that a flood of them does not starve those that are there. To
 * look for one more than there are costs a system call, so a listener tries no more than have come
 * lately; what it leaves, the next turn tells of. */
enum { ACCEPT_BATCH = 16, FULL_BATCHES_TO_GROW = 4, ACCEPT_PAUSE_MS = 100 };

/* A client that has only just come, or been answered, may have a request on its way: its connection
 * is not closed for another one, which waits a moment instead. */
enum { IDLE_AT_LEAST_MS = 10, ROOM_PAUSE_MS = 10 };

/* Of those that count as idle; to look at one costs a system call, for each client that comes. */
enum { IDLE_LOOKED_AT = 4 };

/* Clients that are in the backlog when draining begins are served. */
enum { DRAIN_BATCH = 4096 };

/* --- pausing --------------------------------------------------------------------------------- */

static void on_acceptable(h2o_socket_t *socket, const char *error);

static void pause_accepting(struct worker *worker, uint64_t pause_ms)
{
    for (size_t i = 0; i < worker->listener_count; i++) {
        if (worker->listeners[i].socket != NULL)
            h2o_socket_read_stop(worker->listeners[i].socket);
    }
    counter_add(&worker->counters->accept_pauses, 1);
    timer_start(&worker->timers, &worker->accept_timer, pause_ms);
}

void worker_resume_accepting(struct worker *worker)
{
    for (size_t i = 0; i < worker->listener_count; i++) {
        if (worker->listeners[i].socket != NULL)
            h2o_socket_read_start(worker->listeners[i].socket, on_acceptable);
    }
}

static void on_accept_due(struct timer *timer)
{
    worker_resume_accepting(timer->context);
}

/* --- room ------------------------------------------------------------------------------------ */

/* The one that has been idle for longest, and long enough; NULL: there is none. Not one whose next
 * request has come, and is read later in this turn. */
static struct client_connection *find_idle(struct worker *worker)
{
    uint64_t now_ms = timers_now_ms(&worker->timers);
    struct client_connection *each = worker->idle_oldest;
    for (int i = 0; i < IDLE_LOOKED_AT; i++) {
        if (each == NULL || now_ms - each->idle_since_ms < IDLE_AT_LEAST_MS)
            return NULL;
        if (!client_connection_has_input(each))
            return each;
        each = each->idle_newer;
    }
    return NULL;
}

/* At the total limit an idle connection makes room for a new one; without an idle one at any worker
 * those who come have to wait in the backlog. */
static void close_idle(struct worker *worker, struct client_connection *idle)
{
    counter_add(&worker->counters->refused[DENIAL_MADE_ROOM], 1);
    client_connection_close(idle);
}

/* A worker that has an idle connection closes it, and says so. */
static void wait_for_room(struct worker *worker)
{
    const struct worker_shared *shared = worker->shared;
    pause_accepting(worker, ROOM_PAUSE_MS);
    atomic_store(&worker->wants_room, true);
    for (unsigned i = 0; i < shared->worker_count; i++) {
        if (i != worker->index)
            worker_send_command(shared->workers[i], COMMAND_MAKE_ROOM);
    }
}

void worker_make_room_for_others(struct worker *worker)
{
    const struct worker_shared *shared = worker->shared;
    if (!connection_limits_has_room(shared->limits)) {
        struct client_connection *idle = find_idle(worker);
        if (idle == NULL)
            return;
        close_idle(worker, idle);
    }
    for (unsigned i = 0; i < shared->worker_count; i++) {
        if (i != worker->index && atomic_exchange(&shared->workers[i]->wants_room, false))
            worker_send_command(shared->workers[i], COMMAND_ACCEPT);
    }
}

/* --- letting them in ------------------------------------------------------------------------- */

/* A trusted proxy has the connections of many; where a PROXY header is wanted, it will tell. */
static struct peer_key peer_of(const struct worker *worker, const struct listener *listener,
                               const struct sockaddr *address)
{
    if (listener_spec(listener)->expects_proxy_header || worker_trusts(worker, address))
        return PEER_KEY_NOBODY;
    return peer_key_of(address);
}

/* Where a PROXY header is wanted, not everybody may say who they are. */
static bool may_connect(const struct listener *listener, const struct sockaddr *address)
{
    const struct listener_spec *spec = listener_spec(listener);
    return !spec->expects_proxy_header || address_set_is_empty(&spec->proxies) ||
           address_set_has(&spec->proxies, address);
}

/* Before anybody is accepted, so that none is for whom there is no place. `*idle` is to be closed
 * for who comes; NULL: nobody has to. */
static bool take_place(struct worker *worker, struct client_connection **idle)
{
    struct connection_limits *limits = worker->shared->limits;
    *idle = NULL;
    if (connection_limits_enter(limits))
        return true;
    *idle = find_idle(worker);
    if (*idle == NULL)
        return false;
    connection_limits_enter_beyond(limits);
    return true;
}

static void give_place_back(struct worker *worker)
{
    connection_limits_leave(worker->shared->limits, PEER_KEY_NOBODY);
}

/* Why it is not let in, or DENIAL_COUNT. */
static enum denial judge(struct worker *worker, const struct listener *listener,
                         const struct sockaddr *address, struct peer_key peer)
{
    if (!may_connect(listener, address))
        return DENIAL_PROXY_HEADER;
    if (!connection_limits_introduce(worker->shared->limits, peer))
        return DENIAL_PEER_LIMIT;
    return DENIAL_COUNT;
}

/* Nobody makes room for one who is turned away, or when somebody has left meanwhile. */
static void admit(struct worker *worker, const struct listener *listener, int fd,
                  const struct sockaddr *address, struct client_connection *idle)
{
    struct peer_key peer = peer_of(worker, listener, address);
    enum denial denial = judge(worker, listener, address, peer);
    if (denial != DENIAL_COUNT) {
        counter_add(&worker->counters->refused[denial], 1);
        give_place_back(worker);
        close(fd);
        return;
    }
    if (idle != NULL && connection_limits_are_exceeded(worker->shared->limits))
        close_idle(worker, idle);
    client_connection_accept(worker, listener, fd, address, peer);
}

/* Takes at most `most` connections; returns how many came. */
static int accept_some(struct worker_listener *listener, int most)
{
    struct worker *worker = listener->worker;
    for (int i = 0; i < most; i++) {
        struct client_connection *idle;
        if (!take_place(worker, &idle)) {
            wait_for_room(worker);
            return i;
        }
        union {
            struct sockaddr any;
            struct sockaddr_storage storage;
        } address = {0};
        socklen_t length = sizeof(address);
        int fd = accept4(h2o_socket_get_fd(listener->socket), &address.any, &length,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            give_place_back(worker);
            /* Trying again at once would spin until a descriptor comes free. */
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                pause_accepting(worker, ACCEPT_PAUSE_MS);
            return i;
        }
        admit(worker, listener->listener, fd, &address.any, idle);
    }
    return most;
}

static void on_acceptable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct worker_listener *listener = socket->data;
    int taken = accept_some(listener, listener->batch);
    if (taken < listener->batch) {
        listener->batch = taken > 0 ? taken : 1;
        listener->full_batches = 0;
    } else if (++listener->full_batches == FULL_BATCHES_TO_GROW) {
        listener->full_batches = 0;
        listener->batch = listener->batch > ACCEPT_BATCH / 2 ? ACCEPT_BATCH : listener->batch * 2;
    }
}

void worker_accept_backlog(struct worker *worker)
{
    for (size_t i = 0; i < worker->listener_count; i++)
        accept_some(&worker->listeners[i], DRAIN_BATCH);
}

/* --- listening ------------------------------------------------------------------------------- */

void worker_open_listeners(struct worker *worker)
{
    timer_init(&worker->accept_timer, on_accept_due, worker);
    for (size_t i = 0; i < worker->listener_count; i++) {
        struct worker_listener *listener = &worker->listeners[i];
        listener->socket =
            h2o_evloop_socket_create(worker->loop, listener->fd, H2O_SOCKET_FLAG_DONT_READ);
        listener->socket->data = listener;
        listener->batch = 1;
        /* Connections have it from their listener. */
        if (!listener_is_unix(listener->listener)) {
            int on = 1;
            setsockopt(listener->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        }
        h2o_socket_read_start(listener->socket, on_acceptable);
    }
}

void worker_close_listeners(struct worker *worker)
{
    for (size_t i = 0; i < worker->listener_count; i++) {
        if (worker->listeners[i].socket != NULL)
            h2o_socket_close(worker->listeners[i].socket);
        worker->listeners[i].socket = NULL;
    }
    timer_stop(&worker->accept_timer);
}

/* --- its share of the sockets ----------------------------------------------------------------- */

/* How many of a listener's sockets this worker accepts on; see listener_fd. */
static unsigned share_of(const struct worker *worker, const struct listener *listener)
{
    unsigned sockets = listener_fd_count(listener);
    unsigned workers = worker->shared->worker_count;
    return sockets <= workers ? 1 : (sockets - worker->index - 1) / workers + 1;
}

/* The descriptor is our own, for libh2o to close. */
static bool add_socket(struct worker *worker, const struct listener *listener, unsigned index,
                       struct error *err)
{
    unsigned at = index % listener_fd_count(listener);
    int fd = fcntl(listener_fd(listener, at), F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return error_set_errno(err, "listener %s", listener_description(listener));
    worker->listeners[worker->listener_count++] = (struct worker_listener){
        .worker = worker,
        .listener = listener,
        .fd = fd,
    };
    return true;
}

void worker_close_share(struct worker *worker)
{
    for (size_t i = 0; i < worker->listener_count; i++)
        close(worker->listeners[i].fd);
    free(worker->listeners);
}

bool worker_take_share(struct worker *worker, struct error *err)
{
    const struct worker_shared *shared = worker->shared;
    size_t count = 0;
    for (size_t i = 0; i < shared->listener_count; i++)
        count += share_of(worker, shared->listeners[i]);
    worker->listeners = memory_allocate_zeroed(count, sizeof(worker->listeners[0]));
    for (size_t i = 0; i < shared->listener_count; i++) {
        const struct listener *listener = shared->listeners[i];
        for (unsigned k = 0; k < share_of(worker, listener); k++) {
            if (!add_socket(worker, listener, worker->index + k * shared->worker_count, err)) {
                worker_close_share(worker);
                return false;
            }
        }
    }
    return true;
}
