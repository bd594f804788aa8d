#include "common/arena.h"
#include "control/routectl/command.h"
#include "control/routectl/moment.h"
#include "control/routectl/session.h"
#include "proto/message.h"

#include <string.h>

static enum exit_code blame(struct session *session, const char *verb,
                            Pointsman__V1__ObjectKind kind, const char *name)
{
    Pointsman__V1__BlameRequest request = POINTSMAN__V1__BLAME_REQUEST__INIT;
    struct flag_moment at;
    struct arena arena = {0};
    enum exit_code code = moment_read(verb, &at);
    if (code != EXIT_OK)
        return code;

    request.kind = kind;
    request.name = arena_string(&arena, name, strlen(name));
    request.at_revision = at.revision;
    request.at_time_ms = at.time_ms;
    ProtobufCMessage *answer = session_call(
        session, "/pointsman.v1.RouteControl/Blame", &request.base,
        &pointsman__v1__blame_response__descriptor, session_options.timeout_ms, NULL, &code);
    if (answer != NULL)
        session->output->show(&session->sink, answer);
    message_free(answer);
    arena_clear(&arena);
    return code;
}

static enum exit_code run_route(struct session *session, const struct option_list *operands)
{
    return blame(session, "blame", POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
                 operands->items[0]);
}

static enum exit_code run_backend(struct session *session, const struct option_list *operands)
{
    return blame(session, "backend blame", POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND,
                 operands->items[0]);
}

const struct command command_blame = {
    .name = "blame",
    .kind = COMMAND_HISTORY,
    .operands = "NAME",
    .summary = "Say of each part of a route who made it so, when and why",
    .details =
        "A rule counts as the same wherever it stands. 'older' is what was there before all\n"
        "that is kept of the history.",
    .example = "  routectl blame users\n"
               "  routectl blame users --at 2d",
    .min_operands = 1,
    .max_operands = 1,
    .groups = {{"When", moment_options}},
    .run = run_route,
};

const struct command command_backend_blame = {
    .name = "backend blame",
    .kind = COMMAND_BACKENDS,
    .operands = "NAME",
    .summary = "Say of each part of a backend who made it so, when and why",
    .details = "",
    .example = "  routectl backend blame users-v1",
    .min_operands = 1,
    .max_operands = 1,
    .groups = {{"When", moment_options}},
    .run = run_backend,
};
