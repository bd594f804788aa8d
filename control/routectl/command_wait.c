#include "control/routectl/command.h"
#include "control/routectl/flag_values.h"
#include "control/routectl/say.h"
#include "control/routectl/waiting.h"

static uint64_t revision;

static const struct option options[] = {
    {"revision", OPTION_UNSIGNED, &revision, "REVISION", "The same as the operand."},
    {0},
};

static enum exit_code run(struct session *session, const struct option_list *operands)
{
    if (operands->count > 0 && revision != 0) {
        say("wait: either REVISION or --revision");
        return EXIT_USAGE;
    }
    struct error err = {0};
    if (operands->count > 0 && !flag_revision("wait", operands->items[0], &revision, &err)) {
        say("%s", err.message);
        return EXIT_USAGE;
    }

    Pointsman__V1__WaitAppliedResponse *applied;
    enum exit_code code = waiting_for(session, revision, &applied);
    if (applied != NULL)
        session->output->show(&session->sink, &applied->base);
    message_free((ProtobufCMessage *)applied);
    return code;
}

const struct command command_wait = {
    .name = "wait",
    .kind = COMMAND_STATE,
    .operands = "[REVISION]",
    .summary = "Wait until every proxy has applied a revision, or the newest",
    .details =
        "Waits for the proxies that are connected or were lost within the last minute. Exit 6\n"
        "when one of them has not applied it in time.",
    .example = "  routectl wait\n"
               "  routectl wait --revision 41 --timeout 5s",
    .max_operands = 1,
    .groups = {{"Options", options}},
    .run = run,
};
