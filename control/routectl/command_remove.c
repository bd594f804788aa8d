#include "control/routectl/change.h"
#include "control/routectl/command.h"

#include <stdint.h>
#include <string.h>

static bool keep_backend, ignore_missing;

static const struct option options[] = {
    {"keep-backend", OPTION_FLAG, &keep_backend, NULL,
     "Leave the backend of the same name where it is."},
    {"ignore-missing", OPTION_FLAG, &ignore_missing, NULL,
     "A route that is not there is no error."},
    {0},
};

static enum exit_code run(struct session *session, const struct option_list *operands)
{
    struct draft draft;
    draft_init(&draft);
    for (size_t i = 0; i < operands->count; i++) {
        MutationMessage *mutation = draft_add_mutation(&draft);
        mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_DELETE_ROUTE;
        mutation->delete_route =
            arena_string(&draft.arena, operands->items[i], strlen(operands->items[i]));
        mutation->delete_unused_backend = !keep_backend;
        mutation->ignore_missing = ignore_missing;
    }
    enum exit_code code = change_commit(session, &draft);
    draft_clear(&draft);
    return code;
}

const struct command command_remove = {
    .name = "remove",
    .operands = "NAME...",
    .summary = "Remove routes, and backends that were made with them",
    .details =
        "All of them in one commit, or none. The backend of a route's own name goes with it\n"
        "when nothing else names it.",
    .example = "  routectl remove api\n"
               "  routectl remove api users --no-wait",
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .groups = {{"Options", options}, {"Its place in the history", change_options}},
    .run = run,
};
