#include "control/routectl/command.h"
#include "control/routectl/commit_range.h"
#include "control/routectl/flag_values.h"
#include "control/routectl/say.h"
#include "proto/message.h"

/* The commit, with its changes in full, which the difference to the revision before has. */
static enum exit_code show(struct session *session, uint64_t revision)
{
    Pointsman__V1__GetCommitRequest request = POINTSMAN__V1__GET_COMMIT_REQUEST__INIT;
    struct commit_range range;
    enum exit_code code = EXIT_OK;
    request.revision = revision;
    Pointsman__V1__Commit *commit = (Pointsman__V1__Commit *)session_call(
        session, "/pointsman.v1.RouteControl/GetCommit", &request.base,
        &pointsman__v1__commit__descriptor, session_options.timeout_ms, NULL, &code);
    if (commit == NULL)
        return code;

    commit_range_init(&range);
    code = commit_range_read(&range, session, revision - 1, revision);
    if (code == EXIT_OK) {
        Pointsman__V1__Commit whole = *commit;
        whole.changes = range.diff.changes;
        whole.n_changes = range.diff.n_changes;
        session->output->show(&session->sink, &whole.base);
    }
    commit_range_clear(&range);
    message_free(&commit->base);
    return code;
}

static enum exit_code run(struct session *session, const struct option_list *operands)
{
    struct error err = {0};
    uint64_t revision;
    if (!flag_revision("show", operands->items[0], &revision, &err)) {
        say("%s", err.message);
        return EXIT_USAGE;
    }
    return show(session, revision);
}

const struct command command_show = {
    .name = "show",
    .kind = COMMAND_HISTORY,
    .operands = "REV",
    .summary = "Show a commit and what it changed",
    .details = "",
    .example = "  routectl show 41\n"
               "  routectl show 41 -o json | jq '.changes[].name'",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
