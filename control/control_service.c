#include "control/control_service.h"

#include "common/log.h"
#include "control/commit.h"
#include "control/commit_group.h"
#include "control/not_committed.h"
#include "control/replace_service.h"
#include "control/services.h"
#include "control/store_history.h"
#include "control/undo.h"
#include "proto/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

/* In the open transaction. The answer goes into the group; false when there is none. */
static bool join_group(const struct services *services, struct grpc_call *call,
                       const struct commit_request *request, struct violations *violations,
                       struct error *err)
{
    bool is_commit = false;
    AnswerMessage *answer = NULL;
    if (commit_group_join(services->commits, err))
        answer = commit_run(services->store, services->proxies, services->shadows, request,
                            violations, &is_commit, err);
    if (answer == NULL)
        return false;

    struct buffer log_line = BUFFER_EMPTY;
    if (is_commit)
        describe_commit(answer, request, &log_line);
    commit_group_add(services->commits, call, &answer->base,
                     is_commit ? buffer_string(&log_line) : NULL);
    buffer_clear(&log_line);
    return true;
}

static void run_commit(const struct services *services, struct grpc_call *call,
                       const struct commit_request *request)
{
    struct violations violations = {0};
    struct error err = {0};
    if (!join_group(services, call, request, &violations, &err)) {
        if (violations.count > 0 && err.code == ERROR_NONE)
            violations_fail_call(&violations, call);
        else
            not_committed_fail_call(call, &err);
    }
    violations_clear(&violations);
}

/* --- apply ---------------------------------------------------------------------------------- */

void control_service_apply(void *context, struct grpc_call *call, const ProtobufCMessage *request)
{
    const struct services *services = context;
    const Pointsman__V1__ApplyRequest *apply = (const Pointsman__V1__ApplyRequest *)request;
    if (apply->n_replace_all > 0) {
        replace_service_apply(services->replaces, call, apply);
        return;
    }
    const struct commit_request commit = {
        .apply = apply,
        .author = grpc_call_peer(call),
        .apply_bytes = grpc_call_request_bytes(call),
    };
    run_commit(services, call, &commit);
}

void control_service_apply_filled(const struct services *services, struct grpc_call *call,
                                  const Pointsman__V1__ApplyRequest *apply, commit_fill_fn *fill,
                                  void *fill_context)
{
    const struct commit_request commit = {
        .apply = apply,
        .author = grpc_call_peer(call),
        .fill = fill,
        .fill_context = fill_context,
    };
    /* It fills from what is durable. */
    commit_group_flush(services->commits);
    run_commit(services, call, &commit);
}

/* --- undo ----------------------------------------------------------------------------------- */

void control_service_undo(void *context, struct grpc_call *call, const ProtobufCMessage *request)
{
    const Pointsman__V1__UndoRequest *asked = (const Pointsman__V1__UndoRequest *)request;
    const struct services *services = context;
    struct undo undo = {
        .first = asked->revision,
        .last = asked->last_revision == 0 ? asked->revision : asked->last_revision,
        .force = asked->force,
    };
    char message[64];
    if (undo.first == undo.last)
        snprintf(message, sizeof(message), "undo of revision %" PRIu64, undo.first);
    else
        snprintf(message, sizeof(message), "undo of revisions %" PRIu64 " to %" PRIu64, undo.first,
                 undo.last);

    Pointsman__V1__ApplyRequest apply = POINTSMAN__V1__APPLY_REQUEST__INIT;
    apply.if_revision = asked->if_revision;
    apply.request_id = asked->request_id;
    apply.message = asked->message[0] != '\0' ? asked->message : message;
    apply.dry_run = asked->dry_run;
    apply.confirm_within = asked->confirm_within;
    const struct commit_request commit = {
        .apply = &apply,
        .author = grpc_call_peer(call),
        .asked = request,
        .fill = undo_fill,
        .fill_context = &undo,
        .undoes_first = undo.first,
        .undoes_last = undo.last,
    };
    /* It reads the history, which is of what is durable. */
    commit_group_flush(services->commits);
    run_commit(services, call, &commit);
    undo_clear(&undo);
}

bool control_service_revert(const struct services *services, uint64_t revision, struct error *err)
{
    struct peer_credentials self = {
        .uid = geteuid(),
        .gid = getegid(),
        .pid = getpid(),
        .command = "pointsman-control",
    };
    struct undo undo = {.first = revision, .last = revision, .force = true};
    struct violations violations = {0};
    char message[96];
    snprintf(message, sizeof(message),
             "revert of revision %" PRIu64 ", which nobody has confirmed in time", revision);

    Pointsman__V1__ApplyRequest apply = POINTSMAN__V1__APPLY_REQUEST__INIT;
    apply.message = message;
    const struct commit_request commit = {
        .apply = &apply,
        .author = &self,
        .fill = undo_fill,
        .fill_context = &undo,
        .undoes_first = revision,
        .undoes_last = revision,
        .is_trusted = true,
    };
    bool is_done = join_group(services, NULL, &commit, &violations, err);
    if (!is_done && violations.count > 0)
        error_set(err, violations_code(&violations), "%s: %s", violations.items[0].field,
                  violations.items[0].description);
    violations_clear(&violations);
    undo_clear(&undo);
    return is_done;
}

/* --- confirm -------------------------------------------------------------------------------- */

static bool keep_state(void *context, const struct store_logged_commit *commit)
{
    *(Pointsman__V1__ConfirmState *)context = commit->confirm_state;
    return false;
}

/* True also when it was confirmed before: then `*is_pending` is false. */
static bool check_pending(struct store *store, uint64_t revision, bool *is_pending,
                          struct error *err)
{
    Pointsman__V1__ConfirmState state = POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_UNSPECIFIED;
    *is_pending = false;
    if (!store_commits(store, revision, revision, keep_state, &state, err))
        return false;
    switch (state) {
    case POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_PENDING:
        *is_pending = true;
        return true;
    case POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_CONFIRMED:
        return true;
    case POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_REVERTED:
        return error_set(err, ERROR_CONFLICT, "revision %" PRIu64 " has been reverted", revision);
    case POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_UNSPECIFIED:
    case _POINTSMAN__V1__CONFIRM_STATE_IS_INT_SIZE:
        break;
    }
    return error_set(err, ERROR_CONFLICT, "revision %" PRIu64 " does not wait to be confirmed",
                     revision);
}

static bool confirm(const struct services *services, struct error *err)
{
    struct store *store = services->store;
    if (!commit_group_join(services->commits, err) || !store_commit_begin(store, err))
        return false;
    if (store_end_pending(store, POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_CONFIRMED, err) &&
        store_commit_end(store, NULL, err))
        return true;
    store_commit_abandon(store);
    return false;
}

static char *describe_confirm(const struct peer_credentials *author, uint64_t revision)
{
    char command[4 * sizeof(author->command) + 3];
    struct buffer line = BUFFER_EMPTY;
    buffer_printf(&line, "confirmed=%" PRIu64 " uid=%u gid=%u pid=%d command=%s", revision,
                  author->uid, author->gid, (int)author->pid,
                  log_quote(command, sizeof(command), author->command));
    char *text = memory_duplicate_string(buffer_string(&line));
    buffer_clear(&line);
    return text;
}

void control_service_confirm(void *context, struct grpc_call *call, const ProtobufCMessage *request)
{
    const Pointsman__V1__ConfirmRequest *asked = (const Pointsman__V1__ConfirmRequest *)request;
    const struct services *services = context;
    struct error err = {0};
    bool is_pending;
    commit_group_flush(services->commits);
    if (!check_pending(services->store, asked->revision, &is_pending, &err) ||
        (is_pending && !confirm(services, &err))) {
        not_committed_fail_call(call, &err);
        return;
    }

    Pointsman__V1__ConfirmResponse *response = memory_allocate(sizeof(*response));
    pointsman__v1__confirm_response__init(response);
    response->revision = asked->revision;
    if (!is_pending) {
        grpc_call_reply(call, &response->base);
        message_free(&response->base);
        return;
    }
    char *line = describe_confirm(grpc_call_peer(call), asked->revision);
    commit_group_add(services->commits, call, &response->base, line);
    free(line);
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
    const struct commit_request commit = {
        .apply = &apply,
        .author = grpc_call_peer(call),
        .naming = MUTATION_SINGLE,
    };
    run_commit(services, call, &commit);
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
