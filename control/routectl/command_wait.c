#include "control/routectl/command.h"
#include "control/routectl/say.h"
#include "control/routectl/waiting.h"

#include <errno.h>
#include <stdlib.h>

static bool parse_revision(const char *text, uint64_t *revision)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *revision = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

static enum exit_code run(struct session *session, const struct option_list *operands)
{
    uint64_t revision = 0;
    if (operands->count > 0 && !parse_revision(operands->items[0], &revision)) {
        say("wait: '%s' is not a revision", operands->items[0]);
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
    .operands = "[REVISION]",
    .summary = "Wait until every proxy has applied a revision, or the newest",
    .details =
        "Waits for the proxies that are connected or were lost within the last minute. Exit 6\n"
        "when one of them has not applied it in time.",
    .example = "  routectl wait\n"
               "  routectl wait 41 --timeout 30s",
    .max_operands = 1,
    .run = run,
};
