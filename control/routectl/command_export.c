#include "control/routectl/command.h"
#include "control/routectl/documents.h"
#include "control/routectl/moment.h"
#include "control/routectl/object_list.h"
#include "control/routectl/say.h"

#include <stdlib.h>
#include <string.h>

static struct option_list selector;

static const struct option options[] = {
    {"selector", OPTION_LIST, &selector, "KEY=VALUE",
     "Only what has this label; with all of them."},
    {0},
};

static void print(const struct session *session, struct buffer *text)
{
    fwrite(text->at, 1, text->length, session->sink.to);
    buffer_reset(text);
}

/* A route, and what keeps it in its place where all of them are made by one commit. */
struct placed_route {
    const RouteMessage *route;
    uint32_t order;
};

static int compare_names(const void *a, const void *b)
{
    const struct placed_route *route_a = a, *route_b = b;
    return strcmp(route_a->route->name, route_b->route->name);
}

static int compare_ages(const void *a, const void *b)
{
    const RouteMessage *route_a = ((const struct placed_route *)a)->route;
    const RouteMessage *route_b = ((const struct placed_route *)b)->route;
    if (route_a->created_revision != route_b->created_revision)
        return route_a->created_revision < route_b->created_revision ? -1 : 1;
    if (route_a->created_order != route_b->created_order)
        return route_a->created_order < route_b->created_order ? -1 : 1;
    return compare_names(a, b);
}

/* Of routes equally old the name decides, so only where an older route has the later name its
 * juniors need a higher number. There are more than enough numbers for what one commit can hold. */
static void place_routes(struct placed_route *routes, size_t count)
{
    qsort(routes, count, sizeof(*routes), compare_ages);
    for (size_t i = 1; i < count; i++) {
        bool is_in_order = compare_names(&routes[i - 1], &routes[i]) < 0;
        bool is_last = routes[i - 1].order == UINT16_MAX;
        routes[i].order = routes[i - 1].order + (is_in_order || is_last ? 0 : 1);
    }
    qsort(routes, count, sizeof(*routes), compare_names);
}

static void print_routes(const struct session *session, const struct object_list *list,
                         struct buffer *text)
{
    size_t count = list->routes.n_routes;
    struct placed_route *routes = memory_allocate_zeroed(count, sizeof(*routes));
    for (size_t i = 0; i < count; i++)
        routes[i].route = list->routes.routes[i];
    place_routes(routes, count);
    for (size_t i = 0; i < count; i++) {
        documents_write_route_in_order(text, routes[i].route, routes[i].order);
        print(session, text);
    }
    free(routes);
}

static enum exit_code export_all(struct session *session)
{
    struct object_list list;
    struct buffer text = BUFFER_EMPTY;
    enum exit_code code = object_list_init(&list, "export", &selector);
    if (code == EXIT_OK)
        code = object_list_read_all(&list, session);
    if (code == EXIT_OK) {
        print_routes(session, &list, &text);
        for (size_t i = 0; i < list.backends.n_backends; i++) {
            documents_write_backend(&text, list.backends.backends[i]);
            print(session, &text);
        }
    }
    object_list_clear(&list);
    buffer_clear(&text);
    return code;
}

/* The route and the backend of a name; one of them may be missing. */
static enum exit_code append_named(struct session *session, const char *name,
                                   const struct flag_moment *at, struct buffer *text)
{
    enum exit_code code;
    size_t before = text->length;
    RouteMessage *route = object_find_route(session, name, at, &code);
    if (code != EXIT_OK)
        return code;
    if (route != NULL) {
        documents_write_route(text, route);
        message_free(&route->base);
    }

    BackendMessage *backend = object_find_backend(session, name, at, &code);
    if (backend != NULL) {
        documents_write_backend(text, backend);
        message_free(&backend->base);
    }
    if (code == EXIT_OK && text->length == before) {
        say("there is no route and no backend '%s'", name);
        return EXIT_NOT_FOUND;
    }
    return code;
}

static enum exit_code run(struct session *session, const struct option_list *operands)
{
    if (operands->count == 0)
        return export_all(session);
    if (selector.count > 0) {
        say("export: either names or --selector");
        return EXIT_USAGE;
    }

    struct buffer text = BUFFER_EMPTY;
    struct flag_moment at;
    enum exit_code code = moment_read("export", &at);
    for (size_t i = 0; i < operands->count && code == EXIT_OK; i++)
        code = append_named(session, operands->items[i], &at, &text);
    if (code == EXIT_OK)
        print(session, &text);
    buffer_clear(&text);
    return code;
}

const struct command command_export = {
    .name = "export",
    .kind = COMMAND_FILES,
    .operands = "[NAME]...",
    .summary = "Print routes and backends as documents for 'apply'",
    .details = "Without a name, all there are. A name stands for the route and the backend that\n"
               "have it. 'apply' makes the same objects of the documents, here or elsewhere. An\n"
               "annotation keeps older routes in front of younger ones where names would not.",
    .example = "  routectl export > all.yaml\n"
               "  routectl export api users\n"
               "  routectl export --selector team=accounts\n"
               "  routectl export users --at 41 | routectl apply -f -\n"
               "      As they were at that revision.",
    .max_operands = SIZE_MAX,
    .groups = {{"Options", options}, {"When", moment_options}},
    .run = run,
};
