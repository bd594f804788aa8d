#include "control/routectl/change.h"
#include "control/routectl/command.h"
#include "control/routectl/document_files.h"
#include "control/routectl/prune.h"

static enum exit_code run(struct session *session, const struct option_list *operands)
{
    (void)operands;
    struct draft draft;
    draft_init(&draft);
    enum exit_code code = document_files_read("apply", DOCUMENT_WHOLE, &draft);
    if (code == EXIT_OK)
        code = prune_add("apply", &draft);
    if (code == EXIT_OK)
        code = change_commit(session, &draft);
    draft_clear(&draft);
    return code;
}

const struct command command_apply = {
    .name = "apply",
    .kind = COMMAND_FILES,
    .operands = "-f FILE",
    .summary = "Make routes and backends as files say",
    .details =
        "Files are YAML or JSON, one or many documents: HTTPRoutes and GRPCRoutes as the Gateway\n"
        "API describes them, and Backends. A folder stands for all *.yaml, *.yml and *.json in\n"
        "and below it, but for names that begin with a dot. A backendRef to a Service means the\n"
        "Backend of that name. Routes of both kinds may have the same names: other verbs call the\n"
        "GRPCRoute of a name GRPCRoute/NAME.\n"
        "\n"
        "All of it is one commit, or nothing; what is wrong is told with file, line and column.\n"
        "What the files do not name stays, unless --prune and --selector say that of the\n"
        "objects with these labels only those in the files shall stay.\n"
        "\n"
        "One commit has room for 10,000 objects or 4 MiB. Of files with more, what differs from "
        "what\n"
        "is there must fit, or --in-parts makes several commits of it: each is all or nothing,\n"
        "backends come before the routes that name them, and removals last.\n"
        "\n"
        "The command returns when every proxy serves it.",
    .example = "  routectl apply -f routes.yaml\n"
               "  routectl apply -f routes/ --prune --selector team=accounts\n"
               "      The folder is all that the team has; the rest of theirs is removed.\n"
               "  routectl apply -f routes/ --confirm-within 60s\n"
               "      Taken back after a minute, unless 'routectl confirm REV' keeps it.\n"
               "  kubectl get httproutes -o yaml | routectl apply -f - --dry-run",
    .groups = {{"Documents", document_file_options},
               {"Removing what is left", prune_options},
               {"More than one commit can hold", change_parts_options},
               {"Its place in the history", change_options}},
    .run = run,
};
