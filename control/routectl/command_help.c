#include "common/buffer.h"
#include "control/routectl/command.h"
#include "control/routectl/say.h"
#include "control/routectl/session.h"

#include <stdlib.h>

static enum exit_code run_help(struct session *session, const struct option_list *operands)
{
    if (operands->count == 0) {
        command_print_overview(session->sink.to);
        return EXIT_OK;
    }

    struct error err = {0};
    size_t used;
    char *words[2] = {0};
    for (size_t i = 0; i < operands->count; i++)
        words[i] = memory_duplicate_string(operands->items[i]);
    const struct command *command = command_find(words, operands->count, &used, &err);
    for (size_t i = 0; i < operands->count; i++)
        free(words[i]);
    if (command == NULL) {
        say("%s", err.message);
        return EXIT_USAGE;
    }
    command_print_help(command, session->sink.to);
    return EXIT_OK;
}

const struct command command_help = {
    .name = "help",
    .kind = COMMAND_HELP,
    .operands = "[VERB]",
    .summary = "Print this, or how to use a verb",
    .details = "",
    .example = "  routectl help add\n"
               "  routectl help backend add",
    .max_operands = 2,
    .run = run_help,
};

static enum exit_code run_version(struct session *session, const struct option_list *operands)
{
    (void)operands;
    fprintf(session->sink.to, "routectl %s\n", POINTSMAN_VERSION);
    return EXIT_OK;
}

const struct command command_version = {
    .name = "version",
    .kind = COMMAND_HELP,
    .operands = "",
    .summary = "Print routectl's version; 'status' shows the daemon's",
    .details = "",
    .example = "  routectl version",
    .run = run_version,
};
