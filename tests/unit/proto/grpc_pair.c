#include "tests/unit/proto/grpc_pair.h"

#include "common/clock.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_SECONDS = 20 };

struct grpc_pair {
    char folder[64];
    char socket[96];
    struct event_loop *loop;
    struct grpc_server *server;
    pthread_t thread;
    sem_t done;
    sem_t one_ended;
    atomic_uint ended;
    _Atomic(void (*)(struct grpc_pair *pair)) act;
};

typedef Grpc__Health__V1__HealthCheckRequest Request;

/* --- methods ---------------------------------------------------------------------------------- */

static void on_echo(void *context, struct grpc_call *call, const ProtobufCMessage *message)
{
    (void)context;
    const Request *request = (const Request *)message;
    LabelMessage label = POINTSMAN__V1__LABEL__INIT;
    label.key = request->service;
    grpc_call_reply(call, &label.base);
}

static void on_fail(void *context, struct grpc_call *call, const ProtobufCMessage *message)
{
    (void)context;
    (void)message;
    Google__Rpc__Status details = GOOGLE__RPC__STATUS__INIT;
    details.code = GRPC_FAILED_PRECONDITION;
    details.message = "in detail";
    grpc_call_fail(call, GRPC_FAILED_PRECONDITION, "100 % wrong\n", &details);
}

static void on_large(void *context, struct grpc_call *call, const ProtobufCMessage *message)
{
    (void)context;
    const Request *request = (const Request *)message;
    size_t length = strtoul(request->service, NULL, 10);
    LabelMessage label = POINTSMAN__V1__LABEL__INIT;
    label.key = memory_allocate(length + 1);
    memset(label.key, 'a', length);
    label.key[length] = '\0';
    grpc_call_reply(call, &label.base);
    free(label.key);
}

struct counting {
    struct grpc_pair *pair;
    unsigned left;
};

static enum grpc_pull pull_count(void *context, struct buffer *to)
{
    struct counting *counting = context;
    if (counting->left == 0) {
        free(counting);
        return GRPC_PULL_END;
    }
    char text[16];
    snprintf(text, sizeof(text), "%u", counting->left--);
    LabelMessage label = POINTSMAN__V1__LABEL__INIT;
    label.key = text;
    message_pack(&label.base, to);
    return GRPC_PULL_MESSAGE;
}

static void count_end(struct grpc_pair *pair)
{
    atomic_fetch_add(&pair->ended, 1);
    sem_post(&pair->one_ended);
}

static void on_counting_end(void *context)
{
    struct counting *counting = context;
    count_end(counting->pair);
    free(counting);
}

static void on_count(void *context, struct grpc_call *call, const ProtobufCMessage *message)
{
    const Request *request = (const Request *)message;
    struct counting *counting = memory_allocate_zeroed(1, sizeof(*counting));
    counting->pair = context;
    counting->left = (unsigned)strtoul(request->service, NULL, 10);
    grpc_call_on_end(call, on_counting_end, counting);
    grpc_call_stream(call, pull_count, counting);
}

static void on_never_end(void *context)
{
    count_end(context);
}

static void on_never(void *context, struct grpc_call *call, const ProtobufCMessage *message)
{
    (void)message;
    grpc_call_on_end(call, on_never_end, context);
}

static bool deny(void *context, const struct grpc_method *method,
                 const struct peer_credentials *peer, struct error *err)
{
    (void)context;
    (void)method;
    return error_set(err, ERROR_DENIED, "uid %u may not", peer->uid);
}

#define TRY(name, handler)                                                                         \
    {                                                                                              \
        .path = "/test.v1.Try/" name,                                                              \
        .request = &grpc__health__v1__health_check_request__descriptor, .on_call = (handler),      \
    }

static const struct grpc_method methods[] = {
    TRY("Echo", on_echo),
    TRY("Large", on_large),
    TRY("Fail", on_fail),
    TRY("Count", on_count),
    TRY("Never", on_never),
    {
        .path = "/test.v1.Try/Denied",
        .request = &grpc__health__v1__health_check_request__descriptor,
        .authorize = deny,
        .on_call = on_echo,
    },
    {.path = NULL},
};

/* --- the thread ------------------------------------------------------------------------------- */

static void on_wake(void *context)
{
    struct grpc_pair *pair = context;
    void (*act)(struct grpc_pair *) = atomic_exchange(&pair->act, NULL);
    if (act != NULL) {
        act(pair);
        sem_post(&pair->done);
    }
}

static void *run(void *context)
{
    struct grpc_pair *pair = context;
    event_loop_run(pair->loop);
    return NULL;
}

void grpc_pair_act(struct grpc_pair *pair, void (*act)(struct grpc_pair *pair))
{
    atomic_store(&pair->act, act);
    event_loop_wake(pair->loop);
    while (sem_wait(&pair->done) != 0)
        ;
}

struct grpc_pair *grpc_pair_start(const struct grpc_server_limits *limits)
{
    struct grpc_pair *pair = memory_allocate_zeroed(1, sizeof(*pair));
    snprintf(pair->folder, sizeof(pair->folder), "/tmp/pointsman-grpc.XXXXXX");
    if (mkdtemp(pair->folder) == NULL)
        abort();
    snprintf(pair->socket, sizeof(pair->socket), "%s/s", pair->folder);
    sem_init(&pair->done, 0, 0);
    sem_init(&pair->one_ended, 0, 0);

    struct grpc_server_limits defaults;
    grpc_server_limits_init(&defaults);
    const struct unix_socket_options options = {.path = pair->socket, .mode = 0600};
    struct error err = {0};
    int fd = unix_socket_listen(&options, &err);
    if (fd < 0) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    pair->loop = event_loop_new();
    event_loop_on_wake(pair->loop, on_wake, pair);
    pair->server =
        grpc_server_new(pair->loop, fd, limits != NULL ? limits : &defaults, methods, pair);
    if (pthread_create(&pair->thread, NULL, run, pair) != 0)
        abort();
    return pair;
}

static void stop(struct grpc_pair *pair)
{
    grpc_server_free(pair->server);
    event_loop_stop(pair->loop);
}

void grpc_pair_stop(struct grpc_pair *pair)
{
    grpc_pair_act(pair, stop);
    pthread_join(pair->thread, NULL);
    event_loop_free(pair->loop);
    sem_destroy(&pair->done);
    sem_destroy(&pair->one_ended);
    unlink(pair->socket);
    rmdir(pair->folder);
    free(pair);
}

const char *grpc_pair_socket(const struct grpc_pair *pair)
{
    return pair->socket;
}

struct grpc_server *grpc_pair_server(struct grpc_pair *pair)
{
    return pair->server;
}

unsigned grpc_pair_ended(struct grpc_pair *pair)
{
    return atomic_load(&pair->ended);
}

bool grpc_pair_wait_ended(struct grpc_pair *pair, unsigned count)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_SECONDS;
    while (grpc_pair_ended(pair) < count) {
        if (sem_timedwait(&pair->one_ended, &until) != 0)
            return false;
    }
    return true;
}

enum grpc_status grpc_pair_echo_within(struct grpc_client *client, uint64_t timeout_ms)
{
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    struct grpc_result result;
    message_free(grpc_client_call(client, "/test.v1.Try/Echo", &request.base,
                                  &pointsman__v1__label__descriptor, timeout_ms, &result));
    enum grpc_status status = result.status;
    grpc_result_clear(&result);
    return status;
}

enum grpc_status grpc_pair_echo(struct grpc_client *client)
{
    return grpc_pair_echo_within(client, WAIT_MS);
}

struct grpc_client *grpc_pair_connect(struct grpc_pair *pair)
{
    struct grpc_client *client = grpc_client_connect(grpc_pair_socket(pair), NULL);
    assert_non_null(client);
    return client;
}
