#include "control/routectl/change.h"
#include "control/routectl/command.h"
#include "control/routectl/route_args.h"
#include "control/routectl/say.h"

static bool replace;

static const struct option options[] = {
    {"replace", OPTION_FLAG, &replace, NULL,
     "Put this in place of the route (and backend) of the name, if there is one."},
    {0},
};

static enum exit_code run(struct session *session, const struct option_list *operands)
{
    struct draft draft;
    struct error err = {0};
    enum exit_code code = EXIT_USAGE;
    draft_init(&draft);
    if (route_args_build(&route_args, operands->items[0], replace, &draft, &err))
        code = change_commit(session, &draft);
    else
        say("add: %s", err.message);
    draft_clear(&draft);

    if (code == EXIT_PRECONDITION && !replace && change_flags.if_revision == 0)
        say("--replace puts a new one in its place");
    return code;
}

const struct command command_add = {
    .name = "add",
    .kind = COMMAND_ROUTES,
    .operands = "NAME",
    .summary = "Add a route, and a backend of the endpoints that --to names",
    .details =
        "All conditions make one rule. Of several paths, or several methods, one must match; of "
        "the\n"
        "other conditions all must.\n"
        "\n"
        "--to describes endpoints of one backend, which is made beside the route in the same "
        "commit\n"
        "and gets its name; 'remove' takes it away again. To divide requests between services, "
        "make\n"
        "backends with 'backend add' and name them with --backend NAME@WEIGHT.\n"
        "\n"
        "A route of the name (or, with --to, a backend) that exists already is an error, exit 4,\n"
        "unless --replace is given. The command returns when every proxy serves the route.",
    .example =
        "  routectl add api --host shop.internal --path-prefix /api --to http://127.0.0.1:9000\n"
        "      Requests for /api of this host go there.\n"
        "  routectl add users --path-prefix /users --to http://10.0.0.7:8080 --to "
        "http://10.0.0.8:8080@2\n"
        "      Two endpoints; the second gets twice as much.\n"
        "  routectl add canary --path-prefix / --backend v1@90 --backend v2@10\n"
        "      A tenth of the requests goes to the backend v2.",
    .min_operands = 1,
    .max_operands = 1,
    .groups = {{"Which requests", route_match_options},
               {"Where they go", route_target_options},
               {"Where clients stay", route_session_options},
               {"What is changed on the way", route_filter_options},
               {"Limits and labels", route_limit_options},
               {"The change", options},
               {"Its place in the history", change_options}},
    .run = run,
};
