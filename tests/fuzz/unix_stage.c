#include "tests/fuzz/unix_stage.h"

#include "proxy/http/client_connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un endpoint_address = {.sun_family = AF_UNIX};

static void remove_endpoint(void)
{
    unlink(endpoint_address.sun_path);
}

struct stage *unix_stage_start(const char *app_protocol)
{
    snprintf(endpoint_address.sun_path, sizeof(endpoint_address.sun_path),
             "/tmp/pointsman-fuzz-endpoint.%d", (int)getpid());
    atexit(remove_endpoint);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&endpoint_address, sizeof(endpoint_address)) != 0 ||
        listen(fd, SOMAXCONN) != 0)
        abort();

    struct stage *stage = stage_new();
    close(stage->endpoint_fds[0]);
    stage->endpoint_fds[0] = fd;
    stage->route.unix_path = endpoint_address.sun_path;
    stage->route.app_protocol = app_protocol;
    stage_start(stage);
    return stage;
}

struct player unix_stage_connect(struct stage *stage)
{
    int fds[2];
    const struct sockaddr address = {.sa_family = AF_UNIX};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        abort();
    client_connection_accept(stage->worker, stage->listener, fds[0], &address,
                             peer_key_of(&address));
    return (struct player){.stage = stage, .fd = fds[1]};
}

void unix_stage_turn(struct stage *stage)
{
    worker_run_once(stage->worker, 0);
}

void unix_stage_turn_away(struct stage *stage)
{
    int fd;
    while ((fd = accept(stage->endpoint_fds[0], NULL, NULL)) >= 0)
        close(fd);
}
