#include "control/routectl/change.h"
#include "control/routectl/command.h"
#include "control/routectl/document_files.h"
#include "control/routectl/say.h"

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

static void add_named(struct draft *draft, const char *name)
{
    MutationMessage *mutation = draft_add_mutation(draft);
    mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_DELETE_ROUTE;
    mutation->delete_route = arena_string(&draft->arena, name, strlen(name));
    mutation->delete_unused_backend = !keep_backend;
    mutation->ignore_missing = ignore_missing;
}

/* Puts, as they were read, become removals of just the objects that the files name. */
static void turn_into_removals(struct draft *draft)
{
    for (size_t i = 0; i < draft->request.n_mutations; i++) {
        MutationMessage *mutation = draft->request.mutations[i];
        struct draft_object object = draft_object(mutation);
        draft_set_removal(mutation, object.kind,
                          arena_printf(&draft->arena, "%s%s", object.id_start, object.name));
        mutation->ignore_missing = ignore_missing;
    }
}

static enum exit_code fill_draft(const struct option_list *operands, struct draft *draft)
{
    if ((operands->count > 0) == (document_files.count > 0)) {
        say("remove: needs either names or -f FILE");
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < operands->count; i++)
        add_named(draft, operands->items[i]);
    if (operands->count > 0)
        return EXIT_OK;

    enum exit_code code = document_files_read("remove", DOCUMENT_NAME, draft);
    if (code == EXIT_OK)
        turn_into_removals(draft);
    return code;
}

static enum exit_code run(struct session *session, const struct option_list *operands)
{
    struct draft draft;
    draft_init(&draft);
    enum exit_code code = fill_draft(operands, &draft);
    if (code == EXIT_OK)
        code = change_commit(session, &draft);
    draft_clear(&draft);
    return code;
}

static const char details[] =
    "All of them in one commit, or none. The backend of a route's own name goes with it\n"
    "when nothing else names it. With -f, the routes and backends that the files name, and\n"
    "no others; of a file only kinds and names count. GRPCRoute/NAME is the GRPCRoute of a name.";

const struct command command_remove = {
    .name = "remove",
    .kind = COMMAND_ROUTES,
    .operands = "[NAME]...",
    .summary = "Remove routes, and backends that were made with them",
    .details = details,
    .example = "  routectl remove api\n"
               "  routectl remove api users --no-wait\n"
               "  routectl remove -f routes.yaml",
    .max_operands = SIZE_MAX,
    .groups = {{"Documents", document_file_options},
               {"Options", options},
               {"More than one commit can hold", change_parts_options},
               {"Its place in the history", change_options}},
    .run = run,
};

/* As kubectl calls it. */
const struct command command_delete = {
    .name = "delete",
    .kind = COMMAND_ROUTES,
    .operands = "[NAME]...",
    .summary = "The same as remove",
    .details = details,
    .example = "  routectl delete -f routes.yaml",
    .max_operands = SIZE_MAX,
    .groups = {{"Documents", document_file_options},
               {"Options", options},
               {"More than one commit can hold", change_parts_options},
               {"Its place in the history", change_options}},
    .run = run,
};
