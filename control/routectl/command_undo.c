#include "control/routectl/change.h"
#include "control/routectl/command.h"
#include "control/routectl/flag_values.h"
#include "control/routectl/say.h"
#include "proto/message.h"

/* --- undo ----------------------------------------------------------------------------------- */

static uint64_t through;
static bool force;

static const struct option undo_options[] = {
    {"through", OPTION_UNSIGNED, &through, "REVISION", "And all commits after it up to this one."},
    {"force", OPTION_FLAG, &force, NULL,
     "Also what was changed again since, and backends that routes name."},
    {0},
};

static enum exit_code undo(struct session *session, Pointsman__V1__UndoRequest *request)
{
    enum exit_code code = EXIT_OK;
    Pointsman__V1__ApplyResponse *response = (Pointsman__V1__ApplyResponse *)session_call(
        session, "/pointsman.v1.RouteControl/Undo", &request->base,
        &pointsman__v1__apply_response__descriptor, session_options.timeout_ms, NULL, &code);
    if (response == NULL)
        change_tell_doubt(session, request->request_id, code);
    else
        code = change_finish(session, NULL, response);
    message_free((ProtobufCMessage *)response);
    return code;
}

static enum exit_code run_undo(struct session *session, const struct option_list *operands)
{
    Pointsman__V1__UndoRequest request = POINTSMAN__V1__UNDO_REQUEST__INIT;
    struct arena arena = {0};
    struct error err = {0};
    if (!flag_revision("undo", operands->items[0], &request.revision, &err)) {
        say("%s", err.message);
        return EXIT_USAGE;
    }
    if (through != 0 && through < request.revision) {
        say("undo: --through is a revision after the first");
        return EXIT_USAGE;
    }

    request.last_revision = through;
    request.force = force;
    request.if_revision = change_flags.if_revision;
    request.request_id = change_request_id(&arena);
    request.message = change_message(&arena);
    request.dry_run = change_flags.dry_run;
    request.confirm_within = change_confirm_within(&arena);
    enum exit_code code = undo(session, &request);
    arena_clear(&arena);
    return code;
}

const struct command command_undo = {
    .name = "undo",
    .kind = COMMAND_HISTORY,
    .operands = "REV",
    .summary = "Put back what a commit changed, as a new commit",
    .details =
        "Objects become what they were before the commit; the history keeps both. What was\n"
        "changed again since is left alone: then nothing is undone, exit 4, and the objects are\n"
        "named, unless --force says that they go back too.",
    .example = "  routectl undo 41 --message 'the new rule took too much'\n"
               "  routectl undo 41 --dry-run\n"
               "  routectl undo 39 --through 41\n"
               "      All three of them.",
    .min_operands = 1,
    .max_operands = 1,
    .groups = {{"Options", undo_options}, {"Its place in the history", change_options}},
    .run = run_undo,
};

/* --- confirm -------------------------------------------------------------------------------- */

static enum exit_code run_confirm(struct session *session, const struct option_list *operands)
{
    Pointsman__V1__ConfirmRequest request = POINTSMAN__V1__CONFIRM_REQUEST__INIT;
    struct error err = {0};
    enum exit_code code = EXIT_OK;
    if (!flag_revision("confirm", operands->items[0], &request.revision, &err)) {
        say("%s", err.message);
        return EXIT_USAGE;
    }
    ProtobufCMessage *answer = session_call(
        session, "/pointsman.v1.RouteControl/Confirm", &request.base,
        &pointsman__v1__confirm_response__descriptor, session_options.timeout_ms, NULL, &code);
    if (answer != NULL)
        session->output->show(&session->sink, answer);
    message_free(answer);
    return code;
}

const struct command command_confirm = {
    .name = "confirm",
    .kind = COMMAND_HISTORY,
    .operands = "REV",
    .summary = "Keep a change that was made with --confirm-within",
    .details = "'status' shows what waits. Exit 4 when it was taken back already.",
    .example = "  routectl apply -f routes/ --confirm-within 60s\n"
               "  routectl confirm 41",
    .min_operands = 1,
    .max_operands = 1,
    .run = run_confirm,
};
