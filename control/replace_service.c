#include "control/replace_service.h"

#include "control/commit_group.h"
#include "control/control_service.h"
#include "control/replacement.h"
#include "control/services.h"
#include "proto/grpc_server.h"
#include "proto/message.h"

#include <assert.h>
#include <stdlib.h>

enum { RUNS_MAX = 4 }; /* a request may take 64 MiB */

struct replace_service {
    struct event_loop *loop;
    const struct services *services;
    size_t run_count;
};

/* One call. */
struct run {
    struct replace_service *service;
    struct grpc_call *call;
    Pointsman__V1__ApplyRequest *apply;
    struct replacement *replacement;
};

struct replace_service *replace_service_new(struct event_loop *loop,
                                            const struct services *services)
{
    struct replace_service *service = memory_allocate_zeroed(1, sizeof(*service));
    service->loop = loop;
    service->services = services;
    return service;
}

void replace_service_free(struct replace_service *service)
{
    assert(service == NULL || service->run_count == 0);
    free(service);
}

static void run_free(struct run *run)
{
    replacement_free(run->replacement);
    message_free((ProtobufCMessage *)run->apply);
    run->service->run_count--;
    free(run);
}

static void on_call_end(void *context)
{
    run_free(context);
}

static void on_read(void *context, const struct error *err)
{
    struct run *run = context;
    if (err == NULL)
        control_service_apply_filled(run->service->services, run->call, run->apply,
                                     replacement_fill, run->replacement);
    else
        grpc_call_fail_error(run->call, err);
    run_free(run);
}

void replace_service_apply(struct replace_service *service, struct grpc_call *call,
                           const Pointsman__V1__ApplyRequest *apply)
{
    struct error err = {0};
    if (service->run_count == RUNS_MAX) {
        error_set(&err, ERROR_LIMIT, "%d commits with replace_all are being made already",
                  RUNS_MAX);
        grpc_call_fail_error(call, &err);
        return;
    }

    commit_group_flush(service->services->commits);
    struct run *run = memory_allocate_zeroed(1, sizeof(*run));
    run->service = service;
    run->call = call;
    run->apply = (Pointsman__V1__ApplyRequest *)message_copy(&apply->base);
    run->replacement =
        replacement_new(service->loop, service->services->store, run->apply, on_read, run);
    service->run_count++;
    grpc_call_on_end(call, on_call_end, run);
    replacement_start(run->replacement);
}
