#include "control/routectl/backend_args.h"
#include "control/routectl/change.h"
#include "control/routectl/command.h"
#include "control/routectl/say.h"

#include <stdint.h>
#include <string.h>

/* --- backend add ---------------------------------------------------------------------------- */

static bool replace;

static const struct option add_options[] = {
    {"replace", OPTION_FLAG, &replace, NULL,
     "Put this in place of the backend of the name, if there is one."},
    {0},
};

static enum exit_code run_add(struct session *session, const struct option_list *operands)
{
    struct draft draft;
    struct error err = {0};
    enum exit_code code = EXIT_USAGE;
    draft_init(&draft);
    if (backend_args_build(&backend_args, operands->items[0], replace, &draft, &err))
        code = change_commit(session, &draft);
    else
        say("backend add: %s", err.message);
    draft_clear(&draft);

    if (code == EXIT_PRECONDITION && !replace && change_flags.if_revision == 0)
        say("--replace puts a new one in its place");
    return code;
}

const struct command command_backend_add = {
    .name = "backend add",
    .kind = COMMAND_BACKENDS,
    .operands = "NAME",
    .summary = "Add a backend: the endpoints of one service",
    .details =
        "Routes name it with 'add --backend NAME'. A backend of the name that exists already is\n"
        "an error, exit 4, unless --replace is given.",
    .example =
        "  routectl backend add users-v1 --to http://10.0.0.7:8080 --to http://10.0.0.8:8080\n"
        "  routectl backend add local --to unix:/run/local.sock --health-path /healthz",
    .min_operands = 1,
    .max_operands = 1,
    .groups = {{"Endpoints", backend_endpoint_options},
               {"Choosing among them", backend_balance_options},
               {"Their health", backend_health_options},
               {"The change", add_options},
               {"Its place in the history", change_options}},
    .run = run_add,
};

/* --- backend remove ------------------------------------------------------------------------- */

static bool force, ignore_missing;

static const struct option remove_options[] = {
    {"force", OPTION_FLAG, &force, NULL,
     "Also when routes name it; their share of requests is then answered with 500."},
    {"ignore-missing", OPTION_FLAG, &ignore_missing, NULL,
     "A backend that is not there is no error."},
    {0},
};

static enum exit_code run_remove(struct session *session, const struct option_list *operands)
{
    struct draft draft;
    draft_init(&draft);
    for (size_t i = 0; i < operands->count; i++) {
        MutationMessage *mutation = draft_add_mutation(&draft);
        mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_DELETE_BACKEND;
        mutation->delete_backend =
            arena_string(&draft.arena, operands->items[i], strlen(operands->items[i]));
        mutation->force = force;
        mutation->ignore_missing = ignore_missing;
    }
    enum exit_code code = change_commit(session, &draft);
    draft_clear(&draft);
    return code;
}

const struct command command_backend_remove = {
    .name = "backend remove",
    .kind = COMMAND_BACKENDS,
    .operands = "NAME...",
    .summary = "Remove backends",
    .details =
        "All of them in one commit, or none. One that a route names is kept, exit 4, unless\n"
        "--force is given.",
    .example = "  routectl backend remove users-v1",
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .groups = {{"Options", remove_options}, {"Its place in the history", change_options}},
    .run = run_remove,
};
