#include "control/routectl/prune.h"

#include "control/routectl/flag_values.h"
#include "control/routectl/say.h"

static bool prune;
static struct option_list selector;

const struct option prune_options[] = {
    {"prune", OPTION_FLAG, &prune, NULL,
     "Also remove what has the labels of --selector and is in none of the files."},
    {"selector", OPTION_LIST, &selector, "KEY=VALUE", "The labels for --prune; all of them."},
    {0},
};

enum exit_code prune_add(const char *verb, struct draft *draft)
{
    struct error err = {0};
    if (prune != (selector.count > 0)) {
        say(prune ? "%s: --prune needs --selector, so that nothing else is removed"
                  : "%s: --selector goes with --prune",
            verb);
        return EXIT_USAGE;
    }
    if (prune && !flag_labels("--selector", &selector, &draft->arena, &draft->request.replace_all,
                              &draft->request.n_replace_all, &err)) {
        say("%s: %s", verb, err.message);
        return EXIT_USAGE;
    }
    return EXIT_OK;
}
