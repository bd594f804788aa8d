#include "control/routectl/prune.h"

#include "control/routectl/object_list.h"
#include "control/routectl/say.h"

#include <string.h>

static bool prune;
static struct option_list selector;

const struct option prune_options[] = {
    {"prune", OPTION_FLAG, &prune, NULL,
     "Also remove what has the labels of --selector and is in none of the files."},
    {"selector", OPTION_LIST, &selector, "KEY=VALUE", "The labels for --prune; all of them."},
    {0},
};

static void add_removals(const struct object_list *list, struct draft *draft)
{
    for (size_t i = 0; i < list->routes.n_routes; i++) {
        const RouteMessage *route = list->routes.routes[i];
        if (draft_find(draft, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, route->name) != NULL)
            continue;
        MutationMessage *mutation = draft_add_mutation(draft);
        mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_DELETE_ROUTE;
        mutation->delete_route = arena_string(&draft->arena, route->name, strlen(route->name));
        draft_require_revision(draft, mutation, route->revision);
    }
    for (size_t i = 0; i < list->backends.n_backends; i++) {
        const BackendMessage *backend = list->backends.backends[i];
        if (draft_find(draft, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND, backend->name) !=
            NULL)
            continue;
        MutationMessage *mutation = draft_add_mutation(draft);
        mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_DELETE_BACKEND;
        mutation->delete_backend =
            arena_string(&draft->arena, backend->name, strlen(backend->name));
        draft_require_revision(draft, mutation, backend->revision);
    }
}

enum exit_code prune_add(struct session *session, const char *verb, struct draft *draft)
{
    struct object_list list;
    if (prune != (selector.count > 0)) {
        say(prune ? "%s: --prune needs --selector, so that nothing else is removed"
                  : "%s: --selector goes with --prune",
            verb);
        return EXIT_USAGE;
    }
    if (!prune)
        return EXIT_OK;

    enum exit_code code = object_list_init(&list, verb, &selector);
    if (code == EXIT_OK)
        code = object_list_read_all(&list, session);
    if (code == EXIT_OK)
        add_removals(&list, draft);
    object_list_clear(&list);
    return code;
}
