#include "control/control_service.h"

#include "common/log.h"
#include "control/commit.h"
#include "control/commit_group.h"
#include "control/services.h"

#include <inttypes.h>

/* --- one commit ----------------------------------------------------------------------------- */

static void describe_commit(const AnswerMessage *answer, const struct commit_request *request,
                            struct buffer *to)
{
    const struct peer_credentials *author = request->author;
    char command[4 * sizeof(author->command) + 3];
    char message[ERROR_MESSAGE_BYTES];
    buffer_printf(to,
                  "revision=%" PRIu64 " created=%zu updated=%zu deleted=%zu uid=%u gid=%u pid=%d",
                  answer->revision,
                  answer_count_changes(answer, POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_CREATED),
                  answer_count_changes(answer, POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_UPDATED),
                  answer_count_changes(answer, POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_DELETED),
                  author->uid, author->gid, (int)author->pid);
    buffer_printf(to, " command=%s", log_quote(command, sizeof(command), author->command));
    if (answer->n_changes == 1)
        buffer_printf(to, " name=%s", answer->changes[0]->name);
    if (request->apply->message[0] != '\0')
        buffer_printf(to, " message=%s",
                      log_quote(message, sizeof(message), request->apply->message));
}

static void run_commit(struct services *services, struct grpc_call *call,
                       const Pointsman__V1__ApplyRequest *apply, bool is_single)
{
    const struct commit_request request = {
        .apply = apply,
        .author = grpc_call_peer(call),
        .is_single = is_single,
    };
    struct violations violations = {0};
    struct error err = {0};
    bool is_commit = false;
    AnswerMessage *answer = NULL;
    if (commit_group_join(services->commits, &err))
        answer =
            commit_run(services->store, services->proxies, &request, &violations, &is_commit, &err);

    if (answer != NULL) {
        struct buffer log_line = BUFFER_EMPTY;
        if (is_commit)
            describe_commit(answer, &request, &log_line);
        commit_group_add(services->commits, call, answer,
                         is_commit ? buffer_string(&log_line) : NULL);
        buffer_clear(&log_line);
    } else if (violations.count > 0 && err.code == ERROR_NONE) {
        violations_fail_call(&violations, call);
    } else {
        grpc_call_fail_error(call, &err);
    }
    violations_clear(&violations);
}

void control_service_apply(void *context, struct grpc_call *call, const ProtobufCMessage *request)
{
    run_commit(context, call, (const Pointsman__V1__ApplyRequest *)request, false);
}

/* --- with a single mutation ----------------------------------------------------------------- */

static void run_single(struct services *services, struct grpc_call *call, MutationMessage *mutation,
                       Pointsman__V1__Precondition *precondition, char *request_id, char *message)
{
    mutation->precondition = precondition;
    Pointsman__V1__ApplyRequest apply = POINTSMAN__V1__APPLY_REQUEST__INIT;
    apply.n_mutations = 1;
    apply.mutations = &mutation;
    apply.request_id = request_id;
    apply.message = message;
    run_commit(services, call, &apply, true);
}

static void fail_without(struct grpc_call *call, const char *field)
{
    struct violations violations = {0};
    violations_add(&violations, ERROR_INVALID, field, "is missing");
    violations_fail_call(&violations, call);
    violations_clear(&violations);
}

void control_service_put_route(void *context, struct grpc_call *call,
                               const ProtobufCMessage *request)
{
    const Pointsman__V1__PutRouteRequest *put = (const Pointsman__V1__PutRouteRequest *)request;
    MutationMessage mutation = POINTSMAN__V1__MUTATION__INIT;
    if (put->route == NULL) {
        fail_without(call, "route");
        return;
    }
    mutation.operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE;
    mutation.put_route = put->route;
    run_single(context, call, &mutation, put->precondition, put->request_id, put->message);
}

void control_service_delete_route(void *context, struct grpc_call *call,
                                  const ProtobufCMessage *request)
{
    const Pointsman__V1__DeleteRouteRequest *delete =
        (const Pointsman__V1__DeleteRouteRequest *)request;
    MutationMessage mutation = POINTSMAN__V1__MUTATION__INIT;
    mutation.operation_case = POINTSMAN__V1__MUTATION__OPERATION_DELETE_ROUTE;
    mutation.delete_route = delete->name;
    run_single(context, call, &mutation, delete->precondition, delete->request_id, delete->message);
}

void control_service_put_backend(void *context, struct grpc_call *call,
                                 const ProtobufCMessage *request)
{
    const Pointsman__V1__PutBackendRequest *put = (const Pointsman__V1__PutBackendRequest *)request;
    MutationMessage mutation = POINTSMAN__V1__MUTATION__INIT;
    if (put->backend == NULL) {
        fail_without(call, "backend");
        return;
    }
    mutation.operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_BACKEND;
    mutation.put_backend = put->backend;
    run_single(context, call, &mutation, put->precondition, put->request_id, put->message);
}

void control_service_delete_backend(void *context, struct grpc_call *call,
                                    const ProtobufCMessage *request)
{
    const Pointsman__V1__DeleteBackendRequest *delete =
        (const Pointsman__V1__DeleteBackendRequest *)request;
    MutationMessage mutation = POINTSMAN__V1__MUTATION__INIT;
    mutation.operation_case = POINTSMAN__V1__MUTATION__OPERATION_DELETE_BACKEND;
    mutation.delete_backend = delete->name;
    mutation.force = delete->force;
    run_single(context, call, &mutation, delete->precondition, delete->request_id, delete->message);
}
