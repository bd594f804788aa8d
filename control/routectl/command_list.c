#include "control/routectl/command.h"
#include "control/routectl/moment.h"
#include "control/routectl/object_list.h"

static struct option_list selector;

static const struct option options[] = {
    {"selector", OPTION_LIST, &selector, "KEY=VALUE",
     "Only those with this label; with all of them."},
    {0},
};

static enum exit_code run_list_routes(struct session *session, const struct option_list *operands)
{
    (void)operands;
    struct object_list list;
    enum exit_code code = object_list_init(&list, "list", &selector);
    if (code == EXIT_OK)
        code = object_list_read_routes(&list, session);
    if (code == EXIT_OK)
        session->output->show(&session->sink, &list.routes.base);
    object_list_clear(&list);
    return code;
}

const struct command command_list = {
    .name = "list",
    .kind = COMMAND_ROUTES,
    .operands = "",
    .summary = "List routes",
    .details =
        "NAME is what other verbs take: of a GRPCRoute, GRPCRoute/ and its name.\n"
        "MATCH shows the first rule: method, path, then headers and ?parameters. /users/* is a\n"
        "prefix, /users exactly this path, ~... a regular expression. -o wide shows more columns.",
    .example = "  routectl list\n"
               "  routectl list --selector team=accounts -o wide\n"
               "  routectl list --at 2h\n"
               "  routectl list -o json | jq -r '.routes[].name'",
    .groups = {{"Options", options}, {"When", moment_options}},
    .run = run_list_routes,
};

static enum exit_code run_list_backends(struct session *session, const struct option_list *operands)
{
    (void)operands;
    struct object_list list;
    enum exit_code code = object_list_init(&list, "backend list", &selector);
    if (code == EXIT_OK)
        code = object_list_read_backends(&list, session);
    if (code == EXIT_OK)
        session->output->show(&session->sink, &list.backends.base);
    object_list_clear(&list);
    return code;
}

const struct command command_backend_list = {
    .name = "backend list",
    .kind = COMMAND_BACKENDS,
    .operands = "",
    .summary = "List backends",
    .details = "-o wide shows more columns.",
    .example = "  routectl backend list\n"
               "  routectl backend list --selector team=accounts -o json",
    .groups = {{"Options", options}, {"When", moment_options}},
    .run = run_list_backends,
};
